//! The options of a multiple-choice question, and answers that name one of them by letter, by text or by both.

use crate::find::{find_answer, flat, is_denied};
use crate::read::plain;
use crate::{Equality, equivalent, equivalent_by};
use outthink_core::{Answer, AnswerKind};
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Options of one question at most.
const MOST: usize = 10;
/// Bytes of a prompt that are looked at, from its end.
const MOST_BYTES: usize = 16_384;
/// Bytes of a reply in which the only option that it names may be its answer.
const SHORT: usize = 400;
/// What stands between the name of an option and its text.
const MARK: &str = r"(?:\)|\.\)|\.|:|\uff1a|\u3001|\]|\uff09|\uff0e|>|\s[-\u2013\u2014]\s|\s*\|)";

/// An option a line: `A) Mars`, `- (b) Mars`, `**C.** Mars`, `1. Mars`, `\textbf{(D)}\ Mars`.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = names();
    Regex::new(&format!(
        r"(?m)^[ \t>|*\u2022+-]*[(\[<\uff08]?\**(?:(?P<name>[A-Ja-j1-9]|[{names}])\**{MARK}|(?P<ring>[{RINGS}]){MARK}?)\**[ \t]*\**[ \t]*(?P<text>\S.*?)[ \t|]*$"
    ))
    .ok()
});
/// The name of an option within a line.
static INLINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let names = names();
    Regex::new(&format!(
        r"(?:^|[\s,;\uff0c\u3000$~}}])(?:\((?P<name>[A-Ja-j1-9]|[{names}])\)|(?P<bare>[A-Ja-j1-9]|[{names}])(?:\)|\.|\u3001|\uff0e|:\s)|(?P<ring>[{RINGS}])[.)]?)[ \t]*"
    ))
    .ok()
});
/// The name of an option in a text command: `\textbf{(A)}`, `\text{A)}`.
static COMMAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\\(?:textbf|text|mathrm|mathbf|textrm|mbox|rm|bf)\s*\{\s*\(?\s*([A-Ja-j])\s*[).][\s\\~]*\}").ok()
});
/// Options as a dictionary: `{'A': 'red', "B": "blue"}`.
static ENTRY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"['"]([A-J])['"]\s*:\s*(?:'([^']{1,200})'|"([^"]{1,200})"|([-\d.]{1,20}))"#).ok());
/// Words of a question that asks for a choice.
static ASKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)[?\uff1f:\uff1a\u061f]\s*$|choose|select|pick|which|option|choice|answer|w\u00e4hle|welche|auswahl|choisi|quel|elige|elija|cu\u00e1l|qual|escolh|выбер|как|选|選|択|고르|고른|اختر|أي|चुन|कौन",
    )
    .ok()
});
/// Verbs and words with which parts of a task begin, which are no options.
static TASKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:find|compute|show|prove|calculate|determine|what|how|evaluate|solve|explain|give|write|read|answer|use|list|describe|state|if|let)\b|[?\uff1f]\s*$").ok()
});

/// Numbers in circles, which need no mark behind them.
const RINGS: &str = "①②③④⑤⑥⑦⑧⑨";

/// The names of options in other alphabets, as a class of characters.
fn names() -> String {
    ALPHABETS.concat()
}

/// The name of an option that was found.
fn name_of(found: &Captures<'_>) -> Option<char> {
    ["name", "bare", "ring"].iter().find_map(|group| found.name(group))?.as_str().chars().next()
}

/// The options of a question, by letter.
///
/// Options may be named by letters of the alphabets of Latin, Cyrillic, Arabic, Hindi, Korean, Japanese and Chinese, or by
/// numbers; small letters count as capital ones. Options that are named by small letters or numbers need a question
/// before them, since the parts of a task and the steps of an instruction are named so, too.
///
/// ```
/// use outthink_verify::{Options, find_answer};
///
/// let options = Options::of_prompt("Which is largest?\nA) Mars\nB) Earth\nC) Venus\nD) Jupiter").expect("four options");
/// for reply in ["The answer is D) Jupiter.", "\\boxed{D}", "The answer is Jupiter."] {
///     let answer = options.resolve(find_answer(reply).expect("it is stated"));
///     assert_eq!(answer.text, "D");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options(Vec<(char, String)>);

