//! Atoms: names, functions, groups.

use crate::ast::{Expr, Func};
use crate::lexer::{SET_OPEN, Tok};
use crate::parser::Parser;

const GREEK: &[&str] = &[
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "varepsilon",
    "zeta",
    "eta",
    "theta",
    "vartheta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "rho",
    "sigma",
    "tau",
    "phi",
    "varphi",
    "chi",
    "psi",
    "omega",
    "Gamma",
    "Delta",
    "Theta",
    "Lambda",
    "Xi",
    "Sigma",
    "Phi",
    "Psi",
    "Omega",
    "ell",
    "hbar",
];

/// The function of a name.
pub(crate) fn function(name: &str) -> Option<Func> {
    Some(match name {
        "sin" => Func::Sin,
        "cos" => Func::Cos,
        "tan" => Func::Tan,
        "cot" => Func::Cot,
        "sec" => Func::Sec,
        "csc" => Func::Csc,
        "arcsin" | "asin" => Func::Asin,
        "arccos" | "acos" => Func::Acos,
        "arctan" | "atan" => Func::Atan,
        "sinh" => Func::Sinh,
        "cosh" => Func::Cosh,
        "tanh" => Func::Tanh,
        "exp" => Func::Exp,
        "ln" => Func::Ln,
        "log" | "lg" => Func::Log,
        "abs" => Func::Abs,
        "floor" => Func::Floor,
        "ceil" => Func::Ceil,
        "sqrt" => Func::Root,
        "max" => Func::Max,
        "min" => Func::Min,
        "gcd" => Func::Gcd,
        "lcm" => Func::Lcm,
        _ => return None,
    })
}

/// Whether letters are a product of variables rather than a name.
pub(crate) fn is_product(word: &str) -> bool {
    (2..=3).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphabetic())
        && function(word).is_none()
        && !matches!(word, "pi" | "inf" | "oo")
}

/// Short words of English sentences that no one means as a product.
fn is_function_word(word: &str) -> bool {
    matches!(
        word,
        "out"
            | "of"
            | "to"
            | "the"
            | "for"
            | "per"
            | "and"
            | "or"
            | "not"
            | "but"
            | "has"
            | "are"
            | "was"
            | "its"
            | "men"
            | "odd"
            | "all"
            | "any"
            | "one"
            | "two"
            | "six"
            | "ten"
            | "mod"
    )
}

/// Whether a command begins an atom.
pub(crate) fn starts_atom(name: &str) -> bool {
    function(name).is_some()
        || GREEK.contains(&name)
        || matches!(name, "sum" | "prod" | "int" | "lim" | "partial" | "nabla" | "zeta" | "det" | "overline")
        || matches!(
            name,
            "frac"
                | "pi"
                | "infty"
                | "binom"
                | "lfloor"
                | "lceil"
                | "mathbb"
                | "emptyset"
                | "imath"
                | "jmath"
                | "dots"
                | "reals"
                | "e"
                | "i"
                | "d"
        )
}

/// A letter as a constant or a variable.
pub(crate) fn letter(c: char) -> Expr {
    match c {
        'e' => Expr::E,
        'i' => Expr::I,
        other => Expr::Var(other.to_string()),
    }
}

impl Parser {
    pub(crate) fn atom(&mut self) -> Option<Expr> {
        match self.peek()? {
            Tok::Num(_) => self.number(),
            Tok::Text(text) => {
                let bracketed = text.contains('(');
                let bare = text.trim_matches(['(', ')', ' ', '.'].as_slice()).to_owned();
                let text = crate::normal::fold_words(text);
                self.at_next();
                let mut letters = bare.chars();
                match (letters.next(), letters.next()) {
                    (Some(c @ ('e' | 'i')), None) if !bracketed => Some(letter(c)),
                    (Some(c), None) if c.is_ascii_alphabetic() => Some(Expr::Var(c.to_string())),
                    _ => Some(Expr::Text(text)),
                }
            }
            Tok::Begin(name) => {
                let (matrix, cases) = (name.ends_with("matrix"), name.ends_with("cases"));
                let determinant = name == "vmatrix";
                self.at_next();
                if determinant {
                    let matrix = self.matrix(false)?;
                    return crate::matrix::determinant(&matrix);
                }
                if matrix || cases { self.matrix(cases) } else { None }
            }
            Tok::Word(word) => {
                let word = word.clone();
                self.at_next();
                self.word(&word)
            }
            Tok::Name(name) => {
                let name = format!("\\{name}");
                self.at_next();
                Some(Expr::Var(name))
            }
            Tok::Cmd(name) => {
                let name = name.clone();
                self.at_next();
                self.named(&name)
            }
            Tok::Sym('|') => {
                self.at_next();
                self.bars()
            }
            Tok::Sym(c) => {
                let c = *c;
                if !matches!(c, '(' | '[' | '{' | SET_OPEN) {
                    return None;
                }
                self.at_next();
                self.bracket(c)
            }
            Tok::End | Tok::Money(_) => None,
        }
    }

