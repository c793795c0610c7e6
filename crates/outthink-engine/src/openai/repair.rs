//! JSON that is not quite JSON, read all the same: halves of surrogate pairs, NaN, numbers past every float, line
//! breaks in texts.

use outthink_core::parse_json;
use serde_json::Value;

/// Where halves of surrogate pairs stand until their other half comes: the end of the last private plane.
const MARKS: u32 = 0x10_F800;
const HALVES: std::ops::Range<u32> = 0xD800..0xE000;
const LOW: u32 = 0xDC00;

/// The value, and whether it had to be repaired: its texts may hold marks of halves then.
pub(super) fn parse(data: &str) -> Option<(Value, bool)> {
    if let Ok(value) = parse_json(data.as_bytes()) {
        return Some((value, false));
    }
    Some((parse_json(repaired(data).as_bytes()).ok()?, true))
}

fn repaired(data: &str) -> String {
    let mut out = String::with_capacity(data.len() + 16);
    let mut rest = data;
    while let Some(first) = rest.chars().next() {
        let used = match first {
            '"' => text(rest, &mut out),
            _ if first.is_alphanumeric() || matches!(first, '-' | '+' | '.') => word(rest, &mut out),
            _ => {
                out.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[used..];
    }
    out
}

/// Copies a number or a name; what is no value of JSON becomes null. Returns the bytes read.
fn word(rest: &str, out: &mut String) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let word = &rest[..end];
    let is_number = word.parse::<f64>().is_ok_and(f64::is_finite);
    let is_json = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    out.push_str(match word.trim_start_matches(['-', '+']) {
        _ if is_number && is_json => word,
        "True" => "true",
        "False" => "false",
        // NaN and infinities are numbers in Rust as well, and so is what is past every float.
        "None" | "undefined" => "null",
        name if name.parse::<f64>().is_ok() => "null",
        _ => word,
    });
    end
}

/// Copies a text from its opening quote on. Returns the bytes read.
fn text(rest: &str, out: &mut String) -> usize {
    out.push('"');
    let mut at = 1;
    while let Some(c) = rest[at..].chars().next() {
        at += c.len_utf8();
        match c {
            '"' => {
                out.push('"');
                return at;
            }
            '\\' => at += escape(&rest[at..], out),
            '\u{0}'..='\u{1f}' => control(c, out),
            _ => out.push(c),
        }
    }
    at
}

/// Writes a control character as JSON has it.
fn control(c: char, out: &mut String) {
    out.push_str("\\u00");
    out.extend([u32::from(c) >> 4, u32::from(c) & 15].into_iter().filter_map(|digit| char::from_digit(digit, 16)));
}

/// Copies what follows a backslash; a half of a pair becomes a mark. Returns the bytes read.
fn escape(rest: &str, out: &mut String) -> usize {
    let Some(kind) = rest.chars().next() else { return 0 };
    let hex = |at: usize| rest.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match (kind, hex(1)) {
        ('u', Some(code)) if HALVES.contains(&code) => {
            let low = hex(7).filter(|low| rest.get(5..7) == Some("\\u") && (LOW..HALVES.end).contains(low));
            let pair = low.filter(|_| code < LOW).and_then(|low| char::from_u32(joined(code, low)));
            out.extend(pair.or_else(|| char::from_u32(MARKS + code - HALVES.start)));
            if pair.is_some() { 11 } else { 5 }
        }
        ('u', Some(_)) => {
            out.push_str("\\u");
            out.push_str(&rest[1..5]);
            5
        }
        ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't', _) => {
            out.push('\\');
            out.push(kind);
            1
        }
        // No escape of JSON: a backslash that was not escaped.
        _ => {
            out.push_str("\\\\");
            0
        }
    }
}

const fn joined(high: u32, low: u32) -> u32 {
    0x1_0000 + ((high - HALVES.start) << 10) + (low - LOW)
}

/// Joins halves of surrogate pairs over the pieces of one text.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves {
    high: Option<u32>,
}

impl Halves {
    /// Whether a first half waits for its other one.
    pub(super) const fn is_waiting(&self) -> bool {
        self.high.is_some()
    }

