//! How much thinking is asked for, as it is written: by flags, in a request, in the configuration.

use crate::registry::{self, Draws, REGISTRY, Takes};
use crate::{Settings, StrategySpec};
use outthink_core::{Budget, Cost, DefaultValue, Effort, Entry, Kind, Setting, nearest};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

/// How much thinking is asked for, and in which form. What is left out is as the effort has it.
///
/// ```
/// use outthink_core::Effort;
/// use outthink_strategy::{StrategySpec, ThinkingPlan};
/// use serde_json::json;
///
/// let plan = ThinkingPlan::from_json(&json!({"effort": "high", "strategy": "esc", "settings": {"window": 4}}))?;
/// let (effort, spec) = plan.resolve(Effort::Low, StrategySpec::for_effort)?;
/// assert_eq!((effort, spec.name.as_str(), spec.max_samples), (Effort::High, "esc", 32));
///
/// let error = ThinkingPlan::from_json(&json!({"startegy": "esc"})).unwrap_err();
/// assert_eq!((error.field.as_str(), error.to_string().as_str()), ("startegy", "unknown field `startegy` (did you mean `strategy`?)"));
/// # Ok::<(), outthink_strategy::PlanError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(default)]
pub struct ThinkingPlan {
    /// The named amount that the rest departs from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// A strategy of the [registry].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Settings of that strategy.
    #[serde(skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// Samples at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// Generated tokens of one sample at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Stop when the leading answer stays ahead with this probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_confidence: Option<f64>,
    /// Tokens of reasoning at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_cap: Option<u64>,
    /// Tokens of reasoning at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_floor: Option<u64>,
    /// Tokens of reasoning that the engine is asked for in its own terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_budget: Option<u64>,
    /// Generated tokens of all samples at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
    /// Dollars at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// Seconds at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_seconds: Option<f64>,
}

/// A plan that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanError {
    /// The field at fault, by its name in JSON.
    pub field: String,
    /// What is wrong and what to write.
    pub message: String,
}

impl PlanError {
    fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// The names of the efforts.
const EFFORTS: [&str; Effort::ALL.len()] = {
    let mut names = [""; Effort::ALL.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = Effort::ALL[i].name();
        i += 1;
    }
    names
};

/// The names of the strategies.
const STRATEGIES: [&str; REGISTRY.len()] = {
    let mut names = [""; REGISTRY.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = REGISTRY[i].entry.name;
        i += 1;
    }
    names
};

const BY_EFFORT: DefaultValue = DefaultValue::Derived("as the effort has it");

/// The fields of a plan, but for `settings`, which are those of the strategy. A new one is a field of
/// [`ThinkingPlan`], a line here and the line that reads it.
pub const FIELDS: Entry = Entry {
    settings: &[
        Setting::new("effort", Kind::Word(&EFFORTS), DefaultValue::Nothing, "how much thinking, by name"),
        Setting::new("strategy", Kind::Word(&STRATEGIES), BY_EFFORT, "how samples are bought"),
        Setting::new("samples", Kind::at_least(1), BY_EFFORT, "samples at most"),
        Setting::new(
            "max_tokens",
            Kind::count(1, u64::MAX),
            DefaultValue::Nothing,
            "generated tokens of one sample at most, reasoning included",
        ),
        Setting::new(
            "target_confidence",
            Kind::number(0.5, 1.0),
            BY_EFFORT,
            "stop when the leading answer stays ahead with this probability, above 0.5 and below 1",
        ),
        Setting::new("thinking_cap", Kind::count(1, u64::MAX), DefaultValue::Nothing, "tokens of reasoning at most"),
        Setting::new("thinking_floor", Kind::count(0, u64::MAX), DefaultValue::Nothing, "tokens of reasoning at least"),
        Setting::new(
            "thinking_budget",
            Kind::count(0, u64::MAX),
            DefaultValue::Nothing,
            "tokens of reasoning that the engine is asked for in its own terms",
        ),
        Setting::new(
            "budget_tokens",
            Kind::count(1, u64::MAX),
            DefaultValue::Nothing,
            "generated tokens of all samples at most",
        ),
        Setting::new("budget_usd", Kind::number(0.0, f64::MAX), DefaultValue::Nothing, "dollars at most"),
        Setting::new("budget_seconds", Kind::number(0.0, f64::MAX), DefaultValue::Nothing, "seconds at most"),
    ],
    ..Entry::new("plan", "how much to spend behind the one final answer, and in which form")
};

impl ThinkingPlan {
    /// Reads an object that holds nothing but a plan.
    ///
    /// # Errors
    /// If a field is unknown or of another kind.
    pub fn from_json(value: &Value) -> Result<Self, PlanError> {
        let Some(object) = value.as_object() else {
            return Err(PlanError::new("", "a plan is an object such as {\"effort\": \"high\"}"));
        };
        let mut rest = object.clone();
        let plan = Self::take(&mut rest)?;
        match rest.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(plan),
            Some((name, _)) => Err(unknown_field(name, &[])),
        }
    }

