//! A number that is known within a tolerance.

use super::{Checker, CheckerError, Rule};
use crate::spec::{Argument, Costs, NamedBy, VerifierEntry, VerifierSpec};
use crate::{eval::evaluate, find_answer, normal, parser};
use outthink_core::Entry;
use serde_json::{Value, json};

/// How it is described and read.
pub(crate) const ENTRY: VerifierEntry = VerifierEntry {
    entry: Entry {
        also: &["within", "tolerance", "approximately", "approx", "near"],
        ..Entry::new(
            "close-to",
            "1 if the final answer is a number that differs from a known one by at most a tolerance",
        )
    },
    argument: "ANSWER,TOLERANCE",
    example: "close-to:9.81,1%",
    key: "close_to",
    costs: Costs::Nothing,
    named_by: NamedBy::Anyone,
    file: false,
    schema: || {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["answer", "tolerance"],
            "properties": {
                "answer": {"type": ["number", "string"], "description": "the known number"},
                "tolerance": {
                    "type": ["number", "string"],
                    "description": "the largest difference; a text such as \"1%\" is a share of the known number",
                },
            },
        })
    },
    read: |argument| {
        let parts = match argument {
            Argument::Json(value) => Some((written(&value["answer"]), written(&value["tolerance"]))),
            other => {
                other.text()?.rsplit_once(',').map(|(answer, tolerance)| (answer.to_owned(), tolerance.to_owned()))
            }
        };
        let rule = parts.and_then(|(answer, tolerance)| CloseTo::new(&answer, &tolerance)).ok_or_else(|| {
            let json = r#"{"answer": 9.81, "tolerance": "1%"}"#;
            CheckerError(format!("a number and a tolerance above 0 are needed: give {} or {json}", ENTRY.example))
        })?;
        Ok(VerifierSpec::Rule(Checker::new(ENTRY.entry.name, rule)))
    },
};

/// A number or a text of a request, as it would be typed.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Bytes of an answer that is looked at.
const MOST_BYTES: usize = 4_096;

/// The final answer is a number within a range. Units are not converted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CloseTo {
    answer: f64,
    tolerance: f64,
}

impl CloseTo {
    /// A known number, and the largest difference: a number, or with % a share of the known one.
    fn new(answer: &str, tolerance: &str) -> Option<Self> {
        let answer = value(answer)?;
        let tolerance = match tolerance.trim().strip_suffix('%') {
            Some(share) => share.trim().parse::<f64>().ok()? / 100.0 * answer.abs(),
            None => tolerance.trim().parse().ok()?,
        };
        (tolerance.is_finite() && tolerance > 0.0).then_some(Self { answer, tolerance })
    }
}

impl Rule for CloseTo {
    fn accepts(&self, reply: &str) -> bool {
        // A little more than the tolerance, so that decimals at its very edge pass as they read.
        let most = self.tolerance * (1.0 + 1e-9);
        find_answer(reply).and_then(|a| value(&a.text)).is_some_and(|v| (v - self.answer).abs() <= most)
    }
}

/// The value of an answer that is a number in any spelling; of an equation, that of its right side.
fn value(text: &str) -> Option<f64> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let text = normal::unwrap(text.trim());
    let side = text.rsplit_once(['=', '≈']).map_or(text, |(_, right)| right);
    let number = evaluate(&parser::parse(&crate::read::plain(side))?.expr, &|_| f64::NAN);
    (number.is_real() && number.is_finite()).then_some(number.re)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(spec: &str, reply: &str) -> bool {
        let spec: VerifierSpec = spec.parse().unwrap();
        matches!(spec, VerifierSpec::Rule(rule) if rule.accepts(reply))
    }

    #[test]
    fn an_answer_within_the_tolerance_is_right() {
        for (spec, reply, right) in [
            ("close-to:9.81,1%", "So g is \\boxed{9.8}.", true),
            ("close-to:9.81,1%", "So g is \\boxed{9.7}.", false),
            ("close-to:9.81,0.01", "The answer is 9.82", true),
            ("close-to:9.81,0.01", "The answer is 9.83", false),
            ("close-to:0.3333,0.001", "The answer is \\frac{1}{3}", true),
            ("close-to:-2,10%", "The answer is x = -1.85", true),
            ("close-to:-2,10%", "The answer is 2", false),
            ("close-to:3.1416,0.001", "The answer is \\pi", true),
            ("close-to:5,1", "no number at all", false),
        ] {
            assert_eq!(accepts(spec, reply), right, "{spec}: {reply}");
        }
    }

    #[test]
    fn a_request_gives_numbers_and_wrong_tolerances_are_refused() {
        let value = json!({"close_to": {"answer": 9.81, "tolerance": "1%"}});
        assert!(
            matches!(VerifierSpec::from_request(&value), Ok(VerifierSpec::Rule(rule)) if rule.accepts("The answer is 9.8"))
        );
        for wrong in
            ["close-to:9.81", "close-to:9.81,0", "close-to:9.81,-1", "close-to:x,1", "close-to:0,5%", "close-to:1,nan"]
        {
            let error = wrong.parse::<VerifierSpec>().unwrap_err().to_string();
            assert!(error.contains("close-to:9.81,1%"), "{wrong}: {error}");
        }
        assert!(VerifierSpec::from_request(&json!({"close_to": {"answer": 1}})).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}|[-+*/^()= 0-9.%]{0,40}") {
            let _ = value(&text);
            let _ = CloseTo::new(&text, &text);
        }
    }
}
