//! One writer a run, by locks that the operating system or the database gives back when their holder
//! dies.

use super::schema::Kind;
use super::{Store, StoreError};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how far apart, a lock is tried: a database takes a moment to see that its client
/// is dead.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The right to add samples to one run; dropping it gives it back.
#[derive(Debug)]
pub struct RunLock {
    _held: Held,
}

enum Held {
    /// A locked file, gone when its holder is.
    File { _file: File, path: PathBuf },
    /// A connection of its own with an advisory lock.
    Connection { _connection: Box<AnyConnection> },
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File { .. } => "File",
            Self::Connection { .. } => "Connection",
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Self::File { path, .. } = self {
            // Whoever locks a file checks that it is still the one at the path. Where it cannot be
            // removed it does no harm.
            drop(std::fs::remove_file(path));
        }
    }
}

impl Store {
    /// Takes the right to add samples to a run.
    ///
    /// # Errors
    /// If another process has it, or the lock cannot be taken at all.
    pub async fn lock(&self, run: &str) -> Result<RunLock, StoreError> {
        let digest = Sha256::digest(run.as_bytes());
        for _ in 0..TRIES {
            let held = match (self.place.kind, &self.place.file) {
                (Kind::Sqlite, Some(file)) => lock_file(file, &super::hex(&digest[..6]))?,
                _ => self.lock_row(&digest).await?,
            };
            if let Some(held) = held {
                return Ok(RunLock { _held: held });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(StoreError::Busy { name: run.to_owned() })
    }

    async fn lock_row(&self, digest: &[u8]) -> Result<Option<Held>, StoreError> {
        let failed = || StoreError::database("lock a run");
        let key = digest.iter().take(8).fold(0i64, |key, byte| (key << 8) | i64::from(*byte));
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        // As a number: the driver for any database reads no boolean of PostgreSQL in all versions.
        let got: i64 =
            sqlx::query_scalar("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1::BIGINT ELSE 0::BIGINT END")
                .bind(key)
                .fetch_one(&mut *connection)
                .await
                .map_err(failed())?;
        // Apart from the pool, so that the lock ends with it.
        Ok((got == 1).then(|| Held::Connection { _connection: Box::new(connection.detach()) }))
    }
}

fn lock_file(store: &Path, run: &str) -> Result<Option<Held>, StoreError> {
    let name = format!("{}.{run}.lock", store.file_name().and_then(|n| n.to_str()).unwrap_or("store"));
    let path = store.with_file_name(name);
    let failed = |source| StoreError::File { path: path.clone(), source };
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) if is_at(&file, &path) => Ok(Some(Held::File { _file: file, path })),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Whether the open file is still the one at the path, and was not removed by its last holder.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| a.ino() == b.ino() && a.dev() == b.dev();
    file.metadata().ok().zip(std::fs::metadata(path).ok()).is_some_and(|(a, b)| same(a, b))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    // An open file cannot be removed there.
    true
}
