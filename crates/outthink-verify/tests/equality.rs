//! Kinds of answers that are the same or are not, with several examples of each.

use outthink_core::{Answer, AnswerKind};
use outthink_verify::{Comparison, Equality, Grouper, equivalent, equivalent_by};

/// Answers that differ in the order of what they name.
const ORDER: &[&[&str]] = &[
    &["x=1, y=2", "x=2, y=1", "1, 2"],
    &["a=5, b=6, c=7", "a=7, b=6, c=5"],
    &["f(0)=1 and f(1)=2", "f(0)=2 and f(1)=1"],
    &["5 dogs and 6 cats", "6 dogs and 5 cats"],
    &["2 out of 5", "5 out of 2", "2 out of 7"],
    &["1 in 6", "6"],
    &["3:1", "1:3"],
    &["3 to 1", "1 to 3"],
    &["(a) yes (b) no", "(a) no (b) yes"],
    &["(i) 1 (ii) 2", "(i) 2 (ii) 1"],
    &["1) 5 2) 6", "1) 6 2) 5"],
];

/// Magnitudes, written numbers and signs.
const SIZES: &[&[&str]] = &[
    &["$2M", "$2B", "$2K", "$2"],
    &["€5M", "€5B", "€5"],
    &["£3bn", "£3m", "£3"],
    &["3 million", "3 billion", "3 thousand", "3"],
    &["0x1F", "0x1E", "0"],
    &["0b11", "0b10"],
    &["7 below zero", "7"],
];

/// Units and currencies, in several languages.
const UNITS: &[&[&str]] = &[
    &["7 ppm", "7 ppb", "7%"],
    &["7 TB", "7 GB", "7 Tb", "7"],
    &["10 MB", "10 Mb", "10 MiB"],
    &["50 円", "50 元", "50 원", "50"],
    &["30 m²", "30 cm²", "30 m³", "30 m", "30"],
    &["8 平方米", "8 立方米", "8 米"],
    &["8 кг", "8 г", "8 км", "8"],
    &["6 ساعات", "6 دقائق", "6 أيام", "6"],
    &["6 घंटे", "6 मिनट", "6 दिन", "6"],
];

/// Words that are no unit and say what is counted.
const COUNTED: &[&[&str]] = &[
    &["9 Äpfel", "9 Birnen", "9"],
    &["9 manzanas", "9 peras"],
    &["9 яблок", "9 груш", "9"],
    &["9 りんご", "9 みかん", "9"],
    &["9개", "9명"],
    &["9本", "9個"],
];

/// Formulas of chemistry, logic, vectors and analysis.
const FORMULAS: &[&[&str]] = &[
    &["CH4", "C4H", "CH3"],
    &["NaCl", "NaC"],
    &["SO2", "SO3", "S2O"],
    &["N2", "N3", "2N"],
    &[r"p \land q", r"p \lor q", r"p \to q"],
    &["p∧q", "p∨q"],
    &[r"\vec a \cdot \vec b", r"\vec a \times \vec b"],
    &[r"\mathbf{a}\cdot\mathbf{b}", r"\mathbf{a}\times\mathbf{b}"],
    &[r"\frac{dy}{dt}", r"\frac{dx}{dt}", r"\frac{y}{x}"],
    &["dx/dt", "x/t"],
    &[r"\frac{d^2y}{dx^2}", r"\frac{dy}{dx}"],
    &[r"\ln(x^4)", r"4\ln x"],
    &[r"\{1,\{2\}\}", r"\{1,2\}"],
    &["2,4,6,...", "2,4,6"],
    &[r"2,4,6,\ldots", "2,4,6"],
    &[r"\begin{vmatrix}1&0\\0&1\end{vmatrix}", r"\begin{pmatrix}1&0\\0&1\end{pmatrix}"],
    &["x3", "3x", "x^3"],
    &["a_1", "a1b", "1a"],
];

