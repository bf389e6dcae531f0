//! The border: what Deno may call, and nothing else.
//!
//! Only numbers, `&[u8]` and `&mut [u8]` cross. A slice comes as a pointer and a length of 32 bits; the
//! caller sends an empty one as a byte with length 0, for a null pointer would be no slice. Words are
//! little-endian. Every body runs inside `guard`; a negative result is a `CoreError`.

mod fault;
mod graph;
mod instance;
mod inventory;
mod phase;
mod readiness;
mod rows;
mod slab;
mod templates;
mod tick;
mod verdict;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deno_bindgen::deno_bindgen;

pub use fault::{CoreError, InstanceFault};
pub use graph::{PackedGraph, STEPS_MAX, Template, When};
pub use instance::Handle;
pub use readiness::Core;
pub use tick::{Answer, ReadinessInput, ReadinessOutput, Record};

/// Rises with every change of a function, a number or a layout that crosses the border.
pub const ABI_VERSION: u32 = 1;

/// Bytes of a record: index, generation, input, step; four words.
pub const RECORD_BYTES: usize = 16;

/// Bytes of an answer: index, generation, kind, step, cause; five words.
pub const ANSWER_BYTES: usize = 20;

/// All cores of the process, by number. A call takes its core out and puts it back, so the lock is
/// never held while a core works, and one that panicked is never used again. A number is given out
/// once: who closes a core twice does not close another's.
static CORES: Mutex<Vec<Option<Box<Core>>>> = Mutex::new(Vec::new());

/// Returns the version of this border.
#[deno_bindgen]
pub fn tasker_abi_version() -> u32 {
    ABI_VERSION
}

/// Writes the inventory of this border as JSON and returns its length in bytes.
#[deno_bindgen]
pub fn tasker_inventory(json: &mut [u8]) -> i32 {
    guard(|| {
        let text = inventory::inventory_json();
        let room = json.get_mut(..text.len()).ok_or(CoreError::BadLength)?;
        room.copy_from_slice(text.as_bytes());
        number_of(text.len())
    })
}

/// Opens a core and returns its number.
#[deno_bindgen]
pub fn tasker_core_open() -> i32 {
    guard(|| {
        let mut cores = lock_cores();
        let number = number_of(cores.len())?;
        cores.push(Some(Box::default()));
        Ok(number)
    })
}

/// Closes a core with all that it holds.
#[deno_bindgen]
pub fn tasker_core_close(core: u32) -> i32 {
    guard(|| {
        take_core(core)?;
        Ok(0)
    })
}

/// Interns a graph and returns its template. `parent_offsets` and `parents` hold words.
#[deno_bindgen]
pub fn tasker_intern(
    core: u32,
    hash: &[u8],
    when: &[u8],
    parent_offsets: &[u8],
    parents: &[u8],
) -> i32 {
    guard(|| {
        let parent_offsets = words_of(parent_offsets)?;
        let parents = words_of(parents)?;
        let graph = PackedGraph {
            when,
            parent_offsets: &parent_offsets,
            parents: &parents,
        };
        let number = with_core(core, |core| core.intern(hash, &graph))?;
        number_of(number as usize)
    })
}

/// Opens an instance and writes its handle: index and generation, two words.
#[deno_bindgen]
pub fn tasker_open(core: u32, template: u32, handle: &mut [u8]) -> i32 {
    guard(|| {
        let room = handle.first_chunk_mut().ok_or(CoreError::BadLength)?;
        let opened = with_core(core, |core| core.open(template))?;
        *room = opened.0.to_le_bytes();
        Ok(0)
    })
}

/// Moves an instance to a template with more steps.
#[deno_bindgen]
pub fn tasker_extend(core: u32, index: u32, generation: u32, template: u32) -> i32 {
    guard(|| {
        let handle = Handle::new(index, generation);
        with_core(core, |core| core.extend(handle, template))?;
        Ok(0)
    })
}

/// Closes an instance.
#[deno_bindgen]
pub fn tasker_close(core: u32, index: u32, generation: u32) -> i32 {
    guard(|| {
        let handle = Handle::new(index, generation);
        with_core(core, |core| {
            core.close(handle);
            Ok(0)
        })
    })
}

