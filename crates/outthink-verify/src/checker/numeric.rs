//! A number that is known.

use super::CheckerError;
use crate::{equivalent, find_answer};

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
