//! What strategies may use beside the engines: verifiers, a judge of the engine itself, an allocation
//! table.

use crate::error::ApiError;
use crate::fields::{Fields, describe};
use futures_util::future::BoxFuture;
use outthink_core::{AllocationTable, Comparer, Engine, Verifier};
use outthink_verify::{Checker, Countdown, JsonSchema, Numeric, Pattern};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The name of the verifier that is the model of the request.
pub const ITSELF: &str = "self";

/// Verifiers of one request at most.
const MOST_VERIFIERS: usize = 8;

/// Arms of one request at most, beside its model.
const MOST_ARMS: usize = 7;

/// Makes a verifier of an engine.
pub type MakeJudge = Arc<dyn Fn(&Arc<dyn Engine>) -> Arc<dyn Verifier> + Send + Sync>;
/// Makes a comparer of an engine.
pub type MakeComparer = Arc<dyn Fn(&Arc<dyn Engine>) -> Arc<dyn Comparer> + Send + Sync>;
/// Makes a verifier of the text of unit tests, or says why it cannot.
pub type MakeTests = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Arc<dyn Verifier>, String>> + Send + Sync>;

/// What strategies may use beside the engines.
#[derive(Clone, Default)]
pub struct Resources {
    /// Verifiers by the names under which requests ask for them.
    pub verifiers: BTreeMap<String, Arc<dyn Verifier>>,
    /// The engine as its own judge, asked for as [`ITSELF`].
    pub itself: Option<MakeJudge>,
    /// The engine as the one who says whether two texts mean the same.
    pub comparer: Option<MakeComparer>,
    /// Runs unit tests that requests bring along; `None` refuses them.
    pub python_tests: Option<MakeTests>,
    /// What fits tell the strategy `allocate`.
    pub table: Option<Arc<AllocationTable>>,
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources")
            .field("verifiers", &self.verifiers.keys())
            .field("python_tests", &self.python_tests.is_some())
            .field("table", &self.table.is_some())
            .finish_non_exhaustive()
    }
}

/// A verifier that a request asks for.
#[derive(Debug, Clone)]
pub(crate) enum Judge {
    /// By its name here.
    Named(String),
    /// A rule that the request brings along.
    Exact(Checker),
    /// Unit tests that the request brings along.
    Python(String),
}

/// A further way to draw samples that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArmAsked {
    /// The model; that of the request where left out.
    pub(crate) model: Option<String>,
    /// The system message in the place of the request's.
    pub(crate) system: Option<String>,
}

const RULES: &str = "a verifier's name, or an object with one of the keys numeric, pattern, json_schema, countdown \
                     and python_tests";

impl Judge {
    /// The verifiers of an `outthink` object; `None` where it names none.
    pub(crate) fn read(own: &mut Fields) -> Result<Option<Vec<Self>>, ApiError> {
        let Some(list) = list(own, "verifiers", MOST_VERIFIERS)? else { return Ok(None) };
        let one = |(i, value): (usize, Value)| match value {
            Value::String(name) => Ok(Self::Named(name)),
            Value::Object(map) => Self::rule(map, i),
            other => Err(wrong("verifiers", i, &format!("is {}: give {RULES}", describe(&other)))),
        };
        list.into_iter().enumerate().map(one).collect::<Result<_, _>>().map(Some)
    }

    fn rule(map: Map<String, Value>, i: usize) -> Result<Self, ApiError> {
        let mut entries = map.into_iter();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(wrong("verifiers", i, &format!("has not exactly one key: give {RULES}")));
        };
        let bad = |e: &outthink_verify::CheckerError| wrong("verifiers", i, &format!("cannot be used: {e}"));
        let text = || value.as_str().ok_or_else(|| wrong("verifiers", i, &format!("has no text as its {key}")));
        Ok(match key.as_str() {
            "numeric" => {
                let answer = match &value {
                    Value::Number(number) => number.to_string(),
                    _ => text()?.to_owned(),
                };
                Self::Exact(Checker::Numeric(Numeric::new(&answer).map_err(|e| bad(&e))?))
            }
            "pattern" => Self::Exact(Checker::Pattern(Pattern::new(text()?).map_err(|e| bad(&e))?)),
            "json_schema" => Self::Exact(Checker::JsonSchema(JsonSchema::new(&value).map_err(|e| bad(&e))?)),
            "countdown" => {
                let numbers: Option<Vec<u64>> =
                    value["numbers"].as_array().and_then(|list| list.iter().map(Value::as_u64).collect());
                let (Some(numbers), Some(target)) = (numbers, value["target"].as_i64()) else {
                    let words = r#"is no game: give {"countdown": {"target": 24, "numbers": [4, 9, 10, 13]}}"#;
                    return Err(wrong("verifiers", i, words));
                };
                Self::Exact(Checker::Countdown(Countdown::new(&numbers, target).map_err(|e| bad(&e))?))
            }
            "python_tests" => Self::Python(text()?.to_owned()),
            _ => return Err(wrong("verifiers", i, &format!("is of no known kind: give {RULES}"))),
        })
    }
}

