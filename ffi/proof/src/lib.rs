//! What the tests and benches of the readiness core share.

pub mod fuzz;
pub mod naive;
pub mod random;
pub mod shape;