impl Options {
    /// The options that a prompt ends with, one a line, all in one line or as a dictionary: consecutive names from the
    /// first one of an alphabet on, two at least.
    pub fn of_prompt(prompt: &str) -> Option<Self> {
        let from = prompt.len().saturating_sub(MOST_BYTES);
        let from = (from..=prompt.len()).find(|&at| prompt.is_char_boundary(at))?;
        let prompt = prompt.get(from..)?;
        // Every request is looked at, and few have options: the second of them is marked as one, or there are none.
        if !may_have(prompt) {
            return None;
        }
        let replaced = if prompt.contains('\\') {
            COMMAND.as_ref()?.replace_all(prompt, "($1) ").replace("\\qquad", " ").replace("\\quad", " ")
        } else {
            String::new()
        };
        let prompt = if replaced.is_empty() { prompt } else { replaced.as_str() };
        let lines = LINE.as_ref()?.captures_iter(prompt).filter_map(|found| {
            let text = found.name("text")?.as_str().trim_end_matches("**").trim_end_matches([',', ';']).to_owned();
            Some((name_of(&found)?, text, found.get(0)?.start()))
        });
        let lines: Vec<(char, String, usize)> = lines.collect();
        Self::consecutive(prompt, &lines)
            .or_else(|| {
                let mut end = prompt.len();
                prompt.rsplit('\n').find_map(|line| {
                    let start = end - line.len();
                    end = start.saturating_sub(1);
                    Self::of_line(prompt, line, start)
                })
            })
            .or_else(|| Self::of_dictionary(prompt))
    }

    fn of_line(prompt: &str, line: &str, start: usize) -> Option<Self> {
        let marks: Vec<(char, usize, usize)> = INLINE
            .as_ref()?
            .captures_iter(line)
            .filter_map(|found| Some((name_of(&found)?, found.get(0)?.start(), found.get(0)?.end())))
            .collect();
        if marks.len() < 2 {
            return None;
        }
        let ends = marks.iter().skip(1).map(|mark| mark.1).chain([line.len()]);
        let texts = marks.iter().zip(ends).filter_map(|(mark, end)| Some((mark.0, line.get(mark.2..end)?, mark.1)));
        let found: Vec<(char, String, usize)> = texts.map(|(name, text, at)| (name, tidy(text), start + at)).collect();
        Self::consecutive(prompt, &found)
    }

    fn of_dictionary(prompt: &str) -> Option<Self> {
        let entries = ENTRY.as_ref()?.captures_iter(prompt).filter_map(|found| {
            let text = found.get(2).or_else(|| found.get(3)).or_else(|| found.get(4))?;
            Some((found.get(1)?.as_str().chars().next()?, text.as_str().to_owned(), found.get(0)?.start()))
        });
        Self::consecutive(prompt, &entries.collect::<Vec<_>>())
    }

    /// The last run of names in the order of their alphabet with at least two options.
    fn consecutive(prompt: &str, found: &[(char, String, usize)]) -> Option<Self> {
        let firsts = found.iter().enumerate().rev().filter_map(|(at, option)| Some((at, alphabet(option.0)?)));
        for (start, names) in firsts {
            let run: Vec<&(char, String, usize)> = found
                .iter()
                .skip(start)
                .zip(names.chars())
                .take_while(|(option, name)| option.0 == *name)
                .map(|pair| pair.0)
                .collect();
            if !(2..=MOST).contains(&run.len()) || run.iter().any(|option| option.1.is_empty()) {
                continue;
            }
            let (first, at) = run.first().map(|option| (option.0, option.2))?;
            let is_weak = first.is_lowercase() || first.is_ascii_digit();
            if is_weak && !(asks(prompt.get(..at)?) && run.iter().all(|option| !is_task(&option.1))) {
                continue;
            }
            let name = |c: char| circled(c).unwrap_or_else(|| capital(c));
            return Some(Self(run.into_iter().map(|option| (name(option.0), option.1.clone())).collect()));
        }
        None
    }

