//! What the ends of a step's parents mean for it.

#![forbid(unsafe_code)]

use crate::graph::{Template, When};
use crate::instance::Instance;
use crate::phase::{Phase, Planes, cancelled, ended, ended_unwell, ended_well, failed};

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

/// A task seen from one of its steps.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    pub template: &'a Template,
    pub instance: &'a Instance,
}

impl Judge<'_> {
    /// Judges a waiting step at the end of one of its parents.
    ///
    /// Cost: O(1) in small graphs, else O(parents).
    #[inline]
    pub fn at_end_of(self, parent: u32, end: Phase, step: u32) -> Verdict {
        match self.template.when(step) {
            When::Succeeded if end != Phase::Well => Verdict::Broken(parent),
            When::Succeeded if self.all(step, ended_well) => Verdict::Holds,
            When::Succeeded => Verdict::Waits,
            when => self.once_settled(when, step, parent),
        }
    }

    /// Judges a waiting step from scratch. Where time would name the cause, and is not known, it is
    /// the lowest parent for `succeeded` and the highest for the others.
    ///
    /// Cost: as `at_end_of`.
    #[inline]
    pub fn afresh(self, step: u32) -> Verdict {
        let parents = self.template.parents(step);
        let when = self.template.when(step);
        if when != When::Succeeded {
            let last = parents.iter().max().copied().unwrap_or_default();
            return self.once_settled(when, step, last);
        }
        if self.all(step, ended_well) {
            return Verdict::Holds;
        }
        let unwell = |&&parent: &&u32| self.instance.is_in(parent, ended_unwell);
        match parents.iter().filter(unwell).min() {
            Some(&cause) => Verdict::Broken(cause),
            None => Verdict::Waits,
        }
    }

    /// Judges a step whose `when` can only be decided by the last of its parents to end.
    fn once_settled(self, when: When, step: u32, last: u32) -> Verdict {
        if !self.all(step, ended) {
            return Verdict::Waits;
        }
        let holds = match when {
            When::Succeeded => self.all(step, ended_well),
            When::Failed => self.any(step, failed),
            When::Cancelled => self.any(step, cancelled),
            When::Always => true,
        };
        if holds {
            Verdict::Holds
        } else {
            Verdict::Broken(last)
        }
    }

    /// Whether all parents of a step are in a set of phases.
    #[inline]
    fn all(self, step: u32, set: impl Fn(&Planes) -> u64) -> bool {
        if self.template.is_small() {
            let mask = self.template.parent_mask(step);
            return set(self.instance.planes(0)) & mask == mask;
        }
        let parents = self.template.parents(step);
        parents
            .iter()
            .all(|&parent| self.instance.is_in(parent, &set))
    }

    /// Whether one of the parents of a step is in a set of phases.
    #[inline]
    fn any(self, step: u32, set: impl Fn(&Planes) -> u64) -> bool {
        let parents = self.template.parents(step);
        parents
            .iter()
            .any(|&parent| self.instance.is_in(parent, &set))
    }
}
