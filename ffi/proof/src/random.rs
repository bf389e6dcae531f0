//! Random numbers that are the same in every run.

/// A generator of numbers (splitmix64); the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Returns up to 4,000 bytes, a few of them 255: the fuzzer takes that one as a wish for trouble.
    pub fn script(&mut self) -> Vec<u8> {
        let length = self.below(4_000);
        (0..length)
            .map(|_| match self.below(12) {
                0 => 255,
                _ => self.below(256) as u8,
            })
            .collect()
    }

    /// Returns a number below a bound above 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        (self.next_u64() % u64::from(bound)) as u32
    }
}
