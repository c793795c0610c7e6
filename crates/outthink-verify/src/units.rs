//! Units of measure and how they are spelled.

/// Each row is one unit; the first name is the one that is kept.
const UNITS: &[&[&str]] = &[
    &["mm", "millimeter", "millimeters", "millimetre", "millimetres"],
    &["cm", "centimeter", "centimeters", "centimetre", "centimetres"],
    &["m", "meter", "meters", "metre", "metres"],
    &["km", "kilometer", "kilometers", "kilometre", "kilometres"],
    &["inch", "inches", "in"],
    &["ft", "foot", "feet"],
    &["yd", "yard", "yards"],
    &["mile", "miles", "mi"],
    &["mg", "milligram", "milligrams"],
    &["g", "gram", "grams"],
    &["kg", "kilogram", "kilograms"],
    &["lb", "lbs", "pound", "pounds"],
    &["oz", "ounce", "ounces"],
    &["ml", "milliliter", "milliliters", "millilitre", "millilitres"],
    &["l", "liter", "liters", "litre", "litres"],
    &["gallon", "gallons", "gal"],
    &["s", "sec", "second", "seconds"],
    &["min", "minute", "minutes"],
    &["h", "hr", "hrs", "hour", "hours"],
    &["day", "days"],
    &["week", "weeks"],
    &["month", "months"],
    &["year", "years"],
    &["degree", "degrees", "deg"],
    &["rad", "radian", "radians"],
    &["dollar", "dollars", "usd"],
    &["cent", "cents"],
    &["euro", "euros", "eur"],
    &["mph"],
    &["kmph", "kph"],
    &["unit", "units"],
    &["j", "joule", "joules"],
    &["n", "newton", "newtons"],
    &["w", "watt", "watts"],
    &["hz", "hertz"],
    &["v", "volt", "volts"],
    &["pa", "pascal", "pascals"],
    &["mol", "mole", "moles"],
];

/// The kept name of a unit, if the word is one.
pub(crate) fn unit(word: &str) -> Option<&'static str> {
    let word = word.trim().trim_end_matches('.').to_ascii_lowercase();
    UNITS.iter().find(|row| row.contains(&word.as_str())).and_then(|row| row.first().copied())
}

/// As [`unit`], but only for words of two letters or more, since one letter may be a variable.
pub(crate) fn plain_unit(word: &str) -> Option<&'static str> {
    if word.len() < 2 { None } else { unit(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_share_a_name() {
        assert_eq!(unit("Centimeters"), unit("cm"));
        assert_ne!(unit("m"), unit("cm"));
        assert_eq!(plain_unit("m"), None);
        assert_eq!(unit("apples"), None);
    }
}
