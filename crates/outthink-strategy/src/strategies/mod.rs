//! The strategies, one a file.

mod ab_mcts;
mod adaptive;
mod allocate;
mod beam;
mod best_of_majority;
mod best_of_n;
mod budget_forcing;
mod candidates;
mod cascade;
mod cluster_vote;
mod common;
mod confidence_vote;
mod deepconf;
mod draws;
mod dvts;
mod ensemble;
mod esc;
mod mcts;
mod probe;
mod program;
mod rebase;
mod revise;
mod search;
mod select;
mod self_consistency;
mod short_m;
mod single;
mod synthesize;
mod thought;
mod weighted_best_of_n;

pub use ab_mcts::AbMcts;
pub use adaptive::Adaptive;
pub use allocate::Allocate;
pub use best_of_n::BestOfN;
pub use cascade::Cascade;
pub use cluster_vote::ClusterVote;
pub use confidence_vote::ConfidenceVote;
pub use deepconf::DeepConf;
pub use ensemble::Ensemble;
pub use esc::Esc;
pub use program::Program;
pub use revise::Revise;
pub use select::Select;
pub use self_consistency::SelfConsistency;
pub use short_m::ShortM;
pub use single::Single;
pub use synthesize::Synthesize;
pub use thought::Thought;
pub use weighted_best_of_n::WeightedBestOfN;

use crate::registry::StrategyEntry;
use common::{give_up, stop_with_leader};

/// All strategies, in the order of the docs. A new one is a file of its own, `mod`, and a line here.
pub const REGISTRY: &[&StrategyEntry] = &[
    &single::ENTRY,
    &self_consistency::ENTRY,
    &adaptive::ENTRY,
    &allocate::ENTRY,
    &best_of_n::ENTRY,
    &best_of_majority::ENTRY,
    &weighted_best_of_n::ENTRY,
    &confidence_vote::ENTRY,
    &cluster_vote::ENTRY,
    &esc::ENTRY,
    &short_m::ENTRY,
    &deepconf::ENTRY,
    &budget_forcing::ENTRY,
    &probe::ENTRY,
    &revise::ENTRY,
    &beam::ENTRY,
    &dvts::ENTRY,
    &rebase::ENTRY,
    &mcts::ENTRY,
    &ab_mcts::ENTRY,
    &cascade::ENTRY,
    &ensemble::ENTRY,
    &program::ENTRY,
    &select::ENTRY,
    &synthesize::ENTRY,
];