    /// The next piece without marks. A half at its end is kept back; others become replacement characters.
    pub(super) fn join(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len() + 4);
        for c in piece.chars() {
            let half = u32::from(c).checked_sub(MARKS).map(|h| h + HALVES.start);
            match (self.high.take(), half) {
                (Some(high), Some(low)) if low >= LOW => out.extend(char::from_u32(joined(high, low))),
                (waiting, half) => {
                    out.extend(waiting.map(|_| char::REPLACEMENT_CHARACTER));
                    match half {
                        Some(high) if high < LOW => self.high = Some(high),
                        Some(_) => out.push(char::REPLACEMENT_CHARACTER),
                        None => out.push(c),
                    }
                }
            }
        }
        out
    }

    /// What the half that still waits becomes at the text's end.
    pub(super) fn end(&mut self) -> &'static str {
        if self.high.take().is_some() { "\u{FFFD}" } else { "" }
    }
}

/// Takes the marks out of all texts of a value.
pub(super) fn unmark(value: &mut Value) {
    match value {
        Value::String(text) => {
            let mut halves = Halves::default();
            let whole = halves.join(text);
            *text = whole + halves.end();
        }
        Value::Array(values) => values.iter_mut().for_each(unmark),
        Value::Object(map) => map.values_mut().for_each(unmark),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(data: &str) -> Value {
        let (mut value, repaired) = parse(data).unwrap();
        assert!(repaired, "{data}");
        unmark(&mut value);
        value
    }

    #[test]
    fn what_is_not_quite_json_is_read() {
        for (data, wanted) in [
            (
                r#"{"a":NaN,"b":[-Infinity,1e999,-1e999,.5],"c":nan}"#,
                json!({"a": null, "b": [null, null, null, null], "c": null}),
            ),
            (
                r#"{"a":1.5,"b":12345678901234567890,"c":NaN}"#,
                json!({"a": 1.5, "b": 12_345_678_901_234_567_890_u64, "c": null}),
            ),
            (r#"{"a":"x \ud83d y"}"#, json!({"a": "x \u{FFFD} y"})),
            (r#"{"a":"\ude00\ud83d\ude00\ud83d"}"#, json!({"a": "\u{FFFD}😀\u{FFFD}"})),
            (r#"{"a":"it\'s \d \u00e9","b":None,"c":True}"#, json!({"a": "it\\'s \\d é", "b": null, "c": true})),
            ("{\"a\":\"one\ntwo\"}", json!({"a": "one\ntwo"})),
        ] {
            assert_eq!(read(data), wanted, "{data}");
        }
        for hopeless in [r#"{"a":"#, r#"{"a":"x"#, "ping", r#"{"a" 1}"#, r#"{"a":"\"#] {
            assert_eq!(parse(hopeless), None, "{hopeless}");
        }
    }

    #[test]
    fn integers_of_any_size_come_out_as_they_went_in() {
        let (value, repaired) = parse(r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1e23}"#).unwrap();
        assert_eq!((value["a"].as_u64(), value["b"].as_i64(), repaired), (Some(u64::MAX), Some(i64::MIN), false));
        let large = r#"{"a":123456789012345678901234567890}"#;
        let (value, repaired) = parse(large).unwrap();
        assert_eq!((outthink_core::restore_integers(value.to_string()), repaired), (large.to_owned(), false));
    }

    #[test]
    fn a_pair_that_is_split_over_pieces_is_joined() {
        let mut halves = Halves::default();
        let piece = |data: &str| parse(data).unwrap().0.as_str().unwrap().to_owned();
        assert_eq!(halves.join(&piece(r#""a\ud83d""#)), "a");
        assert!(halves.is_waiting());
        assert_eq!(halves.join(&piece(r#""\ude00b""#)), "😀b");
        assert_eq!(halves.join(&piece(r#""\ud83d""#)) + &halves.join("c"), "\u{FFFD}c");
        assert_eq!(halves.join(&piece(r#""\ud83d""#)) + halves.end() + halves.end(), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(data in "(\\PC|\\\\u|d83d|[\"\\\\{}:,]|NaN|1e999|\n){0,24}") {
            if let Some((mut value, _)) = parse(&data) {
                unmark(&mut value);
            }
        }

        #[test]
        fn good_json_is_repaired_to_itself(text in "\\PC{0,20}", number in any::<i64>()) {
            let value = json!({"a": text, "b": [number, 0.5, true, null]});
            prop_assert_eq!(serde_json::from_str::<Value>(&repaired(&value.to_string())).unwrap(), value);
        }
    }
}
