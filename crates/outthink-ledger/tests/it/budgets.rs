//! Months, teams and sessions: budgets beside the day of a key.

use super::{LEASE, claim, more, settled, spent, standing};
use outthink_core::Cost;
use outthink_ledger::{Claim, ClaimError, Ledger, Limits, NewKey, Payer, Period, Refusal, TeamLimits};

const DAY: i64 = 86_400;

fn nano(amount: u64) -> Cost {
    Cost::from_nano(amount)
}

async fn key(ledger: &Ledger, name: &str, team: Option<&str>, limits: Limits) -> String {
    let new = NewKey { name: name.into(), admin: false, team: team.map(str::to_owned), limits };
    ledger.create_key(&new).await.unwrap().0.id
}

fn within(session: &str, claim: Claim) -> Claim {
    Claim { session: Some(session.into()), ..claim }
}

/// Whose budget refused, and for which period.
fn named(error: &ClaimError) -> (Payer, Period) {
    let ClaimError::Refused(refusal) = error else { panic!("{error}") };
    let budget = refusal.budget().unwrap_or_else(|| panic!("{refusal}"));
    (budget.payer.clone(), budget.period)
}

/// Two keys of one team race on two ledgers: the team's budget is spent to the last and never exceeded.
async fn a_race_of_a_team(url: &str) {
    let (one, two) = (Ledger::open(url, LEASE).await.unwrap(), Ledger::open(url, LEASE).await.unwrap());
    one.set_team("racers", TeamLimits { cost_per_month: Some(nano(100 * 7)), ..TeamLimits::default() }).await.unwrap();
    let a = key(&one, "racer-a", Some("racers"), Limits::default()).await;
    let b = key(&one, "racer-b", Some("racers"), Limits::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..200_u64 {
        // Every key on every ledger.
        let ledger = if i % 2 == 0 { one.clone() } else { two.clone() };
        let id = if i % 4 < 2 { &a } else { &b };
        let claim = claim(id, &format!("team-{i}"), 3);
        tasks.spawn(async move {
            let hold = ledger.claim(claim).await.ok()?;
            tokio::task::yield_now().await;
            if hold.grow(more(4)).await.is_err() {
                hold.settle(spent(3));
                return Some(3);
            }
            hold.settle(spent(7));
            Some(7)
        });
    }
    let spent: u64 = tasks.join_all().await.into_iter().flatten().sum();
    assert!((694..=700).contains(&spent), "{spent}");
    for _ in 0..500 {
        let team = one.teams().await.unwrap().into_iter().find(|t| t.name == "racers").unwrap();
        assert!(team.month.spent + team.month.reserved <= nano(700), "{team:?}");
        if team.month.reserved == Cost::ZERO {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let team = two.teams().await.unwrap().into_iter().find(|t| t.name == "racers").unwrap();
    assert_eq!((team.month.spent, team.month.reserved, team.keys), (nano(spent), Cost::ZERO, 2));
    let keys = standing(&one, &a).await.0 + standing(&one, &b).await.0;
    assert_eq!(keys, spent, "what the team spent is what its keys spent");
    one.close().await;
    two.close().await;
}

/// A month counts the days before today; what the team has spent is not the key's.
async fn a_month(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let limits = Limits { cost_per_month: Some(nano(1_000)), cost_per_day: Some(nano(600)), ..Limits::default() };
    let id = key(&ledger, "monthly", None, limits).await;
    ledger.claim(claim(&id, "mo-1", 500)).await.unwrap().settle(spent(500));
    settled(&ledger, &id, 1).await;
    let refused = ledger.claim(claim(&id, "mo-2", 200)).await.unwrap_err();
    assert_eq!(named(&refused), (Payer::Key, Period::Day));
    // As if it had been spent earlier: in this month if this is not its first day, else in the month before.
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let move_to = |day: i64| {
        sqlx::query("UPDATE ledger_days SET day = $1 WHERE key_id = $2").bind(day).bind(id.clone()).execute(&pool)
    };
    let first = first_of_month(now / DAY);
    let yesterday = if first < now / DAY { first } else { now / DAY };
    move_to(yesterday).await.unwrap();
    if yesterday < now / DAY {
        let hold = ledger.claim(claim(&id, "mo-3", 300)).await.unwrap();
        assert_eq!(hold.grant().free, Some(nano(500)));
        let refused = hold.grow(more(300)).await.unwrap_err();
        assert_eq!(named(&refused), (Payer::Key, Period::Month));
        hold.settle(spent(500));
        settled(&ledger, &id, 2).await;
        let refused = ledger.claim(claim(&id, "mo-4", 1)).await.unwrap_err();
        assert!(matches!(&refused, ClaimError::Refused(Refusal::Spent { ends: Some(_), .. })), "{refused}");
        assert_eq!(named(&refused), (Payer::Key, Period::Month));
        let status = ledger.keys().await.unwrap().into_iter().find(|k| k.key.id == id).unwrap();
        assert_eq!((status.spent, status.month.spent), (nano(500), nano(1_000)));
    }
    sqlx::query("DELETE FROM ledger_days WHERE key_id = $1 AND day = $2")
        .bind(id.clone())
        .bind(now / DAY)
        .execute(&pool)
        .await
        .unwrap();
    move_to(first - 1).await.unwrap();
    // Another month: all is free again.
    assert_eq!(ledger.claim(claim(&id, "mo-5", 500)).await.unwrap().grant().free, Some(nano(600)));
    pool.close().await;
    ledger.close().await;
}

/// The first day of the month of a day, counted from 1970 on, so that it owes nothing to the ledger's own calendar.
fn first_of_month(day: i64) -> i64 {
    let (mut at, mut year) = (0, 1970);
    loop {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for length in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if at + length > day {
                return at;
            }
            at += length;
        }
        year += 1;
    }
}

/// Each session of a key has a budget; the smaller of the key's and the team's holds.
async fn sessions(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    ledger.set_team("talkers", TeamLimits { cost_per_session: Some(nano(50)), ..TeamLimits::default() }).await.unwrap();
    let limits = Limits { cost_per_session: Some(nano(100)), ..Limits::default() };
    let alone = key(&ledger, "alone", None, limits.clone()).await;
    let member = key(&ledger, "member", Some("talkers"), limits).await;
    for (id, limit) in [(&alone, 100), (&member, 50)] {
        let at = |trace: &str, nano| within("one", claim(id, &format!("{id}-{trace}"), nano));
        let hold = ledger.claim(at("1", 30)).await.unwrap();
        assert_eq!(hold.grant().free, Some(nano(limit)));
        assert_eq!(hold.grow(more(limit - 30)).await.unwrap().cost, Some(nano(limit - 30)));
        let refused = ledger.claim(at("2", 1)).await.unwrap_err();
        assert!(matches!(&refused, ClaimError::Refused(Refusal::Reserved { .. })), "{refused}");
        hold.settle(spent(limit));
        settled(&ledger, id, 1).await;
        let refused = ledger.claim(at("3", 1)).await.unwrap_err();
        assert_eq!(named(&refused), (Payer::Session, Period::Session));
        assert!(matches!(&refused, ClaimError::Refused(Refusal::Spent { ends: None, .. })), "{refused}");
        // Another session, and a request of none, go on.
        assert!(ledger.claim(within("two", claim(id, &format!("{id}-4"), 30))).await.is_ok());
        assert!(ledger.claim(claim(id, &format!("{id}-5"), 30)).await.is_ok());
    }
    ledger.close().await;
}

/// What dies is charged to all who pay, and a late settlement corrects it for all.
async fn a_death_in_a_team(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let limits =
        TeamLimits { cost_per_day: Some(nano(1_000)), cost_per_session: Some(nano(600)), ..TeamLimits::default() };
    ledger.set_team("mortals", limits).await.unwrap();
    let id = key(&ledger, "mortal-member", Some("mortals"), Limits::default()).await;
    let hold = ledger.claim(within("last", claim(&id, "dt-1", 400))).await.unwrap();
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    sqlx::query("UPDATE ledger_claims SET expires = 1 WHERE trace = 'dt-1'").execute(&pool).await.unwrap();
    assert_eq!(ledger.charge_lapsed().await.unwrap(), 1);
    let team = || async { ledger.teams().await.unwrap().into_iter().find(|t| t.name == "mortals").unwrap() };
    assert_eq!((team().await.spent, team().await.reserved), (nano(400), Cost::ZERO));
    let refused = ledger.claim(within("last", claim(&id, "dt-2", 300))).await.unwrap_err();
    assert_eq!(named(&refused), (Payer::Session, Period::Session));
    hold.settle(spent(30));
    for _ in 0..500 {
        if team().await.spent == nano(30) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(team().await.spent, nano(30));
    assert!(ledger.claim(within("last", claim(&id, "dt-3", 300))).await.is_ok());
    pool.close().await;
    ledger.close().await;
}

/// A team's limits can be changed; a key needs a team that is there.
async fn teams(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let new = NewKey { name: "lost".into(), team: Some("nowhere".into()), ..NewKey::default() };
    let error = ledger.create_key(&new).await.unwrap_err();
    assert!(error.is_asked() && error.to_string().contains("outthink keys team nowhere"), "{error}");
    let zero = TeamLimits { cost_per_day: Some(Cost::ZERO), ..TeamLimits::default() };
    assert!(ledger.set_team("zero", zero).await.unwrap_err().is_asked());
    let limits = |nano_a_day| TeamLimits { cost_per_day: Some(nano(nano_a_day)), ..TeamLimits::default() };
    ledger.set_team("changing", limits(10)).await.unwrap();
    let id = key(&ledger, "changed", Some("changing"), Limits::default()).await;
    let refused = ledger.claim(claim(&id, "ch-1", 20)).await.unwrap_err();
    assert_eq!(named(&refused), (Payer::Team("changing".into()), Period::Day));
    ledger.set_team("changing", limits(30)).await.unwrap();
    assert!(ledger.claim(claim(&id, "ch-2", 20)).await.is_ok());
    assert_eq!(ledger.team("changing").await.unwrap(), Some(limits(30)));
    ledger.close().await;
}

/// A ledger of the first schema is taken over with what it holds.
async fn an_older_ledger(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let id = key(&ledger, "old", None, Limits { cost_per_day: Some(nano(100)), ..Limits::default() }).await;
    ledger.claim(claim(&id, "old-1", 60)).await.unwrap().settle(spent(60));
    settled(&ledger, &id, 1).await;
    ledger.close().await;
    let pool = sqlx::AnyPool::connect(url).await.unwrap();
    for statement in [
        "DROP TABLE ledger_teams",
        "DROP TABLE ledger_documents",
        "DROP TABLE ledger_files",
        "DROP TABLE ledger_lines",
        "DROP TABLE ledger_batches",
        "DROP TABLE ledger_batch_lines",
        "ALTER TABLE ledger_keys DROP COLUMN team",
        "ALTER TABLE ledger_claims DROP COLUMN session",
        "ALTER TABLE ledger_charges DROP COLUMN session",
        "UPDATE ledger_schema SET version = 1",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let (one, two) = tokio::join!(Ledger::open(url, LEASE), Ledger::open(url, LEASE));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(standing(&one, &id).await, (60, 0));
    assert!(two.claim(claim(&id, "old-2", 50)).await.is_err());
    assert!(two.claim(claim(&id, "old-3", 40)).await.is_ok());
    one.close().await;
    two.close().await;
}

pub(crate) async fn all(url: &str) {
    a_race_of_a_team(url).await;
    a_month(url).await;
    sessions(url).await;
    a_death_in_a_team(url).await;
    teams(url).await;
    an_older_ledger(url).await;
}
