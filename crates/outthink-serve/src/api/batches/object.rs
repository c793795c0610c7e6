//! A batch: what is kept of it, and how the API shows it.

use crate::run::PartSpent;
use outthink_core::Cost;
use outthink_ledger::StoredBatch;
use outthink_strategy::allocator::BudgetPrice;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The words for how far a batch is.
pub(super) mod status {
    pub(crate) const VALIDATING: &str = "validating";
    pub(crate) const IN_PROGRESS: &str = "in_progress";
    pub(crate) const FINALIZING: &str = "finalizing";
    pub(crate) const COMPLETED: &str = "completed";
    pub(crate) const FAILED: &str = "failed";
    pub(crate) const EXPIRED: &str = "expired";
    pub(crate) const CANCELLING: &str = "cancelling";
    pub(crate) const CANCELLED: &str = "cancelled";

    /// Whether nothing comes after it.
    pub(crate) fn is_last(status: &str) -> bool {
        [COMPLETED, FAILED, EXPIRED, CANCELLED].contains(&status)
    }
}

/// What a batch may spend, or spent: billionths of a dollar, and generated tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) cost: Option<u64>,
    pub(super) tokens: Option<u64>,
}

/// Tokens of all requests of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) prompt: u64,
    pub(super) cached: u64,
    pub(super) completion: u64,
    pub(super) reasoning: u64,
    /// What counts against a budget in tokens: with those of verifiers, and what was lost in a crash.
    pub(super) generated: u64,
}

/// What was seen of the requests of a batch that ended, from which those that wait are estimated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Samples that were drawn, and what they came to.
    pub(super) samples: u64,
    cost: u64,
    tokens: u64,
    /// What requests spend at which price.
    pub(super) price_cost: BudgetPrice,
    pub(super) price_tokens: BudgetPrice,
}

impl Seen {
    /// What a sample costs on average, in money and tokens; nothing where that is not known.
    pub(super) fn sample(&self) -> (u64, u64) {
        let each = |sum: u64| sum.checked_div(self.samples).unwrap_or(0);
        (each(self.cost), each(self.tokens))
    }

    /// Takes in samples, and what they came to in money and tokens.
    pub(super) fn add(&mut self, (samples, cost, tokens): (u64, u64, u64)) {
        // What was passed on as it is draws no samples, and yet costs what it costs.
        self.samples += samples.max(u64::from(cost > 0 || tokens > 0));
        self.cost = self.cost.saturating_add(cost);
        self.tokens = self.tokens.saturating_add(tokens);
    }

    /// Learns from an answered request what requests spend at its price; so many began while it ran.
    pub(super) fn learn(&mut self, price: Option<f64>, (samples, cost, tokens): (u64, u64, u64), meanwhile: u64) {
        let (Some(price), true) = (price, samples > 0) else { return };
        let beyond = |spent: u64| spent as f64 * (samples - 1) as f64 / samples as f64;
        self.price_cost.observe(price, beyond(cost), meanwhile);
        self.price_tokens.observe(price, beyond(tokens), meanwhile);
    }
}

/// What is kept of a batch next to the columns of its row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub(super) endpoint: String,
    pub(super) window: String,
    pub(super) expires: u64,
    /// When each status began, by the name of its field.
    pub(super) since: Map<String, Value>,
    pub(super) metadata: Option<Map<String, Value>>,
    /// The model of its requests, where they name one and the same.
    pub(super) model: Option<String>,
    pub(super) total: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) tokens: Tokens,
    /// What it cost, with what was lost in a crash at most, in billionths of a dollar.
    pub(super) cost: u64,
    pub(super) samples: u64,
    /// Requests that ran when a gateway died, and were asked again; what they had spent at most, which `cost` holds.
    pub(super) interrupted: u64,
    pub(super) lost: u64,
    /// How often the number of requests at once was halved by that, and how many were answered since.
    pub(super) halved: u32,
    pub(super) calm: u64,
    pub(super) budget: Limits,
    /// What a sample of a request must gain, as far as that is known by now.
    pub(super) price: Option<f64>,
    pub(super) seen: Seen,
    /// The names of its two files, which are there when it has ended and where they hold anything.
    pub(super) output: String,
    pub(super) errors: String,
    pub(super) output_bytes: u64,
    pub(super) error_bytes: u64,
    /// Seconds that they are kept after its end.
    pub(super) kept: u64,
    /// What is wrong with its input.
    pub(super) wrong: Vec<Value>,
}

