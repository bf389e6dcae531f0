//! One task's place in the core, and the slab of all of them.

#![forbid(unsafe_code)]

use crate::fault::CoreError;
use crate::graph::Template;
use crate::phase::{Phase, Planes, ended, phase_at, set_phase_at};

/// The highest generation of a slot: `generation * 2^32 + index` is a safe integer in JavaScript.
pub const GENERATION_MAX: u32 = (1 << 21) - 1;

/// Slots are allocated in pages of so many, and never move.
const PAGE_SLOTS: usize = 256;

/// Names an instance. A slot's generation is odd while it is open and rises with each open and
/// close, so a handle that outlives its instance matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    pub index: u32,
    pub generation: u32,
}

/// What an instance knows beside the phases of its steps.
#[derive(Clone, Debug)]
pub struct Head {
    generation: u32,
    pub template: u32,
    pub paused: bool,
    pub cancelling: bool,
    /// Told `resumed` in this tick: its ready steps are answered at the end.
    pub resumed: bool,
}

impl Head {
    fn new(generation: u32, template: u32) -> Head {
        Head {
            generation,
            template,
            paused: false,
            cancelling: false,
            resumed: false,
        }
    }
}

/// A task: where its steps stand.
///
/// Shape: step `s` is bit `s % 64` of planes `s / 64`. A large instance holds three words for each
/// 64 steps, then its counters, two a word, placed from the end.
/// Cost: 40 bytes; a large one 24 more for each 64 steps and 4 for each counter.
#[derive(Clone, Debug)]
pub enum Instance {
    Small { head: Head, planes: Planes },
    Large { head: Head, words: Box<[u64]> },
}

const _: () = assert!(size_of::<Instance>() == 40);

impl Instance {
    fn new(head: Head, template: &Template) -> Instance {
        if template.is_small() {
            return Instance::Small {
                head,
                planes: [0; 3],
            };
        }
        let counter_words = template.counter_count().div_ceil(2);
        Instance::Large {
            head,
            words: vec![0; 3 * plane_count(template) + counter_words].into(),
        }
    }

    #[inline]
    pub fn head(&self) -> &Head {
        match self {
            Instance::Small { head, .. } | Instance::Large { head, .. } => head,
        }
    }

    #[inline]
    pub fn head_mut(&mut self) -> &mut Head {
        match self {
            Instance::Small { head, .. } | Instance::Large { head, .. } => head,
        }
    }

    /// Returns the planes of steps `64 * place` and the 63 after it.
    #[inline]
    pub fn planes(&self, place: usize) -> &Planes {
        match self {
            Instance::Small { planes, .. } => planes,
            Instance::Large { words, .. } => words[3 * place..]
                .first_chunk()
                .expect("planes come in threes"),
        }
    }

    #[inline]
    fn planes_mut(&mut self, place: usize) -> &mut Planes {
        match self {
            Instance::Small { planes, .. } => planes,
            Instance::Large { words, .. } => words[3 * place..]
                .first_chunk_mut()
                .expect("planes come in threes"),
        }
    }

    #[inline]
    pub fn phase(&self, step: u32) -> Phase {
        phase_at(self.planes(step as usize / 64), step % 64)
    }

    #[inline]
    pub fn set_phase(&mut self, step: u32, phase: Phase) {
        set_phase_at(self.planes_mut(step as usize / 64), step % 64, phase);
    }

    /// Whether a step is in one of a set of phases.
    #[inline]
    pub fn is_in(&self, step: u32, set: impl Fn(&Planes) -> u64) -> bool {
        set(self.planes(step as usize / 64)) >> (step % 64) & 1 == 1
    }

    /// Takes one from a counter and returns what is left: how many parents have not ended.
    #[inline]
    pub fn count_down(&mut self, counter: usize) -> u32 {
        let Instance::Large { words, .. } = self else {
            unreachable!("only large instances have counters");
        };
        let word = &mut words[words.len() - 1 - counter / 2];
        let shift = counter % 2 * 32;
        *word -= 1 << shift;
        (*word >> shift) as u32
    }

    /// Copies the phases of an instance with fewer steps, or as many.
    fn take_planes(&mut self, old: &Instance, count: usize) {
        for place in 0..count {
            *self.planes_mut(place) = *old.planes(place);
        }
    }

    /// Sets each counter, still zero, to how many of its join's parents have not ended.
    fn derive_counters(&mut self, template: &Template) {
        for step in 0..template.step_count() {
            let Some(counter) = template.counter_of(step) else {
                continue;
            };
            let parents = template.parents(step).iter();
            let left = parents
                .filter(|&&parent| !self.is_in(parent, ended))
                .count();
            if let Instance::Large { words, .. } = self {
                words[words.len() - 1 - counter / 2] |= (left as u64) << (counter % 2 * 32);
            }
        }
    }

