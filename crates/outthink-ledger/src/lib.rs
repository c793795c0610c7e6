//! Who may spend how much, and what was spent: the keys, budgets and charges of the gateway.
//!
//! A request *claims* what its next stretch may cost before it spends anything, *grows* its claim while it
//! runs, and *settles* what it did cost at its end. So a budget is never exceeded, and a request that may
//! become long holds no more of it than it needs. A claim is a lease: the gateway that holds it renews it while the request runs. If
//! the gateway dies, the lease ends and the claim is charged in full, because nobody knows what was
//! spent of it; so neither a race nor a crash spends more than a key's budget. A late settlement puts
//! the true amount in the place of such a charge.
//!
//! A key has budgets of its own (a day, a month), may share those of a *team*, and may have one for each *session*:
//! a claim is a claim on all of them at once, and what is granted is the least that any of them can pay.
//!
//! It never stores a key, only its hash; it knows no request and no text, except where
//! [`Ledger::remember`] is told to keep them for a while.
//!
//! ```
//! use outthink_core::Cost;
//! use outthink_ledger::{Claim, Ledger, Limits, NewKey, Spent};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let ledger = Ledger::open("sqlite::memory:", 60).await?;
//! let limits = Limits { cost_per_day: Some(Cost::from_nano(1_000)), ..Limits::default() };
//! let (key, secret) = ledger.create_key(&NewKey { name: "alice".into(), limits, ..NewKey::default() }).await?;
//! assert_eq!(ledger.authenticate(secret.expose()).await?.map(|k| k.id), Some(key.id.clone()));
//!
//! let claim = Claim { least: Cost::from_nano(100), most: Cost::from_nano(700), ..Claim::new(&key.id, "request-1", "model") };
//! let hold = ledger.claim(claim.clone()).await?;
//! assert_eq!(hold.grant().cost, Some(Cost::from_nano(700)));
//! // The second one gets what is left.
//! let second = ledger.claim(Claim { trace: "request-2".into(), ..claim }).await?;
//! assert_eq!(second.grant().cost, Some(Cost::from_nano(300)));
//! hold.settle(Spent { cost: Cost::from_nano(250), ..Spent::default() });
//! # drop(second);
//! # ledger.close().await;
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod account;
mod advance;
mod advance_write;
mod batch;
mod book;
mod budget;
mod documents;
mod error;
mod files;
mod jobs;
mod key;
mod ledger;
mod records;
mod refusal;
mod schema;
mod secret;
mod status;
mod teams;
mod writer;

pub use book::{Book, Claim, Grant, Growth, Minute, Payers, Spent};
pub use budget::{Account, Balance, Budget, BudgetName, Payer, Period, TeamLimits};
pub use documents::{Document, NewDocument};
pub use error::{ClaimError, LedgerError};
pub use files::{Page, StoredFile};
pub use jobs::{HeldLine, LineEnd, StoredBatch};
pub use key::{Key, Limits, NewKey};
pub use ledger::{Hold, Ledger};
pub use records::Record;
pub use refusal::Refusal;
pub use secret::{KeySecret, same_secret, weakness};
pub use status::{Charge, KeyStatus, TeamStatus};
