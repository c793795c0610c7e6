//! Whether an answer goes on behind a part of it that reads as a value: "2 hours | 30 minutes", "3 | out of 4".

use super::denial;
use crate::numerals::number_word;
use crate::words::is_operator;

/// What ends the answer for certain.
const CLAUSES: &[&str] =
    &[", ", "\u{ff0c}", " (", "(", "\u{ff08}", ";", "\u{ff1b}", "\u{3002}", " - ", " \u{2013} ", ": "];
/// Words that begin a remark on the value before them: numbers behind them belong to the remark.
const REMARKS: &[&str] = &[
    "for",
    "when",
    "if",
    "where",
    "with",
    "at",
    "after",
    "before",
    "from",
    "that",
    "which",
    "since",
    "sold",
    "left",
    "each",
    "every",
    "because",
    "who",
    "whose",
    "on",
    "by",
    "during",
    "until",
    "while",
    "he",
    "she",
    "they",
    "it",
    "we",
    "is",
    "are",
    "was",
    "were",
    "so",
    "as",
    "than",
    "using",
    "given",
    "among",
    "between",
    "without",
    "into",
    "more",
    "wenn",
    "f\u{fc}r",
    "bei",
    "mit",
    "nach",
    "pro",
    "die",
    "der",
    "das",
    "f\u{fc}rs",
    "pour",
    "quand",
    "si",
    "avec",
    "apr\u{e8}s",
    "para",
    "cuando",
    "con",
    "com",
    "quando",
    "se",
    "depois",
    "para",
    "que",
    "qui",
    "\u{435}\u{441}\u{43b}\u{438}",
    "\u{43f}\u{440}\u{438}",
    "\u{434}\u{43b}\u{44f}",
    "\u{43f}\u{43e}\u{441}\u{43b}\u{435}",
];
/// Words that make a ratio of two numbers, where they stand directly between them.
const RATIOS: &[&str] = &[
    "in",
    "of",
    "out",
    "to",
    "per",
    "von",
    "aus",
    "zu",
    "sur",
    "\u{e0}",
    "de",
    "en",
    "a",
    "\u{438}\u{437}",
    "\u{43a}",
    "over",
    "against",
    "below",
    "above",
    "under",
    "em",
];
/// Words for parts, which are numbers.
const PARTS: &[&str] = &[
    "half",
    "halves",
    "quarter",
    "quarters",
    "third",
    "thirds",
    "halb",
    "halbe",
    "viertel",
    "demi",
    "demie",
    "quart",
    "medio",
    "media",
    "meio",
    "meia",
    "\u{43f}\u{43e}\u{43b}\u{43e}\u{432}\u{438}\u{43d}\u{43e}\u{439}",
    "\u{447}\u{435}\u{442}\u{432}\u{435}\u{440}\u{442}\u{44c}\u{44e}",
];
/// Signs that link steps or parts.
const SIGNS: &[&str] = &["->", "=>", "\u{2192}", "\u{21d2}", "\u{2192}", "/", ":", "|", "vs", "vs.", "\u{d7}", "x"];
/// Words that are looked at.
const MOST_WORDS: usize = 6;

/// Whether an answer goes on in what stands behind a part of it.
pub(super) fn goes_on(rest: &str) -> bool {
    if denial::instead(rest).is_some() || denial::after(rest).is_some() {
        return false;
    }
    let end = CLAUSES.iter().filter_map(|clause| rest.find(clause)).min().unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or(rest);
    if !rest.starts_with(char::is_whitespace) {
        // East Asian writing sets no words apart.
        return rest.contains(|c: char| c.is_ascii_digit() || c == '半');
    }
    let mut words = rest.split_whitespace().peekable();
    let Some(first) = words.peek() else { return false };
    let is_number = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        word.contains(char::is_numeric)
            || number_word(&bare).is_some_and(|_| bare != "one")
            || PARTS.contains(&bare.as_str())
            || crate::words::magnitude(&bare).is_some()
    };
    if SIGNS.contains(first) {
        return true;
    }
    if RATIOS.contains(first) {
        let second = rest.split_whitespace().nth(1).unwrap_or_default();
        let third = rest.split_whitespace().nth(2).unwrap_or_default();
        let of_variable = second.trim_matches('$').chars().count() == 1 && second != "a" && *first == "of";
        return is_number(second) || of_variable || (*first == "out" && is_number(third)) || second == "zero";
    }
    for word in words.take(MOST_WORDS) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        if is_number(word) {
            return true;
        }
        if bare == "a" {
            continue;
        }
        if REMARKS.contains(&bare.as_str()) || RATIOS.contains(&bare.as_str()) || (is_operator(word) && bare != "and") {
            return false;
        }
    }
    false
}

