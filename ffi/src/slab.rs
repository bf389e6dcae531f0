//! The slab of all tasks.

#![forbid(unsafe_code)]

use crate::fault::CoreError;
use crate::graph::Template;
use crate::instance::{Handle, Head, Instance};

/// The highest generation of a slot: `generation * 2^32 + index` is a safe integer in JavaScript.
const GENERATION_MAX: u32 = (1 << 21) - 1;

/// Slots of a page. Slots are allocated in whole pages, and never move.
const PAGE_SLOTS: usize = 256;

/// All instances of a core.
#[derive(Debug, Default)]
pub struct Slab {
    pages: Vec<Box<[Instance; PAGE_SLOTS]>>,
    free: Vec<u32>,
    /// Slots that were ever used; those above are fresh.
    used: u32,
    bytes_used: usize,
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
        let instance = Instance::new(Head::new(generation, number), template);
        self.bytes_used += instance.bytes();
        *self.at_mut(index) = instance;
        Ok(Handle::new(index, generation))
    }

    /// Gives the room back; a stale handle is a no-op. A slot whose generations are used up is not
    /// given out again.
    pub fn close(&mut self, handle: Handle) {
        let Some(instance) = self.get_mut(handle) else {
            return;
        };
        let bytes = instance.bytes();
        let generation = handle.generation() + 1;
        *instance = vacant(generation);
        self.bytes_used -= bytes;
        if generation < GENERATION_MAX {
            self.free.push(handle.index());
        }
    }

    /// Moves an instance to a template that extends its own; its steps stay as they are.
    ///
    /// Errors: `StaleInstance`.
    pub fn extend(
        &mut self,
        handle: Handle,
        templates: [&Template; 2],
        number: u32,
    ) -> Result<(), CoreError> {
        let instance = self.get_mut(handle).ok_or(CoreError::StaleInstance)?;
        let old_bytes = instance.bytes();
        *instance = instance.extended(templates, number);
        let new_bytes = instance.bytes();
        self.bytes_used = self.bytes_used - old_bytes + new_bytes;
        Ok(())
    }

    #[inline]
    pub fn get(&self, handle: Handle) -> Option<&Instance> {
        let page = self.pages.get(handle.index() as usize / PAGE_SLOTS)?;
        let instance = &page[handle.index() as usize % PAGE_SLOTS];
        is_open(instance, handle).then_some(instance)
    }

    #[inline]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut Instance> {
        let page = self.pages.get_mut(handle.index() as usize / PAGE_SLOTS)?;
        let instance = &mut page[handle.index() as usize % PAGE_SLOTS];
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
        self.bytes_used
    }

    fn fresh_slot(&mut self) -> Result<u32, CoreError> {
        let index = self.used;
        self.used = index.checked_add(1).ok_or(CoreError::Full)?;
        if index as usize == self.pages.len() * PAGE_SLOTS {
            self.pages
                .push(Box::new(std::array::from_fn(|_| vacant(0))));
        }
        Ok(index)
    }
}

fn vacant(generation: u32) -> Instance {
    Instance::Small {
        head: Head::new(generation, 0),
        word: [0; 3],
    }
}

#[inline]
fn is_open(instance: &Instance, handle: Handle) -> bool {
    instance.head().generation == handle.generation() && handle.generation() % 2 == 1
}
