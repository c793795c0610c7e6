//! The numbers game: reach a target from a few numbers, by search written out as a thought.

use super::reply::answer_of;
use super::{Grade, Problem, Solution, Task, TaskError, Teacher, Verdict};
use crate::rng::Rng;
use outthink_verify::{Reach, reaches};
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Countdown with 2 to 5 numbers (the level) of 1 to 12: `24 from 3 5 7`.
///
/// A solution is a stream of search (Gandhi et al. 2024): depth first, moves in random order, every
/// result checked, wrong branches left in. `3+5=8 7:15x1x56x` takes 3 + 5 = 8, has 8 and 7 left, and
/// tries their sum, difference and product: none is the target. `!` marks the one that is; `<` goes
/// back to the list before. Results above 99 are passed over. After as many lines as the teacher's
/// patience, or where [`Teacher::stop`] says so, the thought ends and the answer is `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Countdown {
    patience: usize,
}

/// Larger results are passed over.
const LARGEST: u64 = 99;
/// The largest of the given numbers.
const LARGEST_GIVEN: usize = 12;
/// Targets are at least this.
const LEAST_TARGET: u64 = 10;
/// What is answered where the search found nothing.
const NONE: &str = "none";

impl Default for Countdown {
    /// Twelve lines of search at most.
    fn default() -> Self {
        Self { patience: 12 }
    }
}

/// A number on the table, with the expression that it came from.
#[derive(Debug, Clone)]
struct Item {
    value: u64,
    expression: String,
}

impl Item {
    /// Two items put together, if the result is small enough.
    fn join(&self, operator: char, other: &Self) -> Option<Self> {
        let (big, small) = if self.value >= other.value { (self, other) } else { (other, self) };
        let value = match operator {
            '+' => self.value + other.value,
            '-' => big.value - small.value,
            _ => self.value * other.value,
        };
        let (left, right) = if operator == '-' { (big, small) } else { (self, other) };
        (value <= LARGEST).then(|| Self {
            value,
            expression: format!("{}{operator}{}", left.in_parentheses(), right.in_parentheses()),
        })
    }

    fn in_parentheses(&self) -> String {
        if self.expression.bytes().all(|b| b.is_ascii_digit()) {
            self.expression.clone()
        } else {
            format!("({})", self.expression)
        }
    }
}

/// Reads `24 from 3 5 7`.
fn parse(question: &str) -> Option<(u64, Vec<u32>)> {
    let (target, numbers) = question.split_once(" from ")?;
    let number = |text: &str| text.parse().ok().filter(|n| text.len() <= 2 && *n > 0);
    let numbers = numbers.split(' ').map(number).collect::<Option<Vec<u32>>>()?;
    let target = target.parse().ok().filter(|t| *t <= LARGEST)?;
    (2..=5).contains(&numbers.len()).then_some((target, numbers))
}

impl Countdown {
    /// Reads the teacher's patience.
    pub(super) fn parse(given: &str) -> Result<Self, TaskError> {
        let lines = given.parse().ok().filter(|lines| (1..=200).contains(lines));
        lines.map(|patience| Self { patience }).ok_or_else(|| TaskError::BadParameter {
            task: "countdown",
            given: given.to_owned(),
            need: "give the lines of search at most, from 1 to 200",
        })
    }
}

/// A search that writes down what it does.
struct Search<'a> {
    target: u64,
    lines: Vec<String>,
    patience: usize,
    teacher: &'a Teacher,
    rng: &'a mut Rng,
}