/// Words, times and what only looks alike.
const WORDS: &[&[&str]] = &[
    &["5 apples per day", "5 apples per week"],
    &["$5 per hour", "$5 per day", "$5"],
    &["4 red balls", "4 blue balls", "4 balls"],
    &["10 points", "10 goals"],
    &["first", "second", "third"],
    &["1st", "2nd", "1"],
    &["Monday", "Tuesday"],
    &["CO", "Co"],
    &["US", "us"],
    &["ab", "AB"],
    &["5 C", "5 F"],
    &["5 °C", "5 °F", "5 K"],
    &["3 PM", "3 AM"],
    &["half", "third"],
    &["2 R 1", "1 R 2"],
    &["2 remainder 3", "3 remainder 2"],
    &["x<1 or x>2", "1<x<2"],
    &["x>1 and x<5", "x>1 or x<5"],
    &["(1,2)", "[1,2]", "(2,1)"],
    &["y=3", "3 y"],
    &[r"2 \pmod 5", r"2 \pmod 7", "2"],
    &["1.5", "1,5"],
    &["12_3", "12", "12_4"],
    &["0.333", r"0.\overline{3}", "0.3"],
    &["minus 5", "5"],
    &["negative 3/4", "3/4"],
    &["负3", "3"],
    &["5 people", "5 years"],
    &["3 am", "3 pm"],
    &["5 kWh", "5 kW", "5 Wh", "5"],
    &["5 N", "5 N/m", "5 N m"],
    &["60 rpm", "60 Hz"],
    &["5 tens", "5 ones", "5 hundreds"],
    &["3!!", "(3!)!"],
    &["5 km", "5 km/h", "5"],
    &["5 BTU", "5 kJ", "5"],
    &["$5", "5 cents", "€5"],
    &["3 dimes", "3 nickels"],
    &["10 steps", "10 jumps"],
];

