//! Chains of arithmetic worked out again and again: a reasoner that checks itself more often than it must.

use super::chain::{Chain, Steps};
use super::reply::compared;
use super::{Grade, Problem, Solution, Task, TaskError, Teacher};
use crate::rng::Rng;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Chains modulo a small prime, worked out several times: `3*5+2-4 mod 7`.
///
/// A pass is a line such as `012c3*5=1b+2=3a-4=6>6+4`, and before each but the first the problem is stated again, so
/// that all of them find it at the same distance. The line has: passes that are left, this one included;
/// the operations, each after a letter that says how many are left (`a` is the last one), with its result; then the
/// answer so far, whether this pass agrees with it (`+` or `-`), and its lead. The answer so far is kept as in Boyer
/// and Moore's majority vote (1981): the same result raises its lead by one, up to 9; another one lowers it, and takes
/// its place where the lead is 0. The last pass is `001`.
///
/// How many passes there are is the teacher's choice, 8 to 24 (with [`Teacher::stop`], 1 to 24), or the question's: `x300 3*5+2-4 mod 7`. A teacher
/// who slips is off by one in some results, and further passes outvote them. So more passes make the answer better,
/// and mostly it has settled long before the last one. Each pass needs only the one before it, so the reasoning can
/// be of any length. All numbers have one digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recheck {
    modulus: u64,
    /// Passes that drawn questions ask for at most; 0 where they do not say how many.
    asked: u64,
}

/// Operations of the longest chains.
const LONGEST: u32 = 8;
/// Passes where the question does not say how many.
const PASSES: RangeInclusive<u64> = 8..=24;
/// The counter has three digits.
const MOST: u64 = 999;
const HUNDRED: u64 = 100;
/// A lead is at most this.
const LEAD: u64 = 9;

impl Default for Recheck {
    /// Modulo 7, the number of passes left to the teacher.
    fn default() -> Self {
        Self { modulus: 7, asked: 0 }
    }
}

impl Recheck {
    /// Reads the modulus and, after a colon, the most passes that questions ask for.
    pub(super) fn parse(given: &str) -> Result<Self, TaskError> {
        let (prime, asked) = given.split_once(':').map_or((given, None), |(prime, asked)| (prime, Some(asked)));
        let modulus = prime.parse().ok().filter(|m| [2, 3, 5, 7].contains(m));
        let asked = match asked {
            None => Some(0),
            Some(asked) => asked.parse().ok().filter(|n| (1..=MOST).contains(n)),
        };
        modulus.zip(asked).map(|(modulus, asked)| Self { modulus, asked }).ok_or_else(|| TaskError::BadParameter {
            task: "recheck",
            given: given.to_owned(),
            need: "give 2, 3, 5 or 7, and after a colon the most passes that a question asks for, 1 to 999",
        })
    }
}

/// The chain of a question, and the passes that it asks for.
fn read(question: &str) -> Option<(Steps, Option<u64>)> {
    let (passes, chain) = match question.strip_prefix('x').and_then(|rest| rest.split_once(' ')) {
        // The counter's form, so that a model can copy it; before the chain, so that nothing else moves.
        Some((digits, chain)) if digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(digits.parse().ok().filter(|n| *n > 0)?), chain)
        }
        Some(_) => return None,
        None => (None, question),
    };
    // Longer chains and numbers of two digits are another task's.
    let steps = Steps::parse(chain).filter(|s| s.modulus < 10 && s.rest.len() <= LONGEST as usize)?;
    Some((steps, passes))
}

/// The answer so far.
#[derive(Debug, Clone, Copy, Default)]
struct Majority {
    candidate: u64,
    lead: u64,
}

impl Majority {
    /// Takes a result in, and gives the sign of whether it agrees.
    fn take(&mut self, result: u64) -> char {
        if self.lead == 0 {
            *self = Self { candidate: result, lead: 1 };
        } else if self.candidate == result {
            self.lead = (self.lead + 1).min(LEAD);
        } else {
            self.lead -= 1;
            return '-';
        }
        '+'
    }
}

