//! The ledger on real databases: SQLite always, PostgreSQL where its binaries are at hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly and say what they skip"
)]

mod advances;
mod budgets;
mod files;
mod postgres;

use outthink_core::{Cost, Effort};
use outthink_ledger::{
    Claim, ClaimError, Growth, Ledger, LedgerError, Limits, NewDocument, NewKey, Record, Refusal, Spent,
};
use postgres::Postgres;

const LEASE: u64 = 60;

fn budget(nano: u64) -> Limits {
    Limits { cost_per_day: Some(Cost::from_nano(nano)), ..Limits::default() }
}

async fn key(ledger: &Ledger, name: &str, limits: Limits) -> String {
    ledger.create_key(&NewKey { name: name.into(), limits, ..NewKey::default() }).await.unwrap().0.id
}

fn claim(key: &str, trace: &str, nano: u64) -> Claim {
    let cost = Cost::from_nano(nano);
    Claim { least: cost, most: cost, least_tokens: 1, most_tokens: 10, ..Claim::new(key, trace, "m") }
}

fn spent(nano: u64) -> Spent {
    Spent { cost: Cost::from_nano(nano), prompt: 3, generated: 5 }
}

/// Waits until what was settled is written.
async fn settled(ledger: &Ledger, key: &str, charges: usize) {
    for _ in 0..500 {
        if ledger.charges(key).await.unwrap().len() >= charges {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{charges} charges never came");
}

/// A key's spent and reserved nanodollars.
async fn standing(ledger: &Ledger, key: &str) -> (u64, u64) {
    let all = ledger.keys().await.unwrap();
    let status = all.iter().find(|s| s.key.id == key).unwrap();
    (status.spent.nano(), status.reserved.nano())
}

/// A key from its making to its end.
async fn a_life(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let new = NewKey { name: "alice".into(), admin: true, limits: budget(1_000), team: None };
    let (alice, secret) = ledger.create_key(&new).await.unwrap();
    assert_eq!(ledger.authenticate(secret.expose()).await.unwrap(), Some(alice.clone()));
    let mut wrong = secret.expose().to_owned();
    wrong.replace_range(wrong.len() - 1.., if wrong.ends_with('a') { "b" } else { "a" });
    assert_eq!(ledger.authenticate(&wrong).await.unwrap(), None);
    assert!(ledger.create_key(&new).await.unwrap_err().is_asked(), "one name, one live key");

    let hold = ledger.claim(claim(&alice.id, "a-1", 700)).await.unwrap();
    assert_eq!(standing(&ledger, &alice.id).await, (0, 700));
    let refused = ledger.claim(claim(&alice.id, "a-2", 700)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Reserved { .. })), "{refused}");
    hold.settle(spent(250));
    settled(&ledger, &alice.id, 1).await;
    assert_eq!(standing(&ledger, &alice.id).await, (250, 0));

    // A hold that is dropped settles what was noted.
    let mut hold = ledger.claim(claim(&alice.id, "a-3", 700)).await.unwrap();
    hold.note(spent(50));
    drop(hold);
    settled(&ledger, &alice.id, 2).await;
    assert_eq!(standing(&ledger, &alice.id).await, (300, 0));

    ledger.revoke("alice").await.unwrap();
    assert_eq!(ledger.authenticate(secret.expose()).await.unwrap(), None);
    assert!(matches!(
        ledger.claim(claim(&alice.id, "a-4", 1)).await.unwrap_err(),
        ClaimError::Refused(Refusal::Revoked)
    ));
    assert!(ledger.revoke("alice").await.unwrap_err().is_asked());
    // The name is free again, and what was spent under it is still there.
    ledger.create_key(&new).await.unwrap();
    assert_eq!(standing(&ledger, &alice.id).await, (300, 0));
    ledger.close().await;
}

