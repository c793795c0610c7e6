//! From tokens to an expression: recursive descent with bounded depth.

use crate::ast::{Expr, Func, Rel};
use crate::lexer::{ROW, SET_CLOSE, SET_OPEN, Tok, Token, lex};
use crate::number::{as_fraction, parse_number};
use crate::parser_quantities::Behind;

/// Nesting past this is not parsed.
pub(crate) const MAX_DEPTH: usize = 64;
/// More sums, integrals and determinants are not computed.
const MAX_TRIES: u32 = 8;
/// More marks behind one atom are not parsed.
const MAX_MARKS: usize = 8;

/// An expression, and whether a letter in it that was read as a variable may be a unit: `5 m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) expr: Expr,
    pub(crate) ambiguous: bool,
}

/// Parses an answer that was cleaned; nothing if it is not mathematics.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    parse_tokens(lex(text)?, false)
}

/// As [`parse`], with single letters behind a number read as units, and `k` as thousands.
pub(crate) fn parse_with_units(text: &str) -> Option<Parsed> {
    parse_tokens(lex(text)?, true)
}

fn parse_tokens(tokens: Vec<Token>, letters: bool) -> Option<Parsed> {
    let mut parser = Parser::new(tokens, letters);
    let expr = parser.list()?;
    (parser.at == parser.tokens.len()).then_some(Parsed { expr, ambiguous: parser.ambiguous })
}

pub(crate) struct Parser {
    pub(crate) tokens: Vec<Token>,
    pub(crate) at: usize,
    depth: usize,
    /// Open absolute-value bars.
    bars: usize,
    /// Whether single letters behind a number are units.
    pub(crate) letters: bool,
    /// Whether there was such a letter.
    pub(crate) ambiguous: bool,
    /// The word before the last item: whether it was "or" (else "and"), and whether it was a sign of logic.
    conjunction: Option<(bool, bool)>,
    /// How many more sums and integrals are tried. Not given back: what fails is parsed again as it stands.
    pub(crate) tries: u32,
    /// Whether `dx` is the differential of `x`, for there is a quotient of such.
    pub(crate) differentials: bool,
}

/// A place to go back to.
pub(crate) struct Place {
    at: usize,
    depth: usize,
    bars: usize,
}

impl Parser {
    pub(crate) fn new(tokens: Vec<Token>, letters: bool) -> Self {
        let differentials = has_differentials(&tokens);
        Self {
            tokens,
            at: 0,
            depth: 0,
            bars: 0,
            letters,
            ambiguous: false,
            conjunction: None,
            tries: MAX_TRIES,
            differentials,
        }
    }

    pub(crate) const fn place(&self) -> Place {
        Place { at: self.at, depth: self.depth, bars: self.bars }
    }

    pub(crate) fn go_back(&mut self, place: &Place) {
        (self.at, self.depth, self.bars) = (place.at, place.depth, place.bars);
    }

    pub(crate) fn peek(&self) -> Option<&Tok> {
        self.ahead(0)
    }

    pub(crate) fn ahead(&self, by: usize) -> Option<&Tok> {
        self.tokens.get(self.at + by).map(|token| &token.tok)
    }

