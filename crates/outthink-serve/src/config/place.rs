//! Where in the text a problem lies.

use super::Problem;
use outthink_core::nearest;
use toml::de::{DeTable, DeValue};

/// A problem that the parser found.
pub(super) fn of_parser(text: &str, error: &toml::de::Error) -> Problem {
    let mut problem = Problem::new("", mended(error.message()));
    problem.at = error.span().map(|span| line_and_column(text, span.start));
    problem
}

/// The parser's message with what to do about it. Values are never repeated.
pub(super) fn mended(message: &str) -> String {
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let words: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        if let [key, known @ ..] = &words[..] {
            let fix = match nearest(key, known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("use {}", known.join(", ")),
            };
            return format!("unknown key `{key}`: {fix}");
        }
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let words: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        if let [word, known @ ..] = &words[..] {
            return format!("unknown word `{word}`: use {}", known.join(", "));
        }
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("{} is missing: add it to this table", rest.trim());
    }
    if let Some((given, wanted)) = message.strip_prefix("invalid type: ").and_then(|m| m.split_once(", expected ")) {
        let kind = given.split(['`', '"']).next().unwrap_or(given).trim();
        return format!("the value is of the wrong type ({kind}): give {}", plain(wanted));
    }
    if let Some((given, wanted)) = message.strip_prefix("invalid value: ").and_then(|m| m.split_once(", expected ")) {
        let given = given.split('`').nth(1).unwrap_or("this");
        return format!("{given} is out of range: give {}", plain(wanted));
    }
    message.replace('\n', ": ")
}

/// A type of Rust in words for people.
fn plain(wanted: &str) -> &str {
    match wanted {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "f64" => "a number",
        "a boolean" => "true or false",
        other => other,
    }
}

/// Adds line and column to a problem whose path is known.
pub(super) fn located(text: &str, mut problem: Problem) -> Problem {
    if problem.variable.is_none() {
        problem.at = offset(text, &problem.path).map(|offset| line_and_column(text, offset));
    }
    problem
}

/// Where the value at `path` begins, or the nearest table around it.
fn offset(text: &str, path: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table: &DeTable<'_> = root.get_ref();
    for part in path.split('.') {
        let (key, index) = match part.split_once('[') {
            Some((key, index)) => (key, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else { break };
        found = Some(name.span().start);
        let mut value = value;
        if let (Some(index), DeValue::Array(items)) = (index, value.get_ref()) {
            match items.get(index) {
                Some(item) => {
                    value = item;
                    found = Some(item.span().start);
                }
                None => break,
            }
        }
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// Line and column from 1 of a byte.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_guessed_and_a_strange_word_is_not() {
        assert_eq!(nearest("prot", ["host", "port"]), Some("port"));
        assert_eq!(nearest("hots", ["host", "port"]), Some("host"));
        assert_eq!(nearest("colour", ["host", "port"]), None);
    }

    #[test]
    fn a_path_is_found_in_tables_of_all_spellings() {
        let text = "[server]\nport = 1\n\n[[models]]\nname = \"a\"\n\n[[models]]\nname = \"b\"\n[efforts]\nlow = { samples = 0 }\n";
        let line = |path: &str| offset(text, path).map(|o| line_and_column(text, o).0);
        assert_eq!(line("server.port"), Some(2));
        assert_eq!(line("models[1].name"), Some(8));
        assert_eq!(line("efforts.low.samples"), Some(10));
        assert_eq!(line("keys.mode"), None);
    }
}
