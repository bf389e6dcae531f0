//! One task in the core.

#![forbid(unsafe_code)]

use crate::graph::Template;
use crate::phase::Planes;
use crate::steps::StepsBox;

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
    pub generation: u32,
    pub template: u32,
    pub paused: bool,
    pub cancelling: bool,
    /// Told `resumed` in this tick: its ready steps are answered at the end.
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
/// Cost: 40 bytes; a large one 24 more for each 64 steps and 4 for each wide join.
#[derive(Clone, Debug)]
pub enum Instance {
    Small { head: Head, planes: Planes },
    Large { head: Head, steps: StepsBox },
}

const _: () = assert!(size_of::<Instance>() == 40);

impl Instance {
    /// Returns a task whose steps all wait.
    pub fn new(head: Head, template: &Template) -> Instance {
        if !template.is_small() {
            let steps = StepsBox::new(template, &[]);
            return Instance::Large { head, steps };
        }
        let planes = [0; 3];
        Instance::Small { head, planes }
    }

    /// Returns the task moved to a template that extends its own.
    pub fn extended(&self, [from, to]: [&Template; 2], number: u32) -> Instance {
        let mut head = self.head().clone();
        head.template = number;
        if to.is_small() {
            let planes = *self.planes(0);
            return Instance::Small { head, planes };
        }
        let older: Vec<Planes> = (0..from.plane_count()).map(|at| *self.planes(at)).collect();
        let steps = StepsBox::new(to, &older);
        Instance::Large { head, steps }
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
            Instance::Large { steps, .. } => steps.planes(place),
        }
    }

    #[inline]
    pub fn planes_mut(&mut self, place: usize) -> &mut Planes {
        match self {
            Instance::Small { planes, .. } => planes,
            Instance::Large { steps, .. } => steps.planes_mut(place),
        }
    }

    /// Returns the bytes that the task takes, with all it points to.
    pub fn bytes(&self) -> usize {
        let boxed = match self {
            Instance::Small { .. } => 0,
            Instance::Large { steps, .. } => steps.bytes(),
        };
        size_of::<Instance>() + boxed
    }
}
