//! Words that are part of an answer: magnitudes, number words, yes and no, and words that compute.

/// Words that multiply the number before them by a power of ten or another count.
const MAGNITUDES: &[(&str, u64)] = &[
    ("hundred", 100),
    ("hundreds", 100),
    ("thousand", 1_000),
    ("thousands", 1_000),
    ("million", 1_000_000),
    ("millions", 1_000_000),
    ("billion", 1_000_000_000),
    ("billions", 1_000_000_000),
    ("trillion", 1_000_000_000_000),
    ("trillions", 1_000_000_000_000),
    ("quadrillion", 1_000_000_000_000_000),
    ("quintillion", 1_000_000_000_000_000_000),
    ("mn", 1_000_000),
    ("bn", 1_000_000_000),
    ("mln", 1_000_000),
    ("mrd", 1_000_000_000),
    ("dozen", 12),
    ("dozens", 12),
    ("gross", 144),
    ("score", 20),
    ("lakh", 100_000),
    ("lakhs", 100_000),
    ("crore", 10_000_000),
    ("crores", 10_000_000),
    ("tausend", 1_000),
    ("hundert", 100),
    ("millionen", 1_000_000),
    ("milliarde", 1_000_000_000),
    ("milliarden", 1_000_000_000),
    ("billionen", 1_000_000_000_000),
    ("mille", 1_000),
    ("milliard", 1_000_000_000),
    ("milliards", 1_000_000_000),
    ("douzaine", 12),
    ("douzaines", 12),
    ("cent", 100),
    ("mil", 1_000),
    ("mill\u{f3}n", 1_000_000),
    ("millones", 1_000_000),
    ("docena", 12),
    ("docenas", 12),
    ("milh\u{e3}o", 1_000_000),
    ("milh\u{f5}es", 1_000_000),
    ("bilh\u{e3}o", 1_000_000_000),
    ("bilh\u{f5}es", 1_000_000_000),
    ("d\u{fa}zia", 12),
    ("d\u{fa}zias", 12),
    ("milione", 1_000_000),
    ("milioni", 1_000_000),
    ("miliardo", 1_000_000_000),
    ("miliardi", 1_000_000_000),
    ("\u{442}\u{44b}\u{441}\u{44f}\u{447}", 1_000),
    ("\u{442}\u{44b}\u{441}\u{44f}\u{447}\u{430}", 1_000),
    ("\u{442}\u{44b}\u{441}\u{44f}\u{447}\u{438}", 1_000),
    ("\u{43c}\u{438}\u{43b}\u{43b}\u{438}\u{43e}\u{43d}", 1_000_000),
    ("\u{43c}\u{438}\u{43b}\u{43b}\u{438}\u{43e}\u{43d}\u{430}", 1_000_000),
    ("\u{43c}\u{438}\u{43b}\u{43b}\u{438}\u{43e}\u{43d}\u{43e}\u{432}", 1_000_000),
    ("\u{43c}\u{438}\u{43b}\u{43b}\u{438}\u{430}\u{440}\u{434}", 1_000_000_000),
    ("\u{43c}\u{438}\u{43b}\u{43b}\u{438}\u{430}\u{440}\u{434}\u{430}", 1_000_000_000),
    ("\u{43c}\u{438}\u{43b}\u{43b}\u{438}\u{430}\u{440}\u{434}\u{43e}\u{432}", 1_000_000_000),
    ("\u{767e}", 100),
    ("\u{5343}", 1_000),
    ("\u{4e07}", 10_000),
    ("\u{842c}", 10_000),
    ("\u{5104}", 100_000_000),
    ("\u{4ebf}", 100_000_000),
    ("\u{767e}\u{4e07}", 1_000_000),
    ("\u{5343}\u{4e07}", 10_000_000),
    ("\u{5146}", 1_000_000_000_000),
    ("\u{bc31}", 100),
    ("\u{cc9c}", 1_000),
    ("\u{b9cc}", 10_000),
    ("\u{c5b5}", 100_000_000),
    ("\u{623}\u{644}\u{641}", 1_000),
    ("\u{645}\u{644}\u{64a}\u{648}\u{646}", 1_000_000),
    ("\u{645}\u{644}\u{64a}\u{627}\u{631}", 1_000_000_000),
    ("\u{932}\u{93e}\u{916}", 100_000),
    ("\u{915}\u{930}\u{94b}\u{921}\u{93c}", 10_000_000),
    ("\u{939}\u{91c}\u{93e}\u{930}", 1_000),
    ("tens", 10),
    ("ones", 1),
    ("mio", 1_000_000),
    ("tsd", 1_000),
    ("mds", 1_000_000_000),
    ("billón", 1_000_000_000_000),
    ("billones", 1_000_000_000_000),
    ("trilhão", 1_000_000_000_000),
    ("trilhões", 1_000_000_000_000),
    ("mila", 1_000),
    ("dozzina", 12),
    ("dutzend", 12),
    ("centaines", 100),
    ("тыс", 1_000),
    ("млн", 1_000_000),
    ("млрд", 1_000_000_000),
    ("трлн", 1_000_000_000_000),
    ("триллион", 1_000_000_000_000),
    ("триллиона", 1_000_000_000_000),
    ("триллионов", 1_000_000_000_000),
    ("сто", 100),
    ("дюжина", 12),
    ("дюжины", 12),
    ("дюжин", 12),
    ("打", 12),
    ("ダース", 12),
    ("조", 1_000_000_000_000),
    ("천만", 10_000_000),
    ("백만", 1_000_000),
    ("십억", 1_000_000_000),
    ("مئة", 100),
    ("مائة", 100),
    ("آلاف", 1_000),
    ("ألفا", 1_000),
    ("الف", 1_000),
    ("ملايين", 1_000_000),
    ("مليونا", 1_000_000),
    ("مليارات", 1_000_000_000),
    ("بليون", 1_000_000_000),
    ("تريليون", 1_000_000_000_000),
    ("सौ", 100),
    ("हज़ार", 1_000),
    ("हज\u{93c}ार", 1_000),
    ("लाख", 100_000),
    ("करोड़", 10_000_000),
    ("करोड\u{93c}", 10_000_000),
    ("अरब", 1_000_000_000),
    ("मिलियन", 1_000_000),
    ("बिलियन", 1_000_000_000),
];

