//! A key and what it may spend.

use crate::LedgerError;
use outthink_core::{Cost, Effort};
use serde::{Deserialize, Serialize};

/// What a key may do; `None` and an empty list are no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The models that it may name.
    pub models: Vec<String>,
    /// Requests that may begin in one minute of the clock.
    pub requests_per_minute: Option<u64>,
    /// Generated tokens of the requests that begin in one minute of the clock.
    pub tokens_per_minute: Option<u64>,
    /// Dollars for the requests that begin in one day of UTC.
    pub cost_per_day: Option<Cost>,
    /// The largest effort that it may ask for.
    pub largest_effort: Option<Effort>,
}

impl Limits {
    /// What is useless in these limits, in words that say the mend.
    pub fn problem(&self) -> Option<&'static str> {
        if self.requests_per_minute == Some(0) {
            return Some("0 requests a minute are none: give at least 1, or revoke the key");
        }
        if self.tokens_per_minute.is_some_and(|t| t < 16) {
            return Some("no answer fits into so few tokens a minute: give at least 16");
        }
        if self.cost_per_day == Some(Cost::ZERO) {
            return Some("0 dollars a day buy nothing: give a positive amount");
        }
        None
    }

    /// Whether the key may name this model.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|m| m == model)
    }

    /// Whether the key may ask for this effort.
    pub fn allows_effort(&self, effort: Effort) -> bool {
        self.largest_effort.is_none_or(|largest| effort <= largest)
    }
}

/// A key to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Its name in lists; no two live keys share one.
    pub name: String,
    /// Whether it may see and change the keys of others.
    pub admin: bool,
    /// What it may spend.
    pub limits: Limits,
}

impl NewKey {
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        let length = self.name.chars().count();
        let fits = self.name.chars().all(|c| c.is_alphanumeric() || "-_.@ ".contains(c));
        if !(1..=64).contains(&length) || !fits || self.name.trim() != self.name {
            let words = "a key's name has 1 to 64 letters, digits, spaces, `-`, `_`, `.` or `@`: choose another";
            return Err(LedgerError::Asked(words.into()));
        }
        match self.limits.problem() {
            Some(words) => Err(LedgerError::Asked(words.into())),
            None => Ok(()),
        }
    }
}

/// A key as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The part of the key that is no secret.
    pub id: String,
    /// Its name in lists.
    pub name: String,
    /// Whether it may see and change the keys of others.
    pub admin: bool,
    /// What it may spend.
    pub limits: Limits,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was revoked, in seconds since 1970.
    pub revoked: Option<u64>,
}
