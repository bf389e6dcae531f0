//! The core answers, record for record, what a naive evaluation from scratch answers.

use proptest::prelude::*;
use tasker_core::{Answer, Core, Handle, ReadinessInput, ReadinessOutput, Record};
use tasker_proof::naive::NaiveTask;
use tasker_proof::random::Random;
use tasker_proof::shape::Shape;

/// Steps of a graph: one word of 64, and enough for joins of so many words that they are counted.
const STEPS_MAX: usize = 250;

/// Numbers of `ReadinessInput`, and one that is none.
const INPUT_MAX: u32 = 9;

type Ticks = Vec<Vec<(u32, u32)>>;

/// A random graph: each step waits for some of those before it, in an order of numbers of its own.
fn shapes(whens: &'static [u8]) -> impl Strategy<Value = Shape> {
    let order = prop_oneof![3 => 1..20_usize, 2 => 60..STEPS_MAX];
    (order, any::<u64>(), 0..4_u32).prop_map(move |(steps, seed, density)| {
        let mut random = Random::new(seed);
        let numbers = shuffled((0..steps as u32).collect(), &mut random);
        let mut shape = Shape {
            parents: vec![vec![]; steps],
            when: vec![0; steps],
        };
        for (place, &step) in numbers.iter().enumerate() {
            let wanted = random.below(1 + (density * density * 3).min(place as u32)) as usize;
            let parents = shuffled(numbers[..place].to_vec(), &mut random);
            shape.parents[step as usize] = parents[..wanted.min(place)].to_vec();
            if !shape.parents[step as usize].is_empty() {
                shape.when[step as usize] = whens[random.below(whens.len() as u32) as usize];
            }
        }
        shape
    })
}

fn shuffled<T>(mut list: Vec<T>, random: &mut Random) -> Vec<T> {
    for place in (1..list.len()).rev() {
        list.swap(place, random.below(place as u32 + 1) as usize);
    }
    list
}

fn ticks() -> impl Strategy<Value = Ticks> {
    let record = (0..=INPUT_MAX, 0..STEPS_MAX as u32 + 2);
    prop::collection::vec(prop::collection::vec(record, 0..40), 1..12)
}

fn open(core: &mut Core, shape: &Shape) -> Handle {
    let template = shape.intern(core, format!("{shape:?}").as_bytes()).unwrap();
    core.open(template).unwrap()
}

/// Takes one tick of one task; answers are taken in small pieces, of which none may be lost.
fn tick(core: &mut Core, handle: Handle, records: &[(u32, u32)]) -> Vec<Answer> {
    core.tick(records.iter().map(|&(input, step)| Record {
        handle,
        input,
        step,
    }));
    let mut answers = Vec::new();
    loop {
        let piece = core.take_answers(3);
        if piece.is_empty() {
            return answers;
        }
        answers.extend_from_slice(piece);
    }
}

/// A history as a task lives it: ready steps start and end, one after the other, until a bound.
fn live(shape: &Shape, seed: u64) -> (NaiveTask, Vec<(u32, u32)>) {
    let mut random = Random::new(seed);
    let handle = Handle::new(0, 1);
    let mut task = NaiveTask::open(shape.clone(), handle);
    let mut history = vec![(ReadinessInput::Opened as u32, 0)];
    task.tick(&history);
    for _ in 0..random.below(2 * shape.step_count() + 1) {
        let ready = task.ready_steps();
        if ready.is_empty() {
            break;
        }
        let step = ready[random.below(ready.len() as u32) as usize];
        let mut records = vec![(ReadinessInput::Started as u32, step)];
        if random.below(4) > 0 {
            records.push((1 + random.below(3), step));
        }
        task.tick(&records);
        history.extend(records);
    }
    (task, history)
}

fn ready_of(answers: &[Answer]) -> Vec<u32> {
    let ready = answers
        .iter()
        .filter(|answer| answer.kind == ReadinessOutput::Ready);
    let mut steps: Vec<u32> = ready.map(|answer| answer.step).collect();
    steps.sort_unstable();
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_core_answers_as_the_naive_task(shape in shapes(&[0, 0, 0, 1, 2, 3]), ticks in ticks()) {
        let mut core = Core::default();
        let handle = open(&mut core, &shape);
        let mut naive = NaiveTask::open(shape, handle);

        for records in ticks {
            prop_assert_eq!(tick(&mut core, handle, &records), naive.tick(&records));
        }
    }

    #[test]
    fn a_history_pushed_in_one_tick_leads_where_it_led(
        shape in shapes(&[0, 0, 0, 1, 2, 3]),
        seed in any::<u64>(),
    ) {
        let (lived, history) = live(&shape, seed);
        let mut core = Core::default();
        let handle = open(&mut core, &shape);

        let answers = tick(&mut core, handle, &history);

        prop_assert_eq!(ready_of(&answers), lived.ready_steps());
    }

    #[test]
    fn where_only_success_counts_a_history_may_be_pushed_in_any_order(
        shape in shapes(&[0, 0, 3]),
        seed in any::<u64>(),
    ) {
        let (lived, history) = live(&shape, seed);
        let mut core = Core::default();
        let handle = open(&mut core, &shape);

        let input = shuffled(history, &mut Random::new(seed));
        let answers = tick(&mut core, handle, &input);

        prop_assert_eq!(ready_of(&answers), lived.ready_steps());
    }

    #[test]
    fn a_task_extended_half_way_ends_as_one_that_had_all_steps(
        shape in shapes(&[0, 3]),
        first in 1..STEPS_MAX,
        seed in any::<u64>(),
    ) {
        let shape = in_order(&shape);
        let first = first.min(shape.parents.len());
        let beginning = Shape {
            parents: shape.parents[..first].to_vec(),
            when: shape.when[..first].to_vec(),
        };
        let (_, history) = live(&beginning, seed);
        let mut core = Core::default();
        let whole = open(&mut core, &shape);
        let grown = open(&mut core, &beginning);
        tick(&mut core, whole, &history);
        tick(&mut core, grown, &history);

        let template = shape.intern(&mut core, format!("{shape:?}").as_bytes()).unwrap();
        core.extend(grown, template).unwrap();
        tick(&mut core, grown, &[(ReadinessInput::Opened as u32, 0)]);

        let resumed = [(ReadinessInput::Resumed as u32, 0)];
        let ready = [whole, grown].map(|task| ready_of(&tick(&mut core, task, &resumed)));
        prop_assert_eq!(&ready[0], &ready[1]);
    }
}

/// Renumbers the steps so that parents come before their children.
fn in_order(shape: &Shape) -> Shape {
    let mut number_of = vec![u32::MAX; shape.parents.len()];
    let mut ordered = Shape::default();
    while ordered.parents.len() < shape.parents.len() {
        for step in 0..shape.parents.len() {
            let row: Vec<u32> = shape.parents[step]
                .iter()
                .map(|&p| number_of[p as usize])
                .collect();
            if number_of[step] == u32::MAX && !row.contains(&u32::MAX) {
                number_of[step] = ordered.parents.len() as u32;
                ordered.parents.push(row);
                ordered.when.push(shape.when[step]);
            }
        }
    }
    ordered
}
