//! The templates of all definitions.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use crate::fault::CoreError;
use crate::graph::{PackedGraph, Template};

/// All templates, each under the hash of its definition.
///
/// They are kept for ever: the port has no call that gives a template back, so its number must stay
/// good; there are as many as definitions, and each takes some 20 bytes a step.
#[derive(Debug, Default)]
pub struct Templates {
    numbers: HashMap<Box<[u8]>, u32>,
    list: Vec<Template>,
}

impl Templates {
    /// Returns the number of the graph's template, which is built when the hash is new.
    pub fn intern(&mut self, hash: &[u8], graph: &PackedGraph) -> Result<u32, CoreError> {
        if let Some(&number) = self.numbers.get(hash) {
            return Ok(number);
        }
        let template = Template::build(graph)?;
        let number = i32::try_from(self.list.len()).map_err(|_| CoreError::Full)? as u32;
        self.list.push(template);
        self.numbers.insert(hash.into(), number);
        Ok(number)
    }

    pub fn get(&self, number: u32) -> Result<&Template, CoreError> {
        self.list.get(number as usize).ok_or(CoreError::NoTemplate)
    }

    /// Returns the template of an instance, which only ever holds a number that is good.
    #[inline]
    pub fn of(&self, number: u32) -> &Template {
        &self.list[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intern_gives_one_hash_one_number() {
        let mut templates = Templates::default();
        let graph = PackedGraph {
            when: &[0],
            parent_offsets: &[0, 0],
            parents: &[],
        };

        assert_eq!(templates.intern(b"a", &graph), Ok(0));
        assert_eq!(templates.intern(b"b", &graph), Ok(1));
        assert_eq!(templates.intern(b"a", &graph), Ok(0));
    }
}
