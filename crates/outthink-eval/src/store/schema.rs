//! The tables, and how a database comes to have them.

use super::StoreError;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Connection, Executor};
use std::str::FromStr;
use std::time::Duration;

/// What leads from each version of the schema to the next; the first entry makes version 1. An
/// entry that was released is never changed.
///
/// Money is in billionths of a dollar, times are seconds since 1970, seeds are the bits of a `u64`.
const MIGRATIONS: &[&[&str]] = &[
    &[
        "CREATE TABLE runs (
            name TEXT PRIMARY KEY, created BIGINT NOT NULL, dataset TEXT NOT NULL, dataset_sha256 TEXT NOT NULL,
            model TEXT NOT NULL, engine TEXT NOT NULL, sampling TEXT NOT NULL, seed BIGINT NOT NULL,
            version TEXT NOT NULL, prompt_hash TEXT NOT NULL, source TEXT NOT NULL)",
        "CREATE TABLE settings (
            run TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE, number BIGINT NOT NULL,
            effort TEXT, temperature DOUBLE PRECISION, max_tokens BIGINT NOT NULL, PRIMARY KEY (run, number))",
        "CREATE TABLE problems (
            run TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE, number BIGINT NOT NULL, id TEXT NOT NULL,
            question TEXT, gold TEXT, prompt_sha256 TEXT, PRIMARY KEY (run, number), UNIQUE (run, id),
            UNIQUE (run, prompt_sha256))",
        "CREATE TABLE samples (
            run TEXT NOT NULL, problem BIGINT NOT NULL, setting BIGINT NOT NULL, idx BIGINT NOT NULL,
            seed BIGINT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL, answer TEXT,
            correct BIGINT NOT NULL, prompt_tokens BIGINT NOT NULL, cached_tokens BIGINT NOT NULL,
            completion_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL, estimated BIGINT NOT NULL,
            logprob_tokens BIGINT NOT NULL, logprob_mean DOUBLE PRECISION, logprob_min DOUBLE PRECISION,
            score DOUBLE PRECISION, finish TEXT, seconds DOUBLE PRECISION NOT NULL, cost BIGINT NOT NULL,
            created BIGINT NOT NULL, PRIMARY KEY (run, problem, setting, idx),
            FOREIGN KEY (run, problem) REFERENCES problems (run, number) ON DELETE CASCADE,
            FOREIGN KEY (run, setting) REFERENCES settings (run, number) ON DELETE CASCADE)",
        // What may be spent on samples that run: written before they start, gone when they end.
        "CREATE TABLE holds (
            run TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE, problem BIGINT NOT NULL,
            setting BIGINT NOT NULL, idx BIGINT NOT NULL, cost BIGINT NOT NULL, created BIGINT NOT NULL,
            PRIMARY KEY (run, problem, setting, idx))",
        // What was spent on samples that never came to be.
        "CREATE TABLE losses (
            run TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE, problem BIGINT NOT NULL,
            setting BIGINT NOT NULL, idx BIGINT NOT NULL, cost BIGINT NOT NULL, tokens BIGINT NOT NULL,
            reason TEXT NOT NULL, created BIGINT NOT NULL)",
        "CREATE INDEX losses_by_run ON losses (run)",
    ],
    // Which samples were judged by another than the run's own checker, as imports are.
    &["ALTER TABLE samples ADD COLUMN judge TEXT"],
    &[
        "CREATE TABLE curves (
            name TEXT PRIMARY KEY, created BIGINT NOT NULL, kind TEXT NOT NULL, parameters BIGINT NOT NULL,
            settings TEXT NOT NULL, version TEXT NOT NULL)",
        "CREATE TABLE curve_points (
            curve TEXT NOT NULL REFERENCES curves (name) ON DELETE CASCADE, series TEXT NOT NULL,
            step BIGINT NOT NULL, tokens BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (curve, series, step))",
    ],
    // The share of right of samples that were judged partly right.
    &["ALTER TABLE samples ADD COLUMN credit DOUBLE PRECISION"],
    &[
        // Problems whose answers cannot be compared.
        "ALTER TABLE problems ADD COLUMN vote_ok BIGINT NOT NULL DEFAULT 1",
        // What was judged of a sample before it was judged again; the first judgement has number 0.
        "CREATE TABLE judgements (
            run TEXT NOT NULL, number BIGINT NOT NULL, problem BIGINT NOT NULL, setting BIGINT NOT NULL,
            idx BIGINT NOT NULL, judge TEXT, correct BIGINT NOT NULL, credit DOUBLE PRECISION,
            replaced BIGINT NOT NULL, PRIMARY KEY (run, number, problem, setting, idx),
            FOREIGN KEY (run, problem, setting, idx) REFERENCES samples (run, problem, setting, idx)
            ON DELETE CASCADE)",
    ],
];

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// What opens a transaction that will write.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            // Takes the lock at once: a reader that becomes a writer may be refused half-way.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

