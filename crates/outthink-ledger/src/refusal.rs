//! Why something may not be spent.

use crate::budget::BudgetName;
use chrono::DateTime;

/// Why a key may not spend what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key was revoked, or is not known.
    #[error("the key is not valid: ask for a new one")]
    Revoked,
    /// The claim that was to grow has lapsed.
    #[error("the request's claim has lapsed, so it can spend no more: ask again")]
    Lapsed,
    /// Too many requests in this minute.
    #[error("the key may begin {limit} requests a minute and has done so: wait {retry_after} s")]
    Requests {
        /// The limit.
        limit: u64,
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// Too many tokens in this minute.
    #[error("the key may generate {limit} tokens a minute and they are spent or reserved: wait {retry_after} s")]
    Tokens {
        /// The limit.
        limit: u64,
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// A budget is spent.
    #[error("{budget} is spent: {}", remedy(*.ends, *.retry_after))]
    Spent {
        /// Which one; of several that are spent the one that is renewed last.
        budget: Box<BudgetName>,
        /// When it is renewed, in seconds since 1970; `None` if never.
        ends: Option<u64>,
        /// Seconds until then.
        retry_after: Option<u64>,
    },
    /// A budget is not spent, but what is left is held by requests that run.
    #[error("the rest of {budget} is reserved by requests that run: try again soon")]
    Reserved {
        /// Which one.
        budget: Box<BudgetName>,
    },
}

impl Refusal {
    /// That this budget is spent at `now`.
    pub(crate) fn spent(budget: &BudgetName, now: u64) -> Self {
        let ends = budget.period.ends(now);
        let retry_after = ends.map(|ends| ends.saturating_sub(now).max(1));
        Self::Spent { budget: Box::new(budget.clone()), ends, retry_after }
    }

    /// Seconds after which a retry may help; `None` if never.
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Revoked | Self::Lapsed => None,
            Self::Requests { retry_after, .. } | Self::Tokens { retry_after, .. } => Some(*retry_after),
            Self::Spent { retry_after, .. } => *retry_after,
            Self::Reserved { .. } => Some(1),
        }
    }

    /// The budget that does not allow it, if it is one.
    pub const fn budget(&self) -> Option<&BudgetName> {
        match self {
            Self::Spent { budget, .. } | Self::Reserved { budget } => Some(budget),
            _ => None,
        }
    }
}

/// What can be done where a budget is spent.
fn remedy(ends: Option<u64>, retry_after: Option<u64>) -> String {
    let at = ends.and_then(|s| DateTime::from_timestamp(i64::try_from(s).ok()?, 0));
    match (at, retry_after) {
        (Some(at), Some(seconds)) => format!("it is renewed in {seconds} s, at {}", at.format("%Y-%m-%d %H:%M UTC")),
        _ => "begin another session".to_owned(),
    }
}
