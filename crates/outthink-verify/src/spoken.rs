//! Values that are said in words, as a whole text: signs, parts, odds, bases, currencies that stand first.

use crate::ast::Expr;
use crate::numerals;
use crate::read::{Reading, read};
use crate::units::Unit;
use num_rational::BigRational;

/// Longer texts are not said in words.
const MOST_BYTES: usize = 160;
/// Parts of an answer: `(a) 3 (b) 4`.
const MOST_PARTS: usize = 8;

/// Words before a number that make it negative; those that run into the number stand without a space.
const NEGATIVE: &[&str] = &[
    "minus ",
    "negative ",
    "negativ ",
    "moins ",
    "négatif ",
    "menos ",
    "negativo ",
    "минус ",
    "отрицательное ",
    "meno ",
    "سالب ",
    "ناقص ",
    "माइनस ",
    "ऋण ",
    "ऋणात्मक ",
    "负",
    "負",
    "マイナス",
    "마이너스",
    "음수 ",
    "零下",
    "氷点下",
    "영하",
];
/// Words behind a number that make it negative.
const BELOW: &[&str] = &[
    " below zero",
    " below 0",
    " under zero",
    " unter null",
    " sous zéro",
    " bajo cero",
    " abaixo de zero",
    " ниже нуля",
    " sotto zero",
    " تحت الصفر",
    " शून्य से नीचे",
];
/// What says that there is nothing.
const NOTHING: &[&str] = &[
    "no solution",
    "no solutions",
    "no real solution",
    "no real solutions",
    "there is no solution",
    "there are no solutions",
    "empty set",
    "the empty set",
    "null set",
    "keine lösung",
    "keine lösungen",
    "leere menge",
    "pas de solution",
    "aucune solution",
    "ensemble vide",
    "l'ensemble vide",
    "sin solución",
    "no hay solución",
    "ninguna solución",
    "conjunto vacío",
    "sem solução",
    "nenhuma solução",
    "conjunto vazio",
    "нет решений",
    "решений нет",
    "пустое множество",
    "无解",
    "無解",
    "空集",
    "解なし",
    "空集合",
    "해가 없다",
    "해 없음",
    "공집합",
    "لا يوجد حل",
    "لا حل",
    "कोई हल नहीं",
    "रिक्त समुच्चय",
];

/// The value of a text; nothing where it is not said in words.
pub(crate) fn value(text: &str, letters: bool) -> Option<Expr> {
    let text = text.trim();
    if text.len() > MOST_BYTES || !text.contains(|c: char| c.is_alphabetic() || matches!(c, '%' | '\'')) {
        return None;
    }
    if let Some(parts) = parts(text) {
        let part = |text: &&str| match read(text, letters) {
            Reading::Math(parsed) => parsed.expr,
            Reading::Time(seconds) => Expr::Text(seconds.to_string()),
            Reading::Words(words) => Expr::Text(words),
        };
        return Some(Expr::Bracket { open: '(', close: ')', items: parts.iter().map(part).collect() });
    }
    if let Some(value) = combination(text).or_else(|| in_base(text)) {
        return Some(value);
    }
    let lower = text.to_lowercase();
    if NOTHING.contains(&lower.as_str()) {
        return Some(Expr::Set(Vec::new()));
    }
    // One sign is enough: "minus minus 5" is not read.
    let signed = |text: &str| {
        let text = text.trim().to_lowercase();
        NEGATIVE.iter().any(|words| text.starts_with(words)) || BELOW.iter().any(|words| text.ends_with(words))
    };
    let scalar = |text: &str| {
        if signed(text) {
            return None;
        }
        match read(text.trim(), letters) {
            Reading::Math(parsed) => match parsed.expr {
                value @ (Expr::Quantity(..) | Expr::Percent(_)) => Some(value),
                value => value.is_scalar().then_some(value),
            },
            _ => None,
        }
    };
    for words in NEGATIVE {
        if lower.starts_with(words)
            && let Some(value) = text.get(words.len()..).and_then(scalar)
        {
            return Some(value.neg());
        }
    }
    for words in BELOW {
        if lower.ends_with(words)
            && let Some(value) = text.get(..text.len().saturating_sub(words.len())).and_then(scalar)
        {
            return Some(value.neg());
        }
    }
    if text.contains(['\\', '^', '=', '+', '*', '{', '<', '>', '|', '_']) {
        return None;
    }
    let number = |value| Expr::Num { value, decimal: false };
    if let Some(value) = numerals::number(&lower) {
        return Some(number(value));
    }
    if let Some(place) = numerals::ordinal(&lower) {
        return Some(Expr::Quantity(Box::new(number(BigRational::from_integer(place.into()))), Unit::of_label("th")));
    }
    if let Some(value) = odds(&lower) {
        return Some(value);
    }
    let moved = feet_and_inches(text).or_else(|| behind(text, &lower))?;
    match read(&moved, letters) {
        Reading::Math(parsed) => Some(parsed.expr),
        _ => None,
    }
}

