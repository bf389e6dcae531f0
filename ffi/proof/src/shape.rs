//! Graphs to test and measure with.

use tasker_core::{Core, CoreError, PackedGraph};

use crate::random::Random;

/// A graph before it is packed: the parents and the `when` of each step.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    pub parents: Vec<Vec<u32>>,
    pub when: Vec<u8>,
}

impl Shape {
    /// Every step waits for the one before it.
    pub fn chain(steps: u32) -> Shape {
        Shape::of_succeeded((0..steps).map(|step| step.checked_sub(1).into_iter().collect()))
    }

    /// One step, then many side by side, then one that waits for all of them.
    pub fn diamond(steps: u32) -> Shape {
        let last = steps - 1;
        Shape::of_succeeded((0..steps).map(|step| match step {
            0 => vec![],
            _ if step == last => (1..last).collect(),
            _ => vec![0],
        }))
    }

    /// Layers; each step waits for `degree` random steps of the layer before its own.
    pub fn layered(steps: u32, width: u32, degree: u32) -> Shape {
        let mut random = Random::new(1);
        Shape::of_succeeded((0..steps).map(|step| {
            let layer = step / width;
            let mut parents: Vec<u32> = (0..if layer == 0 { 0 } else { degree })
                .map(|_| (layer - 1) * width + random.below(width))
                .collect();
            parents.sort_unstable();
            parents.dedup();
            parents
        }))
    }

    fn of_succeeded(rows: impl Iterator<Item = Vec<u32>>) -> Shape {
        let parents: Vec<Vec<u32>> = rows.collect();
        let when = vec![0; parents.len()];
        Shape { parents, when }
    }

    pub fn step_count(&self) -> u32 {
        self.parents.len() as u32
    }

    /// Packs the graph and interns it under a hash.
    pub fn intern(&self, core: &mut Core, hash: &[u8]) -> Result<u32, CoreError> {
        let mut parent_offsets = vec![0];
        for row in &self.parents {
            parent_offsets.push(parent_offsets[parent_offsets.len() - 1] + row.len() as u32);
        }
        let graph = PackedGraph {
            when: &self.when,
            parent_offsets: &parent_offsets,
            parents: &self.parents.concat(),
        };
        core.intern(hash, &graph)
    }
}
