//! What lists and pages show of keys and charges.

use crate::batch::{int, uint};
use crate::book::DAY;
use crate::{Key, LedgerError};
use outthink_core::Cost;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

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
    /// The part of `spent` that was charged because a gateway died.
    pub lapsed: Cost,
    /// Requests that began today.
    pub requests: u64,
    /// Generated tokens of today.
    pub generated: u64,
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

pub(crate) fn key_of(row: &AnyRow) -> Result<Key, sqlx::Error> {
    let limits: String = row.try_get(3)?;
    Ok(Key {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        admin: row.try_get::<i64, _>(2)? != 0,
        limits: serde_json::from_str(&limits).map_err(|e| sqlx::Error::Decode(Box::new(e)))?,
        created: uint(row.try_get(4)?),
        revoked: row.try_get::<Option<i64>, _>(5)?.map(uint),
    })
}

pub(crate) async fn keys(pool: &AnyPool, now: u64) -> Result<Vec<KeyStatus>, LedgerError> {
    let failed = || LedgerError::database("list its keys");
    let rows = sqlx::query(
        "SELECT k.id, k.name, k.admin, k.limits, k.created, k.revoked,
            COALESCE(d.spent, 0), COALESCE(d.reserved, 0), COALESCE(d.lapsed, 0), COALESCE(d.requests, 0),
            COALESCE(d.generated, 0)
            FROM ledger_keys k LEFT JOIN ledger_days d ON d.key_id = k.id AND d.day = $1
            ORDER BY k.created, k.name",
    )
    .bind(int(now / DAY))
    .fetch_all(pool)
    .await
    .map_err(failed())?;
    let read = |row: &AnyRow| -> Result<KeyStatus, sqlx::Error> {
        Ok(KeyStatus {
            key: key_of(row)?,
            spent: Cost::from_nano(uint(row.try_get(6)?)),
            reserved: Cost::from_nano(uint(row.try_get(7)?)),
            lapsed: Cost::from_nano(uint(row.try_get(8)?)),
            requests: uint(row.try_get(9)?),
            generated: uint(row.try_get(10)?),
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