    pub(crate) fn at_next(&mut self) {
        self.bump();
    }

    fn word(&mut self, word: &str) -> Option<Expr> {
        match word {
            "pi" | "infty" => return self.named(word),
            "infinity" | "inf" | "oo" | "Infinity" => return Some(Expr::Infinity),
            _ => {}
        }
        if function(word).is_some() {
            return self.named(word);
        }
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (Some('C'), None) if self.is_combination() => {
                let Expr::Bracket { items, .. } = self.atom()? else { return None };
                Some(Expr::Call(Func::Binomial, items))
            }
            (Some(c), None) if c.is_ascii() => self.subscripted(letter(c)),
            (Some('d'), Some(of)) if word.len() == 2 && self.differentials => Some(Expr::Var(format!("d{of}"))),
            // Short words are no products.
            _ if is_function_word(word) => None,
            _ if word.len() <= 3 && word.is_ascii() => {
                let mut factors: Vec<Expr> = word.chars().map(letter).collect();
                let last = factors.pop()?;
                let last = self.subscripted(last)?;
                // `xy^2` squares the last letter only.
                if self.take_sym('^') {
                    let exponent = self.exponent()?;
                    factors.push(Expr::Pow(Box::new(last), Box::new(exponent)));
                } else {
                    factors.push(last);
                }
                Some(Expr::Mul(factors))
            }
            _ => None,
        }
    }

    /// A name with its index and its primes.
    fn subscripted(&mut self, name: Expr) -> Option<Expr> {
        let mut text = match &name {
            Expr::Var(text) => text.clone(),
            _ if self.peek() != Some(&Tok::Sym('_')) && !self.is_index() => return Some(name),
            Expr::E => "e".to_owned(),
            _ => "i".to_owned(),
        };
        // `x2` is `x_2` as `H2O` is `H_2O`, and no product.
        if self.is_index()
            && let Some(Tok::Num(number)) = self.bump()
        {
            text.push('_');
            text.push_str(&number);
        } else if self.take_sym('_') {
            let index = match self.peek()? {
                Tok::Sym('{') => self.raw_group()?,
                Tok::Num(number) => {
                    let number = number.clone();
                    self.at_next();
                    number
                }
                _ => match self.argument()? {
                    Expr::Num { value, .. } => value.to_string(),
                    Expr::Var(index) | Expr::Text(index) => index,
                    Expr::I => "i".to_owned(),
                    Expr::E => "e".to_owned(),
                    other => format!("{other:?}"),
                },
            };
            text.push('_');
            text.push_str(&index);
        }
        while self.take_sym('\'') {
            text.push('\'');
        }
        Some(Expr::Var(text))
    }

    /// Whether digits follow a letter directly.
    fn is_index(&self) -> bool {
        matches!(self.peek(), Some(Tok::Num(number)) if number.bytes().all(|b| b.is_ascii_digit())) && !self.spaced(0)
    }

    fn named(&mut self, name: &str) -> Option<Expr> {
        let place = self.place();
        let tried = matches!(name, "sum" | "prod" | "int" | "det");
        if tried && self.tries > 0 {
            self.tries -= 1;
        }
        let computed = match name {
            _ if tried && self.tries == 0 => None,
            "sum" => self.series(Func::Sum),
            "prod" => self.series(Func::Product),
            "int" => self.integral(),
            "det" => match self.atom() {
                Some(matrix @ Expr::Matrix(_)) => return crate::matrix::determinant(&matrix),
                _ => None,
            },
            "partial" => match self.bump() {
                Some(Tok::Word(word)) if word.len() == 1 => return Some(Expr::Var(format!("\\partial {word}"))),
                _ => None,
            },
            "overline" => {
                let inside = self.argument()?;
                let conjugate = |part: &Expr| (*part == Expr::I).then(|| Expr::I.neg());
                return (!inside.any(&|part| matches!(part, Expr::Var(_)))).then(|| inside.map(&conjugate));
            }
            _ => None,
        };
        if computed.is_some() {
            return computed;
        }
        self.go_back(&place);
        if GREEK.contains(&name) {
            return self.subscripted(Expr::Var(format!("\\{name}")));
        }
        match name {
            "pi" => return Some(Expr::Pi),
            "infty" => return Some(Expr::Infinity),
            "imath" | "jmath" | "i" => return Some(Expr::I),
            "e" => return Some(Expr::E),
            "d" => return Some(Expr::Var("d".to_owned())),
            "dots" => return Some(Expr::Var("\\dots".to_owned())),
            "reals" => return Some(crate::relation::reals()),
            "emptyset" => return Some(Expr::Set(Vec::new())),
            "frac" => return self.fraction(),
            "choose" => return None,
            "binom" => {
                let top = self.argument()?;
                return Some(Expr::Call(Func::Binomial, vec![top, self.argument()?]));
            }
            "mathbb" => {
                let Expr::Var(name) = self.argument()? else { return None };
                if name == "R" {
                    return Some(crate::relation::reals());
                }
                return Some(Expr::Var(format!("\\mathbb{name}")));
            }
            "lfloor" | "lceil" => {
                let inside = self.sum()?;
                let (func, close) = if name == "lfloor" { (Func::Floor, "rfloor") } else { (Func::Ceil, "rceil") };
                return match self.bump() {
                    Some(Tok::Cmd(end)) if end == close => Some(Expr::Call(func, vec![inside])),
                    _ => None,
                };
            }
            _ => {}
        }
        if function(name).is_none() && self.is_opaque(name) {
            return self.subscripted(Expr::Var(format!("\\{name}")));
        }
        self.call(function(name)?)
    }

    /// `_{k=1}^{n} k^2` behind a sign of summation.
    fn series(&mut self, func: Func) -> Option<Expr> {
        if !(self.take_sym('_') && self.take_sym('{')) {
            return None;
        }
        let Some(Tok::Word(index)) = self.bump() else { return None };
        if index.len() != 1 || !self.take_sym('=') {
            return None;
        }
        let first = self.sum()?;
        if !(self.take_sym('}') && self.take_sym('^')) {
            return None;
        }
        let last = self.exponent()?;
        let term = self.product()?;
        // The letters of constants are indices here.
        let constant = letter(index.chars().next()?);
        let index = Expr::Var(index);
        let term = term.map(&|part| (*part == constant).then(|| index.clone()));
        Some(Expr::Call(func, vec![term, index, first, last]))
    }

    /// `_0^1 x^2 dx` behind a sign of integration.
    fn integral(&mut self) -> Option<Expr> {
        if !self.take_sym('_') {
            return None;
        }
        let from = self.argument()?;
        if !self.take_sym('^') {
            return None;
        }
        let to = self.exponent()?;
        let (end, length, variable, rest) = (self.at..self.tokens.len()).find_map(|at| self.differential(at))?;
        let mut inside: Vec<_> = self.tokens.get(self.at..end)?.to_vec();
        if let Some(rest) = rest {
            inside.push(crate::lexer::Token { tok: Tok::Word(rest), spaced: false });
        }
        let mut parser = Parser::new(inside, false);
        parser.tries = self.tries;
        let integrand = if parser.tokens.is_empty() { Some(Expr::int(1)) } else { parser.sum() };
        self.tries = parser.tries;
        let integrand = integrand?;
        if parser.at != parser.tokens.len() {
            return None;
        }
        self.at = end + length;
        Some(Expr::Call(Func::Integral, vec![integrand, Expr::Var(variable), from, to]))
    }

    /// The `dx` at a place: where it is, how many tokens it takes, its variable, and what stands before it in one word.
    fn differential(&self, at: usize) -> Option<(usize, usize, String, Option<String>)> {
        let tok = |at: usize| self.tokens.get(at).map(|token| &token.tok);
        match tok(at)? {
            Tok::Word(word) => {
                let mut letters = word.chars().rev();
                let (last, before) = (letters.next()?, letters.next()?);
                let rest = word.get(..word.len().checked_sub(2)?)?;
                (before == 'd' && last.is_ascii_alphabetic() && rest.len() < 3)
                    .then(|| (at, 1, last.to_string(), (!rest.is_empty()).then(|| rest.to_owned())))
            }
            Tok::Text(d) if d.trim() == "d" => match tok(at + 1)? {
                Tok::Word(name) if name.len() == 1 => Some((at, 2, name.clone(), None)),
                _ => None,
            },
            _ => None,
        }
    }

    fn call(&mut self, func: Func) -> Option<Expr> {
        if func == Func::Root {
            let index = if self.take_sym('[') {
                let index = self.sum()?;
                if !self.take_sym(']') {
                    return None;
                }
                index
            } else {
                Expr::int(2)
            };
            let inside = self.argument()?;
            return Some(Expr::Call(Func::Root, vec![inside, index]));
        }
        let mut base = Expr::int(10);
        let mut exponent = None;
        loop {
            if func == Func::Log && self.take_sym('_') {
                base = self.argument()?;
            } else if self.take_sym('^') {
                exponent = Some(self.exponent()?);
            } else {
                break;
            }
        }
        let mut func = func;
        if exponent.as_ref() == Some(&Expr::int(-1)) {
            let inverse = match func {
                Func::Sin => Some(Func::Asin),
                Func::Cos => Some(Func::Acos),
                Func::Tan => Some(Func::Atan),
                _ => None,
            };
            if let Some(inverse) = inverse {
                (func, exponent) = (inverse, None);
            }
        }
        let mut arguments = self.arguments()?;
        if matches!(func, Func::Sin | Func::Cos | Func::Tan | Func::Cot | Func::Sec | Func::Csc) {
            arguments = arguments.into_iter().map(in_radians).collect();
        }
        match func {
            Func::Log if arguments.len() == 1 => arguments.push(base),
            Func::Log if arguments.len() == 2 => {}
            Func::Max | Func::Min | Func::Gcd | Func::Lcm if !arguments.is_empty() => {}
            _ if arguments.len() == 1 => {}
            _ => return None,
        }
        let value = Expr::Call(func, arguments);
        Some(match exponent {
            Some(exponent) => Expr::Pow(Box::new(value), Box::new(exponent)),
            None => value,
        })
    }

    /// What a function is applied to: brackets, or the factors up to the next sign or function.
    fn arguments(&mut self) -> Option<Vec<Expr>> {
        if matches!(self.peek(), Some(Tok::Sym('(' | '{' | SET_OPEN))) {
            return match self.atom()? {
                Expr::Bracket { items, .. } | Expr::Set(items) | Expr::List(items) => Some(items),
                other => Some(vec![other]),
            };
        }
        let mut factors = vec![self.power()?];
        while self.starts_factor() {
            match self.peek() {
                Some(Tok::Cmd(name)) if function(name).is_some() && name != "sqrt" => break,
                Some(Tok::Word(word)) if function(word).is_some() => break,
                Some(Tok::Sym(_) | Tok::Text(_) | Tok::Begin(_)) => break,
                _ => factors.push(self.power()?),
            }
        }
        let one = if factors.len() == 1 { factors.pop()? } else { Expr::Mul(factors) };
        Some(vec![one])
    }

    /// Whether a command is a sign whose meaning is not computed: `\\sum`, `\\int`, or one that is not known.
    fn is_opaque(&self, name: &str) -> bool {
        let structural = matches!(
            name,
            "cup"
                | "cap"
                | "setminus"
                | "choose"
                | "implies"
                | "Rightarrow"
                | "to"
                | "over"
                | "atop"
                | "rfloor"
                | "rceil"
        );
        !structural && !matches!(self.peek(), Some(Tok::Sym('{')))
    }

    /// The tokens of a group in braces as a text, whatever they mean.
    fn raw_group(&mut self) -> Option<String> {
        let (mut text, mut depth) = (String::new(), 0_usize);
        loop {
            match self.bump()? {
                Tok::Sym('{') => depth += 1,
                Tok::Sym('}') => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(text);
                    }
                }
                Tok::Num(part) | Tok::Word(part) | Tok::Name(part) | Tok::Cmd(part) => text.push_str(&part),
                Tok::Text(part) => text.push_str(part.trim()),
                Tok::Sym(c) => text.push(c),
                Tok::Money(_) | Tok::Begin(_) | Tok::End => return None,
            }
        }
    }

    /// Whether `(5, 2)` follows directly: `C(5, 2)` is a number of combinations.
    fn is_combination(&self) -> bool {
        matches!(
            (self.ahead(0), self.ahead(1), self.ahead(2), self.ahead(3), self.ahead(4)),
            (Some(Tok::Sym('(')), Some(Tok::Num(_)), Some(Tok::Sym(',')), Some(Tok::Num(_)), Some(Tok::Sym(')')))
        ) && !self.spaced(0)
    }
}

/// An angle in degrees as the number that a function of angles takes.
fn in_radians(argument: Expr) -> Expr {
    match argument {
        Expr::Quantity(value, unit) if unit.is_angle() => {
            let per = num_rational::BigRational::new(1.into(), 180.into());
            Expr::Mul(vec![*value, Expr::Pi, Expr::Num { value: per * unit.factor, decimal: false }])
        }
        other => other,
    }
}