    /// The letter of the option that an answer names: `D`, `D) Jupiter`, `Jupiter`. Nothing where it names none, where
    /// several options read alike, or where the letter is that of one option and the text that of another.
    pub fn letter_of(&self, answer: &str) -> Option<char> {
        let text = plain(answer);
        let text = if text.contains("\\text") || text.contains("\\math") { flat(&text) } else { text };
        if let Some((letter, claim)) = self.lettered(&text) {
            return (!self.contradicts(letter, claim)).then_some(letter);
        }
        if option_letter(&text).is_some() {
            return None;
        }
        self.named_by(answer)
    }

    /// Whether an answer has the letter of one option and the text of another, or a letter that is none of the options.
    pub(crate) fn is_contradicted(&self, answer: &str) -> bool {
        let text = plain(answer);
        match self.lettered(&text) {
            Some((letter, claim)) => self.contradicts(letter, claim),
            None => option_letter(&text).is_some(),
        }
    }

    /// The only option whose text an answer is.
    fn named_by(&self, answer: &str) -> Option<char> {
        let mut named = self.0.iter().filter(|option| equivalent_by(&option.1, answer, Equality::Strict));
        let first = named.next()?.0;
        named.next().is_none().then_some(first)
    }

    /// The name of an option with which an answer begins, and the text behind it.
    fn lettered<'a>(&self, text: &'a str) -> Option<(char, &'a str)> {
        let text = text.trim();
        let (bracketed, rest) = match text.strip_prefix(['(', '[']) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let c = rest.chars().next()?;
        let name = circled(c).unwrap_or_else(|| capital(c));
        if !self.0.iter().any(|option| option.0 == name) {
            return None;
        }
        let after = rest.get(c.len_utf8()..)?;
        if after.is_empty() {
            // A number may be the name of one option and the text of another.
            let other = name.is_ascii_digit().then(|| self.named_by(text)).flatten();
            return other.is_none_or(|other| other == name).then_some((name, ""));
        }
        if name.is_ascii_uppercase() && c.is_ascii_uppercase() {
            let flat = option_letter(text)?;
            return (flat == name).then(|| (name, claim(text)));
        }
        let closes: &[char] = if bracketed { &[')', ']'] } else { &[')', '.', ':'] };
        let behind = after.strip_prefix(closes)?;
        (behind.is_empty() || behind.starts_with(' ')).then(|| (name, behind.trim()))
    }

    /// Whether a text behind the name of an option is that of another one, or mathematics that is not its own.
    fn contradicts(&self, letter: char, claim: &str) -> bool {
        let claim = claim.trim().trim_end_matches(['.', ' ']);
        let Some(own) = self.text_of(letter).filter(|_| !claim.is_empty()) else { return false };
        if equivalent(own, claim) {
            return false;
        }
        let math = |text: &str| crate::compare::is_mathematics(text) && text.contains(|c: char| c.is_ascii_digit());
        self.named_by(claim).is_some_and(|other| other != letter) || (math(own) && math(claim))
    }

    /// The answer as its letter, where it names an option; else as it is.
    #[must_use]
    pub fn resolve(&self, answer: Answer) -> Answer {
        match self.letter_of(&answer.text) {
            Some(letter) if answer.kind.is_weak() => Answer { text: letter.to_string(), ..answer },
            Some(letter) => Answer { text: letter.to_string(), kind: AnswerKind::Choice },
            None => answer,
        }
    }

    /// The answer of a reply to this question, as its letter where it names an option.
    ///
    /// Where nothing marks an option as the answer, it is the only one that the reply names by its text: weak evidence.
    ///
    /// ```
    /// use outthink_verify::Options;
    ///
    /// let options = Options::of_prompt("Which is largest?\nA) Mars\nB) Jupiter").expect("two options");
    /// let answer = options.find("It is Jupiter, the gas giant.").expect("it names one");
    /// assert_eq!((answer.text.as_str(), answer.kind.is_weak()), ("B", true));
    /// assert_eq!(options.find("B) Mars").map(|answer| answer.text).as_deref(), Some("B) Mars"));
    /// ```
    pub fn find(&self, reply: &str) -> Option<Answer> {
        let whole = crate::find::reply(reply).trim();
        // A reply that is an option and nothing else.
        if whole.len() < SHORT / 2
            && !whole.contains('\n')
            && let Some((letter, claim)) = self.lettered(whole).filter(|(_, claim)| !claim.is_empty())
        {
            let kind = if self.contradicts(letter, claim) { AnswerKind::Stated } else { AnswerKind::Choice };
            let text = if kind == AnswerKind::Choice { letter.to_string() } else { whole.to_owned() };
            return Some(Answer { text, kind });
        }
        let found = find_answer(reply).map(|answer| self.resolve(answer));
        if let Some(answer) = &found {
            let letter = answer.text.chars().next().filter(|_| answer.text.chars().count() == 1);
            if let Some(letter) = letter.filter(|letter| self.text_of(*letter).is_some()) {
                // What stands behind the letter may be the text of another option.
                let claim = claim_in(crate::find::reply(reply), letter);
                if answer.kind == AnswerKind::Choice && self.contradicts(letter, claim) {
                    return Some(Answer { text: format!("{letter}) {claim}"), kind: AnswerKind::Stated });
                }
                return found;
            }
            if !answer.kind.is_weak() {
                let named = self.only_named(&answer.text).filter(|_| answer.kind != AnswerKind::Choice);
                return named.map(|letter| Answer { text: letter.to_string(), kind: answer.kind }).or(found);
            }
            if self.0.iter().any(|option| option.0.is_ascii_digit()) && answer.kind == AnswerKind::LastNumber {
                return found;
            }
        }
        if let Some(letter) = Some(whole).filter(|whole| whole.len() < 200).and_then(|whole| self.letter_of(whole)) {
            return Some(Answer { text: letter.to_string(), kind: AnswerKind::Choice });
        }
        // In a long one its text may stand for any reason.
        let named = Some(whole).filter(|whole| whole.len() < SHORT).and_then(|whole| self.only_named(whole));
        named.map(|letter| Answer { text: letter.to_string(), kind: AnswerKind::LastExpression }).or(found)
    }

    /// The only option whose text, in words, stands in a text and is not denied there.
    fn only_named(&self, text: &str) -> Option<char> {
        let text = text.get(..MOST_BYTES).unwrap_or(text).to_lowercase();
        let mut named: Vec<(char, usize, usize)> = Vec::new();
        for (letter, option) in &self.0 {
            let option = option.trim_end_matches('.').to_lowercase();
            if option.chars().filter(|c| c.is_alphabetic()).count() < 2 {
                continue;
            }
            let alone = |at: usize| {
                let joins = |c: char| c.is_alphanumeric() && c.is_ascii();
                let (before, after) =
                    (text.get(..at).unwrap_or_default(), text.get(at + option.len()..).unwrap_or_default());
                !before.ends_with(joins) && !after.starts_with(joins) && !is_denied(before, after)
            };
            named.extend(
                text.match_indices(&option)
                    .filter(|(at, _)| alone(*at))
                    .take(16)
                    .map(|(at, _)| (*letter, at, at + option.len())),
            );
        }
        // "Mars and Venus" names neither Mars nor Venus.
        let within = |one: &(char, usize, usize)| {
            named.iter().any(|other| {
                other.0 != one.0 && other.1 <= one.1 && one.2 <= other.2 && other.2 - other.1 > one.2 - one.1
            })
        };
        let mut kept = named.iter().filter(|one| !within(one));
        let first = kept.next()?.0;
        kept.all(|other| other.0 == first).then_some(first)
    }

    /// The text of an option.
    pub fn text_of(&self, letter: char) -> Option<&str> {
        self.0.iter().find(|option| option.0 == letter).map(|option| option.1.as_str())
    }
}

