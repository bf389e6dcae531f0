//! One tick: records in, answers out.
//!
//! A tick has three passes. The first takes in all records: what they bring is set, and what follows
//! from it is only noted, so an end that was brought always wins over one that is derived. The second
//! works the notes off, in order, each with all that it leaves unreached: an end is shown to the
//! children, and those that are decided are answered. A step decided there stays so until the tick
//! ends, so none is answered twice. The third answers the ready steps of resumed tasks.

#![forbid(unsafe_code)]

use crate::fault::InstanceFault;
use crate::graph::{Template, When};
use crate::instance::{Handle, Head, Instance, count_down};
use crate::phase::{
    End, Planes, begin_end, cancelled, failed, finish_end, make_ready, ready, start, wait_again,
    waiting,
};
use crate::slab::Slab;
use crate::templates::Templates;
use crate::verdict::{Judge, Verdict};

/// What happened to a step or a task. The numbers are the ABI: `ReadinessInput` in src/core/readiness.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ReadinessInput {
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

impl ReadinessInput {
    #[inline]
    fn of(number: u32) -> Option<ReadinessInput> {
        Some(match number {
            0 => ReadinessInput::Opened,
            1 => ReadinessInput::Succeeded,
            2 => ReadinessInput::Failed,
            3 => ReadinessInput::Cancelled,
            4 => ReadinessInput::Started,
            5 => ReadinessInput::Due,
            6 => ReadinessInput::Paused,
            7 => ReadinessInput::Resumed,
            8 => ReadinessInput::Cancelling,
            _ => return None,
        })
    }
}

/// What readiness answers. The numbers are the ABI: `ReadinessOutput` in src/core/readiness.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ReadinessOutput {
    Ready = 0,
    Unreached = 1,
    Fault = 2,
}

/// What happened to a task; `input` is a number of `ReadinessInput`, if the sender is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub handle: Handle,
    pub input: u32,
    pub step: u32,
}

/// One answer. `step` holds an `InstanceFault` in a fault; `cause` is 0 but for `Unreached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub handle: Handle,
    pub kind: ReadinessOutput,
    pub step: u32,
    pub cause: u32,
}

/// What follows from a record and is worked off in the second pass.
#[derive(Clone, Copy, Debug)]
enum Note {
    /// The step ended so, and its children have yet to see it.
    End { step: u32, end: End },
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
    unreached: Vec<(u32, End)>,
    resumed: Vec<Handle>,
    answers: Vec<Answer>,
    taken: usize,
}

/// The task that a note is about.
struct Task<'a> {
    handle: Handle,
    head: &'a Head,
    template: &'a Template,
    words: &'a mut [Planes],
}

impl Task<'_> {
    #[inline]
    fn judge(&self, step: u32) -> Judge<'_> {
        Judge {
            step: self.template.step(step),
            template: self.template,
            words: self.words,
        }
    }

    /// Returns the planes that a step is in, and its bit.
    #[inline]
    fn place_of(&mut self, step: u32) -> (&mut Planes, u64) {
        place_of(self.words, step)
    }

    /// Whether a step is in one of a set of phases.
    #[inline]
    fn is_in(&self, step: u32, set: impl Fn(&Planes) -> u64) -> bool {
        set(&self.words[step as usize / 64]) >> (step % 64) & 1 == 1
    }
}

