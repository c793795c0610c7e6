//! The book of one key: what it has spent and holds reserved, and the rule by which it and those who pay with it
//! grant a claim. Pure, so that the rule that no budget is exceeded can be tested without a database.

use crate::budget::Period;
use crate::{Account, BudgetName, Limits, Payer, Refusal};
use outthink_core::Cost;

/// Seconds of the windows.
pub(crate) const MINUTE: u64 = 60;
pub(crate) const DAY: u64 = 86_400;

/// What a request wants to be allowed to spend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The key's identifier.
    pub key: String,
    /// The request's name, which is used once.
    pub trace: String,
    /// The model.
    pub model: String,
    /// The session that it is a part of (a conversation, an agent's run), as the client or the gateway names it.
    pub session: Option<String>,
    /// With less than this the request is not worth starting.
    pub least: Cost,
    /// What it costs at most.
    pub most: Cost,
    /// With fewer generated tokens than this the request is not worth starting.
    pub least_tokens: u64,
    /// What it generates at most.
    pub most_tokens: u64,
}

impl Claim {
    /// A claim of nothing yet.
    pub fn new(key: &str, trace: &str, model: &str) -> Self {
        Self { key: key.into(), trace: trace.into(), model: model.into(), ..Self::default() }
    }
}

/// How much more a request that runs needs. It gets what is left, as long as that is not less than the least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Growth {
    /// With less than this it cannot go on.
    pub least: Cost,
    /// Dollars.
    pub most: Cost,
    /// With fewer generated tokens than this it cannot go on.
    pub least_tokens: u64,
    /// Generated tokens.
    pub most_tokens: u64,
}

/// What a request may spend; `None` where the key has no such limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    /// Dollars at most.
    pub cost: Option<Cost>,
    /// Generated tokens at most.
    pub tokens: Option<u64>,
    /// What the budgets held for it at that moment: unspent, and not reserved by other requests. The
    /// request can grow no further than this.
    pub free: Option<Cost>,
    /// The same in tokens, of the minute's limit.
    pub free_tokens: Option<u64>,
}

/// What a request did spend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Dollars.
    pub cost: Cost,
    /// Prompt tokens.
    pub prompt: u64,
    /// Generated tokens.
    pub generated: u64,
}

/// A minute of the clock of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Requests that began.
    pub requests: u64,
    /// Generated tokens of those that ended.
    pub tokens: u64,
    /// Held by those that run.
    pub reserved: u64,
}

/// What one key has spent and holds reserved at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// What it may spend.
    pub limits: Limits,
    /// Its budgets.
    pub account: Account,
    /// The minute of `now`.
    pub minute: Minute,
}

impl Book {
    /// The book of a key with these limits that has spent nothing.
    pub fn new(limits: Limits) -> Self {
        let account = Account::new(&Payer::Key, limits.budgets());
        Self { limits, account, minute: Minute::default() }
    }

    /// What a granted claim holds: the granted amounts, or what was asked for where nothing limits it.
    pub fn held(claim: &Claim, grant: Grant) -> (Cost, u64) {
        (grant.cost.unwrap_or(claim.most), grant.tokens.unwrap_or(claim.most_tokens))
    }
}

/// All who pay for a request: its key, and the accounts that have to pay with it (its team's, its session's).
/// What is granted is held from each of them, so that it is the least that any of them can pay.
#[derive(Debug)]
pub struct Payers<'a> {
    /// The key.
    pub key: &'a mut Book,
    /// The accounts of its team and of the session.
    pub others: Vec<&'a mut Account>,
}