/// Whether the second option of some alphabet is marked in a prompt.
fn may_have(prompt: &str) -> bool {
    static SECOND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let seconds: String = ALPHABETS.iter().filter_map(|names| names.chars().nth(1)).collect();
        Regex::new(&format!("[Bb2{seconds}②]['\"]?\\**(?:{MARK}|\\s*\\}})")).ok()
    });
    SECOND.as_ref().is_some_and(|second| second.is_match(prompt)) || prompt.contains('②')
}

/// The names that follow the first one of an alphabet, it included.
fn alphabet(first: char) -> Option<&'static str> {
    let latin = ["ABCDEFGHIJ", "abcdefghij", "123456789", RINGS];
    latin.into_iter().chain(ALPHABETS.iter().copied()).find(|names| names.starts_with(first))
}

fn capital(c: char) -> char {
    c.to_uppercase().next().unwrap_or(c)
}

/// The digit that a number in a circle is.
fn circled(c: char) -> Option<char> {
    let n = u32::from(c).checked_sub(0x2460).filter(|n| *n < 9)?;
    char::from_digit(n + 1, 10)
}

/// Whether the last lines of a text ask for a choice.
fn asks(before: &str) -> bool {
    let lines = before.trim_end().lines().rev().filter(|line| !line.trim().is_empty()).take(2);
    let lines: Vec<&str> = lines.collect();
    ASKS.as_ref().is_some_and(|asks| lines.iter().any(|line| asks.is_match(line)))
}

