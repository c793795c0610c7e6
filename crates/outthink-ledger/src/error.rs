//! How the ledger fails.

use crate::Refusal;

/// A failure of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The address is of no known kind. It is not repeated, for it may hold a password.
    #[error("the ledger's address is not valid: give sqlite:FILE or postgres://USER@HOST/DATABASE")]
    Address,
    /// The database does not do as it is told.
    #[error("the ledger cannot {doing}: {}", brief(.source))]
    Database {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: sqlx::Error,
    },
    /// The database was made by a later version.
    #[error("the ledger has schema {found} and this version knows {known}: use a newer outthink")]
    Schema {
        /// The database's schema.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// What was asked for cannot be done as asked.
    #[error("{0}")]
    Asked(String),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    pub(crate) const fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Whether the caller is at fault.
    pub const fn is_asked(&self) -> bool {
        matches!(self, Self::Asked(_) | Self::Address)
    }
}

/// The database's own words; addresses and credentials are in none of them.
fn brief(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(_) => "its address is not valid".into(),
        sqlx::Error::Database(e) => e.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no connection within the time limit".into(),
        other => other.to_string(),
    }
}

/// Why a claim was not granted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClaimError {
    /// The key's limits do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger cannot tell; a retry may help.
    #[error("the ledger does not answer, so nothing may be spent: try again")]
    Unavailable,
}