impl Document {
    const HALVED: u32 = 3;
    const CALM: u64 = 100;

    /// Takes in what a request spent.
    pub(super) fn spent(&mut self, spent: PartSpent) {
        let (tokens, usage) = (&mut self.tokens, spent.usage);
        tokens.prompt += usage.prompt;
        tokens.cached += usage.cached;
        tokens.completion += usage.completion;
        tokens.reasoning += usage.reasoning;
        tokens.generated += usage.generated();
        self.cost = self.cost.saturating_add(spent.cost.nano());
        self.samples += spent.samples;
    }

    /// Requests that run at once at most: after each death of a gateway half as many, up to [`Document::HALVED`] times.
    pub(super) fn at_once(&self, most: usize) -> usize {
        (most >> self.halved).max(1)
    }

    /// Notes that a gateway died while it worked on requests.
    pub(super) fn died(&mut self) {
        (self.halved, self.calm) = ((self.halved + 1).min(Self::HALVED), 0);
    }

    /// Notes that a request was answered. When enough were since a gateway died, twice as many run at once again.
    pub(super) fn answered(&mut self) {
        self.calm += 1;
        if self.calm >= Self::CALM {
            (self.halved, self.calm) = (self.halved.saturating_sub(1), 0);
        }
    }

    /// Notes when a status began.
    pub(super) fn begins(&mut self, status: &str, now: u64) {
        self.since.insert(format!("{status}_at"), now.into());
    }

    /// The text that is kept.
    pub(super) fn text(&self) -> String {
        // Texts and numbers: nothing that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was kept. A text that cannot be read is a batch of which nothing is known.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// A batch as the API has it.
pub(crate) fn object(batch: &StoredBatch) -> Value {
    let document = Document::read(&batch.body);
    let at = |name: &str| document.since.get(name).cloned().unwrap_or(Value::Null);
    let file = |id: &str, lines: u64| (status::is_last(&batch.status) && lines > 0).then(|| id.to_owned());
    let wrong = (!document.wrong.is_empty()).then(|| json!({ "object": "list", "data": document.wrong }));
    let Tokens { prompt, cached, completion, reasoning, .. } = document.tokens;
    json!({
        "id": batch.id,
        "object": "batch",
        "endpoint": document.endpoint,
        "model": document.model,
        "errors": wrong,
        "input_file_id": batch.input,
        "completion_window": document.window,
        "status": batch.status,
        "output_file_id": file(&document.output, document.completed),
        "error_file_id": file(&document.errors, document.failed),
        "created_at": batch.created,
        "in_progress_at": at("in_progress_at"),
        "expires_at": document.expires,
        "finalizing_at": at("finalizing_at"),
        "completed_at": at("completed_at"),
        "failed_at": at("failed_at"),
        "expired_at": at("expired_at"),
        "cancelling_at": batch.cancelling,
        "cancelled_at": at("cancelled_at"),
        "request_counts": {
            "total": document.total,
            "completed": document.completed,
            "failed": document.failed,
        },
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": { "cached_tokens": cached },
            "output_tokens": completion,
            "output_tokens_details": { "reasoning_tokens": reasoning },
            "total_tokens": prompt + completion,
        },
        "metadata": document.metadata,
        "outthink": {
            "budget_usd": document.budget.cost.map(|nano| Cost::from_nano(nano).usd()),
            "budget_tokens": document.budget.tokens,
            "cost_usd": Cost::from_nano(document.cost).usd(),
            "cost_nano_usd": document.cost,
            "samples_drawn": document.samples,
            "price": document.price,
            "interrupted": document.interrupted,
            "interrupted_nano_usd": document.lost,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_dies_again_and_again_loses_less_each_time() {
        let mut document = Document::default();
        let mut at_once = || {
            document.died();
            document.at_once(16)
        };
        assert_eq!([at_once(), at_once(), at_once(), at_once()], [8, 4, 2, 2]);
        assert_eq!(document.at_once(1), 1);
        for most in [2, 4, 8, 16, 16] {
            assert_eq!(document.at_once(16), most);
            (0..Document::CALM).for_each(|_| document.answered());
        }
    }
}
