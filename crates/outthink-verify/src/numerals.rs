//! Numbers in words, in the languages of the field: "forty-two", "zweiundvierzig", "四十二", "three quarters", "3分之1".
//! A text is read as a whole or not at all.

use crate::words::magnitude;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};

/// Longer texts are no number in words.
const MOST_BYTES: usize = 120;
const MOST_WORDS: usize = 16;

/// The words from zero on, by language; alternatives are separated by a bar.
const COUNTED: &[&[&str]] = &[
    &[
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ],
    &[
        "null",
        "eins|ein|eine",
        "zwei",
        "drei",
        "vier",
        "fünf",
        "sechs",
        "sieben",
        "acht",
        "neun",
        "zehn",
        "elf",
        "zwölf",
        "dreizehn",
        "vierzehn",
        "fünfzehn",
        "sechzehn",
        "siebzehn",
        "achtzehn",
        "neunzehn",
    ],
    &[
        "zéro", "un|une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze",
        "treize", "quatorze", "quinze", "seize",
    ],
    &[
        "cero",
        "uno|una",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
        "once",
        "doce",
        "trece",
        "catorce",
        "quince",
        "dieciséis",
        "diecisiete",
        "dieciocho",
        "diecinueve",
        "veinte",
        "veintiuno|veintiún",
        "veintidós",
        "veintitrés",
        "veinticuatro",
        "veinticinco",
        "veintiséis",
        "veintisiete",
        "veintiocho",
        "veintinueve",
    ],
    &[
        "zero",
        "um|uma",
        "dois|duas",
        "três",
        "quatro",
        "cinco",
        "seis",
        "sete",
        "oito",
        "nove",
        "dez",
        "onze",
        "doze",
        "treze",
        "catorze|quatorze",
        "quinze",
        "dezesseis|dezasseis",
        "dezessete|dezassete",
        "dezoito",
        "dezenove|dezanove",
    ],
    &[
        "ноль|нуль",
        "один|одна|одно",
        "два|две",
        "три",
        "четыре",
        "пять",
        "шесть",
        "семь",
        "восемь",
        "девять",
        "десять",
        "одиннадцать",
        "двенадцать",
        "тринадцать",
        "четырнадцать",
        "пятнадцать",
        "шестнадцать",
        "семнадцать",
        "восемнадцать",
        "девятнадцать",
    ],
    &[
        "صفر",
        "واحد|واحدة|أحد",
        "اثنان|اثنين|اثنا|اثنتان",
        "ثلاثة|ثلاث",
        "أربعة|أربع|اربعة",
        "خمسة|خمس",
        "ستة|ست",
        "سبعة|سبع",
        "ثمانية|ثماني|ثمان",
        "تسعة|تسع",
        "عشرة|عشر",
    ],
    &[
        "शून्य",
        "एक",
        "दो",
        "तीन",
        "चार",
        "पाँच|पांच",
        "छह|छः|छ",
        "सात",
        "आठ",
        "नौ",
        "दस",
        "ग्यारह",
        "बारह",
        "तेरह",
        "चौदह",
        "पंद्रह|पन्द्रह",
        "सोलह",
        "सत्रह",
        "अठारह",
        "उन्नीस",
        "बीस",
        "इक्कीस",
        "बाईस",
        "तेईस",
        "चौबीस",
        "पच्चीस",
        "छब्बीस",
        "सत्ताईस",
        "अट्ठाईस|अठाईस",
        "उनतीस",
        "तीस",
        "इकतीस",
        "बत्तीस",
        "तैंतीस",
        "चौंतीस",
        "पैंतीस",
        "छत्तीस",
        "सैंतीस",
        "अड़तीस",
        "उनतालीस",
        "चालीस",
        "इकतालीस",
        "बयालीस",
        "तैंतालीस",
        "चवालीस|चौवालीस",
        "पैंतालीस",
        "छियालीस",
        "सैंतालीस",
        "अड़तालीस",
        "उनचास",
        "पचास",
        "इक्यावन",
        "बावन",
        "तिरपन",
        "चौवन",
        "पचपन",
        "छप्पन",
        "सत्तावन",
        "अट्ठावन",
        "उनसठ",
        "साठ",
        "इकसठ",
        "बासठ",
        "तिरसठ",
        "चौंसठ",
        "पैंसठ",
        "छियासठ",
        "सड़सठ",
        "अड़सठ",
        "उनहत्तर",
        "सत्तर",
        "इकहत्तर",
        "बहत्तर",
        "तिहत्तर",
        "चौहत्तर",
        "पचहत्तर",
        "छिहत्तर",
        "सतहत्तर",
        "अठहत्तर",
        "उन्यासी",
        "अस्सी",
        "इक्यासी",
        "बयासी",
        "तिरासी",
        "चौरासी",
        "पचासी",
        "छियासी",
        "सत्तासी",
        "अट्ठासी",
        "नवासी",
        "नब्बे",
        "इक्यानवे",
        "बानवे",
        "तिरानवे",
        "चौरानवे",
        "पचानवे",
        "छियानवे",
        "सत्तानवे",
        "अट्ठानवे",
        "निन्यानवे",
    ],
];

