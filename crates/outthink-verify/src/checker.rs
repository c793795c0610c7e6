//! Exact checkers: rules that decide whether a reply is right.

pub(crate) mod close_to;
pub(crate) mod countdown;
pub(crate) mod json_schema;
pub(crate) mod numeric;
pub(crate) mod pattern;

pub use countdown::Countdown;
pub use numeric::Numeric;
pub use pattern::Pattern;

use outthink_core::{Judging, Prompt, Sample, Verdict, Verifier};
use std::fmt;
use std::sync::Arc;

/// A rule by which a reply is right or wrong.
pub trait Rule: fmt::Debug + Send + Sync {
    /// Whether a reply is right.
    fn accepts(&self, reply: &str) -> bool;
}

/// A rule under the name of its kind, as a verifier.
///
/// ```
/// use outthink_verify::{Checker, Numeric};
///
/// let checker = Checker::new("numeric", Numeric::new("42")?);
/// assert!(checker.accepts("So it is \\boxed{42.0}."));
/// assert!(!checker.accepts("So it is \\boxed{43}."));
/// # Ok::<(), outthink_verify::CheckerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checker {
    name: &'static str,
    rule: Arc<dyn Rule>,
}

/// A rule that cannot be made; the message says how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CheckerError(pub(crate) String);

impl Checker {
    /// A rule under the name of its kind.
    pub fn new(name: &'static str, rule: impl Rule + 'static) -> Self {
        Self { name, rule: Arc::new(rule) }
    }

    /// Whether a reply is right.
    pub fn accepts(&self, reply: &str) -> bool {
        self.rule.accepts(reply)
    }
}

impl Verifier for Checker {
    fn name(&self) -> &str {
        self.name
    }

    /// An unfinished reply is neither right nor wrong: it has no score.
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

    proptest! {
        #[test]
        fn no_reply_makes_a_checker_panic(reply in "\\PC{0,80}|[-+*/()= 0-9]{0,40}") {
            let checkers = [
                Checker::new("numeric", Numeric::new("42").unwrap()),
                Checker::new("countdown", Countdown::new(&[4, 7, 8, 8], 24).unwrap()),
                Checker::new("json-schema", crate::Schema::new(&json!({})).unwrap()),
                Checker::new("regex", Pattern::new(".*").unwrap()),
            ];
            for checker in checkers {
                checker.accepts(&reply);
            }
        }
    }
}