/// Where a store is: a database's address, or a file's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// The address for the driver.
    pub(super) url: String,
    /// The file of an SQLite store.
    pub(super) file: Option<std::path::PathBuf>,
}

impl Place {
    pub(super) fn of(given: &str) -> Result<Self, StoreError> {
        match given.split_once(':') {
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self { kind: Kind::Postgres, url: given.to_owned(), file: None })
            }
            Some((scheme, rest)) if rest.starts_with("//") && scheme != "sqlite" => {
                Err(StoreError::Address { scheme: scheme.to_owned() })
            }
            Some(("sqlite", rest)) => Self::file(rest.trim_start_matches("//")),
            _ => Self::file(given),
        }
    }

    fn file(path: &str) -> Result<Self, StoreError> {
        let path = path.split('?').next().unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(StoreError::Caller("a store needs a file that outlives it: give a path".into()));
        }
        // The driver reads its address as a URL.
        let escaped = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        Ok(Self { kind: Kind::Sqlite, url: format!("sqlite://{escaped}?mode=rwc"), file: Some(path.into()) })
    }
}

/// Connects, and brings the tables to the newest version.
pub(super) async fn open(place: &Place) -> Result<AnyPool, StoreError> {
    sqlx::any::install_default_drivers();
    if let Some(folder) = place.file.as_ref().and_then(|f| f.parent()).filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::File { path: folder.to_owned(), source })?;
    }
    let kind = place.kind;
    let options = AnyConnectOptions::from_str(&place.url).map_err(StoreError::database("read its address"))?;
    let pool = AnyPoolOptions::new()
        .max_connections(if kind == Kind::Sqlite { 2 } else { 4 })
        .acquire_timeout(Duration::from_secs(20))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if kind == Kind::Sqlite {
                    connection.execute("PRAGMA busy_timeout = 20000").await?;
                    connection.execute("PRAGMA journal_mode = WAL").await?;
                    // A sample that counts as drawn outlives a loss of power, too.
                    connection.execute("PRAGMA synchronous = FULL").await?;
                    connection.execute("PRAGMA foreign_keys = ON").await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(StoreError::database("open the store"))?;
    migrate(&pool, kind).await?;
    Ok(pool)
}

async fn migrate(pool: &AnyPool, kind: Kind) -> Result<(), StoreError> {
    let failed = || StoreError::database("make its tables");
    let mut connection = pool.acquire().await.map_err(failed())?;
    let mut tx = connection.begin_with(kind.begin()).await.map_err(failed())?;
    if kind == Kind::Postgres {
        // Two processes that start at once make the tables one after the other.
        tx.execute("SELECT pg_advisory_xact_lock(7164129)").await.map_err(failed())?;
    }
    tx.execute("CREATE TABLE IF NOT EXISTS store_schema (version BIGINT NOT NULL)").await.map_err(failed())?;
    let found: Option<i64> =
        sqlx::query_scalar("SELECT MAX(version) FROM store_schema").fetch_one(&mut *tx).await.map_err(failed())?;
    let found = found.unwrap_or(0);
    let known = super::int(MIGRATIONS.len() as u64);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (number, steps) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        for step in *steps {
            tx.execute(*step).await.map_err(failed())?;
        }
        sqlx::query("INSERT INTO store_schema (version) VALUES ($1)")
            .bind(number)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
    }
    tx.commit().await.map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        assert_eq!(Place::of("postgres://u@h/db").unwrap().kind, Kind::Postgres);
        assert_eq!(Place::of("runs.db").unwrap().url, "sqlite://runs.db?mode=rwc");
        assert_eq!(Place::of("sqlite:///var/a%b.db").unwrap().file.unwrap().to_str(), Some("/var/a%b.db"));
        assert!(matches!(Place::of("mysql://h/db"), Err(StoreError::Address { .. })));
        assert!(Place::of("sqlite::memory:").is_err());
    }

    #[tokio::test]
    async fn an_older_store_is_brought_up_and_a_newer_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path().join("s.db").to_str().unwrap()).unwrap();
        sqlx::any::install_default_drivers();
        let old = AnyPool::connect(&place.url).await.unwrap();
        old.execute("CREATE TABLE store_schema (version BIGINT NOT NULL)").await.unwrap();
        old.execute("INSERT INTO store_schema (version) VALUES (1)").await.unwrap();
        for step in MIGRATIONS[0] {
            old.execute(*step).await.unwrap();
        }
        old.close().await;
        let pool = open(&place).await.unwrap();
        pool.execute("SELECT judge, credit FROM samples").await.unwrap();
        pool.execute("SELECT vote_ok FROM problems").await.unwrap();
        pool.execute("SELECT number, replaced FROM judgements").await.unwrap();
        pool.execute("SELECT value FROM curve_points").await.unwrap();
        pool.execute("INSERT INTO store_schema (version) VALUES (99)").await.unwrap();
        pool.close().await;
        let error = open(&place).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }
}
