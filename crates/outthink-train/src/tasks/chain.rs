//! Arithmetic modulo a prime, one operation after another.

use super::reply::compared;
use super::{Grade, Problem, Solution, Task, TaskError, Teacher};
use crate::rng::Rng;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Chains of operations modulo a prime, read from left to right: `8*5+11-7 mod 13`.
///
/// The level is the number of operations. With a prime of two digits an answer cannot be guessed,
/// and a step is a fact that a small model has to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    modulus: u64,
}

/// Operations of the longest chains.
const LONGEST: u32 = 16;

impl Default for Chain {
    /// Modulo 11.
    fn default() -> Self {
        Self { modulus: 11 }
    }
}

/// A chain as its question states it.
pub(super) struct Steps {
    pub(super) first: u64,
    /// Operator and operand.
    pub(super) rest: Vec<(char, u64)>,
    pub(super) modulus: u64,
}

impl Chain {
    /// Modulo a prime from 2 to 97.
    pub(super) fn modulo(modulus: u64) -> Self {
        Self { modulus }
    }

    /// Reads the modulus.
    pub(super) fn parse(given: &str) -> Result<Self, TaskError> {
        let prime = |m: &u64| (2..=97).contains(m) && (2..*m).all(|d| !m.is_multiple_of(d));
        given.parse().ok().filter(prime).map(|modulus| Self { modulus }).ok_or_else(|| TaskError::BadParameter {
            task: "chain",
            given: given.to_owned(),
            need: "give a prime from 2 to 97",
        })
    }
}

impl Steps {
    /// Reads `8*5+11-7 mod 13`; values are below the modulus.
    pub(super) fn parse(question: &str) -> Option<Self> {
        let (chain, modulus) = question.split_once(" mod ")?;
        let modulus: u64 = modulus.parse().ok().filter(|m| (2..=97).contains(m))?;
        let value = |text: &str| text.parse().ok().filter(|&v| text.len() <= 2 && v < modulus);
        let mut ends: Vec<usize> = chain.match_indices(['+', '-', '*']).map(|(at, _)| at).collect();
        ends.push(chain.len());
        let first = value(chain.get(..ends[0])?)?;
        let rest = ends
            .windows(2)
            .map(|w| Some((chain.get(w[0]..)?.chars().next()?, value(chain.get(w[0] + 1..w[1])?)?)))
            .collect::<Option<_>>()?;
        Some(Self { first, rest, modulus })
    }

    pub(super) fn apply(&self, left: u64, operator: char, right: u64) -> u64 {
        let modulus = self.modulus;
        match operator {
            '+' => (left + right) % modulus,
            '-' => (left + modulus - right) % modulus,
            _ => left * right % modulus,
        }
    }

    pub(super) fn value(&self) -> u64 {
        self.rest.iter().fold(self.first, |at, &(operator, right)| self.apply(at, operator, right))
    }
}

impl Task for Chain {
    fn name(&self) -> String {
        format!("chain:{}", self.modulus)
    }

    fn levels(&self) -> RangeInclusive<u32> {
        1..=LONGEST
    }

    fn draw(&self, level: u32, rng: &mut Rng) -> Problem {
        let level = level.clamp(1, LONGEST);
        let first = rng.below(self.modulus as usize) as u64;
        // Nothing is multiplied by 0, or what stands before would not matter.
        let right = |rng: &mut Rng| 1 + rng.below(self.modulus as usize - 1) as u64;
        let rest = (0..level).map(|_| (['+', '-', '*'][rng.below(3)], right(rng))).collect();
        let steps = Steps { first, rest, modulus: self.modulus };
        let mut question = first.to_string();
        for (operator, right) in &steps.rest {
            // Writing to a text cannot fail.
            let _ = write!(question, "{operator}{right}");
        }
        let _ = write!(question, " mod {}", self.modulus);
        Problem { question, gold: steps.value().to_string(), level }
    }

    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution> {
        let steps = Steps::parse(question)?;
        if rng.uniform() < teacher.answer_only {
            return Some(Solution { thought: String::new(), answer: steps.value().to_string() });
        }
        let mut thought = Vec::with_capacity(steps.rest.len());
        let mut at = steps.first;
        for &(operator, right) in &steps.rest {
            let mut next = steps.apply(at, operator, right);
            if rng.uniform() < teacher.label_noise {
                next = (next + 1 + rng.below(steps.modulus as usize - 1) as u64) % steps.modulus;
            }
            thought.push(format!("{at}{operator}{right}={next}"));
            at = next;
        }
        Some(Solution { thought: thought.join("\n"), answer: at.to_string() })
    }

    fn grade(&self, problem: &Problem, reply: &str) -> Grade {
        compared(reply, &problem.gold)
    }

    fn longest(&self, level: u32) -> usize {
        // "10*10=10\n" a step, and the marks with the answer and the end.
        let digits = if self.modulus > 10 { 2 } else { 1 };
        level.clamp(1, LONGEST) as usize * (3 * digits + 3) + 4 + digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::Verdict;

    #[test]
    fn operations_apply_from_left_to_right() {
        let steps = Steps::parse("8*5+11-7*3 mod 13").unwrap();
        // 40 = 1, 12, 5, 15 = 2 (mod 13).
        assert_eq!(steps.value(), 2);
        let solution =
            Chain::default().solve("8*5+11-7*3 mod 13", &Teacher::default(), &mut Rng::stream(0, 0)).unwrap();
        assert_eq!(solution.reply(), "8*5=1\n1+11=12\n12-7=5\n5*3=2</think>#### 2");
    }

    #[test]
    fn questions_of_others_are_not_read() {
        for question in ["", " mod 13", "8*5", "8*5 mod 0", "8*99 mod 13", "8**5 mod 13", "x+1 mod 13", "8+ mod 13"] {
            assert!(Steps::parse(question).is_none(), "{question}");
        }
    }

    #[test]
    fn a_hurried_teacher_does_not_think_and_a_careless_one_slips() {
        let mut rng = Rng::stream(3, 0);
        let task = Chain::default();
        let problem = task.draw(4, &mut rng);
        let hurried = Teacher { answer_only: 1.0, ..Teacher::default() };
        let reply = task.solve(&problem.question, &hurried, &mut rng).unwrap().reply();
        assert_eq!(reply, format!("</think>#### {}", problem.gold));
        let careless = Teacher { label_noise: 0.1, ..Teacher::default() };
        let n = 4_000;
        let right = (0..n)
            .filter(|_| {
                let reply = task.solve(&problem.question, &careless, &mut rng).unwrap().reply();
                task.grade(&problem, &reply).verdict == Verdict::Right
            })
            .count();
        // .9^4 = .656, and errors rarely cancel.
        let share = right as f64 / f64::from(n);
        assert!((0.63..0.70).contains(&share), "{share}");
    }
}