    /// Takes the fields of a plan out of an object and leaves the others; `null` counts as absent.
    ///
    /// # Errors
    /// If a field is of another kind.
    pub fn take(object: &mut Map<String, Value>) -> Result<Self, PlanError> {
        let mut taken = |name: &str| -> Result<Option<Value>, PlanError> {
            let Some(value) = object.shift_remove(name).filter(|v| !v.is_null()) else { return Ok(None) };
            let Some(setting) = FIELDS.setting(name) else { return Ok(Some(value)) };
            let value = if matches!(setting.kind, Kind::Count { .. }) { whole(value) } else { value };
            match setting.check(&value) {
                Ok(()) => Ok(Some(value)),
                Err(takes) => Err(wrong(name, &value, &takes)),
            }
        };
        let effort = match taken("effort")?.as_ref().and_then(Value::as_str) {
            None => None,
            Some(word) => {
                Some(word.parse().map_err(|e: outthink_core::UnknownEffort| PlanError::new("effort", e.to_string()))?)
            }
        };
        let settings = match taken("settings")? {
            None => Settings::default(),
            Some(Value::Object(settings)) => settings.into_iter().collect(),
            Some(other) => return Err(wrong("settings", &other, "an object")),
        };
        Ok(Self {
            effort,
            strategy: taken("strategy")?.as_ref().and_then(Value::as_str).map(str::to_owned),
            settings,
            samples: taken("samples")?.as_ref().and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()),
            max_tokens: taken("max_tokens")?.as_ref().and_then(Value::as_u64),
            target_confidence: taken("target_confidence")?.as_ref().and_then(Value::as_f64),
            thinking_cap: taken("thinking_cap")?.as_ref().and_then(Value::as_u64),
            thinking_floor: taken("thinking_floor")?.as_ref().and_then(Value::as_u64),
            thinking_budget: taken("thinking_budget")?.as_ref().and_then(Value::as_u64),
            budget_tokens: taken("budget_tokens")?.as_ref().and_then(Value::as_u64),
            budget_usd: taken("budget_usd")?.as_ref().and_then(Value::as_f64),
            budget_seconds: taken("budget_seconds")?.as_ref().and_then(Value::as_f64),
        })
    }

    /// The effort and the strategy with its limits, checked against each other. `default` is the effort of
    /// a plan that names none, `of` what an effort stands for here.
    ///
    /// # Errors
    /// If the strategy or a setting is unknown, a number is out of its range, or two fields contradict.
    pub fn resolve(
        &self,
        default: Effort,
        of: impl FnOnce(Effort) -> StrategySpec,
    ) -> Result<(Effort, StrategySpec), PlanError> {
        let named = self.strategy.as_deref().map(registry::find).transpose();
        let named = named.map_err(|e| PlanError::new("strategy", e.to_string()))?;
        // A strategy that is asked for by name needs more than the one sample of `none`.
        let effort = match (self.effort, named) {
            (None, Some(entry)) if default == Effort::None && entry.draws != Draws::One => Effort::Medium,
            (effort, _) => effort.unwrap_or(default),
        };
        let mut spec = of(effort);
        if let Some(entry) = named.filter(|entry| entry.entry.name != spec.name) {
            entry.entry.name.clone_into(&mut spec.name);
            // They were settings of the other strategy.
            spec.settings = Settings::default();
        }
        let entry = spec.entry().map_err(|e| PlanError::new("strategy", e.to_string()))?;
        let name = entry.name();
        if let Some(samples) = self.samples {
            if samples == 0 {
                return Err(PlanError::new("samples", "0 samples cannot answer: ask for at least 1"));
            }
            if entry.draws == Draws::One && samples > 1 {
                let words = format!(
                    "{samples} samples and the strategy {name}, which draws one, contradict each other: leave the samples \
                     out, or choose another strategy or a higher effort"
                );
                return Err(PlanError::new("samples", words));
            }
            spec.max_samples = samples;
        } else if named.is_some() && entry.draws == Draws::Several && spec.max_samples < 2 {
            let words = format!(
                "the strategy {name} needs several samples and the effort {effort} draws one: raise the effort or give \
                 the number of samples"
            );
            return Err(PlanError::new("strategy", words));
        }
        if let Some(target) = self.target_confidence {
            if !entry.takes(Takes::Target) {
                let takers = registry::that_take(Takes::Target);
                let words = format!("the strategy {name} aims at no target confidence: leave it out, or use {takers}");
                return Err(PlanError::new("target_confidence", words));
            }
            if !(target > 0.5 && target < 1.0) {
                let words = format!(
                    "a target confidence of {target} cannot be aimed at: give a number above 0.5 and below 1, such as 0.95"
                );
                return Err(PlanError::new("target_confidence", words));
            }
            spec.target_confidence = target;
        }
        if self.max_tokens == Some(0) {
            return Err(PlanError::new("max_tokens", "a sample of 0 tokens cannot answer: allow at least 1"));
        }
        spec.max_tokens_per_sample = self.max_tokens.or(spec.max_tokens_per_sample);
        spec.thinking_cap = self.thinking_cap.or(spec.thinking_cap);
        spec.thinking_floor = self.thinking_floor.or(spec.thinking_floor);
        if !self.settings.is_empty() {
            spec.settings = self.settings.clone();
        }
        let at_fault = if !self.settings.is_empty() {
            "settings"
        } else if self.thinking_cap.is_some() || self.thinking_floor.is_some() {
            if self.thinking_cap.is_some() { "thinking_cap" } else { "thinking_floor" }
        } else {
            "strategy"
        };
        spec.build().map_err(|e| PlanError::new(at_fault, e.to_string()))?;
        Ok((effort, spec))
    }

    /// Takes over the budgets, and the budget of reasoning, that this plan leaves out and `default` has.
    pub fn bound_by(&mut self, default: &Self) {
        self.thinking_budget = self.thinking_budget.or(default.thinking_budget);
        self.budget_tokens = self.budget_tokens.or(default.budget_tokens);
        self.budget_usd = self.budget_usd.or(default.budget_usd);
        self.budget_seconds = self.budget_seconds.or(default.budget_seconds);
    }

    /// The hard limits.
    ///
    /// # Errors
    /// If one of them buys nothing.
    pub fn budget(&self) -> Result<Budget, PlanError> {
        let max_cost = match self.budget_usd {
            None => None,
            Some(usd) => Some(Cost::from_usd(usd).filter(|c| *c > Cost::ZERO).ok_or_else(|| {
                PlanError::new("budget_usd", format!("a budget of {usd} dollars buys nothing: give a positive number"))
            })?),
        };
        let tokens = Budget { max_tokens: self.budget_tokens, ..Budget::default() };
        if let Some(problem) = tokens.problem() {
            return Err(PlanError::new("budget_tokens", problem));
        }
        let budget = Budget { max_cost, max_seconds: self.budget_seconds, ..tokens };
        match budget.problem() {
            Some(problem) => Err(PlanError::new("budget_seconds", problem)),
            None => Ok(budget),
        }
    }

    /// The JSON schema of a plan: an object without further fields.
    pub fn json_schema() -> Value {
        let mut schema = FIELDS.settings_schema();
        schema["description"] = FIELDS.line.into();
        schema["properties"]["settings"] = settings_schema();
        for (name, ends) in [
            ("target_confidence", &[("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")][..]),
            ("budget_usd", &[("minimum", "exclusiveMinimum")]),
            ("budget_seconds", &[("minimum", "exclusiveMinimum")]),
        ] {
            if let Some(field) = schema["properties"][name].as_object_mut() {
                for (inclusive, exclusive) in ends {
                    if let Some(end) = field.shift_remove(*inclusive) {
                        field.insert((*exclusive).to_owned(), end);
                    }
                }
            }
        }
        schema
    }
}

