//! What a gateway has claimed ahead for a busy key, and hands out to its requests without asking the database.
//!
//! An advance is one claim of the gateway's own, a small part of what is free. Requests take their claims from it
//! and give back what they did not spend, in memory; what they did spend is written in groups behind them. The
//! database holds at least what the requests hold at any time, so that no budget is exceeded; should the gateway
//! die, the advance lapses like any claim and is charged in full.

use crate::book::MINUTE;
use crate::{Claim, Grant, Growth, Spent};
use outthink_core::Cost;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Claims of one key in one transaction from which on the key counts as busy.
pub(crate) const BUSY: usize = 4;
/// Claims, of the size of those that came last, that an advance is for.
pub(crate) const CLAIMS: u64 = 128;
/// Looks of the writer that an advance of a busy key is for, at what was handed out since the last one.
const LOOKS: u64 = 8;
/// An advance is at most this part of what is free, so that other gateways find the rest.
pub(crate) const PART: u64 = 16;
/// An advance that nobody asked for this long is given back.
const IDLE: Duration = Duration::from_millis(100);
/// After this time it is looked at again, so that a key that was revoked spends nothing more.
const FRESH: Duration = Duration::from_millis(250);

/// Money, generated tokens and requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) cost: Cost,
    pub(crate) tokens: u64,
    pub(crate) requests: u64,
}

impl Amount {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            cost: self.cost + other.cost,
            tokens: self.tokens.saturating_add(other.tokens),
            requests: self.requests.saturating_add(other.requests),
        }
    }

    /// Never below nothing.
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            cost: self.cost.saturating_sub(other.cost),
            tokens: self.tokens.saturating_sub(other.tokens),
            requests: self.requests.saturating_sub(other.requests),
        }
    }

    fn times(self, count: u64) -> Self {
        Self {
            cost: Cost::from_nano(self.cost.nano().saturating_mul(count)),
            tokens: self.tokens.saturating_mul(count),
            requests: self.requests.saturating_mul(count),
        }
    }

    /// The larger of the two, each by itself.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            cost: self.cost.max(other.cost),
            tokens: self.tokens.max(other.tokens),
            requests: self.requests.max(other.requests),
        }
    }

    fn covers(self, other: Self) -> bool {
        self.cost >= other.cost && self.tokens >= other.tokens && self.requests >= other.requests
    }

    const fn is_nothing(self) -> bool {
        self.cost.is_zero() && self.tokens == 0 && self.requests == 0
    }
}

/// What a request spent that was paid from an advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paid {
    pub(crate) trace: String,
    pub(crate) model: String,
    pub(crate) spent: Spent,
}

/// One advance.
#[derive(Debug)]
pub(crate) struct Advance {
    /// The name of its claim in the database.
    pub(crate) trace: String,
    /// When it began; its day and its minute are those of all its requests.
    pub(crate) began: u64,
    /// What is left to hand out. Nothing once it was called back.
    left: Amount,
    /// What requests hold, by their names, and together.
    out: HashMap<String, Amount>,
    sum: Amount,
    /// Whether the key has limits on dollars and on generated tokens, and what was free beside the advance.
    free: (Option<Cost>, Option<u64>),
    /// Whether a session may have a budget of its own, which an advance cannot pay from.
    sessions: bool,
    paid: Vec<Paid>,
    /// What was handed out since the last look.
    handed: Amount,
    /// Requests that began and that the database does not know of yet.
    begun: u64,
    /// Requests that were called back and that the database does not know of yet.
    unused: u64,
    asked: Instant,
    written: Instant,
}

/// What of an advance is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) trace: String,
    pub(crate) began: u64,
    /// What it holds from now on.
    pub(crate) holds: Amount,
    pub(crate) paid: Vec<Paid>,
    /// What is to be added to it, since it will not last.
    pub(crate) want: Option<Amount>,
    /// Requests that began since it was written last.
    pub(crate) begun: u64,
    /// Requests that were claimed ahead and go back.
    pub(crate) unused: u64,
    /// Whether nothing is left of it.
    pub(crate) over: bool,
}

/// A hold on an advance.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) key: String,
    /// The advance's claim.
    pub(crate) advance: String,
    pub(crate) trace: String,
    pub(crate) model: String,
    pub(crate) spent: Spent,
}

/// The advances of one gateway by their keys; of a key's the last one is handed out. Clones are handles.
#[derive(Debug, Clone, Default)]
pub(crate) struct Advances {
    by_key: Arc<Mutex<HashMap<String, Vec<Advance>>>>,
    /// Whether any are opened.
    ahead: Arc<AtomicBool>,
}

