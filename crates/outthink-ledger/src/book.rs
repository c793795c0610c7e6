//! The page of one key: what it has spent and holds reserved. Pure, so that the rule that no budget is
//! exceeded can be tested without a database.

use crate::Limits;
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
    /// What the day's budget held for it at that moment: unspent, and not reserved by other requests. The
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

/// Why a key may not spend what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key was revoked, or is not known.
    #[error("the key is not valid: ask for a new one")]
    Revoked,
    /// The claim that was to grow has lapsed.
    #[error("the request's claim has lapsed, so it can spend no more: ask again")]
    Lapsed,
    /// Too many requests in this minute.
    #[error("the key may begin {limit} requests a minute and has done so: wait {retry_after} s")]
    Requests {
        /// The limit.
        limit: u64,
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// Too many tokens in this minute.
    #[error("the key may generate {limit} tokens a minute and they are spent or reserved: wait {retry_after} s")]
    Tokens {
        /// The limit.
        limit: u64,
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// The day's budget is spent.
    #[error("the key's budget of {limit} a day is spent: it is renewed in {retry_after} s")]
    Spent {
        /// The limit.
        limit: Cost,
        /// Seconds until the next day of UTC.
        retry_after: u64,
    },
    /// The day's budget is not spent, but what is left is held by requests that run.
    #[error("the rest of the key's budget of {limit} a day is reserved by requests that run: try again soon")]
    Reserved {
        /// The limit.
        limit: Cost,
    },
}

impl Refusal {
    /// Seconds after which a retry may help; `None` if never.
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Revoked | Self::Lapsed => None,
            Self::Requests { retry_after, .. } | Self::Tokens { retry_after, .. } | Self::Spent { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::Reserved { .. } => Some(1),
        }
    }
}

/// A day of UTC of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Settled and lapsed charges.
    pub spent: Cost,
    /// Held by requests that run.
    pub reserved: Cost,
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
    /// The day of `now`.
    pub day: Day,
    /// The minute of `now`.
    pub minute: Minute,
}

impl Book {
    /// Grants a claim and enters it, or says why not.
    ///
    /// A claim that does not fit in full gets what is left, as long as that is worth starting with:
    /// the driver holds the request to it.
    ///
    /// # Errors
    /// If the key's limits leave less than the least that the claim is worth starting with.
    pub fn claim(&mut self, claim: &Claim, now: u64) -> Result<Grant, Refusal> {
        let to_minute = MINUTE - now % MINUTE;
        if let Some(limit) = self.limits.requests_per_minute
            && self.minute.requests >= limit
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
        self.minute.requests += 1;
        Ok(grant)
    }

    /// Grants more to a request that runs and enters it, or says why not.
    ///
    /// # Errors
    /// If the key's limits leave less than the least that the request can go on with.
    pub fn grow(&mut self, want: &Growth, now: u64) -> Result<Grant, Refusal> {
        let (mut tokens, mut free_tokens) = (want.most_tokens, None);
        if let Some(limit) = self.limits.tokens_per_minute {
            let free = limit.saturating_sub(self.minute.tokens.saturating_add(self.minute.reserved));
            tokens = tokens.min(free);
            if tokens < want.least_tokens.min(want.most_tokens) || (free == 0 && want.most_tokens > 0) {
                return Err(Refusal::Tokens { limit, retry_after: MINUTE - now % MINUTE });
            }
            free_tokens = Some(free);
        }
        let (mut cost, mut free_cost) = (want.most, None);
        if let Some(limit) = self.limits.cost_per_day {
            let unspent = limit.saturating_sub(self.day.spent);
            let free = unspent.saturating_sub(self.day.reserved);
            let least = want.least.min(want.most);
            cost = cost.min(free);
            if cost < least || (free == Cost::ZERO && want.most > Cost::ZERO) {
                let for_good = unspent < least || unspent == Cost::ZERO;
                return Err(if for_good {
                    Refusal::Spent { limit, retry_after: DAY - now % DAY }
                } else {
                    Refusal::Reserved { limit }
                });
            }
            free_cost = Some(free);
        }
        self.minute.reserved = self.minute.reserved.saturating_add(tokens);
        self.day.reserved += cost;
        Ok(Grant {
            cost: self.limits.cost_per_day.map(|_| cost),
            tokens: self.limits.tokens_per_minute.map(|_| tokens),
            free: free_cost,
            free_tokens,
        })
    }

    /// What a granted claim holds: the granted amounts, or what was asked for where nothing limits it.
    pub fn held(claim: &Claim, grant: Grant) -> (Cost, u64) {
        (grant.cost.unwrap_or(claim.most), grant.tokens.unwrap_or(claim.most_tokens))
    }

