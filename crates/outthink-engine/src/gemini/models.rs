//! What is known of a model: what the list of models says, and how its generation sets the length of reasoning.

use super::bare;
use crate::native::Facts;
use outthink_core::Effort;
use serde_json::Value;

/// What is known of a model, with what the server says of it.
pub(crate) fn facts(model: &str, said: Option<&Value>) -> Facts {
    let count = |name: &str| said.and_then(|said| said[name].as_u64());
    let (input, longest) = (count("inputTokenLimit"), count("outputTokenLimit"));
    let generation = generation(bare(model));
    let reasons = said.and_then(|said| said["thinking"].as_bool()).unwrap_or(generation.is_some_and(|g| g >= 2.5));
    // From 3 on by levels, before by a budget: <https://ai.google.dev/gemini-api/docs/thinking>
    let by_level = reasons && generation.is_none_or(|generation| generation >= 3.0);
    let levels = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];
    Facts {
        context: input.map(|input| input + longest.unwrap_or(0)),
        longest,
        efforts: if by_level { levels.to_vec() } else { Vec::new() },
        budget: reasons && !by_level,
        adaptive: false,
        reasons,
    }
}

/// The number in a name such as `gemini-2.5-pro`.
fn generation(model: &str) -> Option<f64> {
    model.strip_prefix("gemini-")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn generations_set_the_length_of_reasoning_in_their_own_ways() {
        let of = |model: &str| facts(model, None);
        assert!(of("gemini-2.5-pro").budget && of("models/gemini-2.5-flash").budget);
        assert_eq!(of("gemini-3.8-flash").efforts.len(), 4);
        assert!(!of("gemini-2.0-flash").reasons && !of("gemma-3-27b").reasons);
        let said =
            json!({"name": "models/gemini-next", "inputTokenLimit": 1_000, "outputTokenLimit": 200, "thinking": true});
        let facts = facts("gemini-next", Some(&said));
        assert_eq!((facts.context, facts.longest, facts.budget), (Some(1_200), Some(200), false));
        assert!(facts.takes_effort());
    }
}
