//! The core without its border: safe Rust for the crate's own tests and for the proof crate.

#![forbid(unsafe_code)]

use crate::fault::CoreError;
use crate::graph::PackedGraph;
use crate::instance::Handle;
use crate::slab::Slab;
use crate::templates::Templates;
use crate::tick::{Answer, Record, Tick};

/// Decides which steps may run, for all tasks of a node.
///
/// The rules are those of `Readiness` in src/core/readiness.ts, word for word.
#[derive(Debug, Default)]
pub struct Core {
    templates: Templates,
    slab: Slab,
    tick: Tick,
}

impl Core {
    /// Interns a graph; the same hash gives the same template, whatever the graph.
    ///
    /// Errors: `GraphInvalid`, `GraphCycle`, `Full`.
    pub fn intern(&mut self, hash: &[u8], graph: &PackedGraph) -> Result<u32, CoreError> {
        self.templates.intern(hash, graph)
    }

    /// Makes room for a task. Its first tick must bring `Opened`.
    ///
    /// Errors: `NoTemplate`, `Full`.
    pub fn open(&mut self, template: u32) -> Result<Handle, CoreError> {
        self.slab.open(template, self.templates.get(template)?)
    }

    /// Moves an instance to a template that begins with the steps of its own. New steps that are
    /// ready are answered when `Opened` comes again.
    ///
    /// Errors: `NoTemplate`, `StaleInstance`, `NoExtension`.
    pub fn extend(&mut self, handle: Handle, template: u32) -> Result<(), CoreError> {
        let to = self.templates.get(template)?;
        let instance = self.slab.get(handle).ok_or(CoreError::StaleInstance)?;
        let from = self.templates.of(instance.head().template);
        if !to.extends(from) {
            return Err(CoreError::NoExtension);
        }
        self.slab.extend(handle, [from, to], template)
    }

    /// Gives the room of a task back. A stale handle is a no-op.
    pub fn close(&mut self, handle: Handle) {
        self.slab.close(handle);
    }

    /// Takes in records, in order; the answers wait in the core until they are taken.
    pub fn tick(&mut self, records: impl Iterator<Item = Record>) {
        self.tick.run(records, &mut self.slab, &self.templates);
    }

    /// Takes the next answers, at most `answers_max`: none when all were taken.
    pub fn take_answers(&mut self, answers_max: usize) -> &[Answer] {
        self.tick.take_answers(answers_max)
    }

    /// Returns the bytes that all open instances take.
    pub fn bytes_used(&self) -> usize {
        self.slab.bytes_used()
    }
}
