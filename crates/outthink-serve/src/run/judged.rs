//! A verifier with a price of its own (a reward model, a judge on another model) as a request sees it whose key has to
//! pay: each judgement reserves what it costs at most before it is asked for.

use super::allowance::{Allowance, Amount};
use outthink_core::{Bill, EngineError, Judging, Origin, Prompt, Sample, Verdict, Verifier};
use std::sync::Arc;
use std::time::Duration;

/// A verifier whose judgements are paid for while the request runs.
pub(super) struct Judged {
    verifier: Arc<dyn Verifier>,
    allowance: Arc<Allowance>,
}

impl Judged {
    pub(super) fn new(verifier: Arc<dyn Verifier>, allowance: Arc<Allowance>) -> Self {
        Self { verifier, allowance }
    }
}

/// What is reserved for one judgement. Dropped on the way, it counts as spent until the request is settled.
struct Reserved<'a> {
    allowance: &'a Allowance,
    amount: Amount,
    open: bool,
}

impl Reserved<'_> {
    async fn close(mut self, spent: Amount) {
        self.open = false;
        self.allowance.release(self.amount, spent).await;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if self.open {
            self.allowance.give_back(self.amount, self.amount);
        }
    }
}

/// Tokens that a verifier reads are not generated, so that only its money counts.
fn amount(bill: Bill) -> Amount {
    Amount { cost: bill.cost, tokens: 0 }
}

impl Verifier for Judged {
    fn name(&self) -> &str {
        self.verifier.name()
    }

    fn most(&self, prompt: &Prompt, sample: &Sample) -> Bill {
        self.verifier.most(prompt, sample)
    }

    fn timeout(&self) -> Duration {
        self.verifier.timeout()
    }

    fn score<'a>(&'a self, prompt: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        Box::pin(async move {
            let most = amount(self.verifier.most(prompt, sample));
            if !self.allowance.reserve(most).await {
                let words = format!("the key's budget does not pay for a judgement of {}", self.verifier.name());
                return Err(EngineError::new(Origin::Caller, words));
            }
            let reserved = Reserved { allowance: &self.allowance, amount: most, open: true };
            let verdict = self.verifier.score(prompt, sample).await;
            // What failed is settled with the request, as far as anybody knows what it cost.
            let spent = verdict.as_ref().map_or(Amount::default(), |verdict| amount(verdict.bill));
            reserved.close(spent).await;
            verdict
        })
    }
}
