//! The game of 24 and its like: make a number out of others.

use super::{Checker, CheckerError, Rule};
use crate::spec::{Argument, Costs, NamedBy, VerifierEntry, VerifierSpec};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use outthink_core::Entry;
use serde_json::{Value, json};

/// How it is described and read.
pub(crate) const ENTRY: VerifierEntry = VerifierEntry {
    entry: Entry {
        also: &["game-of-24", "game24"],
        ..Entry::new(
            "countdown",
            "1 if the reply makes the target out of the numbers, each used once, in exact fractions",
        )
    },
    argument: "TARGET=A,B,C",
    example: "countdown:24=4,9,10,13",
    key: "countdown",
    costs: Costs::Nothing,
    named_by: NamedBy::Anyone,
    file: false,
    schema: || {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["target", "numbers"],
            "properties": {
                "target": {"type": "integer", "description": "the number to make"},
                "numbers": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0},
                    "minItems": 2,
                    "maxItems": MOST_NUMBERS,
                    "description": "the numbers to make it of, each used once",
                },
            },
        })
    },
    read: |argument| {
        let game = match argument {
            Argument::Json(value) => of_json(value),
            Argument::Text(text) => of_text(text),
            Argument::Bytes(_) => None,
        };
        let (numbers, target) = game.ok_or_else(|| {
            CheckerError(format!(
                "a countdown needs a target and numbers: give {} or {}",
                ENTRY.example, r#"{"target": 24, "numbers": [4, 9, 10, 13]}"#
            ))
        })?;
        Ok(VerifierSpec::Rule(Checker::new(ENTRY.entry.name, Countdown::new(&numbers, target)?)))
    },
};

fn of_json(value: &Value) -> Option<(Vec<u64>, i64)> {
    let numbers = value["numbers"].as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?;
    Some((numbers, value["target"].as_i64()?))
}

fn of_text(text: &str) -> Option<(Vec<u64>, i64)> {
    let (target, numbers) = text.split_once('=')?;
    let numbers = numbers.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
    Some((numbers, target.trim().parse().ok()?))
}

impl Rule for Countdown {
    fn accepts(&self, reply: &str) -> bool {
        Self::accepts(self, reply)
    }
}

/// Numbers in one game at most.
const MOST_NUMBERS: usize = 12;
/// Bytes of an expression that is looked at.
const MOST_BYTES: usize = 512;

/// A game: use each of the numbers once, with + - * / and parentheses, to make the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countdown {
    /// Sorted.
    numbers: Vec<u64>,
    target: BigRational,
    /// Whether numbers may be left over.
    all: bool,
}

impl Countdown {
    /// A game that uses all numbers, as the game of 24 does.
    ///
    /// # Errors
    /// If there are fewer than two or more than twelve numbers.
    pub fn new(numbers: &[u64], target: i64) -> Result<Self, CheckerError> {
        if !(2..=MOST_NUMBERS).contains(&numbers.len()) {
            let words = format!("a game of {} numbers is not possible: give 2 to {MOST_NUMBERS}", numbers.len());
            return Err(CheckerError(words));
        }
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        Ok(Self { numbers, target: BigRational::from_integer(BigInt::from(target)), all: true })
    }

    /// Allows numbers to be left over, as in Countdown.
    #[must_use]
    pub const fn with_leftovers(mut self) -> Self {
        self.all = false;
        self
    }

    /// Whether the last expression of a reply solves the game. What is looked at is its answer, or
    /// the last line that holds an operator; a side of `=` that is only the target does not count.
    pub fn accepts(&self, reply: &str) -> bool {
        let reply = crate::find::reply(reply);
        let answer = crate::find_answer(reply).map(|a| a.text);
        let solution = reply.lines().rev().take(64).any(|line| line.contains('=') && self.solves(line));
        let line = reply.lines().rev().find(|l| l.contains(['+', '-', '*', '/', '×', '÷', '\u{2212}']));
        answer.as_deref().into_iter().chain(line).any(|text| self.solves(text)) || (answer.is_none() && solution)
    }

    /// Whether an expression, alone or as a side of an equation, solves the game. An equation that claims another
    /// value does not.
    pub fn solves(&self, text: &str) -> bool {
        if text.len() > MOST_BYTES {
            return false;
        }
        let text = with_equal_signs(text);
        let text = text.rsplit_once(':').map_or(text.as_str(), |(_, expression)| expression);
        let sides: Vec<&str> = text.split('=').map(without_prose).collect();
        sides.iter().any(|side| self.is_solution(side))
            && sides.iter().all(|side| claimed(side).is_none_or(|value| value == self.target))
    }

