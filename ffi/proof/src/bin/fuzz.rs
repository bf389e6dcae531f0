//! Fuzzes the border until it is stopped, or for a number of scripts: `fuzz [SCRIPTS] [SEED]`.

use std::error::Error;

use tasker_proof::fuzz::drive_border;
use tasker_proof::random::Random;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let scripts: u64 = arguments.next().map_or(Ok(u64::MAX), |text| text.parse())?;
    let first: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    for seed in (first..).take(usize::try_from(scripts)?) {
        if seed % 10_000 == 0 {
            println!("seed {seed}");
        }
        drive_border(&Random::new(seed).script());
    }
    Ok(())
}
