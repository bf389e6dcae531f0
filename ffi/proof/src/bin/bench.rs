//! Measures the readiness core; prints one figure a line, as JSON.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tasker_core::{Core, CoreError, Handle, ReadinessInput, Record};
use tasker_proof::random::Random;
use tasker_proof::shape::Shape;

/// Records of one tick, and rounds of which the fastest counts.
const TICK_RECORDS: usize = 1_000;
const ROUNDS: usize = 15;

/// Tasks whose memory is counted.
const TASKS: usize = 10_000;

static REQUESTED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Counts the bytes that are requested and not given back.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: all is passed on to the system's allocator; only a number is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTED_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        REQUESTED_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn main() -> Result<(), CoreError> {
    print(
        "completion_rust_ns",
        completion_ns(&Shape::layered(10, 3, 2))?,
        "ns",
    );
    print(
        "completion_100_steps_ns",
        completion_ns(&Shape::layered(100, 10, 3))?,
        "ns",
    );
    print(
        "fan_in_1000_ns",
        whole_ns(&Shape::diamond(1_000))? / 1e3,
        "ns",
    );
    print(
        "fan_in_64k_ns",
        whole_ns(&Shape::diamond(64_000))? / 64e3,
        "ns",
    );
    print("chain_1000_ns", whole_ns(&Shape::chain(1_000))? / 1e3, "ns");
    print(
        "scan_1000_us",
        scan_ns(&Shape::layered(1_000, 32, 3))? / 1e3,
        "us",
    );
    print(
        "dag_100k_ms",
        whole_ns(&Shape::layered(100_000, 1_000, 3))? / 1e6,
        "ms",
    );
    print(
        "task_10_steps_bytes",
        task_bytes(&Shape::layered(10, 3, 2))?,
        "B",
    );
    print(
        "task_100_steps_bytes",
        task_bytes(&Shape::layered(100, 10, 3))?,
        "B",
    );
    Ok(())
}

fn print(metric: &str, value: f64, unit: &str) {
    println!(r#"{{"bench":"readiness","metric":"{metric}","value":{value:.3},"unit":"{unit}"}}"#);
}

/// Returns the fastest of some rounds.
fn fastest(mut round: impl FnMut() -> Result<f64, CoreError>) -> Result<f64, CoreError> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        best = best.min(round()?);
    }
    Ok(best)
}

fn record(handle: Handle, input: ReadinessInput, step: u32) -> Record {
    Record {
        handle,
        input: input as u32,
        step,
    }
}

/// Takes a tick and all of its answers; returns how many there were.
fn tick(core: &mut Core, records: &[Record]) -> usize {
    core.tick(records.iter().copied());
    black_box(core.take_answers(usize::MAX)).len()
}

/// Measures a completion where each tick holds one step of each of 1,000 tasks.
fn completion_ns(shape: &Shape) -> Result<f64, CoreError> {
    let mut core = Core::default();
    let template = shape.intern(&mut core, b"completion")?;
    fastest(|| {
        let mut tasks = Vec::new();
        for _ in 0..TICK_RECORDS {
            tasks.push(core.open(template)?);
        }
        let opened: Vec<Record> = tasks
            .iter()
            .map(|&t| record(t, ReadinessInput::Opened, 0))
            .collect();
        tick(&mut core, &opened);
        let input = |step| {
            tasks
                .iter()
                .map(move |&t| record(t, ReadinessInput::Succeeded, step))
                .collect()
        };
        let ticks: Vec<Vec<Record>> = (0..shape.step_count()).map(input).collect();
        let began = Instant::now();
        for records in &ticks {
            tick(&mut core, records);
        }
        let ns = began.elapsed().as_nanos() as f64;
        tasks.into_iter().for_each(|task| core.close(task));
        Ok(ns / (TICK_RECORDS * ticks.len()) as f64)
    })
}

/// Measures all completions of one task, in ticks of at most 1,000.
fn whole_ns(shape: &Shape) -> Result<f64, CoreError> {
    let mut core = Core::default();
    let template = shape.intern(&mut core, b"whole")?;
    fastest(|| {
        let task = core.open(template)?;
        tick(&mut core, &[record(task, ReadinessInput::Opened, 0)]);
        let steps = 0..shape.step_count();
        let records: Vec<Record> = steps
            .map(|s| record(task, ReadinessInput::Succeeded, s))
            .collect();
        let began = Instant::now();
        let answered: usize = records
            .chunks(TICK_RECORDS)
            .map(|some| tick(&mut core, some))
            .sum();
        let ns = began.elapsed().as_nanos() as f64;
        black_box(answered);
        core.close(task);
        Ok(ns)
    })
}

/// Measures one look at all steps of a task of which a random half has ended; each one that is ready
/// was answered before.
fn scan_ns(shape: &Shape) -> Result<f64, CoreError> {
    let mut core = Core::default();
    let template = shape.intern(&mut core, b"scan")?;
    let mut random = Random::new(2);
    fastest(|| {
        let task = core.open(template)?;
        let half = (0..shape.step_count()).filter(|_| random.below(2) == 0);
        let records: Vec<Record> = half
            .map(|s| record(task, ReadinessInput::Succeeded, s))
            .collect();
        tick(&mut core, &records);
        let began = Instant::now();
        tick(&mut core, &[record(task, ReadinessInput::Opened, 0)]);
        let ns = began.elapsed().as_nanos() as f64;
        core.close(task);
        Ok(ns)
    })
}

/// Counts the bytes requested for each of 10,000 open tasks, whatever they are requested for.
fn task_bytes(shape: &Shape) -> Result<f64, CoreError> {
    let mut core = Core::default();
    let template = shape.intern(&mut core, b"bytes")?;
    let before = REQUESTED_BYTES.load(Ordering::Relaxed);
    for _ in 0..TASKS {
        core.open(template)?;
    }
    let after = REQUESTED_BYTES.load(Ordering::Relaxed);
    Ok((after - before) as f64 / TASKS as f64)
}
