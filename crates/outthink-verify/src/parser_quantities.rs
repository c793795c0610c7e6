//! Quantities: numbers, mixed numbers, and the magnitudes and units behind them.

use crate::ast::Expr;
use crate::lexer::Tok;
use crate::number::{as_fraction, parse_number};
use crate::parser::Parser;
use crate::units::{Unit, phrase, unit};
use crate::words::{is_operator, magnitude};
use num_rational::BigRational;

/// Words of one unit or label at most.
const MOST_WORDS: usize = 8;

/// What stands behind a value.
pub(crate) enum Behind {
    /// What it measures.
    Unit(Unit),
    /// What it counts, which is no part of the answer.
    Label,
}

impl Parser {
    /// A sum of money; the sign is taken already.
    pub(crate) fn money(&mut self, sign: char) -> Option<Expr> {
        let negative = self.take_sym('-');
        let Some(Tok::Num(_)) = self.peek() else { return None };
        let mut value = self.number()?;
        while let Some(times) = self.take_magnitude() {
            value = Expr::Mul(vec![value, Expr::Num { value: times, decimal: false }]);
        }
        let value = if negative { value.neg() } else { value };
        // "$5 dollars", "$5 per day": what follows only says so again.
        if let Some(length) = self.unit_ahead().map(|unit| unit.1).or_else(|| self.label_ahead()) {
            self.at += length;
        }
        Some(Expr::Quantity(Box::new(value), Unit::of_money(sign)?))
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
        if matches!(word.as_str(), "k" | "K") && self.tokens.len() == self.at + 1 && !self.spaced(0) {
            self.ambiguous = true;
            if self.letters {
                self.at += 1;
                return Some(times(1_000));
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
        let is = |by: usize, name: &str| matches!(self.ahead(by), Some(Tok::Word(word)) if word == name);
        if matches!(factors.last(), Some(Expr::Num { .. })) && is(0, "per") && is(1, "cent") {
            self.at += 2;
            return true;
        }
        let percent = match self.peek() {
            Some(Tok::Word(word) | Tok::Text(word)) => matches!(
                word.trim().trim_end_matches('.').to_lowercase().as_str(),
                "percent"
                    | "pct"
                    | "percentage"
                    | "percents"
                    | "prozent"
                    | "pourcent"
                    | "per cent"
                    | "\u{43f}\u{440}\u{43e}\u{446}\u{435}\u{43d}\u{442}\u{43e}\u{432}"
                    | "\u{d37c}\u{c13c}\u{d2b8}"
            ),
            _ => false,
        };
        let found = percent && matches!(factors.last(), Some(Expr::Num { .. }));
        self.at += usize::from(found);
        found
    }

    /// Takes words that follow a value and say what it measures (a unit) or what it counts (none).
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
            Tok::Money(sign) => {
                let unit = Unit::of_money(*sign).map_or(Behind::Label, Behind::Unit);
                self.at += 1;
                return Some(unit);
            }
            Tok::Text(_) => {}
            Tok::Word(_) | Tok::Cmd(_) if numeric => {}
            _ => return None,
        }
        if let Some((unit, length)) = self.unit_ahead() {
            self.at += length;
            return Some(Behind::Unit(unit));
        }
        let length = self.label_ahead()?;
        self.at += length;
        Some(Behind::Label)
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
                    lone &= words == 0 && part.chars().count() == 1;
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
            if lone && (!last || !self.letters) {
                self.ambiguous |= last && unit(text.trim()).is_some();
                continue;
            }
            if let Some(unit) = phrase(text.trim()) {
                best = Some((unit, by));
            }
        }
        best
    }

    /// `^2`, `^{2}` or `^{-2}` at a place ahead, and how many tokens it takes.
    fn exponent_ahead(&self, by: usize) -> Option<(String, usize)> {
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
        (by > 0 && !matches!(self.ahead(by), Some(Tok::Sym('(' | '^' | '_' | '[') | Tok::Word(_) | Tok::Cmd(_))))
            .then_some(by)
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

/// Whether a word joins a sign such as that of micro without a space.
fn name_glues(tok: Option<&Tok>) -> bool {
    matches!(tok, Some(Tok::Word(_) | Tok::Text(_)))
}
