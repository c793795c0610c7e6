//! Documents that several gateways share for a while: responses and traces, as JSON.
//!
//! A task of its own writes them, many in one transaction, so that no claim waits for them.

use crate::LedgerError;
use crate::batch::{Tx, int};
use crate::schema::Kind;
use crate::writer::now;
use sqlx::{AnyPool, AssertSqlSafe, Connection, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// Documents in one transaction at most.
const BATCH: usize = 128;
/// Documents in one statement.
const ROWS: usize = 32;
/// Documents that come within this time are written together.
const GATHER: Duration = Duration::from_millis(10);
/// Documents that wait to be written at most; more are not kept.
const WAITING: usize = 4_096;
/// How often what is too much of a kind is deleted.
const TRIM: Duration = Duration::from_mins(1);
/// How long a close waits for what is to be written.
const CLOSING: Duration = Duration::from_secs(10);

/// A document to be kept.
pub struct NewDocument {
    /// What kind of document it is.
    pub kind: &'static str,
    /// Its name, once in its kind.
    pub id: String,
    /// The identifier of the key whose it is.
    pub owner: Option<String>,
    /// Seconds that it is kept.
    pub seconds: u64,
    /// Documents of this kind at most; the oldest are deleted.
    pub most: u64,
    /// Its JSON, made by the task that writes.
    pub body: Box<dyn FnOnce() -> String + Send>,
}

/// A document that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The identifier of the key whose it is.
    pub owner: Option<String>,
    /// Its JSON.
    pub body: String,
}

pub(crate) enum Order {
    Keep(NewDocument, oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// The way to the task that writes documents.
#[derive(Clone)]
pub(crate) struct Documents(mpsc::Sender<Order>);

impl Documents {
    /// Starts the task.
    pub(crate) fn start(pool: AnyPool, kind: Kind) -> Self {
        let (orders, inbox) = mpsc::channel(WAITING);
        tokio::spawn(Keeper { pool, kind, orders: inbox, trimmed: None }.run());
        Self(orders)
    }

    /// Hands a document over. The future completes when it is written; it need not be waited for.
    pub(crate) fn keep(&self, document: NewDocument) -> impl Future<Output = bool> + Send + use<> {
        let (done, written) = oneshot::channel();
        let sent = self.0.try_send(Order::Keep(document, done));
        if sent.is_err() {
            tracing::warn!("too many documents wait to be written: one is not kept");
        }
        async move { sent.is_ok() && written.await.is_ok() }
    }

    /// Writes what waits, and ends the task.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let closing = async {
            if self.0.send(Order::Close(done)).await.is_ok() {
                let _ = closed.await;
            }
        };
        let _ = timeout(CLOSING, closing).await;
    }
}

struct Keeper {
    pool: AnyPool,
    kind: Kind,
    orders: mpsc::Receiver<Order>,
    trimmed: Option<Instant>,
}

impl Keeper {
    async fn run(mut self) {
        let mut orders = Vec::new();
        while self.orders.recv_many(&mut orders, BATCH).await > 0 {
            if orders.len() > 1 {
                sleep(GATHER).await;
                while orders.len() < BATCH
                    && let Ok(order) = self.orders.try_recv()
                {
                    orders.push(order);
                }
            }
            let (mut documents, mut waiting, mut closing) = (Vec::new(), Vec::new(), None);
            for order in orders.drain(..) {
                match order {
                    Order::Keep(document, done) => {
                        documents.push(document);
                        waiting.push(done);
                    }
                    Order::Close(done) => closing = Some(done),
                }
            }
            match self.write(documents).await {
                Ok(()) => {
                    for done in waiting {
                        let _ = done.send(());
                    }
                }
                // Who waits learns of it by the channel that closes.
                Err(error) => tracing::warn!(%error, "documents were not stored"),
            }
            if let Some(done) = closing {
                let _ = done.send(());
                return;
            }
        }
    }

    async fn write(&mut self, documents: Vec<NewDocument>) -> Result<(), LedgerError> {
        if documents.is_empty() {
            return Ok(());
        }
        let failed = || LedgerError::database("store documents");
        let now = now();
        let kinds: BTreeSet<(&'static str, u64)> = documents.iter().map(|d| (d.kind, d.most)).collect();
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        // In one statement no document may come twice; the last one counts.
        let mut last: BTreeMap<(&'static str, String), NewDocument> = BTreeMap::new();
        for document in documents {
            last.insert((document.kind, document.id.clone()), document);
        }
        let mut documents: Vec<NewDocument> = last.into_values().collect();
        while !documents.is_empty() {
            let group = documents.split_off(documents.len().saturating_sub(ROWS));
            insert(&mut tx, self.kind, group, now).await.map_err(failed())?;
        }
        if self.trimmed.is_none_or(|at| at.elapsed() > TRIM) {
            self.trimmed = Some(Instant::now());
            for (kind, most) in kinds {
                sqlx::query(
                    "DELETE FROM ledger_documents WHERE kind = $1 AND stored < (SELECT stored FROM ledger_documents
                        WHERE kind = $1 ORDER BY stored DESC LIMIT 1 OFFSET $2)",
                )
                .bind(kind)
                .bind(int(most))
                .execute(&mut *tx)
                .await
                .map_err(failed())?;
            }
        }
        tx.commit().await.map_err(failed())
    }
}

async fn insert(tx: &mut Tx<'_>, kind: Kind, group: Vec<NewDocument>, now: u64) -> Result<(), sqlx::Error> {
    let mut sql = "INSERT INTO ledger_documents (kind, id, owner, stored, expires, body) VALUES ".to_owned();
    sql.push_str(&kind.rows(group.len(), 6));
    sql.push_str(
        " ON CONFLICT (kind, id) DO UPDATE SET owner = excluded.owner, stored = excluded.stored,
            expires = excluded.expires, body = excluded.body",
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for document in group {
        query = query
            .bind(document.kind)
            .bind(document.id)
            .bind(document.owner)
            .bind(int(now))
            .bind(int(now.saturating_add(document.seconds)))
            .bind((document.body)());
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// A document that has not expired.
pub(crate) async fn find(pool: &AnyPool, kind: &str, id: &str) -> Result<Option<Document>, LedgerError> {
    let failed = || LedgerError::database("read a document");
    let row = sqlx::query("SELECT owner, body FROM ledger_documents WHERE kind = $1 AND id = $2 AND expires > $3")
        .bind(kind.to_owned())
        .bind(id.to_owned())
        .bind(int(now()))
        .fetch_optional(pool)
        .await
        .map_err(failed())?;
    let Some(row) = row else { return Ok(None) };
    let read = || Ok::<_, sqlx::Error>(Document { owner: row.try_get(0)?, body: row.try_get(1)? });
    read().map(Some).map_err(failed())
}

/// Deletes a document; whether there was one.
pub(crate) async fn forget(pool: &AnyPool, kind: &str, id: &str) -> Result<bool, LedgerError> {
    let done = sqlx::query("DELETE FROM ledger_documents WHERE kind = $1 AND id = $2")
        .bind(kind.to_owned())
        .bind(id.to_owned())
        .execute(pool)
        .await
        .map_err(LedgerError::database("delete a document"))?;
    Ok(done.rows_affected() > 0)
}
