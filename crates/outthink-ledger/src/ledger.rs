//! The handle by which a gateway claims and settles, and by which keys are made and revoked.

use crate::advance::{Advances, Share};
use crate::batch::{Growing, Settlement, int};
use crate::documents::{self, Document, Documents, NewDocument};
use crate::schema::{self, Kind};
use crate::secret::{self, KeySecret};
use crate::writer::{Order, Writer, charge_lapsed, now};
use crate::{
    Charge, Claim, ClaimError, Grant, Growth, Key, KeyStatus, LedgerError, Limits, NewKey, Record, Spent, TeamLimits,
    TeamStatus, status, teams,
};
use sqlx::{AnyPool, AssertSqlSafe, Connection as _, Row};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How long a key that was looked up counts as known. A claim looks at the key itself in any case, so
/// that a revoked key spends nothing.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// Keys that are remembered at one time at most.
const KNOWN_KEYS: usize = 10_000;

/// When a key was last looked up, and what was found.
type Known = (Instant, Option<(Key, String)>);

/// The keys, budgets and charges of one or more gateways. Clones are handles on the same one.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) pool: AnyPool,
    pub(crate) kind: Kind,
    orders: mpsc::UnboundedSender<Order>,
    documents: Documents,
    advances: Advances,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

/// Limits as the database has them.
fn written(limits: &Limits) -> Result<String, LedgerError> {
    serde_json::to_string(limits).map_err(|e| LedgerError::Asked(format!("the limits cannot be written down: {e}")))
}

