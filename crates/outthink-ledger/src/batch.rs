//! One transaction of the ledger: settlements, lapses and claims of many requests at once.
//!
//! The rows of the keys are locked first, in the order of their names, so that two gateways neither
//! see each other's half-done work nor wait for each other in a circle.

use crate::advance::{self, Advances, Amount, Free, Opened};
use crate::book::{DAY, MINUTE};
use crate::budget::Period;
use crate::schema::Kind;
use crate::{Account, Balance, Book, Claim, Grant, Growth, Limits, Minute, Payer, Payers, Refusal, Spent, TeamLimits};
use crate::{account, advance_write};
use outthink_core::Cost;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub(crate) type Tx<'a> = Transaction<'a, Any>;

/// The end of a request.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    pub(crate) key: String,
    pub(crate) trace: String,
    pub(crate) spent: Spent,
}

/// A request that runs and needs more.
#[derive(Debug, Clone)]
pub(crate) struct Growing {
    pub(crate) key: String,
    /// The claim that grows.
    pub(crate) trace: String,
    /// The request that it grows for, where the claim is an advance.
    pub(crate) share: Option<String>,
    pub(crate) by: Growth,
}

/// What is to be carried out together.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// What is to be written of advances.
    pub(crate) entries: Vec<advance::Entry>,
    pub(crate) growths: Vec<Growing>,
    pub(crate) claims: Vec<Claim>,
}

impl Orders {
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.growths.is_empty() && self.claims.is_empty()
    }
}

/// The answers to growths and claims, in their order; what was advanced to which keys; the keys that are revoked.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) grown: Vec<Result<Grant, Refusal>>,
    pub(crate) claimed: Vec<Result<Grant, Refusal>>,
    pub(crate) advanced: Vec<(String, Opened)>,
    pub(crate) dead: HashSet<String>,
    /// Keys that were refused something while advances are held that may go back soon.
    pub(crate) ahead: HashSet<String>,
}

/// The gateway that claims, and the time.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) kind: Kind,
    pub(crate) holder: String,
    pub(crate) now: u64,
    pub(crate) lease: u64,
    pub(crate) advances: Advances,
}

/// Carries out a batch.
pub(crate) async fn carry_out(
    tx: &mut Tx<'_>,
    moment: &Moment,
    settlements: &[Settlement],
    orders: &Orders,
) -> Result<Answers, sqlx::Error> {
    let Orders { entries, growths, claims } = orders;
    let ids: BTreeSet<&str> = (settlements.iter().map(|s| s.key.as_str()))
        .chain(growths.iter().map(|g| g.key.as_str()))
        .chain(claims.iter().map(|c| c.key.as_str()))
        .chain(entries.iter().map(|e| e.key.as_str()))
        .collect();
    let claiming: HashSet<&str> = claims.iter().map(|c| c.key.as_str()).collect();
    let locked = lock_all(tx, moment.kind, ids).await?;
    for (id, key) in locked.keys.iter().filter(|(id, _)| claiming.contains(id.as_str())) {
        lapse(tx, (id, key.team.as_deref()), moment.now).await?;
    }
    for entry in entries {
        advance_write::write(tx, moment.kind, (locked.team(&entry.key), entry)).await?;
    }
    for settlement in settlements {
        settle(tx, locked.team(&settlement.key), settlement).await?;
    }
    // What runs comes before what begins.
    let mut grown = Vec::with_capacity(growths.len());
    for growing in growths {
        grown.push(match locked.live(&growing.key) {
            None => Err(Refusal::Revoked),
            Some(key) => grow(tx, growing, key, &locked).await?,
        });
    }
    // The books are read after the settlements, so that what came back can be granted.
    let mut open = Open::default();
    let mut answers = Vec::with_capacity(claims.len());
    for claim in claims {
        answers.push(match locked.live(&claim.key) {
            None => Err(Refusal::Revoked),
            Some(key) => open.claim(tx, moment, claim, (key, &locked)).await?,
        });
    }
    let advanced = open.advance(tx, moment, orders, (&answers, &locked)).await?;
    open.write(tx, moment.now).await?;
    let dead = locked.keys.iter().filter(|(_, key)| !key.live).map(|(id, _)| id.clone()).collect();
    let mut ahead = HashSet::new();
    let asked = claims.iter().map(|c| &c.key).zip(&answers);
    for (key, answer) in growths.iter().map(|g| &g.key).zip(&grown).chain(asked) {
        let may_pass = matches!(answer, Err(refusal) if !matches!(refusal, Refusal::Revoked | Refusal::Lapsed));
        if may_pass && !ahead.contains(key) && advance_write::is_held(tx, key, locked.team(key)).await? {
            ahead.insert(key.clone());
        }
    }
    Ok(Answers { grown, claimed: answers, advanced, dead, ahead })
}