/// The JSON schema of the settings of any strategy.
fn settings_schema() -> Value {
    let mut properties = Map::new();
    for strategy in REGISTRY {
        for setting in strategy.entry.settings {
            // Settings of the same name take the same kind of value; the narrowest range is checked later.
            let known = properties.entry(setting.name).or_insert_with(|| json!({"description": ""}));
            let kind = setting.schema()["type"].clone();
            match known.get("type") {
                Some(other) if *other != kind => known["type"] = json!(["integer", "number", "string"]),
                _ => known["type"] = kind,
            }
            let said = known["description"].as_str().unwrap_or_default();
            let line = format!("{}: {}", strategy.entry.name, setting.about);
            let separator = if said.is_empty() { "" } else { "; " };
            known["description"] = format!("{said}{separator}{line}").into();
            if let Some(former) = setting.former {
                let mut schema = setting.schema();
                schema["description"] = format!("the former name of `{}`", setting.name).into();
                schema["deprecated"] = true.into();
                properties.insert(former.to_owned(), schema);
            }
        }
    }
    json!({
        "type": "object",
        "description": "settings of the strategy",
        "additionalProperties": false,
        "properties": properties,
    })
}

impl<'de> Deserialize<'de> for ThinkingPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(&value).map_err(|e| serde::de::Error::custom(format_args!("{}: {e}", e.field)))
    }
}

