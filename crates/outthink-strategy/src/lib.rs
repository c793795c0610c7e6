//! Strategies and stopping rules (pure), and the driver that carries them out.
//!
//! A [`Strategy`](outthink_core::Strategy) sees a state and says what to buy next; nothing in it
//! reads a clock, a file or a socket, or draws a random number. The [`Driver`] is the one place
//! that talks to engines and verifiers. [`simulate`](simulate::simulate) runs the same objects over
//! recorded samples, with the same books ([`Table`]), so that what is measured in replay is what
//! runs live.
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
mod driver;
pub mod registry;
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
pub use driver::{Driver, DriverArm, Next, OneSample};
pub use settings::Settings;
pub use spec::{StrategyError, StrategySpec};
pub use table::{ArmInfo, End, Judgement, Opening, Start, Table, prompt_bytes};
