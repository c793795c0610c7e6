//! From tokens to an expression: recursive descent with bounded depth.

use crate::ast::{Expr, Func, Rel};
use crate::lexer::{ROW, SET_CLOSE, SET_OPEN, Tok, Token, lex};
use crate::number::{as_fraction, parse_number};
use crate::units::{plain_unit, unit};

/// Nesting past this is not parsed.
const MAX_DEPTH: usize = 64;

/// An expression and the unit that it was given in, if that is a known one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) expr: Expr,
    pub(crate) unit: Option<String>,
}

/// Parses an answer that was cleaned; nothing if it is not mathematics.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0, bars: 0, unit: None };
    let expr = parser.list()?;
    (parser.at == parser.tokens.len()).then_some(Parsed { expr, unit: parser.unit })
}

pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Open absolute-value bars.
    bars: usize,
    unit: Option<String>,
}

impl Parser {
    pub(crate) fn peek(&self) -> Option<&Tok> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<&Tok> {
        self.tokens.get(self.at + by).map(|token| &token.tok)
    }

    fn spaced(&self, by: usize) -> bool {
        self.tokens.get(self.at + by).is_some_and(|token| token.spaced)
    }

    pub(crate) fn take_sym(&mut self, c: char) -> bool {
        let found = self.peek() == Some(&Tok::Sym(c));
        self.at += usize::from(found);
        found
    }

