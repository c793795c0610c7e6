//! The words that announce an answer, in the languages of the field.

use super::language::LANGUAGES;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Words for a solution that is called final: it outweighs a box that stands before it.
const FINAL: &str = r"final answer is\b|final answer[ \t]*(?:\*\*)?:|最终答案[是为：:]|endgültige antwort (?:ist|lautet)\b|réponse finale est\b|respuesta final es\b";

/// A pattern, and what every match of it begins with: without the bounds of words, which are slow to look for where
/// not all is ASCII.
struct Pattern {
    whole: Regex,
    head: Regex,
}

impl Pattern {
    /// Of heads, each with what must follow it.
    fn of(parts: impl Iterator<Item = (&'static str, String)>) -> Option<Self> {
        let (heads, whole): (Vec<String>, Vec<String>) =
            parts.map(|(head, tail)| (head.replace("\\b", ""), format!("(?:{head})(?:{tail})"))).unzip();
        let pattern = |parts: &[String]| Regex::new(&format!("(?i){}", parts.join("|"))).ok();
        Some(Self { whole: pattern(&whole)?, head: pattern(&heads)? })
    }
}

static ANSWERS: LazyLock<Option<Pattern>> = LazyLock::new(|| {
    let linked =
        |unlink: &str, link: &str| if unlink.is_empty() { link.to_owned() } else { format!("{unlink}|{link}") };
    Pattern::of(LANGUAGES.iter().map(|language| (language.answer, linked(language.unlink, language.link))))
});
static RESULTS: LazyLock<Option<Pattern>> = LazyLock::new(|| {
    let results = LANGUAGES.iter().map(|language| language.result).filter(|result| !result.is_empty());
    Pattern::of(results.map(|result| (result, String::new())))
});
static FINALS: LazyLock<Option<Pattern>> = LazyLock::new(|| Pattern::of([(FINAL, String::new())].into_iter()));

/// How sure a marker is that its answer is the final one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Answer,
    Result,
    Final,
}

/// Where markers stand, from the last one on. No marker goes over a line.
pub(super) fn markers(text: &str, marker: Marker) -> impl Iterator<Item = Range<usize>> {
    let pattern = match marker {
        Marker::Answer => &ANSWERS,
        Marker::Result => &RESULTS,
        Marker::Final => &FINALS,
    };
    // One search of the whole text tells most texts apart that hold none.
    let pattern = pattern.as_ref().filter(|pattern| pattern.head.is_match(text));
    let is_one_line = !text.contains('\n');
    let mut stop = text.len();
    let lines = text.rsplit('\n').map(move |line| {
        let start = stop - line.len();
        stop = start.saturating_sub(1);
        (start, line)
    });
    pattern.into_iter().zip(Some(lines)).flat_map(move |(pattern, lines)| {
        lines.filter(move |(_, line)| is_one_line || pattern.head.is_match(line)).flat_map(|(start, line)| {
            let at = |found: regex::Match<'_>| start + found.start()..start + found.end();
            let found: Vec<Range<usize>> = pattern.whole.find_iter(line).map(at).collect();
            found.into_iter().rev()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(ANSWERS.is_some() && RESULTS.is_some() && FINALS.is_some());
    }

    #[test]
    fn markers_are_found_from_the_last_line_on() {
        let text = "The answer is 5.\nNothing.\n\nAnswer: 6, and the answer is 7\n\u{7b54}\u{6848}\u{662f}8\n";
        let found: Vec<&str> =
            markers(text, Marker::Answer).filter_map(|at| text.get(at.end..)?.trim_start().get(..1)).collect();
        assert_eq!(found, ["8", "7", "6", "5"]);
        assert_eq!(markers("Nobody says.", Marker::Answer).count(), 0);
    }
}
