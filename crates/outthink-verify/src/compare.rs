//! Whether two answers mean the same.

use crate::exact::exact;
use crate::judge::Judge;
use crate::normal::{squeeze, squeezed_alike};
use crate::numerals::number_word;
use crate::options::option_letter;
use crate::points::{Same, scalars};
use crate::read::{MAX_LENGTH, Reading, mathematics, plain, read};
use crate::{ast::Expr, parser::Parsed};
use num_rational::BigRational;
use std::borrow::Cow;

/// How answers are held against each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Equality {
    /// For a reply against a reference: a unit, a name or a percent sign that one side leaves out is forgiven, and
    /// a decimal equals what it rounds, to six places. Not transitive: `5 cm` and `5 m` both equal `5`.
    #[default]
    Lenient,
    /// For replies among each other: exact, a unit is part of the answer. An equivalence relation, so that classes
    /// do not depend on the order in which answers arrive.
    Strict,
}

/// Whether two answers mean the same, as a reply is held against a reference ([`Equality::Lenient`]).
///
/// Judges numbers in any spelling, LaTeX, units with conversion, money, times, tuples, intervals, sets, matrices,
/// equations and symbolic expressions; everything else is compared as words, case aside. Equality is proved by
/// normal forms over exact numbers or by agreement of analytic functions; what cannot be decided is not equal. It
/// is reflexive and symmetric, never panics and takes bounded time.
///
/// ```
/// use outthink_verify::equivalent;
///
/// assert!(equivalent("\\frac{\\sqrt{8}}{2}", "\\sqrt{2}"));
/// assert!(equivalent("x = 3", "3"));
/// assert!(equivalent("5 \\text{ cm}", "5"));
/// assert!(equivalent("5 \\text{ cm}", "0.05 m"));
/// assert!(!equivalent("5 million", "5 billion"));
/// assert!(equivalent("(x+1)^2", "x^2 + 2x + 1"));
/// assert!(!equivalent("(1, 2]", "[1, 2]"));
/// ```
pub fn equivalent(a: &str, b: &str) -> bool {
    equivalent_by(a, b, Equality::Lenient)
}

/// Whether two answers mean the same under a rule of equality.
///
/// ```
/// use outthink_verify::{Equality, equivalent_by};
///
/// assert!(equivalent_by("5 cm", "5", Equality::Lenient));
/// assert!(!equivalent_by("5 cm", "5", Equality::Strict));
/// assert!(equivalent_by("5 cm", "50 mm", Equality::Strict));
/// ```
pub fn equivalent_by(a: &str, b: &str, equality: Equality) -> bool {
    let (a, b) = (a.trim(), b.trim());
    if a == b {
        return true;
    }
    if let (Some(a), Some(b)) = (plain_integer(a), plain_integer(b)) {
        return a == b;
    }
    if equality == Equality::Strict {
        return Meaning::of(a).is(&Meaning::of(b));
    }
    // The order of the arguments never matters.
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    if a.len() > MAX_LENGTH || b.len() > MAX_LENGTH {
        return squeezed_alike(a, b);
    }
    let (a, b) = (plain(a), plain(b));
    a == b || squeezed_alike(&a, &b) || lenient(&a, &b)
}

/// An answer read under [`Equality::Strict`]. What it equals depends on its meaning alone, so that classes do not
/// depend on the order in which answers arrive.
#[derive(Debug, Clone)]
pub(crate) enum Meaning {
    Math(Expr),
    Time(u32),
    Words(String),
}

impl Meaning {
    pub(crate) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Self::Words(squeeze(text));
        }
        let text = plain(text);
        match read(&lettered(&text), true) {
            Reading::Math(parsed) => Self::Math(crate::judge::normalised(&parsed.expr)),
            Reading::Time(seconds) => Self::Time(seconds),
            Reading::Words(words) if words.is_empty() => Self::Words(squeeze(&text)),
            Reading::Words(words) => Self::Words(squeeze(&words)),
        }
    }

    /// Whether the two are proved the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Math(a), Self::Math(b)) => Judge::new(Equality::Strict).same(a, b),
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Words(a), Self::Words(b)) => a == b,
            _ => false,
        }
    }
}

/// An option by its letter, everything else as it is.
fn lettered(text: &str) -> Cow<'_, str> {
    let several = crate::spoken::parts(text).is_some();
    option_letter(text)
        .filter(|_| !several)
        .map_or_else(|| Cow::Borrowed(text), |letter| Cow::Owned(letter.to_string()))
}

