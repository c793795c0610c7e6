//! How a family of models sets the length of reasoning: Bedrock passes that on in the family's own words.

use crate::anthropic;
use crate::native::Facts;
use outthink_core::Effort;

/// Whose words a model understands beyond those of the Converse API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    GptOss,
    Other,
}

/// The family of a model, by its name with or without a region before it. An ARN names one too, unless it is a
/// profile's.
pub(super) fn family(model: &str) -> Family {
    let holds = |part: &str| model.contains(part);
    if holds("anthropic.claude") {
        Family::Claude
    } else if holds("amazon.nova") {
        Family::Nova
    } else if holds("openai.gpt-oss") {
        Family::GptOss
    } else {
        Family::Other
    }
}

/// What is known of a model.
pub(crate) fn facts(model: &str) -> Facts {
    let levels = vec![Effort::Low, Effort::Medium, Effort::High];
    match family(model) {
        Family::Claude => {
            let name = model.split_once("anthropic.").map_or(model, |(_, name)| name);
            // A family that is not known is newer than those that are.
            let newer = || Facts { efforts: levels, adaptive: true, reasons: true, ..Facts::default() };
            anthropic::facts(name, None).unwrap_or_else(newer)
        }
        // The first generation does not reason.
        Family::Nova if !model.contains("nova-2") => Facts::default(),
        Family::Nova | Family::GptOss => Facts { efforts: levels, reasons: true, ..Facts::default() },
        Family::Other => Facts::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_their_names() {
        let of = |model: &str| (family(model), facts(model));
        let (family, old) = of("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
        assert!(family == Family::Claude && old.budget && !old.adaptive && old.longest == Some(64_000));
        let new = of("anthropic.claude-opus-9-v1").1;
        assert!(new.adaptive && !new.budget && new.longest.is_none());
        assert!(!of("amazon.nova-pro-v1:0").1.reasons && of("global.amazon.nova-2-lite-v1:0").1.reasons);
        assert_eq!(of("meta.llama4-maverick-17b-instruct-v1:0").0, Family::Other);
    }
}