impl Search<'_> {
    /// Searches from a list of at least two items; gives the expression that was found.
    fn visit(&mut self, items: &[Item]) -> Option<String> {
        if let [a, b] = items {
            // Only a problem of two numbers begins here.
            let mut line = String::new();
            let found = self.tries(a, b, &mut line);
            self.lines.push(line);
            return found;
        }
        let mut moves: Vec<(usize, usize, char)> = Vec::new();
        for i in 0..items.len() {
            for j in 0..i {
                moves.extend(['+', '-', '*'].map(|operator| (j, i, operator)));
            }
        }
        while !moves.is_empty() && self.lines.len() < self.patience {
            let (i, j, operator) = moves.swap_remove(self.rng.below(moves.len()));
            let (left, right) =
                if items[i].value >= items[j].value { (&items[i], &items[j]) } else { (&items[j], &items[i]) };
            // A result of 0, or a product with 1, leads nowhere that a shorter way does not.
            let idle = operator == '*' && right.value == 1;
            let Some(made) = left.join(operator, right).filter(|made| made.value > 0 && !idle) else { continue };
            let mut line = format!("{}{operator}{}={}", left.value, right.value, made.value);
            let mut rest = vec![made];
            rest.extend(items.iter().enumerate().filter(|(at, _)| *at != i && *at != j).map(|(_, item)| item.clone()));
            for item in &rest[1..] {
                let _ = write!(line, " {}", item.value);
            }
            if let [a, b] = &rest[..] {
                line.push(':');
                let found = self.tries(a, b, &mut line);
                self.lines.push(line);
                if found.is_some() {
                    return found;
                }
                continue;
            }
            self.lines.push(line);
            if let Some(found) = self.visit(&rest) {
                return Some(found);
            }
            if self.lines.len() < self.patience {
                self.lines.push("<".to_owned());
            }
        }
        None
    }

    /// Tries sum, difference and product of the last two items, each with its check.
    fn tries(&mut self, a: &Item, b: &Item, line: &mut String) -> Option<String> {
        for operator in ['+', '-', '*'] {
            let Some(mut made) = a.join(operator, b) else { continue };
            if self.rng.uniform() < self.teacher.label_noise {
                made.value = if made.value > 0 && self.rng.below(2) == 0 { made.value - 1 } else { made.value + 1 };
            }
            let hit = made.value == self.target;
            let _ = write!(line, "{}{}", made.value, if hit { '!' } else { 'x' });
            if hit {
                return Some(made.expression);
            }
        }
        None
    }
}

impl Task for Countdown {
    fn name(&self) -> String {
        format!("countdown:{}", self.patience)
    }

    fn levels(&self) -> RangeInclusive<u32> {
        2..=5
    }

    fn draw(&self, level: u32, rng: &mut Rng) -> Problem {
        let level = level.clamp(2, 5);
        loop {
            let given: Vec<u64> = (0..level).map(|_| 1 + rng.below(LARGEST_GIVEN) as u64).collect();
            // A random way through all the numbers makes the target, so that there is one.
            let mut items: Vec<Item> =
                given.iter().map(|&value| Item { value, expression: value.to_string() }).collect();
            while items.len() > 1 {
                let (a, b) = (items.swap_remove(rng.below(items.len())), items.swap_remove(rng.below(items.len())));
                match a.join(['+', '-', '*'][rng.below(3)], &b).filter(|made| made.value > 0) {
                    Some(made) => items.push(made),
                    None => break,
                }
            }
            let [Item { value, .. }] = items[..] else { continue };
            if value < LEAST_TARGET || given.contains(&value) {
                continue;
            }
            let numbers: Vec<String> = given.iter().map(u64::to_string).collect();
            let question = format!("{value} from {}", numbers.join(" "));
            return Problem { gold: question.clone(), question, level };
        }
    }

    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution> {
        let (target, numbers) = parse(question)?;
        let items: Vec<Item> =
            numbers.iter().map(|&n| Item { value: u64::from(n), expression: n.to_string() }).collect();
        let hurried = rng.uniform() < teacher.answer_only;
        let patience = teacher.until_stop(self.patience, rng);
        let mut search = Search { target, lines: Vec::new(), patience, teacher, rng };
        let answer = search.visit(&items).unwrap_or_else(|| NONE.to_owned());
        Some(Solution { thought: if hurried { String::new() } else { search.lines.join("\n") }, answer })
    }

    fn grade(&self, problem: &Problem, reply: &str) -> Grade {
        let Some(answer) = answer_of(reply) else { return Grade::new(Verdict::NoAnswer, None) };
        let verdict = match parse(&problem.gold) {
            _ if answer == NONE => Verdict::GaveUp,
            Some((target, numbers)) if reaches(&answer, &numbers, target.cast_signed()) == Reach::Reached => {
                Verdict::Right
            }
            Some(_) => Verdict::FalseClaim,
            None => Verdict::Wrong,
        };
        Grade::new(verdict, Some(answer))
    }

