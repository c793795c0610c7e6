//! Quantities: numbers, mixed numbers, and the magnitudes and units behind them.

use crate::ast::Expr;
use crate::lexer::Tok;
use crate::number::{as_fraction, parse_number};
use crate::parser::Parser;
use crate::units::{Unit, phrase, unit};
use crate::words::{is_operator, magnitude};
use num_bigint::BigInt;
use num_rational::BigRational;

/// Words of one unit or label at most.
const MOST_WORDS: usize = 8;

/// What stands behind a value.
pub(crate) enum Behind {
    /// What it measures or counts.
    Unit(Unit),
    /// A thousandth or ten-thousandth of it is meant.
    Part(BigRational),
}

impl Parser {
    /// A sum of money; the sign is taken already.
    pub(crate) fn money(&mut self, sign: char) -> Option<Expr> {
        let negative = self.take_sym('-');
        let Some(Tok::Num(_)) = self.peek() else { return None };
        let mut value = self.number()?;
        while let Some(times) = self.take_money_letter().or_else(|| self.take_magnitude()) {
            value = Expr::Mul(vec![value, Expr::Num { value: times, decimal: false }]);
        }
        let value = if negative { value.neg() } else { value };
        let mut unit = Unit::of_money(sign)?;
        // "$5 dollars" only says so again; "$5 per day" is another sum than "$5 per week".
        match self.unit_ahead() {
            Some((again, length)) if again.dims == unit.dims => self.at += length,
            _ => {
                if let Some(length) = self.label_ahead() {
                    unit.label = Unit::of_label(&self.text_ahead(length)).label;
                    self.at += length;
                }
            }
        }
        Some(Expr::Quantity(Box::new(value), unit))
    }

    /// Takes the letter of a magnitude behind a sum of money: `$1.5M`, `$20k`.
    fn take_money_letter(&mut self) -> Option<BigRational> {
        let (Tok::Word(word) | Tok::Text(word)) = self.peek()? else { return None };
        let n: u64 = match word.trim() {
            "k" | "K" => 1_000,
            "m" | "M" | "MM" => 1_000_000,
            "b" | "B" => 1_000_000_000,
            "t" | "T" => 1_000_000_000_000,
            _ => return None,
        };
        self.at += 1;
        Some(BigRational::from_integer(BigInt::from(n)))
    }

    /// Takes a word that multiplies the number before it: "million", "dozen", and `k` where letters are units.
    pub(crate) fn take_magnitude(&mut self) -> Option<BigRational> {
        let times = |n: u64| BigRational::from_integer(n.into());
        let word = match self.peek()? {
            Tok::Word(word) | Tok::Text(word) => word.trim().trim_matches('~').to_owned(),
            _ => return None,
        };
        if let Some(n) = magnitude(&word.to_lowercase()) {
            self.at += 1;
            return Some(times(n));
        }
        if self.tokens.len() == self.at + 1
            && !self.spaced(0)
            && let Some(n) = match word.as_str() {
                "k" | "K" => Some(1_000),
                "M" => Some(1_000_000),
                "B" => Some(1_000_000_000),
                _ => None,
            }
        {
            self.ambiguous = true;
            if self.letters {
                self.at += 1;
                return Some(times(n));
            }
        }
        if word.is_ascii() || unit(&word).is_some() {
            return None;
        }
        // East Asian magnitudes run into what follows: the longest one that begins the word.
        let ends: Vec<usize> = word.char_indices().map(|(at, _)| at).skip(1).collect();
        let (n, rest) = ends.iter().rev().find_map(|&at| Some((magnitude(word.get(..at)?)?, word.get(at..)?)))?;
        let rest = rest.to_owned();
        if let Some(Tok::Word(text) | Tok::Text(text)) = self.tokens.get_mut(self.at).map(|t| &mut t.tok) {
            *text = rest;
        }
        Some(times(n))
    }

    /// Takes "percent" and its like after a number.
    pub(crate) fn take_percent_word(&mut self, factors: &[Expr]) -> bool {
        let Some(Expr::Num { .. }) = factors.last() else { return false };
        let word = |by: usize| match self.ahead(by) {
            Some(Tok::Word(word) | Tok::Text(word)) => word.trim().trim_end_matches('.').to_lowercase(),
            _ => String::new(),
        };
        let (first, second) = (word(0), word(1));
        let length = match (first.as_str(), second.as_str()) {
            ("per" | "por" | "pour", "cent" | "cento" | "ciento")
            | ("في", "المئة" | "المائة")
            | ("percentage", "point" | "points") => 2,
            _ if is_percent(&first) => 1,
            _ => return false,
        };
        self.at += length;
        true
    }

