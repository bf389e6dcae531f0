//! A workflow's graph, checked once and shared by all of its tasks.

#![forbid(unsafe_code)]

use crate::fault::CoreError;

/// More steps than this in one graph are refused.
pub const STEPS_MAX: usize = 200_000;

/// A graph of at most so many steps is worked on by masks of one word.
pub const SMALL_STEPS_MAX: usize = 64;

/// A join of more parents than this has a counter in every large instance; a narrower one looks
/// at its parents again at each end: at most eight bits, and no memory.
const NARROW_PARENTS_MAX: usize = 8;

/// Marks a step that has no counter.
const NO_COUNTER: u32 = u32::MAX;

/// Which end of its parents lets a step run. The numbers are the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum When {
    Succeeded = 0,
    Failed = 1,
    Cancelled = 2,
    Always = 3,
}

impl When {
    fn of(number: u8) -> Option<When> {
        match number {
            0 => Some(When::Succeeded),
            1 => Some(When::Failed),
            2 => Some(When::Cancelled),
            3 => Some(When::Always),
            _ => None,
        }
    }

    /// Whether a step of a task that is being cancelled may still run.
    pub fn outlives_cancel(self) -> bool {
        matches!(self, When::Cancelled | When::Always)
    }
}

/// A graph as it crosses the border, not yet checked.
///
/// Shape: the parents of step `i` are `parents[parent_offsets[i]..parent_offsets[i + 1]]`, distinct,
/// each below `when.len()`; a step without parents has `when` 0 or 3.
#[derive(Clone, Copy, Debug)]
pub struct PackedGraph<'a> {
    pub when: &'a [u8],
    pub parent_offsets: &'a [u32],
    pub parents: &'a [u32],
}

/// Rows of step numbers, one after the other (compressed sparse rows).
#[derive(Debug)]
struct Rows {
    offsets: Box<[u32]>,
    cells: Box<[u32]>,
}

impl Rows {
    #[inline]
    fn row(&self, step: u32) -> &[u32] {
        let step = step as usize;
        &self.cells[self.offsets[step] as usize..self.offsets[step + 1] as usize]
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the rows of the opposite edges, each in ascending order.
    fn turned(&self) -> Rows {
        let mut offsets = vec![0; self.offsets.len()];
        for &cell in &self.cells {
            offsets[cell as usize + 1] += 1;
        }
        for step in 0..self.len() {
            offsets[step + 1] += offsets[step];
        }
        let mut next = offsets.clone();
        let mut cells = vec![0; self.cells.len()];
        for step in 0..self.len() as u32 {
            for &cell in self.row(step) {
                let place = &mut next[cell as usize];
                cells[*place as usize] = step;
                *place += 1;
            }
        }
        Rows {
            offsets: offsets.into(),
            cells: cells.into(),
        }
    }
}

/// A checked graph: free of circles, with the edges of both directions.
#[derive(Debug)]
pub struct Template {
    when: Box<[When]>,
    parents: Rows,
    children: Rows,
    /// The parents of each step as a mask; empty for large graphs.
    parent_masks: Box<[u64]>,
    /// The place of each step's counter, or `NO_COUNTER`; empty for graphs without counters.
    counter_places: Box<[u32]>,
    counter_count: usize,
}

impl Template {
    /// Checks a graph and builds its template.
    ///
    /// Cost: O(steps + edges).
    ///
    /// Errors: `GraphInvalid` when it breaks the shape of `PackedGraph` or has more than
    /// `STEPS_MAX` steps; `GraphCycle`.
    pub fn build(graph: &PackedGraph) -> Result<Template, CoreError> {
        check_shape(graph)?;
        let when: Option<Box<[When]>> = graph.when.iter().copied().map(When::of).collect();
        let parents = Rows {
            offsets: graph.parent_offsets.into(),
            cells: graph.parents.into(),
        };
        let when = when.ok_or(CoreError::GraphInvalid)?;
        check_rows(&when, &parents)?;
        let children = parents.turned();
        check_order(&parents, &children)?;
        let (counter_places, counter_count) = place_counters(&parents);
        Ok(Template {
            parent_masks: mask_rows(&parents),
            when,
            parents,
            children,
            counter_places,
            counter_count,
        })
    }

    pub fn step_count(&self) -> u32 {
        self.when.len() as u32
    }

    /// Returns how many counters an instance of this template keeps.
    pub fn counter_count(&self) -> usize {
        self.counter_count
    }

    #[inline]
    pub fn is_small(&self) -> bool {
        self.when.len() <= SMALL_STEPS_MAX
    }

    #[inline]
    pub fn when(&self, step: u32) -> When {
        self.when[step as usize]
    }

    #[inline]
    pub fn parents(&self, step: u32) -> &[u32] {
        self.parents.row(step)
    }

    /// Returns the steps that wait for this one, in ascending order.
    #[inline]
    pub fn children(&self, step: u32) -> &[u32] {
        self.children.row(step)
    }

    /// Returns the parents of a step of a small graph as a mask.
    #[inline]
    pub fn parent_mask(&self, step: u32) -> u64 {
        self.parent_masks[step as usize]
    }

    /// Returns the place of a wide join's counter; no other step has one.
    #[inline]
    pub fn counter_of(&self, step: u32) -> Option<usize> {
        match self.counter_places.get(step as usize) {
            None | Some(&NO_COUNTER) => None,
            Some(&place) => Some(place as usize),
        }
    }

