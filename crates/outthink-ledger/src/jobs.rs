//! Batches: many requests of one file, worked on by one gateway at a time, which holds a lease.
//!
//! What a batch is stands in its `body`, which is JSON and is written by whoever holds the lease alone. A request that
//! runs has a row that says what it may spend at most; it goes in the transaction that writes its result. So after a crash
//! each result is there once or not at all, and what was lost is known as a bound.

use crate::batch::{Tx, int, uint};
use crate::files::{Page, StoredFile};
use crate::schema::Kind;
use crate::{Ledger, LedgerError, files};
use outthink_core::Cost;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Connection, Row};

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    /// Its name for the API, once in the ledger.
    pub id: String,
    /// The identifier of the key whose it is.
    pub owner: Option<String>,
    /// The file with its requests.
    pub input: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// How far it is, in the API's words.
    pub status: String,
    /// When somebody asked for it to be cancelled, in seconds since 1970.
    pub cancelling: Option<u64>,
    /// All else, as JSON.
    pub body: String,
}

/// A request of a batch that runs, or ran when its gateway died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLine {
    /// Its line in the input, from 0.
    pub number: u64,
    /// The trace of the request, under which its claim stands.
    pub trace: String,
    /// What it may spend at most.
    pub cost: Cost,
    /// What it may generate at most.
    pub tokens: u64,
}

/// The end of requests of a batch.
#[derive(Debug, Clone, Copy)]
pub struct LineEnd<'a> {
    /// The batch.
    pub batch: &'a str,
    /// The file that the results are added to.
    pub file: &'a str,
    /// Their lines in the input, from 0, each with its result and the end of line.
    pub results: &'a [(u64, String)],
    /// Those that ended without a result and are asked again.
    pub again: &'a [u64],
    /// The body of the batch from now on.
    pub body: &'a str,
}

/// The columns of a batch, in the order in which they are read.
const COLUMNS: &str = "id, owner, input, created, status, cancelling, body";
/// Those that somebody has to work on.
const OPEN: &str = "status IN ('validating', 'in_progress', 'finalizing', 'cancelling')";