    fn longest(&self, level: u32) -> usize {
        let level = level.clamp(2, 5) as usize;
        // "12*12=99 12 12:" with up to three tries of two digits and a check each; then the marks and
        // an expression over all the numbers, or `none`.
        let line = 9 + 3 * (level - 2) + 9 + 1;
        self.patience * line + 3 + (2 * level + (level - 1) + 2 * (level - 2)).max(NONE.len()) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    fn grade(question: &str, reply: &str) -> Verdict {
        let problem = Problem { question: question.to_owned(), gold: question.to_owned(), level: 3 };
        Countdown::default().grade(&problem, reply).verdict
    }

    #[test]
    fn answers_are_checked_and_claims_told_from_giving_up() {
        let question = "26 from 3 5 7";
        assert_eq!(grade(question, "3*7=21 5:26!</think>#### (3*7)+5"), Verdict::Right);
        assert_eq!(grade(question, "3*7=21 5:26!</think>#### 5+7*3"), Verdict::Right);
        assert_eq!(grade(question, "3*7=22 5:26!</think>#### (3*7)+4"), Verdict::FalseClaim);
        assert_eq!(grade(question, "</think>#### 26"), Verdict::FalseClaim);
        assert_eq!(grade(question, "3+5=8 7:15x1x56x</think>#### none"), Verdict::GaveUp);
        assert_eq!(grade(question, "3*7=21 5:26!"), Verdict::NoAnswer);
    }

    #[test]
    fn a_search_shows_wrong_branches_checks_and_ways_back() {
        let task = Countdown { patience: 40 };
        let solve = |question, seed| task.solve(question, &Teacher::default(), &mut Rng::stream(seed, 0)).unwrap();
        insta::assert_snapshot!(solve("26 from 3 5 7", 1).reply());
        insta::assert_snapshot!(solve("41 from 2 9 4 3", 4).reply());
    }

    #[test]
    fn patience_bounds_the_search_and_more_of_it_finds_more() {
        let found = |patience| {
            let task = Countdown { patience };
            let mut rng = Rng::stream(11, 0);
            let right = (0..400).filter(|_| {
                let problem = task.draw(3, &mut rng);
                let solution = task.solve(&problem.question, &Teacher::default(), &mut rng).unwrap();
                assert!(solution.thought.lines().count() <= patience);
                task.grade(&problem, &solution.reply()).verdict == Verdict::Right
            });
            right.count()
        };
        let (little, more, all) = (found(2), found(5), found(40));
        assert!(little < more && more < all, "{little} {more} {all}");
        // Nine lines search three numbers wholly.
        assert_eq!(all, 400);
    }

    #[test]
    fn a_teacher_who_stops_early_finds_less() {
        let task = Countdown::default();
        let teacher = Teacher { stop: 0.6, ..Teacher::default() };
        let mut rng = Rng::stream(12, 0);
        let (mut right, mut lines) = (0, 0);
        for _ in 0..1_000 {
            let problem = task.draw(3, &mut rng);
            let solution = task.solve(&problem.question, &teacher, &mut rng).unwrap();
            lines += solution.thought.lines().count();
            right += u32::from(task.grade(&problem, &solution.reply()).verdict == Verdict::Right);
        }
        // At most 1 / 0.6 lines in the mean, since what is found ends a search, too.
        assert!((1_300..1_667).contains(&lines), "{lines}");
        assert!((150..500).contains(&right), "{right}");
    }

    proptest! {
        #[test]
        fn a_patient_search_finds_an_answer_to_every_problem(seed: u64, level in 2_u32..=3) {
            let task = Countdown { patience: 200 };
            let mut rng = Rng::stream(seed, 0);
            let problem = task.draw(level, &mut rng);
            let solution = task.solve(&problem.question, &Teacher::default(), &mut rng).unwrap();
            prop_assert_eq!(task.grade(&problem, &solution.reply()).verdict, Verdict::Right);
        }

        #[test]
        fn a_teacher_who_slips_makes_false_claims_and_they_are_seen(seed in 0_u64..64) {
            let task = Countdown::default();
            let careless = Teacher { label_noise: 1.0, ..Teacher::default() };
            let mut rng = Rng::stream(seed, 0);
            let problem = task.draw(3, &mut rng);
            let reply = task.solve(&problem.question, &careless, &mut rng).unwrap().reply();
            prop_assert_ne!(task.grade(&problem, &reply).verdict, Verdict::Right);
        }
    }
}
