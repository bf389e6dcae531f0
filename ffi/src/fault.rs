//! What the core refuses, as numbers that cross the border.

#![forbid(unsafe_code)]

/// Why a call was refused. The numbers are the ABI: `ffi/readiness.ts` knows each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum CoreError {
    /// The body of the call panicked; the core it worked on is gone.
    Panicked = -1,
    /// No core has this number: never opened, closed, in use, or lost in a panic.
    NoCore = -2,
    /// A buffer's length is not a multiple of what it holds, or it holds too little.
    BadLength = -3,
    /// The graph breaks its shape.
    GraphInvalid = -4,
    /// The graph's steps depend on each other in a cycle.
    GraphCycle = -5,
    /// No template has this number.
    NoTemplate = -6,
    /// The instance is closed.
    StaleInstance = -7,
    /// The template does not begin with the steps of the instance's own.
    NoExtension = -8,
    /// No number is left for another core, template or instance.
    Full = -9,
}

/// Why a record was refused. The numbers are the ABI: `InstanceFault` in src/core/readiness.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum InstanceFault {
    StaleInstance = 1,
    StepOutOfRange = 2,
    UnknownKind = 3,
}
