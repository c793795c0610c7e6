//! What is believed of a problem, and what the next sample is worth.
//!
//! A [`Prior`] over how much samples agree turns votes into expected shares; a [`Plan`] says for
//! every way in which votes can fall what going on is worth; beyond its reach the knowledge gradient
//! of [`crate::value`] does. [`AgreementModel`] weighs votes by what their answers look like. [`ArmValues`] chooses between prompts and models.

mod agreement;
mod arms;
mod batch;
mod budget;
mod evidence;
mod look;
mod plan;
mod price;
mod prior;
mod skill;
mod stream;

pub use agreement::{AgreementContext, AgreementModel, Vote, learn_form};
pub use arms::ArmValues;
pub use batch::Batch;
pub use budget::BudgetPrice;
pub use evidence::{is_certain, log_evidence};
pub use look::{FEATURES, Look};
pub use plan::{EXACT_VOTES, EXACT_WHILE_LEARNING, Plan};
pub use price::PriceController;
pub use prior::{Belief, Prior};
pub use skill::{ArmVote, Skills};
pub use stream::AgreementStream;
