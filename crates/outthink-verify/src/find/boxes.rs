//! Boxes and answer tags: `\boxed{}`, `\fbox{}`, `<answer>`.

use super::denial;
use crate::Phrases;
use crate::normal::braced;

/// Commands that box their argument. Models also drop the backslash or double it.
const COMMANDS: &[&str] = &["boxed", "fbox", "framebox"];
static ANY_COMMAND: Phrases = Phrases::new(COMMANDS);
/// Boxes that are looked at, from the last one on: adversarial inputs stay linear.
const MOST: usize = 64;
/// What may stand between two boxes of one answer, apart from white space and delimiters of mathematics.
const JOINTS: &[&str] = &[
    "and",
    "or",
    ",",
    ";",
    "&",
    "und",
    "oder",
    "et",
    "ou",
    "y",
    "o",
    "e",
    "\u{438}",
    "\u{438}\u{43b}\u{438}",
    "\u{548c}",
    "\u{6216}",
    "\u{3068}",
    "\u{3001}",
    "\u{ff0c}",
];

/// The inside of the last complete box and where it begins; boxes that are joined by commas or "and" are one answer.
pub(super) fn boxed(text: &str) -> Option<(String, usize)> {
    if !ANY_COMMAND.is_in(text) {
        return None;
    }
    let mut found: Vec<(usize, usize, &str)> = Vec::new();
    let mut starts: Vec<(usize, usize)> = Vec::new();
    for command in COMMANDS {
        starts.extend(text.match_indices(command).map(|(at, _)| (at, at + command.len())));
    }
    starts.sort_unstable();
    for &(start, end) in starts.iter().rev().take(MOST) {
        let Some((inside, stop)) = inside(text, start, end) else { continue };
        // "$\\boxed{42}$, not $\\boxed{41}$".
        let before = text.get(..start).unwrap_or_default();
        if denial::before(before).is_some() || denial::after(text.get(stop..).unwrap_or_default()).is_some() {
            continue;
        }
        // A box within this one, or one further on, is taken already.
        if found.last().is_some_and(|&(next, ..)| stop > next) {
            if let Some(last) = found.last_mut()
                && stop >= last.1
            {
                *last = (start, stop, inside);
            }
            continue;
        }
        if let Some(&(next, ..)) = found.last()
            && !joins(text.get(stop..next).unwrap_or(" - "))
        {
            break;
        }
        found.push((start, stop, inside));
    }
    let at = found.first()?.0;
    let mut parts: Vec<&str> = Vec::new();
    for (.., inside) in found.iter().rev() {
        if !parts.contains(inside) {
            parts.push(inside);
        }
    }
    Some((parts.join(", "), at))
}

/// The inside of the last box if it is all there but for the brace that closes it, and whether something else shows
/// that it ends: `$\\boxed{5$`.
pub(super) fn unclosed(text: &str) -> Option<(String, bool)> {
    if !ANY_COMMAND.is_in(text) {
        return None;
    }
    let starts = COMMANDS.iter().filter_map(|command| Some(text.rfind(command)? + command.len()));
    let rest = text.get(starts.max()?..)?.trim_start().strip_prefix('{')?;
    let line = rest.lines().next()?;
    let close = ["$", "\\)", "\\]"].iter().filter_map(|close| line.find(close)).min();
    let inside = line.get(..close.unwrap_or(line.len()))?.trim().trim_end_matches('.');
    let depth = |c: char| inside.matches(c).count();
    let ends = close.is_some() || rest.contains('\n');
    let plain = depth('{') == depth('}') && !inside.ends_with(['+', '-', '=', '\\', '^', '_', ',', '(']);
    (plain && !inside.is_empty() && inside.len() <= 256).then(|| (inside.to_owned(), ends))
}

/// The inside of one box and where it ends.
fn inside(text: &str, start: usize, end: usize) -> Option<(&str, usize)> {
    let rest = text.get(end..)?;
    let gap = rest.len() - rest.trim_start().len();
    let open = rest.get(gap..)?;
    if open.starts_with('{') {
        let inside = braced(open)?;
        let stop = end + gap + inside.len() + 2;
        return (!inside.trim().is_empty()).then_some((inside.trim(), stop));
    }
    if !text.get(..start)?.ends_with('\\') {
        return None;
    }
    let length = open.find(|c: char| c.is_whitespace() || c == '$')?;
    let inside = open.get(..length)?.trim_end_matches(['.', ',']);
    (!inside.is_empty()).then_some((inside, end + gap + length))
}

