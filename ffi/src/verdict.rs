//! What the ends of a step's parents mean for it.

#![forbid(unsafe_code)]

use crate::graph::{Step, Template, When};
use crate::phase::{Phase, Planes, cancelled, ended, ended_unwell, ended_well, failed};
use crate::steps::Steps;

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
pub struct Judge<'a, S> {
    pub step: &'a Step,
    pub template: &'a Template,
    pub steps: &'a S,
}

impl<S: Steps> Judge<'_, S> {
    /// Judges the step at the end of one of its parents.
    ///
    /// Cost: O(1) in small graphs, else O(parents).
    #[inline]
    pub fn at_end_of(&self, parent: u32, end: Phase) -> Verdict {
        if self.step.when != When::Succeeded {
            return self.once_settled(parent);
        }
        if end != Phase::Well {
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
    /// Cost: O(parents).
    #[inline]
    pub fn afresh(&self) -> Verdict {
        let parents = self.template.parents(self.step);
        if self.step.when != When::Succeeded {
            return self.once_settled(parents.iter().copied().max().unwrap_or_default());
        }
        if self.all(ended_well) {
            return Verdict::Holds;
        }
        let unwell = parents
            .iter()
            .filter(|&&parent| self.steps.is_in(parent, ended_unwell));
        unwell
            .min()
            .map_or(Verdict::Waits, |&cause| Verdict::Broken(cause))
    }

    /// Judges a step that only the last of its parents to end decides.
    #[inline]
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

    #[inline]
    fn all(&self, set: impl Fn(&Planes) -> u64) -> bool {
        self.steps.all_parents(self.step, self.template, set)
    }

    fn any(&self, set: impl Fn(&Planes) -> u64) -> bool {
        let mut parents = self.template.parents(self.step).iter();
        parents.any(|&parent| self.steps.is_in(parent, &set))
    }
}
