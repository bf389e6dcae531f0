//! Where a step stands, in three bits: eight phases, and one bit plane for each bit.
//!
//! | bits | phase     |                                                                    |
//! |------|-----------|--------------------------------------------------------------------|
//! | 000  | waiting   | its parents have not decided yet                                   |
//! | 001  | ready     | it may start                                                       |
//! | 010  | busy      | an attempt runs, or its retry is not due                           |
//! | 011  | ending    | it has ended in this tick, and its children have not seen it yet   |
//! | 100  | well      | ended well                                                         |
//! | 101  | failed    | ended; or unreached through a failure                              |
//! | 110  | cancelled | ended; or unreached through a cancel                               |
//! | 111  | neither   | unreached through neither                                          |

#![forbid(unsafe_code)]

/// The three bits of a word of 64 steps, the lowest first.
pub type Planes = [u64; 3];

/// How a step has ended, as its children see it: the two lower bits of its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    Well = 0b00,
    Failed = 0b01,
    Cancelled = 0b10,
    Neither = 0b11,
}

pub fn waiting(planes: &Planes) -> u64 {
    !(planes[0] | planes[1] | planes[2])
}

pub fn ready(planes: &Planes) -> u64 {
    planes[0] & !planes[1] & !planes[2]
}

pub fn ended(planes: &Planes) -> u64 {
    planes[2]
}

pub fn ended_well(planes: &Planes) -> u64 {
    planes[2] & !(planes[1] | planes[0])
}

pub fn ended_unwell(planes: &Planes) -> u64 {
    planes[2] & (planes[1] | planes[0])
}

pub fn failed(planes: &Planes) -> u64 {
    planes[2] & !planes[1] & planes[0]
}

pub fn cancelled(planes: &Planes) -> u64 {
    planes[2] & planes[1] & !planes[0]
}

/// Moves a waiting step to ready.
#[inline]
pub fn make_ready(planes: &mut Planes, mask: u64) {
    planes[0] |= mask;
}

/// Moves a waiting or ready step to busy; returns whether it was one.
#[inline]
pub fn start(planes: &mut Planes, mask: u64) -> bool {
    let may_start = (planes[1] | planes[2]) & mask == 0;
    if may_start {
        planes[0] &= !mask;
        planes[1] |= mask;
    }
    may_start
}

/// Moves a busy step to waiting; returns whether it was one.
#[inline]
pub fn wait_again(planes: &mut Planes, mask: u64) -> bool {
    let is_busy = planes[1] & !(planes[0] | planes[2]) & mask != 0;
    if is_busy {
        planes[1] &= !mask;
    }
    is_busy
}

/// Moves a step to ending; returns whether it had not ended yet.
#[inline]
pub fn begin_end(planes: &mut Planes, mask: u64) -> bool {
    let is_open = (planes[2] | planes[1] & planes[0]) & mask == 0;
    if is_open {
        planes[0] |= mask;
        planes[1] |= mask;
    }
    is_open
}

/// Moves an ending step to its end.
#[inline]
pub fn finish_end(planes: &mut Planes, mask: u64, end: End) {
    let bits = end as u8;
    if bits & 0b01 == 0 {
        planes[0] &= !mask;
    }
    if bits & 0b10 == 0 {
        planes[1] &= !mask;
    }
    planes[2] |= mask;
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [End; 4] = [End::Well, End::Failed, End::Cancelled, End::Neither];

    /// Steps 0 to 7 in the phases of these numbers.
    const EACH: Planes = [0b1010_1010, 0b1100_1100, 0b1111_0000];

    #[test]
    fn each_set_holds_exactly_its_phases() {
        assert_eq!(waiting(&EACH) & 0xff, 0b0000_0001);
        assert_eq!(ready(&EACH), 0b0000_0010);
        assert_eq!(ended(&EACH), 0b1111_0000);
        assert_eq!(ended_well(&EACH), 0b0001_0000);
        assert_eq!(ended_unwell(&EACH), 0b1110_0000);
        assert_eq!(failed(&EACH), 0b0010_0000);
        assert_eq!(cancelled(&EACH), 0b0100_0000);
    }

    #[test]
    fn each_move_is_made_from_its_phases_only() {
        for step in 0..8 {
            let mask = 1 << step;
            let moved = |move_step: fn(&mut Planes, u64) -> bool| {
                let mut planes = EACH;
                let is_moved = move_step(&mut planes, mask);
                assert_eq!(is_moved, planes != EACH);
                is_moved.then(|| planes.map(|plane| plane >> step & 1))
            };

            assert_eq!(moved(start), (step < 2).then_some([0, 1, 0]));
            assert_eq!(moved(wait_again), (step == 2).then_some([0, 0, 0]));
            assert_eq!(moved(begin_end), (step < 3).then_some([1, 1, 0]));
        }
    }

    #[test]
    fn an_ending_step_can_end_in_each_way() {
        for (phase, end) in (4..).zip(ENDS) {
            let mut planes = EACH;

            finish_end(&mut planes, 0b1000, end);

            let number = (0..3).fold(0, |bits, plane| bits | (planes[plane] >> 3 & 1) << plane);
            assert_eq!(number, phase);
        }
    }
}
