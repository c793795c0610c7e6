//! The requests that run and those that ended last, and the feed of what happens to them.

use super::tree::Tree;
use outthink_core::{Cost, Outcome};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Events that a slow watcher may be behind; then it is told to load anew.
const BEHIND: usize = 1_024;

/// What a request would have cost with all the samples that it was allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) cost: Cost,
    pub(crate) tokens: u64,
}

impl Fixed {
    /// At the mean of the samples that came to their end.
    pub(crate) fn of(outcome: &Outcome, max_samples: u32) -> Self {
        let finished = outcome.samples.iter().filter(|s| s.is_done()).count() as u64;
        let planned = u64::from(max_samples.max(outcome.samples_drawn));
        let scaled = |spent: u64, finished_only: u64| {
            let all = finished_only.saturating_mul(planned).checked_div(finished);
            all.unwrap_or(spent).max(spent)
        };
        let generated: u64 = outcome.samples.iter().filter(|s| s.is_done()).map(|s| s.usage.completion).sum();
        let cost = outcome.cost.nano();
        Self { cost: Cost::from_nano(scaled(cost, cost)), tokens: scaled(outcome.usage.generated(), generated) }
    }
}

/// A tree that its request changes and the page reads.
pub(crate) type Shared = Arc<Mutex<Tree>>;

/// What was spent since the start, against what all allowed samples would have cost.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Spend {
    requests: u64,
    samples: u64,
    tokens: u64,
    cost: Cost,
    fixed: Cost,
    fixed_tokens: u64,
}

/// The requests that run and those that ended last.
pub(crate) struct Live {
    trees: Mutex<VecDeque<Shared>>,
    spend: Mutex<Spend>,
    events: broadcast::Sender<Arc<str>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { trees: Mutex::default(), spend: Mutex::default(), events: broadcast::Sender::new(BEHIND) }
    }
}

impl Live {
    /// Enters a request that begins. `most` ended ones are remembered.
    pub(crate) fn begin(&self, tree: Tree, most: usize) -> Option<Shared> {
        if most == 0 {
            return None;
        }
        self.tell(|| json!({ "type": "begin", "request": tree }));
        let tree = Arc::new(Mutex::new(tree));
        let mut trees = lock(&self.trees);
        // The oldest goes, unless it still runs: then it is found again at the end of the line.
        for _ in 0..trees.len().min(8) {
            if trees.len() < most {
                break;
            }
            if let Some(old) = trees.pop_front()
                && !lock(&old).has_ended()
                && Arc::strong_count(&old) > 1
                && trees.len() < most.saturating_mul(4)
            {
                trees.push_back(old);
            }
        }
        trees.push_back(Arc::clone(&tree));
        Some(tree)
    }

    /// Tells those who watch; nothing is made where nobody does.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Value) {
        if self.events.receiver_count() > 0 {
            let _ = self.events.send(event().to_string().into());
        }
    }

    /// Enters the bill of a request, and what all the samples that it was allowed would have cost.
    pub(crate) fn billed(&self, outcome: &Outcome, fixed: Fixed) {
        let mut spend = lock(&self.spend);
        spend.requests += 1;
        spend.samples += u64::from(outcome.samples_drawn);
        spend.tokens += outcome.usage.generated();
        spend.cost += outcome.cost;
        spend.fixed += fixed.cost;
        spend.fixed_tokens = spend.fixed_tokens.saturating_add(fixed.tokens);
    }

    /// What was spent since the start.
    pub(crate) fn spend(&self) -> Value {
        json!(*lock(&self.spend))
    }

    /// Whether somebody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.events.receiver_count() > 0
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<str>> {
        self.events.subscribe()
    }

    /// All that are remembered, oldest first.
    pub(crate) fn all(&self) -> Value {
        let trees: Vec<Shared> = lock(&self.trees).iter().cloned().collect();
        trees.iter().map(|tree| serde_json::to_value(&*lock(tree)).unwrap_or_default()).collect()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
