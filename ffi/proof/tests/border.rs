//! Whatever bytes come in, the border neither panics nor writes beyond the room it was given.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use tasker_proof::fuzz::{Reached, drive_border};
use tasker_proof::random::Random;

const SCRIPTS: u64 = 500;

#[test]
fn the_border_keeps_its_word_whatever_it_is_sent() {
    for seed in 0..SCRIPTS {
        let driven = catch_unwind(|| drive_border(&Random::new(seed).script()));

        assert!(driven.is_ok(), "the border broke at seed {seed}");
    }
}

#[test]
fn the_scripts_reach_every_call_and_refusals() {
    let scripts = (0..SCRIPTS).map(|seed| Random::new(seed).script());

    let reached: BTreeSet<Reached> = scripts.flat_map(|script| drive_border(&script)).collect();

    assert_eq!(reached.len(), Reached::Refused as usize + 1, "{reached:?}");
}
