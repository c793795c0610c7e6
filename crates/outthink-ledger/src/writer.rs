//! The one task that writes: it takes what has come in since its last transaction and carries it out in
//! one, so that a busy gateway pays for a few transactions and not for two a request.

use crate::batch::{self, Answers, Growing, Moment, Orders, Settlement, int};
use crate::book::{DAY, MINUTE};
use crate::schema::Kind;
use crate::{Claim, ClaimError, Grant, LedgerError, Record, Spent};
use sqlx::{AnyPool, Connection};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Requests in one transaction at most.
const BATCH: usize = 512;
/// Days that charges are kept.
const KEEP_DAYS: u64 = 400;
/// After this time what could not be written is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a close waits for a database that does not answer.
const CLOSING: Duration = Duration::from_secs(20);

/// Who waits for a grant.
pub(crate) type Waiting = oneshot::Sender<Result<Grant, ClaimError>>;

/// What the task is told.
pub(crate) enum Order {
    Claim(Claim, Waiting),
    Grow(Growing, Waiting),
    Settle(Settlement),
    Remember(Box<Record>),
    Close(oneshot::Sender<()>),
}

/// What the task owns.
pub(crate) struct Writer {
    pub(crate) pool: AnyPool,
    pub(crate) kind: Kind,
    pub(crate) holder: String,
    pub(crate) lease: u64,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

impl Writer {
    /// Works until it is told to close or nobody can tell it anything any more.
    pub(crate) async fn run(mut self) {
        let mut unsettled: Vec<Settlement> = Vec::new();
        let mut renewal = interval(Duration::from_secs((self.lease / 3).max(1)));
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing: Option<(oneshot::Sender<()>, Instant)> = None;
        loop {
            let mut orders = Vec::new();
            tokio::select! {
                biased;
                count = self.orders.recv_many(&mut orders, BATCH), if closing.is_none() => if count == 0 {
                    // Nobody can tell anything any more: what is left is written, then it ends.
                    if unsettled.is_empty() {
                        return;
                    }
                    sleep(AGAIN).await;
                },
                _ = renewal.tick() => self.keep_house().await,
                // What could not be written is tried again.
                () = sleep(AGAIN), if !unsettled.is_empty() => {}
            }
            let mut batch = Orders::default();
            let (mut growing, mut claiming) = (Vec::new(), Vec::new());
            for order in orders {
                match order {
                    Order::Claim(claim, answer) => {
                        batch.claims.push(claim);
                        claiming.push(answer);
                    }
                    Order::Grow(more, answer) => {
                        batch.growths.push(more);
                        growing.push(answer);
                    }
                    Order::Settle(settlement) => unsettled.push(settlement),
                    Order::Remember(record) => {
                        if let Err(error) = record.write(&self.pool).await {
                            tracing::warn!(%error, "a record was not stored");
                        }
                    }
                    Order::Close(done) => closing = Some((done, Instant::now() + CLOSING)),
                }
            }
            if !batch.claims.is_empty() || !batch.growths.is_empty() || !unsettled.is_empty() {
                self.transact(&mut unsettled, batch, (growing, claiming)).await;
            }
            let late = closing.as_ref().is_some_and(|c| Instant::now() > c.1);
            if (unsettled.is_empty() || late)
                && let Some((done, _)) = closing.take()
            {
                if late {
                    tracing::error!(
                        lost = unsettled.len(),
                        "the ledger does not answer: what runs lapses and is charged in full"
                    );
                }
                let _ = done.send(());
                return;
            }
        }
    }

    async fn transact(
        &self,
        unsettled: &mut Vec<Settlement>,
        batch: Orders,
        (growing, claiming): (Vec<Waiting>, Vec<Waiting>),
    ) {
        match self.try_transact(unsettled, &batch).await {
            Ok((grown, claimed)) => {
                unsettled.clear();
                for (answer, waiting) in grown.into_iter().zip(growing) {
                    // What nobody waits for any more goes back when its request is settled.
                    let _ = waiting.send(answer.map_err(ClaimError::from));
                }
                for ((answer, waiting), claim) in claimed.into_iter().zip(claiming).zip(batch.claims) {
                    let granted = answer.is_ok();
                    if waiting.send(answer.map_err(ClaimError::from)).is_err() && granted {
                        // Who asked has left: nothing will be spent.
                        unsettled.push(void(&claim));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger could not write and tries again");
                // The transaction may have been made all the same: then its claims are void.
                unsettled.extend(batch.claims.iter().map(void));
                for waiting in growing.into_iter().chain(claiming) {
                    let _ = waiting.send(Err(ClaimError::Unavailable));
                }
            }
        }
    }

    async fn try_transact(&self, settlements: &[Settlement], batch: &Orders) -> Result<Answers, LedgerError> {
        let failed = || LedgerError::database("write");
        let moment = Moment { kind: self.kind, holder: self.holder.clone(), now: now(), lease: self.lease };
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        let answers = batch::carry_out(&mut tx, &moment, settlements, batch).await.map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        Ok(answers)
    }

    /// Renews the leases of what runs here, charges what dead gateways left, deletes what is too old.
    async fn keep_house(&self) {
        if let Err(error) = self.try_keep_house().await {
            tracing::warn!(%error, "the ledger could not renew its leases and tries again");
        }
    }

    async fn try_keep_house(&self) -> Result<(), LedgerError> {
        let failed = || LedgerError::database("renew its leases");
        let now = now();
        sqlx::query("UPDATE ledger_claims SET expires = $1 WHERE holder = $2")
            .bind(int(now + self.lease))
            .bind(self.holder.clone())
            .execute(&self.pool)
            .await
            .map_err(failed())?;
        charge_lapsed(&self.pool, self.kind, now).await?;
        for (sql, before) in [
            ("DELETE FROM ledger_records WHERE expires <= $1", now),
            ("DELETE FROM ledger_documents WHERE expires <= $1", now),
            ("DELETE FROM ledger_minutes WHERE minute < $1", (now / MINUTE).saturating_sub(2 * 60)),
            ("DELETE FROM ledger_days WHERE day < $1", (now / DAY).saturating_sub(KEEP_DAYS)),
            ("DELETE FROM ledger_charges WHERE began < $1", now.saturating_sub(KEEP_DAYS * DAY)),
        ] {
            sqlx::query(sql).bind(int(before)).execute(&self.pool).await.map_err(failed())?;
        }
        Ok(())
    }
}

/// Charges in full what the claims hold whose leases have ended; how many there were.
pub(crate) async fn charge_lapsed(pool: &AnyPool, kind: Kind, now: u64) -> Result<u64, LedgerError> {
    let failed = || LedgerError::database("charge lapsed claims");
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT key_id FROM ledger_claims WHERE expires <= $1 ORDER BY key_id")
            .bind(int(now))
            .fetch_all(pool)
            .await
            .map_err(failed())?;
    let mut count = 0;
    for key in keys {
        let mut connection = pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(kind.begin()).await.map_err(failed())?;
        let locked = batch::lock_all(&mut tx, kind, [key.as_str()].into()).await.map_err(failed())?;
        count += batch::lapse(&mut tx, (&key, locked.team(&key)), now).await.map_err(failed())?;
        tx.commit().await.map_err(failed())?;
    }
    Ok(count)
}

/// Gives a claim back unused.
fn void(claim: &Claim) -> Settlement {
    Settlement { key: claim.key.clone(), trace: claim.trace.clone(), spent: Spent::default() }
}
