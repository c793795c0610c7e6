//! What is known of a model: what the list of models says, or else what the documentation says of its family.

use crate::native::Facts;
use outthink_core::Effort;
use serde_json::Value;

/// A family of models, by what their names begin with.
struct Family {
    begins: &'static str,
    longest: u64,
    reasons: bool,
    efforts: &'static [Effort],
    budget: bool,
    adaptive: bool,
}

/// A family that takes a budget and no effort.
const fn by_budget(begins: &'static str, longest: u64) -> Family {
    Family { begins, longest, reasons: true, efforts: &[], budget: true, adaptive: false }
}

/// Families whose limits do not change any more. Others are asked for.
/// <https://platform.claude.com/docs/en/about-claude/models/overview>
const FAMILIES: &[Family] = &[
    Family { reasons: false, budget: false, ..by_budget("claude-3-haiku", 4_096) },
    Family { reasons: false, budget: false, ..by_budget("claude-3-opus", 4_096) },
    Family { reasons: false, budget: false, ..by_budget("claude-3-sonnet", 4_096) },
    Family { reasons: false, budget: false, ..by_budget("claude-3-5", 8_192) },
    by_budget("claude-3-7", 64_000),
    Family { efforts: &[Effort::Low, Effort::Medium, Effort::High], ..by_budget("claude-opus-4-5", 64_000) },
    by_budget("claude-opus-4-0", 32_000),
    by_budget("claude-opus-4-1", 32_000),
    by_budget("claude-opus-4-2025", 32_000),
    by_budget("claude-sonnet-4-0", 64_000),
    by_budget("claude-sonnet-4-2025", 64_000),
    by_budget("claude-sonnet-4-5", 64_000),
    by_budget("claude-haiku-4-5", 64_000),
    Family {
        efforts: &[Effort::Low, Effort::Medium, Effort::High, Effort::Max],
        adaptive: true,
        ..by_budget("claude-opus-4-6", 128_000)
    },
];
/// Tokens of the context of all of these.
const CONTEXT: u64 = 200_000;

/// What is known of a model, with what the server says of it.
pub(crate) fn facts(model: &str, said: Option<&Value>) -> Option<Facts> {
    let known = FAMILIES.iter().find(|family| model.starts_with(family.begins)).map(|family| Facts {
        context: Some(CONTEXT),
        longest: Some(family.longest),
        efforts: family.efforts.to_vec(),
        budget: family.budget,
        adaptive: family.adaptive,
        reasons: family.reasons,
    });
    let Some(said) = said.filter(|said| said.is_object()) else { return known };
    let mut facts = known.unwrap_or_default();
    // What is 0 is not known.
    let count = |name: &str| said[name].as_u64().filter(|count| *count > 0);
    facts.longest = count("max_tokens").or(facts.longest);
    facts.context = count("max_input_tokens").or(facts.context);
    let has = |at: &str| said.pointer(&format!("/capabilities{at}/supported")).and_then(Value::as_bool);
    if let Some(reasons) = has("/thinking") {
        facts.reasons = reasons;
        facts.budget = has("/thinking/types/enabled").unwrap_or(reasons);
        facts.adaptive = has("/thinking/types/adaptive").unwrap_or(false);
    }
    if let Some(takes) = has("/effort") {
        let is_known = |effort: &Effort| takes && has(&format!("/effort/{}", effort.name())).unwrap_or(false);
        facts.efforts = Effort::ALL.into_iter().filter(is_known).collect();
    }
    (facts.longest.is_some() || facts.reasons).then_some(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_list_says_more_than_the_name() {
        let yes = |has: bool| json!({"supported": has});
        let said = json!({"id": "claude-new", "max_tokens": 128_000, "max_input_tokens": 1_000_000, "capabilities": {
            "thinking": {"supported": true, "types": {"adaptive": yes(true), "enabled": yes(false)}},
            "effort": {"supported": true, "low": yes(true), "medium": yes(true), "high": yes(true), "max": yes(true), "xhigh": null},
        }});
        let facts = facts("claude-new", Some(&said)).unwrap();
        assert_eq!((facts.longest, facts.context), (Some(128_000), Some(1_000_000)));
        assert_eq!(facts.efforts, [Effort::Low, Effort::Medium, Effort::High, Effort::Max]);
        assert!(facts.adaptive && !facts.budget && facts.reasons);
        assert_eq!(super::facts("claude-new", None), None, "nothing is assumed of a model that is not known");
        assert_eq!(super::facts("claude-new", Some(&json!({"id": "claude-new"}))), None);
        let old = super::facts("claude-3-5-haiku-20241022", Some(&json!({"id": "x", "max_tokens": 0}))).unwrap();
        assert_eq!((old.longest, old.reasons), (Some(8_192), false));
    }
}