/// The rows of a batch that no other gateway changes until it ends.
pub(crate) struct Locked {
    keys: BTreeMap<String, LockedKey>,
    teams: BTreeMap<String, TeamLimits>,
}

/// A key's row.
pub(crate) struct LockedKey {
    limits: Limits,
    team: Option<String>,
    live: bool,
}

impl Locked {
    /// The key of this identifier, unless it was revoked.
    fn live(&self, id: &str) -> Option<&LockedKey> {
        self.keys.get(id).filter(|key| key.live)
    }

    /// The team of a key, a revoked one included.
    pub(crate) fn team(&self, id: &str) -> Option<&str> {
        self.keys.get(id).and_then(|key| key.team.as_deref())
    }

    /// The accounts that pay together with the key for a request of this session.
    fn others(&self, key: &LockedKey, session: Option<&str>) -> Vec<(String, Account)> {
        let team = key.team.as_ref().map(|name| (name, self.teams.get(name).copied().unwrap_or_default()));
        let of_team = team.as_ref().and_then(|(_, limits)| limits.cost_per_session);
        let most = key.limits.cost_per_session.into_iter().chain(of_team).min();
        let session = session.map(|id| (id.to_owned(), Account::new(&Payer::Session, [(Period::Session, most)])));
        let team = team
            .map(|(name, limits)| (account::of_team(name), Account::new(&Payer::Team(name.clone()), limits.budgets())));
        team.into_iter().chain(session).collect()
    }

    /// Whether a session of this key may have a budget of its own.
    fn limits_sessions(&self, key: &LockedKey) -> bool {
        let team = key.team.as_ref().and_then(|name| self.teams.get(name));
        key.limits.cost_per_session.is_some() || team.is_some_and(|t| t.cost_per_session.is_some())
    }

    /// The account of the session of a claim, where something limits sessions.
    fn session(&self, key: &LockedKey, claim: &Claim) -> Option<String> {
        claim.session.as_ref().filter(|_| self.limits_sessions(key)).map(|name| account::of_session(&claim.key, name))
    }
}

/// Locks the rows of keys and then of their teams, each in the order of their names.
pub(crate) async fn lock_all(tx: &mut Tx<'_>, kind: Kind, ids: BTreeSet<&str>) -> Result<Locked, sqlx::Error> {
    let mut keys = BTreeMap::new();
    for id in ids {
        if let Some(key) = lock(tx, kind, id).await? {
            keys.insert(id.to_owned(), key);
        }
    }
    let names: BTreeSet<&String> = keys.values().filter_map(|key| key.team.as_ref()).collect();
    let mut teams = BTreeMap::new();
    for name in names {
        let sql = format!("SELECT limits FROM ledger_teams WHERE name = $1{}", kind.for_update());
        let row = sqlx::query(AssertSqlSafe(sql)).bind(name.clone()).fetch_optional(&mut **tx).await?;
        if let Some(row) = row {
            teams.insert(name.clone(), json(&row.try_get::<String, _>(0)?)?);
        }
    }
    Ok(Locked { keys, teams })
}

/// Locks a key's row.
async fn lock(tx: &mut Tx<'_>, kind: Kind, id: &str) -> Result<Option<LockedKey>, sqlx::Error> {
    let sql = format!("SELECT limits, revoked, team FROM ledger_keys WHERE id = $1{}", kind.for_update());
    let Some(row) = sqlx::query(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&mut **tx).await? else {
        return Ok(None);
    };
    let revoked: Option<i64> = row.try_get(1)?;
    Ok(Some(LockedKey { limits: json(&row.try_get::<String, _>(0)?)?, team: row.try_get(2)?, live: revoked.is_none() }))
}

/// What a column of JSON holds.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// What was granted on an account and is to be written.
#[derive(Default)]
struct Entered {
    cost: i64,
    tokens: i64,
    requests: i64,
}