/// Returns the planes that a step is in, and its bit.
#[inline]
fn place_of(words: &mut [Planes], step: u32) -> (&mut Planes, u64) {
    (&mut words[step as usize / 64], 1 << (step % 64))
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
                self.answer(record.handle, ReadinessOutput::Fault, fault as u32, 0);
            }
        }
        let notes = std::mem::take(&mut self.notes);
        for &(handle, note) in &notes {
            let (head, words) = slab.at_mut(handle.index()).words_mut();
            let template = templates.of(head.template);
            let mut task = Task {
                handle,
                head,
                template,
                words,
            };
            self.conclude(note, &mut task);
        }
        self.notes = notes;
        self.notes.clear();
        self.answer_resumed(slab, templates);
    }

    /// Takes the next answers, at most `answers_max`.
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

    /// Sets what a record says and notes what follows from it.
    #[inline]
    fn take_in(
        &mut self,
        record: Record,
        slab: &mut Slab,
        templates: &Templates,
    ) -> Result<(), InstanceFault> {
        let Record { handle, step, .. } = record;
        let instance = slab.get_mut(handle).ok_or(InstanceFault::StaleInstance)?;
        let input = ReadinessInput::of(record.input).ok_or(InstanceFault::UnknownKind)?;
        match input {
            ReadinessInput::Opened => self.notes.push((handle, Note::LookAtAll)),
            ReadinessInput::Paused | ReadinessInput::Resumed | ReadinessInput::Cancelling => {
                self.steer(input, handle, instance.head_mut());
            }
            _ if step >= templates.of(instance.head().template).step_count() => {
                return Err(InstanceFault::StepOutOfRange);
            }
            _ => self.take_in_step(input, handle, step, instance),
        }
        Ok(())
    }

    /// Takes in what happened to a step.
    #[inline]
    fn take_in_step(
        &mut self,
        input: ReadinessInput,
        handle: Handle,
        step: u32,
        instance: &mut Instance,
    ) {
        let (planes, mask) = place_of(instance.words_mut().1, step);
        let end = match input {
            ReadinessInput::Started => {
                start(planes, mask);
                return;
            }
            ReadinessInput::Due => {
                if wait_again(planes, mask) {
                    self.notes.push((handle, Note::Look { step }));
                }
                return;
            }
            ReadinessInput::Failed => End::Failed,
            ReadinessInput::Cancelled => End::Cancelled,
            _ => End::Well,
        };
        // A second end is a no-op.
        if begin_end(planes, mask) {
            self.notes.push((handle, Note::End { step, end }));
        }
    }

    /// Takes in what happened to the task as a whole.
    fn steer(&mut self, input: ReadinessInput, handle: Handle, head: &mut Head) {
        match input {
            ReadinessInput::Paused => head.paused = true,
            ReadinessInput::Cancelling => head.cancelling = true,
            _ => {
                head.paused = false;
                if !std::mem::replace(&mut head.resumed, true) {
                    self.resumed.push(handle);
                }
            }
        }
    }

    /// Does what a note says, and all that follows from it.
    #[inline]
    fn conclude(&mut self, note: Note, task: &mut Task) {
        match note {
            Note::End { step, end } => self.show_end(step, end, task),
            Note::Look { step } => self.look(step, task),
            Note::LookAtAll => self.look_at_all(task),
        }
        if !self.unreached.is_empty() {
            self.show_unreached(task);
        }
    }

    /// Shows the ends of steps that were left unreached, and of those that this leaves so.
    #[cold]
    fn show_unreached(&mut self, task: &mut Task) {
        let mut next = 0;
        while let Some(&(step, end)) = self.unreached.get(next) {
            self.show_end(step, end, task);
            next += 1;
        }
        self.unreached.clear();
    }

    /// Ends a step and shows it to its children.
    #[inline]
    fn show_end(&mut self, step: u32, end: End, task: &mut Task) {
        let template = task.template;
        let (planes, mask) = task.place_of(step);
        finish_end(planes, mask, end);
        for &child in template.children(template.step(step)) {
            let judged = template.step(child);
            // A wide join is judged twice at most: else its ends would cost parents squared.
            let undecided = judged
                .counter()
                .is_some_and(|counter| count_down(task.words, template, counter) > 0);
            let spoils = end != End::Well && judged.when == When::Succeeded;
            if task.is_in(child, waiting) && (spoils || !undecided) {
                self.decide(child, task.judge(child).at_end_of(step, end), task);
            }
        }
    }

    /// Judges a step from scratch, if it waits.
    fn look(&mut self, step: u32, task: &mut Task) {
        if task.is_in(step, waiting) {
            self.decide(step, task.judge(step).afresh(), task);
        }
    }

    /// Judges all waiting steps from scratch.
    fn look_at_all(&mut self, task: &mut Task) {
        let step_count = task.template.step_count();
        for place in 0..task.template.word_count() {
            let mut left = waiting(&task.words[place]);
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
    fn decide(&mut self, step: u32, verdict: Verdict, task: &mut Task) {
        match verdict {
            Verdict::Waits => {}
            Verdict::Holds => {
                let (planes, mask) = task.place_of(step);
                make_ready(planes, mask);
                if !task.head.resumed && may_start(task.head, task.template.step(step).when) {
                    self.answer(task.handle, ReadinessOutput::Ready, step, 0);
                }
            }
            Verdict::Broken(cause) => self.leave_unreached(step, cause, task),
        }
    }

    /// Ends a waiting step, which counts as its cause does unless that ended well.
    #[cold]
    fn leave_unreached(&mut self, step: u32, cause: u32, task: &mut Task) {
        let end = if task.is_in(cause, failed) {
            End::Failed
        } else if task.is_in(cause, cancelled) {
            End::Cancelled
        } else {
            End::Neither
        };
        let (planes, mask) = task.place_of(step);
        begin_end(planes, mask);
        self.unreached.push((step, end));
        self.answer(task.handle, ReadinessOutput::Unreached, step, cause);
    }

    /// Answers all ready steps of the tasks that were resumed.
    fn answer_resumed(&mut self, slab: &mut Slab, templates: &Templates) {
        for handle in std::mem::take(&mut self.resumed) {
            let instance = slab.at_mut(handle.index());
            instance.head_mut().resumed = false;
            let template = templates.of(instance.head().template);
            for place in 0..template.word_count() {
                let mut left = ready(&instance.words()[place]);
                while left != 0 {
                    let step = place as u32 * 64 + left.trailing_zeros();
                    left &= left - 1;
                    if may_start(instance.head(), template.step(step).when) {
                        self.answer(handle, ReadinessOutput::Ready, step, 0);
                    }
                }
            }
        }
    }

    #[inline]
    fn answer(&mut self, handle: Handle, kind: ReadinessOutput, step: u32, cause: u32) {
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