/// Words after which another box is another answer.
const TURNS: &[&str] = &[
    "so",
    "then",
    "but",
    "thus",
    "no",
    "not",
    "wait",
    "therefore",
    "hence",
    "is",
    "get",
    "and",
    "or",
    "now",
    "finally",
];

/// Whether a word is a line drawn in characters, such as `---`.
fn is_rule(word: &str) -> bool {
    let first = word.chars().next();
    word.len() >= 3 && first.is_some_and(|c| c.is_ascii_punctuation() && word.chars().all(|other| other == c))
}

/// Without a name that the next box gives a value to: `y_2 =`.
fn without_name(text: &str) -> &str {
    let Some(name) = text.strip_suffix('=') else { return text };
    let before = name.trim_end();
    let start = before.rfind(' ').map_or(0, |at| at + 1);
    if before.len() - start <= 6 { before.get(..start).unwrap_or(text).trim() } else { text }
}

/// Whether what stands between two boxes joins them.
fn joins(between: &str) -> bool {
    if between.len() > 64 {
        return false;
    }
    let mut plain = between.replace("\\text", " ").replace("\\qquad", " ").replace("\\quad", " ");
    plain.retain(|c| !matches!(c, '$' | '\\' | '{' | '}' | '(' | ')' | '[' | ']' | '*' | '~' | '!'));
    let plain = without_name(plain.trim());
    // "\\boxed{1} papers and \\boxed{2} bins": a few words, then what joins.
    if let Some((words, last)) = plain.rsplit_once(' ')
        && JOINTS.contains(&last)
        && !words.contains(['.', ':', ';', ',', '='])
        && words.split_whitespace().count() <= 4
        && !words.split_whitespace().any(|word| TURNS.contains(&word.to_lowercase().as_str()))
    {
        return true;
    }
    let mut joined = between.trim_end_matches('\\').is_empty();
    for word in plain.split_whitespace() {
        if word.trim_end_matches(',').is_empty() || is_rule(word) || JOINTS.contains(&word.trim_matches(',')) {
            joined = true;
        } else {
            return false;
        }
    }
    joined
}

/// The inside of the last answer tag that is closed, or the line behind one that is not.
pub(super) fn tagged(text: &str) -> Option<String> {
    if !text.contains('<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for name in ["answer", "final_answer", "finalanswer", "final-answer", "solution", "result"] {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some(end) = lower.rfind(&close).or_else(|| lower.rfind(&open).map(|_| text.len())) else { continue };
        let Some(start) = lower.get(..end).and_then(|before| before.rfind(&open)) else { continue };
        let inside = text.get(start + open.len()..end).unwrap_or_default();
        let inside = inside.trim_start_matches([':', ' ', '\n', '=']).trim();
        let inside = if lower.contains(&close) { inside } else { inside.lines().next().unwrap_or_default() };
        if !inside.is_empty() && best.is_none_or(|(at, _)| start > at) {
            best = Some((start, inside));
        }
    }
    let inside = best?.1;
    Some(boxed(inside).map_or_else(|| inside.to_owned(), |(boxed, _)| boxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_one_answer_are_joined() {
        for (text, inside) in [
            ("\\boxed{1} and \\boxed{2}", "1, 2"),
            ("$\\boxed{a}$, $\\boxed{b}$ und $\\boxed{c}$", "a, b, c"),
            ("\\boxed{1} and then \\boxed{2}", "2"),
            ("\\boxed{1}\n\n\\boxed{2}", "2"),
            ("\\boxed{5}, \\boxed{5}", "5"),
            ("\\boxed{\\boxed{7}}", "\\boxed{7}"),
            ("\\\\boxed{\\\\frac{1}{2}}", "\\\\frac{1}{2}"),
            ("boxed{3}", "3"),
            ("\\boxed 9 $", "9"),
            ("\\boxed{3} then \\boxed{4", "3"),
        ] {
            assert_eq!(boxed(text).map(|b| b.0).as_deref(), Some(inside), "{text}");
        }
        assert_eq!(boxed("what is boxed in"), None);
    }

    #[test]
    fn tags_hold_answers() {
        for (text, inside) in [
            ("<answer>\nParis\n</answer>", "Paris"),
            ("<answer>1</answer> <ANSWER> 2 </ANSWER>", "2"),
            ("<Answer>: True", "True"),
            ("<final_answer>\\boxed{4}</final_answer>", "4"),
        ] {
            assert_eq!(tagged(text).as_deref(), Some(inside), "{text}");
        }
        assert_eq!(tagged("a < b"), None);
    }
}
