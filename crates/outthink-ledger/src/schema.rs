//! The tables, and how a database comes to have them.

use crate::LedgerError;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Connection, Executor};
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

/// The newest schema that is known here.
const VERSION: i64 = 3;

/// The first schema. Amounts are billionths of a dollar, times are seconds since 1970, days and minutes are those
/// divided.
///
/// `ledger_days` has the days of every account: of a key by its identifier, of a team and of a session by what
/// [`crate::account`] calls them. A month and a session are sums of days.
const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS ledger_schema (version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ledger_keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, admin BIGINT NOT NULL,
        limits TEXT NOT NULL, created BIGINT NOT NULL, revoked BIGINT)",
    "CREATE UNIQUE INDEX IF NOT EXISTS ledger_live_names ON ledger_keys (name) WHERE revoked IS NULL",
    "CREATE TABLE IF NOT EXISTS ledger_days (
        key_id TEXT NOT NULL, day BIGINT NOT NULL, spent BIGINT NOT NULL, reserved BIGINT NOT NULL,
        lapsed BIGINT NOT NULL, requests BIGINT NOT NULL, prompt BIGINT NOT NULL, generated BIGINT NOT NULL,
        PRIMARY KEY (key_id, day))",
    "CREATE TABLE IF NOT EXISTS ledger_minutes (
        key_id TEXT NOT NULL, minute BIGINT NOT NULL, requests BIGINT NOT NULL, tokens BIGINT NOT NULL,
        reserved BIGINT NOT NULL, PRIMARY KEY (key_id, minute))",
    "CREATE TABLE IF NOT EXISTS ledger_claims (
        trace TEXT PRIMARY KEY, key_id TEXT NOT NULL, model TEXT NOT NULL, holder TEXT NOT NULL,
        began BIGINT NOT NULL, cost BIGINT NOT NULL, tokens BIGINT NOT NULL, expires BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_claims_by_key ON ledger_claims (key_id, expires)",
    "CREATE INDEX IF NOT EXISTS ledger_claims_by_holder ON ledger_claims (holder)",
    "CREATE TABLE IF NOT EXISTS ledger_charges (
        trace TEXT PRIMARY KEY, key_id TEXT NOT NULL, model TEXT NOT NULL, began BIGINT NOT NULL,
        cost BIGINT NOT NULL, prompt BIGINT NOT NULL, generated BIGINT NOT NULL, lapsed BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_charges_by_key ON ledger_charges (key_id, began)",
    "CREATE TABLE IF NOT EXISTS ledger_records (
        trace TEXT PRIMARY KEY, key_id TEXT, model TEXT NOT NULL, stored BIGINT NOT NULL,
        expires BIGINT NOT NULL, prompt TEXT NOT NULL, completion TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_records_by_age ON ledger_records (expires)",
];

/// What each later schema adds to the one before it.
const LATER: &[(i64, &[&str])] = &[(2, TEAMS_AND_DOCUMENTS), (3, FILES_AND_BATCHES)];

const TEAMS_AND_DOCUMENTS: &[&str] = &[
    "CREATE TABLE ledger_teams (name TEXT PRIMARY KEY, limits TEXT NOT NULL, created BIGINT NOT NULL)",
    "ALTER TABLE ledger_keys ADD COLUMN team TEXT",
    "ALTER TABLE ledger_claims ADD COLUMN session TEXT",
    "ALTER TABLE ledger_charges ADD COLUMN session TEXT",
    "CREATE TABLE ledger_documents (
            kind TEXT NOT NULL, id TEXT NOT NULL, owner TEXT, stored BIGINT NOT NULL, expires BIGINT NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (kind, id))",
    "CREATE INDEX ledger_documents_by_age ON ledger_documents (kind, stored)",
    "CREATE INDEX ledger_documents_by_end ON ledger_documents (expires)",
];

