//! What is claimed ahead for busy keys: never more than the budget, exact at its end, nothing lost.

use crate::{LEASE, budget, claim, key, settled, spent, standing};
use outthink_core::Cost;
use outthink_ledger::{ClaimError, Growth, Hold, Ledger, Refusal, Spent};
use std::time::Duration;
use tokio::task::JoinSet;

/// Claims of `nano` each, `wide` at one time, settled with all of it or a part; how many were granted.
async fn storm(ledgers: &[Ledger], key: &str, count: usize, (nano, part): (u64, u64)) -> usize {
    let mut tasks = JoinSet::new();
    for lane in 0..16 {
        let (ledger, key) = (ledgers[lane % ledgers.len()].clone(), key.to_owned());
        tasks.spawn(async move {
            let mut granted = 0;
            for n in 0..count / 16 {
                match ledger.claim(claim(&key, &format!("{key}-{lane}-{n}"), nano)).await {
                    Ok(hold) => {
                        granted += 1;
                        tokio::task::yield_now().await;
                        hold.settle(spent(part));
                    }
                    Err(ClaimError::Refused(Refusal::Spent { .. } | Refusal::Reserved { .. })) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            granted
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// Waits until what was claimed ahead went back.
async fn idle(ledger: &Ledger, key: &str) -> (u64, u64) {
    for _ in 0..300 {
        let now = standing(ledger, key).await;
        if now.1 == 0 {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    standing(ledger, key).await
}

async fn rows(url: &str, key: &str) -> i64 {
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM ledger_claims WHERE key_id = $1 AND trace LIKE 'advance:%'")
        .bind(key.to_owned())
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    count
}

/// A key that is busy is paid for ahead; every request is charged once, and what is left goes back.
async fn a_busy_key(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true);
    let id = key(&ledger, "busy", budget(10_000_000)).await;
    let watch = async {
        // The key is busy for longer than this takes.
        for _ in 0..200 {
            if rows(url, &id).await > 0 {
                return true;
            }
        }
        false
    };
    let (granted, ahead) = tokio::join!(storm(std::slice::from_ref(&ledger), &id, 4_000, (100, 30)), watch);
    assert_eq!((granted, ahead), (4_000, true));
    settled(&ledger, &id, 4_000).await;
    assert_eq!(idle(&ledger, &id).await, (4_000 * 30, 0));
    let charges = ledger.charges(&id).await.unwrap();
    assert_eq!(charges.len(), 4_000);
    assert!(charges.iter().all(|c| c.cost.nano() == 30 && !c.lapsed));
    assert_eq!(rows(url, &id).await, 0);
    let status = ledger.keys().await.unwrap().into_iter().find(|s| s.key.id == id).unwrap();
    assert_eq!(status.requests, 4_000);
    ledger.close().await;
}

/// Two gateways and a budget that pays for a part of what both want: exactly that part is granted.
async fn the_end_of_a_budget(url: &str) {
    let ledgers = [
        Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true),
        Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true),
    ];
    let id = key(&ledgers[0], "end", budget(3_000 * 7)).await;
    assert_eq!(storm(&ledgers, &id, 4_800, (7, 7)).await, 3_000);
    assert_eq!(idle(&ledgers[1], &id).await, (21_000, 0));
    for ledger in ledgers {
        ledger.close().await;
    }
}

/// Opens an advance and leaves `count` holds on it.
async fn holds(ledger: &Ledger, key: &str, count: usize) -> Vec<Hold> {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let (ledger, key) = (ledger.clone(), key.to_owned());
        tasks.spawn(async move { ledger.claim(claim(&key, &format!("{key}-first-{n}"), 100)).await.unwrap() });
    }
    tasks.join_all().await.into_iter().for_each(|hold| hold.settle(spent(100)));
    let mut holds = Vec::new();
    for n in 0..count {
        holds.push(ledger.claim(claim(key, &format!("{key}-held-{n}"), 100)).await.unwrap());
    }
    holds
}

/// The advance of a gateway that dies is charged in full, a late settlement corrects it, and nothing more is granted
/// from it.
async fn a_death_with_an_advance(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true);
    let id = key(&ledger, "ahead", budget(10_000_000)).await;
    let mut held = holds(&ledger, &id, 2).await;
    settled(&ledger, &id, 16).await;
    let (before, reserved) = standing(&ledger, &id).await;
    assert_eq!(before, 1_600);
    assert!((200..=128 * 100).contains(&reserved), "{reserved}");
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    sqlx::query("UPDATE ledger_claims SET expires = 1").execute(&pool).await.unwrap();
    assert_eq!(ledger.charge_lapsed().await.unwrap(), 1);
    let (lapsed, none) = standing(&ledger, &id).await;
    assert_eq!((lapsed > before, none), (true, 0));
    held.pop().unwrap().settle(spent(40));
    settled(&ledger, &id, 18).await;
    let charges = ledger.charges(&id).await.unwrap();
    assert_eq!(charges.iter().map(|c| c.cost.nano()).sum::<u64>(), lapsed, "what was charged is what was spent");
    assert!(charges.iter().any(|c| c.trace.ends_with("held-1") && c.cost.nano() == 40 && !c.lapsed));
    drop(held);
    pool.close().await;
    ledger.close().await;
}

/// Requests that are paid ahead grow, from the advance and beyond it; a key that is revoked pays nothing more.
async fn growth_and_revocation(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true);
    let id = key(&ledger, "grower", budget(10_000_000)).await;
    let held = holds(&ledger, &id, 1).await;
    let more = |nano: u64| {
        let cost = Cost::from_nano(nano);
        Growth { least: cost, most: cost, least_tokens: 1, most_tokens: 1 }
    };
    assert_eq!(held[0].grow(more(50)).await.unwrap().cost, Some(Cost::from_nano(50)));
    assert_eq!(held[0].grow(more(1_000_000)).await.unwrap().cost, Some(Cost::from_nano(1_000_000)));
    let refused = held[0].grow(more(9_000_000)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Reserved { .. })), "{refused}");
    let elsewhere = Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true);
    elsewhere.revoke("grower").await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let refused = ledger.claim(claim(&id, "after", 1)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Revoked)), "{refused}");
    let refused = held[0].grow(more(1)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Revoked)), "{refused}");
    for hold in held {
        hold.settle(Spent { cost: Cost::from_nano(900_000), prompt: 1, generated: 1 });
    }
    assert_eq!(idle(&ledger, &id).await, (901_600, 0));
    ledger.close().await;
    elsewhere.close().await;
}

pub(crate) async fn all(url: &str) {
    a_busy_key(url).await;
    the_end_of_a_budget(url).await;
    a_death_with_an_advance(url).await;
    growth_and_revocation(url).await;
}