/// The accounts of the keys that claim, and those that pay with them.
#[derive(Default)]
struct Open {
    books: BTreeMap<String, Book>,
    others: BTreeMap<String, Account>,
    entered: BTreeMap<String, Entered>,
    minutes: BTreeMap<String, Entered>,
}

impl Open {
    async fn claim(
        &mut self,
        tx: &mut Tx<'_>,
        moment: &Moment,
        claim: &Claim,
        (key, locked): (&LockedKey, &Locked),
    ) -> Result<Result<Grant, Refusal>, sqlx::Error> {
        if !self.books.contains_key(&claim.key) {
            let book = read(tx, &claim.key, &key.limits, moment.now).await?;
            self.books.insert(claim.key.clone(), book);
        }
        let session = locked.session(key, claim);
        let mut others = locked.others(key, session.as_deref());
        for (id, account) in &mut others {
            match self.others.remove(id) {
                Some(known) => *account = known,
                None => read_account(tx, id, account, moment.now).await?,
            }
        }
        let Some(book) = self.books.get_mut(&claim.key) else { return Ok(Err(Refusal::Revoked)) };
        let mut payers = Payers { key: book, others: others.iter_mut().map(|(_, account)| account).collect() };
        let answer = payers.claim(claim, moment.now);
        let ids: Vec<String> = others.iter().map(|(id, _)| id.clone()).collect();
        self.others.extend(others);
        let grant = match answer {
            Ok(grant) => grant,
            Err(refusal) => return Ok(Err(refusal)),
        };
        enter(tx, moment, (claim, session), grant).await?;
        let (cost, tokens) = Book::held(claim, grant);
        for id in std::iter::once(&claim.key).chain(&ids) {
            let entered = self.entered.entry(id.clone()).or_default();
            entered.cost = entered.cost.saturating_add(int(cost.nano()));
            entered.requests += 1;
        }
        let minute = self.minutes.entry(claim.key.clone()).or_default();
        minute.tokens = minute.tokens.saturating_add(int(tokens));
        minute.requests += 1;
        Ok(Ok(grant))
    }

    /// Claims ahead for the keys that are busy, where enough is free.
    async fn advance(
        &mut self,
        tx: &mut Tx<'_>,
        moment: &Moment,
        Orders { claims, entries, .. }: &Orders,
        (answers, locked): (&[Result<Grant, Refusal>], &Locked),
    ) -> Result<Vec<(String, Opened)>, sqlx::Error> {
        if !moment.advances.is_ahead() {
            return Ok(Vec::new());
        }
        let mut by_key: BTreeMap<&str, Vec<&Claim>> = BTreeMap::new();
        let mut refused = HashSet::new();
        for (claim, answer) in claims.iter().zip(answers) {
            by_key.entry(&claim.key).or_default().push(claim);
            if answer.is_err() {
                refused.insert(claim.key.as_str());
            }
        }
        let mut wanted: BTreeMap<&str, Amount> =
            entries.iter().filter_map(|entry| Some((entry.key.as_str(), entry.want?))).collect();
        for (id, of_key) in by_key {
            if of_key.len() >= advance::BUSY || moment.advances.current(id, moment.now).is_some() {
                let want = wanted.entry(id).or_default();
                *want = want.max(advance::for_claims(&of_key));
            }
        }
        let mut advanced = Vec::new();
        for (id, amount) in wanted {
            let Some(key) = locked.live(id).filter(|_| !refused.contains(id)) else { continue };
            let free = self.free(tx, moment, id, (key, locked)).await?;
            if !advance::is_small(amount, free) {
                continue;
            }
            let closed = |trace: &String| entries.iter().any(|entry| entry.over && entry.trace == *trace);
            let current = moment.advances.current(id, moment.now).filter(|trace| !closed(trace));
            let is_new = current.is_none();
            let trace = current.unwrap_or_else(|| advance_write::name(&moment.holder, id, moment.now));
            advance_write::open(tx, moment, (id, &trace), (amount, is_new)).await?;
            let minute = self.minutes.entry(id.to_owned()).or_default();
            minute.tokens = minute.tokens.saturating_add(int(amount.tokens));
            minute.requests += int(amount.requests);
            for account in accounts(id, key.team.as_deref(), None) {
                let entered = self.entered.entry(account).or_default();
                entered.cost = entered.cost.saturating_add(int(amount.cost.nano()));
            }
            let beside = free.0.map(|free| free.saturating_sub(amount.cost));
            let tokens = free.1.map(|free| free.saturating_sub(amount.tokens));
            let sessions = locked.limits_sessions(key);
            advanced.push((id.to_owned(), Opened { trace, amount, free: (beside, tokens), sessions }));
        }
        Ok(advanced)
    }

