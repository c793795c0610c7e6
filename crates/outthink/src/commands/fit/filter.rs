//! `--where COLUMN=VALUE`, with `!=`, `<`, `<=`, `>` and `>=`.

use crate::error::CliError;

/// How a cell is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Is,
    IsNot,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// The signs, those of two characters first.
const SIGNS: [(&str, Relation); 6] = [
    ("!=", Relation::IsNot),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("=", Relation::Is),
    ("<", Relation::Below),
    (">", Relation::Above),
];

/// One condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub(super) column: String,
    relation: Relation,
    value: String,
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = SIGNS.iter().find(|s| s.1 == self.relation).map_or("=", |s| s.0);
        write!(f, "{}{sign}{}", self.column, self.value)
    }
}

impl Filter {
    /// Reads what a user wrote; the first sign in it counts.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        let found = SIGNS.iter().filter_map(|(sign, relation)| text.find(sign).map(|at| (at, sign, *relation)));
        let first = found.min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())));
        let wrong = || {
            CliError::usage(format!("`{text}` is not a value of --where"))
                .hint("write --where model=NAME, or params>=1e8, with one of = != < <= > >=")
        };
        let (at, sign, relation) = first.ok_or_else(wrong)?;
        let (column, value) = (text[..at].trim().to_owned(), text[at + sign.len()..].trim().to_owned());
        if column.is_empty() || value.is_empty() {
            return Err(wrong());
        }
        let ordered = !matches!(relation, Relation::Is | Relation::IsNot);
        if ordered && value.parse::<f64>().is_err() {
            return Err(CliError::usage(format!("`{value}` in --where {text} is not a number"))
                .hint("<, <=, > and >= compare numbers; texts are compared by = and !="));
        }
        Ok(Self { column, relation, value })
    }

    /// Whether a cell is kept; an empty one is not equal to anything, and not ordered.
    pub(super) fn keeps(&self, cell: &str) -> bool {
        let numbers = cell.parse::<f64>().ok().zip(self.value.parse::<f64>().ok());
        let same = cell == self.value || numbers.is_some_and(|(a, b)| a == b);
        let ordered = |f: fn(f64, f64) -> bool| numbers.is_some_and(|(a, b)| f(a, b));
        match self.relation {
            Relation::Is => same,
            Relation::IsNot => !same,
            Relation::Below => ordered(|a, b| a < b),
            Relation::AtMost => ordered(|a, b| a <= b),
            Relation::Above => ordered(|a, b| a > b),
            Relation::AtLeast => ordered(|a, b| a >= b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_keeps_its_cells() {
        let kept = |filter: &str, cell: &str| Filter::parse(filter).unwrap().keeps(cell);
        assert!(kept("model=a", "a") && !kept("model=a", "b") && kept("model!=a", "b") && kept("model!=a", ""));
        assert!(kept("n<=1e9", "1000000000") && !kept("n<1e9", "1e9") && kept("n>5", "6") && !kept("n>=5", ""));
        assert!(kept("n=1e9", "1000000000.0"));
        assert!(kept("note=x<y", "x<y"), "the first sign counts");
        for wrong in ["model", "=a", "n<", "n<x"] {
            assert_eq!(Filter::parse(wrong).unwrap_err().code, 2, "{wrong}");
        }
    }
}
