//! One task in the core.

#![forbid(unsafe_code)]

use std::slice::{from_mut, from_ref};

use crate::graph::Template;
use crate::phase::{Planes, ended};

/// Names an instance: `generation * 2^32 + index`. A slot's generation is odd while it is open and rises with each open and close, so a handle that
/// outlives its instance matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub u64);

impl Handle {
    #[inline]
    pub fn new(index: u32, generation: u32) -> Handle {
        Handle(u64::from(generation) << 32 | u64::from(index))
    }

    #[inline]
    pub fn index(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What an instance knows beside the phases of its steps.
#[derive(Clone, Debug)]
pub struct Head {
    pub generation: u32,
    pub template: u32,
    pub paused: bool,
    pub cancelling: bool,
    /// Resumed in this tick: its ready steps are answered at the end.
    pub resumed: bool,
}

impl Head {
    pub fn new(generation: u32, template: u32) -> Head {
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
/// Cost: 40 bytes; with more than 64 steps 24 more for each 64, and 4 for each wide join.
#[derive(Clone, Debug)]
pub enum Instance {
    Small { head: Head, word: Planes },
    Large { head: Head, words: Box<[Planes]> },
}

const _: () = assert!(size_of::<Instance>() == 40);

/// Counters in the room of one word's planes, two in each plane.
const WORD_COUNTERS: usize = 6;

impl Instance {
    /// Returns a task whose steps all wait.
    pub fn new(head: Head, template: &Template) -> Instance {
        Instance::grown(head, template, &[])
    }

    /// Returns the task moved to a template that extends its own.
    pub fn extended(&self, [from, to]: [&Template; 2], number: u32) -> Instance {
        let head = Head {
            template: number,
            ..self.head().clone()
        };
        Instance::grown(head, to, &self.words()[..from.word_count()])
    }

    /// Returns a task whose steps all wait, but for those of an older one.
    fn grown(head: Head, template: &Template, older: &[Planes]) -> Instance {
        let counter_words = template.wide_joins().len().div_ceil(WORD_COUNTERS);
        let count = template.word_count() + counter_words;
        if count <= 1 {
            let word = older.first().copied().unwrap_or_default();
            return Instance::Small { head, word };
        }
        let mut words = vec![[0; 3]; count];
        words[..older.len()].copy_from_slice(older);
        for (counter, &join) in template.wide_joins().iter().enumerate() {
            let parents = template.parents(template.step(join));
            let open = parents.map(|some| !ended(&words[some.word as usize]) & some.mask);
            let left: u32 = open.map(u64::count_ones).sum();
            let (plane, shift) = counter_at(&mut words, template, counter);
            *plane |= u64::from(left) << shift;
        }
        Instance::Large {
            head,
            words: words.into(),
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

    /// Returns the planes of all steps, word by word, and then the counters.
    #[inline]
    pub fn words(&self) -> &[Planes] {
        match self {
            Instance::Small { word, .. } => from_ref(word),
            Instance::Large { words, .. } => words,
        }
    }

    #[inline]
    pub fn words_mut(&mut self) -> (&Head, &mut [Planes]) {
        match self {
            Instance::Small { head, word } => (head, from_mut(word)),
            Instance::Large { head, words } => (head, words),
        }
    }

    /// Returns the bytes that the task takes, with all it points to.
    pub fn bytes(&self) -> usize {
        let boxed = match self {
            Instance::Small { .. } => 0,
            Instance::Large { words, .. } => size_of_val::<[Planes]>(words),
        };
        size_of::<Instance>() + boxed
    }
}

/// Takes one from the counter of a wide join; returns how many parents have not ended.
pub fn count_down(words: &mut [Planes], template: &Template, counter: usize) -> u32 {
    let (plane, shift) = counter_at(words, template, counter);
    *plane -= 1 << shift;
    (*plane >> shift) as u32
}

/// Returns the plane that holds a counter, and by how many bits it is shifted.
fn counter_at<'a>(
    words: &'a mut [Planes],
    template: &Template,
    counter: usize,
) -> (&'a mut u64, usize) {
    let counters = words[template.word_count()..].as_flattened_mut();
    (&mut counters[counter / 2], counter % 2 * 32)
}
