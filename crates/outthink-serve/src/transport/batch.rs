//! A batch in a file of this machine, worked on without a server: what `outthink batch` does.

use super::Service;
use crate::api;
use crate::error::ApiError;
use outthink_ledger::{Ledger, LedgerError, NewKey, Page, StoredFile};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// How often the progress is reported.
const REPORT: Duration = Duration::from_millis(500);
/// The name of the key that asks.
const OWNER: &str = "batch";
/// Lines that are read at once.
const LINES: u64 = 256;

/// A batch in a file.
#[derive(Debug, Clone, Default)]
pub struct BatchFile {
    /// What tells it from others in the same database: a hash of the requests and of how they are asked, for instance.
    pub key: String,
    /// The file's name.
    pub name: String,
    /// Its requests, one a line, as `/v1/batches` has them.
    pub text: String,
    /// Their path, `/v1/chat/completions` for instance.
    pub endpoint: String,
    /// How long it may take: `24h` for instance.
    pub window: String,
    /// Dollars that all requests together may cost at most.
    pub budget_usd: Option<f64>,
    /// Tokens that all requests together may generate at most.
    pub budget_tokens: Option<u64>,
}

/// Why a batch could not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It is not possible as asked.
    #[error("{0}")]
    Asked(String),
    /// The gateway has no database to keep it in.
    #[error("a batch needs a ledger to be kept in")]
    NoLedger,
    /// The database fails.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<ApiError> for BatchError {
    fn from(error: ApiError) -> Self {
        Self::Asked(error.message)
    }
}

impl Service {
    /// Works on a batch until it has ended or `stop` completes, and gives its object back, as `GET /v1/batches/{id}` shows
    /// it. What was answered stays in the ledger: called again with the same key it goes on. The ledger has to belong to
    /// this process alone.
    ///
    /// # Errors
    /// If the batch is not possible as asked, or the database fails.
    pub async fn batch(
        &self,
        file: &BatchFile,
        stop: impl Future<Output = ()>,
        mut progress: impl FnMut(&Value),
    ) -> Result<Value, BatchError> {
        let ledger = self.current().control().ledger.clone().ok_or(BatchError::NoLedger)?;
        let id = match find(&ledger, &file.key).await? {
            Some(id) => id,
            None => add(&ledger, file).await?,
        };
        ledger.free_batch(&id).await?;
        let host = self.host();
        let work = self.batches.work(&host, self.ending.subscribe(), Some(&id));
        let watch = async {
            tokio::pin!(stop);
            loop {
                let Some(batch) = ledger.batch(&id).await? else { return Ok(Value::Null) };
                let object = api::batch_object(&batch);
                progress(&object);
                if api::has_ended(&object) {
                    self.ending.send_replace(true);
                    return Ok(object);
                }
                tokio::select! {
                    () = &mut stop => {
                        self.ending.send_replace(true);
                        return Ok(object);
                    }
                    () = sleep(REPORT) => {}
                }
            }
        };
        let (object, ()) = tokio::join!(watch, work);
        object
    }

    /// The text of a file in the ledger, in pieces.
    ///
    /// # Errors
    /// If there is no ledger or the database fails.
    pub async fn batch_text(&self, id: &str, mut write: impl FnMut(&str)) -> Result<(), BatchError> {
        let ledger = self.current().control().ledger.clone().ok_or(BatchError::NoLedger)?;
        let mut from = 0;
        loop {
            let lines = ledger.file_lines(id, from, LINES).await?;
            let Some((last, _)) = lines.last() else { return Ok(()) };
            from = last + 1;
            for (_, line) in &lines {
                write(line);
            }
        }
    }
}

/// The batch with this key.
async fn find(ledger: &Ledger, key: &str) -> Result<Option<String>, BatchError> {
    let all = ledger.batches(&Page { limit: 1_000, ..Page::default() }).await?;
    let same = |batch: &outthink_ledger::StoredBatch| api::batch_object(batch)["metadata"]["key"] == key;
    Ok(all.into_iter().find(same).map(|batch| batch.id))
}

/// The key of a ledger without users. It limits nothing: what its requests have claimed says after a crash what they may
/// have spent.
async fn owner(ledger: &Ledger) -> Result<String, BatchError> {
    let all = ledger.keys().await?;
    if let Some(found) = all.into_iter().find(|known| known.key.name == OWNER && known.key.revoked.is_none()) {
        return Ok(found.key.id);
    }
    let (key, _) = ledger.create_key(&NewKey { name: OWNER.to_owned(), ..NewKey::default() }).await?;
    Ok(key.id)
}

async fn add(ledger: &Ledger, file: &BatchFile) -> Result<String, BatchError> {
    let created = crate::run::unix_seconds();
    let owner = Some(owner(ledger).await?);
    let input = StoredFile {
        id: format!("file-{}", file.key),
        owner: owner.clone(),
        name: file.name.clone(),
        purpose: "batch".to_owned(),
        bytes: file.text.len() as u64,
        created,
        expires: None,
    };
    let body = json!({
        "input_file_id": input.id,
        "endpoint": file.endpoint,
        "completion_window": file.window,
        "metadata": { "key": file.key },
        "outthink": { "budget_usd": file.budget_usd, "budget_tokens": file.budget_tokens },
    });
    // A file that was not finished is written again.
    ledger.delete_file(&input.id).await?;
    ledger.add_file(&input, &file.text).await?;
    Ok(api::enter_batch(ledger, owner, &file.key, body.to_string().as_bytes()).await?.id)
}