/// A file is its lines. What a batch has answered are the lines of its two files, by the number of the request: so each
/// result is there once. `ledger_batch_lines` has the requests that run, with what they may spend at most.
const FILES_AND_BATCHES: &[&str] = &[
    "CREATE TABLE ledger_files (
        id TEXT PRIMARY KEY, owner TEXT, name TEXT NOT NULL, purpose TEXT NOT NULL, bytes BIGINT NOT NULL,
        created BIGINT NOT NULL, expires BIGINT)",
    "CREATE INDEX ledger_files_by_age ON ledger_files (created, id)",
    "CREATE TABLE ledger_lines (
        file TEXT NOT NULL, number BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (file, number))",
    "CREATE TABLE ledger_batches (
        id TEXT PRIMARY KEY, owner TEXT, input TEXT NOT NULL, created BIGINT NOT NULL, status TEXT NOT NULL,
        cancelling BIGINT, holder TEXT, lease BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX ledger_batches_by_age ON ledger_batches (created, id)",
    "CREATE INDEX ledger_batches_by_status ON ledger_batches (status)",
    "CREATE TABLE ledger_batch_lines (
        batch TEXT NOT NULL, number BIGINT NOT NULL, trace TEXT NOT NULL, cost BIGINT NOT NULL, tokens BIGINT NOT NULL,
        PRIMARY KEY (batch, number))",
];

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) fn of(url: &str) -> Result<Self, LedgerError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(LedgerError::Address),
        }
    }

    /// What opens a transaction that will write.
    pub(crate) const fn begin(self) -> &'static str {
        match self {
            // Takes the lock at once: a reader that becomes a writer may be refused half-way.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// The end of a query whose rows stay locked until the transaction ends.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// The places of `columns` values in each of so many rows: `($1, $2), ($3, $4)`. SQLite would look each numbered
    /// place up by its name, among all of them.
    pub(crate) fn rows(self, count: usize, columns: usize) -> String {
        let mut places = String::new();
        for at in 0..count * columns {
            places.push_str(if at == 0 {
                "("
            } else if at % columns == 0 {
                "), ("
            } else {
                ", "
            });
            match self {
                Self::Sqlite => places.push('?'),
                Self::Postgres => _ = write!(places, "${}", at + 1),
            }
        }
        places + ")"
    }
}

/// Connects, and makes the tables where there are none.
pub(crate) async fn open(url: &str) -> Result<(AnyPool, Kind), LedgerError> {
    let kind = Kind::of(url)?;
    sqlx::any::install_default_drivers();
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let url = match kind {
        Kind::Sqlite if !url.contains("mode=") && !in_memory => {
            format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' })
        }
        _ => url.to_owned(),
    };
    let options = AnyConnectOptions::from_str(&url).map_err(|_| LedgerError::Address)?;
    let pool = AnyPoolOptions::new()
        // A database in memory lives as long as its one connection.
        .max_connections(if in_memory { 1 } else { 4 })
        .min_connections(u32::from(in_memory))
        .idle_timeout(if in_memory { None } else { Some(Duration::from_mins(5)) })
        .max_lifetime(if in_memory { None } else { Some(Duration::from_hours(1)) })
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if kind == Kind::Sqlite {
                    connection.execute("PRAGMA busy_timeout = 10000").await?;
                    connection.execute("PRAGMA journal_mode = WAL").await?;
                    // A charge that was acknowledged outlives a loss of power, too.
                    connection.execute("PRAGMA synchronous = FULL").await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(LedgerError::database("open its database"))?;
    make_tables(&pool, kind).await?;
    Ok((pool, kind))
}

async fn make_tables(pool: &AnyPool, kind: Kind) -> Result<(), LedgerError> {
    let failed = || LedgerError::database("make its tables");
    let mut connection = pool.acquire().await.map_err(failed())?;
    let mut tx = connection.begin_with(kind.begin()).await.map_err(failed())?;
    if kind == Kind::Postgres {
        // Two gateways that start at once make the tables one after the other.
        tx.execute("SELECT pg_advisory_xact_lock(7164128)").await.map_err(failed())?;
    }
    for table in TABLES {
        tx.execute(*table).await.map_err(failed())?;
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT MAX(version) FROM ledger_schema").fetch_one(&mut *tx).await.map_err(failed())?;
    if let Some(found) = found.filter(|found| *found > VERSION) {
        return Err(LedgerError::Schema { found, known: VERSION });
    }
    let found = found.unwrap_or(1);
    for (version, statements) in LATER.iter().filter(|(version, _)| *version > found) {
        for statement in *statements {
            tx.execute(*statement).await.map_err(failed())?;
        }
        debug_assert!(*version <= VERSION, "the newest schema is the last of the list");
    }
    sqlx::query("DELETE FROM ledger_schema").execute(&mut *tx).await.map_err(failed())?;
    sqlx::query("INSERT INTO ledger_schema (version) VALUES ($1)")
        .bind(VERSION)
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
    tx.commit().await.map_err(failed())
}
