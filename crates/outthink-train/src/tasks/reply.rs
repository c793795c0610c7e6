//! The shape of a prompt and a reply, and what a reply deserves.

use outthink_verify::{find_answer, is_correct};
use serde::Serialize;

/// What closes the thought.
const CLOSE: &str = "</think>";

/// The prompt of a question: the question on a line of its own, then the thought is opened.
pub fn prompt(question: &str) -> String {
    format!("{question}\n<think>")
}

/// The same as a chat template (Jinja): the last message of a user is the question, and no other is read. A beginning
/// of the reply is kept, and how reasoning is written can be seen from it, so that servers tell it from the answer.
pub const CHAT_TEMPLATE: &str = "{%- set last = messages[-1] -%}\
{%- if last['role'] == 'assistant' -%}\
{{ messages[-2]['content'] | trim }}\n<think>{{ last['reasoning_content'] or '' }}</think>{{ last['content'] }}\
{%- else -%}\
{{ last['content'] | trim }}\n{% if add_generation_prompt %}<think>{% endif %}\
{%- endif -%}";

/// A worked solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solution {
    /// The chain of thought, possibly empty.
    pub thought: String,
    /// The final answer.
    pub answer: String,
}

impl Solution {
    /// The reply that follows [`prompt`], without the token that ends it.
    pub fn reply(&self) -> String {
        format!("{}{CLOSE}#### {}", self.thought, self.answer)
    }
}

/// Why a reply has its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer is right.
    Right,
    /// The answer is wrong, and the reply could not know.
    Wrong,
    /// The answer is claimed to fulfil what it plainly does not.
    FalseClaim,
    /// The reply says that it found no answer.
    GaveUp,
    /// The thought did not end, or no answer stands after it.
    NoAnswer,
}

/// What a reply deserves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grade {
    /// 1 for a right answer, 0 otherwise.
    pub score: f64,
    /// The answer that was found.
    pub answer: Option<String>,
    /// Why.
    pub verdict: Verdict,
}

impl Grade {
    pub(super) fn new(verdict: Verdict, answer: Option<String>) -> Self {
        Self { score: if verdict == Verdict::Right { 1.0 } else { 0.0 }, answer, verdict }
    }
}

/// The final answer of a reply that begins inside the thought; `None` while the thought is open.
pub fn answer_of(reply: &str) -> Option<String> {
    let (_, after) = reply.rsplit_once(CLOSE)?;
    find_answer(after).map(|answer| answer.text)
}

/// The grade of a reply whose answer is compared with one reference.
pub(super) fn compared(reply: &str, gold: &str) -> Grade {
    match answer_of(reply) {
        None => Grade::new(Verdict::NoAnswer, None),
        Some(answer) if is_correct(&answer, gold) => Grade::new(Verdict::Right, Some(answer)),
        Some(answer) => Grade::new(Verdict::Wrong, Some(answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_stands_after_the_thought() {
        assert_eq!(answer_of("1+2=3</think>#### 3").as_deref(), Some("3"));
        assert_eq!(answer_of("1+2=3\n#### 3"), None);
        assert_eq!(answer_of("1+2=3</think>"), None);
        assert_eq!(answer_of("</think>#### 12-(3*4)").as_deref(), Some("12-(3*4)"));
    }
}