/// Writes the operations of a pass with their results, and gives the last result.
fn pass(steps: &Steps, label_noise: f64, rng: &mut Rng, into: &mut String) -> u64 {
    let mut at = steps.first;
    let letters = ('a'..='z').take(steps.rest.len()).collect::<Vec<char>>().into_iter().rev();
    for (index, (letter, &(operator, right))) in letters.zip(&steps.rest).enumerate() {
        let mut next = steps.apply(at, operator, right);
        if rng.uniform() < label_noise {
            let off = if rng.below(2) == 0 { 1 } else { steps.modulus - 1 };
            next = (next + off) % steps.modulus;
        }
        into.push(letter);
        if index == 0 {
            into.push_str(&at.to_string());
        }
        // Writing to a text cannot fail.
        let _ = write!(into, "{operator}{right}={next}");
        at = next;
    }
    at
}

impl Task for Recheck {
    fn name(&self) -> String {
        match self.asked {
            0 => format!("recheck:{}", self.modulus),
            asked => format!("recheck:{}:{asked}", self.modulus),
        }
    }

    fn levels(&self) -> RangeInclusive<u32> {
        1..=LONGEST
    }

    /// Every second question says how many passes it wants, where the task has a bound on them; the logarithm of the
    /// number is drawn evenly. Half of those that ask for more than 100 begin shortly before a hundred is passed, where
    /// two digits of the counter change at a time: one pass in a hundred is too seldom to learn it from.
    fn draw(&self, level: u32, rng: &mut Rng) -> Problem {
        let mut problem = Chain::modulo(self.modulus).draw(level.clamp(1, LONGEST), rng);
        if self.asked > 0 && rng.uniform() < 0.5 {
            let passes = ((self.asked + 1) as f64).powf(rng.uniform()) as u64;
            let passes = passes.clamp(1, self.asked);
            let near = passes > HUNDRED && rng.uniform() < 0.5;
            let passes = if near { passes / HUNDRED * HUNDRED + rng.below(8) as u64 } else { passes };
            problem.question = format!("x{:03} {}", passes.min(self.asked), problem.question);
        }
        problem
    }

    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution> {
        let (steps, asked) = read(question)?;
        let stated = question.split_once(' ').filter(|_| asked.is_some()).map_or(question, |(_, stated)| stated);
        if rng.uniform() < teacher.answer_only {
            return Some(Solution { thought: String::new(), answer: steps.value().to_string() });
        }
        let (least, most) = PASSES.into_inner();
        let passes = asked.unwrap_or_else(|| {
            if teacher.stop > 0.0 {
                return teacher.until_stop(most as usize, rng) as u64;
            }
            least + rng.below((most - least + 1) as usize) as u64
        });
        let mut majority = Majority::default();
        let mut thought = String::new();
        for left in (1..=passes).rev() {
            if left < passes {
                // As many tokens before the counter as in a prompt.
                let _ = write!(thought, "\n{stated}\n:");
            }
            let _ = write!(thought, "{left:03}");
            let sign = majority.take(pass(&steps, teacher.label_noise, rng, &mut thought));
            let _ = write!(thought, ">{}{sign}{}", majority.candidate, majority.lead);
        }
        Some(Solution { thought, answer: majority.candidate.to_string() })
    }

    fn answer_so_far(&self, thought: &str) -> Option<String> {
        // Right after the last mark there may be nothing yet.
        let digit = thought.rmatch_indices('>').find_map(|(at, _)| thought.get(at + 1..)?.chars().next());
        digit.filter(char::is_ascii_digit).map(String::from)
    }

    fn grade(&self, problem: &Problem, reply: &str) -> Grade {
        compared(reply, &problem.gold)
    }

    fn longest(&self, level: u32) -> usize {
        let passes = self.asked.max(*PASSES.end()) as usize;
        // "012" and "3", 5 tokens an operation, ">6+4" and a line feed; "3", 2 an operation, " mod 7", and "\n:"; the
        // marks with the answer and the end.
        passes * (7 * level.clamp(1, LONGEST) as usize + 18) + 4 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Verdict, answer_of, split_of};