    /// Returns the bytes of the box, if there is one.
    fn boxed_bytes(&self) -> usize {
        match self {
            Instance::Small { .. } => 0,
            Instance::Large { words, .. } => size_of_val::<[u64]>(words),
        }
    }
}

fn vacant(generation: u32) -> Instance {
    Instance::Small {
        head: Head::new(generation, 0),
        planes: [0; 3],
    }
}

#[inline]
fn is_open(instance: &Instance, handle: Handle) -> bool {
    instance.head().generation == handle.generation && handle.generation % 2 == 1
}

/// Returns how many groups of 64 steps a template has.
pub fn plane_count(template: &Template) -> usize {
    template.step_count().div_ceil(64) as usize
}

/// All instances of a core.
#[derive(Debug, Default)]
pub struct Slab {
    pages: Vec<Box<[Instance]>>,
    free: Vec<u32>,
    /// Slots that were ever used; those above are fresh.
    used: u32,
    open_count: usize,
    boxed_bytes: usize,
}

impl Slab {
    /// Makes room for a task whose steps all wait.
    ///
    /// Errors: `Full` when all slots are open or used up.
    pub fn open(&mut self, number: u32, template: &Template) -> Result<Handle, CoreError> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.fresh_slot()?,
        };
        let generation = self.at(index).head().generation + 1;
        let mut instance = Instance::new(Head::new(generation, number), template);
        instance.derive_counters(template);
        self.boxed_bytes += instance.boxed_bytes();
        self.open_count += 1;
        *self.at_mut(index) = instance;
        Ok(Handle { index, generation })
    }

    /// Gives the room back; a stale handle is a no-op. A slot whose generations are used up is not
    /// given out again.
    pub fn close(&mut self, handle: Handle) {
        let Some(instance) = self.get_mut(handle) else {
            return;
        };
        let bytes = instance.boxed_bytes();
        let generation = handle.generation + 1;
        *instance = vacant(generation);
        self.boxed_bytes -= bytes;
        self.open_count -= 1;
        if generation < GENERATION_MAX {
            self.free.push(handle.index);
        }
    }

    /// Moves an instance to a template that extends its own; its steps stay as they are.
    ///
    /// Errors: `StaleInstance`.
    pub fn extend(
        &mut self,
        handle: Handle,
        number: u32,
        [from, template]: [&Template; 2],
    ) -> Result<(), CoreError> {
        let old = self.get_mut(handle).ok_or(CoreError::StaleInstance)?;
        let old_bytes = old.boxed_bytes();
        let mut head = old.head().clone();
        head.template = number;
        let mut new = Instance::new(head, template);
        new.take_planes(old, plane_count(from));
        new.derive_counters(template);
        let new_bytes = new.boxed_bytes();
        *old = new;
        self.boxed_bytes = self.boxed_bytes - old_bytes + new_bytes;
        Ok(())
    }

    #[inline]
    pub fn get(&self, handle: Handle) -> Option<&Instance> {
        let page = self.pages.get(handle.index as usize / PAGE_SLOTS)?;
        let instance = &page[handle.index as usize % PAGE_SLOTS];
        is_open(instance, handle).then_some(instance)
    }

    #[inline]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut Instance> {
        let page = self.pages.get_mut(handle.index as usize / PAGE_SLOTS)?;
        let instance = &mut page[handle.index as usize % PAGE_SLOTS];
        is_open(instance, handle).then_some(instance)
    }

    /// Returns the slot of an index that is known to exist.
    #[inline]
    pub fn at(&self, index: u32) -> &Instance {
        &self.pages[index as usize / PAGE_SLOTS][index as usize % PAGE_SLOTS]
    }

    #[inline]
    pub fn at_mut(&mut self, index: u32) -> &mut Instance {
        &mut self.pages[index as usize / PAGE_SLOTS][index as usize % PAGE_SLOTS]
    }

    /// Returns the bytes of all open instances; room kept for later ones is not counted.
    pub fn bytes_used(&self) -> usize {
        self.open_count * size_of::<Instance>() + self.boxed_bytes
    }

    fn fresh_slot(&mut self) -> Result<u32, CoreError> {
        let index = self.used;
        self.used = index.checked_add(1).ok_or(CoreError::Full)?;
        if index as usize == self.pages.len() * PAGE_SLOTS {
            self.pages.push(vec![vacant(0); PAGE_SLOTS].into());
        }
        Ok(index)
    }
}
