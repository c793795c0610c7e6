//! The parsed form of an answer.

use crate::units::Unit;
use num_rational::BigRational;

/// A function that can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Func {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    Ln,
    /// Arguments: value, base.
    Log,
    Abs,
    Floor,
    Ceil,
    /// Arguments: value, index.
    Root,
    Factorial,
    DoubleFactorial,
    Binomial,
    Max,
    Min,
    Gcd,
    Lcm,
    /// Arguments: value, modulus. The remainder that is not negative.
    Mod,
    /// Arguments: value, modulus. A class of remainders: `2 \pmod 5`.
    Residue,
    /// Arguments: term, index, first, last.
    Sum,
    /// Arguments: factor, index, first, last.
    Product,
    /// Arguments: integrand, variable, from, to.
    Integral,
}

impl Func {
    /// Whether exact arithmetic alone gives its value: it takes whole numbers, or binds a variable.
    pub(crate) const fn is_exact_only(self) -> bool {
        matches!(
            self,
            Self::Gcd
                | Self::Lcm
                | Self::DoubleFactorial
                | Self::Mod
                | Self::Residue
                | Self::Sum
                | Self::Product
                | Self::Integral
        )
    }
}

/// How two sides are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rel {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    /// `\approx`: binds as `=` does.
    About,
}

/// The parsed form of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expr {
    /// A number; `decimal` if it was written with a decimal point.
    Num {
        value: BigRational,
        decimal: bool,
    },
    Percent(Box<Expr>),
    /// A value with its unit.
    Quantity(Box<Expr>, Unit),
    /// `a : b : ...`
    Ratio(Vec<Expr>),
    Pi,
    E,
    I,
    Infinity,
    /// The sign `\pm`: both +1 and -1.
    PlusMinus,
    Var(String),
    Add(Vec<Expr>),
    Mul(Vec<Expr>),
    Pow(Box<Expr>, Box<Expr>),
    Call(Func, Vec<Expr>),
    /// Lower-case words.
    Text(String),
    /// Items with their brackets: tuples, points and intervals.
    Bracket {
        open: char,
        close: char,
        items: Vec<Expr>,
    },
    /// Items in braces.
    Set(Vec<Expr>),
    /// Items without brackets.
    List(Vec<Expr>),
    Matrix(Vec<Vec<Expr>>),
    Union(Vec<Expr>),
    Intersection(Vec<Expr>),
    /// `first rel second rel third ...`
    Relation(Box<Expr>, Vec<(Rel, Expr)>),
}

impl Expr {
    pub(crate) fn int(value: i64) -> Self {
        Expr::Num { value: BigRational::from_integer(value.into()), decimal: false }
    }

    pub(crate) fn neg(self) -> Self {
        match self {
            Expr::Num { value, decimal } => Expr::Num { value: -value, decimal },
            Expr::Percent(inner) => Expr::Percent(Box::new(inner.neg())),
            Expr::Quantity(inner, unit) => Expr::Quantity(Box::new(inner.neg()), unit),
            other => Expr::Mul(vec![Expr::int(-1), other]),
        }
    }

    pub(crate) fn recip(self) -> Self {
        Expr::Pow(Box::new(self), Box::new(Expr::int(-1)))
    }

    /// The direct parts.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Percent(inner) | Expr::Quantity(inner, _) => vec![inner],
            Expr::Pow(base, exponent) => vec![base, exponent],
            Expr::Add(items)
            | Expr::Mul(items)
            | Expr::Call(_, items)
            | Expr::Bracket { items, .. }
            | Expr::Set(items)
            | Expr::Ratio(items)
            | Expr::List(items)
            | Expr::Union(items)
            | Expr::Intersection(items) => items.iter().collect(),
            Expr::Matrix(rows) => rows.iter().flatten().collect(),
            Expr::Relation(first, rest) => {
                std::iter::once(first.as_ref()).chain(rest.iter().map(|(_, side)| side)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether some part, at any depth, fulfils `test`.
    pub(crate) fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// The names of the variables, added to `names`.
    pub(crate) fn variables(&self, names: &mut Vec<String>) {
        if let Expr::Var(name) = self
            && !names.contains(name)
        {
            names.push(name.clone());
        }
        for child in self.children() {
            child.variables(names);
        }
    }

    /// Whether this is a scalar: neither words, nor a collection, nor a relation.
    pub(crate) fn is_scalar(&self) -> bool {
        !self.any(&|part| {
            matches!(
                part,
                Expr::Text(_)
                    | Expr::Quantity(..)
                    | Expr::Ratio(_)
                    | Expr::Bracket { .. }
                    | Expr::Set(_)
                    | Expr::List(_)
                    | Expr::Matrix(_)
                    | Expr::Union(_)
                    | Expr::Intersection(_)
                    | Expr::Relation(..)
            )
        })
    }

    /// The same with every `\pm` taken as `sign`.
    pub(crate) fn with_sign(&self, sign: i64) -> Expr {
        self.map(&|part| (*part == Expr::PlusMinus).then(|| Expr::int(sign)))
    }

    /// The same with parts replaced for which `with` gives another; what it leaves is looked into.
    pub(crate) fn map(&self, with: &dyn Fn(&Expr) -> Option<Expr>) -> Expr {
        if let Some(other) = with(self) {
            return other;
        }
        let one = |inner: &Expr| Box::new(inner.map(with));
        let all = |items: &[Expr]| items.iter().map(|item| item.map(with)).collect();
        match self {
            Expr::Percent(inner) => Expr::Percent(one(inner)),
            Expr::Quantity(inner, unit) => Expr::Quantity(one(inner), unit.clone()),
            Expr::Pow(base, exponent) => Expr::Pow(one(base), one(exponent)),
            Expr::Add(items) => Expr::Add(all(items)),
            Expr::Mul(items) => Expr::Mul(all(items)),
            Expr::Ratio(items) => Expr::Ratio(all(items)),
            Expr::Set(items) => Expr::Set(all(items)),
            Expr::List(items) => Expr::List(all(items)),
            Expr::Call(func, items) => Expr::Call(*func, all(items)),
            Expr::Bracket { open, close, items } => Expr::Bracket { open: *open, close: *close, items: all(items) },
            Expr::Union(items) => Expr::Union(all(items)),
            Expr::Intersection(items) => Expr::Intersection(all(items)),
            Expr::Matrix(rows) => Expr::Matrix(rows.iter().map(|row| all(row)).collect()),
            Expr::Relation(first, rest) => {
                Expr::Relation(one(first), rest.iter().map(|(rel, side)| (*rel, side.map(with))).collect())
            }
            other => other.clone(),
        }
    }
}