/// The tens from twenty on.
const TENS: &[&[&str]] = &[
    &["twenty", "thirty", "forty|fourty", "fifty", "sixty", "seventy", "eighty", "ninety"],
    &["zwanzig", "dreißig|dreissig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"],
    &["vingt|vingts", "trente", "quarante", "cinquante", "soixante", "septante", "huitante|octante", "nonante"],
    &["veinte", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"],
    &["vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa"],
    &["двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"],
    &[
        "عشرون|عشرين",
        "ثلاثون|ثلاثين",
        "أربعون|أربعين|اربعون",
        "خمسون|خمسين",
        "ستون|ستين",
        "سبعون|سبعين",
        "ثمانون|ثمانين",
        "تسعون|تسعين",
    ],
];

/// The hundreds from one hundred on, where they are words of their own.
const HUNDREDS: &[&[&str]] = &[
    &[
        "cien|ciento",
        "doscientos|doscientas",
        "trescientos|trescientas",
        "cuatrocientos",
        "quinientos|quinientas",
        "seiscientos",
        "setecientos",
        "ochocientos",
        "novecientos",
    ],
    &[
        "cem|cento",
        "duzentos|duzentas",
        "trezentos|trezentas",
        "quatrocentos",
        "quinhentos|quinhentas",
        "seiscentos",
        "setecentos",
        "oitocentos",
        "novecentos",
    ],
    &["сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"],
    &["مئة|مائة", "مئتان|مائتان|مئتين"],
];

/// Parts of one, from halves on.
const PARTS: &[&[&str]] = &[
    &[
        "half|halves",
        "third|thirds",
        "quarter|quarters|fourth|fourths",
        "fifth|fifths",
        "sixth|sixths",
        "seventh|sevenths",
        "eighth|eighths",
        "ninth|ninths",
        "tenth|tenths",
        "eleventh|elevenths",
        "twelfth|twelfths",
    ],
    &[
        "halb|halbe|halbes|halber",
        "drittel",
        "viertel",
        "fünftel",
        "sechstel",
        "siebtel",
        "achtel",
        "neuntel",
        "zehntel",
    ],
    &[
        "demi|demie|demis",
        "tiers",
        "quart|quarts",
        "cinquième|cinquièmes",
        "sixième|sixièmes",
        "septième|septièmes",
        "huitième|huitièmes",
        "neuvième|neuvièmes",
        "dixième|dixièmes",
    ],
    &[
        "medio|media|medios",
        "tercio|tercios",
        "cuarto|cuartos",
        "quinto|quintos",
        "sexto|sextos",
        "séptimo|séptimos",
        "octavo|octavos",
        "noveno|novenos",
        "décimo|décimos",
    ],
    &["meio|meia|meios", "terço|terços", "quarto|quartos", "quinto|quintos", "sexto|sextos"],
    &[
        "половина|половины",
        "треть|трети|третьих",
        "четверть|четверти|четвертых|четвёртых",
        "пятая|пятых",
        "шестая|шестых",
        "седьмая|седьмых",
        "восьмая|восьмых",
        "девятая|девятых",
        "десятая|десятых",
    ],
    &["نصف", "ثلث", "ربع", "خمس", "سدس"],
    &["आधा|आधे", "तिहाई", "चौथाई"],
];

/// Words that only join others.
const JOINTS: &[&str] = &["and", "und", "et", "y", "e", "и", "و"];
const ARTICLES: &[&str] = &["a", "an", "un", "une", "um", "ein", "eine", "एक"];

fn at(rows: &[&[&str]], word: &str) -> Option<u64> {
    let place = |row: &&[&str]| row.iter().position(|names| names.split('|').any(|name| name == word));
    rows.iter().find_map(place).and_then(|at| u64::try_from(at).ok())
}

/// The number that an English word names, up to a hundred: what a finder takes for a number in a sentence.
pub(crate) fn number_word(word: &str) -> Option<u64> {
    if let Some(small) = at(&COUNTED[..1], word) {
        return Some(small);
    }
    let (tens, ones) = word.split_once(['-', ' ']).unwrap_or((word, "zero"));
    let tens = at(&TENS[..1], tens).or((tens == "hundred").then_some(8))?;
    let ones = at(&COUNTED[..1], ones).filter(|ones| *ones < 10)?;
    Some((tens + 2) * 10 + ones)
}

/// The number that a text in lower case names, whole or a fraction; digits alone are no words.
pub(crate) fn number(text: &str) -> Option<BigRational> {
    let text = text.trim();
    if text.is_empty() || text.len() > MOST_BYTES || !text.contains(char::is_alphabetic) {
        return None;
    }
    if let Some(value) = eastern(text) {
        return Some(value);
    }
    let spaced = text.replace(['-', '\u{2010}', '\u{2011}'], " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.len() > MOST_WORDS || words.iter().any(|word| word.contains(['\\', '{', '(', '=', '+', '*', '^'])) {
        return None;
    }
    fraction(&words).or_else(|| whole(&words).map(|n| BigRational::from_integer(n.into())))
}

/// "three quarters", "a half", "two and a half", "half a million".
fn fraction(words: &[&str]) -> Option<BigRational> {
    let (last, before) = words.split_last()?;
    if let Some(parts) = at(PARTS, last).map(|at| at + 2) {
        let part = BigRational::new(1.into(), parts.into());
        if before.is_empty() {
            return (parts == 2 || matches!(*last, "quarter" | "треть" | "четверть" | "चौथाई" | "तिहाई"))
                .then_some(part);
        }
        if let [article] = before
            && ARTICLES.contains(article)
        {
            return Some(part);
        }
        if let Some(joint) = before.iter().rposition(|word| JOINTS.contains(word)) {
            let (whole_part, top) = (before.get(..joint)?, before.get(joint + 1..)?);
            let top = match top {
                [] => Some(BigRational::one()),
                [article] if ARTICLES.contains(article) => Some(BigRational::one()),
                top => count(top),
            };
            if let (Some(n), Some(top)) = (count(whole_part), top)
                && top < BigRational::from_integer(parts.into())
            {
                return Some(n + top * part);
            }
        }
        return count(before).map(|top| top * part);
    }
    // "half a dozen"
    if at(PARTS, words.first()?) == Some(0) {
        let rest = words.get(1..)?;
        let rest = if ARTICLES.contains(rest.first()?) { rest.get(1..)? } else { rest };
        let half = BigRational::new(1.into(), 2.into());
        return match rest {
            [scale] => magnitude(scale).map(|n| half * BigInt::from(n)),
            _ => None,
        };
    }
    // "2 and 3/4"
    if let [whole_part, "and", part] = words
        && let Some((top, bottom)) = part.split_once('/')
    {
        let digits = |text: &str| text.parse::<u32>().ok();
        let (n, top, bottom) = (digits(whole_part)?, digits(top)?, digits(bottom).filter(|n| *n > 0)?);
        return (top < bottom)
            .then(|| BigRational::new((u64::from(n) * u64::from(bottom) + u64::from(top)).into(), bottom.into()));
    }
    None
}

/// A number in words or in digits.
fn count(words: &[&str]) -> Option<BigRational> {
    if let [digits] = words
        && digits.len() < 10
        && digits.bytes().all(|b| b.is_ascii_digit())
    {
        return digits.parse::<u64>().ok().map(|n| BigRational::from_integer(n.into()));
    }
    whole(words).map(|n| BigRational::from_integer(n.into()))
}

/// "one hundred and fifty", "quatre vingt dix", "zweiundvierzig".
fn whole(words: &[&str]) -> Option<u64> {
    let mut pieces: Vec<String> = Vec::new();
    for word in words {
        match split(word) {
            Some(parts) => pieces.extend(parts),
            None => pieces.push((*word).to_owned()),
        }
    }
    let (mut total, mut group, mut named) = (0_u64, 0_u64, false);
    let mut scale_before = u64::MAX;
    let mut joined = false;
    for (index, word) in pieces.iter().enumerate() {
        let word = word.as_str();
        if JOINTS.contains(&word) {
            joined = index > 0 && index + 1 < pieces.len();
            if !joined {
                return None;
            }
            continue;
        }
        let hundred = matches!(word, "hundred" | "hundert" | "cent" | "cents" | "सौ");
        let small = at(COUNTED, word).or_else(|| at(TENS, word).map(|at| (at + 2) * 10));
        let value = match (small, at(HUNDREDS, word)) {
            (Some(value), _) => value,
            (None, Some(at)) if group == 0 || at == 0 && group < 10 && word.starts_with('م') => {
                group = (at + 1) * 100 * group.max(1);
                named = true;
                continue;
            }
            _ if hundred && group < 100 => {
                group = group.max(1) * 100;
                named = true;
                continue;
            }
            _ => {
                let article = ARTICLES.contains(&word) && index == 0 && pieces.len() > 1;
                if article {
                    group = 1;
                    continue;
                }
                let scale = scale(word).filter(|&n| n >= 12 && n < scale_before)?;
                total = total.checked_add(group.max(1).checked_mul(scale)?)?;
                (group, scale_before, named) = (0, scale, true);
                continue;
            }
        };
        let rest = group % 100;
        let fits = match value {
            _ if group == 0 => true,
            0 => false,
            1..10 => rest == 0 || rest % 10 == 0 && rest != 10,
            10 if word.starts_with('ع') => rest < 10,
            10..20 => rest == 0 || matches!(rest, 60 | 80) && word.is_ascii(),
            20 if word.starts_with("vingt") && rest == 4 => {
                group += 56;
                true
            }
            _ => rest == 0 || value % 10 == 0 && rest < 10 && joined,
        };
        if !fits {
            return None;
        }
        group += value;
        named = true;
        joined = false;
    }
    named.then(|| total.checked_add(group)).flatten()
}

/// The scale of thousands and more, and of dozens.
fn scale(word: &str) -> Option<u64> {
    if word == "mille" || word == "mil" || word == "тысяча" {
        return Some(1_000);
    }
    magnitude(word).filter(|n| *n == 12 || n.is_multiple_of(1_000))
}

/// The pieces of a German number in one word, or of an Arabic one that begins with its "and".
fn split(word: &str) -> Option<Vec<String>> {
    if let Some(rest) = word.strip_prefix('و')
        && (at(COUNTED, rest).is_some() || at(TENS, rest).is_some())
    {
        return Some(vec!["و".to_owned(), rest.to_owned()]);
    }
    if word.len() < 8 || at(COUNTED, word).is_some() || at(TENS, word).is_some() || word.len() > 80 {
        return None;
    }
    let (counted, tens) = (COUNTED.get(1)?, TENS.get(1)?);
    let mut pieces = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let names = counted.iter().chain(tens.iter()).flat_map(|names| names.split('|'));
        let longest =
            names.chain(["und", "hundert", "tausend"]).filter(|name| rest.starts_with(name)).max_by_key(|n| n.len())?;
        pieces.push(longest.to_owned());
        rest = rest.get(longest.len()..)?;
    }
    Some(pieces)
}

