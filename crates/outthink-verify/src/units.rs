//! Units of measure: their names, their prefixes, and the conversion between them.

use crate::unit_names::{MONEY, MONEY_NAMES, POWER_WORDS, POWERS, PREFIX_WORDS, PREFIXES, Row, SYMBOLS, WORDS};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;
use std::collections::BTreeMap;

/// A unit: how many base units it is, of which dimensions, and of what. Currencies and temperatures are dimensions of
/// their own: nothing converts between them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    pub(crate) factor: BigRational,
    pub(crate) dims: BTreeMap<&'static str, i32>,
    /// Words that are no unit and say what is counted: `apple`; empty where there are none.
    pub(crate) label: String,
}

fn ten(power: i32) -> BigRational {
    BigRational::from_integer(BigInt::from(10)).pow(power)
}

impl Unit {
    fn of(row: &Row) -> Self {
        let factor = BigRational::new(row.1.0.into(), row.1.1.into());
        Self { factor, dims: row.2.iter().copied().collect(), label: String::new() }
    }

    /// The currency of a sign.
    pub(crate) fn of_money(sign: char) -> Option<Self> {
        let name = MONEY.iter().find(|(s, _)| *s == sign)?.1;
        Some(Self { factor: BigRational::one(), dims: BTreeMap::from([(name, 1)]), label: String::new() })
    }

    /// What is counted, by its words; nothing where they say nothing.
    pub(crate) fn of_label(words: &str) -> Self {
        Self { factor: BigRational::one(), dims: BTreeMap::new(), label: stems(words) }
    }

    /// Whether this is the unit of a bare number.
    pub(crate) fn is_none(&self) -> bool {
        self.dims.is_empty() && self.label.is_empty() && self.factor.is_one()
    }

    /// Whether all that one of two labels says is also said by the other.
    pub(crate) fn is_labelled_like(&self, other: &Self) -> bool {
        let within = |a: &str, b: &str| a.split(' ').all(|word| word.is_empty() || b.split(' ').any(|w| w == word));
        within(&self.label, &other.label) || within(&other.label, &self.label)
    }

    /// Degrees of an angle.
    pub(crate) fn degrees() -> Self {
        Self { factor: BigRational::one(), dims: BTreeMap::from([("degree", 1)]), label: String::new() }
    }

    fn scaled(mut self, by: &BigRational) -> Self {
        self.factor *= by;
        self
    }

    fn power(&self, exponent: i32) -> Self {
        let dims = self.dims.iter().map(|(&name, n)| (name, n * exponent)).filter(|d| d.1 != 0).collect();
        Self { factor: self.factor.pow(exponent), dims, label: String::new() }
    }

    fn times(&self, other: &Self) -> Self {
        let mut dims = self.dims.clone();
        for (&name, n) in &other.dims {
            *dims.entry(name).or_default() += n;
        }
        dims.retain(|_, n| *n != 0);
        Self { factor: &self.factor * &other.factor, dims, label: String::new() }
    }

    pub(crate) fn is_money(&self) -> bool {
        let known = |name: &&str| MONEY_NAMES.contains(name);
        self.dims.len() == 1 && self.dims.keys().all(known)
    }

    pub(crate) fn is_angle(&self) -> bool {
        self.dims.len() == 1 && self.dims.get("degree") == Some(&1)
    }
}

/// The words of a label in lower case and in the singular, as far as English and German plurals go.
fn stems(words: &str) -> String {
    let lower = words.to_lowercase();
    let stem = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        match word {
            "men" => "man".to_owned(),
            "women" => "woman".to_owned(),
            "children" => "child".to_owned(),
            "people" => "person".to_owned(),
            _ if word.len() > 4 && word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
            _ if word.len() > 3 && word.is_ascii() && word.ends_with('s') && !word.ends_with("ss") => {
                word[..word.len() - 1].to_owned()
            }
            _ => word.to_owned(),
        }
    };
    let stems: Vec<String> = lower.split_whitespace().map(stem).filter(|word| !word.is_empty()).collect();
    stems.join(" ")
}

fn named_unit(name: &str) -> Option<Unit> {
    WORDS.iter().find(|row| row.0.contains(&name)).map(Unit::of)
}