    /// Enters what a request spent in place of what it held.
    pub fn settle(&mut self, held: (Cost, u64), spent: Spent) {
        self.day.reserved = self.day.reserved.saturating_sub(held.0);
        self.day.spent += spent.cost;
        self.minute.reserved = self.minute.reserved.saturating_sub(held.1);
        self.minute.tokens = self.minute.tokens.saturating_add(spent.generated);
    }

    /// Enters a claim whose holder died, as if all of it had been spent.
    pub fn lapse(&mut self, held: (Cost, u64)) {
        self.settle(held, Spent { cost: held.0, prompt: 0, generated: held.1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(least: u64, most: u64, tokens: u64) -> Claim {
        Claim {
            least: Cost::from_nano(least),
            most: Cost::from_nano(most),
            least_tokens: 1,
            most_tokens: tokens,
            ..Claim::new("k", "t", "m")
        }
    }

    proptest! {
        /// However claims, settlements and crashes follow one another, the budget holds.
        #[test]
        fn no_order_of_events_spends_more_than_the_budget(
            limit in 1u64..10_000,
            tokens in 16u64..10_000,
            events in prop::collection::vec((0u8..5, 0u64..2_000, 0u64..2_000, 0.0f64..=1.0), 1..200),
        ) {
            let limits = Limits {
                cost_per_day: Some(Cost::from_nano(limit)),
                tokens_per_minute: Some(tokens),
                ..Limits::default()
            };
            let mut book = Book { limits, ..Book::default() };
            let mut live: Vec<(Cost, u64)> = Vec::new();
            for (what, least, most, share) in events {
                match what {
                    0 | 1 => {
                        let claim = claim(least, most, most);
                        if let Ok(grant) = book.claim(&claim, 0) {
                            prop_assert!(grant.cost.unwrap() <= claim.most);
                            prop_assert!(grant.cost.unwrap() >= claim.least.min(claim.most));
                            live.push(Book::held(&claim, grant));
                        }
                    }
                    2 => if let Some(held) = live.pop() {
                        // What is spent is never more than what was granted: the driver sees to that.
                        let part = |x: u64| (x as f64 * share) as u64;
                        book.settle(held, Spent { cost: Cost::from_nano(part(held.0.nano())), prompt: 0, generated: part(held.1) });
                    },
                    3 => if let Some(held) = live.last_mut() {
                        let want = Growth { least: Cost::from_nano(least), most: Cost::from_nano(most), least_tokens: 1, most_tokens: most };
                        if let Ok(more) = book.grow(&want, 0) {
                            prop_assert!(more.cost.unwrap() <= want.most && more.cost.unwrap() <= more.free.unwrap());
                            held.0 += more.cost.unwrap();
                            held.1 += more.tokens.unwrap();
                        }
                    },
                    _ => if let Some(held) = live.pop() {
                        book.lapse(held);
                    },
                }
                let reserved: u64 = live.iter().map(|h| h.0.nano()).sum();
                prop_assert_eq!(book.day.reserved.nano(), reserved);
                prop_assert!((book.day.spent + book.day.reserved).nano() <= limit);
                prop_assert!(book.minute.tokens + book.minute.reserved <= tokens);
            }
        }
    }

    #[test]
    fn the_refusal_says_whether_waiting_helps() {
        let limits = Limits { cost_per_day: Some(Cost::from_nano(100)), ..Limits::default() };
        let mut book = Book { limits, ..Book::default() };
        book.claim(&claim(60, 60, 1), 0).unwrap();
        assert_eq!(book.claim(&claim(60, 60, 1), 0).unwrap_err().retry_after(), Some(1));
        book.settle((Cost::from_nano(60), 1), Spent { cost: Cost::from_nano(60), ..Spent::default() });
        assert_eq!(book.claim(&claim(60, 60, 1), DAY - 5).unwrap_err().retry_after(), Some(5));
        assert_eq!(book.claim(&claim(10, 60, 1), 0).unwrap().cost, Some(Cost::from_nano(40)));
    }

    #[test]
    fn a_minute_holds_so_many_requests() {
        let mut book = Book { limits: Limits { requests_per_minute: Some(2), ..Limits::default() }, ..Book::default() };
        assert!(book.claim(&claim(0, 0, 1), 0).is_ok() && book.claim(&claim(0, 0, 1), 0).is_ok());
        assert_eq!(book.claim(&claim(0, 0, 1), 45), Err(Refusal::Requests { limit: 2, retry_after: 15 }));
    }
}
