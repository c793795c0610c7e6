//! Budgets: who has one, for which period, and what of it is spent and reserved.

use crate::book::DAY;
use chrono::{DateTime, Datelike, Months, NaiveDate};
use outthink_core::Cost;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "of", content = "name")]
pub enum Payer {
    /// The key's own.
    Key,
    /// That of all keys of a team, by its name.
    Team(String),
    /// That of one session (a conversation, an agent's run) of a key.
    Session,
}

/// How long a budget lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A day of UTC.
    Day,
    /// A month of the calendar, in UTC.
    Month,
    /// As long as the session: it is not renewed.
    Session,
}

impl Period {
    /// The first and the last day of the period that `now` (seconds since 1970) is in, as days since 1970.
    pub(crate) fn days(self, now: u64) -> (u64, u64) {
        let today = now / DAY;
        match self {
            Self::Day => (today, today),
            Self::Month => month(today).unwrap_or((today, today)),
            Self::Session => (0, u64::MAX),
        }
    }

    /// When the period ends and the budget is renewed, in seconds since 1970; `None` if never.
    pub(crate) fn ends(self, now: u64) -> Option<u64> {
        (self != Self::Session).then(|| (self.days(now).1 + 1) * DAY)
    }
}

/// The first and the last day of the month that `day` is in.
fn month(day: u64) -> Option<(u64, u64)> {
    let date = DateTime::from_timestamp(i64::try_from(day.checked_mul(DAY)?).ok()?, 0)?.date_naive();
    let first = date.with_day(1)?;
    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
    let since_1970 = |date: NaiveDate| u64::try_from((date - NaiveDate::default()).num_days()).ok();
    Some((since_1970(first)?, since_1970(last)?))
}

/// A budget by name: whose it is, for which period, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetName {
    /// Whose it is.
    #[serde(flatten)]
    pub payer: Payer,
    /// For how long.
    pub period: Period,
    /// Dollars.
    pub limit: Cost,
}

impl fmt::Display for BudgetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payer, period, limit } = self;
        match payer {
            Payer::Key => write!(f, "the key's budget of {limit}")?,
            Payer::Team(name) => write!(f, "the budget of {limit} of the team `{name}`")?,
            Payer::Session => return write!(f, "this session's budget of {limit}"),
        }
        f.write_str(match period {
            Period::Day => " a day",
            Period::Month => " a month",
            Period::Session => " a session",
        })
    }
}

/// What the keys of a team may spend together; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TeamLimits {
    /// Dollars for the requests that begin in one day of UTC.
    pub cost_per_day: Option<Cost>,
    /// Dollars for the requests that begin in one month of UTC.
    pub cost_per_month: Option<Cost>,
    /// Dollars for each session of each key.
    pub cost_per_session: Option<Cost>,
}

/// Dollars that are spent, and that requests in flight hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Settled and lapsed charges.
    pub spent: Cost,
    /// Held by requests that run.
    pub reserved: Cost,
}

impl Balance {
    /// Enters what was spent in place of what was held.
    fn settle(&mut self, held: Cost, spent: Cost) {
        self.reserved = self.reserved.saturating_sub(held);
        self.spent += spent;
    }
}

/// One budget and how it stands in the period of `now`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Which it is.
    pub name: BudgetName,
    /// What is spent and reserved of it.
    pub balance: Balance,
}

impl Budget {
    /// What is not spent.
    fn unspent(&self) -> Cost {
        self.name.limit.saturating_sub(self.balance.spent)
    }

    /// What is neither spent nor reserved.
    pub(crate) fn free(&self) -> Cost {
        self.unspent().saturating_sub(self.balance.reserved)
    }

    /// Whether it will not pay for `least`, whatever comes back from what runs.
    pub(crate) fn is_spent_for(&self, least: Cost) -> bool {
        self.unspent() < least || self.unspent() == Cost::ZERO
    }
}

/// The budgets of one payer; a claim on one is a claim on all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Each limit of its own, of different periods.
    pub budgets: Vec<Budget>,
}

impl Account {
    /// An account of which nothing is spent.
    pub fn new(payer: &Payer, limits: impl IntoIterator<Item = (Period, Option<Cost>)>) -> Self {
        let named = |(period, limit): (Period, Option<Cost>)| {
            let name = BudgetName { payer: payer.clone(), period, limit: limit? };
            Some(Budget { name, balance: Balance::default() })
        };
        Self { budgets: limits.into_iter().filter_map(named).collect() }
    }

    pub(crate) fn reserve(&mut self, cost: Cost) {
        for budget in &mut self.budgets {
            budget.balance.reserved += cost;
        }
    }

    pub(crate) fn settle(&mut self, held: Cost, spent: Cost) {
        for budget in &mut self.budgets {
            budget.balance.settle(held, spent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_where_the_calendar_says() {
        // 2024-02-29 12:00:00 UTC, a leap day.
        let now = 1_709_208_000;
        assert_eq!(Period::Day.ends(now), Some(1_709_251_200));
        assert_eq!(Period::Month.ends(now), Some(1_709_251_200));
        assert_eq!(Period::Month.days(now), (19_754, 19_782));
        // The last second of a year, and the first one of the next.
        assert_eq!(Period::Month.ends(1_735_689_599), Some(1_735_689_600));
        assert_eq!(Period::Month.ends(1_735_689_600), Some(1_738_368_000));
        assert_eq!(Period::Session.ends(now), None);
        assert_eq!(Period::Month.days(0), (0, 30));
    }

    #[test]
    fn a_budget_is_named_in_words() {
        let name = |payer, period| BudgetName { payer, period, limit: Cost::from_nano(1_500_000_000) }.to_string();
        assert_eq!(name(Payer::Key, Period::Day), "the key's budget of $1.500000 a day");
        assert_eq!(name(Payer::Team("red".into()), Period::Month), "the budget of $1.500000 of the team `red` a month");
        assert_eq!(name(Payer::Session, Period::Session), "this session's budget of $1.500000");
    }
}
