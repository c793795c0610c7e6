//! What is kept of prompts and completions, for as long as it may be.

use crate::LedgerError;
use crate::batch::int;
use crate::secret::hash;
use serde::Serialize;
use sqlx::{AnyPool, Row};

/// What is kept of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The request's name.
    pub trace: String,
    /// The key that asked, if one did.
    pub key: Option<String>,
    /// The model.
    pub model: String,
    /// When it was stored, in seconds since 1970.
    pub stored: u64,
    /// When it is to be deleted, in seconds since 1970.
    pub expires: u64,
    /// The prompt: its text, or its hash.
    pub prompt: String,
    /// The completion: its text, or its hash.
    pub completion: String,
}

impl Record {
    /// The same with hashes in the place of the texts. They are keyed with `salt`, so that a list of
    /// likely prompts does not give them away to who has the database alone.
    #[must_use]
    pub fn hashed(mut self, salt: &str) -> Self {
        let keyed = |text: &str| format!("sha256:{}", hash(&format!("{}{}", hash(salt), text)));
        self.prompt = keyed(&self.prompt);
        self.completion = keyed(&self.completion);
        self
    }

    pub(crate) async fn write(&self, pool: &AnyPool) -> Result<(), LedgerError> {
        sqlx::query(
            "INSERT INTO ledger_records (trace, key_id, model, stored, expires, prompt, completion)
                VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (trace) DO NOTHING",
        )
        .bind(self.trace.clone())
        .bind(self.key.clone())
        .bind(self.model.clone())
        .bind(int(self.stored))
        .bind(int(self.expires))
        .bind(self.prompt.clone())
        .bind(self.completion.clone())
        .execute(pool)
        .await
        .map_err(LedgerError::database("store a record"))?;
        Ok(())
    }

    pub(crate) async fn read(pool: &AnyPool, trace: &str, now: u64) -> Result<Option<Self>, LedgerError> {
        let failed = || LedgerError::database("read a record");
        let row = sqlx::query(
            "SELECT trace, key_id, model, stored, expires, prompt, completion FROM ledger_records
                WHERE trace = $1 AND expires > $2",
        )
        .bind(trace.to_owned())
        .bind(int(now))
        .fetch_optional(pool)
        .await
        .map_err(failed())?;
        let Some(row) = row else { return Ok(None) };
        let read = || -> Result<Self, sqlx::Error> {
            Ok(Self {
                trace: row.try_get(0)?,
                key: row.try_get(1)?,
                model: row.try_get(2)?,
                stored: crate::batch::uint(row.try_get(3)?),
                expires: crate::batch::uint(row.try_get(4)?),
                prompt: row.try_get(5)?,
                completion: row.try_get(6)?,
            })
        };
        read().map(Some).map_err(failed())
    }
}
