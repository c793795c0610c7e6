//! What a host keeps for a stream of like problems.

use super::{AgreementContext, AgreementModel, Look, Vote};
use crate::spec::StrategySpec;
use crate::value::gain_of_counts;
use outthink_core::{Sample, derive_seed, fallback_classes};
use std::sync::Arc;

/// One problem in so many draws a second sample where one would be enough.
const EXPLORED: u64 = 10;
/// The seed of that choice, apart from those of samples.
const DICE: u64 = 0xD1CE;

/// An agreement model over a stream of like problems: before each problem it gives what `allocate` decides it with,
/// and after each it learns from the samples that were drawn.
///
/// Its host keeps it: `replay` one for each order of a recording, the gateway one for each kind of request. The same
/// problems in the same order with the same seeds give the same stream. It holds no texts.
///
/// ```
/// use outthink_core::Effort;
/// use outthink_strategy::{StrategySpec, allocator::AgreementStream, strategies::Allocate};
///
/// let mut spec = StrategySpec { name: "allocate".to_owned(), ..StrategySpec::for_effort(Effort::High) };
/// let mut stream = AgreementStream::of(&spec).expect("allocate weighs votes by looks");
/// let context = stream.context("What is 6 * 7?", 1);
/// spec.agreement = Some(context.clone());
/// // ... the problem is decided; then its samples are learned from:
/// stream.learn(&context, &[], (Allocate::price_of(&spec), spec.max_samples));
/// assert!(AgreementStream::of(&StrategySpec { name: "adaptive".to_owned(), ..spec }).is_none());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementStream {
    model: AgreementModel,
}

impl AgreementStream {
    /// A new stream, with what a table knows beforehand; `None` where the strategy weighs no votes by looks.
    pub fn of(spec: &StrategySpec) -> Option<Self> {
        let is_off = spec.settings.get("form").and_then(serde_json::Value::as_str) == Some("off");
        let prior = spec.table.as_ref().and_then(|table| table.form.as_ref());
        let model = || prior.map_or_else(AgreementModel::default, AgreementModel::from);
        (spec.name == "allocate" && !is_off).then(|| Self { model: model() })
    }

    /// What the next problem is decided with; the seed says whether it is one that the stream learns more from.
    pub fn context(&self, question: impl Into<String>, seed: u64) -> Arc<AgreementContext> {
        let explore = derive_seed(seed, DICE).is_multiple_of(EXPLORED);
        Arc::new(AgreementContext { model: self.model.clone(), question: question.into(), explore })
    }

    /// The model as it stands.
    pub const fn model(&self) -> &AgreementModel {
        &self.model
    }

    /// Learns from the samples of a problem that was decided with this context, at a price of a sample
    /// ([`Allocate::price_of`](crate::strategies::Allocate::price_of)) and with at most so many samples.
    pub fn learn(&mut self, context: &AgreementContext, samples: &[Sample], (price, most): (f64, u32)) {
        let votes = context.votes(samples);
        let is_forced = context.explore && gain_of_counts(&[1.0], most.saturating_sub(1)) < price;
        self.model.learn(&votes, is_forced);
    }
}

impl AgreementContext {
    /// The samples that vote as the model sees them: what a reply merely ends with is no vote against a marked answer.
    pub(crate) fn votes(&self, samples: &[Sample]) -> Vec<Vote> {
        let voters = || samples.iter().filter(|s| s.is_voter());
        let fallback = fallback_classes(voters());
        let vote = |sample: &Sample| Vote {
            class: sample.class.filter(|class| !fallback.contains(class)),
            look: Look::of(sample.answer.as_ref().map(|a| a.text.as_str()), &self.question),
        };
        voters().map(vote).collect()
    }
}
