//! Files that keys upload and that batches write: text, kept line by line until it expires.

use crate::batch::{Tx, int, uint};
use crate::writer::now;
use crate::{Ledger, LedgerError};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Connection, Row};

/// Lines in one statement at most.
const ROWS: usize = 256;
/// Bytes of lines in one transaction, about: other writers wait for no more than that.
const BYTES: usize = 1 << 20;
/// The purpose of a file that is not whole yet.
const UNFINISHED: &str = "";
/// Seconds after which a file that was never finished is deleted.
const ABANDONED: u64 = 3_600;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name for the API, once in the ledger.
    pub id: String,
    /// The identifier of the key whose it is.
    pub owner: Option<String>,
    /// What its uploader called it.
    pub name: String,
    /// What it is for; never empty.
    pub purpose: String,
    /// Its length.
    pub bytes: u64,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it is deleted, in seconds since 1970.
    pub expires: Option<u64>,
}

/// Which entries of a list are wanted.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Only those of this key, by its identifier; all where there is none.
    pub owner: Option<String>,
    /// Only those after this one, by its identifier.
    pub after: Option<String>,
    /// Entries at most.
    pub limit: u64,
    /// Whether the oldest come first.
    pub oldest_first: bool,
}

impl Page {
    /// The condition and the order of a list: `$1` is the owner or nothing, `$2` and `$3` the place of the entry before.
    pub(crate) fn sql(&self) -> &'static str {
        if self.oldest_first {
            "($1 = '' OR owner = $1) AND (created > $2 OR (created = $2 AND id > $3)) ORDER BY created, id LIMIT $4"
        } else {
            "($1 = '' OR owner = $1) AND (created < $2 OR (created = $2 AND id < $3))
                ORDER BY created DESC, id DESC LIMIT $4"
        }
    }

    /// The place before the first entry, where no entry is named.
    pub(crate) fn start(&self) -> (u64, String) {
        (if self.oldest_first { 0 } else { i64::MAX as u64 }, String::new())
    }
}

/// The columns of a file, in the order in which they are read.
const COLUMNS: &str = "id, owner, name, purpose, bytes, created, expires";

impl Ledger {
    /// Keeps a file. It can be seen once all of it is written.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_file(&self, file: &StoredFile, text: &str) -> Result<(), LedgerError> {
        let unfinished = StoredFile {
            purpose: UNFINISHED.to_owned(),
            expires: Some(now().saturating_add(ABANDONED)),
            ..file.clone()
        };
        let failed = || LedgerError::database("store a file");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        insert(&mut tx, &unfinished).await.map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        let mut lines = text.split_inclusive('\n').zip(0u64..).peekable();
        while lines.peek().is_some() {
            let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
            let (mut group, mut bytes) = (Vec::new(), 0);
            while group.len() < ROWS
                && bytes < BYTES
                && let Some((line, number)) = lines.next()
            {
                bytes += line.len();
                group.push((number, line));
            }
            let sql =
                format!("INSERT INTO ledger_lines (file, number, body) VALUES {}", self.kind.rows(group.len(), 3));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (number, line) in group {
                query = query.bind(file.id.clone()).bind(int(number)).bind(line.to_owned());
            }
            query.execute(&mut *tx).await.map_err(failed())?;
            tx.commit().await.map_err(failed())?;
        }
        sqlx::query("UPDATE ledger_files SET purpose = $1, expires = $2 WHERE id = $3")
            .bind(file.purpose.clone())
            .bind(file.expires.map(int))
            .bind(file.id.clone())
            .execute(&mut *connection)
            .await
            .map_err(failed())?;
        Ok(())
    }

    /// A file that has not expired.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn file(&self, id: &str) -> Result<Option<StoredFile>, LedgerError> {
        let failed = || LedgerError::database("read a file");
        let sql = format!(
            "SELECT {COLUMNS} FROM ledger_files WHERE id = $1 AND purpose <> '' AND (expires IS NULL OR expires > $2)"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(id.to_owned()).bind(int(now())).fetch_optional(&self.pool);
        row.await.map_err(failed())?.map(|row| read(&row).map_err(failed())).transpose()
    }

    /// The files of a page; with a purpose only those for it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn files(&self, page: &Page, purpose: Option<&str>) -> Result<Vec<StoredFile>, LedgerError> {
        let failed = || LedgerError::database("list files");
        let (created, id) = match &page.after {
            Some(id) => match self.file(id).await? {
                Some(file) => (file.created, file.id),
                None => return Ok(Vec::new()),
            },
            None => page.start(),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM ledger_files WHERE purpose <> '' AND ($5 = '' OR purpose = $5)
                AND (expires IS NULL OR expires > $6) AND {}",
            page.sql()
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(page.owner.clone().unwrap_or_default())
            .bind(int(created))
            .bind(id)
            .bind(int(page.limit))
            .bind(purpose.unwrap_or_default().to_owned())
            .bind(int(now()))
            .fetch_all(&self.pool)
            .await
            .map_err(failed())?;
        found.iter().map(|row| read(row).map_err(failed())).collect()
    }

    /// Lines of a file with their numbers, in their order: at most `most`, from number `from` on. Each has its end of line.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn file_lines(&self, id: &str, from: u64, most: u64) -> Result<Vec<(u64, String)>, LedgerError> {
        let failed = || LedgerError::database("read a file");
        let found = sqlx::query(
            "SELECT number, body FROM ledger_lines WHERE file = $1 AND number >= $2 ORDER BY number LIMIT $3",
        )
        .bind(id.to_owned())
        .bind(int(from))
        .bind(int(most))
        .fetch_all(&self.pool)
        .await
        .map_err(failed())?;
        let line = |row: &AnyRow| Ok((uint(row.try_get(0)?), row.try_get(1)?));
        found.iter().map(|row| line(row).map_err(failed())).collect()
    }

    /// Deletes a file; whether there was one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_file(&self, id: &str) -> Result<bool, LedgerError> {
        let failed = || LedgerError::database("delete a file");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        let done = sqlx::query("DELETE FROM ledger_files WHERE id = $1").bind(id.to_owned()).execute(&mut *tx).await;
        let done = done.map_err(failed())?;
        let lines = sqlx::query("DELETE FROM ledger_lines WHERE file = $1").bind(id.to_owned()).execute(&mut *tx).await;
        lines.map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        Ok(done.rows_affected() > 0)
    }
}

/// Enters a file without its lines.
pub(crate) async fn insert(tx: &mut Tx<'_>, file: &StoredFile) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO ledger_files (id, owner, name, purpose, bytes, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(file.id.clone())
    .bind(file.owner.clone())
    .bind(file.name.clone())
    .bind(file.purpose.clone())
    .bind(int(file.bytes))
    .bind(int(file.created))
    .bind(file.expires.map(int))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<StoredFile, sqlx::Error> {
    Ok(StoredFile {
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        name: row.try_get(2)?,
        purpose: row.try_get(3)?,
        bytes: uint(row.try_get(4)?),
        created: uint(row.try_get(5)?),
        expires: row.try_get::<Option<i64>, _>(6)?.map(uint),
    })
}