/// Other limits hold from the next claim on, whatever runs.
async fn other_limits(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap().claiming_ahead(true);
    let id = key(&ledger, "bob", budget(1_000)).await;
    let hold = ledger.claim(claim(&id, "b-1", 700)).await.unwrap();
    assert!(ledger.claim(claim(&id, "b-2", 700)).await.is_err());
    let changed = ledger
        .change_key("bob", |limits| {
            limits.cost_per_day = Some(Cost::from_nano(2_000));
            limits.largest_effort = Some(Effort::Low);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((changed.id.as_str(), changed.limits.largest_effort), (id.as_str(), Some(Effort::Low)));
    let second = ledger.claim(claim(&id, "b-2", 700)).await.unwrap();
    hold.settle(spent(700));
    second.settle(spent(700));
    settled(&ledger, &id, 2).await;

    // Lowered below what was spent: nothing more is paid, and nothing is taken back.
    let lower = |limits: &mut Limits| {
        limits.cost_per_day = Some(Cost::from_nano(900));
        Ok(())
    };
    ledger.change_key(&id, lower).await.unwrap();
    let refused = ledger.claim(claim(&id, "b-3", 1)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Spent { .. })), "{refused:?}");
    assert_eq!(standing(&ledger, &id).await, (1_400, 0));

    for refused in [
        ledger.change_key("nobody", |_| Ok(())).await,
        ledger
            .change_key("bob", |limits| {
                limits.requests_per_minute = Some(0);
                Ok(())
            })
            .await,
        ledger.change_key("bob", |_| Err(LedgerError::Asked("no".into()))).await,
    ] {
        assert!(refused.unwrap_err().is_asked());
    }
    let limits = &ledger.keys().await.unwrap().into_iter().find(|k| k.key.id == id).unwrap().key.limits;
    assert_eq!((limits.cost_per_day, limits.requests_per_minute), (Some(Cost::from_nano(900)), None));
    ledger.close().await;
}

/// Many requests of two ledgers race for a budget that pays for half of them.
async fn a_race(url: &str) {
    let (one, two) = (Ledger::open(url, LEASE).await.unwrap(), Ledger::open(url, LEASE).await.unwrap());
    let id = key(&one, "race", budget(100 * 7)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..200 {
        let ledger = if i % 2 == 0 { one.clone() } else { two.clone() };
        let claim = claim(&id, &format!("r-{i}"), 7);
        tasks.spawn(async move {
            let hold = ledger.claim(claim).await.ok()?;
            tokio::task::yield_now().await;
            hold.settle(spent(7));
            Some(())
        });
    }
    let granted = tasks.join_all().await.into_iter().flatten().count();
    assert_eq!(granted, 100);
    settled(&one, &id, 100).await;
    assert_eq!(standing(&two, &id).await, (700, 0));
    one.close().await;
    two.close().await;
}

fn more(nano: u64) -> Growth {
    let cost = Cost::from_nano(nano);
    Growth { least: cost, most: cost, least_tokens: 0, most_tokens: 0 }
}

/// Requests that grow in small steps race for a budget: all of it can be spent, and no more.
async fn a_race_of_growth(url: &str) {
    let (one, two) = (Ledger::open(url, LEASE).await.unwrap(), Ledger::open(url, LEASE).await.unwrap());
    let id = key(&one, "growing", budget(1_000)).await;
    let mut begun = Vec::new();
    for i in 0..20 {
        let ledger = if i % 2 == 0 { &one } else { &two };
        begun.push(ledger.claim(claim(&id, &format!("g-{i}"), 10)).await.unwrap());
    }
    let mut tasks = tokio::task::JoinSet::new();
    for hold in begun {
        tasks.spawn(async move {
            let mut held = 10;
            while held < 400 && hold.grow(more(10)).await.is_ok() {
                held += 10;
            }
            (hold, held)
        });
    }
    let holds = tasks.join_all().await;
    assert_eq!(holds.iter().map(|(_, held)| held).sum::<u64>(), 1_000);
    assert_eq!(standing(&one, &id).await, (0, 1_000));
    for (hold, held) in holds {
        hold.settle(spent(held / 2));
    }
    settled(&one, &id, 20).await;
    assert_eq!(standing(&two, &id).await, (500, 0));
    one.close().await;
    two.close().await;
}

/// What a claim has grown to is charged when its gateway dies, and it cannot grow after that.
async fn a_death_of_what_has_grown(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let id = key(&ledger, "grown", budget(1_000)).await;
    let hold = ledger.claim(claim(&id, "grown-1", 100)).await.unwrap();
    assert_eq!(hold.grow(more(250)).await.unwrap().free, Some(Cost::from_nano(900)));
    let refused = hold.grow(more(900)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Reserved { .. })), "{refused}");
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    sqlx::query("UPDATE ledger_claims SET expires = 1 WHERE trace = 'grown-1'").execute(&pool).await.unwrap();
    assert_eq!(ledger.charge_lapsed().await.unwrap(), 1);
    assert_eq!(standing(&ledger, &id).await, (350, 0));
    let refused = hold.grow(more(1)).await.unwrap_err();
    assert!(matches!(refused, ClaimError::Refused(Refusal::Lapsed)), "{refused}");
    pool.close().await;
    ledger.close().await;
}