    pub(crate) fn spaced(&self, by: usize) -> bool {
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

    pub(crate) fn is_conjunction(tok: &Tok) -> bool {
        match tok {
            Tok::Word(word) | Tok::Text(word) => {
                matches!(word.trim().trim_start_matches(',').trim(), "or" | "and")
            }
            Tok::Cmd(name) => matches!(name.as_str(), "lor" | "vee" | "land"),
            _ => false,
        }
    }

    /// Takes a separator; whether it was a semicolon.
    fn take_separator(&mut self) -> Option<bool> {
        let mut found = None;
        loop {
            if self.take_sym(',') {
                found = found.or(Some(false));
            } else if self.take_sym(';') {
                found = Some(true);
            } else {
                break;
            }
        }
        if self.peek().is_some_and(Self::is_conjunction) {
            self.conjunction = Some(match self.peek() {
                Some(Tok::Cmd(name)) => (name != "land", true),
                Some(Tok::Word(word) | Tok::Text(word)) => (word.contains("or"), false),
                _ => (false, false),
            });
            self.at += 1;
            found = found.or(Some(false));
        }
        // `x = 1 \quad x = 2`, `(1,2) (2,1)`: a bare space separates nothing but after a relation.
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
        // Where groups begin that semicolons separate: `p=5, q=2; p=7, q=2`.
        let (mut starts, mut commas) = (vec![0], false);
        let mut conjunctions = Vec::new();
        loop {
            self.conjunction = None;
            let item = self.relation()?;
            if item.any(&|part| *part == Expr::PlusMinus) {
                items.push(item.with_sign(1));
                items.push(item.with_sign(-1));
            } else {
                items.push(item);
            }
            self.conjunction = None;
            let separator = self.take_separator();
            conjunctions.extend(self.conjunction);
            match separator {
                None => break,
                Some(true) => starts.push(items.len()),
                Some(false) => commas = true,
            }
            // A comma at the very end separates nothing.
            if self.at == self.tokens.len() {
                if self.previous().is_some_and(Self::is_conjunction) {
                    return None;
                }
                break;
            }
        }
        self.depth -= 1;
        if conjunctions.iter().any(|(_, logic)| *logic) && !items.iter().any(|item| matches!(item, Expr::Relation(..)))
        {
            return None;
        }
        // `x < 1 or x > 2` is a union, `x > 1 and x < 2` what both have in common.
        if !conjunctions.is_empty() && items.iter().all(is_inequality) {
            let or = conjunctions.iter().filter(|(or, _)| *or).count();
            if or == conjunctions.len() {
                return Some(vec![Expr::Union(items)]);
            }
            if or == 0 {
                return Some(vec![Expr::Intersection(items)]);
            }
        }
        if commas && starts.len() > 1 {
            return Some(grouped(items, &starts));
        }
        Some(items)
    }

    fn relation(&mut self) -> Option<Expr> {
        let first = self.ratio()?;
        let mut rest = Vec::new();
        while let Some(rel) = self.take_relation() {
            rest.push((rel, self.ratio()?));
        }
        let residue = self.take_modulus()?;
        if let Some(modulus) = residue {
            let with = |value: Expr| Expr::Call(Func::Residue, vec![value, modulus]);
            return Some(match rest.pop() {
                None => with(first),
                Some((Rel::Eq, last)) if rest.is_empty() => {
                    Expr::Relation(Box::new(first), vec![(Rel::Eq, with(last))])
                }
                _ => return None,
            });
        }
        Some(if rest.is_empty() { first } else { Expr::Relation(Box::new(first), rest) })
    }

    /// Takes `\pmod{5}` or `(mod 5)`; the outer nothing where it is not well formed.
    #[expect(clippy::option_option, reason = "a failure is not the same as nothing to take")]
    fn take_modulus(&mut self) -> Option<Option<Expr>> {
        if self.take_cmd("pmod") {
            return self.argument().map(Some);
        }
        let is_mod = |tok: Option<&Tok>| matches!(tok, Some(Tok::Cmd(word) | Tok::Word(word) | Tok::Text(word)) if matches!(word.trim(), "mod" | "bmod" | "modulo"));
        if self.peek() == Some(&Tok::Sym('(')) && is_mod(self.ahead(1)) {
            self.at += 2;
            let modulus = self.sum()?;
            return self.take_sym(')').then_some(Some(modulus));
        }
        Some(None)
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
                "approx" => Rel::About,
                "equiv" => Rel::Eq,
                _ => return None,
            },
            _ => return None,
        };
        self.at += 1;
        Some(rel)
    }

    fn ratio(&mut self) -> Option<Expr> {
        let mut items = vec![self.union()?];
        while self.take_sym(':') {
            items.push(self.union()?);
        }
        if items.len() == 1 { items.pop() } else { Some(Expr::Ratio(items)) }
    }

    fn union(&mut self) -> Option<Expr> {
        let first = self.sum()?;
        if self.take_cmd("setminus") {
            let Expr::Set(holes) = self.sum()? else { return None };
            return crate::relation::without(&first, &holes);
        }
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
                term = match term {
                    // -3 mod 5 is the remainder of -3.
                    Expr::Call(Func::Mod, mut items) if terms.is_empty() => {
                        items =
                            items.into_iter().enumerate().map(|(at, x)| if at == 0 { x.neg() } else { x }).collect();
                        Expr::Call(Func::Mod, items)
                    }
                    other => other.neg(),
                };
            }
            if let Some(sign) = sign {
                term = Expr::Mul(vec![sign, term]);
            }
            terms.push(term);
        }
        self.depth -= 1;
        if terms.len() == 1 { terms.pop() } else { Some(Expr::Add(terms)) }
    }

    pub(crate) fn product(&mut self) -> Option<Expr> {
        if let Some(Tok::Money(sign)) = self.peek() {
            let sign = *sign;
            self.at += 1;
            return self.money(sign);
        }
        let mut factors = vec![self.power()?];
        loop {
            if let Some(Expr::Num { .. }) = factors.last()
                && let Some(times) = self.take_magnitude()
            {
                factors.push(Expr::Num { value: times, decimal: false });
            } else if self.take_percent_word(&factors) {
                let last = factors.pop()?;
                factors.push(Expr::Percent(Box::new(last)));
            } else if self.take_sym('*') || self.take_times() {
                factors.push(self.signed_power()?);
            } else if self.take_mod() {
                // Each is one more level of the expression.
                if factors.iter().any(|factor| matches!(factor, Expr::Call(Func::Mod, _))) {
                    return None;
                }
                let value = product_of(factors)?;
                factors = vec![Expr::Call(Func::Mod, vec![value, self.signed_power()?])];
            } else if self.take_sym('/') {
                let divisor = self.signed_power()?;
                match (factors.len(), factors.last().and_then(as_fraction), as_fraction(&divisor)) {
                    // A fraction of two integers is one number.
                    (1, Some(top), Some(bottom)) if bottom != num_rational::BigRational::default() => {
                        factors = vec![Expr::Num { value: top / bottom, decimal: false }];
                    }
                    _ => factors.push(divisor.recip()),
                }
            } else if let Some(unit) = self.take_unit(&factors) {
                let value = product_of(factors)?;
                return Some(match unit {
                    Behind::Part(part) => Expr::Mul(vec![value, Expr::Num { value: part, decimal: false }]),
                    Behind::Unit(unit) if unit.is_none() => value,
                    Behind::Unit(unit) => {
                        let value = self.take_smaller(value.clone(), &unit).unwrap_or(value);
                        Expr::Quantity(Box::new(value), unit)
                    }
                });
            } else if self.starts_factor() {
                factors.push(self.power()?);
            } else {
                break;
            }
        }
        product_of(factors)
    }

    /// Takes the letter that stands for a times sign in `1.6 x 10^-19`.
    fn take_times(&mut self) -> bool {
        let found = matches!(self.peek(), Some(Tok::Word(word)) if matches!(word.as_str(), "x" | "X"))
            && matches!(self.previous(), Some(Tok::Num(_)))
            && matches!(self.ahead(1), Some(Tok::Num(ten)) if ten == "10")
            && self.ahead(2) == Some(&Tok::Sym('^'));
        self.at += usize::from(found);
        found
    }

    /// Takes `\bmod` and its like between two values.
    fn take_mod(&mut self) -> bool {
        let found = match self.peek() {
            Some(Tok::Cmd(name)) => matches!(name.as_str(), "bmod" | "mod"),
            Some(Tok::Word(word) | Tok::Text(word)) => matches!(word.trim(), "mod" | "modulo"),
            _ => false,
        };
        self.at += usize::from(found);
        found
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

    /// Whether a factor follows without a sign.
    pub(crate) fn starts_factor(&self) -> bool {
        match self.peek() {
            Some(Tok::Num(_)) => !self.spaced(0) || !matches!(self.previous(), Some(Tok::Num(_))),
            Some(Tok::Word(_) | Tok::Text(_)) => !self.peek().is_some_and(Self::is_conjunction),
            Some(Tok::Begin(_) | Tok::Name(_)) => true,
            Some(Tok::Cmd(name)) => crate::parser_atoms::starts_atom(name),
            Some(Tok::Sym('|')) => self.bars == 0,
            Some(Tok::Sym(c)) => matches!(c, '(' | '[' | '{' | &SET_OPEN),
            Some(Tok::End | Tok::Money(_)) | None => false,
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
        let mut marks = 0;
        loop {
            // Each mark is one more level of the expression.
            marks += 1;
            if marks > MAX_MARKS {
                return None;
            }
            if self.peek() == Some(&Tok::Sym('!'))
                && self.ahead(1) == Some(&Tok::Sym('!'))
                && self.ahead(2) != Some(&Tok::Sym('!'))
            {
                self.at += 2;
                value = Expr::Call(Func::DoubleFactorial, vec![value]);
            } else if self.take_sym('!') {
                value = Expr::Call(Func::Factorial, vec![value]);
            } else if self.take_sym('%') {
                value = Expr::Percent(Box::new(value));
            } else if self.peek() == Some(&Tok::Sym('_')) {
                let Some(Tok::Num(digits)) = self.previous() else { return None };
                let digits = digits.clone();
                self.at += 1;
                value = crate::number::in_base(&digits, &self.argument()?)?;
            } else if matches!(value, Expr::Matrix(_)) && self.peek() == Some(&Tok::Sym('^')) {
                self.at += 1;
                value = self.matrix_power(value)?;
            } else if self.take_sym('^') {
                if let Some(unit) = self.take_degree() {
                    value = Expr::Quantity(Box::new(value), unit);
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

    /// What stands behind `^` after a matrix: `T`, or a whole number.
    fn matrix_power(&mut self, matrix: Expr) -> Option<Expr> {
        let braced = self.take_sym('{');
        let transposed = match self.peek() {
            Some(Tok::Word(word) | Tok::Text(word)) => matches!(word.trim(), "T" | "t"),
            Some(Tok::Cmd(name)) => matches!(name.as_str(), "top" | "intercal" | "mathsf"),
            _ => false,
        };
        let value = if transposed {
            self.at += 1;
            crate::matrix::transposed(&matrix)?
        } else {
            let exponent = if braced { self.sum()? } else { self.exponent()? };
            match exponent {
                Expr::Num { value, .. } => crate::matrix::power(&matrix, &value)?,
                other => Expr::Pow(Box::new(matrix), Box::new(other)),
            }
        };
        (!braced || self.take_sym('}')).then_some(value)
    }

    pub(crate) fn exponent(&mut self) -> Option<Expr> {
        if self.peek() == Some(&Tok::Sym('{')) {
            return self.argument();
        }
        let negative = self.take_sym('-');
        if !negative {
            self.take_sym('+');
        }
        // `e^xe^y`: an exponent without braces is one letter.
        let value = match self.peek() {
            Some(Tok::Num(_)) => self.literal()?,
            Some(Tok::Word(word)) if crate::parser_atoms::is_product(word) => self.argument()?,
            Some(Tok::Word(word)) if word.len() == 1 && matches!(self.ahead(1), Some(Tok::Num(_))) => {
                let letter = word.chars().next().map(crate::parser_atoms::letter)?;
                self.at += 1;
                letter
            }
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
        if !self.take_sym('|') {
            return None;
        }
        match &inside {
            Expr::Matrix(_) => crate::matrix::determinant(&inside),
            _ => Some(Expr::Call(Func::Abs, vec![inside])),
        }
    }

    /// A cell of `cases`: a value, or a condition without its "if".
    fn case(&mut self) -> Option<Expr> {
        self.take_sym(',');
        while matches!(self.peek(), Some(Tok::Text(text) | Tok::Word(text)) if matches!(text.trim(), "if" | "for" | "when" | "if "))
        {
            self.at += 1;
        }
        let cell = match self.peek() {
            Some(Tok::Text(text)) => {
                let text = crate::normal::fold_words(text);
                self.at += 1;
                Expr::Text(text)
            }
            _ => self.relation()?,
        };
        self.take_sym(',');
        Some(cell)
    }

    /// Rows of a matrix up to its end.
    pub(crate) fn matrix(&mut self, cases: bool) -> Option<Expr> {
        let mut rows = vec![Vec::new()];
        loop {
            if self.peek() == Some(&Tok::End) {
                self.at += 1;
                break;
            }
            let cell = if cases { self.case()? } else { self.sum()? };
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
            // Braces without backslashes group in LaTeX: what is in them is a list.
            ('{', '}') => Some(Expr::List(items)),
            ('[', ']') if rows_of(&items).is_some() => Some(Expr::Matrix(rows_of(&items)?)),
            ('(' | '[', ')' | ']') if items.len() > 1 => Some(Expr::Bracket { open, close, items }),
            ('(', ')') | ('[', ']') => items.pop(),
            _ => None,
        }
    }
}

/// Whether a relation is an inequality, so that several of them make a set of numbers.
fn is_inequality(expr: &Expr) -> bool {
    matches!(expr, Expr::Relation(_, rest)
        if rest.iter().all(|(rel, _)| matches!(rel, Rel::Lt | Rel::Le | Rel::Gt | Rel::Ge | Rel::Ne)))
}

/// Whether a quotient of differentials such as `dy/dx` is among the tokens.
fn has_differentials(tokens: &[Token]) -> bool {
    let differential =
        |token: &Token| matches!(&token.tok, Tok::Word(word) if word.len() == 2 && word.starts_with('d'));
    let top = |token: &Token| differential(token) || matches!(&token.tok, Tok::Word(word) if word == "d");
    tokens.windows(2).any(|pair| matches!(pair[0].tok, Tok::Sym('/' | '{')) && differential(&pair[1]))
        && tokens.iter().filter(|token| top(token)).count() > 1
}

/// The product of factors; one factor is itself.
fn product_of(mut factors: Vec<Expr>) -> Option<Expr> {
    if factors.len() == 1 { factors.pop() } else { Some(Expr::Mul(factors)) }
}

/// Items in groups that begin at `starts`, each group of several as a tuple.
fn grouped(items: Vec<Expr>, starts: &[usize]) -> Vec<Expr> {
    let mut groups: Vec<Vec<Expr>> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        if starts.contains(&index) {
            groups.push(Vec::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push(item);
        }
    }
    let tuple = |mut group: Vec<Expr>| match (group.len(), group.pop()) {
        (1, Some(one)) => one,
        (_, last) => Expr::Bracket { open: '(', close: ')', items: group.into_iter().chain(last).collect() },
    };
    groups.into_iter().map(tuple).collect()
}

/// The rows of a matrix that is written as lists in a list.
fn rows_of(items: &[Expr]) -> Option<Vec<Vec<Expr>>> {
    let rows: Option<Vec<Vec<Expr>>> = items
        .iter()
        .map(|item| match item {
            Expr::Bracket { open: '[', close: ']', items } => Some(items.clone()),
            _ => None,
        })
        .collect();
    rows.filter(|rows| rows.len() > 1 && rows.iter().all(|row| row.len() == rows[0].len()))
}
