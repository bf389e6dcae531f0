//! One tick: records in, answers out.
//!
//! A tick has three passes. The first takes in all records: what was told is set, and what follows
//! from it is only noted, so an end that was told always wins over one that is derived. The second
//! works the notes off, in order, each with all that it leaves unreached: an end is shown to the
//! children, and those that are decided are answered. A step decided there stays so until the tick
//! ends, so none is answered twice. The third answers the ready steps of resumed tasks.

#![forbid(unsafe_code)]

use crate::fault::InstanceFault;
use crate::graph::{Template, When};
use crate::instance::{Handle, Head, Instance};
use crate::phase::{Phase, cancelled, failed, phase_at, ready, set_phase_at, waiting};
use crate::slab::Slab;
use crate::steps::Steps;
use crate::templates::Templates;
use crate::verdict::{Judge, Verdict};

/// What happened to a step or a task. The numbers are the ABI: `Told` in src/core/readiness.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Told {
    Opened = 0,
    Succeeded = 1,
    Failed = 2,
    Cancelled = 3,
    Started = 4,
    Due = 5,
    Paused = 6,
    Resumed = 7,
    Cancelling = 8,
}

impl Told {
    #[inline]
    fn of(number: u32) -> Option<Told> {
        Some(match number {
            0 => Told::Opened,
            1 => Told::Succeeded,
            2 => Told::Failed,
            3 => Told::Cancelled,
            4 => Told::Started,
            5 => Told::Due,
            6 => Told::Paused,
            7 => Told::Resumed,
            8 => Told::Cancelling,
            _ => return None,
        })
    }
}

/// What readiness answers. The numbers are the ABI: `Answered` in src/core/readiness.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Answered {
    Ready = 0,
    Unreached = 1,
    Fault = 2,
}

/// What a task was told; `told` is a number of `Told`, if the sender is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub handle: Handle,
    pub told: u32,
    pub step: u32,
}

/// One answer. `step` holds an `InstanceFault` in a fault; `cause` is 0 but for `Unreached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub handle: Handle,
    pub kind: Answered,
    pub step: u32,
    pub cause: u32,
}

/// What follows from a record and is worked off in the second pass.
#[derive(Clone, Copy, Debug)]
enum Note {
    /// The step ended in this phase, which its children have yet to see.
    End { step: u32, phase: Phase },
    /// The step waits again and is to be judged from scratch.
    Look { step: u32 },
    /// All waiting steps are to be judged from scratch.
    LookAtAll,
}

/// The queues of ticks; empty between them, but for answers that no one has taken yet.
#[derive(Debug, Default)]
pub struct Tick {
    notes: Vec<(Handle, Note)>,
    /// Steps that the note at hand left unreached, and how they count for their children.
    unreached: Vec<(u32, Phase)>,
    resumed: Vec<Handle>,
    answers: Vec<Answer>,
    taken: usize,
}

/// The task that a note is about.
struct Task<'a, S> {
    handle: Handle,
    head: &'a Head,
    template: &'a Template,
    steps: &'a mut S,
}

impl<S: Steps> Task<'_, S> {
    #[inline]
    fn judge(&self, step: u32) -> Judge<'_, S> {
        Judge {
            step: self.template.step(step),
            template: self.template,
            steps: self.steps,
        }
    }
}

impl Tick {
    /// Takes in records, in order, and adds the answers to those that were not taken yet.
    ///
    /// Cost: O(records + edges of the steps that ended + answers).
    pub fn run(
        &mut self,
        records: impl Iterator<Item = Record>,
        slab: &mut Slab,
        templates: &Templates,
    ) {
        self.forget_taken();
        for record in records {
            if let Err(fault) = self.take_in(record, slab, templates) {
                self.answer(record.handle, Answered::Fault, fault as u32, 0);
            }
        }
        let notes = std::mem::take(&mut self.notes);
        for &(handle, note) in &notes {
            self.work_off(note, handle, slab.at_mut(handle.index), templates);
        }
        self.notes = notes;
        self.notes.clear();
        self.answer_resumed(slab, templates);
    }

    /// Takes the next answers, at most so many.
    pub fn take_answers(&mut self, answers_max: usize) -> &[Answer] {
        let from = self.taken;
        self.taken = self.answers.len().min(from + answers_max);
        &self.answers[from..self.taken]
    }

    fn forget_taken(&mut self) {
        if self.taken == self.answers.len() {
            self.answers.clear();
            self.taken = 0;
        }
    }

    /// Sets what a record tells and notes what follows from it.
    #[inline]
    fn take_in(
        &mut self,
        record: Record,
        slab: &mut Slab,
        templates: &Templates,
    ) -> Result<(), InstanceFault> {
        let Record { handle, step, .. } = record;
        let instance = slab.get_mut(handle).ok_or(InstanceFault::StaleInstance)?;
        let told = Told::of(record.told).ok_or(InstanceFault::UnknownKind)?;
        let phase = match told {
            Told::Opened => {
                self.notes.push((handle, Note::LookAtAll));
                return Ok(());
            }
            Told::Paused | Told::Resumed | Told::Cancelling => {
                self.steer(told, handle, instance.head_mut());
                return Ok(());
            }
            Told::Succeeded => Phase::Well,
            Told::Failed => Phase::Failed,
            Told::Cancelled => Phase::Cancelled,
            Told::Started => Phase::Busy,
            Told::Due => Phase::Waiting,
        };
        if step >= templates.of(instance.head().template).step_count() {
            return Err(InstanceFault::StepOutOfRange);
        }
        let planes = instance.planes_mut(step as usize / 64);
        let bit = step % 64;
        match (phase, phase_at(planes, bit)) {
            (Phase::Busy, Phase::Waiting | Phase::Ready) => set_phase_at(planes, bit, Phase::Busy),
            (Phase::Waiting, Phase::Busy) => {
                set_phase_at(planes, bit, Phase::Waiting);
                self.notes.push((handle, Note::Look { step }));
            }
            (Phase::Busy | Phase::Waiting, _) => {}
            (_, Phase::Waiting | Phase::Ready | Phase::Busy) => {
                set_phase_at(planes, bit, Phase::Ending);
                self.notes.push((handle, Note::End { step, phase }));
            }
            // A second end.
            _ => {}
        }
        Ok(())
    }

