//! How much to spend and in which form: `reasoning_effort` and the `outthink` object.

use super::beside;
use super::fields::Fields;
use crate::config::EffortSettings;
use crate::error::ApiError;
use crate::openapi;
use crate::run::{ArmAsked, Caller, Gateway, Judge, RunRequest};
use outthink_core::{Budget, Cost, Effort, Thinking, nearest};
use outthink_strategy::StrategySpec;
use outthink_strategy::registry::{self, Draws, Takes};
use std::collections::BTreeMap;

/// What efforts stand for here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Efforts<'a> {
    /// That of requests that name none.
    pub(crate) default: Effort,
    /// Where they differ from the built-in plans.
    pub(crate) settings: Option<&'a BTreeMap<Effort, EffortSettings>>,
    /// Samples of a request that does not say how many, at most.
    pub(crate) most_samples: Option<u32>,
}

impl<'a> Efforts<'a> {
    /// What efforts stand for, for this caller.
    pub(crate) fn of(gateway: &'a Gateway, caller: &Caller) -> Self {
        let default = caller.default_effort(gateway.options.default_effort);
        Self { default, settings: Some(&gateway.config().efforts), most_samples: caller.most_samples() }
    }
}

impl From<Effort> for Efforts<'_> {
    fn from(default: Effort) -> Self {
        Self { default, settings: None, most_samples: None }
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
            spec.max_tokens_per_sample = own.max_tokens.or(spec.max_tokens_per_sample);
            spec.target_confidence = own.target_confidence.unwrap_or(spec.target_confidence);
        }
        // `auto` is allowed to every key, in as many samples as the key's largest effort.
        if effort == Effort::Auto
            && let Some(most) = self.most_samples
        {
            spec.max_samples = spec.max_samples.min(most);
        }
        spec
    }

    /// The verifiers and arms that an effort comes with.
    fn beside(&self, effort: Effort) -> (Vec<Judge>, Vec<ArmAsked>) {
        let Some(own) = self.settings.and_then(|s| s.get(&effort)) else { return Default::default() };
        let arm = |model: &String| ArmAsked { model: Some(model.clone()), ..ArmAsked::default() };
        (own.verifiers.iter().cloned().map(Judge::Named).collect(), own.arms.iter().map(arm).collect())
    }
}

/// What a request may spend and how.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) effort: Effort,
    pub(crate) strategy: StrategySpec,
    /// How long the reasoning should be, where the client said so: an effort that the gateway chose changes
    /// nothing of what the engine does by itself.
    pub(crate) thinking: Thinking,
    pub(crate) budget: Budget,
    pub(crate) verifiers: Vec<Judge>,
    pub(crate) arms: Vec<ArmAsked>,
}

/// What an API says by names of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// The effort.
    pub(crate) effort: Option<Effort>,
    /// The name of its field.
    pub(crate) effort_field: &'static str,
    /// Generated tokens of one sample at most.
    pub(crate) length: Option<u64>,
}

impl Settings {
    /// Takes the `outthink` object out of a request, and adds what was said outside of it.
    pub(crate) fn read(fields: &mut Fields, efforts: Efforts<'_>, said: Said) -> Result<Self, ApiError> {
        let Said { effort: standard, effort_field, length } = said;
        let default = efforts.default;
        let mut own = Fields::new(fields.object("outthink")?.unwrap_or_default(), "outthink.");
        let ours = effort(&mut own, "effort")?;
        if let (Some(a), Some(b)) = (standard, ours)
            && a != b
        {
            let words = format!("{effort_field} is {a} and outthink.effort is {b}: give one of them");
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
            registry::find(&name).map_err(|error| ApiError::invalid("outthink.strategy", error.to_string()))?;
            strategy.name = name;
        }
        if let Some(samples) = samples {
            if samples > 1 && draws(&strategy) == Some(Draws::One) {
                let words = format!(
                    "outthink.samples is {samples}, but the strategy `{}` draws one: raise the effort or choose \
                     another outthink.strategy",
                    strategy.name
                );
                return Err(ApiError::invalid("outthink.samples", words));
            }
            strategy.max_samples = samples;
        } else if strategy.max_samples == 1 && draws(&strategy) == Some(Draws::Several) {
            let words = format!(
                "the strategy `{}` needs several samples and the effort `{effort}` draws one: raise the effort or give \
                 outthink.samples",
                strategy.name
            );
            return Err(ApiError::invalid("outthink.strategy", words));
        }
        strategy.max_tokens_per_sample = length.or(strategy.max_tokens_per_sample);
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
        let thinking = Thinking {
            effort: asked.filter(|effort| *effort != Effort::Auto),
            budget: own.count("thinking_budget", 0)?,
        };
        let (verifiers, arms) = (beside::judges(&mut own)?, beside::arms(&mut own)?);
        let many = strategy.entry().is_ok_and(|entry| entry.takes(Takes::Arms));
        if !many && arms.as_ref().is_some_and(|arms| !arms.is_empty()) {
            let words = format!(
                "outthink.arms names further arms, and the strategy `{}` knows one: set outthink.strategy to {}",
                strategy.name,
                registry::that_take(Takes::Arms)
            );
            return Err(ApiError::invalid("outthink.arms", words));
        }
        let usual = efforts.beside(effort);
        let verifiers = verifiers.unwrap_or(usual.0);
        let arms = arms.unwrap_or(if many { usual.1 } else { Vec::new() });
        refuse_unknown(own)?;
        strategy.build().map_err(|error| ApiError::invalid("outthink", error.to_string()))?;
        Ok(Self { effort, strategy, thinking, budget, verifiers, arms })
    }
}

impl Settings {
    /// The request with these settings.
    pub(crate) fn request(self, rest: RunRequest) -> RunRequest {
        let Self { effort, strategy, thinking, budget, verifiers, arms } = self;
        RunRequest { effort, strategy, budget, verifiers, arms, thinking, ..rest }
    }
}

/// Takes an effort.
pub(crate) fn effort(fields: &mut Fields, key: &str) -> Result<Option<Effort>, ApiError> {
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

fn draws(strategy: &StrategySpec) -> Option<Draws> {
    strategy.entry().ok().map(|entry| entry.draws)
}

fn refuse_unknown(own: Fields) -> Result<(), ApiError> {
    match own.rest().into_iter().find(|(_, value)| !value.is_null()) {
        None => Ok(()),
        Some((key, _)) => {
            let key: String = key.chars().take(64).collect();
            let param = format!("outthink.{key}");
            let words = match nearest(&key, openapi::keys()) {
                Some(near) => format!("{param} is not known (did you mean `{near}`?)"),
                None => format!("{param} is not known: use {}", openapi::keys().collect::<Vec<_>>().join(", ")),
            };
            Err(ApiError::invalid(&param, words))
        }
    }
}