impl Payers<'_> {
    /// Grants a claim and enters it, or says why not.
    ///
    /// A claim that does not fit in full gets what is left, as long as that is worth starting with:
    /// the driver holds the request to it.
    ///
    /// # Errors
    /// If some limit leaves less than the least that the claim is worth starting with.
    pub fn claim(&mut self, claim: &Claim, now: u64) -> Result<Grant, Refusal> {
        let to_minute = MINUTE - now % MINUTE;
        if let Some(limit) = self.key.limits.requests_per_minute
            && self.key.minute.requests >= limit
        {
            return Err(Refusal::Requests { limit, retry_after: to_minute });
        }
        let want = Growth {
            least: claim.least,
            most: claim.most,
            least_tokens: claim.least_tokens,
            most_tokens: claim.most_tokens,
        };
        let grant = self.grow(&want, now)?;
        self.key.minute.requests += 1;
        Ok(grant)
    }

    /// Grants more to a request that runs and enters it, or says why not.
    ///
    /// # Errors
    /// If some limit leaves less than the least that the request can go on with.
    pub fn grow(&mut self, want: &Growth, now: u64) -> Result<Grant, Refusal> {
        let (tokens, free_tokens) = self.tokens(want, now)?;
        let (cost, free) = self.cost(want, now)?;
        let Self { key, others } = self;
        key.minute.reserved = key.minute.reserved.saturating_add(tokens);
        for account in std::iter::once(&mut key.account).chain(others.iter_mut().map(|a| &mut **a)) {
            account.reserve(cost);
        }
        Ok(Grant { cost: free.map(|_| cost), tokens: free_tokens.map(|_| tokens), free, free_tokens })
    }

    /// The tokens that can be granted, and those that are free, where something limits them.
    fn tokens(&self, want: &Growth, now: u64) -> Result<(u64, Option<u64>), Refusal> {
        let Some(limit) = self.key.limits.tokens_per_minute else { return Ok((want.most_tokens, None)) };
        let minute = &self.key.minute;
        let free = limit.saturating_sub(minute.tokens.saturating_add(minute.reserved));
        let tokens = want.most_tokens.min(free);
        if tokens < want.least_tokens.min(want.most_tokens) || (free == 0 && want.most_tokens > 0) {
            return Err(Refusal::Tokens { limit, retry_after: MINUTE - now % MINUTE });
        }
        Ok((tokens, Some(free)))
    }

    /// The dollars that can be granted, and those that are free, where something limits them.
    fn cost(&self, want: &Growth, now: u64) -> Result<(Cost, Option<Cost>), Refusal> {
        let least = want.least.min(want.most);
        let (mut free, mut spent, mut reserved): (Option<Cost>, Option<&BudgetName>, Option<&BudgetName>) =
            Default::default();
        let others = self.others.iter().map(|a| &**a);
        for budget in std::iter::once(&self.key.account).chain(others).flat_map(|a| &a.budgets) {
            let here = budget.free();
            free = Some(free.map_or(here, |least| least.min(here)));
            if here >= least && (here > Cost::ZERO || want.most == Cost::ZERO) {
                continue;
            }
            if !budget.is_spent_for(least) {
                reserved = reserved.or(Some(&budget.name));
            } else if spent.is_none_or(|s| lasts(s.period, now) < lasts(budget.name.period, now)) {
                spent = Some(&budget.name);
            }
        }
        match (spent, reserved) {
            (Some(budget), _) => Err(Refusal::spent(budget, now)),
            (None, Some(budget)) => Err(Refusal::Reserved { budget: Box::new(budget.clone()) }),
            (None, None) => Ok((free.map_or(want.most, |free| free.min(want.most)), free)),
        }
    }

    /// Enters what a request spent in place of what it held.
    pub fn settle(&mut self, held: (Cost, u64), spent: Spent) {
        let minute = &mut self.key.minute;
        minute.reserved = minute.reserved.saturating_sub(held.1);
        minute.tokens = minute.tokens.saturating_add(spent.generated);
        self.key.account.settle(held.0, spent.cost);
        for account in &mut self.others {
            account.settle(held.0, spent.cost);
        }
    }

    /// Enters a claim whose holder died, as if all of it had been spent.
    pub fn lapse(&mut self, held: (Cost, u64)) {
        self.settle(held, Spent { cost: held.0, prompt: 0, generated: held.1 });
    }
}

/// When a period ends, for comparison.
fn lasts(period: Period, now: u64) -> u64 {
    period.ends(now).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
