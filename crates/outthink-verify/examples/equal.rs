//! How long it takes to compare answers, and to sort them into classes:
//!
//! ```sh
//! cargo run --release -p outthink-verify --example equal
//! ```

#![allow(clippy::print_stdout, reason = "a measurement prints")]

use outthink_core::{Answer, AnswerKind};
use outthink_verify::{Comparison, Equality, Grouper, equivalent_by};
use std::hint::black_box;
use std::time::Instant;

const ANSWERS: &[&str] = &[
    "42",
    "\\frac{3}{4}",
    "0.75",
    "75\\%",
    "5 cm",
    "50 mm",
    "18 apples",
    "\\$1,234.50",
    "x = 3",
    "(1, 2)",
    "\\{1, 2, 3\\}",
    "[0, 1) \\cup (2, \\infty)",
    "2\\sqrt{3}",
    "\\sqrt{12}",
    "x^2 + 2x + 1",
    "(x+1)^2",
    "\\sin^2 x + \\cos^2 x",
    "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
    "y = 2x + 1",
    "|x - 5|",
    "Paris",
    "the Eiffel Tower",
    "B",
    "10:30 PM",
];

fn main() {
    let rounds = 200;
    for equality in [Equality::Lenient, Equality::Strict] {
        let began = Instant::now();
        for _ in 0..rounds {
            for a in ANSWERS {
                for b in ANSWERS {
                    black_box(equivalent_by(black_box(a), black_box(b), equality));
                }
            }
        }
        let pairs = f64::from(rounds) * (ANSWERS.len() * ANSWERS.len()) as f64;
        println!("{equality:?}: {:.2} µs a pair", began.elapsed().as_secs_f64() * 1e6 / pairs);
    }
    let began = Instant::now();
    for _ in 0..rounds {
        let mut grouper = Grouper::new(Comparison::Math);
        for text in ANSWERS {
            black_box(grouper.class_of(&Answer { text: (*text).into(), kind: AnswerKind::Boxed }));
        }
    }
    let answers = f64::from(rounds) * ANSWERS.len() as f64;
    println!("classes: {:.2} µs an answer", began.elapsed().as_secs_f64() * 1e6 / answers);
}
