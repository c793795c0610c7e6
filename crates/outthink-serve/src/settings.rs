//! How much to spend and in which form: `reasoning_effort` and the `outthink` object.

use crate::config::EffortSettings;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::resources::{ArmAsked, Judge};
use outthink_core::{Budget, Cost, Effort};
use outthink_strategy::{STRATEGY_NAMES, StrategySpec};
use std::collections::BTreeMap;

/// The keys of the `outthink` object.
const KEYS: [&str; 12] = [
    "strategy",
    "settings",
    "samples",
    "budget_tokens",
    "budget_usd",
    "budget_seconds",
    "target_confidence",
    "thinking_cap",
    "thinking_floor",
    "effort",
    "verifiers",
    "arms",
];

/// The strategies that know several arms.
const TAKE_ARMS: [&str; 3] = ["cascade", "ensemble", "allocate"];

/// What efforts stand for here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Efforts<'a> {
    /// That of requests that name none.
    pub(crate) default: Effort,
    /// Where they differ from the built-in plans.
    pub(crate) settings: Option<&'a BTreeMap<Effort, EffortSettings>>,
}

impl From<Effort> for Efforts<'_> {
    fn from(default: Effort) -> Self {
        Self { default, settings: None }
    }
}

impl Efforts<'_> {
    /// What an effort buys at most.
    pub(crate) fn spec(&self, effort: Effort) -> StrategySpec {
        let mut spec = StrategySpec::for_effort(effort);
        if let Some(own) = self.settings.and_then(|s| s.get(&effort)) {
            if let Some(name) = &own.strategy {
                spec.name.clone_from(name);
            }
            spec.max_samples = own.samples.unwrap_or(spec.max_samples);
            spec.max_tokens_per_sample = own.max_tokens.unwrap_or(spec.max_tokens_per_sample);
            spec.target_confidence = own.target_confidence.unwrap_or(spec.target_confidence);
        }
        spec
    }

    /// The verifiers and arms that an effort comes with.
    fn beside(&self, effort: Effort) -> (Vec<Judge>, Vec<ArmAsked>) {
        let Some(own) = self.settings.and_then(|s| s.get(&effort)) else { return Default::default() };
        let arm = |model: &String| ArmAsked { model: Some(model.clone()), system: None };
        (own.verifiers.iter().cloned().map(Judge::Named).collect(), own.arms.iter().map(arm).collect())
    }
}

/// What a request may spend and how.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) effort: Effort,
    pub(crate) strategy: StrategySpec,
    pub(crate) budget: Budget,
    pub(crate) verifiers: Vec<Judge>,
    pub(crate) arms: Vec<ArmAsked>,
}

