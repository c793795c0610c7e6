//! Questions with gold answers.

use crate::EvalError;
use crate::rows::each_row;
use crate::store::hex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// A question and its right answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its name within the set, where the set gives one.
    pub id: Option<String>,
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
    /// SHA-256 of the file.
    pub sha256: String,
    /// The questions in the order of the file.
    pub questions: Vec<Question>,
}

/// Which columns hold what, where they are not named as in a known set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of the question.
    pub question: Option<String>,
    /// The column of the right answer.
    pub gold: Option<String>,
}

impl QuestionSet {
    /// Reads JSON lines, a JSON array, CSV or Parquet in the layouts of GSM8K (`question`, `answer`
    /// with `####`), MATH and AIME (`problem`, `answer`) and SVAMP (`Body`, `Question`, `Answer`).
    ///
    /// # Errors
    /// If the file is missing or empty, or a row has another layout.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        Self::read_columns(path, &Columns::default())
    }

    /// Reads a set whose columns may have names of their own.
    ///
    /// # Errors
    /// If the file is missing or empty, or a row lacks a column.
    pub fn read_columns(path: &Path, columns: &Columns) -> Result<Self, EvalError> {
        let mut questions = Vec::new();
        each_row(path, |row| {
            questions.push(question(row, columns)?);
            Ok(())
        })?;
        if questions.is_empty() {
            return Err(EvalError::Empty { path: path.to_owned(), what: "questions" });
        }
        Ok(Self { name: stem(path, "set"), sha256: sha256(path)?, questions })
    }
}

/// A file's name without its endings.
pub(crate) fn stem(path: &Path, otherwise: &str) -> String {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or(otherwise);
    name.split('.').next().filter(|n| !n.is_empty()).unwrap_or(otherwise).to_owned()
}

/// SHA-256 of a file, in hexadecimal digits.
pub(crate) fn sha256(path: &Path) -> Result<String, EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

fn question(row: &Map<String, Value>, columns: &Columns) -> Result<Question, String> {
    let text = |key: &str| match row.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let named = |name: &str| {
        let known: Vec<&str> = row.keys().map(String::as_str).collect();
        text(name).ok_or_else(|| format!("no text or number in `{name}`: the columns are {}", known.join(", ")))
    };
    let id = ["id", "ID", "problem_id", "unique_id"].iter().find_map(|key| text(key));
    if columns.question.is_none()
        && columns.gold.is_none()
        && let (Some(body), Some(asked), Some(gold)) = (text("Body"), text("Question"), text("Answer"))
    {
        return Ok(Question { id, text: format!("{} {asked}", body.trim()), gold: without_point_zero(&gold) });
    }
    let unknown = |what: &str| {
        let known: Vec<&str> = row.keys().map(String::as_str).collect();
        format!(
            "neither question/answer, problem/answer nor Body/Question/Answer: name the column of the {what} with --{what}, or rename the fields to question and answer (the columns are {})",
            known.join(", ")
        )
    };
    let asked = match &columns.question {
        Some(name) => named(name)?,
        None => ["question", "problem", "Problem"].iter().find_map(|k| text(k)).ok_or_else(|| unknown("question"))?,
    };
    let gold = match &columns.gold {
        Some(name) => named(name)?,
        None => ["answer", "Answer", "gold"].iter().find_map(|k| text(k)).ok_or_else(|| unknown("gold"))?,
    };
    let gold = gold.rsplit("####").next().unwrap_or(&gold).trim().to_owned();
    Ok(Question { id, text: asked, gold })
}

/// SVAMP writes whole numbers as 145.0.
fn without_point_zero(gold: &str) -> String {
    gold.strip_suffix(".0").unwrap_or(gold).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(row: &Value, columns: &Columns) -> Result<Question, String> {
        question(row.as_object().unwrap(), columns)
    }

    #[test]
    fn the_known_layouts_are_read() {
        let plain = Columns::default();
        let gsm = read(&json!({"question": "q", "answer": "2 + 2 = 4\n#### 4"}), &plain).unwrap();
        assert_eq!((gsm.text.as_str(), gsm.gold.as_str()), ("q", "4"));
        let svamp = read(&json!({"Body": "b. ", "Question": "q?", "Answer": 145.0, "ID": "chal-1"}), &plain).unwrap();
        assert_eq!((svamp.text.as_str(), svamp.gold.as_str(), svamp.id.as_deref()), ("b. q?", "145", Some("chal-1")));
        assert!(read(&json!({"prompt": "q"}), &plain).is_err());
    }

    #[test]
    fn other_columns_are_read_by_name() {
        let columns = Columns { question: Some("prompt".into()), gold: Some("target".into()) };
        let row = json!({"prompt": "q", "target": 7, "answer": "no"});
        assert_eq!(read(&row, &columns).unwrap().gold, "7");
        let error = read(&json!({"prompt": "q"}), &columns).unwrap_err();
        assert!(error.contains("`target`") && error.contains("prompt"), "{error}");
    }
}
