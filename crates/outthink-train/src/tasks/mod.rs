//! Problems without end that a program can check: what a small model is taught on.
//!
//! A [`Task`] draws problems of a level, works them out as a thought with an answer, and grades
//! replies. Everything is a function of its arguments and a seed. What is right is decided by
//! `outthink-verify`, as for votes and scores elsewhere.
//!
//! A problem's question is all there is to it: whoever has the text can grade and solve it. Whether
//! it is held out is a hash of the text, so that no run can train on what another is measured on.

mod chain;
mod chars;
mod countdown;
mod recheck;
mod reply;
mod sums;
mod teacher;

pub use chain::Chain;
pub use chars::{ANSWER, CharTokenizer, END, MARKS, THINK, THOUGHT, VOCABULARY};
pub use countdown::Countdown;
pub use recheck::Recheck;
pub use reply::{CHAT_TEMPLATE, Grade, Solution, Verdict, answer_of, prompt};
pub use sums::{Add, Multiply};
pub use teacher::Teacher;

use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// One problem in this many is held out.
const HELD_OUT: u64 = 8;

/// A question with its reference answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// All that the model is told.
    pub question: String,
    /// The reference answer, or what an answer must fulfil.
    pub gold: String,
    /// How hard it is, in the units of its task.
    pub level: u32,
}

/// Which side of the split a problem is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// For training.
    Train,
    /// For measuring.
    HeldOut,
}

/// Which side of the split a question is on: a hash of its text decides, for all runs alike. How many passes it asks
/// for (`x300 ` before it) is not part of the problem.
pub fn split_of(question: &str) -> Split {
    let asked = question.strip_prefix('x').and_then(|rest| rest.split_once(' '));
    let question = asked.map_or(question, |(_, problem)| problem);
    // FNV-1a (Fowler, Noll and Vo), then a finaliser, since its low bits mix badly on short texts.
    let hash =
        question.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if (mixed >> 32).is_multiple_of(HELD_OUT) { Split::HeldOut } else { Split::Train }
}

/// A source of problems.
pub trait Task: Debug + Send + Sync {
    /// Its name with its parameters, as [`task`] reads it.
    fn name(&self) -> String;

    /// From the easiest to the hardest level.
    fn levels(&self) -> RangeInclusive<u32>;

    /// A random problem of a level on either side of the split; levels outside are taken to the
    /// nearest.
    fn draw(&self, level: u32, rng: &mut Rng) -> Problem;

    /// The problem worked out as the teacher does it, or `None` for a question of another task.
    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution>;

    /// The answer that reasoning has reached so far, where it can be read from its text.
    fn answer_so_far(&self, _thought: &str) -> Option<String> {
        None
    }

    /// What a reply to the question deserves; the reply begins inside the thought.
    fn grade(&self, problem: &Problem, reply: &str) -> Grade;

    /// Tokens of the longest worked solution of a level, its end included.
    fn longest(&self, level: u32) -> usize;
}

/// A random problem of a level on one side of the split.
///
/// Levels so easy that one side may be empty give a problem of the other side rather than none.
pub fn draw(task: &dyn Task, level: u32, split: Split, rng: &mut Rng) -> Problem {
    let mut problem = task.draw(level, rng);
    for _ in 0..1_000 {
        if split_of(&problem.question) == split {
            break;
        }
        problem = task.draw(level, rng);
    }
    problem
}

/// Different problems on one side of the split, with levels drawn evenly from `levels`.
///
/// Fewer than `count` where the levels hold fewer.
pub fn problems(
    task: &dyn Task,
    levels: &RangeInclusive<u32>,
    split: Split,
    (count, seed): (usize, u64),
) -> Vec<Problem> {
    let mut rng = Rng::stream(seed, 0x7a5c);
    let mut seen = std::collections::HashSet::new();
    let mut drawn = Vec::with_capacity(count);
    for _ in 0..count.saturating_mul(50) {
        if drawn.len() == count {
            break;
        }
        let problem = draw(task, level_in(levels, &mut rng), split, &mut rng);
        if split_of(&problem.question) == split && seen.insert(problem.question.clone()) {
            drawn.push(problem);
        }
    }
    drawn
}

/// A level drawn evenly.
pub fn level_in(levels: &RangeInclusive<u32>, rng: &mut Rng) -> u32 {
    let width = levels.end().saturating_sub(*levels.start()) as usize + 1;
    levels.start() + rng.below(width) as u32
}

/// Why a task or a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// No task has this name.
    #[error(
        "unknown task `{0}`: use chain, chain:MODULUS, recheck, recheck:MODULUS, recheck:MODULUS:PASSES, countdown, countdown:LINES, add or multiply"
    )]
    UnknownTask(String),
    /// The parameter of the task makes no sense.
    #[error("`{given}` is not a parameter of {task}: {need}")]
    BadParameter {
        /// The task.
        task: &'static str,
        /// What was given.
        given: String,
        /// What is allowed.
        need: &'static str,
    },
    /// The characters' vocabulary does not hold this one.
    #[error(
        "character `{character}` at byte {at} is not in the vocabulary: use printable ASCII and line feeds, or another tokenizer"
    )]
    UnknownCharacter {
        /// The character.
        character: char,
        /// Where it stands, in bytes.
        at: usize,
    },
}

