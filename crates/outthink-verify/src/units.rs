//! Units of measure: their names, their prefixes, and the conversion between them.

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

/// A named unit: its names, its size as a fraction of base units, its dimensions.
type Row = (&'static [&'static str], (u64, u64), &'static [(&'static str, i32)]);

const LENGTH: &[(&str, i32)] = &[("m", 1)];
const AREA: &[(&str, i32)] = &[("m", 2)];
const VOLUME: &[(&str, i32)] = &[("m", 3)];
const MASS: &[(&str, i32)] = &[("g", 1)];
const TIME: &[(&str, i32)] = &[("s", 1)];
const SPEED: &[(&str, i32)] = &[("m", 1), ("s", -1)];
const ANGLE: &[(&str, i32)] = &[("degree", 1)];
const FORCE: &[(&str, i32)] = &[("g", 1), ("m", 1), ("s", -2)];
const ENERGY: &[(&str, i32)] = &[("g", 1), ("m", 2), ("s", -2)];
const POWER: &[(&str, i32)] = &[("g", 1), ("m", 2), ("s", -3)];
const PRESSURE: &[(&str, i32)] = &[("g", 1), ("m", -1), ("s", -2)];
const VOLTAGE: &[(&str, i32)] = &[("g", 1), ("m", 2), ("s", -3), ("A", -1)];
const RESISTANCE: &[(&str, i32)] = &[("g", 1), ("m", 2), ("s", -3), ("A", -2)];
const CHARGE: &[(&str, i32)] = &[("A", 1), ("s", 1)];
const CAPACITY: &[(&str, i32)] = &[("g", -1), ("m", -2), ("s", 4), ("A", 2)];