fn is_task(text: &str) -> bool {
    TASKS.as_ref().is_some_and(|tasks| tasks.is_match(text)) || text.len() > 240
}

/// The text of an option in one line with others.
fn tidy(text: &str) -> String {
    let mut text = text.trim();
    // The mathematics that all options stand in ends behind the last one.
    if text.matches('$').count() % 2 == 1 {
        text = text.split('$').next().unwrap_or(text);
    }
    let ends = [' ', ',', ';', '\\', '~', '\u{ff0c}', '\u{ff1b}'];
    while let Some(rest) = ["\\ ", "\\,", "~", " "].iter().find_map(|space| text.strip_prefix(space)) {
        text = rest;
    }
    text.trim_end_matches(ends.as_slice()).to_owned()
}

/// What stands behind the letter of an option with which a text begins.
fn claim(text: &str) -> &str {
    let at = text.find(|c: char| ('A'..='J').contains(&c)).map_or(0, |at| at + 1);
    text.get(at..)
        .unwrap_or_default()
        .trim_start_matches([')', ']', '.', ':', ' ', '}', '\\', '~', '-', '\u{2013}', '\u{2014}'])
}

/// What stands behind the last mention of a letter in a reply, to the end of its line or sentence.
fn claim_in(reply: &str, letter: char) -> &str {
    let joins = |c: char| c.is_alphanumeric();
    let alone = |at: &usize| {
        let after = reply.get(at + letter.len_utf8()..).unwrap_or_default();
        !reply.get(..*at).unwrap_or_default().ends_with(joins) && !after.starts_with(joins)
    };
    let Some(at) = reply.match_indices(letter).map(|(at, _)| at).rfind(alone) else { return "" };
    let after = reply.get(at + letter.len_utf8()..).unwrap_or_default();
    let line = after.lines().next().unwrap_or_default();
    let text = line.trim_start_matches(['*', ')', ']', '}', '\u{ff09}']);
    let text = text.strip_prefix(['.', ':', ',', '\u{ff1a}', '\u{3001}']).unwrap_or(text);
    if text.len() == line.len() {
        return "";
    }
    let text = text.trim().trim_start_matches("**").trim_end_matches("**");
    text.split([';', '\u{3002}', '$']).next().unwrap_or_default().trim().trim_end_matches(['.', '}', ' '])
}

