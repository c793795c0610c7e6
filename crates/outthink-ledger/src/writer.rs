//! The one task that writes: it takes what has come in since its last transaction and carries it out in
//! one, so that a busy gateway pays for a few transactions and not for two a request.

use crate::advance::{Advances, Amount};
use crate::batch::{self, Answers, Growing, Moment, Orders, Settlement, int};
use crate::book::{DAY, MINUTE};
use crate::schema::Kind;
use crate::{Claim, ClaimError, Grant, LedgerError, Record, Spent};
use sqlx::{AnyPool, Connection};
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

/// Requests in one transaction at most.
const BATCH: usize = 512;
/// Days that charges are kept.
const KEEP_DAYS: u64 = 400;
/// After this time what could not be written is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// What was paid from advances is written so often.
const GATHER: Duration = Duration::from_millis(20);
/// How long a claim that is refused waits for what other gateways have claimed ahead.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long a close waits for a database that does not answer.
const CLOSING: Duration = Duration::from_secs(20);

/// Who waits for a grant.
pub(crate) type Waiting = oneshot::Sender<Result<Grant, ClaimError>>;

/// What the task is told.
pub(crate) enum Order {
    Claim(Claim, Waiting),
    Grow(Growing, Waiting),
    Settle(Settlement),
    /// Something was paid from an advance.
    Paid,
    Remember(Box<Record>),
    /// Somebody waits until what was settled so far is written.
    Settled(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// What the task owns.
pub(crate) struct Writer {
    pub(crate) pool: AnyPool,
    pub(crate) kind: Kind,
    pub(crate) holder: String,
    pub(crate) lease: u64,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    pub(crate) advances: Advances,
}

/// What was asked for, who waits for it, and until when it is tried again: what is refused may be held by advances
/// that go back.
struct Asked<T> {
    what: T,
    waiting: Waiting,
    until: Option<Instant>,
}

impl<T> Asked<T> {
    const fn new(what: T, waiting: Waiting) -> Self {
        Self { what, waiting, until: None }
    }

    /// Whether it is tried again.
    fn is_patient(&mut self) -> bool {
        Instant::now() < *self.until.get_or_insert_with(|| Instant::now() + PATIENCE)
    }
}

/// What waits to be carried out.
#[derive(Default)]
struct Inbox {
    claims: Vec<Asked<Claim>>,
    growths: Vec<Asked<Growing>>,
}

impl Inbox {
    const fn is_empty(&self) -> bool {
        self.claims.is_empty() && self.growths.is_empty()
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

impl Writer {
    /// Works until it is told to close or nobody can tell it anything any more.
    pub(crate) async fn run(mut self) {
        let mut unsettled: Vec<Settlement> = Vec::new();
        let mut inbox = Inbox::default();
        let mut settled: Vec<oneshot::Sender<()>> = Vec::new();
        let mut renewal = interval(Duration::from_secs((self.lease / 3).max(1)));
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing: Option<(oneshot::Sender<()>, Instant)> = None;
        let mut look = Instant::now();
        loop {
            let mut orders = Vec::new();
            let watches = !self.advances.is_empty() || !inbox.is_empty();
            tokio::select! {
                biased;
                count = self.orders.recv_many(&mut orders, BATCH), if closing.is_none() => if count == 0 {
                    // Nobody can tell anything any more: what is left is written, then it ends.
                    if unsettled.is_empty() && self.advances.is_empty() {
                        return;
                    }
                    self.advances.call_back();
                    sleep(AGAIN).await;
                },
                _ = renewal.tick() => self.keep_house().await,
                () = sleep_until(look), if watches => {}
                // What could not be written is tried again.
                () = sleep(AGAIN), if !unsettled.is_empty() || !settled.is_empty() => {}
            }
            let was_asked = !orders.is_empty();
            for order in orders {
                match order {
                    Order::Claim(claim, waiting) => inbox.claims.push(Asked::new(claim, waiting)),
                    Order::Grow(more, waiting) => inbox.growths.push(Asked::new(more, waiting)),
                    Order::Settle(settlement) => unsettled.push(settlement),
                    Order::Paid => {}
                    Order::Remember(record) => {
                        if let Err(error) = record.write(&self.pool).await {
                            tracing::warn!(%error, "a record was not stored");
                        }
                    }
                    Order::Settled(waiting) => settled.push(waiting),
                    Order::Close(done) => closing = Some((done, Instant::now() + CLOSING)),
                }
            }
            let is_due = Instant::now() >= look;
            let is_awaited = !unsettled.is_empty() || !settled.is_empty();
            if (was_asked && !inbox.is_empty()) || is_awaited || is_due || closing.is_some() {
                let is_written;
                (inbox, is_written) = self.transact(&mut unsettled, inbox, closing.is_some()).await;
                look = Instant::now() + GATHER;
                if is_written {
                    // Who asked for it may have left.
                    settled.drain(..).for_each(|waiting| _ = waiting.send(()));
                }
            }
            let late = closing.as_ref().is_some_and(|c| Instant::now() > c.1);
            if ((unsettled.is_empty() && self.advances.is_written()) || late)
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

    /// Carries everything out that has come in; what is to be tried again, and whether all that was settled before is
    /// written.
    async fn transact(&self, unsettled: &mut Vec<Settlement>, inbox: Inbox, closing: bool) -> (Inbox, bool) {
        let Inbox { claims, growths } = inbox;
        let keys: HashSet<&str> = claims.iter().map(|a| a.what.key.as_str()).collect();
        let batch = Orders {
            entries: self.advances.take(|key| keys.contains(key), now(), closing),
            growths: growths.iter().map(|a| a.what.clone()).collect(),
            claims: claims.iter().map(|a| a.what.clone()).collect(),
        };
        let mut again = Inbox::default();
        if batch.is_empty() && unsettled.is_empty() {
            return (again, true);
        }
        let Answers { grown, claimed, advanced, dead, ahead } = match self.try_transact(unsettled, &batch).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(%error, "the ledger could not write and tries again");
                // The transaction may have been made all the same: then its claims are void.
                unsettled.extend(batch.claims.iter().map(void));
                let waiting = growths.into_iter().map(|a| a.waiting).chain(claims.into_iter().map(|a| a.waiting));
                for waiting in waiting {
                    let _ = waiting.send(Err(ClaimError::Unavailable));
                }
                return (again, false);
            }
        };
        unsettled.clear();
        self.advances.written(&batch.entries, |key| !dead.contains(key));
        for (key, opened) in advanced {
            self.advances.open(&key, opened, now());
        }
        if !ahead.is_empty() {
            // What is held here may be what others lack.
            self.advances.call_back();
        }
        for (answer, mut asked) in grown.into_iter().zip(growths) {
            if answer.is_err() && !closing && ahead.contains(&asked.what.key) && asked.is_patient() {
                again.growths.push(asked);
                continue;
            }
            let more = &asked.what;
            if let (Ok(grant), Some(request)) = (&answer, &more.share) {
                let cost = grant.cost.unwrap_or(more.by.most);
                let tokens = grant.tokens.unwrap_or(more.by.most_tokens);
                let by = Amount { cost, tokens, requests: 0 };
                self.advances.grown((&more.key, &more.trace), request, by);
            }
            // What nobody waits for any more goes back when its request is settled.
            let _ = asked.waiting.send(answer.map_err(ClaimError::from));
        }
        for (answer, mut asked) in claimed.into_iter().zip(claims) {
            let granted = answer.is_ok();
            if !granted && !closing && ahead.contains(&asked.what.key) && asked.is_patient() {
                again.claims.push(asked);
                continue;
            }
            if asked.waiting.send(answer.map_err(ClaimError::from)).is_err() && granted {
                // Who asked has left: nothing will be spent.
                unsettled.push(void(&asked.what));
            }
        }
        (again, true)
    }

    async fn try_transact(&self, settlements: &[Settlement], batch: &Orders) -> Result<Answers, LedgerError> {
        let failed = || LedgerError::database("write");
        let moment = Moment {
            kind: self.kind,
            holder: self.holder.clone(),
            now: now(),
            lease: self.lease,
            advances: self.advances.clone(),
        };
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
            ("DELETE FROM ledger_lines WHERE file IN (SELECT id FROM ledger_files WHERE expires <= $1)", now),
            ("DELETE FROM ledger_files WHERE expires <= $1", now),
            ("DELETE FROM ledger_batches WHERE created < $1", now.saturating_sub(KEEP_DAYS * DAY)),
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
