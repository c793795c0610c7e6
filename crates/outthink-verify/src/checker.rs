//! Exact checkers: rules that know what is right.

mod countdown;
mod numeric;

pub use countdown::Countdown;
pub use numeric::Numeric;

use outthink_core::{Judging, Prompt, Sample, Verdict, Verifier};
use crate::Schema;

/// A rule by which a reply is right or wrong.
#[derive(Debug, Clone)]
pub enum Checker {
    /// The final answer is a number.
    Numeric(Numeric),
    /// The reply ends with an expression that makes a number out of others.
    Countdown(Countdown),
    /// The reply is JSON that fits a schema.
    JsonSchema(Schema),
    /// The final answer, or the reply where it has none, fits a pattern.
    Pattern(Pattern),
}

/// A rule that cannot be made; the message says how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CheckerError(pub(crate) String);

/// A regular expression that a whole answer must fit. Linear in the answer's length.
#[derive(Debug, Clone)]
pub struct Pattern(regex::Regex);

/// Bytes that a compiled pattern may take.
const PATTERN_SIZE: usize = 1 << 20;

impl Pattern {
    /// From the expression.
    ///
    /// # Errors
    /// If it is none, or too large.
    pub fn new(expression: &str) -> Result<Self, CheckerError> {
        let whole = format!(r"\A(?:{expression})\z");
        let compiled = regex::RegexBuilder::new(&whole).size_limit(PATTERN_SIZE).build();
        compiled.map(Self).map_err(|e| {
            let reason = e.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
            CheckerError(format!("the pattern `{expression}` cannot be used ({reason}): mend it"))
        })
    }

    /// Whether the whole of a text fits, white space around it aside.
    pub fn accepts(&self, text: &str) -> bool {
        self.0.is_match(text.trim())
    }
}

impl Checker {
    /// Whether a reply is right.
    ///
    /// ```
    /// use outthink_verify::{Checker, Numeric};
    ///
    /// let checker = Checker::Numeric(Numeric::new("42")?);
    /// assert!(checker.accepts("So it is \\boxed{42.0}."));
    /// assert!(!checker.accepts("So it is \\boxed{43}."));
    /// # Ok::<(), outthink_verify::CheckerError>(())
    /// ```
    pub fn accepts(&self, reply: &str) -> bool {
        match self {
            Self::Numeric(numeric) => numeric.accepts(reply),
            Self::Countdown(countdown) => countdown.accepts(reply),
            Self::JsonSchema(schema) => schema.accepts_reply(reply),
            Self::Pattern(pattern) => match crate::find_answer(reply) {
                Some(answer) => pattern.accepts(&answer.text) || pattern.accepts(reply),
                None => pattern.accepts(reply),
            },
        }
    }
}

impl Verifier for Checker {
    fn name(&self) -> &'static str {
        match self {
            Self::Numeric(_) => "numeric",
            Self::Countdown(_) => "countdown",
            Self::JsonSchema(_) => "json-schema",
            Self::Pattern(_) => "regex",
        }
    }

    /// A reply in the making is neither right nor wrong: it has no score.
    fn score<'a>(&'a self, _: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        let score = if sample.is_paused() { 0.5 } else { f64::from(u8::from(self.accepts(&sample.content))) };
        Box::pin(std::future::ready(Ok(Verdict { score: Some(score), ..Verdict::default() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn json_must_fit_its_schema() {
        let schema =
            json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}});
        let schema = Schema::new(&schema).unwrap();
        assert!(schema.accepts_reply(r#"{"n": 3}"#));
        assert!(schema.accepts_reply("Here it is:\n```json\n{\"n\": 3}\n```\n"));
        assert!(!schema.accepts_reply(r#"{"n": 0}"#));
        assert!(!schema.accepts_reply("n is 3"));
        assert!(Schema::new(&json!({"type": 7})).is_err());
        assert!(Schema::new(&json!({"$ref": "https://example.invalid/schema.json"})).is_err());
    }

    #[test]
    fn patterns_fit_the_whole_answer() {
        let checker = Checker::Pattern(Pattern::new("[a-z]+|[0-9]{2}").unwrap());
        assert!(checker.accepts("The answer is 42."));
        assert!(!checker.accepts("The answer is 421."));
        assert!(checker.accepts("word"));
        let error = Pattern::new("(").unwrap_err().to_string();
        assert!(error.contains("mend it"), "{error}");
    }

    proptest! {
        #[test]
        fn no_reply_makes_a_checker_panic(reply in "\\PC{0,80}|[-+*/()= 0-9]{0,40}") {
            let checkers = [
                Checker::Numeric(Numeric::new("42").unwrap()),
                Checker::Countdown(Countdown::new(&[4, 7, 8, 8], 24).unwrap()),
                Checker::JsonSchema(Schema::new(&json!({})).unwrap()),
                Checker::Pattern(Pattern::new(".*").unwrap()),
            ];
            for checker in checkers {
                checker.accepts(&reply);
            }
        }
    }
}