/// Numbers in Chinese, Japanese and Korean writing, with digits among them: `三万五千`, `3万5千`, `사십이`, `三分之一`.
fn eastern(text: &str) -> Option<BigRational> {
    if text.is_ascii() {
        return None;
    }
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    for between in ["分之", "분의", "ぶんの"] {
        if let Some((bottom, top)) = text.split_once(between) {
            let (mixed, bottom) = match bottom.split_once('又') {
                Some((mixed, bottom)) => (eastern_number(mixed)?, bottom),
                None => (BigRational::zero(), bottom),
            };
            let bottom = if bottom == "百" { BigRational::from_integer(100.into()) } else { eastern_number(bottom)? };
            return if bottom.is_zero() { None } else { Some(mixed + eastern_number(top)? / bottom) };
        }
    }
    // Digits with a single magnitude are read with what follows them.
    let written = |c: char| eastern_digit(c).is_some() || eastern_unit(c).is_some();
    text.contains(written).then(|| eastern_number(&text)).flatten()
}

fn eastern_digit(c: char) -> Option<u64> {
    const DIGITS: &[&str] =
        &["〇零영공", "一壹일", "二两兩贰이", "三叁삼", "四肆사", "五伍오", "六陆육", "七柒칠", "八捌팔", "九玖구"];
    DIGITS.iter().position(|row| row.contains(c)).and_then(|at| u64::try_from(at).ok())
}

