//! Drives the border by bytes: whatever they are, no call may panic or write beyond its room.

use std::collections::BTreeSet;

use tasker_core::{
    ANSWER_BYTES, CoreError, tasker_bytes_used, tasker_close, tasker_core_close, tasker_core_open,
    tasker_extend, tasker_intern, tasker_inventory, tasker_open, tasker_tick,
};

/// Bytes after each buffer that no call may touch.
const FENCE: [u8; 8] = [0xa5; 8];

/// Numbers that were answered stay within this range, so that calls often hit something.
const NUMBERS: u32 = 6;

/// The bytes that decide what is called; zeros when they are used up.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    /// Returns a small number, or now and then any.
    fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
            small => u32::from(small) % NUMBERS,
        }
    }

    /// Returns an index and a generation, mostly those of a slot that was never given back.
    fn handle(&mut self) -> [u32; 2] {
        let index = self.number();
        let generation = if self.byte() < 200 { 1 } else { self.number() };
        [index, generation]
    }

    /// Returns `count` words.
    fn words(&mut self, count: u32) -> Vec<u8> {
        (0..count)
            .flat_map(|_| self.number().to_le_bytes())
            .collect()
    }

    /// Returns words that may lack some bytes.
    fn torn_words(&mut self, count: u32) -> Vec<u8> {
        let mut words = self.words(count);
        if self.byte() == 255 {
            words.truncate(words.len().saturating_sub(1 + usize::from(self.byte() % 4)));
        }
        words
    }
}

/// Room for a call to write into, with a fence behind it.
struct Room {
    bytes: Vec<u8>,
}

impl Room {
    fn new(length: usize) -> Room {
        let mut bytes = vec![0; length];
        bytes.extend(FENCE);
        Room { bytes }
    }

    fn pointer(&mut self) -> *const () {
        pointer_to(&mut self.bytes)
    }

    fn length(&self) -> u32 {
        (self.bytes.len() - FENCE.len()) as u32
    }

    fn check(&self) {
        assert!(self.bytes.ends_with(&FENCE), "a call wrote beyond its room");
    }
}

fn pointer_to(bytes: &mut [u8]) -> *const () {
    bytes.as_mut_ptr().cast_const().cast()
}

/// What a call came to; a test sees by it that scripts reach all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    Interned,
    Opened,
    Extended,
    Closed,
    Listed,
    Answered,
    NothingToAnswer,
    Refused,
}

/// Opens a core, makes the calls that the bytes say, and closes it.
///
/// Returns what was reached. Panics when the border breaks its word.
pub fn drive_border(bytes: &[u8]) -> BTreeSet<Reached> {
    let core = u32::try_from(tasker_core_open()).expect("a core is free");
    let mut script = Script(bytes);
    let mut reached = BTreeSet::new();
    while !script.0.is_empty() {
        // A wrong core is refused like any other wrong number.
        let on = if script.byte() == 255 { u32::MAX } else { core };
        let (code, done) = match script.byte() % 16 {
            0..3 => (intern(on, &mut script), Reached::Interned),
            3..6 => (open(on, &mut script), Reached::Opened),
            6 => (extend(on, &mut script), Reached::Extended),
            7 => (close(on, &mut script), Reached::Closed),
            8 => (inventory(&mut script), Reached::Listed),
            _ => match tick(on, &mut script) {
                0 => (0, Reached::NothingToAnswer),
                code => (code, Reached::Answered),
            },
        };
        check(code);
        reached.insert(if code < 0 { Reached::Refused } else { done });
        assert!(tasker_bytes_used(core) >= 0.0);
    }
    check(tasker_core_close(core));
    assert_eq!(tasker_core_close(core), CoreError::NoCore as i32);
    reached
}

fn check(code: i32) {
    assert_ne!(code, CoreError::Panicked as i32, "a call panicked");
    assert!(code >= CoreError::Full as i32, "{code} is no known code");
}

fn intern(core: u32, script: &mut Script) -> i32 {
    let steps = script.number().min(200);
    let mut hash = vec![script.byte() % 8];
    // Mostly sound: else too few graphs would be taken to try the rest on.
    let mut when: Vec<u8> = (0..steps)
        .map(|_| script.byte().saturating_sub(250))
        .collect();
    let mut offsets: Vec<u8> = vec![0; 4];
    let mut edges = 0_u32;
    for _ in 0..steps {
        edges += u32::from(script.byte() / 200);
        offsets.extend(edges.to_le_bytes());
    }
    if script.byte() == 255 {
        offsets = script.torn_words(steps);
    }
    let mut parents = script.torn_words(edges);
    let code = tasker_intern(
        core,
        pointer_to(&mut hash),
        hash.len() as u32,
        pointer_to(&mut when),
        when.len() as u32,
        pointer_to(&mut offsets),
        offsets.len() as u32,
        pointer_to(&mut parents),
        parents.len() as u32,
    );
    assert!(code < 0 || code < 8, "more templates than hashes");
    code
}

fn open(core: u32, script: &mut Script) -> i32 {
    let mut room = Room::new(usize::from(script.byte() % 16));
    let code = tasker_open(core, script.number(), room.pointer(), room.length());
    room.check();
    code
}

fn extend(core: u32, script: &mut Script) -> i32 {
    let [index, generation] = script.handle();
    tasker_extend(core, index, generation, script.number())
}

fn close(core: u32, script: &mut Script) -> i32 {
    let [index, generation] = script.handle();
    tasker_close(core, index, generation)
}

fn inventory(script: &mut Script) -> i32 {
    let mut room = Room::new(usize::from(script.byte()) * 16);
    let code = tasker_inventory(room.pointer(), room.length());
    room.check();
    code
}

fn tick(core: u32, script: &mut Script) -> i32 {
    let mut records = Vec::new();
    for _ in 0..script.number().min(64) {
        let [index, generation] = script.handle();
        let words = [
            index,
            generation,
            u32::from(script.byte() % 10),
            script.number(),
        ];
        records.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    if script.byte() == 255 {
        records.pop();
    }
    let mut room = Room::new(usize::from(script.byte() % 64));
    let length = records.len() as u32;
    let pointer = pointer_to(&mut records);
    let code = tasker_tick(core, pointer, length, room.pointer(), room.length());
    room.check();
    assert!(code <= (room.length() as usize / ANSWER_BYTES) as i32);
    code
}
