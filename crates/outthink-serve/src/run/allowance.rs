//! What one request may spend of its key's budget: a claim that covers the next stretch and grows.

use outthink_core::{Cost, Price, Usage};
use outthink_ledger::{Grant, Growth, Hold, Spent};
use std::ops::{Add, AddAssign, Sub};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Money and generated tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) cost: Cost,
    pub(crate) tokens: u64,
}

impl Amount {
    /// What `prompt` and `completion` tokens come to at most at this price, of whatever kind they are.
    pub(crate) fn most(price: Price, prompt: u64, completion: u64) -> Self {
        Self { cost: price.bound().cost(&Usage { prompt, completion, ..Usage::default() }), tokens: completion }
    }

    /// What a usage came to.
    pub(crate) fn spent(price: Price, usage: &Usage) -> Self {
        Self { cost: price.cost(usage), tokens: usage.completion }
    }

    const fn is_zero(self) -> bool {
        self.cost.is_zero() && self.tokens == 0
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cost: self.cost + other.cost, tokens: self.tokens.saturating_add(other.tokens) }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Amount {
    type Output = Self;

    /// Never below nothing.
    fn sub(self, other: Self) -> Self {
        Self { cost: self.cost.saturating_sub(other.cost), tokens: self.tokens.saturating_sub(other.tokens) }
    }
}

struct Inner {
    hold: Option<Hold>,
    /// What the ledger holds for the request.
    held: Amount,
    /// What was asked for on top and not yet answered.
    pending: Amount,
    /// What running samples have reserved of it, and what ended ones have spent.
    used: Amount,
    prompt: u64,
}

/// What one request may spend. Its claim is charged in full if it is dropped without a settlement.
pub(crate) struct Allowance {
    inner: Mutex<Inner>,
    /// The most that any model charges which may work on it.
    price: Price,
    /// Whether the key has limits of its own; if not, the claim only says what a crash would charge.
    limited: bool,
    broke: Notify,
}

impl Allowance {
    /// Of a claim that was granted for `asked`, for a prompt of at most `prompt` tokens.
    pub(super) fn new(hold: Hold, asked: Amount, (price, prompt): (Price, u64)) -> Self {
        let grant = hold.grant();
        let held = granted(grant, asked);
        let limited = grant.cost.is_some() || grant.tokens.is_some();
        let inner = Inner { hold: Some(hold), held, pending: Amount::default(), used: Amount::default(), prompt };
        let allowance = Self { inner: Mutex::new(inner), price, limited, broke: Notify::new() };
        allowance.lock().note();
        allowance
    }

    /// Reserves `want` before it is spent, and grows the claim where that is needed. Whether it may be spent. The
    /// claim is asked for at once, the future only waits for it.
    pub(crate) fn reserve(&self, want: Amount) -> impl Future<Output = bool> + Send + '_ {
        let asked = self.lock().reserve(want);
        async move {
            let Some((lack, growing)) = asked else { return true };
            let answer = growing.await;
            let mut inner = self.lock();
            inner.pending = inner.pending - lack;
            match answer {
                Ok(grant) => inner.held += granted(grant, lack),
                // Without limits nothing can be exceeded; the settlement will say what it was.
                Err(_) if !self.limited => inner.held += lack,
                Err(_) => {
                    inner.used = inner.used - want;
                    return false;
                }
            }
            inner.note();
            true
        }
    }

    /// Puts what a sample spent in the place of what was reserved for it. Where that is more, the claim has to
    /// grow by it at once.
    pub(crate) async fn release(&self, reserved: Amount, spent: Amount) {
        self.give_back(reserved, spent);
        if !self.reserve(Amount::default()).await {
            self.give_up();
        }
    }

    /// As [`Allowance::release`] where it cannot be waited.
    pub(crate) fn give_back(&self, reserved: Amount, spent: Amount) {
        let mut inner = self.lock();
        inner.used = inner.used - reserved + spent;
    }

    /// Reports that the budget cannot pay for what comes next.
    pub(super) fn give_up(&self) {
        self.broke.notify_one();
    }

    /// Generated tokens that what is held still pays for, after one more prompt.
    pub(super) fn left(&self) -> u64 {
        let inner = self.lock();
        let left = inner.held - inner.used;
        let money = left.cost.saturating_sub(Amount::most(self.price, inner.prompt, 0).cost);
        self.price.affordable_output(money).unwrap_or(u64::MAX).min(left.tokens)
    }

    /// Completes when the budget cannot pay for what comes next. Safe to cancel.
    pub(crate) async fn broke(&self) {
        self.broke.notified().await;
    }

    /// Charges what was spent, in place of what was held.
    pub(super) fn settle(&self, spent: Spent) {
        if let Some(hold) = self.lock().hold.take() {
            hold.settle(spent);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn reserve(
        &mut self,
        want: Amount,
    ) -> Option<(Amount, impl Future<Output = Result<Grant, outthink_ledger::ClaimError>> + Send + use<>)> {
        self.used += want;
        let lack = self.used - (self.held + self.pending);
        let hold = self.hold.as_ref().filter(|_| !lack.is_zero())?;
        self.pending += lack;
        let by = Growth { least: lack.cost, most: lack.cost, least_tokens: lack.tokens, most_tokens: lack.tokens };
        Some((lack, hold.grow(by)))
    }

    /// Until the request is settled, all that is held counts as spent.
    fn note(&mut self) {
        let (held, prompt) = (self.held, self.prompt);
        if let Some(hold) = &mut self.hold {
            hold.note(Spent { cost: held.cost, prompt, generated: held.tokens });
        }
    }
}

/// What a grant allows, of which nothing is said where nothing limits it.
fn granted(grant: Grant, asked: Amount) -> Amount {
    Amount { cost: grant.cost.unwrap_or(asked.cost), tokens: grant.tokens.unwrap_or(asked.tokens) }
}