/// Units that stand as they are, by word; words are compared in lower case.
const WORDS: &[Row] = &[
    (&["inch", "inches", "zoll", "pouces"], (254, 10_000), LENGTH),
    (&["ft", "foot", "feet"], (3_048, 10_000), LENGTH),
    (&["yd", "yard", "yards"], (9_144, 10_000), LENGTH),
    (&["mi", "mile", "miles"], (1_609_344, 1_000), LENGTH),
    (&["micron", "microns"], (1, 1_000_000), LENGTH),
    (&["angstrom", "angstroms"], (1, 10_000_000_000), LENGTH),
    (
        &[
            "meter",
            "meters",
            "metre",
            "metres",
            "mètre",
            "mètres",
            "metro",
            "metros",
            "metri",
            "метр",
            "метра",
            "метров",
            "米",
            "メートル",
            "미터",
            "metern",
            "метры",
            "м",
            "متر",
            "مترا",
            "أمتار",
            "امتار",
            "मीटर",
            "מטר",
        ],
        (1, 1),
        LENGTH,
    ),
    (&["厘米", "公分", "センチメートル", "センチ", "см", "sm", "سم", "सेमी"], (1, 100), LENGTH),
    (&["毫米", "мм", "مم", "मिमी"], (1, 1_000), LENGTH),
    (&["千米", "公里", "キロメートル", "км", "킬로미터", "كم", "किमी"], (1_000, 1), LENGTH),
    (&["acre", "acres"], (40_468_564_224, 10_000_000), AREA),
    (&["ha", "hectare", "hectares", "hektar", "公顷"], (10_000, 1), AREA),
    (
        &[
            "gram",
            "grams",
            "gramme",
            "grammes",
            "gramm",
            "gramos",
            "gramas",
            "грамм",
            "克",
            "グラム",
            "그램",
            "граммов",
            "грамма",
            "г",
            "grammi",
            "غرام",
            "جرام",
            "غراما",
            "ग्राम",
        ],
        (1, 1),
        MASS,
    ),
    (
        &["千克", "公斤", "キログラム", "キロ", "кг", "킬로그램", "kilo", "kilos", "كغ", "كجم", "किग्रा"],
        (1_000, 1),
        MASS,
    ),
    (
        &[
            "ton",
            "tons",
            "tonne",
            "tonnes",
            "тонн",
            "тонна",
            "吨",
            "トン",
            "톤",
            "тонны",
            "т",
            "tonnen",
            "toneladas",
            "طن",
            "टन",
        ],
        (1_000_000, 1),
        MASS,
    ),
    (&["lb", "lbs", "pound", "pounds"], (45_359_237, 100_000), MASS),
    (&["pfund", "斤", "근"], (500, 1), MASS),
    (&["oz", "ounce", "ounces"], (28_349_523_125, 1_000_000_000), MASS),
    (
        &[
            "second",
            "seconds",
            "sec",
            "secs",
            "sekunde",
            "sekunden",
            "seconde",
            "secondes",
            "segundo",
            "segundos",
            "secondi",
            "секунд",
            "секунды",
            "секунда",
            "сек",
            "с",
            "秒",
            "秒钟",
            "秒間",
            "초",
            "ثانية",
            "ثوان",
            "ثواني",
            "सेकंड",
            "सेकेंड",
            "सेकण्ड",
        ],
        (1, 1),
        TIME,
    ),
    (
        &[
            "minute",
            "minutes",
            "min",
            "mins",
            "minuten",
            "minuto",
            "minutos",
            "minuti",
            "минут",
            "минуты",
            "минута",
            "мин",
            "分钟",
            "分",
            "分間",
            "분",
            "دقيقة",
            "دقائق",
            "मिनट",
        ],
        (60, 1),
        TIME,
    ),
    (
        &[
            "hour",
            "hours",
            "hr",
            "hrs",
            "stunde",
            "stunden",
            "heure",
            "heures",
            "hora",
            "horas",
            "ore",
            "час",
            "часа",
            "часов",
            "ч",
            "小时",
            "个小时",
            "钟头",
            "時間",
            "시간",
            "ساعة",
            "ساعات",
            "घंटे",
            "घंटा",
            "घण्टे",
        ],
        (3_600, 1),
        TIME,
    ),
    (
        &[
            "day",
            "days",
            "tag",
            "tage",
            "jour",
            "jours",
            "día",
            "días",
            "dias",
            "giorni",
            "день",
            "дня",
            "дней",
            "tagen",
            "dia",
            "天",
            "日",
            "日間",
            "일",
            "يوم",
            "يوما",
            "أيام",
            "ايام",
            "दिन",
        ],
        (86_400, 1),
        TIME,
    ),
    (
        &[
            "week",
            "weeks",
            "woche",
            "wochen",
            "semaine",
            "semaines",
            "semana",
            "semanas",
            "неделя",
            "недели",
            "недель",
            "周",
            "星期",
            "個星期",
            "个星期",
            "週間",
            "주",
            "주일",
            "أسبوع",
            "أسابيع",
            "सप्ताह",
            "हफ्ते",
        ],
        (604_800, 1),
        TIME,
    ),
    (
        &[
            "month",
            "months",
            "monat",
            "monate",
            "mois",
            "mes",
            "meses",
            "mês",
            "monaten",
            "месяц",
            "месяца",
            "месяцев",
            "个月",
            "個月",
            "ヶ月",
            "か月",
            "カ月",
            "개월",
            "달",
            "شهر",
            "أشهر",
            "شهور",
            "महीने",
            "महीना",
            "माह",
        ],
        (1, 1),
        &[("month", 1)],
    ),
    (
        &[
            "year",
            "years",
            "yr",
            "yrs",
            "jahr",
            "jahre",
            "ans",
            "année",
            "années",
            "año",
            "años",
            "anos",
            "anni",
            "лет",
            "года",
            "год",
            "jahren",
            "an",
            "ano",
            "年",
            "年間",
            "岁",
            "歳",
            "년",
            "살",
            "سنة",
            "سنوات",
            "عام",
            "أعوام",
            "साल",
            "वर्ष",
        ],
        (12, 1),
        &[("month", 1)],
    ),
    (&["decade", "decades"], (120, 1), &[("month", 1)]),
    (&["century", "centuries"], (1_200, 1), &[("month", 1)]),
    (&["mph"], (44_704, 100_000), SPEED),
    (&["kph", "kmph", "kmh"], (5, 18), SPEED),
    (&["knot", "knots"], (463, 900), SPEED),
    (
        &[
            "liter",
            "liters",
            "litre",
            "litres",
            "litros",
            "litri",
            "литр",
            "литра",
            "литров",
            "升",
            "公升",
            "リットル",
            "리터",
            "л",
            "لتر",
            "لترات",
            "लीटर",
        ],
        (1, 1_000),
        VOLUME,
    ),
    (&["毫升", "мл", "مل"], (1, 1_000_000), VOLUME),
    (&["gallon", "gallons", "gal"], (3_785_411_784, 1_000_000_000_000), VOLUME),
    (&["quart", "quarts", "qt"], (946_352_946, 1_000_000_000_000), VOLUME),
    (&["pint", "pints"], (473_176_473, 1_000_000_000_000), VOLUME),
    (&["cc"], (1, 1_000_000), VOLUME),
    (&["cup", "cups"], (2_365_882_365, 10_000_000_000_000), VOLUME),
    (&["tablespoon", "tablespoons", "tbsp"], (1_478_676, 100_000_000_000), VOLUME),
    (&["teaspoon", "teaspoons", "tsp"], (492_892, 100_000_000_000), VOLUME),
    (
        &[
            "degree",
            "degrees",
            "deg",
            "°",
            "grad",
            "degrés",
            "grados",
            "graus",
            "度",
            "도",
            "градус",
            "градуса",
            "градусов",
            "درجة",
            "درجات",
            "डिग्री",
        ],
        (1, 1),
        ANGLE,
    ),
    (&["arcmin", "arcminute", "arcminutes"], (1, 60), ANGLE),
    (&["arcsec", "arcsecond", "arcseconds"], (1, 3_600), ANGLE),
    (&["rad", "radian", "radians"], (1, 1), &[("rad", 1)]),
    (&["°c", "celsius", "centigrade", "摄氏度"], (1, 1), &[("celsius", 1)]),
    (&["°f", "fahrenheit"], (1, 1), &[("fahrenheit", 1)]),
    (&["kelvin", "kelvins"], (1, 1), &[("kelvin", 1)]),
    (
        &[
            "dollar",
            "dollars",
            "usd",
            "us$",
            "bucks",
            "dólares",
            "доллар",
            "долларов",
            "доллара",
            "美元",
            "美金",
            "ドル",
            "달러",
            "dólar",
            "dollaro",
            "dollari",
            "доллары",
            "دولار",
            "دولارا",
            "دولارات",
            "डॉलर",
        ],
        (1, 1),
        &[("usd", 1)],
    ),
    (&["cent", "cents", "centavos", "센트", "セント", "美分"], (1, 100), &[("usd", 1)]),
    (&["euro", "euros", "eur", "евро", "欧元", "ユーロ", "유로", "يورو", "यूरो"], (1, 1), &[("eur", 1)]),
    (&["gbp", "quid"], (1, 1), &[("gbp", 1)]),
    (&["pence"], (1, 100), &[("gbp", 1)]),
    (&["yen", "jpy", "円", "日元", "엔"], (1, 1), &[("jpy", 1)]),
    (&["yuan", "cny", "rmb", "元", "人民币", "块", "块钱", "위안"], (1, 1), &[("cny", 1)]),
    (&["won", "krw", "원"], (1, 1), &[("krw", 1)]),
    (&["rupee", "rupees", "inr", "rs", "रुपये", "रुपए", "रुपया", "卢比"], (1, 1), &[("inr", 1)]),
    (&["paise", "paisa"], (1, 100), &[("inr", 1)]),
    (&["ruble", "rubles", "rouble", "roubles", "rub", "рублей", "рубль", "рубля", "руб"], (1, 1), &[("rub", 1)]),
    (&["peso", "pesos"], (1, 1), &[("peso", 1)]),
    (&["franc", "francs", "chf"], (1, 1), &[("chf", 1)]),
    (&["reais", "brl", "r$"], (1, 1), &[("brl", 1)]),
    (&["aud", "a$", "au$"], (1, 1), &[("aud", 1)]),
    (&["cad", "c$", "ca$"], (1, 1), &[("cad", 1)]),
    (&["hkd", "hk$"], (1, 1), &[("hkd", 1)]),
    (&["kr", "sek", "kronor"], (1, 1), &[("sek", 1)]),
    (&["nok"], (1, 1), &[("nok", 1)]),
    (&["dkk"], (1, 1), &[("dkk", 1)]),
    (&["zloty", "zł", "pln"], (1, 1), &[("pln", 1)]),
    (&["lira"], (1, 1), &[("try", 1)]),
    (&["riyal", "riyals", "sar", "ريال", "ريالا"], (1, 1), &[("sar", 1)]),
    (&["dirham", "dirhams", "aed", "درهم", "دراهم"], (1, 1), &[("aed", 1)]),
    (&["جنيه", "جنيها", "egp"], (1, 1), &[("egp", 1)]),
    (&["byte", "bytes"], (8, 1), &[("bit", 1)]),
    (&["bit", "bits"], (1, 1), &[("bit", 1)]),
    (&["kb"], (8_000, 1), &[("bit", 1)]),
    (&["mb"], (8_000_000, 1), &[("bit", 1)]),
    (&["gb"], (8_000_000_000, 1), &[("bit", 1)]),
    (&["tb"], (8_000_000_000_000, 1), &[("bit", 1)]),
    (&["kib"], (8 << 10, 1), &[("bit", 1)]),
    (&["mib"], (8 << 20, 1), &[("bit", 1)]),
    (&["gib"], (8 << 30, 1), &[("bit", 1)]),
    (&["tib"], (8 << 40, 1), &[("bit", 1)]),
    (&["ppm"], (1_000, 1), &[("part", 1)]),
    (&["ppb"], (1, 1), &[("part", 1)]),
    (&["ppt"], (1, 1_000), &[("part", 1)]),
    (&["unit", "units"], (1, 1), &[]),
    (&["joule", "joules"], (1_000, 1), ENERGY),
    (&["calorie", "calories", "cal"], (4_184, 1), ENERGY),
    (&["btu", "btus"], (105_505_585_262, 100_000), ENERGY),
    (&["newton", "newtons"], (1_000, 1), FORCE),
    (&["watt", "watts"], (1_000, 1), POWER),
    (&["horsepower"], (745_699_872, 1_000), POWER),
    (&["pascal", "pascals"], (1_000, 1), PRESSURE),
    (&["atm"], (101_325_000, 1), PRESSURE),
    (&["mmhg"], (133_322, 1), PRESSURE),
    (&["psi"], (6_894_757, 1), PRESSURE),
    (&["hertz"], (1, 1), &[("s", -1)]),
    (&["turn", "turns", "revolution", "revolutions"], (1, 1), &[("turn", 1)]),
    (&["rpm"], (1, 60), &[("s", -1), ("turn", 1)]),
    (&["volt", "volts"], (1_000, 1), VOLTAGE),
    (&["ampere", "amperes", "amp", "amps"], (1, 1), &[("A", 1)]),
    (&["ohm", "ohms"], (1_000, 1), RESISTANCE),
    (&["coulomb", "coulombs"], (1, 1), CHARGE),
    (&["farad", "farads"], (1, 1_000), CAPACITY),
    (&["mole", "moles"], (1, 1), &[("mol", 1)]),
    (&["decibel", "decibels", "db"], (1, 1), &[("db", 1)]),
    (&["molar"], (1_000, 1), &[("mol", 1), ("m", -3)]),
];