impl Advances {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Advance>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether advances are opened from now on.
    pub(crate) fn set_ahead(&self, ahead: bool) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Whether advances are opened.
    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Grants a claim in full from the key's advance, where that has as much.
    pub(crate) fn claim(&self, claim: &Claim, now: u64) -> Option<(Grant, Share)> {
        let mut all = self.lock();
        let advance = all.get_mut(&claim.key)?.last_mut()?;
        let amount = Amount { cost: claim.most, tokens: claim.most_tokens, requests: 1 };
        let other = claim.session.is_some() && advance.sessions;
        if other || advance.began / MINUTE != now / MINUTE || !advance.left.covers(amount) {
            return None;
        }
        let grant = advance.hand_out(&claim.trace, amount);
        advance.begun += 1;
        let share = Share {
            key: claim.key.clone(),
            advance: advance.trace.clone(),
            trace: claim.trace.clone(),
            model: claim.model.clone(),
            spent: Spent::default(),
        };
        Some((grant, share))
    }

    /// Gives more to a request, where the advance has as much.
    pub(crate) fn grow(&self, share: &Share, by: &Growth) -> Option<Grant> {
        let mut all = self.lock();
        let advance = find(&mut all, (&share.key, &share.advance))?;
        let amount = Amount { cost: by.most, tokens: by.most_tokens, requests: 0 };
        advance.left.covers(amount).then(|| advance.hand_out(&share.trace, amount))
    }

    /// Enters what the database gave to an advance for the request `trace` that grows.
    pub(crate) fn grown(&self, advance: (&str, &str), trace: &str, by: Amount) {
        if let Some(advance) = find(&mut self.lock(), advance)
            && let Some(held) = advance.out.get_mut(trace)
        {
            *held = held.plus(by);
            advance.sum = advance.sum.plus(by);
        }
    }

    /// Ends a hold: what was spent is to be written, the rest can be handed out again. Whether the writer has to be
    /// told.
    pub(crate) fn settle(&self, share: Share) -> bool {
        let mut all = self.lock();
        let Some(advance) = find(&mut all, (&share.key, &share.advance)) else { return false };
        let spent = Amount { cost: share.spent.cost, tokens: share.spent.generated, requests: 1 };
        let held = advance.out.remove(&share.trace).unwrap_or_default();
        let back = Amount { requests: 0, ..held.minus(spent) };
        advance.sum = advance.sum.minus(held);
        if !advance.is_called_back() {
            advance.left = advance.left.plus(back);
        }
        let first = advance.paid.is_empty();
        advance.paid.push(Paid { trace: share.trace, model: share.model, spent: share.spent });
        first
    }

    /// Opens an advance, in the place of the one before, or adds to the one that is open.
    pub(crate) fn open(&self, key: &str, opened: Opened, now: u64) {
        let mut all = self.lock();
        let of_key = all.entry(key.to_owned()).or_default();
        let at = Instant::now();
        match of_key.last_mut().filter(|advance| advance.trace == opened.trace) {
            Some(advance) => {
                advance.left = advance.left.plus(opened.amount);
                (advance.free, advance.sessions, advance.asked) = (opened.free, opened.sessions, at);
            }
            None => of_key.push(Advance {
                trace: opened.trace,
                began: now,
                left: opened.amount,
                out: HashMap::new(),
                sum: Amount::default(),
                free: opened.free,
                sessions: opened.sessions,
                paid: Vec::new(),
                handed: Amount::default(),
                begun: 0,
                unused: 0,
                asked: at,
                written: at,
            }),
        }
    }

    /// The open advance of a key that began in this minute.
    pub(crate) fn current(&self, key: &str, now: u64) -> Option<String> {
        let all = self.lock();
        let advance = all.get(key)?.last()?;
        (advance.began / MINUTE == now / MINUTE).then(|| advance.trace.clone())
    }