/// The same answer in several forms.
const SAME: &[&[&str]] = &[
    &["1/2", "0.5", r"\frac{2}{4}", "50%", "one half", "a half", "½", "1 out of 2", "二分之一"],
    &["5", "five", "cinq", "fünf", "cinco", "пять", "五"],
    &["x=1, y=2", "y=2, x=1", "(1,2)", "(x,y)=(1,2)"],
    &["3!!", r"\lfloor\pi\rfloor", "3", r"\lceil e\rceil"],
    &["5 km", "5000 m", "5 kilometers", "5公里"],
    &["1 h 30 min", "90 min", "1.5 hours", "1 hour and 30 minutes", "1 hour 30 minutes"],
    &["$1.5M", "$1.5 million", "$1,500,000", "1.5 million dollars"],
    &["-5", "minus 5", "negative 5", "负5", "マイナス5", "마이너스 5", "минус 5", "menos 5", "moins 5"],
    &["|x|", r"\sqrt{x^2}", "(x^2)^{1/2}", r"\sqrt[4]{x^4}"],
    &["|2x-6|", "2|x-3|", "|6-2x|"],
    &[r"\max(x,y)", r"\frac{x+y+|x-y|}{2}", r"\max\{y,x\}"],
    &[r"\lfloor x+3\rfloor", r"\lfloor x\rfloor+3"],
    &[r"\lceil x \rceil", r"-\lfloor -x \rfloor"],
    &[r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"],
    &[r"\sum_{k=1}^n k^2", r"\frac{n(n+1)(2n+1)}{6}"],
    &[r"\sum_{i=0}^{4} 2^i", "31"],
    &[r"\int_0^1 x^2 \, dx", r"\frac13"],
    &[r"\int_{1}^{3} (2x+1)\,dx", "10"],
    &[r"\det\begin{pmatrix}2&1\\1&2\end{pmatrix}", "3", r"\begin{vmatrix}2&1\\1&2\end{vmatrix}"],
    &[r"[1,2]\cup[2,3]", "[1,3]"],
    &["x<1 or x>2", r"(-\infty,1)\cup(2,\infty)", "x>2 or x<1", r"(2,\infty)\cup(-\infty,1)"],
    &["x > 1 and x < 5", "1<x<5", "(1,5)"],
    &["e^{x+y}", "e^xe^y", "e^x e^y", r"e^x \cdot e^y"],
    &["17 mod 5", "2", r"17 \bmod 5"],
    &[r"0.\overline{3}", "1/3", "0.333...", "0.(3)"],
    &[r"0.1\overline{6}", "1/6", "0.1(6)"],
    &["1101_2", "13", "0b1101", "1101_{2}"],
    &["|3+4i|", "5"],
    &["3rd", "third", "the 3rd"],
    &["CO_2", "CO2", "CO₂"],
    &["noon", "12:00 PM", "12 PM"],
    &["15:30", "3:30 PM", "15h30", "3:30 p.m."],
    &["25 m^2", "25 m²", "25 m2", "25 square meters", "25 sq m", "25 平方米", "25 Quadratmeter"],
    &["60 km/h", "60 kilometers per hour", "60 км/ч"],
    &["no solution", r"\emptyset", "∅", "empty set", "无解"],
    &["1,00,000", "100000", "1 lakh", "100,000"],
    &["20%", "20 percent", "20 por ciento", "20 pour cent", "百分之20", "1/5", "0.2"],
    &["5 Mio", "5 million", "5000000", "5 млн", "5 ملايين", "500万"],
    &["3万5千", "35000", "三万五千"],
    &["1億2000万", "120000000", "1억 2천만"],
    &["3 apples", "3 apple"],
    &[r"2 \pmod 5", r"7 \pmod 5", r"x \equiv 2 \pmod 5"],
    &[r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^T", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"],
    &[r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{-1}", r"\begin{pmatrix}-2&1\\1.5&-0.5\end{pmatrix}"],
    &["5 feet 3 inches", "63 inches", "5 ft 3 in", r#"5'3""#],
    &["Yes", "yes", "true"],
    &["3:4", "6:8", "3 to 4"],
    &[r"\{x : 1<x<2\}", "(1,2)", "1<x<2"],
    &["5 ft", "60 in"],
    &["3 dozen", "36"],
    &["2.5 crore", "25 million"],
    &["50 ¢", "50 cents", "$0.50"],
    &[r"\ln(x^2)", r"2\ln|x|"],
    &[r"\sqrt{12}", r"2\sqrt{3}"],
    &["(x-1)(x+1)", "x^2-1"],
];

fn classes<'a>(answers: impl Iterator<Item = &'a str>) -> Vec<u32> {
    let mut grouper = Grouper::new(Comparison::Math);
    answers.map(|text| grouper.class_of(&Answer { text: text.into(), kind: AnswerKind::Boxed })).collect()
}

#[test]
fn different_answers_do_not_vote_together() {
    let rows = [ORDER, SIZES, UNITS, COUNTED, FORMULAS, WORDS].concat();
    let wrong = rows.iter().filter(|row| classes(row.iter().copied()).iter().zip(0..).any(|(class, n)| *class != n));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&&[&str]>::new());
}

#[test]
fn the_same_answer_votes_together() {
    let wrong = SAME.iter().filter(|row| classes(row.iter().copied()).iter().any(|class| *class != 0));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&&[&str]>::new());
}

/// All answers of the tables, in several orders: one partition.
#[test]
fn the_partition_is_one_in_every_order() {
    let tables = [ORDER, SIZES, UNITS, COUNTED, FORMULAS, WORDS, SAME].concat();
    let mut answers: Vec<&str> = tables.into_iter().flatten().copied().collect();
    answers.sort_unstable();
    answers.dedup();
    let first = classes(answers.iter().copied());
    for step in [1, 7, 101, 211] {
        // A step without a common divisor walks through all of them.
        let order: Vec<usize> = (0..answers.len()).map(|at| (at * step + step) % answers.len()).collect();
        let mut seen = order.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() < answers.len() {
            continue;
        }
        let moved = classes(order.iter().map(|&at| answers[at]));
        for (i, &a) in order.iter().enumerate() {
            for (j, &b) in order.iter().enumerate().skip(i + 1) {
                assert_eq!(moved[i] == moved[j], first[a] == first[b], "{} | {}", answers[a], answers[b]);
            }
        }
    }
    for (i, a) in answers.iter().enumerate() {
        for (j, b) in answers.iter().enumerate().filter(|(j, _)| (i + j) % 37 == 0) {
            assert_eq!(equivalent_by(a, b, Equality::Strict), first[i] == first[j], "{a} | {b}");
        }
    }
}

