//! A key and what it may spend.

use crate::budget::Period;
use crate::{LedgerError, TeamLimits};
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
    /// Dollars for the requests that begin in one month of UTC.
    pub cost_per_month: Option<Cost>,
    /// Dollars for one session: a conversation, or an agent's run.
    pub cost_per_session: Option<Cost>,
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
        nothing([self.cost_per_day, self.cost_per_month, self.cost_per_session])
    }

    /// Whether something limits what is spent or generated.
    pub fn spending(&self) -> bool {
        let budgets = [self.cost_per_day, self.cost_per_month, self.cost_per_session];
        self.tokens_per_minute.is_some() || budgets.iter().any(Option::is_some)
    }

    /// The key's own budgets by their periods.
    pub(crate) fn budgets(&self) -> [(Period, Option<Cost>); 2] {
        [(Period::Day, self.cost_per_day), (Period::Month, self.cost_per_month)]
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

impl TeamLimits {
    /// What is useless in these limits, in words that say how to fix it.
    pub fn problem(&self) -> Option<&'static str> {
        nothing([self.cost_per_day, self.cost_per_month, self.cost_per_session])
    }

    /// The team's budgets by their periods.
    pub(crate) fn budgets(&self) -> [(Period, Option<Cost>); 2] {
        [(Period::Day, self.cost_per_day), (Period::Month, self.cost_per_month)]
    }
}

/// A budget that pays for nothing.
fn nothing(budgets: [Option<Cost>; 3]) -> Option<&'static str> {
    budgets.contains(&Some(Cost::ZERO)).then_some("a budget of 0 dollars pays for nothing: give a positive amount")
}

/// A key to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKey {
    /// Its name in lists; no two live keys share one.
    pub name: String,
    /// Whether it may see and change the keys of others.
    pub admin: bool,
    /// The team whose budgets it shares, for as long as it lives.
    pub team: Option<String>,
    /// What it may spend.
    pub limits: Limits,
}

/// Refuses a name that lists cannot show.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), LedgerError> {
    let length = name.chars().count();
    let fits = name.chars().all(|c| c.is_alphanumeric() || "-_.@ ".contains(c));
    if (1..=64).contains(&length) && fits && name.trim() == name {
        return Ok(());
    }
    let words =
        format!("the name of a {what} has 1 to 64 letters, digits, spaces, `-`, `_`, `.` or `@`: choose another");
    Err(LedgerError::Asked(words))
}

impl NewKey {
    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        check_name("key", &self.name)?;
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
    /// The team whose budgets it shares.
    pub team: Option<String>,
    /// What it may spend.
    pub limits: Limits,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it was revoked, in seconds since 1970.
    pub revoked: Option<u64>,
}
