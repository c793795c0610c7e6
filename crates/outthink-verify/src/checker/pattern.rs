//! Answers that fit a regular expression.

use super::{Checker, CheckerError, Rule};
use crate::spec::{Costs, NamedBy, VerifierEntry, VerifierSpec};
use outthink_core::Entry;
use serde_json::json;

/// How it is described and read.
pub(crate) const ENTRY: VerifierEntry = VerifierEntry {
    entry: Entry {
        also: &["pattern", "regexp", "match"],
        ..Entry::new("regex", "1 if the whole answer, or the whole reply, fits the regular expression")
    },
    argument: "PATTERN",
    example: "regex:[0-9]+ (cm|m)",
    key: "pattern",
    costs: Costs::Nothing,
    named_by: NamedBy::Anyone,
    file: false,
    schema: || json!({"type": "string", "description": "a regular expression that the whole answer must fit"}),
    read: |argument| Ok(VerifierSpec::Rule(Checker::new(ENTRY.entry.name, Pattern::new(argument.text()?)?))),
};

/// A regular expression that a whole answer must fit. Linear in the answer's length.
#[derive(Debug, Clone)]
pub struct Pattern(regex::Regex);

/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

impl Pattern {
    /// From the expression.
    ///
    /// # Errors
    /// If it is not a regular expression, or too large.
    pub fn new(expression: &str) -> Result<Self, CheckerError> {
        let whole = format!(r"\A(?:{expression})\z");
        let compiled = regex::RegexBuilder::new(&whole).size_limit(PATTERN_SIZE).build();
        compiled.map(Self).map_err(|e| {
            let reason = e.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
            CheckerError(format!("the pattern `{expression}` cannot be used ({reason}): correct it"))
        })
    }

    /// Whether the whole of a text fits, white space around it aside.
    pub fn accepts(&self, text: &str) -> bool {
        self.0.is_match(text.trim())
    }
}

impl Rule for Pattern {
    fn accepts(&self, reply: &str) -> bool {
        crate::find_answer(reply).is_some_and(|answer| self.accepts(&answer.text)) || self.accepts(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_the_whole_answer() {
        let checker = Checker::new("regex", Pattern::new("[a-z]+|[0-9]{2}").unwrap());
        assert!(checker.accepts("The answer is 42."));
        assert!(!checker.accepts("The answer is 421."));
        assert!(checker.accepts("word"));
        let error = Pattern::new("(").unwrap_err().to_string();
        assert!(error.contains("correct it"), "{error}");
    }
}
