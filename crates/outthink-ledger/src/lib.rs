//! Who may spend how much, and what was spent: the keys, budgets and charges of the gateway.
//!
//! A request *claims* what its next stretch may cost before it spends anything, *grows* its claim while it
//! runs, and *settles* what it did cost at its end. So a budget is never exceeded, and a request that may
//! become long holds no more of it than it needs. A claim is a lease: the gateway that holds it renews it while the request runs. If
//! the gateway dies, the lease ends and the claim is charged in full, because nobody knows what was
//! spent of it; so neither a race nor a crash spends more than a key's budget. A late settlement puts
//! the true amount in the place of such a charge.
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
//! let (key, secret) = ledger.create_key(&NewKey { name: "alice".into(), admin: false, limits }).await?;
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

mod batch;
mod book;
mod error;
mod key;
mod ledger;
mod records;
mod schema;
mod secret;
mod status;
mod writer;

pub use book::{Book, Claim, Day, Grant, Growth, Minute, Refusal, Spent};
pub use error::{ClaimError, LedgerError};
pub use key::{Key, Limits, NewKey};
pub use ledger::{Hold, Ledger};
pub use records::Record;
pub use secret::{KeySecret, same_secret, weakness};
pub use status::{Charge, KeyStatus};