    fn is_solution(&self, expression: &str) -> bool {
        let Some((value, mut used)) = evaluate(expression) else { return false };
        used.sort_unstable();
        let fits = if self.all { used == self.numbers } else { is_sub_multiset(&used, &self.numbers) };
        fits && used.len() >= 2 && value == self.target
    }
}

/// Whether every number of `part` is in `whole` as often; both sorted.
fn is_sub_multiset(part: &[u64], whole: &[u64]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|n| rest.by_ref().any(|w| w == n))
}

/// With words and signs that claim a value as equal signs.
fn with_equal_signs(text: &str) -> String {
    let mut text = text.replace(['\u{2248}', '\u{21d2}', '\u{2192}', '\u{ff1d}'], "=");
    for words in
        ["\\approx", "\\Rightarrow", " equals ", " is equal to ", " gives ", " makes ", " yields ", " is ", "=>", "->"]
    {
        text = text.replace(words, "=");
    }
    text
}

/// Without the words around an expression: "the equation (13 - 9) * 6 works".
fn without_prose(side: &str) -> &str {
    let word =
        |c: char| c.is_alphabetic() || c.is_whitespace() || matches!(c, ',' | '.' | '!' | '\'' | '"' | '\u{2713}');
    let side = side.trim();
    if side.starts_with('\\') { side } else { side.trim_matches(word) }
}

/// The value that a side of an equation has, or the number that it begins with where more is said about it.
fn claimed(side: &str) -> Option<BigRational> {
    if let Some((value, _)) = evaluate(side) {
        return Some(value);
    }
    let side = side.trim_start_matches(['$', '`', '*', ' ', '(']);
    let (sign, digits) = side.strip_prefix('-').map_or((1, side), |rest| (-1, rest));
    let end = digits.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(digits.len());
    let rest = digits.get(end..)?.trim_start();
    if rest.starts_with(['+', '-', '*', '/', ')', '\\', '\u{d7}', '\u{f7}', 'x', '\u{2212}', '\u{b7}']) {
        return None;
    }
    match crate::number::parse_number(digits.get(..end)?.trim_end_matches('.'))? {
        crate::ast::Expr::Num { value, .. } => Some(value * BigInt::from(sign)),
        _ => None,
    }
}

/// With the letter x as a sign of multiplication where it stands between two values.
fn with_times(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let after = text.get(at + c.len_utf8()..).unwrap_or("").trim_start();
        let between = matches!(before, '0'..='9' | ')' | ']')
            && after.starts_with(|c: char| c.is_ascii_digit() || "([".contains(c));
        out.push(if matches!(c, 'x' | 'X') && between { '*' } else { c });
        if !c.is_whitespace() {
            before = c;
        }
    }
    out
}

/// The exact value of an expression and the numbers in it.
fn evaluate(text: &str) -> Option<(BigRational, Vec<u64>)> {
    let text = without_fractions(&with_times(text));
    let plain = text
        .replace(['×', '·', '\u{2217}', '\u{22c5}'], "*")
        .replace("\\times", "*")
        .replace("\\cdot", "*")
        .replace('÷', "/");
    let plain = plain
        .replace("\\div", "/")
        .replace(['\u{2212}', '\u{2013}'], "-")
        .replace(['[', '{'], "(")
        .replace([']', '}'], ")");
    let plain =
        plain.trim().trim_matches(|c| c == '$' || c == '`' || c == '.').replace("\\left", "").replace("\\right", "");
    let tokens: Vec<char> = plain.chars().filter(|c| !c.is_whitespace()).collect();
    let mut parser = Parser { tokens: &tokens, at: 0, used: Vec::new(), depth: 0 };
    let value = parser.sum()?;
    (parser.at == tokens.len()).then_some((value, parser.used))
}

/// With `\frac{a}{b}` as a division.
fn without_fractions(text: &str) -> String {
    let mut text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac");
    for _ in 0..MOST_NUMBERS {
        let Some(at) = text.rfind("\\frac{") else { break };
        let inside = |from: usize| text.get(from..).and_then(crate::normal::braced);
        let top_at = at + "\\frac".len();
        let Some(top) = inside(top_at) else { break };
        let bottom_at = top_at + top.len() + 2;
        let Some(bottom) = inside(bottom_at) else { break };
        let end = bottom_at + bottom.len() + 2;
        text = format!("{}(({top})/({bottom})){}", &text[..at], text.get(end..).unwrap_or_default());
    }
    text
}