/// The task of a name such as `chain`, `chain:31`, `countdown` or `add`.
///
/// # Errors
///
/// An unknown name, or a parameter that makes no sense.
///
/// ```
/// use outthink_train::tasks::task;
///
/// assert_eq!(task("chain:31")?.name(), "chain:31");
/// assert!(task("chess").is_err());
/// # Ok::<(), outthink_train::tasks::TaskError>(())
/// ```
pub fn task(name: &str) -> Result<Box<dyn Task>, TaskError> {
    let (kind, parameter) = match name.split_once(':') {
        Some((kind, parameter)) => (kind, Some(parameter)),
        None => (name, None),
    };
    match (kind, parameter) {
        ("chain", None) => Ok(Box::new(Chain::default())),
        ("chain", Some(given)) => Ok(Box::new(Chain::parse(given)?)),
        ("recheck", None) => Ok(Box::new(Recheck::default())),
        ("recheck", Some(given)) => Ok(Box::new(Recheck::parse(given)?)),
        ("countdown", None) => Ok(Box::new(Countdown::default())),
        ("countdown", Some(given)) => Ok(Box::new(Countdown::parse(given)?)),
        ("add", None) => Ok(Box::new(Add)),
        ("multiply", None) => Ok(Box::new(Multiply)),
        _ => Err(TaskError::UnknownTask(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    fn all() -> Vec<Box<dyn Task>> {
        ["chain", "chain:11", "recheck", "recheck:5", "recheck:7:40", "countdown", "countdown:40", "add", "multiply"]
            .iter()
            .map(|n| task(n).unwrap())
            .collect()
    }

    #[test]
    fn names_are_read_back() {
        for task_ in all() {
            assert_eq!(task(&task_.name()).unwrap().name(), task_.name());
        }
        for bad in [
            "",
            "chess",
            "chain:",
            "chain:1",
            "chain:x",
            "recheck:11",
            "recheck:7:0",
            "recheck:7:1000",
            "countdown:0",
            "add:3",
        ] {
            assert!(task(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_problem_in_eight_is_held_out_at_every_level() {
        for task in all() {
            for level in task.levels() {
                let mut rng = Rng::stream(5, u64::from(level));
                let n = 2_000;
                let held = (0..n).filter(|_| split_of(&task.draw(level, &mut rng).question) == Split::HeldOut).count();
                let share = held as f64 / f64::from(n);
                assert!((0.07..0.18).contains(&share), "{} level {level}: {share}", task.name());
            }
        }
    }

    #[test]
    fn the_split_does_not_move() {
        // Models that were measured on this split must stay comparable.
        let questions: Vec<String> = (0..24).map(|i| format!("{i}+1")).collect();
        let held: Vec<&str> = questions.iter().map(String::as_str).filter(|q| split_of(q) == Split::HeldOut).collect();
        insta::assert_debug_snapshot!(held);
    }

    #[test]
    fn problems_are_different_and_on_their_side() {
        let task = Chain::default();
        let drawn = problems(&task, &(2..=4), Split::HeldOut, (200, 3));
        assert_eq!(drawn.len(), 200);
        let texts: std::collections::HashSet<_> = drawn.iter().map(|p| &p.question).collect();
        assert_eq!(texts.len(), 200);
        assert!(drawn.iter().all(|p| split_of(&p.question) == Split::HeldOut && (2..=4).contains(&p.level)));
        assert_eq!(drawn, problems(&task, &(2..=4), Split::HeldOut, (200, 3)));
    }

    proptest! {
        #[test]
        fn worked_solutions_are_right_short_enough_and_readable(seed: u64, level in 0_u32..20) {
            for task in all() {
                let mut rng = Rng::stream(seed, 1);
                let problem = task.draw(level, &mut rng);
                prop_assert!(task.levels().contains(&problem.level));
                let solution = task.solve(&problem.question, &Teacher::default(), &mut rng).unwrap();
                let grade = task.grade(&problem, &solution.reply());
                let honest = matches!(grade.verdict, Verdict::Right | Verdict::GaveUp);
                prop_assert!(honest, "{} {:?} {}", problem.question, grade, solution.reply());
                prop_assert_eq!(grade.verdict == Verdict::Right, grade.score == 1.0);
                let tokens = CharTokenizer.encode(&solution.reply()).unwrap();
                prop_assert!(tokens.len() < task.longest(level), "{} of {}", tokens.len(), task.longest(level));
                CharTokenizer.encode(&prompt(&problem.question)).unwrap();
            }
        }

        #[test]
        fn an_unfinished_thought_is_no_answer(seed: u64, level in 1_u32..4, part in 0.0..1.0_f64) {
            for task in all() {
                let mut rng = Rng::stream(seed, 2);
                let problem = task.draw(level, &mut rng);
                let thought = task.solve(&problem.question, &Teacher::default(), &mut rng).unwrap().thought;
                let cut = (thought.len() as f64 * part) as usize;
                prop_assert_eq!(task.grade(&problem, &thought[..cut]).verdict, Verdict::NoAnswer);
            }
        }

        #[test]
        fn grading_takes_any_text(question in ".*", gold in ".*", reply in ".*") {
            for task in all() {
                let problem = Problem { question: question.clone(), gold: gold.clone(), level: 1 };
                let grade = task.grade(&problem, &reply);
                prop_assert!(grade.score == 0.0 || grade.score == 1.0);
                task.solve(&question, &Teacher::default(), &mut Rng::stream(0, 0));
            }
        }
    }
}