fn not_there(name: &str) -> LedgerError {
    LedgerError::Asked(format!("no live key is called `{name}`: see `outthink keys list`"))
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens a ledger, its tables made where there are none, and starts the task that writes.
    ///
    /// `lease` is in seconds: how long a claim outlives the gateway that holds it.
    ///
    /// # Errors
    /// If the address is not valid, the database cannot be opened, or a later version made it.
    pub async fn open(url: &str, lease: u64) -> Result<Self, LedgerError> {
        let (pool, kind) = schema::open(url).await?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes)
            .map_err(|e| LedgerError::Asked(format!("the system gives no random numbers: {e}")))?;
        let holder = format!("{:032x}", u128::from_be_bytes(bytes));
        let advances = Advances::default();
        let (lease, own) = (lease.max(1), advances.clone());
        let writer = Writer { pool: pool.clone(), kind, holder, lease, orders: inbox, advances: own };
        tokio::spawn(writer.run());
        let documents = Documents::start(pool.clone(), kind);
        Ok(Self { pool, kind, orders, documents, advances, known: Arc::default() })
    }

    /// Claims ahead for keys that are busy, so that most of their claims are decided in memory and charges are written
    /// in groups. Then a crash charges more: what was claimed ahead, at most a sixteenth of what was free, under one
    /// name, with what the requests of the last moment spent in it.
    #[must_use]
    pub fn claiming_ahead(self, ahead: bool) -> Self {
        self.advances.set_ahead(ahead);
        self
    }

    /// Whether claims of busy keys are made ahead.
    pub(crate) fn claims_ahead(&self) -> bool {
        self.advances.is_ahead()
    }

    /// Makes a key. The secret is in the reply alone; the ledger keeps its hash.
    ///
    /// # Errors
    /// If the name is taken or not valid, a limit is useless, or the database fails.
    pub async fn create_key(&self, new: &NewKey) -> Result<(Key, KeySecret), LedgerError> {
        new.check()?;
        if let Some(team) = &new.team
            && teams::find(&self.pool, team).await?.is_none()
        {
            let words = format!("there is no team `{team}`: make it with `outthink keys team {team}`");
            return Err(LedgerError::Asked(words));
        }
        let secret = KeySecret::generate()?;
        let key = Key {
            id: secret.id().to_owned(),
            name: new.name.clone(),
            admin: new.admin,
            team: new.team.clone(),
            limits: new.limits.clone(),
            created: now(),
            revoked: None,
        };
        let limits = written(&key.limits)?;
        let made = sqlx::query(
            "INSERT INTO ledger_keys (id, name, hash, admin, limits, created, team) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(key.id.clone())
        .bind(key.name.clone())
        .bind(secret::hash(secret.expose()))
        .bind(i64::from(key.admin))
        .bind(limits)
        .bind(int(key.created))
        .bind(key.team.clone())
        .execute(&self.pool)
        .await;
        match made {
            Ok(_) => Ok((key, secret)),
            Err(e) if e.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) => {
                let words = format!("there is a key of the name `{}`: choose another, or revoke that one", key.name);
                Err(LedgerError::Asked(words))
            }
            Err(e) => Err(LedgerError::database("make a key")(e)),
        }
    }

    /// All keys with what they spent today, the revoked ones included, oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn keys(&self) -> Result<Vec<KeyStatus>, LedgerError> {
        status::keys(&self.pool, now()).await
    }

    /// Makes a team, or gives one other limits. A claim looks at them itself, so that they hold from the next one on.
    ///
    /// # Errors
    /// If the name is not valid, a limit is useless, or the database fails.
    pub async fn set_team(&self, name: &str, limits: TeamLimits) -> Result<(), LedgerError> {
        teams::set(&self.pool, name, limits, now()).await
    }

    /// A team's limits, if it is one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn team(&self, name: &str) -> Result<Option<TeamLimits>, LedgerError> {
        teams::find(&self.pool, name).await
    }

    /// All teams with what they spent today and in this month, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn teams(&self) -> Result<Vec<TeamStatus>, LedgerError> {
        teams::list(&self.pool, now()).await
    }

    /// What a key was charged, oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn charges(&self, key: &str) -> Result<Vec<Charge>, LedgerError> {
        status::charges(&self.pool, key).await
    }

    /// Changes what a live key, by name or identifier, may spend; its team stays. A claim looks at the limits itself, so
    /// that they hold from the next one on. A day that has already cost more than a lowered budget stays as it is.
    ///
    /// # Errors
    /// If no live key is called so, `change` refuses, a limit is useless, or the database fails.
    pub async fn change_key(
        &self,
        name: &str,
        change: impl FnOnce(&mut Limits) -> Result<(), LedgerError> + Send,
    ) -> Result<Key, LedgerError> {
        let failed = || LedgerError::database("change a key");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let mut tx = connection.begin_with(self.kind.begin()).await.map_err(failed())?;
        let sql = format!(
            "SELECT id, name, admin, limits, created, revoked, team FROM ledger_keys
                WHERE (name = $1 OR id = $1) AND revoked IS NULL{}",
            self.kind.for_update()
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(name.to_owned()).fetch_optional(&mut *tx).await;
        let Some(row) = row.map_err(failed())? else { return Err(not_there(name)) };
        let mut key = status::key_of(&row).map_err(failed())?;
        change(&mut key.limits)?;
        if let Some(words) = key.limits.problem() {
            return Err(LedgerError::Asked(words.into()));
        }
        sqlx::query("UPDATE ledger_keys SET limits = $1 WHERE id = $2")
            .bind(written(&key.limits)?)
            .bind(key.id.clone())
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        tx.commit().await.map_err(failed())?;
        self.forget_known();
        Ok(key)
    }

    /// Nothing of what is known of keys counts any more, and nothing more is handed out of advances.
    fn forget_known(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.advances.call_back();
    }

    /// Revokes a key by name or identifier. What it runs comes to its end; nothing new begins.
    ///
    /// # Errors
    /// If no live key is called so, or the database fails.
    pub async fn revoke(&self, name: &str) -> Result<(), LedgerError> {
        let done = sqlx::query("UPDATE ledger_keys SET revoked = $1 WHERE (name = $2 OR id = $2) AND revoked IS NULL")
            .bind(int(now()))
            .bind(name.to_owned())
            .execute(&self.pool)
            .await
            .map_err(LedgerError::database("revoke a key"))?;
        self.forget_known();
        if done.rows_affected() == 0 {
            return Err(not_there(name));
        }
        Ok(())
    }

    /// The live key that was presented, if it is one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate(&self, presented: &str) -> Result<Option<Key>, LedgerError> {
        let Some(id) = secret::id_of(presented) else { return Ok(None) };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let found = match known {
            Some((since, found)) if since.elapsed() < KNOWN_FOR => found,
            _ => self.look_up(id).await?,
        };
        // The hash is made for unknown identifiers, too, so that the time tells nothing.
        let hash = secret::hash(presented);
        Ok(found.filter(|(_, stored)| secret::equal(stored, &hash)).map(|(key, _)| key))
    }

    /// The live key with this identifier.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn key(&self, id: &str) -> Result<Option<Key>, LedgerError> {
        Ok(self.look_up(id).await?.map(|(key, _)| key))
    }

    async fn look_up(&self, id: &str) -> Result<Option<(Key, String)>, LedgerError> {
        let failed = || LedgerError::database("look a key up");
        let row = sqlx::query(
            "SELECT id, name, admin, limits, created, revoked, team, hash FROM ledger_keys WHERE id = $1 AND revoked IS NULL",
        )
        .bind(id.to_owned())
        .fetch_optional(&self.pool)
        .await
        .map_err(failed())?;
        let found = match row {
            None => None,
            Some(row) => Some((status::key_of(&row).map_err(failed())?, row.try_get(7).map_err(failed())?)),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_KEYS {
            known.clear();
        }
        known.insert(id.to_owned(), (Instant::now(), found.clone()));
        Ok(found)
    }

    /// Reserves what a request may spend. Nothing may be spent before this is granted.
    ///
    /// # Errors
    /// If the key's limits do not allow it, or the ledger does not answer.
    pub async fn claim(&self, claim: Claim) -> Result<Hold, ClaimError> {
        let (orders, advances) = (self.orders.clone(), self.advances.clone());
        if let Some((grant, share)) = self.advances.claim(&claim, now()) {
            return Ok(Hold { grant, owed: Some(Owed::Share(share)), orders, advances });
        }
        let (answer, granted) = oneshot::channel();
        let (key, trace) = (claim.key.clone(), claim.trace.clone());
        self.orders.send(Order::Claim(claim, answer)).map_err(|_| ClaimError::Unavailable)?;
        let grant = granted.await.map_err(|_| ClaimError::Unavailable)??;
        let owed = Owed::Claim(Settlement { key, trace, spent: Spent::default() });
        Ok(Hold { grant, owed: Some(owed), orders, advances })
    }

    /// Charges in full what dead gateways held, at once instead of at the next look; how many claims
    /// there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn charge_lapsed(&self) -> Result<u64, LedgerError> {
        charge_lapsed(&self.pool, self.kind, now()).await
    }

    /// Waits until everything that was settled before is in the database; whether it is. A ledger that was closed in
    /// between does not say.
    pub async fn settled(&self) -> bool {
        let (written, waiting) = oneshot::channel();
        self.orders.send(Order::Settled(written)).is_ok() && waiting.await.is_ok()
    }

    /// Keeps a record until it expires. It is written by the task, and lost if the process dies first.
    pub fn remember(&self, record: Record) {
        let _ = self.orders.send(Order::Remember(Box::new(record)));
    }

    /// A record that has not expired.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn recall(&self, trace: &str) -> Result<Option<Record>, LedgerError> {
        Record::read(&self.pool, trace, now()).await
    }

    /// Whether other gateways may work on the same ledger, so that what they share belongs here.
    pub fn is_shared(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// Keeps a document until it expires. The future completes with whether it is written, and need not be waited
    /// for.
    pub fn keep(&self, document: NewDocument) -> impl Future<Output = bool> + Send + use<> {
        self.documents.keep(document)
    }

    /// A document that has not expired.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn document(&self, kind: &str, id: &str) -> Result<Option<Document>, LedgerError> {
        documents::find(&self.pool, kind, id).await
    }

    /// Deletes a document; whether there was one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget(&self, kind: &str, id: &str) -> Result<bool, LedgerError> {
        documents::forget(&self.pool, kind, id).await
    }

    /// Writes what is to be written, and ends the task. Claims are refused from now on.
    pub async fn close(&self) {
        let (done, written) = oneshot::channel();
        if self.orders.send(Order::Close(done)).is_ok() {
            let _ = written.await;
        }
        self.documents.close().await;
        self.pool.close().await;
    }
}

