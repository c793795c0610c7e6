//! Fused operations on `f32`, written once and compiled for the vector units that are there.
//!
//! Nothing here allocates but scratch that is kept, knows of a model, or has `unsafe` in it: vector
//! types and the choice of instructions come from `pulp`.
#![allow(clippy::needless_range_loop, reason = "indices over arrays of one length make the plainest vector code")]
#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the vector units")]

pub(crate) mod attention;
mod buffer;
#[cfg(test)]
pub(crate) mod check;
pub(crate) mod gemm;
mod math;
pub(crate) mod rows;

pub(crate) use buffer::Buffer;
pub(crate) use math::{exp, max};
