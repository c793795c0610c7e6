//! One way for every request: who asks, what it may cost, its turn, its run, its bill.
//!
//! An API hands over a [`RunRequest`](request::RunRequest) or a relay; nothing here knows in which protocol it
//! came or how its end is sent.

mod account;
mod admission;
mod allowance;
mod caller;
mod control;
mod fair;
mod gateway;
mod judged;
mod lengths;
mod metered;
mod options;
mod part;
mod queue;
mod request;
mod resources;
mod running;
pub(crate) mod session;
mod streams;
mod weigh;

pub(crate) use account::Account;
pub(crate) use admission::Size;
pub(crate) use allowance::{Allowance, Amount};
pub(crate) use caller::Caller;
pub use control::Control;
pub(crate) use gateway::{Asking, Begun, Gateway, unix_seconds};
pub use options::{Health, Limits, Policy, ServeOptions};
pub(crate) use part::{Part, PartSpent};
pub(crate) use request::RunRequest;
pub(crate) use resources::{ArmAsked, Judge, wrong};
pub use resources::{MakeComparer, MakeJudge, MakeTests, Resources};
pub(crate) use running::{Ended, Heard, Running};
pub(crate) use weigh::{is_medium, likely_tokens, weigh_fields};