fn eastern_unit(c: char) -> Option<u64> {
    Some(match c {
        '十' | '拾' | '십' => 10,
        '百' | '佰' | '백' => 100,
        '千' | '仟' | '천' => 1_000,
        '万' | '萬' | '만' => 10_000,
        '亿' | '億' | '억' => 100_000_000,
        '兆' | '조' => 1_000_000_000_000,
        _ => return None,
    })
}

fn eastern_number(text: &str) -> Option<BigRational> {
    if let Some((whole, places)) = text.split_once(['点', '點']) {
        let digits =
            places.chars().map(eastern_digit).collect::<Option<Vec<_>>>().filter(|d| (1..=12).contains(&d.len()))?;
        let mut value = eastern_number(whole)?;
        let mut place = BigRational::one();
        for digit in digits {
            place /= BigInt::from(10);
            value += &place * BigInt::from(digit);
        }
        return Some(value);
    }
    let big = |n: u64| BigRational::from_integer(n.into());
    // The value so far, the part below the last ten thousand, and the last digits.
    let (mut total, mut group, mut digits) = (BigRational::zero(), BigRational::zero(), None::<BigRational>);
    let (mut last_big, mut last_small) = (u64::MAX, u64::MAX);
    let mut run = String::new();
    let mut chars = text.chars().peekable();
    let mut plain = 0;
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() || c == '.' || c == ',' {
            run.push(c);
            if !chars.peek().is_some_and(|c| c.is_ascii_digit() || matches!(c, '.' | ',')) {
                let run = std::mem::take(&mut run).replace(',', "");
                if digits.is_some() || run.len() > 18 {
                    return None;
                }
                match crate::number::parse_number(&run)? {
                    crate::ast::Expr::Num { value, .. } => digits = Some(value),
                    _ => return None,
                }
            }
            continue;
        }
        if let Some(digit) = eastern_digit(c) {
            plain += 1;
            // `二〇二四` is read digit by digit, where no unit is among them.
            digits = Some(match digits {
                None => big(digit),
                Some(before) if total.is_zero() && group.is_zero() && plain > 1 => {
                    before * BigInt::from(10) + big(digit)
                }
                Some(before) if before.is_zero() => big(digit),
                Some(_) => return None,
            });
            continue;
        }
        let unit = eastern_unit(c)?;
        if unit < 10_000 {
            if plain > 1 && digits.as_ref().is_some_and(|d| *d >= big(10)) || unit >= last_small {
                return None;
            }
            group += digits.take().unwrap_or_else(BigRational::one) * BigInt::from(unit);
            last_small = unit;
        } else {
            if unit >= last_big {
                return None;
            }
            let below = group + digits.take().unwrap_or_else(BigRational::zero);
            let below = if below.is_zero() { BigRational::one() } else { below };
            total += below * BigInt::from(unit);
            (group, last_big, last_small) = (BigRational::zero(), unit, u64::MAX);
        }
        plain = 0;
    }
    Some(total + group + digits.unwrap_or_else(BigRational::zero)).filter(|_| !text.is_empty())
}

