//! A workflow's graph, checked once and shared by all of its tasks.

#![forbid(unsafe_code)]

use crate::fault::CoreError;
use crate::rows::{Rows, Span, WordMask, masks_of};

/// More steps than this in one graph are refused.
pub const STEPS_MAX: usize = 200_000;

/// A join whose parents lie in more words than this has a counter in every instance: at each end of
/// a parent it would be looked at again, and its ends would cost parents squared.
const NARROW_WORDS_MAX: usize = 2;

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

/// One step of a checked graph.
#[derive(Debug)]
pub struct Step {
    /// The parents in the first word that has any. Kept here, for most steps have no more.
    first_parents: WordMask,
    /// The parents in other words.
    more_parents: Span,
    children: Span,
    counter: u32,
    pub when: When,
}

impl Step {
    /// Returns the place of a wide join's counter; no other step has one.
    #[inline]
    pub fn counter(&self) -> Option<usize> {
        (self.counter != NO_COUNTER).then_some(self.counter as usize)
    }
}

/// A checked graph: free of cycles, with the edges of both directions.
#[derive(Debug)]
pub struct Template {
    steps: Box<[Step]>,
    more_parents: Box<[WordMask]>,
    children: Box<[u32]>,
    wide_joins: Box<[u32]>,
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
        let when: Option<Vec<When>> = graph.when.iter().copied().map(When::of).collect();
        let when = when.ok_or(CoreError::GraphInvalid)?;
        let parents = Rows {
            offsets: graph.parent_offsets.into(),
            cells: graph.parents.into(),
        };
        check_rows(&when, &parents)?;
        let children = parents.turned();
        check_order(&parents, &children)?;
        Ok(lay_out(&when, &parents, children))
    }

    pub fn step_count(&self) -> u32 {
        self.steps.len() as u32
    }

    /// Returns how many words of 64 steps there are.
    pub fn word_count(&self) -> usize {
        self.steps.len().div_ceil(64)
    }

    #[inline]
    pub fn step(&self, step: u32) -> &Step {
        &self.steps[step as usize]
    }

    /// Returns the parents of a step, word by word, in ascending order.
    #[inline]
    pub fn parents<'a>(&'a self, step: &'a Step) -> impl DoubleEndedIterator<Item = WordMask> + 'a {
        let more = step.more_parents.of(&self.more_parents);
        std::iter::once(step.first_parents).chain(more.iter().copied())
    }

    /// Returns the steps that wait for this one, in ascending order.
    #[inline]
    pub fn children(&self, step: &Step) -> &[u32] {
        step.children.of(&self.children)
    }

    /// Returns the joins that have counters in every instance, in the order of their places.
    pub fn wide_joins(&self) -> &[u32] {
        &self.wide_joins
    }

    /// Whether the first steps of this template are exactly those of `other`.
    pub fn extends(&self, other: &Template) -> bool {
        let same = |(own, others)| {
            let (own, others): (&Step, &Step) = (own, others);
            own.when == others.when && self.parents(own).eq(other.parents(others))
        };
        self.steps.len() >= other.steps.len() && self.steps.iter().zip(&other.steps).all(same)
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

/// Packs what readiness works on.
fn lay_out(when: &[When], parents: &Rows, children: Rows) -> Template {
    let mut steps = Vec::with_capacity(when.len());
    let mut more_parents = Vec::new();
    let mut wide_joins = Vec::new();
    for (step, &when) in (0..).zip(when) {
        let masks = masks_of(parents.row(step));
        let is_wide = masks.len() > NARROW_WORDS_MAX;
        let from = more_parents.len() as u32;
        more_parents.extend(masks.iter().skip(1));
        steps.push(Step {
            first_parents: masks.first().copied().unwrap_or_default(),
            more_parents: Span {
                from,
                to: more_parents.len() as u32,
            },
            children: children.span(step),
            counter: if is_wide {
                wide_joins.len() as u32
            } else {
                NO_COUNTER
            },
            when,
        });
        if is_wide {
            wide_joins.push(step);
        }
    }
    Template {
        steps: steps.into(),
        more_parents: more_parents.into(),
        children: children.cells,
        wide_joins: wide_joins.into(),
    }
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

        assert_eq!(template.children(template.step(0)), [1, 2]);
        assert_eq!(template.children(template.step(1)), [3]);
        let parents: Vec<WordMask> = template.parents(template.step(3)).collect();
        assert_eq!(
            parents,
            [WordMask {
                word: 0,
                mask: 0b110
            }]
        );
    }

    #[test]
    fn build_refuses_a_cycle() {
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
    fn build_counts_only_the_joins_whose_parents_lie_in_many_words() {
        let words = NARROW_WORDS_MAX as u32 + 1;
        let mut rows: Vec<Vec<u32>> = vec![vec![]; 64 * words as usize + 2];
        let [narrow, wide] = [64 * words, 64 * words + 1];
        rows[narrow as usize] = (0..64 * (words - 1)).collect();
        rows[wide as usize] = (0..words).map(|word| 64 * word).collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();

        let template = build(&vec![0; rows.len()], &rows).unwrap();

        assert_eq!(template.wide_joins(), [wide]);
        assert_eq!(template.step(narrow).counter(), None);
        assert_eq!(template.step(wide).counter(), Some(0));
    }
}
