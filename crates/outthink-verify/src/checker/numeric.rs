//! A number that is known.

use super::{Checker, CheckerError, Rule};
use crate::spec::{Argument, Costs, NamedBy, VerifierEntry, VerifierSpec};
use crate::{equivalent, find_answer};
use outthink_core::Entry;
use serde_json::{Value, json};

/// How it is described and read.
pub(crate) const ENTRY: VerifierEntry = VerifierEntry {
    entry: Entry {
        also: &["answer", "number", "exact", "equals"],
        ..Entry::new(
            "numeric",
            "1 if the final answer equals a known one, by the notion of equal that votes are counted with",
        )
    },
    argument: "ANSWER",
    example: "numeric:42",
    key: "numeric",
    costs: Costs::Nothing,
    named_by: NamedBy::Anyone,
    file: false,
    schema: || json!({"type": ["number", "string"], "description": "the known answer"}),
    read: |argument| {
        let rule = match argument {
            Argument::Json(Value::Number(number)) => Numeric::new(&number.to_string()),
            other => Numeric::new(other.text()?),
        };
        Ok(VerifierSpec::Rule(Checker::new(ENTRY.entry.name, rule?)))
    },
};

/// The final answer equals a known one, by the same notion of equal that votes are counted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numeric {
    gold: String,
}

impl Numeric {
    /// For a known answer.
    ///
    /// # Errors
    /// If it is empty.
    pub fn new(gold: &str) -> Result<Self, CheckerError> {
        let gold = gold.trim();
        if gold.is_empty() {
            return Err(CheckerError("the known answer is empty: give a number such as 42".into()));
        }
        Ok(Self { gold: gold.to_owned() })
    }

    /// Whether a reply's final answer is the known one.
    pub fn accepts(&self, reply: &str) -> bool {
        find_answer(reply).is_some_and(|answer| equivalent(&self.gold, &answer.text))
    }
}

impl Rule for Numeric {
    fn accepts(&self, reply: &str) -> bool {
        Self::accepts(self, reply)
    }
}
