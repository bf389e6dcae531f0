//! What the ends of a step's parents mean for it.

#![forbid(unsafe_code)]

use crate::graph::{Step, Template, When};
use crate::phase::{End, Planes, cancelled, ended, ended_unwell, ended_well, failed};

/// What the ends of a step's parents mean for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its `when` holds: it may start.
    Holds,
    /// Parents that have not ended will decide.
    Waits,
    /// Its `when` can no longer hold; the parent is the cause.
    Broken(u32),
}

/// A waiting step, and what it can see of its task.
pub struct Judge<'a> {
    pub step: &'a Step,
    pub template: &'a Template,
    pub words: &'a [Planes],
}

impl Judge<'_> {
    /// Judges the step at the end of one of its parents.
    ///
    /// Cost: O(words that the parents lie in).
    #[inline]
    pub fn at_end_of(&self, parent: u32, end: End) -> Verdict {
        if self.step.when != When::Succeeded {
            return self.once_settled(parent);
        }
        if end != End::Well {
            Verdict::Broken(parent)
        } else if self.all(ended_well) {
            Verdict::Holds
        } else {
            Verdict::Waits
        }
    }

    /// Judges the step from scratch. Where time would name the cause, and is not known, it is the
    /// lowest parent for `succeeded` and the highest for the others.
    ///
    /// Cost: as `at_end_of`.
    #[inline]
    pub fn afresh(&self) -> Verdict {
        if self.step.when != When::Succeeded {
            return self.once_settled(self.highest_parent());
        }
        if self.all(ended_well) {
            return Verdict::Holds;
        }
        self.lowest_unwell().map_or(Verdict::Waits, Verdict::Broken)
    }

    /// Judges a step that only the last of its parents to end decides.
    fn once_settled(&self, last: u32) -> Verdict {
        if !self.all(ended) {
            return Verdict::Waits;
        }
        let holds = match self.step.when {
            When::Succeeded => self.all(ended_well),
            When::Failed => self.any(failed),
            When::Cancelled => self.any(cancelled),
            When::Always => true,
        };
        if holds {
            Verdict::Holds
        } else {
            Verdict::Broken(last)
        }
    }

    /// Whether all parents are in a set of phases.
    #[inline]
    fn all(&self, set: impl Fn(&Planes) -> u64) -> bool {
        let mut parents = self.template.parents(self.step);
        parents.all(|some| set(&self.words[some.word as usize]) & some.mask == some.mask)
    }

    /// Whether a parent is in a set of phases.
    fn any(&self, set: impl Fn(&Planes) -> u64) -> bool {
        let mut parents = self.template.parents(self.step);
        parents.any(|some| set(&self.words[some.word as usize]) & some.mask != 0)
    }

    fn highest_parent(&self) -> u32 {
        let last = self.template.parents(self.step).next_back();
        last.map_or(0, |some| {
            some.word * 64 + some.mask.checked_ilog2().unwrap_or(0)
        })
    }

    #[inline]
    fn lowest_unwell(&self) -> Option<u32> {
        self.template.parents(self.step).find_map(|some| {
            let unwell = ended_unwell(&self.words[some.word as usize]) & some.mask;
            (unwell != 0).then(|| some.word * 64 + unwell.trailing_zeros())
        })
    }
}