/// What a number is multiplied by where one of these words follows it.
pub(crate) fn magnitude(word: &str) -> Option<u64> {
    MAGNITUDES.iter().find(|(name, _)| *name == word).map(|row| row.1)
}

/// Words that compute or that make another number of the one before them: no label of a count.
const OPERATORS: &[&str] = &[
    "plus",
    "minus",
    "times",
    "divided",
    "over",
    "multiplied",
    "squared",
    "cubed",
    "factorial",
    "power",
    "to",
    "mod",
    "modulo",
    "percent",
    "pct",
    "percentage",
    "half",
    "halves",
    "third",
    "thirds",
    "quarter",
    "quarters",
    "fourth",
    "fourths",
    "fifth",
    "fifths",
    "sixths",
    "sevenths",
    "eighths",
    "ninths",
    "tenths",
    "hundredths",
    "thousandths",
    "point",
    "choose",
    "raised",
    "root",
    "less",
    "more",
    "and",
    "or",
    "but",
    "if",
    "when",
    "where",
    "than",
    "upon",
    "by",
    "pi",
    "to the",
    "out",
    "remainder",
    "base",
    "th",
    "st",
    "nd",
    "rd",
    "x",
    "in",
    "mal",
    "fois",
    "veces",
    "vezes",
    "volte",
    "prozent",
    "pourcent",
    "por",
    "hoch",
];

/// Whether a word computes, or multiplies the number before it.
pub(crate) fn is_operator(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    OPERATORS.contains(&word.as_str()) || magnitude(&word).is_some()
}

/// Yes and no in the languages of the field.
pub(crate) fn truth(word: &str) -> Option<bool> {
    match word {
        "yes"
        | "true"
        | "ja"
        | "oui"
        | "vrai"
        | "s\u{ed}"
        | "verdadero"
        | "sim"
        | "verdadeiro"
        | "wahr"
        | "richtig"
        | "vero"
        | "\u{434}\u{430}"
        | "\u{662f}"
        | "\u{662f}\u{7684}"
        | "\u{5bf9}"
        | "\u{6b63}\u{786e}"
        | "\u{306f}\u{3044}"
        | "\u{c608}"
        | "\u{b124}"
        | "\u{646}\u{639}\u{645}"
        | "\u{939}\u{93e}\u{901}" => Some(true),
        "no"
        | "false"
        | "nein"
        | "non"
        | "faux"
        | "falso"
        | "n\u{e3}o"
        | "falsch"
        | "\u{43d}\u{435}\u{442}"
        | "\u{5426}"
        | "\u{4e0d}\u{662f}"
        | "\u{9519}\u{8bef}"
        | "\u{3044}\u{3044}\u{3048}"
        | "\u{c544}\u{b2c8}\u{c694}"
        | "\u{644}\u{627}"
        | "\u{928}\u{939}\u{940}\u{902}" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_number() {
        assert_eq!(magnitude("crore"), Some(10_000_000));
        assert!(is_operator("squared,") && is_operator("million") && !is_operator("apples"));
        assert_eq!(truth("oui"), Some(true));
    }
}
