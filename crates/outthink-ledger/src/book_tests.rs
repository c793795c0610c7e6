use super::*;
use crate::{Balance, Budget};
use proptest::prelude::*;

fn nano(amount: u64) -> Cost {
    Cost::from_nano(amount)
}

fn claim(least: u64, most: u64, tokens: u64) -> Claim {
    Claim { least: nano(least), most: nano(most), least_tokens: 1, most_tokens: tokens, ..Claim::new("k", "t", "m") }
}

/// A key, its team and a session.
struct World {
    keys: [Book; 2],
    team: Account,
    session: Account,
}

impl World {
    fn new(limits: &Limits, team: [Option<Cost>; 2], session: Cost) -> Self {
        let key = || Book::new(limits.clone());
        let team = [(Period::Day, team[0]), (Period::Month, team[1])];
        Self {
            keys: [key(), key()],
            team: Account::new(&Payer::Team("red".into()), team),
            session: Account::new(&Payer::Session, [(Period::Session, Some(session))]),
        }
    }

    /// Both keys are of the team; the session is one of the first key's.
    fn payers(&mut self, key: usize) -> Payers<'_> {
        let Self { keys, team, session } = self;
        let others = if key == 0 { vec![team, session] } else { vec![team] };
        Payers { key: &mut keys[key], others }
    }

    fn budgets(&self) -> impl Iterator<Item = &Budget> {
        let keys = self.keys.iter().map(|key| &key.account);
        keys.chain([&self.team, &self.session]).flat_map(|account| &account.budgets)
    }
}

proptest! {
    /// However claims, growths, settlements and crashes of two keys follow one another, every budget holds, and
    /// each holds exactly what runs on it.
    #[test]
    fn no_order_of_events_spends_more_than_any_budget(
        day in 1u64..10_000,
        month in prop::option::of(1u64..10_000),
        team in (prop::option::of(1u64..10_000), prop::option::of(1u64..10_000)),
        session in 1u64..10_000,
        tokens in 16u64..10_000,
        events in prop::collection::vec((0u8..5, 0usize..2, 0u64..2_000, 0u64..2_000, 0.0f64..=1.0), 1..200),
    ) {
        let limits = Limits {
            cost_per_day: Some(nano(day)),
            cost_per_month: month.map(nano),
            tokens_per_minute: Some(tokens),
            ..Limits::default()
        };
        let mut world = World::new(&limits, [team.0.map(nano), team.1.map(nano)], nano(session));
        let mut live: Vec<(usize, (Cost, u64))> = Vec::new();
        for (what, key, least, most, share) in events {
            match what {
                0 | 1 => {
                    let claim = claim(least, most, most);
                    if let Ok(grant) = world.payers(key).claim(&claim, 0) {
                        prop_assert!(grant.cost.unwrap() <= claim.most);
                        prop_assert!(grant.cost.unwrap() >= claim.least.min(claim.most));
                        live.push((key, Book::held(&claim, grant)));
                    }
                }
                2 => if let Some((key, held)) = live.pop() {
                    // What is spent is never more than what was granted: the driver sees to that.
                    let part = |x: u64| (x as f64 * share) as u64;
                    let spent = Spent { cost: nano(part(held.0.nano())), prompt: 0, generated: part(held.1) };
                    world.payers(key).settle(held, spent);
                },
                3 => if let Some((key, held)) = live.last_mut() {
                    let want = Growth { least: nano(least), most: nano(most), least_tokens: 1, most_tokens: most };
                    if let Ok(more) = world.payers(*key).grow(&want, 0) {
                        prop_assert!(more.cost.unwrap() <= want.most && more.cost.unwrap() <= more.free.unwrap());
                        held.0 += more.cost.unwrap();
                        held.1 += more.tokens.unwrap();
                    }
                },
                _ => if let Some((key, held)) = live.pop() {
                    world.payers(key).lapse(held);
                },
            }
            let held = |of: &[usize]| live.iter().filter(|(key, _)| of.contains(key)).map(|(_, h)| h.0.nano()).sum::<u64>();
            for budget in world.budgets() {
                let Balance { spent, reserved } = budget.balance;
                prop_assert!((spent + reserved) <= budget.name.limit, "{budget:?}");
            }
            for (i, key) in world.keys.iter().enumerate() {
                prop_assert!(key.account.budgets.iter().all(|b| b.balance.reserved.nano() == held(&[i])));
                prop_assert!(key.minute.tokens + key.minute.reserved <= tokens);
            }
            prop_assert!(world.team.budgets.iter().all(|b| b.balance.reserved.nano() == held(&[0, 1])));
            prop_assert!(world.session.budgets.iter().all(|b| b.balance.reserved.nano() == held(&[0])));
        }
    }
}

