//! Question sets, recorded pools, and the comparison of strategies over them.
//!
//! A pool holds many recorded samples of each of its problems; [`replay`] runs strategies over it,
//! so that a thousand of them can be compared for nothing. What runs here is what runs live.
//! Nothing here talks to an engine.
//!
//! ```no_run
//! use outthink_eval::{Pool, ReplayOptions, replay};
//! use outthink_strategy::StrategySpec;
//!
//! let pool = Pool::read("pool.jsonl.gz".as_ref())?;
//! let spec = StrategySpec::for_effort("medium".parse()?);
//! let row = replay(&pool, &spec, &ReplayOptions::default())?;
//! println!("{:.3} with {:.1} samples", row.accuracy, row.samples);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod comparison;
mod draw;
mod error;
mod frontier;
mod interval;
mod learn;
mod lines;
mod pool;
mod replay;
mod set;
mod yardstick;

pub use comparison::{CompareOptions, MethodRow, compare, votes_of};
pub use error::EvalError;
pub use frontier::{Draws, FrontierPoint, Rule, Walk};
pub use interval::{Interval, wilson};
pub use learn::learn_table;
pub use pool::{Pool, PoolProblem, PoolSample};
pub use replay::{ReplayOptions, ReplayRow, one_at_a_time, replay};
pub use set::{Question, QuestionSet};
pub use yardstick::{PoolYardstick, Run, SLACK, Yardstick, yardstick};
