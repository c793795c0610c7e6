//! The bill of a request that is passed on as it is.

use super::RequestLabels;
use crate::control::Control;
use outthink_core::{ModelInfo, Price, Usage};
use outthink_ledger::{Hold, Spent};
use std::sync::Arc;
use std::time::Instant;

/// The bill of a request that is passed on as it is. Dropped before the usage is told, all that was
/// claimed is charged, because nobody knows what was spent of it.
pub(crate) struct Bill {
    control: Arc<Control>,
    labels: RequestLabels,
    price: Price,
    hold: Option<Hold>,
    began: Instant,
}

impl Bill {
    pub(crate) fn new(control: &Arc<Control>, model: &ModelInfo, route: &'static str, hold: Option<Hold>) -> Self {
        control.metrics.began();
        let labels = RequestLabels { route, model: model.id.clone(), effort: "none", status: 499 };
        Self { control: Arc::clone(control), labels, price: model.price, hold, began: Instant::now() }
    }

    /// Nothing was spent.
    pub(crate) fn free(mut self) {
        self.labels.status = 502;
        if let Some(hold) = self.hold.take() {
            hold.settle(Spent::default());
        }
    }

    /// The server told what it spent.
    pub(crate) fn told(&mut self, usage: &Usage) {
        self.labels.status = 200;
        self.control.metrics.spent(&self.labels.model, usage, self.price.cost(usage));
        if let Some(hold) = self.hold.take()
            && !usage.estimated
        {
            let spent = Spent { cost: self.price.cost(usage), prompt: usage.prompt, generated: usage.generated() };
            hold.settle(spent);
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        self.control.metrics.ended(&self.labels, self.began.elapsed().as_secs_f64());
    }
}
