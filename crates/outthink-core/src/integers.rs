//! Whole numbers of more than 64 bits, which pass through unchanged: in a tree of values they stand as marked texts.
//!
//! `serde_json` holds a whole number of more than 64 bits as a float, so that it comes out as another one. Its feature
//! `arbitrary_precision` would hold every number of every request as a text. Such numbers are rare, so only they are:
//! [`mark`] looks for 19 digits in a row, which costs one look at every 19th byte, and puts a text in the place of each
//! number that is too large; [`restore`] writes the number again. The mark is another one in each process, so that
//! nobody can write it.

use memchr::memmem::Finder;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Fewer digits always fit.
const FIT: usize = 18;

/// What a marked number begins with. None of it is escaped in JSON.
fn mark_text() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let mut mark = String::from("integer-");
        for part in 0..2_u8 {
            // Keys of hash maps are random, so that nobody can guess them.
            let _ = write!(mark, "{:016x}", RandomState::new().hash_one(part));
        }
        mark + ":"
    })
}

/// Looks for marks. The search is prepared once.
fn mark_finder() -> &'static Finder<'static> {
    static FINDER: OnceLock<Finder<'static>> = OnceLock::new();
    FINDER.get_or_init(|| Finder::new(mark_text()))
}

/// Reads JSON whose large whole numbers are kept as marked texts.
///
/// # Errors
/// If it is not JSON.
///
/// ```
/// use outthink_core::{parse_json, restore_integers};
///
/// let large = r#"{"id":123456789012345678901234567890,"n":7}"#;
/// assert_eq!(restore_integers(parse_json(large.as_bytes())?.to_string()), large);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn parse(json: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(&mark(json))
}

/// The JSON with a marked text in the place of each whole number that 64 bits do not hold.
pub fn mark(json: &[u8]) -> Cow<'_, [u8]> {
    if !has_long_run(json) {
        return Cow::Borrowed(json);
    }
    let mut out = Vec::with_capacity(json.len() + 64);
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        let from = at;
        match byte {
            b'"' => at = end_of_text(json, at),
            b'-' | b'0'..=b'9' => {
                at += json[at..]
                    .iter()
                    .take_while(|b| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                    .count();
                if is_too_large(&json[from..at]) {
                    out.push(b'"');
                    out.extend_from_slice(mark_text().as_bytes());
                    out.extend_from_slice(&json[from..at]);
                    out.push(b'"');
                    continue;
                }
            }
            _ => at += 1,
        }
        out.extend_from_slice(&json[from..at]);
    }
    Cow::Owned(out)
}

/// Whether more digits than always fit stand in a row.
fn has_long_run(json: &[u8]) -> bool {
    let mut at = FIT;
    while let Some(byte) = json.get(at) {
        if byte.is_ascii_digit() {
            let before = json[..at].iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let after = json[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            if before + after > FIT {
                return true;
            }
            at += after;
        }
        at += FIT + 1;
    }
    false
}

/// The place behind a text that begins at `at`.
fn end_of_text(json: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = json.get(end) {
        match byte {
            b'\\' => end += 2,
            b'"' => return end + 1,
            _ => end += 1,
        }
    }
    json.len()
}

/// Whether it is a whole number, as JSON writes one, that 64 bits do not hold.
fn is_too_large(token: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(token) else { return false };
    is_whole(text) && text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'))
}

/// The digits of a marked number.
pub fn digits(text: &str) -> Option<&str> {
    text.strip_prefix(mark_text())
}

/// The JSON with its marked numbers as numbers again, those in JSON that is itself a text included.
pub fn restore(json: String) -> String {
    let mark = mark_text();
    if mark_finder().find(json.as_bytes()).is_none() {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find(mark) {
        let (before, number) = (&rest[..at], &rest[at + mark.len()..]);
        let length = number.bytes().take_while(|b| matches!(b, b'-' | b'0'..=b'9')).count();
        let (number, after) = number.split_at(length);
        // A text within a text has its quotes escaped, both alike.
        let bare = before.strip_suffix('"').map(|b| b.trim_end_matches('\\'));
        let quote = bare.and_then(|bare| before.get(bare.len()..)).unwrap_or_default();
        match (bare, after.strip_prefix(quote)) {
            (Some(bare), Some(after)) if is_whole(number) => {
                out.push_str(bare);
                out.push_str(number);
                rest = after;
            }
            _ => {
                out.push_str(&rest[..at + mark.len()]);
                rest = &rest[at + mark.len()..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn through(json: &str) -> String {
        restore(parse(json.as_bytes()).unwrap().to_string())
    }

    #[test]
    fn large_numbers_come_out_as_they_came_in() {
        for json in [
            "18446744073709551616",
            "-9223372036854775809",
            "[18446744073709551615,-9223372036854775808,0,1.5]",
            r#"{"id":340282366920938463463374607431768211456,"text":"say 340282366920938463463374607431768211456"}"#,
            r#"{"a\"":"\\","b":[[99999999999999999999],{"c":-99999999999999999999}]}"#,
            r#""12345678901234567890123""#,
        ] {
            assert_eq!(through(json), json);
        }
        // What fits is not touched, and what is no JSON stays none.
        let plain = br#"{"n": 18446744073709551615}"#;
        assert!(matches!(parse(plain).unwrap()["n"], Value::Number(_)));
        for wrong in
            ["00000000000000000000001", "99999999999999999999-1", "[99999999999999999999", "\"99999999999999999999"]
        {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_in_json_that_is_a_text_are_restored_in_it() {
        let arguments = parse(br#"{"id":99999999999999999999}"#).unwrap().to_string();
        let call = json!({"arguments": arguments, "deeper": json!({"arguments": arguments}).to_string()});
        let written = restore(call.to_string());
        let read: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["arguments"], r#"{"id":99999999999999999999}"#);
        assert!(read["deeper"].as_str().unwrap().contains(r#"\"id\":99999999999999999999"#));
    }

    #[test]
    fn a_mark_that_marks_nothing_is_left_alone() {
        let mark = mark_text();
        for text in
            [mark.to_owned(), format!("{mark}12x"), format!("x{mark}12"), format!("{mark}007"), format!("{mark}--1")]
        {
            let json = json!(text).to_string();
            assert_eq!(restore(json.clone()), json);
        }
    }

    proptest! {
        #[test]
        fn any_json_passes_through(
            digits in "[1-9][0-9]{0,60}",
            text in "\\PC{0,40}",
            negative in any::<bool>(),
            eighths in -1_000_000_000_i32..1_000_000_000,
        ) {
            let number = format!("{}{digits}", if negative { "-" } else { "" });
            let float = json!(f64::from(eighths) / 8.0);
            let json = format!("{{{}:[{number},{number},{float}]}}", json!(text));
            prop_assert_eq!(through(&json), json);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[0-9\"\\\\-]{0,60}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
            let _ = restore(format!("\"{}{text}", mark_text()));
        }
    }
}