/// A gateway dies with claims; another one charges them when their leases have ended, once.
async fn a_death(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let id = key(&ledger, "mortal", budget(1_000)).await;
    let dying = Ledger::open(url, 4).await.unwrap();
    let hold = dying.claim(claim(&id, "d-1", 400)).await.unwrap();
    let other = dying.claim(claim(&id, "d-2", 100)).await.unwrap();
    // Its task ends and renews nothing any more; the holds outlive it.
    dying.close().await;
    assert_eq!(standing(&ledger, &id).await, (0, 500));
    tokio::time::sleep(std::time::Duration::from_millis(5_100)).await;
    assert_eq!(ledger.charge_lapsed().await.unwrap(), 2);
    assert_eq!(ledger.charge_lapsed().await.unwrap(), 0);
    assert_eq!(standing(&ledger, &id).await, (500, 0));
    let charges = ledger.charges(&id).await.unwrap();
    assert_eq!(charges.iter().filter(|c| c.lapsed).map(|c| c.cost.nano()).sum::<u64>(), 500);
    drop((hold, other));
    ledger.close().await;
}

/// Who waits for settlements finds their charges written, with claims ahead and without, and not before.
async fn a_wait(url: &str) {
    for ahead in [false, true] {
        let ledger = Ledger::open(url, LEASE).await.unwrap().claiming_ahead(ahead);
        let other = Ledger::open(url, LEASE).await.unwrap();
        let id = key(&ledger, if ahead { "waits ahead" } else { "waits" }, budget(1_000_000_000)).await;
        assert!(ledger.settled().await, "there is nothing to wait for");
        for round in 0..40_usize {
            let mut holds = Vec::new();
            for n in 0..3 {
                holds.push(ledger.claim(claim(&id, &format!("{id}-{round}-{n}"), 900)).await.unwrap());
            }
            for hold in holds {
                hold.settle(spent(7));
            }
            assert!(ledger.settled().await);
            let charges = other.charges(&id).await.unwrap();
            assert_eq!(charges.len(), 3 * (round + 1), "ahead: {ahead}");
        }
        ledger.close().await;
        assert!(!ledger.settled().await, "a closed ledger does not say");
        other.close().await;
    }
}