/// Symbols that take a prefix of the International System, case mattering.
const SYMBOLS: &[Row] = &[
    (&["m"], (1, 1), LENGTH),
    (&["g"], (1, 1), MASS),
    (&["s"], (1, 1), TIME),
    (&["l", "L"], (1, 1_000), VOLUME),
    (&["J"], (1_000, 1), ENERGY),
    (&["N"], (1_000, 1), FORCE),
    (&["W"], (1_000, 1), POWER),
    (&["Wh"], (3_600_000, 1), ENERGY),
    (&["eV"], (1, 1), &[("eV", 1)]),
    (&["Hz"], (1, 1), &[("s", -1)]),
    (&["V"], (1_000, 1), VOLTAGE),
    (&["A"], (1, 1), &[("A", 1)]),
    (&["Pa"], (1_000, 1), PRESSURE),
    (&["bar"], (100_000_000, 1), PRESSURE),
    (&["mol"], (1, 1), &[("mol", 1)]),
    (&["K"], (1, 1), &[("kelvin", 1)]),
    (&["C"], (1, 1), CHARGE),
    (&["F"], (1, 1_000), CAPACITY),
    (&["T"], (1_000, 1), &[("g", 1), ("s", -2), ("A", -1)]),
    (&["Wb"], (1_000, 1), &[("g", 1), ("m", 2), ("s", -2), ("A", -1)]),
    (&["H"], (1_000, 1), &[("g", 1), ("m", 2), ("s", -2), ("A", -2)]),
    (&["\u{3a9}", "\u{2126}"], (1_000, 1), RESISTANCE),
    (&["cal"], (4_184, 1), ENERGY),
    (&["B"], (8, 1), &[("bit", 1)]),
    (&["bps", "bit/s"], (1, 1), &[("bit", 1), ("s", -1)]),
    (&["Bps", "B/s"], (8, 1), &[("bit", 1), ("s", -1)]),
    (&["h"], (3_600, 1), TIME),
    (&["d"], (86_400, 1), TIME),
    (&["M"], (1_000, 1), &[("mol", 1), ("m", -3)]),
    (&["t"], (1_000_000, 1), MASS),
    (&["in"], (254, 10_000), LENGTH),
];

