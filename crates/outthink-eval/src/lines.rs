//! JSON lines, plain or gzipped, and what is written in their place: one array, or objects over several lines.

use crate::EvalError;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Calls `take` with each line that is not blank; what `take` says is wrong comes back with the file and the line. A
/// byte-order mark at the beginning is nobody's.
pub(crate) fn each_line(path: &Path, mut take: impl FnMut(&str) -> Result<(), String>) -> Result<(), EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    for (number, line) in open(path)?.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        let text = if number == 0 { line.trim_start_matches('\u{feff}') } else { &line };
        if !text.trim().is_empty() {
            take(text).map_err(|problem| EvalError::Line { path: path.to_owned(), line: number + 1, problem })?;
        }
    }
    Ok(())
}

/// Calls `take` with each JSON value of a file and its place: one a line, or the entries of one array, or one after the
/// other over several lines. Places are lines where values stand one a line, else their numbers.
pub(crate) fn each_json(path: &Path, mut take: impl FnMut(Value) -> Result<(), String>) -> Result<(), EvalError> {
    if is_by_lines(path)? {
        return each_line(path, |line| take(parse(line)?));
    }
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    let at = |line, problem| EvalError::Line { path: path.to_owned(), line, problem };
    let mut text = String::new();
    open(path)?.read_to_string(&mut text).map_err(unreadable)?;
    let text = finite(text.trim_start_matches('\u{feff}'));
    let mut number = 0;
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.map_err(|e| at(e.line(), format!("not JSON: {e}")))?;
        let rows = if let Value::Array(rows) = value { rows } else { vec![value] };
        for row in rows {
            number += 1;
            take(row).map_err(|problem| at(number, problem))?;
        }
    }
    Ok(())
}

/// A line of JSON, in which Python may have written `NaN`.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(&finite(text)).map_err(|e| not_json(text, &e))
}

/// What is wrong with a text that is no JSON; YAML is called by its name.
fn not_json(text: &str, error: &serde_json::Error) -> String {
    let text = text.trim();
    let key = |text: &str| {
        let name = text.strip_prefix("- ").unwrap_or(text);
        let (name, rest) = name.split_once(':').unwrap_or(("", ""));
        !name.is_empty() && !name.contains(['"', '{', '[', ',']) && (rest.is_empty() || rest.starts_with(' '))
    };
    if text == "---" || text.starts_with("%YAML") || key(text) {
        return "not JSON: this looks like YAML, which is not read: convert it to JSON, for example by `yq -o=json`"
            .to_owned();
    }
    format!("not JSON: {error}")
}

/// The same JSON with what Python writes and JSON does not have: `null` for what is no number, and a text for what is
/// infinite, so that a field that wants a number refuses it by its name.
pub(crate) fn finite(text: &str) -> Cow<'_, str> {
    const NOT_JSON: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    if !text.contains("NaN") && !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest, mut in_text) = (String::with_capacity(text.len()), text, false);
    while let Some(next) = rest.chars().next() {
        let word = NOT_JSON.iter().find(|word| !in_text && rest.starts_with(**word));
        let taken = match (word, next) {
            (Some(word), _) => {
                if *word == "NaN" {
                    out.push_str("null");
                } else {
                    out.extend(["\"", *word, "\""]);
                }
                word.len()
            }
            (None, '\\') => {
                let both = 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                out.push_str(&rest[..both]);
                both
            }
            (None, _) => {
                in_text ^= next == '"';
                out.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// Whether the first line is a JSON object of its own.
fn is_by_lines(path: &Path) -> Result<bool, EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    for line in open(path)?.lines() {
        let line = line.map_err(unreadable)?;
        let text = line.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() {
            // What is no JSON at all is refused with its line.
            return Ok(text.ends_with('}') && parse(text).is_ok_and(|v| v.is_object()) || !text.starts_with(['[', '{']));
        }
    }
    Ok(true)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, EvalError> {
    let gzipped = is_gzip(path)?;
    let file = File::open(path).map_err(|source| EvalError::Read { path: path.to_owned(), source })?;
    Ok(if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(BufReader::new(file)) })
}

/// Whether a file begins as gzip does.
pub(crate) fn is_gzip(path: &Path) -> Result<bool, EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    let mut magic = [0; 2];
    let read = File::open(path).map_err(unreadable)?.read(&mut magic).map_err(unreadable)?;
    Ok(read == 2 && magic == [0x1f, 0x8b])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn numbers_that_json_lacks_are_null_or_texts_and_texts_stay() {
        for (given, wanted) in [
            (r#"{"a": NaN, "b": [-Infinity, Infinity, 1]}"#, json!({"a": null, "b": ["-Infinity", "Infinity", 1]})),
            (r#"{"NaN": "NaN \" Infinity", "b": NaN}"#, json!({"NaN": "NaN \" Infinity", "b": null})),
        ] {
            assert_eq!(parse(given), Ok(wanted), "{given}");
        }
    }

    #[test]
    fn rows_are_read_however_they_are_laid_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        for text in [
            "{\"a\": 1}\n\n{\"a\": 2}\n",
            "\u{feff}{\"a\": 1}\n{\"a\": 2}",
            "[{\"a\": 1}, {\"a\": 2}]",
            "[\n {\n  \"a\": 1\n },\n {\"a\": 2}\n]\n",
            "{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let mut rows = Vec::new();
            each_json(&path, |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
            assert_eq!(rows, [json!({"a": 1}), json!({"a": 2})], "{text}");
        }
        std::fs::write(&path, "problems:\n  - id: 1\n").unwrap();
        let yaml = each_json(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(yaml.contains("YAML"), "{yaml}");
        for text in ["a: 1\n", "[{\"a\": 1}", "{\"a\": 1}\n{\"a\""] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(each_json(&path, |_| Ok(())), Err(EvalError::Line { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn json_stays_what_it_is(text in "[\"\\\\NaInfity:{},0-9 é]{0,24}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(parse(&text), Ok(value));
            }
        }
    }
}
