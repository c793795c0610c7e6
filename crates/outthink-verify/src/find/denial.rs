//! Values that a text names only to deny them: "it is not 5", "5ではなく6", "the answer cannot be (B)".

use super::language::{LANGUAGES, pattern};
use regex::Regex;
use std::sync::LazyLock;

/// What may stand between the words of a denial, and between it and its value.
const GAP: &str = r#"[\s("“«「*$\\\[（【:]"#;
/// Bytes before a value in which its denial stands.
const REACH: usize = 96;

/// Denials that a text ends with.
static BEFORE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){}{GAP}*$", denials("", "*"))).ok());
/// Denials that a text begins with.
static START: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let adverbs: Vec<String> =
        super::language::texts(|language| language.hedges).map(|hedge| regex::escape(hedge.trim())).collect();
    let adverbs = format!(r"^[\s*]*(?:(?:{})[\s,]+)*", adverbs.join("|"));
    Regex::new(&format!("(?i){}", denials(&adverbs, "*"))).ok()
});
/// Denials anywhere in a text.
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){}|n['’]", denials("", "{0}"))).ok());
/// What denies a value that stands before the text.
static AFTER: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(|language| language.denied, |words| format!(r#"^[\s"”»」*$)\]}}）\\]*(?:{words})"#)));
/// As above, of the languages whose verb stands last, anywhere.
static AT_THE_END: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let rows = LANGUAGES.iter().filter(|row| row.verb_last);
    let rows: Vec<&str> = rows.map(|row| row.denied).filter(|words| !words.is_empty()).collect();
    Regex::new(&format!("(?:{})", rows.join("|"))).ok()
});
/// What leads from a denied value to the right one.
static BUT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r"(?i)^[\s,，、;:*$.)]*(?:(?:{})\s+|(?:{})\s*)", buts(true), buts(false))).ok()
});
/// As above, amid a sentence.
static CORRECTION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"(?i)[\s,，]+(?:{})\s+|[，、\s]*(?:{})", buts(true), buts(false))).ok());
/// What ends a denial whose right value follows directly.
const GOES_ON: &[&str] = &["なく", "なくて", "아니라", "아니고", "아닌", "होकर"];

/// The words for "but" of the languages that set words apart, or of those that do not.
fn buts(spaced: bool) -> String {
    let rows = LANGUAGES.iter().filter(|row| row.spaced == spaced && !row.but.is_empty());
    rows.map(|row| row.but).collect::<Vec<_>>().join("|")
}

/// The denials of all languages, with the fillers behind them.
fn denials(lead: &str, fillers: &str) -> String {
    let filler: Vec<&str> = LANGUAGES.iter().map(|row| row.filler).filter(|words| !words.is_empty()).collect();
    let filler = filler.join("|");
    let rows = |spaced: bool| {
        let rows = LANGUAGES.iter().filter(move |row| row.spaced == spaced && !row.not.is_empty());
        rows.map(|row| row.not).collect::<Vec<_>>().join("|")
    };
    let (bound, spaced, joined) = (if lead.is_empty() { r"(?:^|[^\p{L}'])" } else { "" }, rows(true), rows(false));
    let behind = if fillers == "*" { format!("(?:{GAP}+(?:{filler}))*(?:{GAP}+|$)") } else { r"(?:[^\p{L}]|$)".into() };
    format!("{lead}(?:{bound}(?:{spaced}){behind}|(?:{joined})(?:{GAP}*(?:{filler})){fillers})")
}

/// Where the denial begins that binds the value behind a text.
pub(super) fn before(text: &str) -> Option<usize> {
    let from = (text.len().saturating_sub(REACH)..=text.len()).find(|&at| text.is_char_boundary(at))?;
    BEFORE.as_ref()?.find(text.get(from..)?).map(|found| from + found.start())
}

/// How far the denial goes that a text begins with. "Not for Profit" is a title.
pub(super) fn start(text: &str) -> Option<usize> {
    let found = START.as_ref()?.find(text)?;
    (!found.as_str().trim_start().starts_with("Not ")).then_some(found.end())
}

/// Whether the words of a marker deny what follows: "la respuesta no es".
pub(super) fn within(marker: &str) -> bool {
    ANY.as_ref().is_some_and(|any| any.is_match(marker))
}

/// What follows the denial of a value that stands before a text.
pub(super) fn after(text: &str) -> Option<After<'_>> {
    let found = AFTER.as_ref()?.find(text)?;
    let goes_on = GOES_ON.iter().any(|end| found.as_str().ends_with(end));
    Some(After { rest: text.get(found.end()..)?, goes_on })
}

/// The text behind a denial.
#[derive(Debug, Clone, Copy)]
pub(super) struct After<'a> {
    pub(super) rest: &'a str,
    /// Whether the right value follows directly.
    pub(super) goes_on: bool,
}

/// What a text says behind a word such as "but", with which it begins.
pub(super) fn instead(text: &str) -> Option<&str> {
    text.get(BUT.as_ref()?.find(text)?.end()..)
}

/// Where the denial begins in a sentence of a language whose verb stands last: "5が | ではない".
pub(super) fn at_the_end(sentence: &str) -> Option<usize> {
    AT_THE_END.as_ref()?.find(sentence).map(|found| found.start())
}

/// What stands before and behind a word such as "but" of the first sentence of a text.
pub(super) fn correction(text: &str) -> Option<(&str, &str)> {
    let sentence = super::spans::sentence(text);
    let found = CORRECTION.as_ref()?.find(sentence)?;
    Some((sentence.get(..found.start())?, sentence.get(found.end()..)?))
}

/// What of a sentence stands behind "but" where it denies something first: "not 4 but 5".
pub(super) fn corrected(sentence: &str) -> &str {
    let Some(found) = ANY.as_ref().and_then(|any| any.find(sentence)) else { return sentence };
    let rest = sentence.get(found.end()..).unwrap_or_default();
    let right = correction(rest).map(|(_, right)| right);
    right.filter(|right| right.contains(|c: char| c.is_ascii_digit() || c == '\\')).unwrap_or(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_bind_what_they_stand_at() {
        for text in [
            "It is not ",
            "It cannot be (",
            "I would not choose ",
            "I don't think it is $",
            "can't be option **",
            "42, rather than $\\",
            "这不是",
            "我不选",
            "das ist nicht die ",
            "ce n'est pas ",
            "no es la opción ",
            "não é ",
            "это не ",
            "ليس ",
        ] {
            assert!(before(text).is_some(), "{text}");
        }
        for text in ["It is ", "It is not hard to see that we get ", "not 4 but ", "notable ", "It is not odd, so ", ""]
        {
            assert_eq!(before(text), None, "{text}");
        }
        for text in
            [" is wrong", "가 아닙니다", "ではありません", " नहीं है", " ist falsch", " is not the answer", "不对"]
        {
            assert!(after(text).is_some(), "{text}");
        }
        for text in [" is prime", " is not odd", "です", "입니다", " है", ""] {
            assert!(after(text).is_none(), "{text}");
        }
        assert_eq!(start("definitely not 5").and_then(|at| "definitely not 5".get(at..)), Some("5"));
        assert_eq!(start("Not for Profit"), None);
        assert_eq!(instead(", sondern 6"), Some("6"));
    }
}
