//! What others say of a sample: right, wrong, a share of right, or nothing. The one place that reads it.

use serde_json::Value;

/// What was judged of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Judgement {
    /// A share of right in [0, 1]; 1 is right and 0 wrong.
    Share(f64),
    /// Nobody judged it: null, or Python's NaN.
    Unscored,
}

impl Judgement {
    /// Reads a judgement in any form that says what it means.
    ///
    /// # Errors
    /// If it does not: such a judgement is never taken for "wrong".
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let share = match value {
            Value::Null => return Ok(Self::Unscored),
            Value::Bool(right) => f64::from(u8::from(*right)),
            Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
            Value::String(text) => match text.trim() {
                // inspect_ai: correct, incorrect, partly, no answer.
                "C" => 1.0,
                "I" | "N" => 0.0,
                "P" => 0.5,
                other => match other.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "correct" => 1.0,
                    "false" | "no" | "incorrect" => 0.0,
                    "nan" | "" => return Ok(Self::Unscored),
                    number => number.parse().unwrap_or(f64::NAN),
                },
            },
            // One judgement in a list is that judgement.
            Value::Array(items) => match items.as_slice() {
                [only] => return Self::read(only),
                _ => return Err(format!("a list of {} judgements", items.len())),
            },
            Value::Object(named) => {
                let names: Vec<&str> = named.keys().map(String::as_str).collect();
                return Err(format!("several judgements ({})", names.join(", ")));
            }
        };
        if (0.0..=1.0).contains(&share) {
            return Ok(Self::Share(share));
        }
        let short: String = value.to_string().chars().take(40).collect();
        Err(format!("the judgement {short}, which is neither right, wrong nor a share from 0 to 1"))
    }

    /// Whether it is right, and the share where it is neither right nor wrong. `None` where nobody judged it.
    pub(crate) fn parts(self) -> Option<(bool, Option<f64>)> {
        match self {
            Self::Share(share) => Some((share >= 1.0, (share > 0.0 && share < 1.0).then_some(share))),
            Self::Unscored => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_understood_is_read_and_nothing_else_is_wrong() {
        for (value, share) in [
            (json!(true), 1.0),
            (json!(0), 0.0),
            (json!(0.5), 0.5),
            (json!("C"), 1.0),
            (json!("I"), 0.0),
            (json!("N"), 0.0),
            (json!("P"), 0.5),
            (json!("1.0"), 1.0),
            (json!("False"), 0.0),
            (json!([1]), 1.0),
        ] {
            assert_eq!(Judgement::read(&value), Ok(Judgement::Share(share)), "{value}");
        }
        for value in [json!(null), json!("nan")] {
            assert_eq!(Judgement::read(&value), Ok(Judgement::Unscored));
        }
        for value in [json!(7.5), json!(-1), json!("fine"), json!({"a": 1, "b": 0}), json!([true, false])] {
            assert!(Judgement::read(&value).is_err(), "{value}");
        }
        assert_eq!(Judgement::Share(0.5).parts(), Some((false, Some(0.5))));
        assert_eq!(Judgement::Share(1.0).parts(), Some((true, None)));
    }
}