#[test]
fn grades_forgive_what_is_left_out() {
    let rows: &[(&str, &str)] = &[
        ("5 apples", "5"),
        ("5 cm", "5"),
        ("5 red apples", "5 apples"),
        ("1 hour 30 minutes", "1h30"),
        ("3rd", "3"),
        ("15", "the 15th"),
        ("5M", "5000000"),
        ("2k", "2000"),
        ("1.5", "1,5"),
        ("x=1, y=2", "(1,2)"),
        ("18", "$18 per day"),
        ("5 people", "5"),
        ("-4", "4 degrees below zero"),
        ("5 halves", "5/2"),
        ("3/4", "3 out of 4"),
        ("1/5", "1 in 5"),
        ("6.02e23", "6.02 x 10^23"),
        ("20 kr", "20 SEK"),
        ("CHF 20", "20 francs"),
        ("2 1/2", "2.5"),
        (r"\frac{1}{3}", "0.333..."),
        ("42 base 10", "42"),
        ("25 m2", "25"),
        ("-10 °C", "minus 10 degrees Celsius"),
        ("120 minutes", "2 hours"),
        ("$3.50", "3 dollars and 50 cents"),
        ("5 years 3 months", "63 months"),
        ("2 kg 500 g", "2.5 kg"),
        ("4 × 10^5", "400000"),
        ("1000 km", "1 000 km"),
        ("9:30", "9:30 am"),
        ("zwei Drittel", "2/3"),
        ("две трети", "2/3"),
        ("dos tercios", "2/3"),
        ("dois terços", "2/3"),
        ("deux tiers", "2/3"),
        ("三分之二", "2/3"),
        ("3분의 2", "2/3"),
        ("x=-3", "x = minus 3"),
        ("7/2", "3 and a half"),
        ("11/4", "2 3/4"),
        (r"\sqrt{5}", "square root of 5"),
        (r"5\sqrt{2}", "5 root 2"),
        ("100", "one hundred"),
        ("1200", "twelve hundred"),
        ("1999", "nineteen hundred ninety-nine"),
    ];
    let wrong: Vec<_> = rows.iter().filter(|(a, b)| !equivalent(a, b) || !equivalent(b, a)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn grades_do_not_forgive_another_answer() {
    let rows: &[(&str, &str)] = &[
        ("5 apples", "5 pears"),
        ("x!", "x"),
        ("x", "x!!"),
        ("n", "N"),
        ("12_3", "12"),
        ("1,234", "1.234"),
        ("5 bit", "5 GiB"),
        ("5 kWh", "5 BTU"),
        ("5 rad", "5 turns"),
        ("2^{-10^9}", "0"),
        ("2^{-2000}", "0"),
        ("e^{-1000}", "0"),
        ("10^{-400}", "0"),
        ("5 Mio", "5"),
        ("5 млн", "5"),
        ("3 Viertel", "3"),
        ("minus 5", "5"),
        ("moins 5", "5"),
        ("5 below zero", "5"),
        ("2x", "x2"),
        ("H2O", "HO2"),
        ("0.333...", "0.333"),
        ("3.14...", "3.14"),
        ("1, 2, 3, ...", "1, 2, 3"),
        ("CO", "Co"),
        ("4 boys, 3 girls", "3 boys, 4 girls"),
        (r"p\land q", r"p\lor q"),
        (r"\ln(x^2)", r"2\ln x"),
        ("5 km", "5 kg"),
        ("$1.5M", "$1.5B"),
        ("$5M", "5"),
        ("負5", "5"),
        ("영하 5도", "5도"),
        ("1 in 5", "1"),
        ("3 to 4", "3"),
        ("3 R 2", "3"),
        ("12 o'clock", "12 pm and"),
        ("the third", "1/3"),
        ("0xFF", "0"),
        ("second", "2 seconds"),
        ("3 children", "3 adults"),
        ("10 minutes", "10 miles"),
    ];
    let wrong: Vec<_> = rows.iter().filter(|(a, b)| equivalent(a, b) || equivalent(b, a)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
