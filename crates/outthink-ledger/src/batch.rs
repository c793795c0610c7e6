//! One transaction of the ledger: settlements, lapses and claims of many requests at once.
//!
//! The rows of the keys are locked first, in the order of their names, so that two gateways neither
//! see each other's half-done work nor wait for each other in a circle.

use crate::book::{DAY, MINUTE};
use crate::schema::Kind;
use crate::{Book, Claim, Day, Grant, Growth, Limits, Minute, Refusal, Spent};
use outthink_core::Cost;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use std::collections::{BTreeMap, BTreeSet, HashSet};

type Tx<'a> = Transaction<'a, Any>;

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
    pub(crate) trace: String,
    pub(crate) by: Growth,
}

/// What is to be carried out together.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) growths: Vec<Growing>,
    pub(crate) claims: Vec<Claim>,
}

/// The answers to growths and claims, in their order.
pub(crate) type Answers = (Vec<Result<Grant, Refusal>>, Vec<Result<Grant, Refusal>>);

/// The gateway that claims, and the time.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) kind: Kind,
    pub(crate) holder: String,
    pub(crate) now: u64,
    pub(crate) lease: u64,
}

/// Carries out a batch.
pub(crate) async fn carry_out(
    tx: &mut Tx<'_>,
    moment: &Moment,
    settlements: &[Settlement],
    orders: &Orders,
) -> Result<Answers, sqlx::Error> {
    let Orders { growths, claims } = orders;
    let ids: BTreeSet<&str> = (settlements.iter().map(|s| s.key.as_str()))
        .chain(growths.iter().map(|g| g.key.as_str()))
        .chain(claims.iter().map(|c| c.key.as_str()))
        .collect();
    let claiming: HashSet<&str> = claims.iter().map(|c| c.key.as_str()).collect();
    let mut books = BTreeMap::new();
    for id in ids {
        let limits = lock(tx, moment.kind, id).await?;
        if claiming.contains(id) {
            lapse(tx, id, moment.now).await?;
        }
        if let Some(limits) = limits {
            books.insert(id.to_owned(), limits);
        }
    }
    for settlement in settlements {
        settle(tx, settlement).await?;
    }
    // What runs comes before what begins.
    let mut grown = Vec::with_capacity(growths.len());
    for growing in growths {
        grown.push(match books.get(&growing.key) {
            None => Err(Refusal::Revoked),
            Some(limits) => grow(tx, growing, limits).await?,
        });
    }
    // The books are read after the settlements, so that what came back can be granted.
    let mut open = BTreeMap::new();
    for (id, limits) in books.into_iter().filter(|(id, _)| claiming.contains(id.as_str())) {
        let book = read(tx, &id, limits, moment.now).await?;
        open.insert(id, book);
    }
    let mut answers = Vec::with_capacity(claims.len());
    let mut granted: BTreeMap<&str, i64> = BTreeMap::new();
    for claim in claims {
        let answer = match open.get_mut(&claim.key) {
            None => Err(Refusal::Revoked),
            Some(book) => book.claim(claim, moment.now),
        };
        if let Ok(grant) = answer {
            enter(tx, moment, claim, grant).await?;
            *granted.entry(&claim.key).or_default() += 1;
        }
        answers.push(answer);
    }
    for (id, requests) in granted {
        if let Some(book) = open.get(id) {
            write(tx, id, book, moment.now, requests).await?;
        }
    }
    Ok((grown, answers))
}

/// Locks a key's row; its limits if it is live.
pub(crate) async fn lock(tx: &mut Tx<'_>, kind: Kind, id: &str) -> Result<Option<Limits>, sqlx::Error> {
    let sql = format!("SELECT limits, revoked FROM ledger_keys WHERE id = $1{}", kind.for_update());
    let Some(row) = sqlx::query(AssertSqlSafe(sql)).bind(id.to_owned()).fetch_optional(&mut **tx).await? else {
        return Ok(None);
    };
    let revoked: Option<i64> = row.try_get(1)?;
    let limits: String = row.try_get(0)?;
    let limits = serde_json::from_str(&limits).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(revoked.is_none().then_some(limits))
}