/// A settlement that comes after the lapse puts the truth in its place.
async fn a_late_settlement(url: &str) {
    let ledger = Ledger::open(url, 1).await.unwrap();
    let id = key(&ledger, "late", budget(1_000)).await;
    let hold = ledger.claim(claim(&id, "l-1", 400)).await.unwrap();
    // Another gateway, whose clock has run on, finds the lease ended.
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    sqlx::query("UPDATE ledger_claims SET expires = 1").execute(&pool).await.unwrap();
    assert_eq!(ledger.charge_lapsed().await.unwrap(), 1);
    assert_eq!(standing(&ledger, &id).await, (400, 0));
    hold.settle(spent(30));
    for _ in 0..500 {
        if standing(&ledger, &id).await.0 == 30 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(standing(&ledger, &id).await, (30, 0));
    assert!(ledger.charges(&id).await.unwrap().iter().all(|c| !c.lapsed && c.cost.nano() == 30));
    pool.close().await;
    ledger.close().await;
}

/// Records are there until they expire.
async fn a_memory(url: &str) {
    let ledger = Ledger::open(url, 3).await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let record = |trace: &str, expires| Record {
        trace: trace.into(),
        model: "m".into(),
        stored: now,
        expires,
        prompt: "what was asked".into(),
        completion: "what was said".into(),
        ..Record::default()
    };
    ledger.remember(record("m-1", now + 100));
    ledger.remember(record("m-2", now + 1));
    ledger.remember(record("m-3", now + 100).hashed("salt"));
    let mut found = None;
    for _ in 0..500 {
        found = ledger.recall("m-3").await.unwrap();
        if found.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let hashed = found.unwrap();
    assert!(hashed.prompt.starts_with("sha256:") && !hashed.prompt.contains("asked"), "{hashed:?}");
    assert_ne!(hashed.prompt, record("x", 0).hashed("other salt").prompt);
    assert_eq!(ledger.recall("m-1").await.unwrap().unwrap().completion, "what was said");
    // The task deletes it, not only the query that leaves it out.
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    let mut left: i64 = 3;
    for _ in 0..60 {
        left = sqlx::query_scalar("SELECT COUNT(*) FROM ledger_records").fetch_one(&pool).await.unwrap();
        if left == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(left, 2);
    assert_eq!(ledger.recall("m-2").await.unwrap(), None);
    pool.close().await;
    ledger.close().await;
}

/// Documents that one ledger keeps are read by another, until they expire or are too many.
async fn shared_documents(url: &str) {
    let (one, two) = (Ledger::open(url, LEASE).await.unwrap(), Ledger::open(url, LEASE).await.unwrap());
    let new = |id: &str, seconds, most| {
        let body = format!("{{\"id\":\"{id}\",\"nul\":\"\\u0000\"}}");
        let body: Box<dyn FnOnce() -> String + Send> = Box::new(move || body);
        NewDocument { kind: "test", id: id.into(), owner: Some("k".into()), seconds, most, body }
    };
    assert!(one.keep(new("a", 100, 10)).await);
    let found = two.document("test", "a").await.unwrap().unwrap();
    assert_eq!((found.owner.as_deref(), found.body.contains("u0000")), (Some("k"), true));
    assert_eq!(two.document("other", "a").await.unwrap(), None);
    assert!(two.forget("test", "a").await.unwrap() && !one.forget("test", "a").await.unwrap());
    assert!(one.keep(new("b", 0, 10)).await);
    assert_eq!(two.document("test", "b").await.unwrap(), None, "it has expired");
    // A third one deletes what is too much at its first write.
    for id in ["c", "d"] {
        one.keep(new(id, 100, 10)).await;
    }
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    sqlx::query("UPDATE ledger_documents SET stored = stored - 5 WHERE id IN ('b', 'c')").execute(&pool).await.unwrap();
    let three = Ledger::open(url, LEASE).await.unwrap();
    assert!(three.keep(new("e", 100, 1)).await);
    assert_eq!(one.document("test", "c").await.unwrap(), None);
    assert!(one.document("test", "d").await.unwrap().is_some());
    pool.close().await;
    for ledger in [one, two, three] {
        ledger.close().await;
    }
}

async fn all(url: &str) {
    a_life(url).await;
    other_limits(url).await;
    a_race(url).await;
    a_race_of_growth(url).await;
    a_death_of_what_has_grown(url).await;
    a_death(url).await;
    a_late_settlement(url).await;
    a_wait(url).await;
    a_memory(url).await;
    shared_documents(url).await;
    budgets::all(url).await;
    advances::all(url).await;
    files::all(url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    all(&format!("sqlite:{}", folder.path().join("ledger.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    match Postgres::start() {
        Ok(server) => all(&server.url).await,
        Err(reason) => println!("skipped: {reason}"),
    }
}

#[tokio::test]
async fn wrong_addresses_are_refused_and_not_repeated() {
    for url in ["", "mysql://root:hunter2@h/d", "postgres://user:hunter2@/nowhere:port"] {
        let error = Ledger::open(url, LEASE).await.unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