fn lenient(a: &str, b: &str) -> bool {
    match (option_letter(a), option_letter(b)) {
        (Some(x), Some(y)) if a.len() == 1 || b.len() == 1 => return x == y,
        _ => {}
    }
    if let (Some(x), Some(y)) = (letters(a), letters(b))
        && x == y
    {
        return true;
    }
    let same_words = || {
        // Nothing that does not count in words is a digit.
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
        if digits(a) != digits(b) {
            return false;
        }
        let (a, b) = (crate::read::words(a), crate::read::words(b));
        a == b && !a.is_empty()
    };
    // Where one of them is words, the other need not be read: the shorter one is read first.
    let words = |reading: &Reading| matches!(reading, Reading::Words(_));
    let b_first = (b.len() < a.len()).then(|| read(b, false));
    if b_first.as_ref().is_some_and(words) {
        return same_words();
    }
    let left = read(a, false);
    if words(&left) {
        return same_words();
    }
    let (left, right) = match (left, b_first.unwrap_or_else(|| read(b, false))) {
        (Reading::Math(left), Reading::Math(right)) => (left, right),
        (Reading::Time(a), Reading::Time(b)) => return a == b,
        // Two-digit ratios look like times: `7:32` beside `S : T = 7:32`.
        (Reading::Time(time), Reading::Math(other)) => return names_text(&other, b, a) || lasts(&other, a, time),
        (Reading::Math(other), Reading::Time(time)) => return names_text(&other, a, b) || lasts(&other, b, time),
        _ => return same_words(),
    };
    let mut judge = Judge::new(Equality::Lenient);
    if judge.same(&left.expr, &right.expr) {
        return true;
    }
    // A lone letter may be a unit after all, where the other side has one.
    let measured = |expr: &Expr| matches!(expr, Expr::Quantity(..));
    let other = |text: &str, against: &Parsed, judge: &mut Judge| {
        mathematics(text, true).is_some_and(|read| {
            (measured(&against.expr) || text.ends_with(['k', 'K', 'M', 'B'])) && judge.same(&read.expr, &against.expr)
        })
    };
    if (left.ambiguous && other(a, &right, &mut judge)) || (right.ambiguous && other(b, &left, &mut judge)) {
        return true;
    }
    // Engineers write j for the imaginary unit.
    let j = Expr::Var("j".to_owned());
    let turned = |expr: &Expr| expr.map(&|part| (*part == j).then_some(Expr::I));
    // A lone i is no number with an imaginary part.
    let (has_i, has_j) = (
        |expr: &Expr| *expr != Expr::I && expr.any(&|part| *part == Expr::I),
        |expr: &Expr| expr.any(&|part| *part == j),
    );
    if (has_i(&left.expr) && has_j(&right.expr) && judge.same(&left.expr, &turned(&right.expr)))
        || (has_i(&right.expr) && has_j(&left.expr) && judge.same(&turned(&left.expr), &right.expr))
    {
        return true;
    }
    // `1,5` is a list, but a number where the other side is the same number with a point.
    let decimal = |text: &str, against: &Parsed, judge: &mut Judge| {
        let single = matches!(against.expr, Expr::Num { .. } | Expr::Quantity(..));
        single
            && decimal_comma(text)
                .and_then(|text| mathematics(&text, measured(&against.expr)))
                .is_some_and(|read| judge.same(&read.expr, &against.expr))
    };
    if decimal(a, &right, &mut judge) || decimal(b, &left, &mut judge) {
        return true;
    }
    // A letter of an option in either case.
    let bare = |text: &str| {
        let letter = text.trim_matches(['(', ')'].as_slice());
        (letter.len() == 1).then(|| letter.to_ascii_uppercase()).filter(|letter| ("A"..="J").contains(&letter.as_str()))
    };
    bare(a).is_some_and(|letter| bare(b) == Some(letter))
}

/// Whether a time such as `1h30` is meant as a duration, which stands on the other side.
fn lasts(duration: &Parsed, time: &str, seconds: u32) -> bool {
    let Expr::Quantity(value, unit) = &duration.expr else { return false };
    let fits = unit.label.is_empty() && unit.dims.len() == 1 && unit.dims.get("s") == Some(&1);
    fits && time.contains('h')
        && !time.contains(':')
        && exact(value, &[]).is_some_and(|value| value * &unit.factor == BigRational::from_integer(seconds.into()))
}

/// Whether one side is `name = ratio` and its ratio stands letter by letter on the other.
fn names_text(math: &Parsed, text: &str, ratio: &str) -> bool {
    matches!(&math.expr, Expr::Relation(first, _) if crate::relation::is_name(first))
        && text.rsplit_once('=').is_some_and(|(_, right)| right.trim() == ratio.trim())
}

/// A number that is written with a decimal comma, with a point; `1,234` is none.
fn decimal_comma(text: &str) -> Option<String> {
    let (whole, places) = text.split_once(',')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let places_end = places.find(|c: char| !c.is_ascii_digit()).unwrap_or(places.len());
    let sign_free = whole.trim_start_matches(['-', '\u{20ac}', '$', ' '].as_slice());
    let thousands = places_end == 3 && sign_free.len() <= 3 && !sign_free.starts_with('0');
    (digits(sign_free) && places_end > 0 && !thousands && !places.get(places_end..)?.contains([',', '.']))
        .then(|| format!("{whole}.{places}"))
}

