//! Chains of arithmetic worked out again and again: a reasoner that checks itself more often than it must.

use super::chain::{Chain, Steps};
use super::reply::compared;
use super::{Grade, Problem, Solution, Task, TaskError, Teacher};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Chains modulo a small prime, worked out several times: `3*5+2-4 mod 7`.
///
/// A line of a pass carries out the first operation and copies the rest: `3*5=1 +2-4`, `1+2=3 -4`, `3-4=6:1`; the
/// last one ends with how often its result was reached so far. Passes are repeated until some result was reached a
/// number of times that is drawn for each problem, 2 to 6, or there were twelve; the
/// answer is the result that was reached most often. A teacher who slips reaches other results now and then,
/// and further passes outvote them: so the thought that ends too early is often wrong, and most thoughts end
/// later than they need to. All numbers have one digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recheck {
    modulus: u64,
}

/// Operations of the longest chains.
const LONGEST: u32 = 8;
/// Passes at most.
const PASSES: usize = 12;
/// How often a result is reached before the thought ends: at least this, and one of so many numbers from there.
const AGREE: (u32, usize) = (2, 5);

impl Default for Recheck {
    /// Modulo 7.
    fn default() -> Self {
        Self { modulus: 7 }
    }
}

impl Recheck {
    /// Reads the modulus.
    pub(super) fn parse(given: &str) -> Result<Self, TaskError> {
        let prime = given.parse().ok().filter(|m| [2, 3, 5, 7].contains(m));
        prime.map(|modulus| Self { modulus }).ok_or_else(|| TaskError::BadParameter {
            task: "recheck",
            given: given.to_owned(),
            need: "give 2, 3, 5 or 7",
        })
    }
}

/// One pass: its lines, and the result.
fn pass(steps: &Steps, slip: f64, rng: &mut Rng) -> (Vec<String>, u64) {
    let mut lines = Vec::with_capacity(steps.rest.len());
    let mut at = steps.first;
    for (index, &(operator, right)) in steps.rest.iter().enumerate() {
        let mut next = steps.apply(at, operator, right);
        if rng.uniform() < slip {
            next = (next + 1 + rng.below(steps.modulus as usize - 1) as u64) % steps.modulus;
        }
        let mut line = format!("{at}{operator}{right}={next}");
        for (number, (o, r)) in steps.rest[index + 1..].iter().enumerate() {
            // Writing to a text cannot fail.
            let _ = write!(line, "{}{o}{r}", if number == 0 { " " } else { "" });
        }
        lines.push(line);
        at = next;
    }
    (lines, at)
}

impl Task for Recheck {
    fn name(&self) -> String {
        format!("recheck:{}", self.modulus)
    }

    fn levels(&self) -> RangeInclusive<u32> {
        1..=LONGEST
    }

    fn draw(&self, level: u32, rng: &mut Rng) -> Problem {
        Chain::modulo(self.modulus).draw(level.clamp(1, LONGEST), rng)
    }

    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution> {
        // Longer chains and numbers of two digits are another task's.
        let steps = Steps::parse(question).filter(|s| s.modulus < 10 && s.rest.len() <= LONGEST as usize)?;
        if rng.uniform() < teacher.hurry {
            return Some(Solution { thought: String::new(), answer: steps.value().to_string() });
        }
        let agree = AGREE.0 + rng.below(AGREE.1) as u32;
        let mut reached: BTreeMap<u64, u32> = BTreeMap::new();
        let mut thought = Vec::new();
        for _ in 0..PASSES {
            let (mut lines, result) = pass(&steps, teacher.slip, rng);
            let times = reached.entry(result).or_default();
            *times += 1;
            if let Some(last) = lines.last_mut() {
                let _ = write!(last, ":{times}");
            }
            thought.extend(lines);
            if *times == agree {
                break;
            }
        }
        let answer = reached.iter().max_by_key(|(_, times)| **times)?.0.to_string();
        Some(Solution { thought: thought.join("\n"), answer })
    }

    fn grade(&self, problem: &Problem, reply: &str) -> Grade {
        compared(reply, &problem.gold)
    }

    fn longest(&self, level: u32) -> usize {
        let level = level.clamp(1, LONGEST) as usize;
        // Lines of 2 l + 5 tokens for l = 1 to the level, ":12", and the marks with the answer and the end.
        PASSES * (level * (level + 6) + 3) + 4 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Verdict, answer_of};

    #[test]
    fn a_pass_carries_out_one_operation_a_line() {
        let task = Recheck::default();
        let reply = task.solve("3*5+2-4 mod 7", &Teacher::default(), &mut Rng::stream(1, 0)).unwrap().reply();
        assert!(reply.starts_with("3*5=1 +2-4\n1+2=3 -4\n3-4=6:1\n3*5=1 +2-4\n1+2=3 -4\n3-4=6:2"), "{reply}");
        assert!(reply.ends_with("</think>#### 6"), "{reply}");
        for other in ["8*5+11 mod 13", "1+1+1+1+1+1+1+1+1+1 mod 7", "26 from 3 5 7", ""] {
            assert!(task.solve(other, &Teacher::default(), &mut Rng::stream(1, 0)).is_none(), "{other}");
        }
    }

    #[test]
    fn more_passes_correct_slips_and_thoughts_differ_in_length() {
        let task = Recheck::default();
        let teacher = Teacher { slip: 0.05, ..Teacher::default() };
        let mut rng = Rng::stream(2, 0);
        let (mut first, mut last, mut lengths) = (0, 0, Vec::new());
        let n = 1_000;
        for _ in 0..n {
            let problem = task.draw(6, &mut rng);
            let solution = task.solve(&problem.question, &teacher, &mut rng).unwrap();
            let once = solution.thought.split(':').next().unwrap_or_default();
            first += u32::from(once.ends_with(&problem.gold));
            last += u32::from(task.grade(&problem, &solution.reply()).verdict == Verdict::Right);
            assert!(answer_of(&solution.reply()).is_some());
            lengths.push(solution.thought.len());
        }
        // 0.95^6 = 0.735, a little more since slips may cancel.
        let share = |k: u32| f64::from(k) / f64::from(n);
        assert!((0.70..0.80).contains(&share(first)), "{}", share(first));
        assert!(share(last) > 0.93, "{}", share(last));
        lengths.sort_unstable();
        assert!(lengths[900] > 2 * lengths[100], "{} {}", lengths[100], lengths[900]);
    }
}
