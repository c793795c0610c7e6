//! Long addition and multiplication with a scratchpad.

use super::reply::compared;
use super::{Grade, Problem, Solution, Task, Teacher};
use crate::rng::Rng;
use std::ops::RangeInclusive;

/// Addition of two numbers of as many digits as the level says, from the last digit with a carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Add;

/// Multiplication of two numbers, the first of as many digits as the level says and the second of
/// up to two, by partial products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multiply;

/// Digits of the longest sums.
const LONGEST_SUM: u32 = 12;
/// Digits of the longest first factors.
const LONGEST_FACTOR: u32 = 6;

/// A random number of `digits` digits, the first of them not 0.
fn number(digits: u32, rng: &mut Rng) -> u64 {
    let low = 10_u64.pow(digits - 1);
    low + rng.below((low * 9) as usize) as u64
}

/// Reads two numbers with an operator between them.
fn parse(question: &str, operator: char) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let digits = (1..=LONGEST_SUM as usize).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (a, b) = question.split_once(operator)?;
    Some((number(a)?, number(b)?))
}

/// A digit of a step, wrong with the probability of label noise.
fn slipped(value: u64, teacher: &Teacher, rng: &mut Rng) -> u64 {
    if rng.uniform() < teacher.label_noise { value + 1 + rng.below(8) as u64 } else { value }
}

/// `a+b` digit by digit from the last: `6+7+0=13` and so on, with the digits of the sum.
fn column_sum(a: u64, b: u64, teacher: &Teacher, rng: &mut Rng) -> (Vec<String>, u64) {
    let mut lines = Vec::new();
    let (mut sum, mut place, mut carry) = (0, 1, 0);
    let (mut left, mut right) = (a, b);
    while left > 0 || right > 0 || lines.is_empty() {
        let (x, y) = (left % 10, right % 10);
        let total = slipped(x + y + carry, teacher, rng);
        lines.push(format!("{x}+{y}+{carry}={total}"));
        sum += total % 10 * place;
        carry = total / 10;
        place *= 10;
        left /= 10;
        right /= 10;
    }
    (lines, sum + carry * place)
}

impl Task for Add {
    fn name(&self) -> String {
        "add".to_owned()
    }

    fn levels(&self) -> RangeInclusive<u32> {
        1..=LONGEST_SUM
    }

    fn draw(&self, level: u32, rng: &mut Rng) -> Problem {
        let level = level.clamp(1, LONGEST_SUM);
        let (a, b) = (number(level, rng), number(level, rng));
        Problem { question: format!("{a}+{b}"), gold: (a + b).to_string(), level }
    }

    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution> {
        let (a, b) = parse(question, '+')?;
        if rng.uniform() < teacher.answer_only {
            return Some(Solution { thought: String::new(), answer: (a + b).to_string() });
        }
        let (lines, sum) = column_sum(a, b, teacher, rng);
        Some(Solution { thought: lines.join("\n"), answer: sum.to_string() })
    }

    fn grade(&self, problem: &Problem, reply: &str) -> Grade {
        compared(reply, &problem.gold)
    }

    fn longest(&self, level: u32) -> usize {
        let level = level.clamp(1, LONGEST_SUM) as usize;
        // "9+9+1=19\n" a digit, then the marks, the sum and the end.
        level * 9 + 5 + level + 1
    }
}

impl Task for Multiply {
    fn name(&self) -> String {
        "multiply".to_owned()
    }

    fn levels(&self) -> RangeInclusive<u32> {
        1..=LONGEST_FACTOR
    }

    fn draw(&self, level: u32, rng: &mut Rng) -> Problem {
        let level = level.clamp(1, LONGEST_FACTOR);
        let a = number(level, rng);
        let b = number(level.min(2), rng);
        Problem { question: format!("{a}*{b}"), gold: (a * b).to_string(), level }
    }

    fn solve(&self, question: &str, teacher: &Teacher, rng: &mut Rng) -> Option<Solution> {
        let (a, b) = parse(question, '*')?;
        let product = a.checked_mul(b)?;
        if rng.uniform() < teacher.answer_only {
            return Some(Solution { thought: String::new(), answer: product.to_string() });
        }
        let mut lines = Vec::new();
        let mut sum = 0;
        // Each digit of the second factor gives a partial product, which joins the sum in columns.
        for (place, digit) in b.to_string().bytes().rev().map(|d| u64::from(d - b'0')).enumerate() {
            let shift = 10_u64.pow(place as u32);
            let (mut partial, mut carry, mut at) = (0, 0, 1);
            for x in a.to_string().bytes().rev().map(|d| u64::from(d - b'0')) {
                let total = slipped(x * digit + carry, teacher, rng);
                lines.push(format!("{x}*{digit}+{carry}={total}"));
                partial += total % 10 * at;
                carry = total / 10;
                at *= 10;
            }
            partial = (partial + carry * at).checked_mul(shift)?;
            lines.push(format!(":{partial}"));
            if place > 0 {
                let (columns, total) = column_sum(sum, partial, teacher, rng);
                lines.extend(columns);
                sum = total;
            } else {
                sum = partial;
            }
        }
        Some(Solution { thought: lines.join("\n"), answer: sum.to_string() })
    }

    fn grade(&self, problem: &Problem, reply: &str) -> Grade {
        compared(reply, &problem.gold)
    }

    fn longest(&self, level: u32) -> usize {
        let level = level.clamp(1, LONGEST_FACTOR) as usize;
        let factor = level.min(2);
        // "9*9+8=89\n" a pair of digits, ":" with a partial product, "9+9+1=19\n" a column.
        let partials = factor * (level * 9 + level + factor + 3);
        let columns = (factor - 1) * (level + factor) * 9;
        partials + columns + 5 + level + factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::tasks::Verdict;
    use proptest::prelude::*;

    #[test]
    fn sums_are_worked_from_the_last_digit() {
        let careful = Teacher::default();
        let solution = Add.solve("47+86", &careful, &mut Rng::stream(0, 0)).unwrap();
        assert_eq!(solution.reply(), "7+6+0=13\n4+8+1=13</think>#### 133");
        let solution = Multiply.solve("47*86", &careful, &mut Rng::stream(0, 0)).unwrap();
        let lines = "7*6+0=42\n4*6+4=28\n:282\n7*8+0=56\n4*8+5=37\n:3760\n2+0+0=2\n8+6+0=14\n2+7+1=10\n0+3+1=4";
        assert_eq!(solution.reply(), format!("{lines}</think>#### 4042"));
    }

    proptest! {
        #[test]
        fn numbers_of_any_length_are_worked_out(a in 0_u64..1_000_000_000_000, b in 0_u64..1_000_000) {
            let mut rng = Rng::stream(a, b);
            let sum = Problem { question: format!("{a}+{b}"), gold: (a + b).to_string(), level: 1 };
            let reply = Add.solve(&sum.question, &Teacher::default(), &mut rng).unwrap().reply();
            prop_assert_eq!(Add.grade(&sum, &reply).verdict, Verdict::Right);
            let product = Problem { question: format!("{a}*{b}"), gold: (a * b).to_string(), level: 1 };
            let reply = Multiply.solve(&product.question, &Teacher::default(), &mut rng).unwrap().reply();
            prop_assert_eq!(Multiply.grade(&product, &reply).verdict, Verdict::Right);
        }
    }
}