/// The error for a field that no plan has; `further` are those that the caller knows beside.
pub fn unknown_field(name: &str, further: &[&'static str]) -> PlanError {
    let shown: String = name.chars().take(64).collect();
    let known: Vec<&str> =
        FIELDS.settings.iter().map(|s| s.name).chain(["settings"]).chain(further.iter().copied()).collect();
    let message = match nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown field `{shown}` (did you mean `{near}`?)"),
        None => format!("unknown field `{shown}`: use {}", known.join(", ")),
    };
    PlanError { field: shown, message }
}

/// A whole number that is written with a fraction of nothing: 900.0.
fn whole(value: Value) -> Value {
    match value.as_f64() {
        Some(n) if value.is_f64() && n.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&n) => {
            Value::from(n as u64)
        }
        _ => value,
    }
}

/// The error for a value of another kind. Texts are not repeated: they may be long or private.
fn wrong(field: &str, value: &Value, takes: &str) -> PlanError {
    let word = value.as_str();
    match (field, word) {
        ("effort", Some(word)) => {
            let known = Effort::ALL.map(Effort::entry);
            PlanError::new(field, outthink_core::unknown("effort", word, known))
        }
        ("strategy", Some(word)) => {
            let error = registry::find(word).err().map(|e| e.to_string());
            PlanError::new(field, error.unwrap_or_default())
        }
        _ => {
            let given = match value {
                Value::String(_) => "a text".to_owned(),
                Value::Array(_) => "an array".to_owned(),
                Value::Object(_) => "an object".to_owned(),
                other => other.to_string(),
            };
            let takes = if matches!(field, "effort" | "strategy") { "a name" } else { takes };
            PlanError::new(field, format!("{field} is {given}: give {takes}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resolved(value: &Value) -> Result<(Effort, StrategySpec), PlanError> {
        ThinkingPlan::from_json(value)?.resolve(Effort::Low, StrategySpec::for_effort)
    }

    fn refused(value: &Value) -> (String, String) {
        let error = resolved(value).unwrap_err();
        (error.field.clone(), error.message)
    }

    #[test]
    fn what_is_left_out_is_as_the_effort_has_it() {
        let (effort, spec) = resolved(&json!({})).unwrap();
        assert_eq!((effort, spec), (Effort::Low, StrategySpec::for_effort(Effort::Low)));
        let (_, spec) = resolved(&json!({"samples": 9, "max_tokens": 100, "target_confidence": 0.8})).unwrap();
        assert_eq!((spec.max_samples, spec.max_tokens_per_sample, spec.target_confidence), (9, Some(100), 0.8));
        let by_name = ThinkingPlan { strategy: Some("esc".into()), ..ThinkingPlan::default() };
        let (effort, spec) = by_name.resolve(Effort::None, StrategySpec::for_effort).unwrap();
        assert_eq!((effort, spec.max_samples), (Effort::Medium, 16), "a name asks for more than one sample");
    }

    #[test]
    fn every_error_names_its_field_and_what_to_write() {
        for (value, field, begins) in [
            (json!({"effort": "hihg"}), "effort", "unknown effort `hihg` (did you mean `high`?)"),
            (json!({"effort": 3}), "effort", "effort is 3: give a name"),
            (json!({"strategy": "beem"}), "strategy", "unknown strategy `beem` (did you mean `beam`?)"),
            (
                json!({"strategy": "esc", "settings": {"widow": 3}}),
                "settings",
                "the strategy esc has no setting `widow` (did you mean `window`?)",
            ),
            (
                json!({"strategy": "esc", "settings": {"window": 1}}),
                "settings",
                "the setting `window` of esc is 1: give a whole number from 2 to 1000",
            ),
            (json!({"settings": 3}), "settings", "settings is 3: give an object"),
            (json!({"samples": 0}), "samples", "samples is 0: give a whole number of at least 1"),
            (json!({"samples": 2.5}), "samples", "samples is 2.5: give"),
            (json!({"samples": "9"}), "samples", "samples is a text: give"),
            (json!({"effort": "none", "samples": 5}), "samples", "5 samples and the strategy single"),
            (json!({"strategy": "probe", "samples": 5}), "samples", "5 samples and the strategy probe"),
            (json!({"effort": "none", "strategy": "esc"}), "strategy", "the strategy esc needs several samples"),
            (json!({"target_confidence": 1.0}), "target_confidence", "a target confidence of 1 cannot"),
            (
                json!({"target_confidence": 7}),
                "target_confidence",
                "target_confidence is 7: give a number from 0.5 to 1",
            ),
            (
                json!({"strategy": "best-of-n", "target_confidence": 0.9}),
                "target_confidence",
                "the strategy best-of-n aims at no target",
            ),
            (
                json!({"thinking_cap": 100}),
                "thinking_cap",
                "a cap or floor on the reasoning belongs to the strategy budget-forcing",
            ),
            (json!({"smaples": 3}), "smaples", "unknown field `smaples` (did you mean `samples`?)"),
            (json!({"colour": 3}), "colour", "unknown field `colour`: use effort, strategy, "),
            (json!([]), "", "a plan is an object"),
        ] {
            let (at, message) = refused(&value);
            assert_eq!(at, field, "{value}: {message}");
            assert!(message.starts_with(begins), "{value}: {message}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        let plan = ThinkingPlan::from_json(&json!({"samples": 9.0, "thinking_budget": 900.0})).unwrap();
        assert_eq!((plan.samples, plan.thinking_budget), (Some(9), Some(900)));
        assert!(ThinkingPlan::from_json(&json!({"samples": -1.0})).is_err());
    }

    #[test]
    fn limits_that_buy_nothing_are_refused() {
        let budget = |value: Value| ThinkingPlan::from_json(&value).unwrap().budget();
        assert_eq!(budget(json!({"budget_tokens": 9})).unwrap().max_tokens, Some(9));
        assert_eq!(budget(json!({"budget_usd": 0})).unwrap_err().field, "budget_usd");
        assert_eq!(budget(json!({"budget_seconds": 0})).unwrap_err().field, "budget_seconds");
    }

    #[test]
    fn a_plan_survives_its_json() {
        let plan =
            json!({"effort": "high", "strategy": "beam", "settings": {"width": 2}, "samples": 4, "budget_usd": 0.5});
        let read: ThinkingPlan = serde_json::from_value(plan.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), plan);
        let error = serde_json::from_value::<ThinkingPlan>(json!({"sampels": 1})).unwrap_err().to_string();
        assert!(error.contains("did you mean `samples`?"), "{error}");
    }

    #[test]
    fn the_schema_names_all_fields_and_settings() {
        let schema = ThinkingPlan::json_schema();
        let full = ThinkingPlan {
            effort: Some(Effort::Low),
            strategy: Some("esc".into()),
            settings: [("window".to_owned(), 3.into())].into_iter().collect(),
            samples: Some(1),
            max_tokens: Some(1),
            target_confidence: Some(0.9),
            thinking_cap: Some(1),
            thinking_floor: Some(1),
            thinking_budget: Some(1),
            budget_tokens: Some(1),
            budget_usd: Some(1.0),
            budget_seconds: Some(1.0),
        };
        let Value::Object(fields) = serde_json::to_value(full).unwrap() else { panic!("an object") };
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(fields.len(), properties.len());
        assert!(fields.keys().all(|name| properties.contains_key(name)));
        assert_eq!(properties["target_confidence"]["exclusiveMinimum"], 0.5);
        assert!(properties["target_confidence"].get("minimum").is_none());
        assert_eq!(properties["strategy"]["enum"].as_array().unwrap().len(), REGISTRY.len());
        assert_eq!(properties["settings"]["properties"]["width"]["type"], "integer");
    }

    proptest! {
        #[test]
        fn no_object_makes_it_panic(name in "[a-z_]{0,10}|effort|samples|settings", number in any::<f64>(), text in "\\PC{0,20}") {
            for value in [json!({name.clone(): number}), json!({name.clone(): text}), json!({name.clone(): {"a": 1}})] {
                let _ = ThinkingPlan::from_json(&value).map(|p| (p.budget().is_ok(), p.resolve(Effort::Medium, StrategySpec::for_effort).is_ok()));
            }
        }
    }
}