/// Measures of one kind, from the larger one to the smaller one, by how their names begin.
const CHAINS: &[&[&str]] = &[
    &["year", "month", "week", "day", "hour", "minute", "second"],
    &["yr", "mo", "wk", "d", "h", "min", "s"],
    &["hr", "min", "sec"],
    &["jahr", "monat", "woche", "tag", "stunde", "minute", "sekunde"],
    &["an", "mois", "semaine", "jour", "heure", "minute", "seconde"],
    &["a\u{f1}o", "mes", "semana", "d\u{ed}a", "hora", "minuto", "segundo"],
    &["ano", "m\u{ea}s", "semana", "dia", "hora", "minuto", "segundo"],
    &[
        "\u{433}\u{43e}\u{434}",
        "\u{43c}\u{435}\u{441}\u{44f}\u{446}",
        "\u{434}",
        "\u{447}\u{430}\u{441}",
        "\u{43c}\u{438}\u{43d}\u{443}\u{442}",
        "\u{441}\u{435}\u{43a}\u{443}\u{43d}\u{434}",
    ],
    &["mile", "yard", "feet", "inch"],
    &["yd", "foot", "inch"],
    &["ft", "in"],
    &["km", "m", "cm", "mm"],
    &["ton", "pound", "ounce"],
    &["lb", "oz"],
    &["kg", "g", "mg"],
    &["gallon", "quart", "pint", "cup"],
    &["dollar", "cent"],
    &["euro", "cent"],
    &["pound", "pence"],
    &["degree", "minute", "second"],
];

/// Where an answer in several measures begins whose last number is at a place: "2 hours and 30 minutes".
pub(super) fn measures(sentence: &str, at: usize) -> Option<usize> {
    let before = sentence.get(..at)?.trim_end();
    let before = before.trim_end_matches(',').trim_end();
    let joined =
        ["and", "und", "et", "y", "e", "\u{438}"].iter().find_map(|and| before.strip_suffix(and)?.strip_suffix(' '));
    let head = joined.unwrap_or(before).trim_end().trim_end_matches(',');
    let (number, unit) = head.rsplit_once(' ')?;
    let next = sentence.get(at..)?.split_whitespace().nth(1)?.to_lowercase();
    let unit = unit.to_lowercase();
    let place = |chain: &[&str], word: &str| {
        chain.iter().position(|name| word.starts_with(name) && word.len() <= name.len() + 3)
    };
    let linked =
        CHAINS.iter().any(|chain| matches!((place(chain, &unit), place(chain, &next)), (Some(a), Some(b)) if a < b));
    let (start, end, _) = crate::scan::last_number_at(number)?;
    (linked && end == number.len()).then(|| measures(sentence, start).unwrap_or(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_on_where_more_numbers_follow() {
        for rest in [
            " 30 minutes",
            " and 4 pears",
            " out of 4",
            " in 5",
            " -> 2 -> 3",
            " 3 2 1",
            " of x",
            "分之1",
            "倍根号3",
            " and a half",
        ] {
            assert!(goes_on(rest), "{rest}");
        }
        for rest in [
            " that are left",
            " for 3 days",
            " (n = 7)",
            ", which is 3",
            "です",
            " and each gets one",
            " in the 3 bags",
            "",
        ] {
            assert!(!goes_on(rest), "{rest}");
        }
    }
}