struct Parser<'a> {
    tokens: &'a [char],
    at: usize,
    used: Vec<u64>,
    depth: u32,
}

impl Parser<'_> {
    fn next_is(&mut self, c: char) -> bool {
        let found = self.tokens.get(self.at) == Some(&c);
        self.at += usize::from(found);
        found
    }

    fn sum(&mut self) -> Option<BigRational> {
        let mut value = self.product()?;
        loop {
            if self.next_is('+') {
                value += self.product()?;
            } else if self.next_is('-') {
                value -= self.product()?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<BigRational> {
        let mut value = self.atom()?;
        loop {
            if self.next_is('*') {
                value *= self.atom()?;
            } else if self.tokens.get(self.at) == Some(&'(') {
                // "(13-9)(10-4)" is a product.
                value *= self.atom()?;
            } else if self.next_is('/') || self.next_is(':') {
                let divisor = self.atom()?;
                if divisor.is_zero() {
                    return None;
                }
                value /= divisor;
            } else {
                return Some(value);
            }
        }
    }

    fn atom(&mut self) -> Option<BigRational> {
        if self.next_is('-') {
            self.depth += 1;
            let value = if self.depth <= 64 { self.atom()? } else { return None };
            self.depth -= 1;
            return Some(-value);
        }
        if self.next_is('(') {
            self.depth += 1;
            let value = if self.depth <= 64 { self.sum()? } else { return None };
            self.depth -= 1;
            return self.next_is(')').then_some(value);
        }
        let digits: String = self.tokens[self.at..].iter().take_while(|c| c.is_ascii_digit()).collect();
        if digits.is_empty() || self.used.len() >= MOST_NUMBERS {
            return None;
        }
        self.at += digits.len();
        let number: u64 = digits.parse().ok()?;
        self.used.push(number);
        Some(BigRational::from_integer(BigInt::from(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_use_each_number_once_and_make_the_target() {
        let game = Countdown::new(&[4, 9, 10, 13], 24).unwrap();
        assert!(game.solves("(13 - 9) * (10 - 4) = 24"));
        assert!(game.solves("24 = (10 − 4) × (13 − 9)"));
        assert!(game.accepts("Steps:\n13 - 9 = 4\nAnswer: (10 - 4) * (13 - 9) = 24"));
        for text in [
            "The equation (13-9)*(10-4) equals 24.",
            "(13-9)*(10-4) ≈ 24",
            "(13-9)x(10-4)",
            "(13 - 9) x (10 - 4) = 4 x 6 = 24",
            "So (13-9)*(10-4) = 24, which is right.",
            "(13-9)*(10-4) gives 24.0",
            "(13 – 9) × (10 – 4) → 24",
            "-(9-13)*(10-4)",
        ] {
            assert!(game.solves(text), "{text}");
        }
        for text in [
            "(13-9)*(10-4) = 25",
            "(13-9)*(10-4) equals 25.",
            "(13-9)*(10-4) = 25 (done)",
            "(13-9)*(10-4) ≈ 23.9",
            "25 = (13-9)*(10-4)",
            "(13-9)*(10-4) = 4*5 = 24",
            "13-9 = 4, 4*(10-4) = 24",
        ] {
            assert!(!game.solves(text), "{text}");
        }
        assert!(Countdown::new(&[5, 10], -5).unwrap().solves("-10+5"));
        assert!(!game.solves("(13 - 9) * 6 = 24"));
        assert!(!game.solves("24 = 24"));
        assert!(!game.solves("(13 - 9) * (10 - 4) + 1 = 24"));
        let game = Countdown::new(&[3, 3, 8, 8], 24).unwrap();
        assert!(game.solves("8 / (3 - 8 / 3)"), "exact fractions");
        assert!(!game.solves("8 / (3 - 3) + 8"));
    }

    #[test]
    fn countdown_allows_leftovers() {
        let game = Countdown::new(&[3, 7, 25, 50], 75).unwrap();
        assert!(!game.solves("50 + 25"));
        assert!(game.clone().with_leftovers().solves("50 + 25"));
        assert!(!game.with_leftovers().solves("25 + 25 + 25"));
    }

    #[test]
    fn impossible_games_are_refused() {
        assert!(Countdown::new(&[1], 1).is_err());
        let deep = "(".repeat(200);
        assert!(!Countdown::new(&[1, 2], 3).unwrap().solves(&deep));
    }
}