/// Letters by which questions in other alphabets name their options, in their order.
const ALPHABETS: &[&str] = &[
    "АБВГДЕЖЗИК",
    "абвгдежзик",
    "أبجدهوزحطي",
    "ابجدهوزحطي",
    "कखगघङचछजझञ",
    "가나다라마바사아자차",
    "アイウエオカキクケコ",
    "甲乙丙丁戊己庚辛壬癸",
];

/// Whether a letter of another alphabet names options.
pub(crate) fn letter_of_alphabet(c: char) -> bool {
    ALPHABETS.iter().any(|letters| letters.contains(c))
}

/// Second names of species whose first name is cut to its letter: "E. coli" is no option E.
const SPECIES: &[&str] = &[
    "coli",
    "elegans",
    "melanogaster",
    "subtilis",
    "thaliana",
    "pylori",
    "difficile",
    "aureus",
    "cerevisiae",
    "pneumoniae",
    "tuberculosis",
    "falciparum",
    "sapiens",
    "erectus",
    "habilis",
    "neanderthalensis",
    "rerio",
    "musculus",
    "botulinum",
    "tetani",
    "anthracis",
    "cereus",
    "perfringens",
    "jejuni",
    "influenzae",
    "burgdorferi",
    "albicans",
    "discoideum",
    "faecalis",
    "histolytica",
    "gambiae",
    "aegypti",
    "lupus",
    "familiaris",
    "catus",
    "domesticus",
    "afarensis",
    "rex",
];

/// Whether a text begins as the name of a species does.
pub(crate) fn is_species(text: &str) -> bool {
    let Some((_, name)) = text.split_once(". ").filter(|(first, _)| first.len() == 1) else { return false };
    let word = name.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    SPECIES.contains(&word)
}

/// The letter of an answer that is an option: `D`, `(D)`, `D)`, `D. Jupiter`, `(D) 12`, `D - 36`.
pub(crate) fn option_letter(text: &str) -> Option<char> {
    let text = text.trim();
    if is_species(text) {
        return None;
    }
    if text.contains("\\text") || text.contains("\\math") {
        let flat = flat(text);
        return (flat != text).then(|| option_letter(&flat)).flatten();
    }
    let (bracketed, rest) = text.strip_prefix('(').map_or((false, text), |rest| (true, rest));
    let letter = rest.chars().next().filter(|c| ('A'..='J').contains(c))?;
    let after = rest.get(1..)?;
    let spaced = |rest: &str| rest.starts_with([' ', '\\', '~', '\n', '}']);
    let named = match after.chars().next() {
        None => !bracketed,
        Some(')') => after.len() == 1 || spaced(after.get(1..)?),
        Some('.' | ':') if !bracketed => after.len() == 1 || spaced(after.get(1..)?),
        Some(' ') if !bracketed => {
            let dashed =
                [" - ", " \u{2013} ", " \u{2014} "].iter().any(|dash| after.starts_with(dash)) && after.len() > 4;
            dashed || (after.starts_with(" (") && after.ends_with(')'))
        }
        _ => false,
    };
    named.then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_in_lines_or_in_one() {
        for prompt in [
            "Q?\n(A) 1\n(B) 2\n(C) 3",
            "Q?\nA. 1\nB. 2\nC. 3\n\nAnswer with a letter.",
            "Pick one: A) 1, B) 2, C) 3",
            "An example:\nA. x\nB. y\n\nThe question:\nA: 1\nB: 2\nC: 3",
        ] {
            let options = Options::of_prompt(prompt).unwrap_or(Options(Vec::new()));
            assert_eq!(options.text_of('C'), Some("3"), "{prompt}");
            assert_eq!(options.letter_of("2.0"), Some('B'), "{prompt}");
            assert_eq!(options.letter_of("(C)"), Some('C'), "{prompt}");
            assert_eq!(options.letter_of("E"), None, "{prompt}");
            assert_eq!(options.letter_of("4"), None, "{prompt}");
        }
        assert_eq!(Options::of_prompt("A. Smith wrote: what is 2+2?"), None);
    }
}