    /// Takes words that follow a value and say what it measures or counts.
    pub(crate) fn take_unit(&mut self, factors: &[Expr]) -> Option<Behind> {
        let tok = self.peek()?;
        if Self::is_conjunction(tok) || factors.is_empty() {
            return None;
        }
        let numeric = matches!(factors.last(), Some(Expr::Num { .. } | Expr::Percent(_)));
        match tok {
            Tok::Cmd(name) if name == "degree" => {
                return self.take_degree().map(Behind::Unit);
            }
            Tok::Cmd(name) if name == "permille" => {
                self.at += 1;
                return Some(Behind::Part(BigRational::new(1.into(), 1_000.into())));
            }
            Tok::Money(sign) => {
                let unit = Unit::of_money(*sign)?;
                self.at += 1;
                return Some(Behind::Unit(unit));
            }
            Tok::Text(_) => {}
            Tok::Word(_) | Tok::Cmd(_) if numeric => {}
            _ => return None,
        }
        let is = |by: usize, names: &[&str]| matches!(self.ahead(by), Some(Tok::Word(word) | Tok::Text(word)) if names.contains(&word.trim()));
        let points = is(0, &["bps", "bp", "basis points"]);
        if points || is(0, &["basis"]) && is(1, &["points", "point"]) {
            self.at += if points { 1 } else { 2 };
            return Some(Behind::Part(BigRational::new(1.into(), 10_000.into())));
        }
        let mut unit = match self.unit_ahead() {
            Some((unit, length)) => {
                self.at += length;
                Some(unit)
            }
            None => None,
        };
        if let Some(length) = self.label_ahead() {
            let label = Unit::of_label(&self.text_ahead(length));
            self.at += length;
            match &mut unit {
                Some(unit) => unit.label = label.label,
                None => unit = Some(label),
            }
        }
        unit.map(Behind::Unit)
    }

    /// The rest of a quantity in smaller units: the `30 min` of `1 h 30 min`, the `3 in` of `5 ft 3 in`.
    pub(crate) fn take_smaller(&mut self, value: Expr, unit: &Unit) -> Option<Expr> {
        let saved = self.at;
        if self.peek().is_some_and(|tok| matches!(tok, Tok::Word(word) | Tok::Text(word) if matches!(word.trim(), "and" | "und" | "et" | "y" | "e" | "и"))) {
            self.at += 1;
        }
        let compound = ["s", "m", "g", "degree", "month"]
            .iter()
            .any(|name| unit.dims.len() == 1 && unit.dims.get(name) == Some(&1))
            || unit.dims.get("m") == Some(&3);
        let money = unit.dims.len() == 1 && ["usd", "gbp", "inr"].iter().any(|name| unit.dims.contains_key(name));
        if (compound || money)
            && let Some(Tok::Num(_)) = self.peek()
            && let Some(Expr::Num { value: part, .. }) = self.literal()
            && let Some((smaller, length)) = self.smaller_ahead(unit)
            && smaller.dims == unit.dims
            && smaller.factor < unit.factor
            && &part * &smaller.factor < unit.factor
        {
            self.at += length;
            let part = Expr::Num { value: part * &smaller.factor / &unit.factor, decimal: false };
            let sum = Expr::Add(vec![value, part]);
            // `1 h 30 min 20 s`: what follows is smaller still.
            let left = Unit { factor: smaller.factor, ..unit.clone() };
            return match self.take_smaller(Expr::int(0), &left) {
                Some(Expr::Add(rest)) => {
                    let scale = Expr::Num { value: &left.factor / &unit.factor, decimal: false };
                    Some(Expr::Add(vec![sum, Expr::Mul(vec![Expr::Add(rest), scale])]))
                }
                _ => Some(sum),
            };
        }
        self.at = saved;
        None
    }

    /// A unit ahead, which may be one letter behind a larger unit of time: the `m` of `1 h 30 m`.
    fn smaller_ahead(&mut self, larger: &Unit) -> Option<(Unit, usize)> {
        if let Some(Tok::Word(word)) = self.peek()
            && word == "m"
            && larger.dims.contains_key("s")
        {
            return Some((unit("minute")?, 1));
        }
        if let Some(Tok::Word(word)) = self.peek()
            && matches!(word.as_str(), "s" | "h" | "g")
        {
            return Some((unit(word)?, 1));
        }
        self.unit_ahead()
    }

    /// The text of words ahead.
    fn text_ahead(&self, length: usize) -> String {
        let mut text = String::new();
        for by in 0..length {
            if let Some(Tok::Word(word) | Tok::Text(word)) = self.ahead(by) {
                text.push(' ');
                text.push_str(word.trim());
            }
        }
        text
    }

