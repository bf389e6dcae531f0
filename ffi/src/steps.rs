//! The phases of a task's steps: in one word a bit, or in many.

#![forbid(unsafe_code)]

use crate::graph::{Step, Template};
use crate::phase::{Phase, Planes, ended, set_phase_at};

/// The phases of a task's steps. Step `s` is bit `s % 64` of planes `s / 64`.
pub trait Steps {
    fn planes(&self, place: usize) -> &Planes;

    fn planes_mut(&mut self, place: usize) -> &mut Planes;

    /// Whether all parents of a step are in a set of phases.
    ///
    /// Cost: O(1) in small graphs; else O(parents), but at the first that is not it stops.
    fn all_parents(&self, step: &Step, template: &Template, set: impl Fn(&Planes) -> u64) -> bool;

    /// Takes one from the counter of a wide join; returns whether parents are left that have not
    /// ended, so far as counters know.
    fn count_down(&mut self, join: &Step) -> bool;

    #[inline]
    fn set_phase(&mut self, step: u32, phase: Phase) {
        set_phase_at(self.planes_mut(step as usize / 64), step % 64, phase);
    }

    /// Whether a step is in one of a set of phases.
    #[inline]
    fn is_in(&self, step: u32, set: impl Fn(&Planes) -> u64) -> bool {
        set(self.planes(step as usize / 64)) >> (step % 64) & 1 == 1
    }
}

/// The phases of at most 64 steps.
impl Steps for Planes {
    #[inline]
    fn planes(&self, _place: usize) -> &Planes {
        self
    }

    #[inline]
    fn planes_mut(&mut self, _place: usize) -> &mut Planes {
        self
    }

    #[inline]
    fn all_parents(&self, step: &Step, _: &Template, set: impl Fn(&Planes) -> u64) -> bool {
        set(self) & step.parent_mask == step.parent_mask
    }

    #[inline]
    fn count_down(&mut self, _join: &Step) -> bool {
        false
    }
}

/// The phases of more steps, and how many parents of each wide join have not ended.
pub struct ManySteps<'a> {
    planes: &'a mut [Planes],
    /// Two a word.
    counters: &'a mut [u64],
}

impl Steps for ManySteps<'_> {
    #[inline]
    fn planes(&self, place: usize) -> &Planes {
        &self.planes[place]
    }

    #[inline]
    fn planes_mut(&mut self, place: usize) -> &mut Planes {
        &mut self.planes[place]
    }

    #[inline]
    fn all_parents(&self, step: &Step, template: &Template, set: impl Fn(&Planes) -> u64) -> bool {
        let mut parents = template.parents(step).iter();
        parents.all(|&parent| self.is_in(parent, &set))
    }

    #[inline]
    fn count_down(&mut self, join: &Step) -> bool {
        let Some(counter) = join.counter() else {
            return false;
        };
        let word = &mut self.counters[counter / 2];
        let shift = counter % 2 * 32;
        *word -= 1 << shift;
        *word >> shift & u64::from(u32::MAX) > 0
    }
}

/// Where `ManySteps` are kept: one box, for each allocation costs more than it holds.
///
/// Shape: the planes of 64 steps after those of another, then the counters.
#[derive(Clone, Debug)]
pub struct StepsBox(Box<[u64]>);

impl StepsBox {
    /// Returns steps that all wait, but for those of an older instance, which are as they were.
    pub fn new(template: &Template, older: &[Planes]) -> StepsBox {
        let counters = template.wide_joins().len();
        let words = 3 * template.plane_count() + counters.div_ceil(2);
        let mut boxed = StepsBox(vec![0; words].into());
        let steps = boxed.open(template);
        steps.planes[..older.len()].copy_from_slice(older);
        for (counter, &join) in template.wide_joins().iter().enumerate() {
            let parents = template.parents(template.step(join)).iter();
            let left = parents
                .filter(|&&parent| !steps.is_in(parent, ended))
                .count();
            steps.counters[counter / 2] |= (left as u64) << (counter % 2 * 32);
        }
        boxed
    }

    #[inline]
    pub fn open(&mut self, template: &Template) -> ManySteps<'_> {
        let (planes, counters) = self.0.split_at_mut(3 * template.plane_count());
        ManySteps {
            planes: planes.as_chunks_mut().0,
            counters,
        }
    }

    #[inline]
    pub fn planes(&self, place: usize) -> &Planes {
        let words = &self.0[3 * place..];
        words.first_chunk().expect("planes come in threes")
    }

    #[inline]
    pub fn planes_mut(&mut self, place: usize) -> &mut Planes {
        let words = &mut self.0[3 * place..];
        words.first_chunk_mut().expect("planes come in threes")
    }

    pub fn bytes(&self) -> usize {
        size_of_val::<[u64]>(&self.0)
    }
}