/// The unit that one word or symbol names.
pub(crate) fn unit(word: &str) -> Option<Unit> {
    let word = word.trim().trim_end_matches('.');
    if word.is_empty() || word.len() > 32 {
        return None;
    }
    let symbol = |text: &str| SYMBOLS.iter().find(|row| row.0.contains(&text)).map(Unit::of);
    if let Some(unit) = symbol(word) {
        return Some(unit);
    }
    let lower = word.to_lowercase();
    // A small b is a bit, also where its prefix is large; all small letters are bytes, as they are mostly meant.
    if let Some(prefix) = word.strip_suffix('b')
        && let Some((_, power)) = [("K", 3), ("M", 6), ("G", 9), ("T", 12)].iter().find(|row| row.0 == prefix)
    {
        return named_unit("bit").map(|unit| unit.scaled(&ten(*power)));
    }
    if let Some((rest, n)) = POWERS.iter().find_map(|(prefix, n)| Some((lower.strip_prefix(prefix)?, n)))
        && !rest.is_empty()
    {
        return unit(rest).map(|unit| unit.power(*n));
    }
    let named = named_unit;
    if let Some(unit) = named(&lower) {
        return Some(unit);
    }
    for (prefix, power) in PREFIX_WORDS {
        if let Some(unit) = lower.strip_prefix(prefix).and_then(named) {
            return Some(unit.scaled(&ten(*power)));
        }
    }
    for (prefix, power) in PREFIXES {
        if let Some(unit) = word.strip_prefix(prefix).filter(|rest| !matches!(*rest, "h" | "d" | "in")).and_then(symbol)
        {
            return Some(unit.scaled(&ten(*power)));
        }
    }
    // "CM" and "Km" are written too; with one letter the case decides.
    if word.chars().count() > 1 {
        for (prefix, power) in [("k", 3), ("c", -2), ("m", -3)] {
            if let Some(unit) = lower.strip_prefix(prefix).and_then(symbol) {
                return Some(unit.scaled(&ten(power)));
            }
        }
    }
    None
}

/// The unit of a phrase: "m/s^2", "km per hour", "square meters", "cubic cm", "kg*m", "meters squared".
pub(crate) fn phrase(text: &str) -> Option<Unit> {
    let text = text
        .replace(['~', '(', ')', '{', '}'], " ")
        .replace("\\cdot", "*")
        .replace("\\,", " ")
        .replace("\\Omega", "\u{3a9}")
        .replace("\\mu", "\u{3bc}")
        .replace("\\ ", " ");
    let text = text
        .replace(['\u{b7}', '\u{22c5}'], "*")
        .replace('\u{b2}', "^2")
        .replace('\u{b3}', "^3")
        .replace("-1", "^-1")
        .replace("^^", "^");
    let text = text.replace(" per ", "/").replace(" pro ", "/").replace(" por ", "/").replace(" par ", "/");
    if text.len() > 64 || text.trim().is_empty() {
        return None;
    }
    let mut whole: Option<Unit> = None;
    for (index, part) in text.split('/').enumerate() {
        let mut product: Option<Unit> = None;
        let mut power = 1;
        for word in part.split(['*', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
            let lower = word.to_lowercase();
            match POWER_WORDS.iter().find(|row| row.0 == lower.trim_end_matches('.')) {
                Some((_, n, true)) => power = *n,
                Some((_, n, false)) => product = Some(product?.power(*n)),
                None => {
                    let (name, exponent) = word.split_once('^').unwrap_or((word, "1"));
                    let exponent = exponent.trim().parse::<i32>().ok().filter(|n| (-6..=6).contains(n) && *n != 0)?;
                    let unit = unit(name)?.power(exponent * std::mem::replace(&mut power, 1));
                    product = Some(product.map_or(unit.clone(), |before| before.times(&unit)));
                }
            }
        }
        let part = product?;
        whole = Some(match whole {
            None => part,
            Some(before) if index > 0 => before.times(&part.power(-1)),
            Some(before) => before.times(&part),
        });
    }
    // "Degrees Celsius" are no angle.
    let mut whole = whole?;
    if ["celsius", "fahrenheit"].iter().any(|name| whole.dims.contains_key(name)) {
        whole.dims.remove("degree");
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_share_a_unit() {
        for (a, b) in [
            ("Centimeters", "cm"),
            ("km/h", "kilometers per hour"),
            ("mph", "miles per hour"),
            ("m^2", "square meters"),
            ("m^3", "cubic metres"),
            ("ml", "cm^3"),
            ("kJ", "kilojoules"),
            ("m s^-1", "m/s"),
            ("N*m", "J"),
            ("\u{3bc}m", "micrometers"),
        ] {
            assert_eq!(phrase(a), phrase(b), "{a} {b}");
            assert!(phrase(a).is_some(), "{a}");
        }
        for (a, b) in
            [("m", "cm"), ("MHz", "kHz"), ("V", "W"), ("$", "cents"), ("square meters", "cubic meters"), ("tons", "kg")]
        {
            assert_ne!(phrase(a), phrase(b), "{a} {b}");
        }
        assert_eq!(phrase("apples"), None);
        assert_eq!(phrase("m^999999999999"), None);
    }
}