    /// The longest unit that begins here, and how many tokens it takes.
    fn unit_ahead(&mut self) -> Option<(Unit, usize)> {
        let mut text = String::new();
        let mut best = None;
        let mut by = 0;
        let (mut words, mut lone) = (0, true);
        while words < MOST_WORDS {
            match self.ahead(by) {
                Some(Tok::Text(part)) => {
                    text.push(' ');
                    text.push_str(part.trim());
                    lone = false;
                }
                Some(Tok::Word(part)) => {
                    text.push(' ');
                    text.push_str(part);
                    lone &= words == 0 && part.len() == 1;
                }
                Some(Tok::Cmd(name)) if matches!(name.as_str(), "mu" | "Omega" | "degree") => {
                    text.push_str(match name.as_str() {
                        "mu" => " \u{3bc}",
                        "Omega" if text.ends_with(['k', 'M', 'm']) => "\u{3a9}",
                        "Omega" => " \u{3a9}",
                        _ => " \u{b0}",
                    });
                    by += 1;
                    if name_glues(self.ahead(by))
                        && let Some(Tok::Word(part) | Tok::Text(part)) = self.ahead(by)
                    {
                        text.push_str(part.trim());
                        by += 1;
                    }
                    lone = false;
                    by -= 1;
                }
                Some(Tok::Sym('/')) if !text.is_empty() => {
                    text.push('/');
                    by += 1;
                    continue;
                }
                Some(Tok::Sym('*')) if !text.is_empty() && !matches!(self.ahead(by + 1), Some(Tok::Num(_))) => {
                    text.push('*');
                    by += 1;
                    continue;
                }
                _ => break,
            }
            by += 1;
            words += 1;
            if let Some((exponent, length)) = self.exponent_ahead(by) {
                text.push('^');
                text.push_str(&exponent);
                by += length;
                lone = false;
            }
            let last = self.tokens.len() == self.at + by;
            if lone && (!last || !self.letters) && !self.is_hours_before(text.trim(), by) {
                self.ambiguous |= last && unit(text.trim()).is_some();
                continue;
            }
            if let Some(unit) = phrase(text.trim()) {
                best = Some((unit, by));
            }
        }
        best
    }

    /// Whether a letter is a unit of time with a smaller one behind it: the `h` of `1 h 30 min`.
    fn is_hours_before(&self, letter: &str, by: usize) -> bool {
        let smaller: &[&str] = match letter {
            "d" => &["h", "hour", "hours", "hr", "hrs"],
            "h" => &["m", "min", "mins", "minutes", "minute"],
            "m" => &["s", "sec", "secs", "seconds", "cm", "centimeters"],
            _ => return false,
        };
        matches!(self.ahead(by), Some(Tok::Num(_)))
            && matches!(self.ahead(by + 1), Some(Tok::Word(word) | Tok::Text(word)) if smaller.contains(&word.trim()))
    }

    /// `^2`, `^{2}` or `^{-2}` at a place ahead, and how many tokens it takes.
    fn exponent_ahead(&self, by: usize) -> Option<(String, usize)> {
        // `25 m2`
        if let Some(Tok::Num(number)) = self.ahead(by)
            && matches!(number.as_str(), "2" | "3")
            && !self.spaced(by)
        {
            return Some((number.clone(), 1));
        }
        if self.ahead(by) != Some(&Tok::Sym('^')) {
            return None;
        }
        match (self.ahead(by + 1), self.ahead(by + 2), self.ahead(by + 3), self.ahead(by + 4)) {
            (Some(Tok::Num(number)), ..) => Some((number.clone(), 2)),
            (Some(Tok::Sym('{')), Some(Tok::Num(number)), Some(Tok::Sym('}')), _) => Some((number.clone(), 4)),
            (Some(Tok::Sym('{')), Some(Tok::Sym('-')), Some(Tok::Num(number)), Some(Tok::Sym('}'))) => {
                Some((format!("-{number}"), 5))
            }
            _ => None,
        }
    }

    /// How many tokens say what is counted: "apples", "red apples per day". Words that compute are none.
    fn label_ahead(&self) -> Option<usize> {
        let mut by = 0;
        while by < MOST_WORDS {
            let fits = match self.ahead(by) {
                Some(Tok::Text(text)) => {
                    let mut words = text.split_whitespace().peekable();
                    words.peek().is_some()
                        && words.all(|word| !is_operator(word) && word.chars().any(char::is_alphabetic))
                }
                Some(Tok::Word(word)) => {
                    let known = crate::parser_atoms::function(word).is_some()
                        || is_operator(word)
                        || Self::is_conjunction(self.ahead(by)?);
                    let long = word.chars().count() >= if by == 0 { 3 } else { 2 } || !word.is_ascii();
                    !known && long && self.spaced_or_foreign(by, word)
                }
                _ => false,
            };
            if !fits {
                break;
            }
            by += 1;
        }
        let ends = match self.ahead(by) {
            Some(tok @ (Tok::Word(_) | Tok::Cmd(_))) => Self::is_conjunction(tok),
            Some(Tok::Sym('(' | '^' | '_' | '[')) => false,
            _ => true,
        };
        (by > 0 && ends).then_some(by)
    }