    /// What is free for a key and those who pay with it.
    async fn free(
        &mut self,
        tx: &mut Tx<'_>,
        moment: &Moment,
        id: &str,
        (key, locked): (&LockedKey, &Locked),
    ) -> Result<Free, sqlx::Error> {
        if !self.books.contains_key(id) {
            let book = read(tx, id, &key.limits, moment.now).await?;
            self.books.insert(id.to_owned(), book);
        }
        for (account, mut other) in locked.others(key, None) {
            if let Entry::Vacant(place) = self.others.entry(account) {
                read_account(tx, place.key(), &mut other, moment.now).await?;
                place.insert(other);
            }
        }
        let Some(book) = self.books.get(id) else { return Ok((Some(Cost::ZERO), None, None)) };
        let (limits, minute) = (&book.limits, &book.minute);
        let tokens = limits.tokens_per_minute.map(|l| l.saturating_sub(minute.tokens + minute.reserved));
        let requests = limits.requests_per_minute.map(|l| l.saturating_sub(minute.requests));
        let others = locked.others(key, None);
        let others = others.iter().filter_map(|(account, _)| self.others.get(account));
        let budgets = std::iter::once(&book.account).chain(others).flat_map(|account| &account.budgets);
        Ok((budgets.map(crate::budget::Budget::free).min(), tokens, requests))
    }

    /// Writes what was granted. The rows are locked, so that nothing was changed in between.
    async fn write(&self, tx: &mut Tx<'_>, now: u64) -> Result<(), sqlx::Error> {
        for (id, entered) in &self.entered {
            sqlx::query(
                "INSERT INTO ledger_days (key_id, day, spent, reserved, lapsed, requests, prompt, generated)
                    VALUES ($1, $2, 0, $3, 0, $4, 0, 0) ON CONFLICT (key_id, day) DO UPDATE SET
                    reserved = ledger_days.reserved + excluded.reserved,
                    requests = ledger_days.requests + excluded.requests",
            )
            .bind(id.clone())
            .bind(int(now / DAY))
            .bind(entered.cost)
            .bind(entered.requests)
            .execute(&mut **tx)
            .await?;
        }
        for (id, entered) in &self.minutes {
            sqlx::query(
                "INSERT INTO ledger_minutes (key_id, minute, requests, tokens, reserved) VALUES ($1, $2, $3, 0, $4)
                    ON CONFLICT (key_id, minute) DO UPDATE SET
                    requests = ledger_minutes.requests + excluded.requests,
                    reserved = ledger_minutes.reserved + excluded.reserved",
            )
            .bind(id.clone())
            .bind(int(now / MINUTE))
            .bind(entered.requests)
            .bind(entered.tokens)
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }
}

/// Charges in full what the claims of dead gateways hold.
pub(crate) async fn lapse(tx: &mut Tx<'_>, (key, team): (&str, Option<&str>), now: u64) -> Result<u64, sqlx::Error> {
    let rows = sqlx::query(
        "DELETE FROM ledger_claims WHERE key_id = $1 AND expires <= $2
            RETURNING trace, model, began, cost, tokens, session",
    )
    .bind(key.to_owned())
    .bind(int(now))
    .fetch_all(&mut **tx)
    .await?;
    for row in &rows {
        let held = Held::of(row)?;
        let spent = Spent { cost: Cost::from_nano(uint(held.cost)), prompt: 0, generated: uint(held.tokens) };
        close(tx, &accounts(key, team, held.session.as_ref()), &held, spent, true).await?;
    }
    Ok(rows.len() as u64)
}

/// A claim as its row has it.
struct Held {
    trace: String,
    model: String,
    began: i64,
    cost: i64,
    tokens: i64,
    session: Option<String>,
}

impl Held {
    fn of(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            trace: row.try_get(0)?,
            model: row.try_get(1)?,
            began: row.try_get(2)?,
            cost: row.try_get(3)?,
            tokens: row.try_get(4)?,
            session: row.try_get(5)?,
        })
    }
}