/// The place that an ordinal names: `3rd`, `the 15th`, `third`.
pub(crate) fn ordinal(text: &str) -> Option<u64> {
    const NAMES: &[&str] = &[
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
        "twelfth",
    ];
    let text = text.strip_prefix("the ").unwrap_or(text);
    if let Some(at) = NAMES.iter().position(|name| *name == text) {
        return u64::try_from(at + 1).ok();
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n = digits.parse::<u64>().ok().filter(|_| digits.len() < 12)?;
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    (text.get(digits.len()..) == Some(ending)).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_number() {
        assert_eq!(number_word("twelve"), Some(12));
        assert_eq!(number_word("forty-two"), Some(42));
        assert_eq!((number_word("hundred"), number_word("twenty-ten"), number_word("apple")), (Some(100), None, None));
    }

    #[test]
    fn words_are_numbers_in_all_languages() {
        for (text, top, bottom) in [
            ("forty-two", 42, 1),
            ("one hundred and fifty", 150, 1),
            ("twelve hundred", 1_200, 1),
            ("two thousand twenty four", 2_024, 1),
            ("zweiundvierzig", 42, 1),
            ("dreihundertfünf", 305, 1),
            ("quarante-deux", 42, 1),
            ("quatre-vingt-dix-sept", 97, 1),
            ("soixante et onze", 71, 1),
            ("cuarenta y dos", 42, 1),
            ("trescientos cinco", 305, 1),
            ("quarenta e dois", 42, 1),
            ("сорок два", 42, 1),
            ("двести пять", 205, 1),
            ("اثنان وأربعون", 42, 1),
            ("ثلاثة عشر", 13, 1),
            ("बयालीस", 42, 1),
            ("四十二", 42, 1),
            ("二〇二四", 2_024, 1),
            ("三万五千", 35_000, 1),
            ("3万5千", 35_000, 1),
            ("1億2000万", 120_000_000, 1),
            ("1억 2천만", 120_000_000, 1),
            ("사십이", 42, 1),
            ("三点五", 7, 2),
            ("三分之一", 1, 3),
            ("3分之1", 1, 3),
            ("3분의 1", 1, 3),
            ("百分之二十", 1, 5),
            ("three quarters", 3, 4),
            ("three-fourths", 3, 4),
            ("a half", 1, 2),
            ("two and a half", 5, 2),
            ("2 and 3/4", 11, 4),
            ("3 viertel", 3, 4),
            ("trois quarts", 3, 4),
            ("half a million", 500_000, 1),
            ("a dozen", 12, 1),
        ] {
            assert_eq!(number(text), Some(BigRational::new(top.into(), bottom.into())), "{text}");
        }
        for text in [
            "one two",
            "twenty thirty",
            "five twenty",
            "and",
            "a",
            "third",
            "apple",
            "42",
            "ten five",
            "hundred and",
            "一二十",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(
            (ordinal("3rd"), ordinal("the 15th"), ordinal("third"), ordinal("3th")),
            (Some(3), Some(15), Some(3), None)
        );
    }
}
