//! Strategies and stopping rules, and the session that carries them out. All of it is pure.
//!
//! A [`Strategy`](outthink_core::Strategy) sees a state and says what to buy next; nothing in it reads a clock,
//! a file or a socket, or draws a random number. A [`Session`] is one request as a machine without I/O: a host
//! asks it what to do and reports what came of it. The async runner (crate `outthink-runner`), replays and
//! [`simulate`](simulate::simulate) host the same machine, so that what is measured in replay is what runs
//! live.
//!
//! ```
//! use outthink_core::State;
//! use outthink_strategy::StrategySpec;
//!
//! let mut strategy = StrategySpec::for_effort("medium".parse()?).build()?;
//! let first = strategy.step(&State::default());
//! println!("{:?}: {}", first.steps, first.why);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aggregate;
pub mod allocator;
mod api;
mod confidence;
mod kinds;
mod plan;
mod reading;
pub mod registry;
pub mod session;
mod settings;
pub mod simulate;
mod spec;
pub mod stopping;
pub mod strategies;
mod table;
mod tool_calls;
pub mod value;

pub use aggregate::Aggregate;
pub use api::{DriveError, DriveRequest, Update};
pub use plan::{FIELDS as PLAN_FIELDS, PlanError, ThinkingPlan, unknown_field};
pub use session::{Action, Input, Judged, Session, Setup, Task, TaskId, TaskKind};
pub use settings::Settings;
pub use spec::{StrategyError, StrategySpec};
pub(crate) use table::Judgement;
pub use table::{ArmInfo, RecordedEnd, prompt_bytes};