/// Charges in full what the claims of dead gateways hold.
pub(crate) async fn lapse(tx: &mut Tx<'_>, key: &str, now: u64) -> Result<u64, sqlx::Error> {
    let rows = sqlx::query(
        "DELETE FROM ledger_claims WHERE key_id = $1 AND expires <= $2 RETURNING trace, model, began, cost, tokens",
    )
    .bind(key.to_owned())
    .bind(int(now))
    .fetch_all(&mut **tx)
    .await?;
    for row in &rows {
        let held = Held {
            trace: row.try_get(0)?,
            model: row.try_get(1)?,
            began: row.try_get(2)?,
            cost: row.try_get(3)?,
            tokens: row.try_get(4)?,
        };
        let spent = Spent { cost: Cost::from_nano(uint(held.cost)), prompt: 0, generated: uint(held.tokens) };
        close(tx, key, &held, spent, true).await?;
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
}

async fn settle(tx: &mut Tx<'_>, settlement: &Settlement) -> Result<(), sqlx::Error> {
    let row = sqlx::query("DELETE FROM ledger_claims WHERE trace = $1 RETURNING trace, model, began, cost, tokens")
        .bind(settlement.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    match row {
        Some(row) => {
            let held = Held {
                trace: row.try_get(0)?,
                model: row.try_get(1)?,
                began: row.try_get(2)?,
                cost: row.try_get(3)?,
                tokens: row.try_get(4)?,
            };
            close(tx, &settlement.key, &held, settlement.spent, false).await
        }
        None => correct(tx, settlement).await,
    }
}

/// Gives more to a claim that is held, from the day and the minute in which it began. One that has lapsed
/// gets nothing.
async fn grow(tx: &mut Tx<'_>, growing: &Growing, limits: &Limits) -> Result<Result<Grant, Refusal>, sqlx::Error> {
    let row = sqlx::query("SELECT began FROM ledger_claims WHERE trace = $1")
        .bind(growing.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(Err(Refusal::Lapsed)) };
    let began: i64 = row.try_get(0)?;
    let mut book = read(tx, &growing.key, limits.clone(), uint(began)).await?;
    let grant = match book.grow(&growing.by, uint(began)) {
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
    sqlx::query("UPDATE ledger_days SET reserved = reserved + $1 WHERE key_id = $2 AND day = $3")
        .bind(cost)
        .bind(growing.key.clone())
        .bind(began / int(DAY))
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE ledger_minutes SET reserved = reserved + $1 WHERE key_id = $2 AND minute = $3")
        .bind(tokens)
        .bind(growing.key.clone())
        .bind(began / int(MINUTE))
        .execute(&mut **tx)
        .await?;
    Ok(Ok(grant))
}

/// Puts what was spent in the place of what was held.
async fn close(tx: &mut Tx<'_>, key: &str, held: &Held, spent: Spent, lapsed: bool) -> Result<(), sqlx::Error> {
    let cost = int(spent.cost.nano());
    sqlx::query(
        "UPDATE ledger_days SET reserved = reserved - $1, spent = spent + $2, lapsed = lapsed + $3,
            prompt = prompt + $4, generated = generated + $5 WHERE key_id = $6 AND day = $7",
    )
    .bind(held.cost)
    .bind(cost)
    .bind(if lapsed { cost } else { 0 })
    .bind(int(spent.prompt))
    .bind(int(spent.generated))
    .bind(key.to_owned())
    .bind(held.began / int(DAY))
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "UPDATE ledger_minutes SET reserved = reserved - $1, tokens = tokens + $2 WHERE key_id = $3 AND minute = $4",
    )
    .bind(held.tokens)
    .bind(int(spent.generated))
    .bind(key.to_owned())
    .bind(held.began / int(MINUTE))
    .execute(&mut **tx)
    .await?;
    if spent == Spent::default() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ledger_charges (trace, key_id, model, began, cost, prompt, generated, lapsed)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(held.trace.clone())
    .bind(key.to_owned())
    .bind(held.model.clone())
    .bind(held.began)
    .bind(cost)
    .bind(int(spent.prompt))
    .bind(int(spent.generated))
    .bind(i64::from(lapsed))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A settlement that comes after its claim was charged in full: the true amount takes its place. One
/// that was made before, or whose claim never came to be, changes nothing.
async fn correct(tx: &mut Tx<'_>, settlement: &Settlement) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT began, cost, generated FROM ledger_charges WHERE trace = $1 AND lapsed = 1")
        .bind(settlement.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (began, cost, generated): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let spent = settlement.spent;
    sqlx::query(
        "UPDATE ledger_days SET spent = spent - $1 + $2, lapsed = lapsed - $1, prompt = prompt + $3,
            generated = generated - $4 + $5 WHERE key_id = $6 AND day = $7",
    )
    .bind(cost)
    .bind(int(spent.cost.nano()))
    .bind(int(spent.prompt))
    .bind(generated)
    .bind(int(spent.generated))
    .bind(settlement.key.clone())
    .bind(began / int(DAY))
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE ledger_charges SET cost = $1, prompt = $2, generated = $3, lapsed = 0 WHERE trace = $4")
        .bind(int(spent.cost.nano()))
        .bind(int(spent.prompt))
        .bind(int(spent.generated))
        .bind(settlement.trace.clone())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn read(tx: &mut Tx<'_>, id: &str, limits: Limits, now: u64) -> Result<Book, sqlx::Error> {
    let day = sqlx::query("SELECT spent, reserved FROM ledger_days WHERE key_id = $1 AND day = $2")
        .bind(id.to_owned())
        .bind(int(now / DAY))
        .fetch_optional(&mut **tx)
        .await?;
    let day = match day {
        None => Day::default(),
        Some(row) => {
            Day { spent: Cost::from_nano(uint(row.try_get(0)?)), reserved: Cost::from_nano(uint(row.try_get(1)?)) }
        }
    };
    let minute = sqlx::query("SELECT requests, tokens, reserved FROM ledger_minutes WHERE key_id = $1 AND minute = $2")
        .bind(id.to_owned())
        .bind(int(now / MINUTE))
        .fetch_optional(&mut **tx)
        .await?;
    let minute = match minute {
        None => Minute::default(),
        Some(row) => {
            Minute { requests: uint(row.try_get(0)?), tokens: uint(row.try_get(1)?), reserved: uint(row.try_get(2)?) }
        }
    };
    Ok(Book { limits, day, minute })
}

async fn enter(tx: &mut Tx<'_>, moment: &Moment, claim: &Claim, grant: Grant) -> Result<(), sqlx::Error> {
    let (cost, tokens) = Book::held(claim, grant);
    sqlx::query(
        "INSERT INTO ledger_claims (trace, key_id, model, holder, began, cost, tokens, expires)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(claim.trace.clone())
    .bind(claim.key.clone())
    .bind(claim.model.clone())
    .bind(moment.holder.clone())
    .bind(int(moment.now))
    .bind(int(cost.nano()))
    .bind(int(tokens))
    .bind(int(moment.now + moment.lease))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn write(tx: &mut Tx<'_>, id: &str, book: &Book, now: u64, requests: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO ledger_days (key_id, day, spent, reserved, lapsed, requests, prompt, generated)
            VALUES ($1, $2, 0, $3, 0, $4, 0, 0) ON CONFLICT (key_id, day) DO UPDATE SET
            reserved = excluded.reserved, requests = ledger_days.requests + excluded.requests",
    )
    .bind(id.to_owned())
    .bind(int(now / DAY))
    .bind(int(book.day.reserved.nano()))
    .bind(requests)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO ledger_minutes (key_id, minute, requests, tokens, reserved) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (key_id, minute) DO UPDATE SET requests = excluded.requests, reserved = excluded.reserved",
    )
    .bind(id.to_owned())
    .bind(int(now / MINUTE))
    .bind(int(book.minute.requests))
    .bind(int(book.minute.tokens))
    .bind(int(book.minute.reserved))
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
