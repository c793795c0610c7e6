//! What an advance holds in the database.

use crate::Spent;
use crate::advance::{Amount, Entry};
use crate::batch::{Moment, Tx, accounts, int, uint};
use crate::book::{DAY, MINUTE};
use crate::schema::Kind;
use sqlx::{AssertSqlSafe, Row};
use std::sync::atomic::{AtomicU64, Ordering};

/// With what the names of their claims begin.
const PREFIX: &str = "advance:";
/// Charges in one statement.
const ROWS: usize = 64;

/// A name that no other claim has.
pub(crate) fn name(holder: &str, key: &str, now: u64) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{PREFIX}{holder}:{key}:{now}:{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Makes or enlarges the claim of an advance. What it takes from days and minutes is written with the other claims.
pub(crate) async fn open(
    tx: &mut Tx<'_>,
    moment: &Moment,
    (key, trace): (&str, &str),
    (amount, is_new): (Amount, bool),
) -> Result<(), sqlx::Error> {
    if is_new {
        sqlx::query(
            "INSERT INTO ledger_claims (trace, key_id, model, holder, began, cost, tokens, expires)
                VALUES ($1, $2, '', $3, $4, $5, $6, $7)",
        )
        .bind(trace.to_owned())
        .bind(key.to_owned())
        .bind(moment.holder.clone())
        .bind(int(moment.now))
        .bind(int(amount.cost.nano()))
        .bind(int(amount.tokens))
        .bind(int(moment.now + moment.lease))
        .execute(&mut **tx)
        .await?;
        return Ok(());
    }
    sqlx::query("UPDATE ledger_claims SET cost = cost + $1, tokens = tokens + $2 WHERE trace = $3")
        .bind(int(amount.cost.nano()))
        .bind(int(amount.tokens))
        .bind(trace.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether there is an advance on this key or on others of its team, by whomever: it may go back soon.
pub(crate) async fn is_held(tx: &mut Tx<'_>, key: &str, team: Option<&str>) -> Result<bool, sqlx::Error> {
    let sql = "SELECT COUNT(*) FROM ledger_claims WHERE trace LIKE $1
        AND (key_id = $2 OR key_id IN (SELECT id FROM ledger_keys WHERE team = $3))";
    let count: i64 = sqlx::query_scalar(sql)
        .bind(format!("{PREFIX}%"))
        .bind(key.to_owned())
        .bind(team.unwrap_or_default().to_owned())
        .fetch_one(&mut **tx)
        .await?;
    Ok(count > 0)
}

/// Writes what was paid from an advance, and what it holds from now on. Writing it twice changes nothing: the claim
/// is set and not reduced, and a charge that is there counts once.
pub(crate) async fn write(
    tx: &mut Tx<'_>,
    kind: Kind,
    (team, entry): (Option<&str>, &Entry),
) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT cost, tokens FROM ledger_claims WHERE trace = $1")
        .bind(entry.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let before: Option<(i64, i64)> =
        row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
    let paid = charge(tx, kind, entry).await?;
    let Some((cost, tokens)) = before else { return correct(tx, team, entry, paid).await };
    let holds = if entry.over { Amount::default() } else { entry.holds };
    let set = if entry.over {
        sqlx::query("DELETE FROM ledger_claims WHERE trace = $1").bind(entry.trace.clone())
    } else {
        sqlx::query("UPDATE ledger_claims SET cost = $1, tokens = $2 WHERE trace = $3")
            .bind(int(holds.cost.nano()))
            .bind(int(holds.tokens))
            .bind(entry.trace.clone())
    };
    set.execute(&mut **tx).await?;
    for account in accounts(&entry.key, team, None) {
        sqlx::query(
            "UPDATE ledger_days SET reserved = reserved + $1, spent = spent + $2, prompt = prompt + $3,
                generated = generated + $4, requests = requests + $5 WHERE key_id = $6 AND day = $7",
        )
        .bind(int(holds.cost.nano()) - cost)
        .bind(int(paid.cost.nano()))
        .bind(int(paid.prompt))
        .bind(int(paid.generated))
        .bind(int(entry.begun))
        .bind(account)
        .bind(int(entry.began / DAY))
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query(
        "UPDATE ledger_minutes SET reserved = reserved + $1, tokens = tokens + $2, requests = requests - $3
            WHERE key_id = $4 AND minute = $5",
    )
    .bind(int(holds.tokens) - tokens)
    .bind(int(paid.generated))
    .bind(int(entry.unused))
    .bind(entry.key.clone())
    .bind(int(entry.began / MINUTE))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Enters the charges that are not there yet; what they come to.
async fn charge(tx: &mut Tx<'_>, kind: Kind, entry: &Entry) -> Result<Spent, sqlx::Error> {
    let mut sum = Spent::default();
    let costly: Vec<_> = entry.paid.iter().filter(|paid| paid.spent != Spent::default()).collect();
    for group in costly.chunks(ROWS) {
        let mut sql =
            "INSERT INTO ledger_charges (trace, key_id, model, began, cost, prompt, generated, lapsed) VALUES "
                .to_owned();
        sql.push_str(&kind.rows(group.len(), 8));
        sql.push_str(" ON CONFLICT (trace) DO NOTHING");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for paid in group {
            query = query
                .bind(paid.trace.clone())
                .bind(entry.key.clone())
                .bind(paid.model.clone())
                .bind(int(entry.began))
                .bind(int(paid.spent.cost.nano()))
                .bind(int(paid.spent.prompt))
                .bind(int(paid.spent.generated))
                .bind(0_i64);
        }
        // A group is written by one transaction: it is there as a whole or not at all.
        if query.execute(&mut **tx).await?.rows_affected() > 0 {
            for paid in group {
                sum.cost += paid.spent.cost;
                sum.prompt += paid.spent.prompt;
                sum.generated += paid.spent.generated;
            }
        }
    }
    Ok(sum)
}

/// The advance lapsed and was charged in full: what was spent of it takes the place of a part of that charge.
async fn correct(tx: &mut Tx<'_>, team: Option<&str>, entry: &Entry, paid: Spent) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT cost, generated FROM ledger_charges WHERE trace = $1 AND lapsed = 1")
        .bind(entry.trace.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (cost, generated): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let (cost, generated) = (uint(cost), uint(generated));
    let known = (paid.cost.nano().min(cost), paid.generated.min(generated));
    sqlx::query("UPDATE ledger_charges SET cost = cost - $1, generated = generated - $2 WHERE trace = $3")
        .bind(int(known.0))
        .bind(int(known.1))
        .bind(entry.trace.clone())
        .execute(&mut **tx)
        .await?;
    for account in accounts(&entry.key, team, None) {
        sqlx::query(
            "UPDATE ledger_days SET spent = spent + $1, lapsed = lapsed - $2, prompt = prompt + $3,
                generated = generated + $4, requests = requests + $5 WHERE key_id = $6 AND day = $7",
        )
        .bind(int(paid.cost.nano() - known.0))
        .bind(int(known.0))
        .bind(int(paid.prompt))
        .bind(int(paid.generated - known.1))
        .bind(int(entry.begun))
        .bind(account)
        .bind(int(entry.began / DAY))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