impl Ledger {
    /// Enters a new batch, which nobody holds yet.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_batch(&self, batch: &StoredBatch) -> Result<(), LedgerError> {
        sqlx::query(
            "INSERT INTO ledger_batches (id, owner, input, created, status, lease, body)
                VALUES ($1, $2, $3, $4, $5, 0, $6)",
        )
        .bind(batch.id.clone())
        .bind(batch.owner.clone())
        .bind(batch.input.clone())
        .bind(int(batch.created))
        .bind(batch.status.clone())
        .bind(batch.body.clone())
        .execute(&self.pool)
        .await
        .map_err(LedgerError::database("store a batch"))?;
        Ok(())
    }

    /// A batch.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn batch(&self, id: &str) -> Result<Option<StoredBatch>, LedgerError> {
        let failed = || LedgerError::database("read a batch");
        let sql = format!("SELECT {COLUMNS} FROM ledger_batches WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&self.pool).await;
        row.map_err(failed())?.map(|row| read(&row).map_err(failed())).transpose()
    }

    /// The batches of a page.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn batches(&self, page: &Page) -> Result<Vec<StoredBatch>, LedgerError> {
        let failed = || LedgerError::database("list batches");
        let (created, id) = match &page.after {
            Some(id) => match self.batch(id).await? {
                Some(batch) => (batch.created, batch.id),
                None => return Ok(Vec::new()),
            },
            None => page.start(),
        };
        let sql = format!("SELECT {COLUMNS} FROM ledger_batches WHERE {}", page.sql());
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(page.owner.clone().unwrap_or_default())
            .bind(int(created))
            .bind(id)
            .bind(int(page.limit))
            .fetch_all(&self.pool)
            .await
            .map_err(failed())?;
        found.iter().map(|row| read(row).map_err(failed())).collect()
    }

    /// Whether a batch that is not at its end reads this file.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_read(&self, file: &str) -> Result<bool, LedgerError> {
        let sql = format!("SELECT COUNT(*) FROM ledger_batches WHERE input = $1 AND {OPEN}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(file.to_owned())
            .fetch_one(&self.pool)
            .await
            .map_err(LedgerError::database("look for batches"))?;
        Ok(count > 0)
    }

    /// Asks for a batch to be cancelled; whether it still could be.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn cancel_batch(&self, id: &str, now: u64) -> Result<bool, LedgerError> {
        let done = sqlx::query(
            "UPDATE ledger_batches SET status = 'cancelling', cancelling = $1
                WHERE id = $2 AND status IN ('validating', 'in_progress')",
        )
        .bind(int(now))
        .bind(id.to_owned())
        .execute(&self.pool)
        .await
        .map_err(LedgerError::database("cancel a batch"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes an open batch that nobody holds until `until`, the oldest first or `only` this one, with the requests that ran
    /// when its last holder died. They stay entered until [`Ledger::write_batch`] says what came of them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn take_batch(
        &self,
        holder: &str,
        (now, until): (u64, u64),
        only: Option<&str>,
    ) -> Result<Option<(StoredBatch, Vec<HeldLine>)>, LedgerError> {
        let failed = || LedgerError::database("take a batch");
        let sql = format!(
            "SELECT id FROM ledger_batches WHERE {OPEN} AND lease <= $1 AND ($2 = '' OR id = $2)
                ORDER BY created, id LIMIT 1"
        );
        let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(int(now))
            .bind(only.unwrap_or_default().to_owned())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed())?;
        let Some(id) = found else { return Ok(None) };
        let taken = sqlx::query("UPDATE ledger_batches SET holder = $1, lease = $2 WHERE id = $3 AND lease <= $4")
            .bind(holder.to_owned())
            .bind(int(until))
            .bind(id.clone())
            .bind(int(now))
            .execute(&self.pool)
            .await
            .map_err(failed())?;
        if taken.rows_affected() == 0 {
            // Another gateway was faster.
            return Ok(None);
        }
        let Some(batch) = self.batch(&id).await? else { return Ok(None) };
        let rows =
            sqlx::query("SELECT number, cost, tokens, trace FROM ledger_batch_lines WHERE batch = $1 ORDER BY number")
                .bind(id)
                .fetch_all(&self.pool)
                .await
                .map_err(failed())?;
        let held = |row: &AnyRow| {
            let (number, cost, tokens) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let (cost, tokens) = (Cost::from_nano(uint(cost)), uint(tokens));
            Ok(HeldLine { number: uint(number), trace: row.try_get(3)?, cost, tokens })
        };
        let held: Result<_, sqlx::Error> = rows.iter().map(held).collect();
        Ok(Some((batch, held.map_err(failed())?)))
    }

    /// Holds a batch until `until`, 0 to let it go; its status, or `None` if somebody else holds it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn hold_batch(&self, id: &str, holder: &str, until: u64) -> Result<Option<String>, LedgerError> {
        let failed = || LedgerError::database("hold a batch");
        let held = sqlx::query("UPDATE ledger_batches SET lease = $1 WHERE id = $2 AND holder = $3")
            .bind(int(until))
            .bind(id.to_owned())
            .bind(holder.to_owned())
            .execute(&self.pool)
            .await
            .map_err(failed())?;
        if held.rows_affected() == 0 {
            return Ok(None);
        }
        Ok(self.batch(id).await?.map(|batch| batch.status))
    }

    /// Writes the body of a batch, and its status if that still is `from`; whether the caller holds it and it was. What
    /// was entered as running by a holder that died is no longer.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn write_batch(
        &self,
        (id, holder): (&str, &str),
        (from, to): (&str, &str),
        body: &str,
        files: &[StoredFile],
    ) -> Result<bool, LedgerError> {
        let failed = || LedgerError::database("write a batch");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        let done = sqlx::query(
            "UPDATE ledger_batches SET status = $1, body = $2 WHERE id = $3 AND holder = $4 AND status = $5",
        )
        .bind(to.to_owned())
        .bind(body.to_owned())
        .bind(id.to_owned())
        .bind(holder.to_owned())
        .bind(from.to_owned())
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM ledger_batch_lines WHERE batch = $1")
            .bind(id.to_owned())
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        for file in files {
            files::insert(&mut tx, file).await.map_err(failed())?;
        }
        tx.commit().await.map_err(failed())?;
        Ok(true)
    }

    /// Enters a request that is about to run, with what it may spend at most; whether the caller holds the batch.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_line(&self, (id, holder): (&str, &str), line: HeldLine) -> Result<bool, LedgerError> {
        let done = sqlx::query(
            "INSERT INTO ledger_batch_lines (batch, number, cost, tokens, trace)
                SELECT id, $1, $2, $3, $6 FROM ledger_batches WHERE id = $4 AND holder = $5
                ON CONFLICT (batch, number) DO UPDATE
                SET cost = excluded.cost, tokens = excluded.tokens, trace = excluded.trace",
        )
        .bind(int(line.number))
        .bind(int(line.cost.nano()))
        .bind(int(line.tokens))
        .bind(id.to_owned())
        .bind(holder.to_owned())
        .bind(line.trace)
        .execute(&self.pool)
        .await
        .map_err(LedgerError::database("enter a request of a batch"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes a batch from whoever holds it: for a database that one process has to itself, where that can only be one that
    /// died.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn free_batch(&self, id: &str) -> Result<(), LedgerError> {
        sqlx::query("UPDATE ledger_batches SET holder = NULL, lease = 0 WHERE id = $1")
            .bind(id.to_owned())
            .execute(&self.pool)
            .await
            .map_err(LedgerError::database("free a batch"))?;
        Ok(())
    }

    /// Writes results of requests and what the batch comes to with them, in one transaction; whether the caller holds the
    /// batch.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_lines(&self, holder: &str, end: LineEnd<'_>) -> Result<bool, LedgerError> {
        let failed = || LedgerError::database("write a result of a batch");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        let held = write_end(&mut tx, self.kind, holder, end).await.map_err(failed())?;
        if held {
            tx.commit().await.map_err(failed())?;
        }
        Ok(held)
    }

    /// What a request of a key that ran when its gateway died has spent: what was settled, or else what it had claimed, of
    /// all its runs. `None` where that cannot be known, because its key's claims are made ahead.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn spent_at_most(&self, trace: &str) -> Result<Option<(Cost, u64)>, LedgerError> {
        if self.claims_ahead() {
            return Ok(None);
        }
        let failed = || LedgerError::database("read what a request spent");
        let rows = sqlx::query(
            "SELECT cost, generated FROM ledger_charges WHERE trace = $1 OR trace LIKE $2
                UNION ALL SELECT cost, tokens FROM ledger_claims WHERE trace = $1 OR trace LIKE $2",
        )
        .bind(trace.to_owned())
        .bind(format!("{trace}-%"))
        .fetch_all(&self.pool)
        .await
        .map_err(failed())?;
        let mut sum = (Cost::default(), 0_u64);
        for row in &rows {
            let read = || Ok::<_, sqlx::Error>((uint(row.try_get(0)?), uint(row.try_get(1)?)));
            let (cost, tokens) = read().map_err(failed())?;
            sum = (sum.0 + Cost::from_nano(cost), sum.1.saturating_add(tokens));
        }
        Ok(Some(sum))
    }

    /// The numbers of the lines of two files.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn line_numbers(&self, files: (&str, &str)) -> Result<Vec<u64>, LedgerError> {
        let found: Vec<i64> = sqlx::query_scalar("SELECT number FROM ledger_lines WHERE file = $1 OR file = $2")
            .bind(files.0.to_owned())
            .bind(files.1.to_owned())
            .fetch_all(&self.pool)
            .await
            .map_err(LedgerError::database("read the results of a batch"))?;
        Ok(found.into_iter().map(uint).collect())
    }
}