    /// What is to be written now. Advances of the keys in `claiming` are called back: what is left of them goes to
    /// the claims that came by the writer. So are those that nobody asks for, or whose minute is over; `all` calls
    /// every one back.
    pub(crate) fn take(&self, claiming: impl Fn(&str) -> bool, now: u64, all: bool) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (key, advances) in self.lock().iter_mut() {
            for advance in advances.iter_mut() {
                let stale = advance.began / MINUTE != now / MINUTE || advance.asked.elapsed() > IDLE;
                let call = all || stale || claiming(key);
                let called = call && !advance.is_called_back();
                if called {
                    advance.call_back();
                }
                let over = advance.is_called_back() && advance.out.is_empty();
                let late = advance.written.elapsed() > FRESH;
                let handed = std::mem::take(&mut advance.handed);
                let low = handed.requests >= BUSY as u64 && !advance.left.covers(handed.times(LOOKS / 2));
                let want = (low && !call).then(|| handed.times(LOOKS));
                if called || over || late || want.is_some() || !advance.paid.is_empty() {
                    entries.push(Entry {
                        key: key.clone(),
                        trace: advance.trace.clone(),
                        began: advance.began,
                        holds: advance.left.plus(advance.sum),
                        paid: advance.paid.clone(),
                        want,
                        begun: advance.begun,
                        unused: advance.unused,
                        over,
                    });
                }
            }
        }
        entries
    }

    /// Forgets what was written. `live` says whether a key can still be paid for.
    pub(crate) fn written(&self, entries: &[Entry], live: impl Fn(&str) -> bool) {
        let mut all = self.lock();
        for entry in entries {
            let Some(advance) = find(&mut all, (&entry.key, &entry.trace)) else { continue };
            advance.paid.drain(..entry.paid.len());
            advance.begun -= entry.begun;
            advance.unused -= entry.unused;
            advance.written = Instant::now();
            if !live(&entry.key) {
                advance.call_back();
            }
            if entry.over
                && let Some(of_key) = all.get_mut(&entry.key)
            {
                of_key.retain(|advance| advance.trace != entry.trace);
                if of_key.is_empty() {
                    all.remove(&entry.key);
                }
            }
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether the database knows all that was paid, and nothing is left to hand out.
    pub(crate) fn is_written(&self) -> bool {
        self.lock().values().flatten().all(|advance| advance.paid.is_empty() && advance.is_called_back())
    }

    /// Calls all advances back, so that nothing more is handed out.
    pub(crate) fn call_back(&self) {
        self.lock().values_mut().flatten().for_each(Advance::call_back);
    }
}

/// What is opened or added.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) trace: String,
    pub(crate) amount: Amount,
    pub(crate) free: (Option<Cost>, Option<u64>),
    pub(crate) sessions: bool,
}

impl Advance {
    fn call_back(&mut self) {
        self.unused += self.left.requests;
        self.left = Amount::default();
    }

    fn is_called_back(&self) -> bool {
        self.left.is_nothing()
    }

    fn hand_out(&mut self, trace: &str, amount: Amount) -> Grant {
        let (cost, tokens) = self.free;
        let grant = Grant {
            cost: cost.map(|_| amount.cost),
            tokens: tokens.map(|_| amount.tokens),
            free: cost.map(|beside| beside + self.left.cost),
            free_tokens: tokens.map(|beside| beside.saturating_add(self.left.tokens)),
        };
        self.left = self.left.minus(amount);
        self.handed = self.handed.plus(amount);
        let held = self.out.entry(trace.to_owned()).or_default();
        *held = held.plus(amount);
        self.sum = self.sum.plus(amount);
        self.asked = Instant::now();
        grant
    }
}

fn find<'a>(all: &'a mut HashMap<String, Vec<Advance>>, (key, trace): (&str, &str)) -> Option<&'a mut Advance> {
    all.get_mut(key)?.iter_mut().find(|advance| advance.trace == trace)
}

/// How much is advanced for claims like these.
pub(crate) fn for_claims(claims: &[&Claim]) -> Amount {
    let count = (claims.len() as u64).max(1);
    let mean = |sum: u64| sum.div_ceil(count).max(1);
    let cost = mean(claims.iter().map(|c| c.most.nano()).sum());
    let tokens = mean(claims.iter().map(|c| c.most_tokens).sum());
    Amount { cost: Cost::from_nano(cost), tokens, requests: 1 }.times(CLAIMS)
}

/// What is free of a key's dollars, of those who pay with it, of its tokens and its requests; `None` is no limit.
pub(crate) type Free = (Option<Cost>, Option<u64>, Option<u64>);

