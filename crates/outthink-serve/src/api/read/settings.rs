//! How much to spend and in which form: `reasoning_effort` and the `outthink` object.

use super::beside;
use super::fields::Fields;
use crate::config::EffortSettings;
use crate::error::ApiError;
use crate::openapi::{self, OUTSIDE};
use crate::run::{ArmAsked, Caller, Gateway, Judge, RunRequest};
use outthink_core::{Budget, Effort, Thinking, nearest};
use outthink_strategy::registry::{self, Takes};
use outthink_strategy::{PlanError, StrategySpec, ThinkingPlan};
use serde_json::Value;
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
    fn own(&self, effort: Effort) -> Option<&EffortSettings> {
        self.settings.and_then(|settings| settings.get(&effort))
    }

    /// What an effort buys at most.
    pub(crate) fn spec(&self, effort: Effort) -> StrategySpec {
        let built_in = StrategySpec::for_effort;
        // What does not resolve is refused when the configuration is read.
        let own = self.own(effort).and_then(|own| own.plan.resolve(effort, built_in).ok());
        let mut spec = own.map_or_else(|| built_in(effort), |(_, spec)| spec);
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
        let Some(own) = self.own(effort) else { return Default::default() };
        let arm = |model: &String| ArmAsked { model: Some(model.clone()), ..ArmAsked::default() };
        (own.verifiers.iter().cloned().map(Judge::Named).collect(), own.arms.iter().map(arm).collect())
    }
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
    /// Whether the model is offered tools.
    pub(crate) offers_tools: bool,
}

/// Whether a list of tools holds any.
pub(crate) fn offers_tools(tools: Option<&Value>) -> bool {
    tools.and_then(Value::as_array).is_some_and(|tools| !tools.is_empty())
}

/// Takes the `outthink` object out of a request, and adds what was said outside of it: a request that is complete but
/// for what the API has by names of its own.
pub(crate) fn read(fields: &mut Fields, efforts: Efforts<'_>, said: Said) -> Result<RunRequest, ApiError> {
    let Said { effort: standard, effort_field, length, offers_tools } = said;
    let mut own = fields.object("outthink")?.unwrap_or_default();
    if let Some(name) = OUTSIDE.iter().find(|name| own.get(**name).is_some_and(|value| !value.is_null())) {
        return Err(unknown(name));
    }
    let mut plan = ThinkingPlan::take(&mut own).map_err(of_plan)?;
    if let (Some(a), Some(b)) = (standard, plan.effort)
        && a != b
    {
        let words = format!("{effort_field} is {a} and outthink.effort is {b}: give one of them");
        return Err(ApiError::invalid("outthink.effort", words));
    }
    let asked = standard.or(plan.effort);
    // Agents name an effort in every turn, and mean the length of the reasoning. How many samples a turn is worth
    // is then for the gateway to say, unless `outthink.effort` does.
    let length_alone = offers_tools && plan.effort.is_none() && asked.is_some_and(|e| e != Effort::None);
    plan.effort = asked.filter(|_| !length_alone);
    plan.max_tokens = length;
    let (effort, strategy) = plan.resolve(efforts.default, |effort| efforts.spec(effort)).map_err(of_plan)?;
    if let Some(own) = efforts.own(effort) {
        plan.bound_by(&own.plan);
    }
    let takes_arms = strategy.entry().is_ok_and(|entry| entry.takes(Takes::Arms));
    let (verifiers, arms) = efforts.beside(effort);
    let mut request = RunRequest {
        effort,
        strategy,
        budget: budget(&plan)?,
        // An effort that the gateway chose changes nothing of what the engine does by itself.
        thinking: Thinking { effort: asked.filter(|e| *e != Effort::Auto), budget: plan.thinking_budget },
        verifiers,
        arms: if takes_arms { arms } else { Vec::new() },
        ..RunRequest::default()
    };
    let mut own = Fields::new(own, "outthink.");
    for field in beside::FIELDS {
        (field.read)(&mut own, &mut request)?;
    }
    if !takes_arms && !request.arms.is_empty() {
        let words = format!(
            "outthink.arms names further arms, and the strategy `{}` knows one: set outthink.strategy to {}",
            request.strategy.name,
            registry::that_take(Takes::Arms)
        );
        return Err(ApiError::invalid("outthink.arms", words));
    }
    match own.rest().into_iter().find(|(_, value)| !value.is_null()) {
        Some((key, _)) => Err(unknown(&key)),
        None => Ok(request),
    }
}

/// The error of a plan in the words of the API, where it is in the `outthink` object.
fn of_plan(error: PlanError) -> ApiError {
    let PlanError { field, message } = error;
    let param = if field.is_empty() { "outthink".to_owned() } else { format!("outthink.{field}") };
    // A message that begins with its field names it as the request has it.
    let message = match message.strip_prefix(&field).filter(|rest| !field.is_empty() && rest.starts_with(' ')) {
        Some(rest) => format!("{param}{rest}"),
        None => message,
    };
    ApiError::invalid(&param, message)
}

/// Takes an effort.
pub(crate) fn effort(fields: &mut Fields, key: &str) -> Result<Option<Effort>, ApiError> {
    let Some(word) = fields.string(key)? else { return Ok(None) };
    let path = fields.path(key);
    word.parse().map(Some).map_err(|error: outthink_core::UnknownEffort| ApiError::invalid(&path, error.to_string()))
}

fn budget(plan: &ThinkingPlan) -> Result<Budget, ApiError> {
    let budget = plan.budget().map_err(of_plan)?;
    // What is longer than a century is no limit, and no clock counts it.
    Ok(Budget { max_seconds: budget.max_seconds.filter(|&s| s < 3.0e9), ..budget })
}

/// The error for a key that the `outthink` object does not have.
fn unknown(key: &str) -> ApiError {
    let key: String = key.chars().take(64).collect();
    let param = format!("outthink.{key}");
    let words = match nearest(&key, openapi::keys()) {
        Some(near) => format!("{param} is not known (did you mean `{near}`?)"),
        None => format!("{param} is not known: use {}", openapi::keys().collect::<Vec<_>>().join(", ")),
    };
    ApiError::invalid(&param, words)
}
