//! Quantities: numbers, mixed numbers and the units behind them.

use crate::ast::Expr;
use crate::lexer::Tok;
use crate::number::{as_fraction, parse_number};
use crate::parser::Parser;
use crate::units::{plain_unit, unit};

impl Parser {
    /// Takes words that follow a value and only say what it counts.
    pub(crate) fn take_unit(&mut self, factors: &[Expr]) -> bool {
        let Some(tok) = self.peek() else { return false };
        if Self::is_conjunction(tok) || factors.is_empty() {
            return false;
        }
        let numeric = matches!(factors.last(), Some(Expr::Num { .. } | Expr::Percent(_)));
        let name = match tok {
            Tok::Text(text) => {
                let parts: Option<Vec<&str>> = text.split('/').map(unit).collect();
                parts.map(|parts| parts.join("/"))
            }
            Tok::Cmd(name) if name == "degree" => Some("degree".to_owned()),
            Tok::Word(word) if numeric => {
                let last = self.tokens.len() == self.at + 1;
                let lone = last && self.spaced(0) && word.len() == 1;
                match plain_unit(word).or_else(|| if lone { unit(word) } else { None }) {
                    Some(name) => Some(name.to_owned()),
                    None if word.len() >= 4 && crate::parser_atoms::function(word).is_none() => None,
                    None => return false,
                }
            }
            _ => return false,
        };
        self.at += 1;
        let mut name = name;
        if let Some(exponent) = self.unit_exponent() {
            name = name.map(|name| name + &exponent);
        }
        if name.is_some() && self.unit.is_none() {
            self.unit = name;
        }
        true
    }

    /// Takes `^2` or `^{2}` after a unit.
    fn unit_exponent(&mut self) -> Option<String> {
        if self.peek() != Some(&Tok::Sym('^')) {
            return None;
        }
        let (number, length) = match (self.ahead(1), self.ahead(2), self.ahead(3)) {
            (Some(Tok::Num(number)), ..) => (number.clone(), 2),
            (Some(Tok::Sym('{')), Some(Tok::Num(number)), Some(Tok::Sym('}'))) => (number.clone(), 4),
            _ => return None,
        };
        self.at += length;
        Some(number)
    }

    pub(crate) fn take_degree(&mut self) -> bool {
        let is = |tok: Option<&Tok>| matches!(tok, Some(Tok::Cmd(name)) if name == "degree");
        let length = if is(self.ahead(0)) {
            1
        } else if self.ahead(0) == Some(&Tok::Sym('{')) && is(self.ahead(1)) && self.ahead(2) == Some(&Tok::Sym('}')) {
            3
        } else {
            return false;
        };
        self.at += length;
        if matches!(self.peek(), Some(Tok::Word(word)) if matches!(word.as_str(), "C" | "F")) {
            self.at += 1;
        }
        true
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