/// The parts of an answer that are marked: `(a) 3 (b) 4`, `I) 2 II) 3`.
pub(crate) fn parts(text: &str) -> Option<Vec<&str>> {
    const MARKS: &[&[&str]] = &[
        &["a", "b", "c", "d", "e", "f", "g", "h"],
        &["A", "B", "C", "D", "E", "F", "G", "H"],
        &["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"],
        &["I", "II", "III", "IV", "V", "VI", "VII", "VIII"],
        &["1", "2", "3", "4", "5", "6", "7", "8"],
    ];
    if !text.contains(") ") {
        return None;
    }
    let opened = text.starts_with('(');
    for marks in MARKS {
        let mark = |at: usize| marks.get(at).map(|m| if opened { format!("({m}) ") } else { format!("{m}) ") });
        let Some(mut rest) = text.strip_prefix(&mark(0)?) else { continue };
        let mut parts = Vec::new();
        while parts.len() < MOST_PARTS {
            let next = mark(parts.len() + 1).and_then(|mark| {
                let at = rest
                    .match_indices(&mark)
                    .map(|found| found.0)
                    .find(|&at| rest[..at].ends_with([' ', ',', ';', '\n']))?;
                Some((at, at + mark.len()))
            });
            let end = next.map_or(rest.len(), |next| next.0);
            let part = rest
                .get(..end)?
                .trim()
                .trim_end_matches("and")
                .trim()
                .trim_end_matches([',', ';', '.'].as_slice())
                .trim();
            if !part.contains(char::is_alphanumeric) || part.starts_with(['+', '*', '/', '=']) {
                return None;
            }
            parts.push(part);
            match next {
                Some((_, after)) => rest = rest.get(after..)?,
                None => break,
            }
        }
        return (parts.len() > 1).then_some(parts);
    }
    None
}

fn digits(text: &str) -> Option<u64> {
    (text.len() < 10 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `3 out of 4` and `1 in 5` are fractions, `3 to 4` and `3比4` ratios.
fn odds(lower: &str) -> Option<Expr> {
    for between in [" out of ", " in "] {
        if let Some((top, bottom)) = lower.split_once(between)
            && let (Some(top), Some(bottom)) = (digits(top.trim()), digits(bottom.trim()))
            && top <= bottom
            && bottom > 0
        {
            return Some(Expr::Num { value: BigRational::new(top.into(), bottom.into()), decimal: false });
        }
    }
    for between in [" r ", " remainder ", " rest ", " reste ", " resto ", "余", "あまり", " остаток "] {
        if let Some((quotient, rest)) = lower.split_once(between)
            && let (Some(quotient), Some(rest)) = (digits(quotient.trim()), digits(rest.trim()))
        {
            let item = |n: u64| i64::try_from(n).ok().map(Expr::int);
            let items = vec![Expr::Text("remainder".to_owned()), item(quotient)?, item(rest)?];
            return Some(Expr::Bracket { open: '(', close: ')', items });
        }
    }
    [" to ", " zu ", " к ", "比", "対", "대", "对"].iter().find_map(|between| {
        let (a, b) = lower.split_once(between)?;
        let item = |text: &str| digits(text.trim()).and_then(|n| i64::try_from(n).ok()).map(Expr::int);
        Some(Expr::Ratio(vec![item(a)?, item(b)?]))
    })
}

/// `5'10"` in words.
fn feet_and_inches(text: &str) -> Option<String> {
    let (feet, inches) = text.split_once('\'')?;
    let inches = inches.trim().trim_end_matches(['"', '\'']);
    if inches.len() > 2 {
        return None;
    }
    let (feet, inches) = (digits(feet.trim())?, if inches.is_empty() { Some(0) } else { digits(inches) }?);
    Some(format!("{feet} ft {inches} in"))
}

/// With a currency or a percent sign behind the number that it stands before: `CHF 20`, `R$ 50`, `%20`, `時速60km`.
fn behind(text: &str, lower: &str) -> Option<String> {
    if let Some(rest) = lower.strip_prefix('%') {
        return rest.trim().starts_with(|c: char| c.is_ascii_digit()).then(|| format!("{}%", rest.trim()));
    }
    for (word, unit) in [("時速", "/h"), ("时速", "/h"), ("시속", "/h"), ("秒速", "/s"), ("초속", "/s")] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some(format!("{}{unit}", rest.trim()));
        }
    }
    let at = text.find(|c: char| c.is_ascii_digit())?;
    let word = text.get(..at)?.trim().trim_end_matches('.');
    if word.is_empty() || word.len() > 8 || word == "$" {
        return None;
    }
    let number = text.get(at..)?;
    let named = match word {
        "US$" | "U.S. $" => "usd",
        other => other,
    };
    let money = crate::units::unit(named).filter(Unit::is_money)?;
    Some(format!("{number} {}", money.dims.keys().next()?))
}

/// `{}_5C_2`, `^5C_2`, `5C2`: a number of combinations.
fn combination(text: &str) -> Option<Expr> {
    let (n, k) = text.split_once('C')?;
    let bare = |text: &str| {
        let text = text.trim().trim_start_matches("{}").trim_start_matches(['_', '^']);
        digits(text.trim_matches(['{', '}', ' '].as_slice()))
    };
    let (n, k) = (bare(n)?, bare(k)?);
    let fits = k <= n && n <= 500 && text.contains(['_', '^']);
    let int = |n: u64| i64::try_from(n).ok().map(Expr::int);
    fits.then(|| Some(Expr::Call(crate::ast::Func::Binomial, vec![int(n)?, int(k)?])))?
}

/// `FF_{16}`, `1101 base 2`, `2A (base 16)`.
fn in_base(text: &str) -> Option<Expr> {
    let (number, base) =
        [" base ", " (base ", " in base ", "_{", "_"].iter().find_map(|between| text.split_once(between))?;
    let number = number.trim().trim_end_matches(" in").trim_end_matches("_{").trim_matches(['{', '}'].as_slice());
    let base = digits(base.trim_matches(['{', '}', ')', ' '].as_slice()))?;
    let lettered = number.bytes().any(|b| b.is_ascii_alphabetic());
    // `A_{16}` is a name, `FF_{16}` a number.
    if !number.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        || lettered && (base < 11 || number.len() < 2)
    {
        return None;
    }
    crate::number::in_base(number, &Expr::int(i64::try_from(base).ok()?))
}
