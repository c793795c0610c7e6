//! What lists and pages show of keys and charges.

use crate::batch::{int, json, uint};
use crate::book::DAY;
use crate::budget::Period;
use crate::{Balance, Key, LedgerError, TeamLimits};
use outthink_core::Cost;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};
use std::collections::HashMap;

/// A key and what it has spent today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// The key.
    #[serde(flatten)]
    pub key: Key,
    /// Spent today (UTC), lapsed claims included.
    pub spent: Cost,
    /// Held by requests that run.
    pub reserved: Cost,
    /// Spent and reserved in this month (UTC), today included.
    pub month: Balance,
    /// The part of `spent` that was charged because a gateway died.
    pub lapsed: Cost,
    /// Requests that began today.
    pub requests: u64,
    /// Generated tokens of today.
    pub generated: u64,
}

/// A team and what its keys have spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TeamStatus {
    /// Its name.
    pub name: String,
    /// What its keys may spend together.
    pub limits: TeamLimits,
    /// Its live keys.
    pub keys: u64,
    /// Spent today (UTC), lapsed claims included.
    pub spent: Cost,
    /// Held by requests that run.
    pub reserved: Cost,
    /// Spent and reserved in this month (UTC), today included.
    pub month: Balance,
}

/// What one request was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// The request's name.
    pub trace: String,
    /// The key.
    pub key: String,
    /// Dollars.
    pub cost: Cost,
    /// Generated tokens.
    pub generated: u64,
    /// Whether it was charged in full because its gateway died.
    pub lapsed: bool,
}

/// A row of `id, name, admin, limits, created, revoked, team`.
pub(crate) fn key_of(row: &AnyRow) -> Result<Key, sqlx::Error> {
    Ok(Key {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        admin: row.try_get::<i64, _>(2)? != 0,
        team: row.try_get(6)?,
        limits: json(&row.try_get::<String, _>(3)?)?,
        created: uint(row.try_get(4)?),
        revoked: row.try_get::<Option<i64>, _>(5)?.map(uint),
    })
}

/// What an account did in a period.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Activity {
    pub(crate) balance: Balance,
    lapsed: Cost,
    requests: u64,
    generated: u64,
}

/// What an account did today and in this month.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spending {
    pub(crate) today: Activity,
    pub(crate) month: Balance,
}

/// What an account of [`standing`] did.
pub(crate) fn spending(standing: &HashMap<String, Spending>, account: &str) -> Spending {
    standing.get(account).copied().unwrap_or_default()
}

/// What each key and team did today and in this month.
pub(crate) async fn standing(pool: &AnyPool, now: u64) -> Result<HashMap<String, Spending>, LedgerError> {
    let failed = || LedgerError::database("add up what was spent");
    let (first, last) = Period::Month.days(now);
    let rows = sqlx::query(
        "SELECT key_id, day, spent, reserved, lapsed, requests, generated FROM ledger_days
            WHERE day >= $1 AND day <= $2 AND key_id NOT LIKE 'session:%'",
    )
    .bind(int(first))
    .bind(int(last))
    .fetch_all(pool)
    .await
    .map_err(failed())?;
    let mut standing: HashMap<String, Spending> = HashMap::new();
    for row in &rows {
        add(&mut standing, row, now).map_err(failed())?;
    }
    Ok(standing)
}

fn add(standing: &mut HashMap<String, Spending>, row: &AnyRow, now: u64) -> Result<(), sqlx::Error> {
    let number = |column: usize| Ok::<_, sqlx::Error>(uint(row.try_get(column)?));
    let balance = Balance { spent: Cost::from_nano(number(2)?), reserved: Cost::from_nano(number(3)?) };
    let spending = standing.entry(row.try_get(0)?).or_default();
    spending.month.spent += balance.spent;
    spending.month.reserved += balance.reserved;
    if number(1)? == now / DAY {
        let lapsed = Cost::from_nano(number(4)?);
        spending.today = Activity { balance, lapsed, requests: number(5)?, generated: number(6)? };
    }
    Ok(())
}

pub(crate) async fn keys(pool: &AnyPool, now: u64) -> Result<Vec<KeyStatus>, LedgerError> {
    let failed = || LedgerError::database("list its keys");
    let standing = standing(pool, now).await?;
    let rows =
        sqlx::query("SELECT id, name, admin, limits, created, revoked, team FROM ledger_keys ORDER BY created, name")
            .fetch_all(pool)
            .await
            .map_err(failed())?;
    let read = |row: &AnyRow| -> Result<KeyStatus, sqlx::Error> {
        let key = key_of(row)?;
        let Spending { today, month } = spending(&standing, &key.id);
        Ok(KeyStatus {
            key,
            spent: today.balance.spent,
            reserved: today.balance.reserved,
            month,
            lapsed: today.lapsed,
            requests: today.requests,
            generated: today.generated,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(failed())
}

pub(crate) async fn charges(pool: &AnyPool, key: &str) -> Result<Vec<Charge>, LedgerError> {
    let failed = || LedgerError::database("list its charges");
    let rows = sqlx::query(
        "SELECT trace, key_id, cost, generated, lapsed FROM ledger_charges WHERE key_id = $1 ORDER BY began, trace",
    )
    .bind(key.to_owned())
    .fetch_all(pool)
    .await
    .map_err(failed())?;
    let read = |row: &AnyRow| -> Result<Charge, sqlx::Error> {
        Ok(Charge {
            trace: row.try_get(0)?,
            key: row.try_get(1)?,
            cost: Cost::from_nano(uint(row.try_get(2)?)),
            generated: uint(row.try_get(3)?),
            lapsed: row.try_get::<i64, _>(4)? != 0,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(failed())
}