    fn take_cmd(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Tok::Cmd(cmd)) if cmd == name);
        self.at += usize::from(found);
        found
    }

    fn is_conjunction(tok: &Tok) -> bool {
        match tok {
            Tok::Word(word) | Tok::Text(word) => {
                matches!(word.trim().trim_start_matches(',').trim(), "or" | "and")
            }
            Tok::Cmd(name) => matches!(name.as_str(), "lor" | "vee" | "land"),
            _ => false,
        }
    }

    fn take_separator(&mut self) -> bool {
        let mut found = false;
        while self.take_sym(',') || self.take_sym(';') {
            found = true;
        }
        if self.peek().is_some_and(Self::is_conjunction) {
            self.at += 1;
            found = true;
        }
        found
    }

    /// Items with separators, without brackets; one item is itself.
    fn list(&mut self) -> Option<Expr> {
        let mut items = self.items()?;
        if items.len() == 1 { items.pop() } else { Some(Expr::List(items)) }
    }

    pub(crate) fn items(&mut self) -> Option<Vec<Expr>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut items = Vec::new();
        loop {
            let item = self.relation()?;
            if item.any(&|part| *part == Expr::PlusMinus) {
                items.push(item.with_sign(1));
                items.push(item.with_sign(-1));
            } else {
                items.push(item);
            }
            if !self.take_separator() {
                break;
            }
        }
        self.depth -= 1;
        Some(items)
    }

    fn relation(&mut self) -> Option<Expr> {
        let first = self.union()?;
        let mut rest = Vec::new();
        while let Some(rel) = self.take_relation() {
            rest.push((rel, self.union()?));
        }
        Some(if rest.is_empty() { first } else { Expr::Relation(Box::new(first), rest) })
    }

    fn take_relation(&mut self) -> Option<Rel> {
        let rel = match self.peek()? {
            Tok::Sym('=') => Rel::Eq,
            Tok::Sym('<') => Rel::Lt,
            Tok::Sym('>') => Rel::Gt,
            Tok::Cmd(name) => match name.as_str() {
                "le" => Rel::Le,
                "ge" => Rel::Ge,
                "ne" => Rel::Ne,
                "in" => Rel::In,
                _ => return None,
            },
            _ => return None,
        };
        self.at += 1;
        Some(rel)
    }

    fn union(&mut self) -> Option<Expr> {
        let first = self.sum()?;
        let (mut unions, mut cuts) = (vec![first], Vec::new());
        loop {
            if self.take_cmd("cup") {
                unions.push(self.sum()?);
            } else if self.take_cmd("cap") {
                cuts.push(self.sum()?);
            } else {
                break;
            }
        }
        match (unions.len(), cuts.is_empty()) {
            (1, true) => unions.pop(),
            (_, true) => Some(Expr::Union(unions)),
            (1, false) => {
                cuts.append(&mut unions);
                Some(Expr::Intersection(cuts))
            }
            _ => None,
        }
    }

    pub(crate) fn sum(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut terms = Vec::new();
        loop {
            let mut negative = false;
            let mut sign = None;
            let mut signed = false;
            loop {
                if self.take_sym('-') {
                    negative = !negative;
                } else if self.take_cmd("pm") {
                    sign = Some(Expr::PlusMinus);
                } else if self.take_cmd("mp") {
                    sign = Some(Expr::PlusMinus);
                    negative = !negative;
                } else if !self.take_sym('+') {
                    break;
                }
                signed = true;
            }
            if !terms.is_empty() && !signed {
                break;
            }
            let mut term = self.product()?;
            if negative {
                term = term.neg();
            }
            if let Some(sign) = sign {
                term = Expr::Mul(vec![sign, term]);
            }
            terms.push(term);
        }
        self.depth -= 1;
        if terms.len() == 1 { terms.pop() } else { Some(Expr::Add(terms)) }
    }

    fn product(&mut self) -> Option<Expr> {
        let mut factors = vec![self.power()?];
        loop {
            if self.take_sym('*') {
                factors.push(self.signed_power()?);
            } else if self.take_sym('/') {
                let divisor = self.signed_power()?;
                match (factors.len(), factors.last().and_then(as_fraction), as_fraction(&divisor)) {
                    // A fraction of two integers is one number.
                    (1, Some(top), Some(bottom)) if bottom != num_rational::BigRational::default() => {
                        factors = vec![Expr::Num { value: top / bottom, decimal: false }];
                    }
                    _ => factors.push(divisor.recip()),
                }
            } else if self.take_unit(&factors) {
            } else if self.starts_factor() {
                factors.push(self.power()?);
            } else {
                break;
            }
        }
        if factors.len() == 1 { factors.pop() } else { Some(Expr::Mul(factors)) }
    }

    fn signed_power(&mut self) -> Option<Expr> {
        let mut negative = false;
        while self.peek() == Some(&Tok::Sym('-')) || self.peek() == Some(&Tok::Sym('+')) {
            negative ^= self.peek() == Some(&Tok::Sym('-'));
            self.at += 1;
        }
        let value = self.power()?;
        Some(if negative { value.neg() } else { value })
    }

    /// Takes words that follow a value and only say what it counts.
    fn take_unit(&mut self, factors: &[Expr]) -> bool {
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

    /// Whether a factor follows without a sign.
    pub(crate) fn starts_factor(&self) -> bool {
        match self.peek() {
            Some(Tok::Num(_)) => !self.spaced(0) || !matches!(self.previous(), Some(Tok::Num(_))),
            Some(Tok::Word(_) | Tok::Text(_)) => !self.peek().is_some_and(Self::is_conjunction),
            Some(Tok::Begin(_)) => true,
            Some(Tok::Cmd(name)) => crate::parser_atoms::starts_atom(name),
            Some(Tok::Sym('|')) => self.bars == 0,
            Some(Tok::Sym(c)) => matches!(c, '(' | '[' | '{' | &SET_OPEN),
            Some(Tok::End) | None => false,
        }
    }

    fn previous(&self) -> Option<&Tok> {
        self.tokens.get(self.at.checked_sub(1)?).map(|token| &token.tok)
    }

    /// An atom with what stands behind it: powers, `!`, `%` and degrees.
    pub(crate) fn power(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut value = self.atom()?;
        loop {
            if self.take_sym('!') {
                value = Expr::Call(Func::Factorial, vec![value]);
            } else if self.take_sym('%') {
                value = Expr::Percent(Box::new(value));
            } else if self.take_sym('_') {
                let base = self.argument()?;
                let Expr::Num { value: base, .. } = base else { return None };
                self.unit = Some(format!("base {base}"));
            } else if self.take_sym('^') {
                if self.take_degree() {
                    self.unit = Some("degree".to_owned());
                    continue;
                }
                let exponent = self.exponent()?;
                value = Expr::Pow(Box::new(value), Box::new(exponent));
            } else {
                break;
            }
        }
        self.depth -= 1;
        Some(value)
    }

    fn take_degree(&mut self) -> bool {
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

    pub(crate) fn exponent(&mut self) -> Option<Expr> {
        if self.peek() == Some(&Tok::Sym('{')) {
            return self.argument();
        }
        let negative = self.take_sym('-');
        if !negative {
            self.take_sym('+');
        }
        let value = match self.peek() {
            Some(Tok::Num(_)) => self.literal()?,
            _ => self.power()?,
        };
        // `2^3^2` is `2^(3^2)`.
        let value = if self.take_sym('^') {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let top = self.exponent()?;
            self.depth -= 1;
            Expr::Pow(Box::new(value), Box::new(top))
        } else {
            value
        };
        Some(if negative { value.neg() } else { value })
    }

    fn literal(&mut self) -> Option<Expr> {
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

    /// What a command takes: a group, or the first digit or token.
    pub(crate) fn argument(&mut self) -> Option<Expr> {
        if self.take_sym('{') {
            let mut items = self.items()?;
            if !self.take_sym('}') {
                return None;
            }
            return if items.len() == 1 { items.pop() } else { Some(Expr::List(items)) };
        }
        if let Some(Token { tok: Tok::Num(text), .. }) = self.tokens.get_mut(self.at)
            && text.len() > 1
        {
            let first = text.remove(0);
            return parse_number(&first.to_string());
        }
        if let Some(Token { tok: Tok::Word(text), .. }) = self.tokens.get_mut(self.at)
            && text.len() > 1
        {
            let first = text.remove(0);
            return Some(crate::parser_atoms::letter(first));
        }
        if matches!(self.peek(), Some(Tok::Num(_))) {
            return self.literal();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = self.atom();
        self.depth -= 1;
        value
    }

    pub(crate) fn fraction(&mut self) -> Option<Expr> {
        let top = self.argument()?;
        let bottom = self.argument()?;
        Some(match (as_fraction(&top), as_fraction(&bottom)) {
            (Some(a), Some(b)) if b != num_rational::BigRational::default() => {
                Expr::Num { value: a / b, decimal: false }
            }
            _ => Expr::Mul(vec![top, bottom.recip()]),
        })
    }

    pub(crate) fn bump(&mut self) -> Option<Tok> {
        let tok = self.peek().cloned();
        self.at += 1;
        tok
    }

    pub(crate) fn bars(&mut self) -> Option<Expr> {
        self.bars += 1;
        let inside = self.sum()?;
        self.bars -= 1;
        self.take_sym('|').then(|| Expr::Call(Func::Abs, vec![inside]))
    }

    /// Rows of a matrix up to its end.
    pub(crate) fn matrix(&mut self) -> Option<Expr> {
        let mut rows = vec![Vec::new()];
        loop {
            if self.peek() == Some(&Tok::End) {
                self.at += 1;
                break;
            }
            let cell = self.sum()?;
            rows.last_mut()?.push(cell);
            if self.take_sym(ROW) {
                if self.peek() != Some(&Tok::End) {
                    rows.push(Vec::new());
                }
            } else if !self.take_sym('&') && self.peek() != Some(&Tok::End) {
                return None;
            }
        }
        Some(Expr::Matrix(rows))
    }

    /// Items up to a closing bracket; the opening one is taken already.
    pub(crate) fn bracket(&mut self, open: char) -> Option<Expr> {
        let bars = std::mem::take(&mut self.bars);
        let closes = |c: &char| matches!(c, ')' | ']' | &SET_CLOSE | '}');
        let mut items = match self.peek() {
            Some(Tok::Sym(c)) if closes(c) => Vec::new(),
            _ => self.items()?,
        };
        self.bars = bars;
        let Some(Tok::Sym(close)) = self.bump() else { return None };
        match (open, close) {
            (SET_OPEN, SET_CLOSE) => Some(Expr::Set(items)),
            ('{', '}') if items.len() == 1 => items.pop(),
            ('{', '}') => Some(Expr::Set(items)),
            ('(' | '[', ')' | ']') if items.len() > 1 => Some(Expr::Bracket { open, close, items }),
            ('(', ')') | ('[', ']') => items.pop(),
            _ => None,
        }
    }
}