/// Takes in records and writes answers; returns how many. When the room is used up there may be more:
/// call again, with no records, until it is not.
#[deno_bindgen]
pub fn tasker_tick(core: u32, records: &[u8], answers: &mut [u8]) -> i32 {
    guard(|| {
        let (records, rest) = records.as_chunks::<RECORD_BYTES>();
        let (room, _) = answers.as_chunks_mut::<ANSWER_BYTES>();
        if !rest.is_empty() || room.is_empty() {
            return Err(CoreError::BadLength);
        }
        with_core(core, |core| {
            core.tick(records.iter().map(record_of));
            let taken = core.take_answers(room.len());
            for (place, answer) in room.iter_mut().zip(taken) {
                write_answer(answer, place);
            }
            number_of(taken.len())
        })
    })
}

/// Returns the bytes that all open instances take.
#[deno_bindgen]
pub fn tasker_bytes_used(core: u32) -> f64 {
    let mut bytes = 0;
    let code = guard(|| {
        bytes = with_core(core, |core| Ok(core.bytes_used()))?;
        Ok(0)
    });
    if code < 0 {
        f64::from(code)
    } else {
        bytes as f64
    }
}

/// Runs the body of a border function: a panic would end the process, so it becomes a code.
fn guard(body: impl FnOnce() -> Result<i32, CoreError>) -> i32 {
    // What a panic may have left half done is its core, and that is never put back.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(number)) => number,
        Ok(Err(error)) => error as i32,
        Err(_) => CoreError::Panicked as i32,
    }
}

/// Works on a core.
fn with_core<T>(
    number: u32,
    work: impl FnOnce(&mut Core) -> Result<T, CoreError>,
) -> Result<T, CoreError> {
    let mut core = take_core(number)?;
    let result = work(&mut core);
    lock_cores()[number as usize] = Some(core);
    result
}

fn take_core(number: u32) -> Result<Box<Core>, CoreError> {
    let mut cores = lock_cores();
    let place = cores.get_mut(number as usize).ok_or(CoreError::NoCore)?;
    place.take().ok_or(CoreError::NoCore)
}

fn lock_cores() -> MutexGuard<'static, Vec<Option<Box<Core>>>> {
    CORES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number_of(count: usize) -> Result<i32, CoreError> {
    i32::try_from(count).map_err(|_| CoreError::Full)
}

fn words_of(bytes: &[u8]) -> Result<Vec<u32>, CoreError> {
    let (words, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(CoreError::BadLength);
    }
    Ok(words.iter().copied().map(u32::from_le_bytes).collect())
}

#[inline]
fn record_of(bytes: &[u8; RECORD_BYTES]) -> Record {
    let word = u128::from_le_bytes(*bytes);
    Record {
        handle: Handle(word as u64),
        input: (word >> 64) as u32,
        step: (word >> 96) as u32,
    }
}

#[inline]
fn write_answer(answer: &Answer, place: &mut [u8; ANSWER_BYTES]) {
    place[..8].copy_from_slice(&answer.handle.0.to_le_bytes());
    place[8..12].copy_from_slice(&(answer.kind as u32).to_le_bytes());
    place[12..16].copy_from_slice(&answer.step.to_le_bytes());
    place[16..].copy_from_slice(&answer.cause.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guard_turns_a_panic_into_a_code() {
        assert_eq!(guard(|| panic!("on purpose")), CoreError::Panicked as i32);
    }

    #[test]
    fn a_core_that_panicked_is_not_used_again() {
        let core = open_core();

        let panicked = guard(|| with_core(core, |_| panic!("on purpose")));

        assert_eq!(panicked, CoreError::Panicked as i32);
        assert_eq!(tasker_bytes_used(core), f64::from(CoreError::NoCore as i32));
    }

    #[test]
    fn a_closed_core_is_refused() {
        let core = open_core();

        assert_eq!(tasker_core_close(core), 0);
        assert_eq!(tasker_core_close(core), CoreError::NoCore as i32);
    }

    /// `&[u32]` would pass the macro and receive a length in bytes.
    #[test]
    fn the_border_takes_no_slices_but_of_bytes() {
        let source = include_str!("lib.rs");
        let border = source.split("fn guard").next().unwrap_or_default();

        for (at, _) in border
            .match_indices("&[")
            .chain(border.match_indices("&mut ["))
        {
            let slice = &border[at..];
            assert!(slice.starts_with("&[u8]") || slice.starts_with("&mut [u8]"));
        }
    }

    fn open_core() -> u32 {
        u32::try_from(tasker_core_open()).unwrap()
    }
}
