//! What can be wrong with a store.

use std::path::PathBuf;

/// A store that cannot do what was asked; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is of a database that is not supported.
    #[error("a store of the kind `{scheme}` is not supported: give a file, sqlite://PATH or postgres://USER@HOST/NAME")]
    Address {
        /// What stands before `://`.
        scheme: String,
    },
    /// A later version of outthink made the store.
    #[error(
        "the store has schema version {found} and this outthink knows {known}: use the newer outthink that made it"
    )]
    Newer {
        /// The store's version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// No run has the name.
    #[error("the store holds no run `{name}`{}", nearest(.known))]
    NoRun {
        /// What was asked for.
        name: String,
        /// The runs that are there, the newest first.
        known: Vec<String>,
    },
    /// Another process is adding to the run.
    #[error("another process is adding samples to the run `{name}`: wait for its end, or give another --run")]
    Busy {
        /// The run.
        name: String,
    },
    /// A run of that name exists and is of something else.
    #[error(
        "the run `{name}` was recorded with another {what} ({theirs}, now {ours}): give another --run, or the old settings"
    )]
    Mismatch {
        /// The run.
        name: String,
        /// What differs.
        what: &'static str,
        /// As recorded.
        theirs: String,
        /// As asked for now.
        ours: String,
    },
    /// Two problems of one run have the same prompt.
    #[error(
        "problems `{first}` and `{second}` have the same prompt: take one of them out, or their samples cannot be distinguished"
    )]
    SamePrompt {
        /// A problem.
        first: String,
        /// Another one.
        second: String,
    },
    /// What was asked for cannot be done as asked.
    #[error("{0}")]
    Caller(String),
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A Parquet file cannot be written.
    #[error("cannot write {path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// The database failed.
    #[error("the store could not {doing}: {source}")]
    Database {
        /// What it was to do.
        doing: &'static str,
        /// Why it did not.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Turns a database's error into ours.
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}

fn nearest(known: &[String]) -> String {
    match known {
        [] => ": it is empty, see `outthink data sweep --help`".into(),
        _ => format!(": it holds {}", known.iter().take(5).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
    }
}
