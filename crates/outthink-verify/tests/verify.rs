//! The manual of what counts as equal, and the properties that hold on any input.

use outthink_core::{Answer, AnswerKind};
use outthink_verify::{
    Comparison, Equality, Grouper, canonical, equivalent, equivalent_by, find_answer, find_json_answer,
    find_tool_call_answer, is_correct,
};
use proptest::prelude::*;
use std::time::Instant;

#[test]
fn equal_answers() {
    for (a, b) in [
        // Numbers.
        ("007", "7"),
        ("-0", "0"),
        ("123456789012345678901234567890", "123,456,789,012,345,678,901,234,567,890"),
        ("0.50", "1/2"),
        ("\\frac12", "0.5"),
        ("\\dfrac{3}{4}", "\\tfrac{6}{8}"),
        ("1 1/2", "3/2"),
        ("1\\frac{1}{2}", "1.5"),
        ("-1\\frac12", "-3/2"),
        ("0.333333", "1/3"),
        ("1.2e3", "1200"),
        ("1.2\\times 10^3", "1,200"),
        ("1.2 \\cdot 10^{-2}", "0.012"),
        ("10\\,000", "10000"),
        ("1{,}000", "1000"),
        ("50%", "0.5"),
        ("50\\%", "50"),
        ("12.5%", "1/8"),
        ("\\$18", "18"),
        ("$18.00", "18"),
        ("5!", "120"),
        ("\\binom{5}{2}", "10"),
        ("2^{10}", "1024"),
        ("2**10", "1024"),
        // Units.
        ("5 \\text{ cm}", "5"),
        ("5 cm", "5 centimeters"),
        ("12\\text{ cm}^2", "12"),
        ("90^\\circ", "90"),
        ("90^{\\circ}", "90 degrees"),
        ("3 apples", "3"),
        // Roots, constants, functions.
        ("\\sqrt{8}", "2\\sqrt{2}"),
        ("\\sqrt[3]{27}", "3"),
        ("\\sqrt2", "2^{1/2}"),
        ("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"),
        ("\\pi", "3.14159265"),
        ("2\\pi r", "2 r pi"),
        ("\\sin \\frac{\\pi}{6}", "1/2"),
        ("\\log_2 8", "3"),
        ("\\ln e^2", "2"),
        ("e^{i\\pi}", "-1"),
        ("3+4i", "4i+3"),
        ("|-3|", "3"),
        ("\\left|x\\right|", "|x|"),
        ("\\lfloor 2.5 \\rfloor", "2"),
        ("\\infty", "+\\infty"),
        // Symbols.
        ("x^2+2x+1", "(x+1)^2"),
        ("\\frac{x^2-1}{x-1}", "x+1"),
        ("\\sin^2 x+\\cos^2 x", "1"),
        ("\\tan x", "\\frac{\\sin x}{\\cos x}"),
        ("xy", "yx"),
        ("x_1+x_2", "x_{2} + x_{1}"),
        // Equations and inequalities.
        ("x = 3", "3"),
        ("3 = x", "x = 3"),
        ("f(x) = 2x", "2x"),
        ("x+y=1", "y=1-x"),
        ("2x + 4y = 6", "x + 2y = 3"),
        ("x < 3", "3 > x"),
        ("x \\ge 2", "[2, \\infty)"),
        ("1 < x \\le 2", "(1, 2]"),
        ("x \\in [1,2]", "[1,2]"),
        // Collections.
        ("(1, 2)", "\\left(1,\\, 2\\right)"),
        ("(1/2, 0.25)", "(0.5, 1/4)"),
        ("\\{1, 2\\}", "\\{2, 1\\}"),
        ("1, 2", "2, 1"),
        ("1 \\text{ or } 2", "2, 1"),
        ("1 and 2", "1, 2"),
        ("\\pm 2", "-2, 2"),
        ("1 \\pm \\sqrt{2}", "1+\\sqrt{2}, 1-\\sqrt{2}"),
        ("x=1, x=2", "1, 2"),
        ("(0,1) \\cup (2,3)", "(2,3) \\cup (0,1)"),
        ("\\emptyset", "\\{\\}"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{bmatrix} 1 & 2 \\\\ 3 & 2^2 \\end{bmatrix}"),
        // Words.
        ("Yes", "yes."),
        ("\\text{Yes}", "yes"),
        ("**Paris**", "paris"),
        ("(B)", "B"),
        ("\\text{(A)}", "A"),
        ("\\text{B}", "(B)"),
        ("5\\ ", "5"),
        ("\\textbf{(B)}", "(B)"),
        ("New York", "new  york"),
        ("05/01/2021", "05/01/2021"),
        ("\\boxed{7}", "$7$"),
    ] {
        assert!(equivalent(a, b), "{a} = {b}");
        assert!(equivalent(b, a), "{b} = {a}");
    }
}

#[test]
fn unequal_answers() {
    for (a, b) in [
        ("1", "2"),
        ("-3", "3"),
        ("0.33", "1/3"),
        ("123456789012345678901234567890", "123456789012345678901234567891"),
        ("0.0000001", "0"),
        ("50%", "5"),
        ("5 cm", "5 m"),
        ("\\pi", "3.14"),
        ("x", "y"),
        ("x+1", "x-1"),
        ("x^2", "2x"),
        ("\\sin x", "\\cos x"),
        ("x = 3", "y = 3"),
        ("x = 3", "4"),
        ("x < 3", "x > 3"),
        ("x < 3", "x \\le 3"),
        ("x+y=1", "x+y=2"),
        ("(1, 2)", "(2, 1)"),
        ("(1, 2)", "[1, 2]"),
        ("(1, 2]", "[1, 2]"),
        ("\\{1, 2\\}", "\\{1, 3\\}"),
        ("1, 2", "1, 2, 3"),
        ("1, 1", "1, 2"),
        ("\\infty", "-\\infty"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}"),
        ("yes", "no"),
        ("no", "on"),
        ("east", "seat"),
        ("A", "B"),
        ("05/01/2021", "5/1/2021"),
        ("10:30", "1/3"),
        ("", "0"),
        ("", "x"),
        ("9^{9^9}", "9^{9^8}"),
    ] {
        assert!(!equivalent(a, b), "{a} != {b}");
        assert!(!equivalent(b, a), "{b} != {a}");
    }
}

#[test]
fn adversarial_inputs_end_soon() {
    let started = Instant::now();
    let deep = "(".repeat(2_000);
    let tower = "9^".repeat(1_000) + "9";
    let fractions = "2\\frac".repeat(600);
    let factorials = format!("9{}", "!".repeat(2_000));
    let sum = "1/7+".repeat(900) + "1";
    let product = "99999999999999/7*".repeat(200) + "1";
    let set = format!("\\{{{}1\\}}", "x^2,".repeat(900));
    let nested = format!("\\{{{}1\\}}", "\\{x,y,2x,3\\},".repeat(250));
    let bars = "|".repeat(3_000);
    let boxes = "\\boxed{".repeat(20_000);
    let minus = "-".repeat(4_000) + "1";
    let integrals = format!("{} x^3 dx", "\\int_{-1}^{1} ".repeat(200));
    let sums = format!("{} k", "\\sum_{k=1}^{1000} ".repeat(200));
    let remainders = "x\\bmod 3".repeat(400);
    let floors = format!("{}x{}", "\\lfloor ".repeat(60), "\\rfloor ".repeat(60));
    let matrices = "\\begin{pmatrix}a&2\\\\3&b\\end{pmatrix}".repeat(60);
    let all = [
        deep, tower, fractions, factorials, sum, product, set, nested, bars, boxes, minus, integrals, sums, remainders,
        floors, matrices,
    ];
    for a in &all {
        let _ = find_answer(a);
        let _ = canonical(a);
        for b in &all {
            let _ = equivalent(a, b);
            let _ = equivalent(a, &format!("{b}+1"));
        }
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn gold_answers_may_have_several_lines() {
    assert!(is_correct("0.5", "1/2"));
    assert!(is_correct("Rome", "Paris\nRome\n"));
    assert!(!is_correct("Rome", "Paris\nOslo"));
    assert!(!is_correct("", "\n"));
}

/// Strings that look like answers.
fn mathlike() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "1",
        "2",
        "0.5",
        "12",
        "x",
        "y",
        "+",
        "-",
        "*",
        "/",
        "^",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\\{",
        "\\}",
        ",",
        "=",
        "<",
        "\\frac",
        "\\sqrt",
        "\\pi",
        "!",
        "%",
        "|",
        "\\sin",
        "\\log",
        "_",
        "e",
        "i",
        " ",
        "\\pm",
        "\\text{ cm}",
        "\\le",
        "\\infty",
        "\\cup",
        "$",
        "\\boxed{",
        "&",
        "\\\\",
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "or",
        "####",
        "answer is ",
        ".",
        "é",
        "...",
        "\\sum_{k=1}^{n}",
        "\\prod_{i=0}^{9}",
        "\\int_0^1",
        "dx",
        "\\overline{3}",
        "\\bmod",
        "\\pmod{5}",
        "\\det",
        "^T",
        "\\begin{vmatrix}",
        "\\lfloor",
        "\\rfloor",
        "\\max(",
        "k",
        "x",
        "分之",
        "三",
        "万",
        "minus ",
        " below zero",
        "half",
        " and ",
        "h",
        "min",
        "apples",
        "(a) ",
        "(b) ",
        "'",
        "_2",
        "0x",
        "İ",
        "…",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Answers that are alike in several ways, for the partition into classes.
fn alike() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec![
        "1/2",
        "0.5",
        "50%",
        "50",
        "0.50",
        "\\frac{1}{2}",
        "x = 0.5",
        "5",
        "5 cm",
        "50 mm",
        "0.05 m",
        "5 m",
        "5 l",
        "5 \\text{ m}",
        "\\$5",
        "5 dollars",
        "500 cents",
        "€5",
        "(1,2)",
        "1,2",
        "2,1",
        "{1,2}",
        "\\{1,2\\}",
        "1, 2, 2",
        "[1,2]",
        "x \\in [1,2]",
        "1 \\le y \\le 2",
        "\\sqrt{8}",
        "2\\sqrt{2}",
        "2.828427",
        "\\pi",
        "3.141593",
        "\\frac{1}{3}",
        "0.333333",
        "xy",
        "yx",
        "AB",
        "BA",
        "DNA",
        "AND",
        "Aa",
        "AA",
        "yes",
        "True",
        "no",
        "B",
        "(B)",
        "\\text{B}",
        "B) Mars",
        "b",
        "10:30",
        "10:30 AM",
        "22:30",
        "10:30 PM",
        "6:8",
        "3:4",
        "3/4",
        "5 million",
        "5000000",
        "5 billion",
        "12 dozen",
        "144",
        "|x-5|",
        "x-5",
        "5-x",
        "|5-x|",
        "\\max(x,5)",
        "\\max(5,x)",
        "\\lfloor n \\rfloor",
        "n",
        "\\sin^2 x+\\cos^2 x",
        "1",
        "(x+1)^2",
        "x^2+2x+1",
        "x+y=1",
        "y=1-x",
        "2x+2y=2",
        "three",
        "3",
        "3 apples",
        "3 pears",
        "",
    ]);
    (base, prop::sample::select(vec!["{}", "${}$", " {} ", "**{}**", "\\boxed{{}}", "{}."]))
        .prop_map(|(base, form)| form.replacen("{}", base, 1))
}

/// The partition that a list of answers falls into, as the classmates of each.
fn partition(answers: &[String], order: &[usize]) -> Vec<Vec<bool>> {
    let mut grouper = Grouper::new(Comparison::Math);
    let mut classes = vec![0; answers.len()];
    for &at in order {
        classes[at] = grouper.class_of(&Answer { text: answers[at].clone(), kind: AnswerKind::Boxed });
    }
    classes.iter().map(|a| classes.iter().map(|b| a == b).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_panics(a in ".{0,80}", b in mathlike(), c in mathlike()) {
        for text in [&a, &b, &c] {
            let _ = (find_answer(text), find_json_answer(text), canonical(text));
            let _ = find_tool_call_answer(&serde_json::json!([{"function": {"name": text, "arguments": text}}]));
        }
        prop_assert_eq!(equivalent(&a, &b), equivalent(&b, &a));
        prop_assert_eq!(equivalent(&c, &b), equivalent(&b, &c));
        let _ = is_correct(&a, &c);
    }

    #[test]
    fn found_answers_equal_themselves(text in prop_oneof![".{0,80}", mathlike()]) {
        if let Some(answer) = find_answer(&text) {
            prop_assert!(equivalent(&answer.text, &answer.text));
            let mut grouper = Grouper::new(Comparison::Math);
            prop_assert_eq!(grouper.class_of(&answer), 0);
            prop_assert_eq!(grouper.class_of(&answer), 0);
        }
    }

    #[test]
    fn equal_normal_forms_are_equivalent(a in mathlike(), b in mathlike()) {
        if canonical(&a) == canonical(&b) {
            prop_assert!(equivalent(&a, &b), "{} {}", a, b);
        }
        let spaced = format!(" {a} ");
        prop_assert!(equivalent(&a, &spaced));
    }

    #[test]
    fn classes_do_not_depend_on_the_order_of_arrival(
        answers in prop::collection::vec(prop_oneof![4 => alike(), 1 => mathlike()], 2..9),
        keys in prop::collection::vec(any::<u32>(), 9),
    ) {
        let forwards: Vec<usize> = (0..answers.len()).collect();
        let mut shuffled = forwards.clone();
        shuffled.sort_by_key(|&at| keys[at]);
        prop_assert_eq!(partition(&answers, &forwards), partition(&answers, &shuffled), "{:?}", answers);
    }

    #[test]
    fn strict_equality_is_an_equivalence(a in alike(), b in alike(), c in alike()) {
        let same = |a: &str, b: &str| equivalent_by(a, b, Equality::Strict);
        prop_assert!(same(&a, &a));
        prop_assert_eq!(same(&a, &b), same(&b, &a));
        prop_assert!(!(same(&a, &b) && same(&b, &c)) || same(&a, &c), "{} {} {}", a, b, c);
    }

    #[test]
    fn integers_equal_only_themselves(a in -1_000_i64..1_000, b in -1_000_i64..1_000) {
        prop_assert_eq!(equivalent(&a.to_string(), &format!("{b}.0")), a == b);
        prop_assert_eq!(equivalent(&format!("\\frac{{{a}}}{{7}}"), &format!("{b}/7")), a == b);
    }
}