/// Whether an amount is a small part of what is free. Near the end of a budget nothing is, so that every claim is
/// decided by itself.
pub(crate) fn is_small(amount: Amount, free: Free) -> bool {
    let fits = |amount: u64, free: Option<u64>| free.is_none_or(|free| amount <= free / PART);
    fits(amount.cost.nano(), free.0.map(Cost::nano)) && fits(amount.tokens, free.1) && fits(amount.requests, free.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(trace: u64, most: u64) -> Claim {
        Claim {
            most: Cost::from_nano(most),
            least: Cost::from_nano(most),
            most_tokens: most,
            least_tokens: most,
            ..Claim::new("k", &trace.to_string(), "m")
        }
    }

    fn opened(cost: u64) -> Opened {
        let amount = Amount { cost: Cost::from_nano(cost), tokens: cost, requests: 1_000 };
        Opened { trace: "advance".into(), amount, free: (Some(Cost::ZERO), None), sessions: true }
    }

    #[test]
    fn an_advance_is_a_small_part_of_what_is_free_or_none() {
        let claims: Vec<Claim> = (0..4).map(|n| claim(n, 100)).collect();
        let claims: Vec<&Claim> = claims.iter().collect();
        let free = |cost: u64| (Some(Cost::from_nano(cost)), None, None);
        let amount = for_claims(&claims);
        assert_eq!((amount.cost, amount.requests), (Cost::from_nano(100 * CLAIMS), CLAIMS));
        assert!(!is_small(amount, free(100 * PART * CLAIMS - 1)) && is_small(amount, free(100 * PART * CLAIMS)));
        assert!(!is_small(amount, (None, None, Some(PART * CLAIMS - 1))) && is_small(amount, (None, None, None)));
    }

    #[test]
    fn an_advance_that_will_not_last_is_added_to() {
        let advances = Advances::default();
        advances.open("k", opened(1_000), 60);
        for n in 0..3 {
            advances.claim(&claim(n, 100), 60).unwrap();
        }
        assert!(advances.take(|_| false, 60, false).iter().all(|e| e.want.is_none()), "three claims are not busy");
        for n in 3..7 {
            advances.claim(&claim(n, 100), 60).unwrap();
        }
        let entries = advances.take(|_| false, 60, false);
        assert_eq!(entries[0].want.unwrap().cost, Cost::from_nano(400 * LOOKS));
        assert!(advances.take(|_| false, 60, false).iter().all(|e| e.want.is_none()), "nothing was handed out since");
    }

    #[test]
    fn sessions_minutes_and_other_keys_are_not_paid_from_it() {
        let advances = Advances::default();
        advances.open("k", opened(1_000), 60);
        assert!(advances.claim(&claim(0, 100), 119).is_some());
        assert!(advances.claim(&claim(1, 100), 120).is_none(), "another minute");
        assert!(advances.claim(&Claim { key: "other".into(), ..claim(2, 100) }, 60).is_none());
        assert!(advances.claim(&Claim { session: Some("s".into()), ..claim(3, 100) }, 60).is_none());
        assert!(advances.claim(&claim(4, 901), 60).is_none(), "more than is left");
        advances.call_back();
        assert!(advances.claim(&claim(5, 100), 60).is_none());
    }

    proptest! {
        /// At any time the database holds what requests hold, what is left, and what was spent and not yet written.
        #[test]
        fn what_is_out_never_exceeds_what_the_database_holds(
            events in prop::collection::vec((0u8..6, 1u64..400, 0.0f64..=1.0), 1..200),
        ) {
            let advances = Advances::default();
            let (mut held, mut spent, mut number) = (1_000u64, 0u64, 0u64);
            advances.open("k", opened(1_000), 60);
            let mut shares: Vec<(Share, u64)> = Vec::new();
            for (what, most, part) in events {
                match what {
                    0 | 1 => {
                        number += 1;
                        if let Some((grant, share)) = advances.claim(&claim(number, most), 60) {
                            prop_assert_eq!(grant.cost, Some(Cost::from_nano(most)));
                            shares.push((share, most));
                        }
                    }
                    2 => if let Some((mut share, amount)) = shares.pop() {
                        let cost = (amount as f64 * part) as u64;
                        share.spent = Spent { cost: Cost::from_nano(cost), prompt: 0, generated: cost };
                        advances.settle(share);
                    },
                    3 => if let Some((share, amount)) = shares.last_mut() {
                        let by = Growth { most: Cost::from_nano(most), most_tokens: most, ..Growth::default() };
                        if advances.grow(share, &by).is_some() {
                            *amount += most;
                        }
                    },
                    4 => {
                        let entries = advances.take(|_| false, 60, false);
                        for entry in &entries {
                            let paid: u64 = entry.paid.iter().map(|p| p.spent.cost.nano()).sum();
                            prop_assert!(entry.holds.cost.nano() + paid <= held, "{} {paid} {held}", entry.holds.cost);
                            held = entry.holds.cost.nano();
                            spent += paid;
                        }
                        advances.written(&entries, |_| true);
                    }
                    _ => if let Some(trace) = advances.current("k", 60) {
                        advances.open("k", Opened { trace, ..opened(most) }, 60);
                        held += most;
                    },
                }
                let out: u64 = shares.iter().map(|s| s.1).sum();
                prop_assert!(out <= held, "{out} of {held}");
            }
            for (share, _) in shares {
                advances.settle(share);
            }
            let entries = advances.take(|_| true, 60, true);
            let left: u64 = entries.iter().map(|e| e.holds.cost.nano()).sum();
            prop_assert_eq!(left, 0);
            prop_assert!(spent <= 1_000_000);
        }
    }
}