fn day(limit: u64) -> Limits {
    Limits { cost_per_day: Some(nano(limit)), ..Limits::default() }
}

#[test]
fn the_refusal_says_whether_waiting_helps() {
    let mut book = Book::new(day(100));
    let mut payers = Payers { key: &mut book, others: Vec::new() };
    payers.claim(&claim(60, 60, 1), 0).unwrap();
    assert_eq!(payers.claim(&claim(60, 60, 1), 0).unwrap_err().retry_after(), Some(1));
    payers.settle((nano(60), 1), Spent { cost: nano(60), ..Spent::default() });
    let refused = payers.claim(&claim(60, 60, 1), DAY - 5).unwrap_err();
    assert_eq!(refused.retry_after(), Some(5));
    assert_eq!(
        refused.to_string(),
        "the key's budget of $0.000000 a day is spent: it is renewed in 5 s, at 1970-01-02 00:00 UTC"
    );
    assert_eq!(payers.claim(&claim(10, 60, 1), 0).unwrap().cost, Some(nano(40)));
}

#[test]
fn of_several_budgets_the_one_that_is_renewed_last_is_named() {
    let limits = Limits { cost_per_month: Some(nano(100)), ..day(100) };
    let mut world = World::new(&limits, [Some(nano(100)), None], nano(1_000));
    let refused = |world: &mut World, key| world.payers(key).claim(&claim(1, 1, 1), 0).unwrap_err();
    let grant = world.payers(0).claim(&claim(1, 500, 1), 0).unwrap();
    assert_eq!(grant.free, Some(nano(100)));
    assert!(
        matches!(refused(&mut world, 1), Refusal::Reserved { budget } if budget.payer == Payer::Team("red".into()))
    );
    world.payers(0).settle((nano(100), 1), Spent { cost: nano(100), ..Spent::default() });
    let first = refused(&mut world, 0);
    let named = first.budget().unwrap();
    assert_eq!((&named.payer, named.period), (&Payer::Key, Period::Month));
    assert_eq!(first.retry_after(), Some(31 * DAY));
    let second = refused(&mut world, 1);
    let named = second.budget().unwrap();
    assert_eq!((&named.payer, named.period), (&Payer::Team("red".into()), Period::Day));
}

#[test]
fn a_session_is_not_renewed() {
    let mut world = World::new(&Limits::default(), [None, None], nano(10));
    world.payers(0).claim(&claim(10, 10, 1), 0).unwrap();
    world.payers(0).settle((nano(10), 1), Spent { cost: nano(10), ..Spent::default() });
    let refused = world.payers(0).claim(&claim(1, 1, 1), 0).unwrap_err();
    assert_eq!(refused.retry_after(), None);
    assert_eq!(refused.to_string(), "this session's budget of $0.000000 is spent: begin another session");
    assert!(world.payers(1).claim(&claim(1, 1, 1), 0).is_ok(), "another session");
}

#[test]
fn a_minute_holds_so_many_requests() {
    let mut book = Book::new(Limits { requests_per_minute: Some(2), ..Limits::default() });
    let mut payers = Payers { key: &mut book, others: Vec::new() };
    assert!(payers.claim(&claim(0, 0, 1), 0).is_ok() && payers.claim(&claim(0, 0, 1), 0).is_ok());
    assert_eq!(payers.claim(&claim(0, 0, 1), 45), Err(Refusal::Requests { limit: 2, retry_after: 15 }));
}