/// Several letters of options: `AC`, `A, C`, `A and C`.
fn letters(text: &str) -> Option<String> {
    if text.len() > 40 || !text.starts_with(|c: char| c.is_ascii_uppercase() || c == '(') {
        return None;
    }
    let kept: String =
        text.replace(" and ", ",").chars().filter(|c| !matches!(c, ',' | ' ' | '&' | '(' | ')')).collect();
    let fits = (2..=10).contains(&kept.len()) && kept.bytes().all(|b| (b'A'..=b'J').contains(&b));
    let ascending = kept.as_bytes().windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    (fits && ascending).then_some(kept)
}

/// Whether `answer` is right where `gold` is the reference answer.
///
/// As [`equivalent`], but the reference may name several accepted spellings, one a line; a condition behind it
/// ("x = 3 when n = 2") may be left out; and where it is a decimal of three figures or more, an exact value that
/// rounds to it is right. An empty reference accepts nothing.
pub(crate) fn is_correct(answer: &str, gold: &str) -> bool {
    if gold.trim().is_empty() {
        return false;
    }
    let mut lines = gold.lines().filter(|line| !line.trim().is_empty());
    equivalent(answer, gold)
        || rounds_to(answer, gold)
        || unconditioned(gold).is_some_and(|gold| equivalent(answer, gold))
        || (answer.len() == 1 && gold.lines().any(|line| opens_with_letter(line, answer)))
        || (gold.contains('\n') && lines.any(|line| equivalent(answer, line)))
}

/// Whether a reference is an option with its text but without a mark between them: `C Cecile`.
fn opens_with_letter(gold: &str, letter: &str) -> bool {
    let rest = gold.trim().strip_prefix(letter).and_then(|rest| rest.strip_prefix(' '));
    letter.bytes().all(|b| (b'A'..=b'J').contains(&b))
        && rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()))
}

/// A reference without the condition behind it.
fn unconditioned(gold: &str) -> Option<&str> {
    let at = [" when ", " if ", " for all ", " where ", ", where "].iter().filter_map(|word| gold.find(word)).min()?;
    gold.get(..at).map(|text| text.trim_end_matches(','))
}

/// Whether an exact value that is no decimal rounds to a decimal reference.
fn rounds_to(answer: &str, gold: &str) -> bool {
    let gold = plain(gold);
    let figures = gold.chars().filter(char::is_ascii_digit).collect::<String>().trim_start_matches('0').len();
    let Some((_, places)) =
        gold.split_once('.').filter(|(_, p)| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
    else {
        return false;
    };
    let text = plain(answer);
    if figures < 3 || text.contains('.') || text.len() > 256 || places.len() > 12 {
        return false;
    }
    let (Some(answer), Some(gold)) = (mathematics(&text, false), mathematics(&gold, false)) else { return false };
    let half = BigRational::new(1.into(), num_traits::pow(num_bigint::BigInt::from(10), places.len()) * 2);
    let Some(gold) = exact(&gold.expr, &[]) else { return false };
    if let Some(value) = exact(&answer.expr, &[]) {
        let apart = if value > gold { value - gold } else { gold - value };
        return apart <= half;
    }
    let value = crate::real::evaluate(&answer.expr, &|_| f64::NAN);
    let near = value.is_known().then(|| BigRational::from_float(value.mid)).flatten();
    near.is_some_and(|value| (if value > gold { value - gold } else { gold - value }) <= half)
}

/// Whether a text, its wrappers aside, is mathematics as a whole.
pub(crate) fn is_mathematics(text: &str) -> bool {
    let text = plain(text);
    match read(&text, false) {
        Reading::Words(_) => false,
        // "First" and "half" are words to a finder.
        _ if text.bytes().any(|b| b.is_ascii_digit()) => true,
        _ => mathematics(&text, false).is_some() || number_word(&text.to_lowercase()).is_some(),
    }
}

/// A normal form: answers with equal normal forms are equivalent, but not the other way round.
///
/// ```
/// use outthink_verify::canonical;
///
/// assert_eq!(canonical("\\frac{2}{4}"), canonical("1/2"));
/// assert_eq!(canonical("**Paris**."), "paris");
/// ```
pub fn canonical(answer: &str) -> String {
    let text = answer.trim();
    if let Some((sign, digits)) = plain_integer(text) {
        return format!("{sign}{digits}");
    }
    if text.len() > MAX_LENGTH {
        return squeeze(text);
    }
    let text = plain(text);
    match read(&text, false) {
        Reading::Math(Parsed { expr: Expr::Num { value, .. }, .. }) => value.to_string(),
        Reading::Time(seconds) => format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
        Reading::Words(words) if !words.is_empty() && option_letter(&text).is_none() => words,
        Reading::Math(_) | Reading::Words(_) => squeeze(&text),
    }
}

/// Sign and digits, without leading zeros, of a text that is an integer and nothing else.
fn plain_integer(text: &str) -> Option<(&str, &str)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match digits.trim_start_matches('0') {
        "" => Some(("", "0")),
        trimmed => Some((sign, trimmed)),
    }
}

/// Whether two scalars are proved the same.
pub(crate) fn proved(a: &Expr, b: &Expr, rounded: bool) -> bool {
    scalars(a, b, rounded) == Same::Yes
}