impl Settings {
    /// Takes the settings out of a request; `length` is the length of one sample, where given.
    pub(crate) fn read(fields: &mut Fields, efforts: Efforts<'_>, length: Option<u64>) -> Result<Self, ApiError> {
        let default = efforts.default;
        let standard = effort(fields, "reasoning_effort")?;
        let mut own = Fields::new(fields.object("outthink")?.unwrap_or_default(), "outthink.");
        let ours = effort(&mut own, "effort")?;
        if let (Some(a), Some(b)) = (standard, ours)
            && a != b
        {
            let words = format!("reasoning_effort is {a} and outthink.effort is {b}: give one of them");
            return Err(ApiError::invalid("outthink.effort", words));
        }
        let asked = standard.or(ours);
        let name = own.string("strategy")?;
        let samples = own.small_count("samples", 1)?;
        // A strategy that is asked for by name needs more than the one sample of `none`.
        let effort = match (asked, &name) {
            (None, Some(name)) if default == Effort::None && name != "single" => Effort::Medium,
            _ => asked.unwrap_or(default),
        };
        let mut strategy = efforts.spec(effort);
        if let Some(name) = name {
            if !STRATEGY_NAMES.contains(&name.as_str()) {
                let words = format!("outthink.strategy is not known: use {}", STRATEGY_NAMES.join(", "));
                return Err(ApiError::invalid("outthink.strategy", words));
            }
            strategy.name = name;
        }
        if let Some(samples) = samples {
            if strategy.name == "single" && samples > 1 {
                let words = format!(
                    "outthink.samples is {samples}, but the strategy `single` draws one: raise the effort or choose \
                     another outthink.strategy"
                );
                return Err(ApiError::invalid("outthink.samples", words));
            }
            strategy.max_samples = samples;
        } else if effort == Effort::None && ["self-consistency", "adaptive", "best-of-n"].contains(&&*strategy.name) {
            let words = format!(
                "the strategy `{}` needs several samples and the effort `none` draws one: raise the effort or give \
                 outthink.samples",
                strategy.name
            );
            return Err(ApiError::invalid("outthink.strategy", words));
        }
        if let Some(length) = length {
            strategy.max_tokens_per_sample = length;
        }
        if let Some(target) = own.number("target_confidence", f64::MIN, f64::MAX)? {
            if !(target > 0.5 && target < 1.0) {
                let words = format!(
                    "outthink.target_confidence is {target}: give a number above 0.5 and below 1, such as 0.95"
                );
                return Err(ApiError::invalid("outthink.target_confidence", words));
            }
            strategy.target_confidence = target;
        }
        if let Some(settings) = own.object("settings")? {
            strategy.settings = settings.into_iter().collect();
        }
        strategy.thinking_cap = own.count("thinking_cap", 1)?;
        strategy.thinking_floor = own.count("thinking_floor", 0)?;
        let budget = budget(&mut own)?;
        let (verifiers, arms) = (Judge::read(&mut own)?, ArmAsked::read(&mut own)?);
        let many = TAKE_ARMS.contains(&strategy.name.as_str());
        if !many && arms.as_ref().is_some_and(|arms| !arms.is_empty()) {
            let words = format!(
                "outthink.arms names further arms, and the strategy `{}` knows one: set outthink.strategy to {}",
                strategy.name,
                TAKE_ARMS.join(", ")
            );
            return Err(ApiError::invalid("outthink.arms", words));
        }
        let usual = efforts.beside(effort);
        let verifiers = verifiers.unwrap_or(usual.0);
        let arms = arms.unwrap_or(if many { usual.1 } else { Vec::new() });
        refuse_unknown(own)?;
        strategy.build().map_err(|error| ApiError::invalid("outthink", error.to_string()))?;
        Ok(Self { effort, strategy, budget, verifiers, arms })
    }
}

fn effort(fields: &mut Fields, key: &str) -> Result<Option<Effort>, ApiError> {
    let path = fields.path(key);
    let Some(word) = fields.string(key)? else { return Ok(None) };
    word.parse().map(Some).map_err(|error: outthink_core::UnknownEffort| ApiError::invalid(&path, error.to_string()))
}

fn budget(own: &mut Fields) -> Result<Budget, ApiError> {
    let max_tokens = own.count("budget_tokens", 1)?;
    let max_cost = match own.number("budget_usd", 0.0, f64::MAX)? {
        None => None,
        Some(usd) => match Cost::from_usd(usd) {
            Some(cost) if cost > Cost::ZERO => Some(cost),
            _ => {
                let words = format!("outthink.budget_usd is {usd}, which buys nothing: give a positive amount");
                return Err(ApiError::invalid("outthink.budget_usd", words));
            }
        },
    };
    let max_seconds = own.number("budget_seconds", f64::MIN, f64::MAX)?;
    let budget = Budget { max_tokens, max_cost, max_seconds, max_samples: None };
    match budget.problem() {
        Some(problem) => Err(ApiError::invalid("outthink.budget_seconds", problem)),
        // What is longer than a century is no limit, and no clock counts it.
        None => Ok(Budget { max_seconds: max_seconds.filter(|&s| s < 3.0e9), ..budget }),
    }
}

fn refuse_unknown(own: Fields) -> Result<(), ApiError> {
    match own.rest().into_iter().find(|(_, value)| !value.is_null()) {
        None => Ok(()),
        Some((key, _)) => {
            let key: String = key.chars().take(64).collect();
            let param = format!("outthink.{key}");
            let words = format!("{param} is not known: use {}", KEYS.join(", "));
            Err(ApiError::invalid(&param, words))
        }
    }
}