/// Prefixes by symbol, as powers of ten.
const PREFIXES: &[(&str, i32)] = &[
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("\u{3bc}", -6),
    ("\u{b5}", -6),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
];
/// Prefixes by word.
const PREFIX_WORDS: &[(&str, i32)] = &[
    ("tera", 12),
    ("giga", 9),
    ("mega", 6),
    ("kilo", 3),
    ("hecto", 2),
    ("deci", -1),
    ("centi", -2),
    ("zenti", -2),
    ("milli", -3),
    ("mili", -3),
    ("micro", -6),
    ("mikro", -6),
    ("nano", -9),
    ("pico", -12),
    ("kiló", 3),
    ("quilô", 3),
    ("quiló", 3),
    ("quilo", 3),
    ("chilo", 3),
    ("centí", -2),
    ("milí", -3),
    ("кило", 3),
    ("санти", -2),
    ("милли", -3),
    ("микро", -6),
    ("كيلو", 3),
    ("سنتي", -2),
    ("ميلي", -3),
    ("مللي", -3),
    ("ملي", -3),
    ("किलो", 3),
    ("सेंटी", -2),
    ("सेन्टी", -2),
    ("मिली", -3),
    ("キロ", 3),
    ("センチ", -2),
    ("ミリ", -3),
    ("킬로", 3),
    ("센티", -2),
    ("밀리", -3),
];
/// Beginnings of a word that make an area or a volume of a length, and words of their own that do, before or after it.
const POWERS: &[(&str, i32)] = &[("平方", 2), ("立方", 3), ("제곱", 2), ("세제곱", 3), ("quadrat", 2), ("kubik", 3)];
const POWER_WORDS: &[(&str, i32, bool)] = &[
    ("square", 2, true),
    ("sq", 2, true),
    ("cubic", 3, true),
    ("cu", 3, true),
    ("кв", 2, true),
    ("квадратных", 2, true),
    ("квадратный", 2, true),
    ("куб", 3, true),
    ("кубических", 3, true),
    ("वर्ग", 2, true),
    ("घन", 3, true),
    ("squared", 2, false),
    ("cubed", 3, false),
    ("cuadrados", 2, false),
    ("cuadrado", 2, false),
    ("quadrados", 2, false),
    ("quadrado", 2, false),
    ("carrés", 2, false),
    ("carré", 2, false),
    ("quadrati", 2, false),
    ("cúbicos", 3, false),
    ("cúbico", 3, false),
    ("cubes", 3, false),
    ("cubi", 3, false),
    ("مربع", 2, false),
    ("مربعا", 2, false),
    ("مكعب", 3, false),
];
/// Signs of money.
const MONEY: &[(char, &str)] = &[
    ('$', "usd"),
    ('\u{20ac}', "eur"),
    ('\u{a3}', "gbp"),
    ('\u{a5}', "jpy"),
    ('\u{ffe5}', "cny"),
    ('\u{20b9}', "inr"),
    ('\u{20a9}', "krw"),
    ('\u{20bd}', "rub"),
];

/// The currencies.
const MONEY_NAMES: &[&str] = &[
    "usd", "eur", "gbp", "jpy", "cny", "krw", "inr", "rub", "peso", "chf", "brl", "aud", "cad", "hkd", "sek", "nok",
    "dkk", "pln", "try", "sar", "aed", "egp",
];

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
