//! Strategies by name.

use crate::settings::{Reader, Settings};
use crate::strategies::{
    Adaptive, Allocate, BestOfN, BudgetForcing, Cascade, ClusterVote, ConfidenceVote, DeepConf, Ensemble, Esc, Mcts,
    Probe, Revise, SelfConsistency, ShortM, Single, WeightedBestOfN, beam, dvts, rebase,
};
use outthink_core::{AllocationTable, Effort, Strategy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The names that [`StrategySpec::build`] knows.
pub const STRATEGY_NAMES: [&str; 20] = [
    "single",
    "self-consistency",
    "adaptive",
    "allocate",
    "best-of-n",
    "weighted-best-of-n",
    "confidence-vote",
    "cluster-vote",
    "esc",
    "short-m",
    "deepconf",
    "budget-forcing",
    "probe",
    "revise",
    "beam",
    "dvts",
    "rebase",
    "mcts",
    "cascade",
    "ensemble",
];

/// A strategy by name with its settings, as the command line and the API give them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategySpec {
    /// One of [`STRATEGY_NAMES`].
    pub name: String,
    /// Samples at most; for a search, paths or rollouts.
    pub max_samples: u32,
    /// Generated tokens of one sample at most, where somebody asked for a limit; for a search, of one path.
    pub max_tokens_per_sample: Option<u64>,
    /// Posterior at which `adaptive`, `cascade` and `ensemble` stop, in (0.5, 1); `allocate` sets its
    /// price by it.
    pub target_confidence: f64,
    /// Budget forcing: tokens of thought at most, after which the thought is closed.
    pub thinking_cap: Option<u64>,
    /// Budget forcing: tokens of thought at least; a shorter thought is extended.
    pub thinking_floor: Option<u64>,
    /// Settings of this strategy alone; `docs/strategies.md` lists them.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// What fits tell `allocate`, where there is a table.
    #[serde(skip)]
    pub table: Option<Arc<AllocationTable>>,
}

/// A strategy that cannot be built as asked; the message says how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StrategyError(pub String);

impl StrategySpec {
    /// What an effort stands for: `none` is `single`, all others are `adaptive`.
    pub fn for_effort(effort: Effort) -> Self {
        let plan = effort.plan();
        Self {
            name: if effort == Effort::None { "single" } else { "adaptive" }.into(),
            max_samples: plan.max_samples,
            max_tokens_per_sample: None,
            target_confidence: plan.target_confidence,
            thinking_cap: None,
            thinking_floor: None,
            settings: Settings::default(),
            table: None,
        }
    }

    /// Makes the machine.
    ///
    /// # Errors
    /// If the name is unknown or a setting is unknown or out of its range.
    ///
    /// ```
    /// use outthink_strategy::StrategySpec;
    /// let mut spec = StrategySpec::for_effort("low".parse()?);
    /// assert_eq!(spec.build()?.name(), "adaptive");
    /// spec.name = "majority".into();
    /// assert!(spec.build().is_err_and(|e| e.to_string().contains("self-consistency")));
    /// spec.name = "beam".into();
    /// spec.settings.set("width", 2);
    /// assert!(spec.build()?.needs().continuation);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(&self) -> Result<Box<dyn Strategy>, StrategyError> {
        self.check()?;
        let (samples, max_tokens, target) = (self.max_samples, self.max_tokens_per_sample, self.target_confidence);
        let mut settings = Reader::new(&self.name, &self.settings);
        let from = &mut settings;
        let strategy: Box<dyn Strategy> = match self.name.as_str() {
            "single" => Box::new(Single { max_tokens }),
            "self-consistency" => Box::new(SelfConsistency { samples, max_tokens }),
            "adaptive" => {
                let price = Adaptive::price_for(target);
                Box::new(Adaptive { max_samples: samples, max_tokens, target, price })
            }
            "allocate" => Box::new(Allocate::read(samples, max_tokens, target, self.table.as_ref(), from)?),
            "best-of-n" => Box::new(BestOfN::new(samples, max_tokens)),
            "weighted-best-of-n" => Box::new(WeightedBestOfN::new(samples, max_tokens)),
            "confidence-vote" => Box::new(ConfidenceVote::read(samples, max_tokens, from)?),
            "cluster-vote" => Box::new(ClusterVote::read(samples, max_tokens, from)?),
            "esc" => Box::new(Esc::read(samples, max_tokens, from)?),
            "short-m" => Box::new(ShortM::read(samples, max_tokens, from)?),
            "deepconf" => Box::new(DeepConf::read(samples, max_tokens, from)?),
            "budget-forcing" => {
                Box::new(BudgetForcing::new(self.thinking_floor.unwrap_or(0), self.thinking_cap.or(max_tokens)))
            }
            "probe" => Box::new(Probe::read(max_tokens, from)?),
            "revise" => Box::new(Revise::read(samples, max_tokens, from)?),
            "beam" => beam::read(samples, max_tokens, from)?,
            "dvts" => dvts::read(samples, max_tokens, from)?,
            "rebase" => rebase::read(samples, max_tokens, from)?,
            "mcts" => Box::new(Mcts::read(samples, max_tokens, from)?),
            "cascade" => Box::new(Cascade::read(samples, max_tokens, target, from)?),
            "ensemble" => Box::new(Ensemble::read(samples, max_tokens, target, from)?),
            other => {
                return Err(StrategyError(format!("unknown strategy `{other}`: use {}", STRATEGY_NAMES.join(", "))));
            }
        };
        settings.finish()?;
        Ok(strategy)
    }

    /// Whether samples differ on purpose, so that equal ones would tell nothing.
    pub fn draws_several(&self) -> bool {
        self.max_samples > 1 && !matches!(self.name.as_str(), "single" | "budget-forcing" | "probe")
    }

    fn check(&self) -> Result<(), StrategyError> {
        let target = self.target_confidence;
        let (floor, cap) = (self.thinking_floor.unwrap_or(0), self.thinking_cap.or(self.max_tokens_per_sample));
        let aims = ["adaptive", "allocate", "cascade", "ensemble"].contains(&self.name.as_str());
        let problem = if self.max_samples == 0 {
            "0 samples cannot answer: ask for at least 1".to_owned()
        } else if self.max_tokens_per_sample == Some(0) || cap == Some(0) {
            "a sample of 0 tokens cannot answer: allow at least 1".to_owned()
        } else if !(target > 0.5 && target < 1.0) && aims {
            format!(
                "a target confidence of {target} cannot be aimed at: give a number above 0.5 and below 1, such as 0.95"
            )
        } else if let Some(cap) = cap.filter(|&cap| floor > cap) {
            format!(
                "reasoning of at least {floor} and at most {cap} tokens is not possible: lower the floor or raise the cap"
            )
        } else if self.name != "budget-forcing" && (self.thinking_cap.is_some() || self.thinking_floor.is_some()) {
            format!("a cap or floor on the thought belongs to the strategy budget-forcing, not to `{}`", self.name)
        } else {
            return Ok(());
        };
        Err(StrategyError(problem))
    }
}
