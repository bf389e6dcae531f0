//! Lists of steps, packed: one after the other, or as masks.

#![forbid(unsafe_code)]

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: u32,
    pub to: u32,
}

impl Span {
    #[inline]
    pub fn of<T>(self, cells: &[T]) -> &[T] {
        &cells[self.from as usize..self.to as usize]
    }
}

/// Rows of step numbers, one after the other (compressed sparse rows).
#[derive(Debug)]
pub struct Rows {
    pub offsets: Box<[u32]>,
    pub cells: Box<[u32]>,
}

impl Rows {
    pub fn span(&self, step: u32) -> Span {
        Span {
            from: self.offsets[step as usize],
            to: self.offsets[step as usize + 1],
        }
    }

    pub fn row(&self, step: u32) -> &[u32] {
        self.span(step).of(&self.cells)
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the rows of the opposite edges, each in ascending order.
    pub fn turned(&self) -> Rows {
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

/// Some of 64 steps: bit `b` of word `w` is step `64 * w + b`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordMask {
    pub word: u32,
    pub mask: u64,
}

/// Returns some steps, in ascending order, word by word.
pub fn masks_of(steps: &[u32]) -> Vec<WordMask> {
    let mut steps = steps.to_vec();
    steps.sort_unstable();
    let words = steps.chunk_by(|one, other| one / 64 == other / 64);
    words
        .map(|steps| WordMask {
            word: steps[0] / 64,
            mask: steps.iter().fold(0, |mask, step| mask | 1 << (step % 64)),
        })
        .collect()
}