    fn spaced_or_foreign(&self, by: usize, word: &str) -> bool {
        self.spaced(by) || !word.is_ascii() || word.len() >= 4
    }

    /// Takes a degree sign, of an angle or of a temperature.
    pub(crate) fn take_degree(&mut self) -> Option<Unit> {
        let is = |tok: Option<&Tok>| matches!(tok, Some(Tok::Cmd(name)) if name == "degree");
        let length = if is(self.ahead(0)) {
            1
        } else if self.ahead(0) == Some(&Tok::Sym('{')) && is(self.ahead(1)) && self.ahead(2) == Some(&Tok::Sym('}')) {
            3
        } else {
            return None;
        };
        self.at += length;
        if let Some(Tok::Word(word) | Tok::Text(word)) = self.peek()
            && let Some(unit) =
                matches!(word.trim(), "C" | "F").then(|| unit(&format!("\u{b0}{}", word.trim()))).flatten()
        {
            self.at += 1;
            return Some(unit);
        }
        Some(Unit::degrees())
    }

    pub(crate) fn literal(&mut self) -> Option<Expr> {
        let Some(Tok::Num(text)) = self.peek() else { return None };
        let value = parse_number(text)?;
        self.at += 1;
        Some(value)
    }

    /// A number, with the fraction of a mixed number if one follows.
    pub(crate) fn number(&mut self) -> Option<Expr> {
        let whole = self.literal()?;
        let Some(base) = as_fraction(&whole) else { return Some(whole) };
        let one = num_rational::BigRational::from_integer(1.into());
        let zero = num_rational::BigRational::default();
        let saved = self.at;
        let part = if matches!(self.peek(), Some(Tok::Cmd(name)) if name == "frac") {
            self.literal_fraction()
        } else if let (Some(Tok::Num(top)), Some(Tok::Sym('/')), Some(Tok::Num(bottom)), true) =
            (self.ahead(0), self.ahead(1), self.ahead(2), self.spaced(0))
        {
            let top = parse_number(top).as_ref().and_then(as_fraction);
            let bottom = parse_number(bottom).as_ref().and_then(as_fraction);
            self.at += 3;
            match (top, bottom) {
                (Some(top), Some(bottom)) if bottom > zero => Some(top / bottom),
                _ => None,
            }
        } else {
            None
        };
        match part {
            Some(part) if part > zero && part < one => Some(Expr::Num { value: base + part, decimal: false }),
            _ => {
                self.at = saved;
                Some(whole)
            }
        }
    }

    /// Takes `\frac` if both its arguments are written as integers.
    fn literal_fraction(&mut self) -> Option<num_rational::BigRational> {
        let mut parts = Vec::new();
        let mut by = 1;
        while parts.len() < 2 {
            match (self.ahead(by)?, self.ahead(by + 1), self.ahead(by + 2)) {
                (Tok::Sym('{'), Some(Tok::Num(text)), Some(Tok::Sym('}'))) => {
                    parts.push(text.clone());
                    by += 3;
                }
                (Tok::Num(text), ..) if text.len() == 1 => {
                    parts.push(text.clone());
                    by += 1;
                }
                (Tok::Num(text), ..) if text.len() == 2 && parts.is_empty() => {
                    parts.extend(text.chars().map(String::from));
                    by += 1;
                }
                _ => return None,
            }
        }
        let top = parts.first().and_then(|text| as_fraction(&parse_number(text)?))?;
        let bottom = parts.get(1).and_then(|text| as_fraction(&parse_number(text)?))?;
        self.at += by;
        (bottom != num_rational::BigRational::default()).then(|| top / bottom)
    }
}

/// Whether a word says percent.
fn is_percent(word: &str) -> bool {
    matches!(
        word,
        "percent"
            | "pct"
            | "percentage"
            | "percents"
            | "prozent"
            | "pourcent"
            | "per cent"
            | "per cento"
            | "por ciento"
            | "por cento"
            | "pour cent"
            | "percento"
            | "процент"
            | "процента"
            | "процентов"
            | "パーセント"
            | "퍼센트"
            | "프로"
            | "प्रतिशत"
            | "फीसदी"
            | "بالمئة"
            | "بالمائة"
            | "في المئة"
            | "في المائة"
            | "percentage points"
            | "percentage point"
            | "prozentpunkte"
    )
}

/// Whether a word joins a sign such as that of micro without a space.
fn name_glues(tok: Option<&Tok>) -> bool {
    matches!(tok, Some(Tok::Word(_) | Tok::Text(_)))
}
