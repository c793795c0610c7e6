//! Finding the final answer and judging when two are equal.

use outthink_core::Answer;

/// The final answer of a reply, if it holds one.
pub fn find_answer(text: &str) -> Option<Answer> {
    let _ = text;
    None
}

/// Whether two answers mean the same.
pub fn equivalent(a: &str, b: &str) -> bool {
    a == b
}
