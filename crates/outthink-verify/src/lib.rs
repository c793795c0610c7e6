//! Finding the final answer of a reply and judging when two answers are equal.
//!
//! This crate holds the one notion of "right" that scoring, voting and reward share: where in a
//! reply the answer stands ([`find_answer`]), whether two answers mean the same ([`equivalent`],
//! [`equivalent_by`] under a rule), which option of a question an answer names ([`Options`]), whether a reply is right ([`Grader`]), and to which class
//! of equals an answer belongs ([`Grouper`]).
//!
//! It never reads a file, never opens a socket, never runs code, never panics on any input, and
//! spends a bounded time on each: answers past 4 KiB are compared as text, of replies past 16 KiB the end
//! is searched, nesting past 64 levels is not parsed, numbers past 4,096 bits are not computed.
//!
//! ```
//! use outthink_verify::{equivalent, find_answer};
//!
//! let reply = "Half of one is a half, so the answer is \\boxed{\\frac{1}{2}}.";
//! let answer = find_answer(reply).expect("the reply has a boxed answer");
//! assert_eq!(answer.text, "\\frac{1}{2}");
//! assert!(equivalent(&answer.text, "0.5"));
//! assert!(!equivalent(&answer.text, "2"));
//! ```

mod ast;
mod checker;
mod clock;
mod compare;
mod complex;
mod eval;
mod exact;
mod find;
mod fold;
mod glyphs;
mod grade;
mod group;
mod intervals;
mod json;
mod judge;
mod lexer;
mod matrix;
mod normal;
mod number;
mod numerals;
mod options;
mod parser;
mod parser_atoms;
mod parser_quantities;
mod phrases;
mod points;
mod poly;
mod reach;
mod read;
mod real;
mod relation;
mod scan;
mod schema;
mod shape;
pub mod spec;
mod spoken;
mod text;
mod unit_names;
mod units;
mod words;

pub use checker::{Checker, CheckerError, Countdown, Numeric, Pattern, Rule};
pub use compare::{Equality, canonical, equivalent, equivalent_by};
pub use find::find_answer;
pub use grade::{Graded, Grader, is_correct};
pub use group::{Comparison, Grouper};
pub use json::{find_json_answer, find_tool_call_answer};
pub use options::Options;
pub use phrases::Phrases;
pub use reach::{Reach, reaches};
pub use schema::{Schema, SchemaError};
pub use shape::ReplyShape;
pub use spec::VerifierSpec;
pub use text::find_text_answer;