    /// Whether the first steps of this template are exactly those of `other`.
    pub fn extends(&self, other: &Template) -> bool {
        self.when.starts_with(&other.when)
            && self.parents.offsets.starts_with(&other.parents.offsets)
            && self.parents.cells.starts_with(&other.parents.cells)
    }
}

/// Checks lengths and offsets, so that every row can be sliced.
fn check_shape(graph: &PackedGraph) -> Result<(), CoreError> {
    let steps = graph.when.len();
    let offsets = graph.parent_offsets;
    let sound = steps <= STEPS_MAX
        && offsets.len() == steps + 1
        && offsets[0] == 0
        && offsets[steps] as usize == graph.parents.len()
        && offsets.is_sorted();
    sound.then_some(()).ok_or(CoreError::GraphInvalid)
}

/// Checks that parents are steps, each named once, and that no root waits for a failure or a cancel.
fn check_rows(when: &[When], parents: &Rows) -> Result<(), CoreError> {
    let mut named_by = vec![u32::MAX; when.len()];
    for step in 0..when.len() as u32 {
        let row = parents.row(step);
        if row.is_empty() && matches!(when[step as usize], When::Failed | When::Cancelled) {
            return Err(CoreError::GraphInvalid);
        }
        for &parent in row {
            let named = named_by
                .get_mut(parent as usize)
                .ok_or(CoreError::GraphInvalid)?;
            if std::mem::replace(named, step) == step {
                return Err(CoreError::GraphInvalid);
            }
        }
    }
    Ok(())
}

/// Checks that the steps can be ordered: takes away roots until none is left.
fn check_order(parents: &Rows, children: &Rows) -> Result<(), CoreError> {
    let steps = parents.len() as u32;
    let mut left: Vec<u32> = (0..steps).map(|s| parents.row(s).len() as u32).collect();
    let mut free: Vec<u32> = (0..steps).filter(|&s| left[s as usize] == 0).collect();
    let mut ordered = 0;
    while let Some(step) = free.pop() {
        ordered += 1;
        for &child in children.row(step) {
            left[child as usize] -= 1;
            if left[child as usize] == 0 {
                free.push(child);
            }
        }
    }
    (ordered == steps)
        .then_some(())
        .ok_or(CoreError::GraphCycle)
}

fn mask_rows(parents: &Rows) -> Box<[u64]> {
    if parents.len() > SMALL_STEPS_MAX {
        return Box::default();
    }
    (0..parents.len() as u32)
        .map(|step| parents.row(step).iter().fold(0, |mask, &p| mask | 1 << p))
        .collect()
}

/// Gives each wide join of a large graph a place for its counter.
fn place_counters(parents: &Rows) -> (Box<[u32]>, usize) {
    let mut count = 0;
    if parents.len() <= SMALL_STEPS_MAX {
        return (Box::default(), count);
    }
    let places: Box<[u32]> = (0..parents.len() as u32)
        .map(|step| {
            if parents.row(step).len() <= NARROW_PARENTS_MAX {
                return NO_COUNTER;
            }
            count += 1;
            count as u32 - 1
        })
        .collect();
    if count == 0 {
        return (Box::default(), 0);
    }
    (places, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(when: &[u8], rows: &[&[u32]]) -> Result<Template, CoreError> {
        let mut parent_offsets = vec![0];
        for row in rows {
            parent_offsets.push(parent_offsets[parent_offsets.len() - 1] + row.len() as u32);
        }
        Template::build(&PackedGraph {
            when,
            parent_offsets: &parent_offsets,
            parents: &rows.concat(),
        })
    }

    #[test]
    fn build_turns_parents_into_children_in_ascending_order() {
        let template = build(&[0; 4], &[&[], &[0], &[0], &[2, 1]]).unwrap();

        assert_eq!(template.children(0), [1, 2]);
        assert_eq!(template.children(1), [3]);
        assert_eq!(template.parent_mask(3), 0b110);
    }

    #[test]
    fn build_refuses_a_circle() {
        let error = build(&[0; 3], &[&[], &[0, 2], &[1]]).unwrap_err();

        assert_eq!(error, CoreError::GraphCycle);
    }

    #[test]
    fn build_refuses_a_parent_named_twice_or_out_of_range_and_a_root_that_waits_for_a_failure() {
        let broken: [(&[u8], [&[u32]; 2]); 4] = [
            (&[0, 0], [&[], &[0, 0]]),
            (&[0, 0], [&[], &[2]]),
            (&[1, 0], [&[], &[0]]),
            (&[4, 0], [&[], &[0]]),
        ];
        for (when, rows) in broken {
            assert_eq!(build(when, &rows).unwrap_err(), CoreError::GraphInvalid);
        }
    }

    #[test]
    fn build_refuses_offsets_that_do_not_fit() {
        let broken: [&[u32]; 5] = [&[0, 0], &[1, 1, 1], &[0, 2, 1], &[0, 0, 2], &[]];
        for parent_offsets in broken {
            let graph = PackedGraph {
                when: &[0, 0],
                parent_offsets,
                parents: &[0],
            };

            assert_eq!(
                Template::build(&graph).unwrap_err(),
                CoreError::GraphInvalid
            );
        }
    }

    #[test]
    fn build_counts_only_the_wide_joins_of_large_graphs() {
        let mut rows: Vec<Vec<u32>> = vec![vec![]; 70];
        rows[68] = (0..NARROW_PARENTS_MAX as u32).collect();
        rows[69] = (0..=NARROW_PARENTS_MAX as u32).collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();

        let template = build(&[0; 70], &rows).unwrap();

        assert_eq!(template.counter_count(), 1);
        assert_eq!(template.counter_of(68), None);
        assert_eq!(template.counter_of(69), Some(0));
    }
}
