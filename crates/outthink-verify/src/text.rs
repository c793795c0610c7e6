//! Whole replies as answers, where no part of them stands out.

use outthink_core::{Answer, AnswerKind};

/// Longer texts are compared by their beginning.
const MOST_BYTES: usize = 4_096;

/// The whole reply in a form in which trifles do not count: lower case, single spaces, without
/// punctuation at the ends of words. `None` if nothing is left.
///
/// ```
/// let a = outthink_verify::find_text_answer("Paris,  of course.");
/// let b = outthink_verify::find_text_answer("paris of course");
/// assert!(a.is_some() && a == b);
/// ```
pub fn find_text_answer(reply: &str) -> Option<Answer> {
    let mut text = String::new();
    for word in reply.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !"+-=<>%$€£/^".contains(c));
        if word.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(word.chars().flat_map(char::to_lowercase));
        if text.len() > MOST_BYTES {
            break;
        }
    }
    (!text.is_empty()).then_some(Answer { text, kind: AnswerKind::Text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trifles_do_not_count_and_meaning_does() {
        let text = |reply: &str| find_text_answer(reply).map(|a| a.text);
        assert_eq!(text("**Yes!**\n\nIt is."), Some("yes it is".into()));
        assert_ne!(text("-5"), text("5"));
        assert_eq!(text(" ... "), None);
    }
}
