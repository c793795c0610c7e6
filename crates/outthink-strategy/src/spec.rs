//! Strategies by name.

use crate::allocator::AgreementContext;
use crate::registry::{self, Build, Draws, StrategyEntry, Takes};
use crate::settings::Settings;
use outthink_core::{AllocationTable, Effort, Strategy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A strategy by name with its settings, as the command line and the API give them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategySpec {
    /// A name of the [registry](crate::registry::REGISTRY).
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
    /// Settings of this strategy alone; its entry lists them.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// Whether a request that offers tools gets one sample from `adaptive`: the turns of a tool loop share a long
    /// beginning, and whether to compare must not change between them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tools_once: bool,
    /// What fits tell `allocate`, where there is a table.
    #[serde(skip)]
    pub table: Option<Arc<AllocationTable>>,
    /// What `allocate` weighs votes by, where its host keeps an agreement model for the stream.
    #[serde(skip)]
    pub agreement: Option<Arc<AgreementContext>>,
}

/// A strategy that cannot be built as asked; the message says how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StrategyError(pub String);

impl StrategySpec {
    /// What an effort stands for: `none` is `single`, all others are `adaptive`; `auto` draws one sample a turn
    /// where tools are offered.
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
            tools_once: effort == Effort::Auto,
            table: None,
            agreement: None,
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
        let entry = self.entry()?;
        self.check(entry)?;
        Build::new(self, entry)?.finish()
    }

    /// How the strategy is described.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn entry(&self) -> Result<&'static StrategyEntry, StrategyError> {
        registry::find(&self.name)
    }

    /// What to report of settings that go by the name that they had in the version before.
    ///
    /// ```
    /// use outthink_strategy::StrategySpec;
    /// let mut spec = StrategySpec { name: "allocate".into(), ..StrategySpec::for_effort("medium".parse()?) };
    /// spec.settings.set("dear_right", 0.9);
    /// assert_eq!(spec.renamed(), ["the setting `dear_right` is now called `large_right`"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renamed(&self) -> Vec<String> {
        let Ok(entry) = self.entry() else { return Vec::new() };
        let renamed = |(name, _): (&str, _)| {
            let setting = entry.entry.setting(name).filter(|s| s.name != name)?;
            Some(format!("the setting `{name}` is now called `{}`", setting.name))
        };
        self.settings.iter().filter_map(renamed).collect()
    }

    /// Whether samples differ on purpose, so that equal ones would show nothing.
    pub fn draws_several(&self) -> bool {
        self.max_samples > 1 && self.entry().is_ok_and(|entry| entry.draws != Draws::One)
    }

    fn check(&self, entry: &StrategyEntry) -> Result<(), StrategyError> {
        let target = self.target_confidence;
        let (floor, cap) = (self.thinking_floor.unwrap_or(0), self.thinking_cap.or(self.max_tokens_per_sample));
        let problem = if self.max_samples == 0 {
            "0 samples cannot answer: ask for at least 1".to_owned()
        } else if self.max_tokens_per_sample == Some(0) || cap == Some(0) {
            "a sample of 0 tokens cannot answer: allow at least 1".to_owned()
        } else if !(target > 0.5 && target < 1.0) && entry.takes(Takes::Target) {
            format!(
                "a target confidence of {target} cannot be aimed at: give a number above 0.5 and below 1, such as 0.95"
            )
        } else if let Some(cap) = cap.filter(|&cap| floor > cap) {
            format!(
                "reasoning of at least {floor} and at most {cap} tokens is not possible: lower the floor or raise the cap"
            )
        } else if !entry.takes(Takes::Thinking) && (self.thinking_cap.is_some() || self.thinking_floor.is_some()) {
            let takers = registry::that_take(Takes::Thinking);
            format!("a cap or floor on the reasoning belongs to the strategy {takers}, not to `{}`", self.name)
        } else {
            return Ok(());
        };
        Err(StrategyError(problem))
    }
}