impl ArmAsked {
    /// The arms of an `outthink` object; `None` where it names none.
    pub(crate) fn read(own: &mut Fields) -> Result<Option<Vec<Self>>, ApiError> {
        let Some(list) = list(own, "arms", MOST_ARMS)? else { return Ok(None) };
        let one = |(i, value): (usize, Value)| match value {
            Value::String(model) => Ok(Self { model: Some(model), system: None }),
            Value::Object(mut map) => {
                let mut text = |key: &str| match map.shift_remove(key) {
                    None | Some(Value::Null) => Ok(None),
                    Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
                    Some(_) => Err(wrong("arms", i, &format!("has no text as its {key}"))),
                };
                let arm = Self { model: text("model")?, system: text("system")? };
                if !map.is_empty() || arm == (Self { model: None, system: None }) {
                    return Err(wrong("arms", i, "names nothing or something unknown: give model, system or both"));
                }
                Ok(arm)
            }
            other => Err(wrong("arms", i, &format!("is {}: give a model's name or an object", describe(&other)))),
        };
        list.into_iter().enumerate().map(one).collect::<Result<_, _>>().map(Some)
    }
}

impl Resources {
    /// The verifiers of a request on `engine`.
    pub(crate) async fn verifiers(
        &self,
        asked: &[Judge],
        engine: &Arc<dyn Engine>,
    ) -> Result<Vec<Arc<dyn Verifier>>, ApiError> {
        let mut made = Vec::with_capacity(asked.len());
        for (i, judge) in asked.iter().enumerate() {
            made.push(match judge {
                Judge::Exact(checker) => Arc::new(checker.clone()) as Arc<dyn Verifier>,
                Judge::Named(name) => self.named(name, i, engine)?,
                Judge::Python(tests) => {
                    let Some(make) = &self.python_tests else {
                        let words = "brings code along, and this gateway runs none: ask its operator to set \
                                     defaults.python_tests, or use another verifier";
                        return Err(wrong("verifiers", i, words));
                    };
                    make(tests.clone()).await.map_err(|why| wrong("verifiers", i, &format!("cannot be used: {why}")))?
                }
            });
        }
        Ok(made)
    }

    fn named(&self, name: &str, i: usize, engine: &Arc<dyn Engine>) -> Result<Arc<dyn Verifier>, ApiError> {
        let itself = self.itself.as_ref().filter(|_| name == ITSELF).map(|make| make(engine));
        itself.or_else(|| self.verifiers.get(name).cloned()).ok_or_else(|| {
            let mut known: Vec<&str> = self.verifiers.keys().map(String::as_str).collect();
            known.extend(self.itself.is_some().then_some(ITSELF));
            let known = if known.is_empty() { "a rule such as numeric".to_owned() } else { known.join(", ") };
            wrong("verifiers", i, &format!("is not known here: use {known}"))
        })
    }
}

/// A list of at most `most` entries.
fn list(own: &mut Fields, key: &str, most: usize) -> Result<Option<Vec<Value>>, ApiError> {
    let (path, taken) = (own.path(key), own.take(key));
    match taken {
        None => Ok(None),
        Some(Value::Array(list)) if list.len() <= most => Ok(Some(list)),
        Some(Value::Array(list)) => {
            Err(ApiError::invalid(&path, format!("{path} holds {} entries: give at most {most}", list.len())))
        }
        Some(other) => Err(ApiError::invalid(&path, format!("{path} is {}: give an array", describe(&other)))),
    }
}

/// What is wrong with entry `i` of a list.
pub(crate) fn wrong(list: &str, i: usize, words: &str) -> ApiError {
    let path = format!("outthink.{list}[{i}]");
    ApiError::invalid(&path, format!("{path} {words}"))
}