/// The accounts that a request is charged to, its key's first.
pub(crate) fn accounts(key: &str, team: Option<&str>, session: Option<&String>) -> Vec<String> {
    let others = team.map(account::of_team).into_iter().chain(session.cloned());
    std::iter::once(key.to_owned()).chain(others).collect()
}

async fn settle(tx: &mut Tx<'_>, team: Option<&str>, settlement: &Settlement) -> Result<(), sqlx::Error> {
    let row =
        sqlx::query("DELETE FROM ledger_claims WHERE trace = $1 RETURNING trace, model, began, cost, tokens, session")
            .bind(settlement.trace.clone())
            .fetch_optional(&mut **tx)
            .await?;
    match row {
        Some(row) => {
            let held = Held::of(&row)?;
            let accounts = accounts(&settlement.key, team, held.session.as_ref());
            close(tx, &accounts, &held, settlement.spent, false).await
        }
        None => correct(tx, team, settlement).await,
    }
}

/// Gives more to a claim that is held, from the day and the minute in which it began. One that has lapsed
/// gets nothing.
async fn grow(
    tx: &mut Tx<'_>,
    growing: &Growing,
    key: &LockedKey,
    locked: &Locked,
) -> Result<Result<Grant, Refusal>, sqlx::Error> {
    let row = sqlx::query("SELECT began, session FROM ledger_claims WHERE trace = $1")
        .bind(growing.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(Err(Refusal::Lapsed)) };
    let (began, session): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let mut book = read(tx, &growing.key, &key.limits, uint(began)).await?;
    let mut others = locked.others(key, session.as_deref());
    for (id, account) in &mut others {
        read_account(tx, id, account, uint(began)).await?;
    }
    let mut payers = Payers { key: &mut book, others: others.iter_mut().map(|(_, account)| account).collect() };
    let grant = match payers.grow(&growing.by, uint(began)) {
        Ok(grant) => grant,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let cost = int(grant.cost.unwrap_or(growing.by.most).nano());
    let tokens = int(grant.tokens.unwrap_or(growing.by.most_tokens));
    sqlx::query("UPDATE ledger_claims SET cost = cost + $1, tokens = tokens + $2 WHERE trace = $3")
        .bind(cost)
        .bind(tokens)
        .bind(growing.trace.clone())
        .execute(&mut **tx)
        .await?;
    for account in accounts(&growing.key, key.team.as_deref(), session.as_ref()) {
        sqlx::query("UPDATE ledger_days SET reserved = reserved + $1 WHERE key_id = $2 AND day = $3")
            .bind(cost)
            .bind(account)
            .bind(began / int(DAY))
            .execute(&mut **tx)
            .await?;
    }
    sqlx::query("UPDATE ledger_minutes SET reserved = reserved + $1 WHERE key_id = $2 AND minute = $3")
        .bind(tokens)
        .bind(growing.key.clone())
        .bind(began / int(MINUTE))
        .execute(&mut **tx)
        .await?;
    Ok(Ok(grant))
}

/// Puts what was spent in the place of what was held.
async fn close(
    tx: &mut Tx<'_>,
    accounts: &[String],
    held: &Held,
    spent: Spent,
    lapsed: bool,
) -> Result<(), sqlx::Error> {
    let cost = int(spent.cost.nano());
    for account in accounts {
        sqlx::query(
            "UPDATE ledger_days SET reserved = reserved - $1, spent = spent + $2, lapsed = lapsed + $3,
                prompt = prompt + $4, generated = generated + $5 WHERE key_id = $6 AND day = $7",
        )
        .bind(held.cost)
        .bind(cost)
        .bind(if lapsed { cost } else { 0 })
        .bind(int(spent.prompt))
        .bind(int(spent.generated))
        .bind(account.clone())
        .bind(held.began / int(DAY))
        .execute(&mut **tx)
        .await?;
    }
    let Some(key) = accounts.first() else { return Ok(()) };
    sqlx::query(
        "UPDATE ledger_minutes SET reserved = reserved - $1, tokens = tokens + $2 WHERE key_id = $3 AND minute = $4",
    )
    .bind(held.tokens)
    .bind(int(spent.generated))
    .bind(key.clone())
    .bind(held.began / int(MINUTE))
    .execute(&mut **tx)
    .await?;
    if spent == Spent::default() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ledger_charges (trace, key_id, model, began, cost, prompt, generated, lapsed, session)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(held.trace.clone())
    .bind(key.clone())
    .bind(held.model.clone())
    .bind(held.began)
    .bind(cost)
    .bind(int(spent.prompt))
    .bind(int(spent.generated))
    .bind(i64::from(lapsed))
    .bind(held.session.clone())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A settlement that comes after its claim was charged in full: the true amount takes its place. One
/// that was made before, or whose claim never came to be, changes nothing.
async fn correct(tx: &mut Tx<'_>, team: Option<&str>, settlement: &Settlement) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT began, cost, generated, session FROM ledger_charges WHERE trace = $1 AND lapsed = 1")
        .bind(settlement.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (began, cost, generated): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let session: Option<String> = row.try_get(3)?;
    let spent = settlement.spent;
    for account in accounts(&settlement.key, team, session.as_ref()) {
        sqlx::query(
            "UPDATE ledger_days SET spent = spent - $1 + $2, lapsed = lapsed - $1, prompt = prompt + $3,
                generated = generated - $4 + $5 WHERE key_id = $6 AND day = $7",
        )
        .bind(cost)
        .bind(int(spent.cost.nano()))
        .bind(int(spent.prompt))
        .bind(generated)
        .bind(int(spent.generated))
        .bind(account)
        .bind(began / int(DAY))
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query("UPDATE ledger_charges SET cost = $1, prompt = $2, generated = $3, lapsed = 0 WHERE trace = $4")
        .bind(int(spent.cost.nano()))
        .bind(int(spent.prompt))
        .bind(int(spent.generated))
        .bind(settlement.trace.clone())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A key's book at `now`; what nothing limits is not read.
async fn read(tx: &mut Tx<'_>, id: &str, limits: &Limits, now: u64) -> Result<Book, sqlx::Error> {
    let mut book = Book::new(limits.clone());
    read_account(tx, id, &mut book.account, now).await?;
    if limits.requests_per_minute.is_none() && limits.tokens_per_minute.is_none() {
        return Ok(book);
    }
    let minute = sqlx::query("SELECT requests, tokens, reserved FROM ledger_minutes WHERE key_id = $1 AND minute = $2")
        .bind(id.to_owned())
        .bind(int(now / MINUTE))
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(row) = minute {
        book.minute =
            Minute { requests: uint(row.try_get(0)?), tokens: uint(row.try_get(1)?), reserved: uint(row.try_get(2)?) };
    }
    Ok(book)
}

/// Reads what is spent and reserved of an account's budgets at `now`. A period is a sum of days.
async fn read_account(tx: &mut Tx<'_>, id: &str, account: &mut Account, now: u64) -> Result<(), sqlx::Error> {
    for budget in &mut account.budgets {
        let (first, last) = budget.name.period.days(now);
        let row = sqlx::query(
            "SELECT CAST(COALESCE(SUM(spent), 0) AS BIGINT), CAST(COALESCE(SUM(reserved), 0) AS BIGINT)
                FROM ledger_days WHERE key_id = $1 AND day >= $2 AND day <= $3",
        )
        .bind(id.to_owned())
        .bind(int(first))
        .bind(int(last))
        .fetch_one(&mut **tx)
        .await?;
        let cost = |column| Ok::<_, sqlx::Error>(Cost::from_nano(uint(row.try_get(column)?)));
        budget.balance = Balance { spent: cost(0)?, reserved: cost(1)? };
    }
    Ok(())
}

async fn enter(
    tx: &mut Tx<'_>,
    moment: &Moment,
    (claim, session): (&Claim, Option<String>),
    grant: Grant,
) -> Result<(), sqlx::Error> {
    let (cost, tokens) = Book::held(claim, grant);
    sqlx::query(
        "INSERT INTO ledger_claims (trace, key_id, model, holder, began, cost, tokens, expires, session)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(claim.trace.clone())
    .bind(claim.key.clone())
    .bind(claim.model.clone())
    .bind(moment.holder.clone())
    .bind(int(moment.now))
    .bind(int(cost.nano()))
    .bind(int(tokens))
    .bind(int(moment.now + moment.lease))
    .bind(session)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A number as the database has it.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of the database; below nothing counts as nothing.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
