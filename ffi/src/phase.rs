//! Where a step stands, in three bits: eight phases, one bit plane for each bit.

#![forbid(unsafe_code)]

/// Where a step stands. Ended phases have the highest bit, so one plane says what has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Its parents have not decided yet.
    Waiting = 0,
    /// It may start.
    Ready = 1,
    /// An attempt runs, or its retry is not due.
    Busy = 2,
    /// It has ended in this tick, and its children have not seen it yet.
    Ending = 3,
    Well = 4,
    Failed = 5,
    Cancelled = 6,
    /// Unreached for another reason than a failure or a cancel.
    Neither = 7,
}

const PHASES: [Phase; 8] = [
    Phase::Waiting,
    Phase::Ready,
    Phase::Busy,
    Phase::Ending,
    Phase::Well,
    Phase::Failed,
    Phase::Cancelled,
    Phase::Neither,
];

/// The three bits of 64 steps.
pub type Planes = [u64; 3];

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
    planes[2] & !planes[1] & !planes[0]
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

/// Returns the phase of one of 64 steps.
#[inline]
pub fn phase_at(planes: &Planes, bit: u32) -> Phase {
    let number = (planes[0] >> bit & 1) | (planes[1] >> bit & 1) << 1 | (planes[2] >> bit & 1) << 2;
    PHASES[number as usize]
}

/// Moves one of 64 steps into a phase.
#[inline]
pub fn set_phase_at(planes: &mut Planes, bit: u32, phase: Phase) {
    for (place, plane) in planes.iter_mut().enumerate() {
        *plane = *plane & !(1 << bit) | u64::from(phase as u8 >> place & 1) << bit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_is_kept_apart_from_its_neighbours() {
        let mut planes = [0; 3];
        for bit in 0..64 {
            set_phase_at(&mut planes, bit, PHASES[bit as usize % 8]);
        }
        set_phase_at(&mut planes, 9, Phase::Neither);
        set_phase_at(&mut planes, 15, Phase::Waiting);

        for bit in (0..64).filter(|bit| ![9, 15].contains(bit)) {
            assert_eq!(phase_at(&planes, bit), PHASES[bit as usize % 8]);
        }
        assert_eq!(phase_at(&planes, 9), Phase::Neither);
        assert_eq!(phase_at(&planes, 15), Phase::Waiting);
    }

    #[test]
    fn each_set_holds_exactly_its_phases() {
        let mut planes = [0; 3];
        for (bit, phase) in PHASES.into_iter().enumerate() {
            set_phase_at(&mut planes, bit as u32, phase);
        }

        assert_eq!(waiting(&planes) & 0xff, 0b0000_0001);
        assert_eq!(ready(&planes), 0b0000_0010);
        assert_eq!(ended(&planes), 0b1111_0000);
        assert_eq!(ended_well(&planes), 0b0001_0000);
        assert_eq!(ended_unwell(&planes), 0b1110_0000);
        assert_eq!(failed(&planes), 0b0010_0000);
        assert_eq!(cancelled(&planes), 0b0100_0000);
    }
}
