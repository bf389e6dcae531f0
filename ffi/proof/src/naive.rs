//! Readiness evaluated from scratch, slowly and literally: what the core is proved against.

use std::collections::VecDeque;

use tasker_core::{Answer, Handle, InstanceFault, ReadinessOutput};

use crate::shape::Shape;

const SUCCEEDED: u8 = 0;
const FAILED: u8 = 1;
const CANCELLED: u8 = 2;
const ALWAYS: u8 = 3;

/// How a step has ended, as its children see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    Failed,
    Cancelled,
    Neither,
}

/// Where a step stands; `Claimed` has ended, and its children have not seen it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Busy,
    Claimed,
    Ended(End),
}

/// What is to be concluded from a record.
#[derive(Debug)]
enum Conclusion {
    /// These steps, so far as they wait, are to be judged from all that ended.
    Look(Vec<u32>),
    /// The step has ended, and those that wait for it are to be judged.
    Show(u32, End),
}

/// One task. No masks, counters or edges to children: each question is put to all parents anew.
#[derive(Debug)]
pub struct NaiveTask {
    shape: Shape,
    handle: Handle,
    states: Vec<State>,
    paused: bool,
    cancelling: bool,
}

impl NaiveTask {
    pub fn open(shape: Shape, handle: Handle) -> NaiveTask {
        NaiveTask {
            states: vec![State::Waiting; shape.parents.len()],
            shape,
            handle,
            paused: false,
            cancelling: false,
        }
    }

    /// Takes in the records of a tick, each a number of `ReadinessInput` and a step.
    pub fn tick(&mut self, records: &[(u32, u32)]) -> Vec<Answer> {
        let mut faults = Vec::new();
        let mut conclusions = Vec::new();
        let mut resumed = false;
        for &(input, step) in records {
            match input {
                0 => conclusions.push(Conclusion::Look((0..self.step_count()).collect())),
                6 => self.paused = true,
                7 => (self.paused, resumed) = (false, true),
                8 => self.cancelling = true,
                1..=5 if step < self.step_count() => conclusions.extend(self.take_in(input, step)),
                1..=5 => faults.push(self.fault(InstanceFault::StepOutOfRange)),
                _ => faults.push(self.fault(InstanceFault::UnknownKind)),
            }
        }
        let mut answers = Vec::new();
        for conclusion in conclusions {
            self.draw(conclusion, &mut answers);
        }
        if resumed {
            answers.retain(|answer| answer.kind != ReadinessOutput::Ready);
            let ready = (0..self.step_count()).filter(|&step| self.state(step) == State::Ready);
            answers.extend(ready.map(|step| self.answer(ReadinessOutput::Ready, step, 0)));
        }
        answers
            .retain(|answer| answer.kind != ReadinessOutput::Ready || self.may_start(answer.step));
        faults.extend(answers);
        faults
    }

    /// Returns the steps that are ready, whether they may be answered or not.
    pub fn ready_steps(&self) -> Vec<u32> {
        (0..self.step_count())
            .filter(|&step| self.state(step) == State::Ready)
            .collect()
    }

    /// Sets what happened to a step; returns what is to be concluded from it.
    fn take_in(&mut self, input: u32, step: u32) -> Option<Conclusion> {
        let state = &mut self.states[step as usize];
        match (input, *state) {
            (_, State::Claimed | State::Ended(_)) => None,
            (4, _) => {
                *state = State::Busy;
                None
            }
            (5, State::Busy) => {
                *state = State::Waiting;
                Some(Conclusion::Look(vec![step]))
            }
            (5, _) => None,
            (input, _) => {
                *state = State::Claimed;
                let end = [End::Well, End::Failed, End::Cancelled][input as usize - 1];
                Some(Conclusion::Show(step, end))
            }
        }
    }

    /// Draws a conclusion, and then those that follow from it, in the order in which they came up.
    fn draw(&mut self, conclusion: Conclusion, answers: &mut Vec<Answer>) {
        let mut queue = VecDeque::from([conclusion]);
        while let Some(conclusion) = queue.pop_front() {
            let (shown, steps) = match conclusion {
                Conclusion::Look(steps) => (None, steps),
                Conclusion::Show(step, end) => {
                    self.states[step as usize] = State::Ended(end);
                    (Some(step), (0..self.step_count()).collect())
                }
            };
            for step in steps {
                let concerns = shown.is_none_or(|shown| self.parents(step).contains(&shown));
                if !concerns || self.state(step) != State::Waiting {
                    continue;
                }
                if self.holds(step) {
                    self.states[step as usize] = State::Ready;
                    answers.push(self.answer(ReadinessOutput::Ready, step, 0));
                } else if let Some(cause) = self.breaker(step, shown) {
                    let end = match self.state(cause) {
                        State::Ended(End::Failed) => End::Failed,
                        State::Ended(End::Cancelled) => End::Cancelled,
                        _ => End::Neither,
                    };
                    self.states[step as usize] = State::Claimed;
                    queue.push_back(Conclusion::Show(step, end));
                    answers.push(self.answer(ReadinessOutput::Unreached, step, cause));
                }
            }
        }
    }

    /// Whether the `when` of a step holds.
    fn holds(&self, step: u32) -> bool {
        let ends = self.ends(step);
        let settled = ends.len() == self.parents(step).len();
        settled
            && match self.shape.when[step as usize] {
                SUCCEEDED => ends.iter().all(|&(_, end)| end == End::Well),
                FAILED => ends.iter().any(|&(_, end)| end == End::Failed),
                CANCELLED => ends.iter().any(|&(_, end)| end == End::Cancelled),
                _ => true,
            }
    }

    /// Returns the parent that broke the `when` of a step; `shown` is the one that ended just now.
    fn breaker(&self, step: u32, shown: Option<u32>) -> Option<u32> {
        let ends = self.ends(step);
        let candidates = ends
            .iter()
            .filter(|&&(parent, _)| shown.is_none_or(|s| s == parent));
        if self.shape.when[step as usize] == SUCCEEDED {
            let unwell = candidates.filter(|&&(_, end)| end != End::Well);
            return unwell.map(|&(parent, _)| parent).min();
        }
        let settled = ends.len() == self.parents(step).len();
        let last = candidates.map(|&(parent, _)| parent).max();
        last.filter(|_| settled)
    }

    /// Returns the parents of a step that have ended, and how.
    fn ends(&self, step: u32) -> Vec<(u32, End)> {
        let end_of = |&parent: &u32| match self.state(parent) {
            State::Ended(end) => Some((parent, end)),
            _ => None,
        };
        self.parents(step).iter().filter_map(end_of).collect()
    }

    fn may_start(&self, step: u32) -> bool {
        let outlives_cancel = matches!(self.shape.when[step as usize], CANCELLED | ALWAYS);
        !self.paused && (!self.cancelling || outlives_cancel)
    }

    fn step_count(&self) -> u32 {
        self.shape.step_count()
    }

    fn state(&self, step: u32) -> State {
        self.states[step as usize]
    }

    fn parents(&self, step: u32) -> &[u32] {
        &self.shape.parents[step as usize]
    }

    fn answer(&self, kind: ReadinessOutput, step: u32, cause: u32) -> Answer {
        Answer {
            handle: self.handle,
            kind,
            step,
            cause,
        }
    }

    fn fault(&self, fault: InstanceFault) -> Answer {
        self.answer(ReadinessOutput::Fault, fault as u32, 0)
    }
}