    #[test]
    fn a_pass_is_a_line_and_counts_down() {
        let task = Recheck::default();
        let solved = |q: &str| task.solve(q, &Teacher::default(), &mut Rng::stream(1, 0));
        let reply = solved("x012 3*5+2-4 mod 7").unwrap().reply();
        let first = "012c3*5=1b+2=3a-4=6>6+1\n3*5+2-4 mod 7\n:011c3*5=1b+2=3a-4=6>6+2\n3*5+2-4 mod 7\n";
        assert!(reply.starts_with(first), "{reply}");
        assert!(reply.ends_with("\n:001c3*5=1b+2=3a-4=6>6+9</think>#### 6"), "{reply}");
        assert_eq!(reply.matches('>').count(), 12 + 1);
        let passes = solved("3*5+2-4 mod 7").unwrap().thought.matches('>').count() as u64;
        assert!(PASSES.contains(&passes), "{passes}");
        let brief = Teacher { stop: 1.0, ..Teacher::default() };
        let once = task.solve("3*5+2-4 mod 7", &brief, &mut Rng::stream(1, 0)).unwrap();
        assert_eq!(once.reply(), "001c3*5=1b+2=3a-4=6>6+1</think>#### 6");
        for other in
            ["8*5+11 mod 13", "1+1+1+1+1+1+1+1+1+1 mod 7", "26 from 3 5 7", "", "x12 1+1 mod 7", "x000 1+1 mod 7"]
        {
            assert!(solved(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_answer_so_far_is_that_of_the_last_pass() {
        let task = Recheck::default();
        let so_far = |thought: &str| task.answer_so_far(thought);
        assert_eq!(so_far("012a3*5=1>1+1\n011a3*5=").as_deref(), Some("1"));
        assert_eq!(so_far("012a3*5=1>1+1\n011a3*5=2>").as_deref(), Some("1"));
        assert_eq!(so_far("012a3*5=1>"), None);
        assert_eq!(so_far("012a3*5"), None);
    }

    #[test]
    fn a_majority_outlives_single_slips() {
        let mut majority = Majority::default();
        let mut seen = Vec::new();
        for result in [3, 5, 5, 5, 2, 5, 2, 2] {
            majority.take(result);
            seen.push((majority.candidate, majority.lead));
        }
        assert_eq!(seen, [(3, 1), (3, 0), (5, 1), (5, 2), (5, 1), (5, 2), (5, 1), (5, 0)]);
    }

    #[test]
    fn further_passes_correct_slips() {
        let task = Recheck::default();
        let teacher = Teacher { label_noise: 0.12, ..Teacher::default() };
        let mut rng = Rng::stream(2, 0);
        let (mut first, mut last) = (0, 0);
        let n = 2_000;
        for _ in 0..n {
            let problem = task.draw(3, &mut rng);
            let solution = task.solve(&problem.question, &teacher, &mut rng).unwrap();
            let once = solution.thought.lines().next().unwrap_or_default();
            first += u32::from(task.answer_so_far(once).as_deref() == Some(problem.gold.as_str()));
            last += u32::from(task.grade(&problem, &solution.reply()).verdict == Verdict::Right);
            assert!(answer_of(&solution.reply()).is_some());
        }
        // 0.88^3 = 0.681, a little more since errors may cancel.
        let share = |k: u32| f64::from(k) / f64::from(n);
        assert!((0.67..0.74).contains(&share(first)), "{}", share(first));
        assert!(share(last) > 0.96, "{}", share(last));
    }

    #[test]
    fn the_number_of_passes_moves_no_problem_to_the_other_side() {
        let task = Recheck { modulus: 7, asked: 300 };
        let mut rng = Rng::stream(3, 0);
        let mut asked = 0;
        for _ in 0..500 {
            let question = task.draw(2, &mut rng).question;
            let (passes, chain) =
                question.split_once('x').and_then(|(_, q)| q.split_once(' ')).unwrap_or(("001", &question));
            assert_eq!(split_of(&question), split_of(chain));
            assert!((1..=300).contains(&passes.parse().unwrap()), "{question}");
            asked += u32::from(question.starts_with('x'));
        }
        assert!((200..300).contains(&asked), "{asked}");
    }
}
