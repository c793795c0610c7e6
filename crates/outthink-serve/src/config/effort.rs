//! `[defaults]` and `[efforts]`: how much thinking a request gets.

use outthink_core::{Effort, nearest};
use outthink_strategy::{PLAN_FIELDS, ThinkingPlan};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::path::PathBuf;

/// What a request gets that does not say otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// The effort of requests that name none: auto, none, minimal, low, medium, high, xhigh or max.
    #[schemars(with = "String")]
    pub effort: Effort,
    /// The model; without it the first of `models`.
    pub model: Option<String>,
    /// The field of a reply that carries the reasoning.
    pub reasoning_field: ReasoningField,
    /// The allocation table for the strategy allocate, as `outthink fit inference --out` writes it.
    pub table: Option<PathBuf>,
    /// Run Python unit tests that requests bring along as verifiers, in a sandbox.
    pub python_tests: bool,
    /// Run the Python programs that models write for the strategy program, in a sandbox.
    pub programs: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            effort: Effort::Auto,
            model: None,
            reasoning_field: ReasoningField::default(),
            table: None,
            python_tests: false,
            programs: false,
        }
    }
}

/// The field of a reply that carries the reasoning; clients know one or the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningField {
    /// Both fields, with the same text.
    #[default]
    Both,
    /// `reasoning_content`, as `DeepSeek` and older vLLM have it.
    ReasoningContent,
    /// `reasoning`, as OpenRouter and newer vLLM have it.
    Reasoning,
}

impl ReasoningField {
    /// The names of the fields.
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["reasoning_content", "reasoning"],
            Self::ReasoningContent => &["reasoning_content"],
            Self::Reasoning => &["reasoning"],
        }
    }
}

/// What one effort buys; what is left out is as the built-in plan has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EffortSettings {
    /// How samples are bought, how many and how long, and what they may cost. A request may depart from it.
    pub plan: ThinkingPlan,
    /// What judges samples, by the names of `verifiers`; `self` is the model itself.
    pub verifiers: Vec<String>,
    /// Models next to that of the request, larger ones last, for the strategies cascade, ensemble and allocate;
    /// `model@effort` reasons at that effort, `@effort` is the request's model.
    pub arms: Vec<String>,
    /// What could not be read: the key and why. The check of the file reports it with its line.
    pub(super) wrong: Option<(String, String)>,
}

/// The fields next to those of a plan, each with what it says.
const LISTS: [(&str, &str); 2] = [
    ("verifiers", "what judges samples, by the names of `verifiers`; `self` is the model itself"),
    ("arms", "models next to that of the request, larger ones last; `model@effort` reasons at that effort"),
];

impl EffortSettings {
    fn read(mut fields: Map<String, Value>) -> Result<Self, (String, String)> {
        if fields.contains_key("effort") {
            let words = "the effort is the name of the table: leave `effort` out";
            return Err(("effort".into(), words.into()));
        }
        let plan = ThinkingPlan::take(&mut fields).map_err(|error| (error.field, error.message))?;
        let mut lists = LISTS.map(|_| Vec::new());
        for (list, (field, _)) in lists.iter_mut().zip(LISTS) {
            let given = fields.shift_remove(field).unwrap_or_else(|| json!([]));
            *list = serde_json::from_value(given).map_err(|_| {
                (field.to_owned(), format!("{field} is not a list of names: give one such as [\"name\"]"))
            })?;
        }
        let [verifiers, arms] = lists;
        let Some((key, _)) = fields.into_iter().next() else {
            return Ok(Self { plan, verifiers, arms, wrong: None });
        };
        let plans = PLAN_FIELDS.settings.iter().map(|setting| setting.name).filter(|name| *name != "effort");
        let known: Vec<&str> = plans.chain(["settings"]).chain(LISTS.map(|(name, _)| name)).collect();
        let fix = match nearest(&key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use {}", known.join(", ")),
        };
        Err((key.clone(), format!("unknown key `{key}`: {fix}")))
    }
}

impl<'de> Deserialize<'de> for EffortSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        Ok(Self::read(fields).unwrap_or_else(|wrong| Self { wrong: Some(wrong), ..Self::default() }))
    }
}

impl JsonSchema for EffortSettings {
    fn schema_name() -> Cow<'static, str> {
        "EffortSettings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = ThinkingPlan::json_schema();
        schema["description"] = "What one effort buys; what is left out is as the built-in plan has it.".into();
        if let Some(properties) = schema["properties"].as_object_mut() {
            properties.shift_remove("effort");
            for (name, says) in LISTS {
                let list = json!({"type": "array", "items": {"type": "string"}, "description": says});
                properties.insert(name.to_owned(), list);
            }
        }
        Schema::try_from(schema).unwrap_or_default()
    }
}
