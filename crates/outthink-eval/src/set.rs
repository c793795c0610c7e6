//! Questions with gold answers.

use crate::EvalError;
use crate::lines::each_line;
use serde_json::Value;
use std::path::Path;

/// A question and its right answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// The right answer.
    pub gold: String,
}

/// A set of questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionSet {
    /// The file's name without its endings.
    pub name: String,
    /// The questions in the order of the file.
    pub questions: Vec<Question>,
}

impl QuestionSet {
    /// Reads JSON lines in the layouts of GSM8K (`question`, `answer` with `####`), MATH and AIME
    /// (`problem`, `answer`) and SVAMP (`Body`, `Question`, `Answer`).
    ///
    /// # Errors
    /// If the file is missing or empty, or a line has another layout.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let mut questions = Vec::new();
        each_line(path, |line| {
            let row: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
            questions.push(question(&row).ok_or_else(|| {
                "neither question/answer, problem/answer nor Body/Question/Answer: rename the fields to question and answer".to_owned()
            })?);
            Ok(())
        })?;
        if questions.is_empty() {
            return Err(EvalError::Empty { path: path.to_owned(), what: "questions" });
        }
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("set");
        Ok(Self { name: name.split('.').next().unwrap_or(name).to_owned(), questions })
    }
}

fn question(row: &Value) -> Option<Question> {
    let text = |key: &str| match &row[key] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    if let (Some(body), Some(asked), Some(gold)) = (text("Body"), text("Question"), text("Answer")) {
        return Some(Question { text: format!("{} {asked}", body.trim()), gold: without_point_zero(&gold) });
    }
    let asked = text("question").or_else(|| text("problem")).or_else(|| text("Problem"))?;
    let gold = text("answer").or_else(|| text("Answer")).or_else(|| text("gold"))?;
    let gold = gold.rsplit("####").next().unwrap_or(&gold).trim().to_owned();
    Some(Question { text: asked, gold })
}

/// SVAMP writes whole numbers as 145.0.
fn without_point_zero(gold: &str) -> String {
    gold.strip_suffix(".0").unwrap_or(gold).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_known_layouts_are_read() {
        let gsm = question(&json!({"question": "q", "answer": "2 + 2 = 4\n#### 4"})).unwrap();
        assert_eq!((gsm.text.as_str(), gsm.gold.as_str()), ("q", "4"));
        let svamp = question(&json!({"Body": "b. ", "Question": "q?", "Answer": 145.0})).unwrap();
        assert_eq!((svamp.text.as_str(), svamp.gold.as_str()), ("b. q?", "145"));
        assert!(question(&json!({"prompt": "q"})).is_none());
    }
}