    /// Takes in what is told to the task as a whole.
    fn steer(&mut self, told: Told, handle: Handle, head: &mut Head) {
        match told {
            Told::Paused => head.paused = true,
            Told::Cancelling => head.cancelling = true,
            _ => {
                head.paused = false;
                if !std::mem::replace(&mut head.resumed, true) {
                    self.resumed.push(handle);
                }
            }
        }
    }

    #[inline]
    fn work_off(
        &mut self,
        note: Note,
        handle: Handle,
        instance: &mut Instance,
        templates: &Templates,
    ) {
        let template = templates.of(instance.head().template);
        match instance {
            Instance::Small { head, planes } => self.conclude(
                note,
                &mut Task {
                    handle,
                    head,
                    template,
                    steps: planes,
                },
            ),
            Instance::Large { head, steps } => self.conclude(
                note,
                &mut Task {
                    handle,
                    head,
                    template,
                    steps: &mut steps.open(template),
                },
            ),
        }
    }

    /// Does what a note says, and all that follows from it.
    #[inline]
    fn conclude<S: Steps>(&mut self, note: Note, task: &mut Task<S>) {
        match note {
            Note::End { step, phase } => self.show_end(step, phase, task),
            Note::Look { step } => {
                if task.steps.is_in(step, waiting) {
                    self.decide(step, task.judge(step).afresh(), task);
                }
            }
            Note::LookAtAll => self.look_at_all(task),
        }
        let mut next = 0;
        while let Some(&(step, phase)) = self.unreached.get(next) {
            self.show_end(step, phase, task);
            next += 1;
        }
        self.unreached.clear();
    }

    /// Ends a step and shows it to its children.
    #[inline]
    fn show_end<S: Steps>(&mut self, step: u32, end: Phase, task: &mut Task<S>) {
        let template = task.template;
        task.steps.set_phase(step, end);
        for &child in template.children(template.step(step)) {
            let judged = template.step(child);
            // A wide join is judged twice at most: else its ends would cost parents squared.
            let undecided = task.steps.count_down(judged);
            let spoils = end != Phase::Well && judged.when == When::Succeeded;
            if task.steps.is_in(child, waiting) && (spoils || !undecided) {
                self.decide(child, task.judge(child).at_end_of(step, end), task);
            }
        }
    }

    /// Judges all waiting steps from scratch.
    fn look_at_all<S: Steps>(&mut self, task: &mut Task<S>) {
        let step_count = task.template.step_count();
        for place in 0..task.template.plane_count() {
            let mut left = waiting(task.steps.planes(place));
            while left != 0 {
                let step = place as u32 * 64 + left.trailing_zeros();
                if step >= step_count {
                    break;
                }
                left &= left - 1;
                self.decide(step, task.judge(step).afresh(), task);
            }
        }
    }

    /// Moves a waiting step to where its verdict puts it.
    #[inline]
    fn decide<S: Steps>(&mut self, step: u32, verdict: Verdict, task: &mut Task<S>) {
        match verdict {
            Verdict::Waits => {}
            Verdict::Holds => {
                task.steps.set_phase(step, Phase::Ready);
                if !task.head.resumed && may_start(task.head, task.template.step(step).when) {
                    self.answer(task.handle, Answered::Ready, step, 0);
                }
            }
            Verdict::Broken(cause) => {
                let phase = if task.steps.is_in(cause, failed) {
                    Phase::Failed
                } else if task.steps.is_in(cause, cancelled) {
                    Phase::Cancelled
                } else {
                    Phase::Neither
                };
                task.steps.set_phase(step, Phase::Ending);
                self.unreached.push((step, phase));
                self.answer(task.handle, Answered::Unreached, step, cause);
            }
        }
    }

    /// Answers all ready steps of the tasks that were resumed.
    fn answer_resumed(&mut self, slab: &mut Slab, templates: &Templates) {
        for handle in std::mem::take(&mut self.resumed) {
            let instance = slab.at_mut(handle.index);
            instance.head_mut().resumed = false;
            let template = templates.of(instance.head().template);
            for place in 0..template.plane_count() {
                let mut left = ready(instance.planes(place));
                while left != 0 {
                    let step = place as u32 * 64 + left.trailing_zeros();
                    left &= left - 1;
                    if may_start(instance.head(), template.step(step).when) {
                        self.answer(handle, Answered::Ready, step, 0);
                    }
                }
            }
        }
    }

    #[inline]
    fn answer(&mut self, handle: Handle, kind: Answered, step: u32, cause: u32) {
        self.answers.push(Answer {
            handle,
            kind,
            step,
            cause,
        });
    }
}

/// Whether a ready step may be answered: not in a paused task, and in a cancelled one only when it
/// asks for that.
#[inline]
fn may_start(head: &Head, when: When) -> bool {
    !head.paused && (!head.cancelling || when.outlives_cancel())
}
