//! Whether a model's replies begin within reasoning that its chat template opened, so that only the closing tag
//! comes: seen in one reply, expected of the next ones of the same kind.

use super::think::{Before, Tags};
use outthink_core::SampleRequest;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{PoisonError, RwLock};

/// Kinds of requests that are remembered at most: a client may send any value.
const MOST: usize = 256;
/// What a template may look at before it opens reasoning.
const VALUES: [&str; 7] = [
    "chat_template_kwargs",
    "enable_thinking",
    "thinking",
    "think",
    "reasoning",
    "reasoning_effort",
    "thinking_budget",
];
/// What constrains a reply, so that it may lack the reasoning of others.
const CONSTRAINTS: [&str; 9] = [
    "response_format",
    "tools",
    "tool_choice",
    "structured_outputs",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "grammar",
];

/// A kind of request: those of one kind are expected to begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Manner(u64);

impl Manner {
    pub(super) fn of(request: &SampleRequest) -> Self {
        let mut hasher = DefaultHasher::new();
        request.thinking.hash(&mut hasher);
        let extra = &request.prompt.extra;
        if !extra.is_empty() {
            let set = |name: &&str| extra.get(*name).filter(|value| !value.is_null());
            for name in VALUES.iter().filter(|name| set(name).is_some()) {
                (name, set(name).map(Value::to_string)).hash(&mut hasher);
            }
            CONSTRAINTS.iter().filter(|name| set(name).is_some()).for_each(|name| name.hash(&mut hasher));
        }
        Self(hasher.finish())
    }
}

/// What one reply showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// It began within reasoning, which these tags close.
    Reasons(Tags),
    /// It was expected to, and did not.
    Answers,
}

/// The habits of one model at one server.
#[derive(Debug, Default)]
pub(super) struct Habits(RwLock<HashMap<Manner, Tags>>);

impl Habits {
    /// Where a reply to a request of this kind begins.
    pub(super) fn expect(&self, manner: Manner) -> Before {
        let habits = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if habits.is_empty() {
            return Before::Nothing;
        }
        habits.get(&manner).map_or(Before::Nothing, |(_, close)| Before::Expected(close))
    }

    /// Remembers what a reply to a request of this kind showed.
    pub(super) fn learn(&self, manner: Manner, habit: Habit) {
        let mut habits = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match habit {
            Habit::Reasons(tags) if habits.len() < MOST => _ = habits.insert(manner, tags),
            Habit::Reasons(_) => {}
            Habit::Answers => _ = habits.remove(&manner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::{Effort, Prompt, Thinking};
    use serde_json::json;
    use std::sync::Arc;

    fn manner(extra: Value, effort: Option<Effort>) -> Manner {
        let mut prompt = Prompt::user("?");
        prompt.extra = serde_json::from_value(extra).unwrap();
        let thinking = Thinking { effort, budget: None };
        Manner::of(&SampleRequest { prompt: Arc::new(prompt), thinking, ..SampleRequest::default() })
    }

    #[test]
    fn a_habit_is_of_requests_that_set_the_same_length_and_form() {
        let plain = manner(json!({}), None);
        assert_eq!(plain, manner(json!({"user": "a", "thinking": null}), None));
        for other in [
            manner(json!({}), Some(Effort::None)),
            manner(json!({"chat_template_kwargs": {"enable_thinking": false}}), None),
            manner(json!({"response_format": {"type": "json_object"}}), None),
            manner(json!({"tools": []}), None),
        ] {
            assert_ne!(plain, other);
        }
        let habits = Habits::default();
        assert_eq!(habits.expect(plain), Before::Nothing);
        habits.learn(plain, Habit::Reasons(("<think>", "</think>")));
        assert_eq!(habits.expect(plain), Before::Expected("</think>"));
        assert_eq!(habits.expect(manner(json!({"tools": []}), None)), Before::Nothing);
        habits.learn(plain, Habit::Answers);
        assert_eq!(habits.expect(plain), Before::Nothing);
    }
}
