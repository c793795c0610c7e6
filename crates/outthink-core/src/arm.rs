//! The ways in which a sample can be drawn.

use crate::{Capabilities, Cost, Room, Usage};
use serde::{Deserialize, Serialize};

/// An arm's number within its request, from 0, the cheapest or the default one.
pub type ArmId = u32;
/// A verifier's number within its request, from 0.
pub type VerifierId = u32;

/// A way to draw samples, as strategies see it: an engine, perhaps with words of its own for the
/// model, and a price.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arm {
    /// Its name in traces.
    pub name: String,
    /// What its engine can do.
    pub capabilities: Capabilities,
    /// What the budget still pays for on it.
    pub room: Room,
}

/// What was bought on one arm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmBill {
    /// The arm's name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// Samples started.
    pub samples: u32,
    /// The bill in tokens.
    pub usage: Usage,
    /// The bill in money.
    pub cost: Cost,
}