async fn write_end(tx: &mut Tx<'_>, kind: Kind, holder: &str, end: LineEnd<'_>) -> Result<bool, sqlx::Error> {
    let held = sqlx::query("UPDATE ledger_batches SET body = $1 WHERE id = $2 AND holder = $3")
        .bind(end.body.to_owned())
        .bind(end.batch.to_owned())
        .bind(holder.to_owned())
        .execute(&mut **tx)
        .await?;
    if held.rows_affected() == 0 {
        return Ok(false);
    }
    for number in end.results.iter().map(|(number, _)| number).chain(end.again) {
        sqlx::query("DELETE FROM ledger_batch_lines WHERE batch = $1 AND number = $2")
            .bind(end.batch.to_owned())
            .bind(int(*number))
            .execute(&mut **tx)
            .await?;
    }
    if !end.results.is_empty() {
        let sql = format!("INSERT INTO ledger_lines (file, number, body) VALUES {}", kind.rows(end.results.len(), 3));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (number, line) in end.results {
            query = query.bind(end.file.to_owned()).bind(int(*number)).bind(line.clone());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(true)
}

fn read(row: &AnyRow) -> Result<StoredBatch, sqlx::Error> {
    Ok(StoredBatch {
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        input: row.try_get(2)?,
        created: uint(row.try_get(3)?),
        status: row.try_get(4)?,
        cancelling: row.try_get::<Option<i64>, _>(5)?.map(uint),
        body: row.try_get(6)?,
    })
}
