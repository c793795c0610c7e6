//! What is believed of a problem, and what the next sample is worth.
//!
//! A [`Prior`] over how much samples agree turns votes into expected shares; a [`Plan`] says for
//! every way in which votes can fall what going on is worth; beyond its reach the knowledge gradient
//! of [`crate::value`] does. [`ArmValues`] chooses between prompts and models.

mod arms;
mod batch;
mod evidence;
mod plan;
mod price;
mod prior;

pub use arms::ArmValues;
pub use batch::Batch;
pub use evidence::{is_certain, log_evidence};
pub use plan::{EXACT_VOTES, Plan};
pub use price::PriceController;
pub use prior::{Belief, Prior};