/// What a hold has to settle.
#[derive(Debug)]
enum Owed {
    /// A claim of its own.
    Claim(Settlement),
    /// A part of the gateway's advance.
    Share(Share),
}

/// A granted claim. Dropping it settles what was noted last.
#[derive(Debug)]
pub struct Hold {
    grant: Grant,
    owed: Option<Owed>,
    orders: mpsc::UnboundedSender<Order>,
    advances: Advances,
}

impl Hold {
    /// What may be spent.
    pub const fn grant(&self) -> Grant {
        self.grant
    }

    /// Asks for more while the request runs; what is granted may be spent on top of what was granted before.
    /// The future stands by itself, so that the request can go on while it waits.
    /// A request whose key was revoked, or whose claim has lapsed, gets nothing more.
    ///
    /// # Errors
    /// The future's: if the key's limits do not allow it, or the ledger does not answer.
    pub fn grow(&self, by: Growth) -> impl Future<Output = Result<Grant, ClaimError>> + Send + use<> {
        let mut waiting = None;
        let known = match &self.owed {
            Some(Owed::Share(share)) => self.advances.grow(share, &by),
            _ => None,
        };
        if known.is_none() {
            let growing = match &self.owed {
                Some(Owed::Claim(s)) => Some(Growing { key: s.key.clone(), trace: s.trace.clone(), share: None, by }),
                Some(Owed::Share(s)) => {
                    let share = Some(s.trace.clone());
                    Some(Growing { key: s.key.clone(), trace: s.advance.clone(), share, by })
                }
                None => None,
            };
            let (answer, granted) = oneshot::channel();
            let sent = growing.is_some_and(|growing| self.orders.send(Order::Grow(growing, answer)).is_ok());
            waiting = sent.then_some(granted);
        }
        async move {
            match (known, waiting) {
                (Some(grant), _) => Ok(grant),
                (None, Some(granted)) => granted.await.map_err(|_| ClaimError::Unavailable)?,
                (None, None) => Err(ClaimError::Unavailable),
            }
        }
    }

    /// Notes what was spent so far, for the case that it is dropped.
    pub fn note(&mut self, spent: Spent) {
        match &mut self.owed {
            Some(Owed::Claim(settlement)) => settlement.spent = spent,
            Some(Owed::Share(share)) => share.spent = spent,
            None => {}
        }
    }

    /// Settles with what was spent.
    pub fn settle(mut self, spent: Spent) {
        self.note(spent);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match self.owed.take() {
            Some(Owed::Claim(settlement)) => {
                let _ = self.orders.send(Order::Settle(settlement));
            }
            Some(Owed::Share(share)) => {
                let is_first = self.advances.settle(share);
                if is_first {
                    let _ = self.orders.send(Order::Paid);
                }
            }
            None => {}
        }
    }
}
