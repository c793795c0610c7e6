//! Seeded generators of pairs of answers, equal and unequal, over all the forms.

#![expect(clippy::unwrap_used, reason = "the generators' numbers are small")]

/// Two answers, and whether the generator means them to be equal.
pub(crate) struct Pair {
    pub(crate) form: &'static str,
    pub(crate) gold: String,
    pub(crate) target: String,
    pub(crate) equal: bool,
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        i64::try_from(z % u64::try_from(bound).unwrap()).unwrap()
    }

    /// A number from `low` to `high`, both included.
    fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low + 1)
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        let bound = i64::try_from(items.len()).unwrap();
        items[usize::try_from(self.below(bound)).unwrap()]
    }
}

type Form = (&'static str, fn(&mut Rng, i64) -> (String, String));

/// `count` pairs, form after form; every other round of the forms is unequal.
pub(crate) fn generate(seed: u64, count: usize) -> Vec<Pair> {
    let mut rng = Rng(seed);
    let mut pairs = Vec::with_capacity(count);
    while pairs.len() < count {
        for (form, make) in FORMS {
            let equal = rng.below(2) == 0;
            // What is added to a number of the second answer.
            let off = if equal { 0 } else { rng.within(1, 3) };
            let (gold, target) = make(&mut rng, off);
            let swap = rng.below(2) == 0;
            let (gold, target) = if swap { (target, gold) } else { (gold, target) };
            pairs.push(Pair { form, gold, target, equal });
        }
    }
    pairs.truncate(count);
    pairs
}

fn thousands(n: i64) -> String {
    let digits = n.abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if n < 0 { format!("-{out}") } else { out }
}

fn latex_frac(rng: &mut Rng, a: i64, b: i64) -> String {
    match rng.below(4) {
        0 => format!("\\dfrac{{{a}}}{{{b}}}"),
        1 => format!("\\tfrac{{{a}}}{{{b}}}"),
        2 if (0..10).contains(&a) && (0..10).contains(&b) => format!("\\frac{a}{b}"),
        _ => format!("\\frac{{{a}}}{{{b}}}"),
    }
}

fn bracket(rng: &mut Rng, inside: &str) -> String {
    match rng.below(2) {
        0 => format!("({inside})"),
        _ => format!("\\left({inside}\\right)"),
    }
}

/// `a x + b` with the signs in order.
fn linear(a: i64, b: i64) -> String {
    format!("{a}x{b:+}")
}

const FORMS: &[Form] = &[
    ("integer", |r, off| {
        let n = r.within(-5_000_000, 5_000_000);
        (thousands(n), (n + off).to_string())
    }),
    ("large integer", |r, off| {
        let (a, b) = (r.within(1, 999_999_999), r.within(100_000_000, 999_999_990));
        (format!("{a}000{b}"), format!("{a}000{}", b + off))
    }),
    ("decimal and fraction", |r, off| {
        let (a, d) = (r.within(1, 99), r.pick(&["2", "4", "5", "8", "20"]));
        let d: i64 = d.parse().unwrap();
        (latex_frac(r, a, d), format!("{:.4}", (a + off) as f64 / d as f64))
    }),
    ("plain fraction", |r, off| {
        let (a, b, k) = (r.within(1, 30), r.within(2, 30), r.within(1, 5));
        (format!("{}/{}", a * k, b * k), latex_frac(r, a + off, b))
    }),
    ("repeating decimal", |r, off| {
        let (a, b) = (r.within(1, 20), r.pick(&["3", "7", "9", "11"]));
        let b: i64 = b.parse().unwrap();
        (latex_frac(r, a, b), format!("{:.8}", (a + off) as f64 / b as f64))
    }),
    ("mixed number", |r, off| {
        let (n, b) = (r.within(1, 9), r.within(3, 9));
        let a = r.within(1, b - 1);
        (format!("{n}\\frac{{{a}}}{{{b}}}"), format!("\\frac{{{}}}{{{b}}}", n * b + a + off))
    }),
    ("percent", |r, off| {
        let n = r.within(1, 99);
        let sign = r.pick(&["%", "\\%"]);
        match r.below(2) {
            0 => (format!("{n}{sign}"), (n + off).to_string()),
            _ => (format!("{n}{sign}"), format!("0.{:02}", (n + off) % 100)),
        }
    }),
    ("scientific", |r, off| {
        let (m, e) = (r.within(11, 98), r.within(2, 6));
        let value = (m + off) * 10_i64.pow(u32::try_from(e - 1).unwrap());
        let sign = r.pick(&["\\times", "\\cdot"]);
        (format!("{}.{} {sign} 10^{{{e}}}", m / 10, m % 10), value.to_string())
    }),
    ("unit", |r, off| {
        let n = r.within(2, 500);
        let unit = r.pick(&[
            "\\text{ cm}",
            " \\text{ meters}",
            "\\text{ hours}",
            "\\,\\text{kg}",
            " cm",
            "^\\circ",
            "^{\\circ}",
            "\\text{ square units}",
        ]);
        (format!("{n}{unit}"), (n + off).to_string())
    }),
    ("money", |r, off| {
        let n = r.within(2, 5_000);
        (format!("\\${}", thousands(n)), format!("{}.00", n + off))
    }),
    ("root", |r, off| {
        let (a, b) = (r.within(2, 9), r.pick(&["2", "3", "5", "7"]));
        let b: i64 = b.parse().unwrap();
        (format!("\\sqrt{{{}}}", a * a * b), format!("{}\\sqrt{{{b}}}", a + off))
    }),
    ("rational root", |r, off| {
        let (a, b) = (r.within(1, 9), r.pick(&["2", "3", "5", "7"]));
        (format!("\\frac{{{a}}}{{\\sqrt{{{b}}}}}"), format!("\\frac{{{}\\sqrt{{{b}}}}}{{{b}}}", a + off))
    }),
    ("cube root", |r, off| {
        let a = r.within(2, 12);
        (format!("\\sqrt[3]{{{}}}", a * a * a), (a + off).to_string())
    }),
    ("pi", |r, off| {
        let (a, b) = (r.within(2, 30), r.within(2, 9));
        (format!("\\frac{{{a}\\pi}}{{{b}}}"), format!("\\frac{{{}}}{{{b}}}\\pi", a + off))
    }),
    ("power", |r, off| {
        let (a, n) = (r.within(2, 9), r.within(2, 9));
        (format!("{a}^{{{n}}}"), (a.pow(u32::try_from(n).unwrap()) + off).to_string())
    }),
    ("factorial", |r, off| {
        let n = r.within(3, 9);
        (format!("{n}!"), ((1..=n).product::<i64>() + off).to_string())
    }),
    ("binomial", |r, off| {
        let (n, k) = (r.within(4, 10), r.within(1, 4));
        let value = (0..k).fold(1, |value, i| value * (n - i) / (i + 1));
        (format!("\\binom{{{n}}}{{{k}}}"), (value + off).to_string())
    }),
    ("point", |r, off| {
        let (a, b, c) = (r.within(-9, 9), r.within(-9, 9), r.within(1, 9));
        (format!("({a}, {b}, {c})"), bracket(r, &format!("{a},{b},{}", c + off)))
    }),
    ("pair of fractions", |r, off| {
        let (a, b) = (r.within(1, 9), r.within(-9, 9));
        (format!("(\\frac{{{a}}}{{4}}, {b})"), bracket(r, &format!("{:.2}, {}", a as f64 / 4.0, b + off)))
    }),
    ("interval", |r, off| {
        let (a, b) = (r.within(-9, 0), r.within(1, 9));
        let (open, close) = (r.pick(&["(", "["]), r.pick(&[")", "]"]));
        (format!("{open}{a}, {b}{close}"), format!("\\left{open}{a}, {}\\right{close}", b + off))
    }),
    ("interval ends", |r, off| {
        let (a, b) = (r.within(-9, 0), r.within(1, 9));
        let close = if off == 0 { ']' } else { ')' };
        (format!("[{a}, {b}]"), format!("[{a},{b}{close}"))
    }),
    ("half line", |r, off| {
        let a = r.within(-9, 9);
        (format!("[{a}, \\infty)"), format!("\\left[{}, \\infty\\right)", a + off))
    }),
    ("union", |r, off| {
        let (a, b) = (r.within(-9, -2), r.within(3, 9));
        (format!("(-\\infty, {a}) \\cup ({b}, \\infty)"), format!("({}, \\infty) \\cup (-\\infty, {a})", b + off))
    }),
    ("set", |r, off| {
        let (a, b, c) = (r.within(-9, 0), r.within(1, 9), r.within(10, 19));
        (format!("\\{{{a}, {b}, {c}\\}}"), format!("\\{{{}, {b}, {a}\\}}", c + off))
    }),
    ("list", |r, off| {
        let (a, b) = (r.within(-9, 0), r.within(1, 9));
        (format!("{a}, {b}"), format!("{}, {a}", b + off))
    }),
    ("or", |r, off| {
        let (a, b) = (r.within(-9, 0), r.within(1, 9));
        (format!("{a} \\text{{ or }} {b}"), format!("{a}, {}", b + off))
    }),
    ("plus or minus", |r, off| {
        let a = r.within(2, 30);
        (format!("\\pm {a}"), format!("-{}, {}", a + off, a + off))
    }),
    ("matrix", |r, off| {
        let (a, b, c, d) = (r.within(-9, 9), r.within(-9, 9), r.within(-9, 9), r.within(-9, 9));
        (
            format!("\\begin{{pmatrix}} {a} & {b} \\\\ {c} & {d} \\end{{pmatrix}}"),
            format!("\\begin{{bmatrix}}{a}&{b}\\\\{c}&{}\\end{{bmatrix}}", d + off),
        )
    }),
    ("column", |r, off| {
        let (a, b) = (r.within(-9, 9), r.within(-9, 9));
        (
            format!("\\begin{{pmatrix}} {a} \\\\ {b} \\end{{pmatrix}}"),
            format!("\\begin{{pmatrix}} {a} \\\\ \\frac{{{}}}{{2}} \\end{{pmatrix}}", 2 * b + off),
        )
    }),
    ("assignment", |r, off| {
        let (name, n) = (r.pick(&["x", "y", "n", "t"]), r.within(-99, 99));
        (format!("{name} = {n}"), (n + off).to_string())
    }),
    ("assignments", |r, off| {
        let (a, b) = (r.within(-9, 9), r.within(10, 19));
        (format!("x = {a}, x = {b}"), format!("{a}, {}", b + off))
    }),
    ("line", |r, off| {
        let (a, b) = (r.within(2, 9), r.within(1, 9));
        (format!("y = {a}x + {b}"), format!("y - {a}x = {}", b + off))
    }),
    ("inequality", |r, off| {
        let (a, rel) = (r.within(-9, 9), r.below(2));
        let (one, two) = if rel == 0 { ("<", ">") } else { ("\\le", "\\ge") };
        (format!("x {one} {a}"), format!("{} {two} x", a + off))
    }),
    ("between", |r, off| {
        let (a, b) = (r.within(-9, 0), r.within(1, 9));
        (format!("{a} < x < {b}"), format!("({a}, {})", b + off))
    }),
    ("square", |r, off| {
        let a = r.within(1, 9);
        (format!("(x+{a})^2"), format!("x^2+{}x+{}", 2 * a, a * a + off))
    }),
    ("product of lines", |r, off| {
        let (a, b) = (r.within(1, 9), r.within(1, 9));
        (format!("(x+{a})(x-{b})"), format!("x^2{:+}x-{}", a - b, a * b + off))
    }),
    ("order of terms", |r, off| {
        let (a, b) = (r.within(2, 9), r.within(2, 9));
        (format!("{a}x^2 - {b}y"), format!("-{}y + {a}x^2", b + off))
    }),
    ("factor", |r, off| {
        let (a, b) = (r.within(2, 9), r.within(2, 9));
        (format!("{a}({})", linear(1, b)), linear(a, a * b + off))
    }),
    ("cancelling", |r, off| {
        let a = r.within(1, 9);
        (format!("\\frac{{x^2-{}}}{{x-{a}}}", a * a), format!("x+{}", a + off))
    }),
    ("partial fractions", |r, off| {
        let a = r.within(1, 6);
        (format!("\\frac{{1}}{{x}} - \\frac{{1}}{{x+{a}}}"), format!("\\frac{{{}}}{{x(x+{a})}}", a + off))
    }),
    ("sine", |r, off| {
        let a = r.within(2, 9);
        (format!("{a}\\sin(x)\\cos(x)"), format!("\\frac{{{}}}{{2}}\\sin(2x)", a + off))
    }),
    ("exact sine", |r, off| {
        let a = r.within(2, 20);
        (format!("{a}\\sin\\left(\\frac{{\\pi}}{{6}}\\right)"), format!("\\frac{{{}}}{{2}}", a + off))
    }),
    ("logarithm", |r, off| {
        let (b, n) = (r.within(2, 9), r.within(2, 5));
        (format!("\\log_{{{b}}} {}", b.pow(u32::try_from(n).unwrap())), (n + off).to_string())
    }),
    ("natural logarithm", |r, off| {
        let n = r.within(2, 9);
        (format!("\\ln {}", n * n), format!("2\\ln {}", n + off))
    }),
    ("exponential", |r, off| {
        let n = r.within(2, 9);
        (format!("e^{{{n}x}} \\cdot e^{{x}}"), format!("e^{{{}x}}", n + 1 + off))
    }),
    ("surd sum", |r, off| {
        let (a, b) = (r.within(1, 20), r.pick(&["2", "3", "5", "7"]));
        (format!("{a}+\\sqrt{{{b}}}"), format!("\\sqrt{{{b}}}+{}", a + off))
    }),
    ("complex", |r, off| {
        let (a, b) = (r.within(-9, 9), r.within(2, 9));
        (format!("{a}+{b}i"), format!("{}i{:+}", b + off, a))
    }),
    ("absolute value", |r, off| {
        let a = r.within(2, 99);
        (format!("|-{a}|"), (a + off).to_string())
    }),
    ("word", |r, off| {
        let (one, two) = (r.pick(&["Yes", "even", "Monday", "blue"]), r.pick(&["No", "odd", "Friday"]));
        let same = one.to_lowercase();
        (format!("\\text{{{one}}}"), format!("\\text{{{}}}", if off == 0 { &same } else { two }))
    }),
    ("choice", |r, off| {
        let letters = ["A", "B", "C", "D", "E"];
        let at = usize::try_from(r.below(5)).unwrap();
        let other = letters[(at + usize::try_from(off).unwrap()) % 5];
        (letters[at].to_owned(), format!("\\text{{({other})}}"))
    }),
    ("spacing", |r, off| {
        let (a, b) = (r.within(2, 99), r.within(2, 9));
        (format!("\\,{a}\\;x\\!^{b}"), format!("{}x^{{{b}}}", a + off))
    }),
    ("negative fraction", |r, off| {
        let (a, b) = (r.within(1, 20), r.within(2, 20));
        (format!("-\\frac{{{a}}}{{{b}}}"), format!("\\frac{{-{}}}{{{b}}}", a + off))
    }),
    ("nested fraction", |r, off| {
        let (a, b, c) = (r.within(1, 9), r.within(2, 9), r.within(2, 9));
        (format!("\\frac{{\\frac{{{a}}}{{{b}}}}}{{{c}}}"), format!("\\frac{{{}}}{{{}}}", a + off, b * c))
    }),
    ("surd squared", |r, off| {
        let (a, b) = (r.within(2, 9), r.within(2, 9));
        (format!("(\\sqrt{{{a}}}+{b})^2"), format!("{}+{}\\sqrt{{{a}}}", a + b * b + off, 2 * b))
    }),
    ("point and root", |r, off| {
        let (a, b) = (r.within(-9, 9), r.within(-9, 9));
        (format!("({a}, {b}, 4)"), format!("({a}, {}, \\sqrt{{16}})", b + off))
    }),
    ("two variables", |r, off| {
        let (a, b) = (r.within(2, 9), r.within(2, 9));
        (format!("({a}a+{b}b)({a}a-{b}b)"), format!("{}a^2-{}b^2", a * a, b * b + off))
    }),
    ("fractional power", |r, off| {
        let a = r.within(2, 9);
        (format!("x^{{\\frac{{{a}}}{{7}}}}"), format!("x^{{{}/7}}", a + off))
    }),
    ("negative power", |r, off| {
        let (a, n) = (r.within(2, 9), r.within(1, 5));
        (format!("{a}x^{{-{n}}}"), format!("\\frac{{{}}}{{x^{n}}}", a + off))
    }),
    ("function", |r, off| {
        let (a, b) = (r.within(2, 9), r.within(1, 9));
        (format!("f(x) = {}", linear(a, b)), format!("f(x) = {}", linear(a, b + off)))
    }),
    ("Greek", |r, off| {
        let (name, a) = (r.pick(&["\\theta", "\\alpha", "\\lambda"]), r.within(2, 30));
        (format!("{a}{name} + 1"), format!("1 + {} {name}", a + off))
    }),
];

/// Pairs on which we knowingly differ from the oracle: gold, target and our judgement.
pub(crate) const JUDGED: &[(&str, &str, bool)] = &[
    ("1 1/2", "3/2", true),
    ("1.2e3", "1200", true),
    ("sin(x)", "\\sin x", true),
    ("i^2", "-1", true),
    ("e^{i\\pi}", "-1", true),
    ("4.9 \\cdot 10^{2}", "490", true),
    ("2x=6", "x=3", true),
    ("(0, 2)", "0 < x < 2", true),
    ("(1, 2)", "\\{1, 2\\}", false),
    ("5 \\text{ cm}", "5 \\text{ m}", false),
    ("10:30", "20:60", false),
    ("0.0000001", "0.0000002", false),
    ("east", "seat", false),
    ("12_3", "12_4", false),
];
