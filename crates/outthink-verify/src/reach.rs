//! Whether an expression over given numbers has a wanted value, as in the numbers game Countdown.

/// Nesting past this is not read.
const MAX_DEPTH: u32 = 32;
/// Longer expressions are not read.
const MAX_LENGTH: usize = 256;

/// What an expression over given numbers comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It uses each number at most once and has the wanted value.
    Reached,
    /// It uses the numbers rightly and has this other value.
    Missed(i64),
    /// It uses a number that is not there, or one of them too often.
    WrongNumbers,
    /// It is no expression of numbers, `+`, `-`, `*`, `/` and parentheses, divides with a remainder or
    /// by zero, or overflows.
    Unreadable,
}

/// Whether `expression` uses each of `numbers` at most once, no others, and has the value `target`.
///
/// Operators bind as usual; divisions must leave no remainder. An `= value` at the end is passed over.
///
/// ```
/// use outthink_verify::{Reach, reaches};
///
/// assert_eq!(reaches("3*(7-2)", &[2, 3, 7], 15), Reach::Reached);
/// assert_eq!(reaches("3*7 = 21", &[2, 3, 7], 15), Reach::Missed(21));
/// assert_eq!(reaches("3*5", &[2, 3, 7], 15), Reach::WrongNumbers);
/// ```
pub fn reaches(expression: &str, numbers: &[u32], target: i64) -> Reach {
    let expression = expression.split('=').next().unwrap_or_default();
    if expression.len() > MAX_LENGTH {
        return Reach::Unreadable;
    }
    let mut reader = Reader { rest: expression.trim(), used: Vec::new(), depth: 0 };
    let Some(value) = reader.sum().filter(|_| reader.rest.trim_start().is_empty()) else {
        return Reach::Unreadable;
    };
    let mut left = numbers.to_vec();
    for used in reader.used {
        match left.iter().position(|&n| i64::from(n) == used) {
            Some(at) => drop(left.swap_remove(at)),
            None => return Reach::WrongNumbers,
        }
    }
    if value == target { Reach::Reached } else { Reach::Missed(value) }
}

/// A recursive-descent reader that computes as it reads.
struct Reader<'a> {
    rest: &'a str,
    used: Vec<i64>,
    depth: u32,
}

impl Reader<'_> {
    /// Takes one of the characters, if the text goes on with one.
    fn take(&mut self, any: &[char]) -> Option<char> {
        self.rest = self.rest.trim_start();
        let c = self.rest.chars().next().filter(|c| any.contains(c))?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn sum(&mut self) -> Option<i64> {
        let mut value = self.product()?;
        while let Some(operator) = self.take(&['+', '-']) {
            let right = self.product()?;
            value = if operator == '+' { value.checked_add(right)? } else { value.checked_sub(right)? };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<i64> {
        let mut value = self.atom()?;
        while let Some(operator) = self.take(&['*', '×', '/', '÷']) {
            let right = self.atom()?;
            value = match operator {
                '*' | '×' => value.checked_mul(right)?,
                _ if right == 0 || value.checked_rem(right)? != 0 => return None,
                _ => value.checked_div(right)?,
            };
        }
        Some(value)
    }

    fn atom(&mut self) -> Option<i64> {
        if self.take(&['(']).is_some() {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let value = self.sum()?;
            self.take(&[')'])?;
            self.depth -= 1;
            return Some(value);
        }
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let value = self.rest.get(..end)?.parse().ok()?;
        self.used.push(value);
        self.rest = self.rest.get(end..)?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_and_what_they_come_to() {
        for (text, expected) in [
            ("25*4", Reach::Reached),
            (" ( 25 - 5 ) * ( 4 + 1 ) ", Reach::Reached),
            ("25*4*1+5-5", Reach::WrongNumbers),
            ("25×4", Reach::Reached),
            ("25*(5-1)", Reach::Reached),
            ("5*4*5", Reach::WrongNumbers),
            ("100", Reach::WrongNumbers),
            ("25*4=100", Reach::Reached),
            ("25/4", Reach::Unreadable),
            ("25/(5-5)", Reach::Unreadable),
            ("25/5", Reach::Missed(5)),
            ("1-25", Reach::Missed(-24)),
            ("-25*4", Reach::Unreadable),
            ("25*", Reach::Unreadable),
            ("25 4", Reach::Unreadable),
            ("(25*4", Reach::Unreadable),
            ("twenty", Reach::Unreadable),
            ("", Reach::Unreadable),
            ("99999999999999999999", Reach::Unreadable),
        ] {
            assert_eq!(reaches(text, &[25, 5, 4, 1], 100), expected, "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(60), ")".repeat(60));
        assert_eq!(reaches(&deep, &[1], 1), Reach::Unreadable);
        assert_eq!(reaches("5*5", &[5, 5], 25), Reach::Reached);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".*", target: i64) {
            reaches(&text, &[1, 2, 3], target);
        }

        #[test]
        fn sums_in_any_order_are_reached(a in 1_u32..99, b in 1_u32..99, c in 1_u32..99) {
            let target = i64::from(a) * i64::from(b) - i64::from(c);
            prop_assert_eq!(reaches(&format!("({a}*{b})-{c}"), &[c, a, b], target), Reach::Reached);
            prop_assert_eq!(reaches(&format!("{b}*{a}-{c}"), &[a, b, c], target + 1), Reach::Missed(target));
        }
    }
}
