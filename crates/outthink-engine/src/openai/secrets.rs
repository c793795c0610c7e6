//! Taking keys out of what a server says: the operator's own in any form, and whatever looks like one.

use super::Secret;

/// How keys of well-known services begin.
const BEGINNINGS: [&str; 26] = [
    "sk-",
    "sk_",
    "pk-",
    "pk_",
    "rk-",
    "rk_",
    "gsk_",
    "AIza",
    "ya29.",
    "xai-",
    "hf_",
    "r8_",
    "nvapi-",
    "pplx-",
    "csk-",
    "tgp_",
    "fw_",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "AKIA",
    "ASIA",
    "eyJ",
    "xoxb-",
    "fk-",
];
/// Names of what is secret.
const NAMES: [&str; 9] =
    ["key", "apikey", "api_key", "api-key", "x-api-key", "token", "secret", "password", "authorization"];
const MASK: &str = "***";

/// The text without keys.
pub(super) fn hide(text: &str, key: Option<&Secret>) -> String {
    let mut text = text.to_owned();
    if let Some(key) = key.map(Secret::expose).filter(|key| !key.is_empty()) {
        for form in forms(key) {
            if text.contains(&form) {
                text = text.replace(&form, MASK);
            }
        }
    }
    hide_others(&text)
}

/// The key as it may come back: as it is, in a URL, in base64 with each alphabet.
fn forms(key: &str) -> Vec<String> {
    let in_url = |upper: bool| -> String {
        let one = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        };
        key.bytes().map(one).collect()
    };
    let mut forms = vec![key.to_owned(), in_url(true), in_url(false)];
    // A short text in base64 may be in any other.
    if key.len() >= 6 {
        for plain in [key.to_owned(), format!("Bearer {key}"), format!(":{key}"), format!("{key}:")] {
            let code = base64(plain.as_bytes());
            forms.push(code.replace('+', "-").replace('/', "_"));
            forms.push(code);
        }
    }
    // The longest first, so that none is left in half.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms
}

/// Base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = chunk.iter().chain(&[0, 0]).take(3).fold(0usize, |all, &byte| all << 8 | usize::from(byte));
        out.extend((0..=chunk.len()).map(|at| char::from(LETTERS[three >> (18 - 6 * at) & 63])));
    }
    out
}

const fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_' | '.' | '*' | '~' | '+' | '%' | '…' | '•' | '@' | '!' | '$' | '#')
}

fn hide_others(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before, mut gap) = (text, "", "");
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            let end = rest.find(is_part).unwrap_or(rest.len());
            gap = &rest[..end];
            out.push_str(gap);
            rest = &rest[end..];
            continue;
        }
        let (whole, after) = rest.split_at(end);
        let token = whole.trim_end_matches(['.', '!']);
        let tail = &whole[token.len()..];
        if is_key(token) || is_named(before, gap, token) || is_login(gap, token, after) {
            // A host after a login stays.
            let host = if is_login(gap, token, after) { token.rfind('@').map_or("", |at| &token[at..]) } else { "" };
            out.push_str(MASK);
            out.push_str(host);
        } else {
            out.push_str(token);
        }
        out.push_str(tail);
        (before, gap, rest) = (token, "", after);
    }
    out
}

/// Whether a word has the look of a key, whole or masked.
fn is_key(token: &str) -> bool {
    let masked = token.contains("***") || token.contains("•••");
    let with = |beginning: &str| token.strip_prefix(beginning).is_some_and(|rest| rest.len() >= 8 && is_random(rest));
    (masked && token.chars().any(char::is_alphanumeric)) || BEGINNINGS.iter().any(|beginning| with(beginning))
}

/// Whether a text looks drawn and not written.
fn is_random(text: &str) -> bool {
    let cut = text.contains("...") || text.contains('…') || text.contains('*');
    cut || text.len() >= 20 || text.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a word stands behind the name of a secret.
fn is_named(before: &str, gap: &str, token: &str) -> bool {
    let before = before.to_ascii_lowercase();
    let random = token.len() >= 6 && is_random(token);
    let named = NAMES
        .iter()
        .any(|name| before.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '.'])));
    let is_value = gap.trim_matches(['"', '\'', ' ', '\\', '`']);
    match is_value {
        "=" => named && !token.is_empty(),
        ":" => random && (named || before == "provided"),
        "" => random && matches!(before.as_str(), "bearer" | "basic"),
        _ => false,
    }
}

/// Whether a word is a password before a host: `://name:password@host`.
fn is_login(gap: &str, token: &str, after: &str) -> bool {
    matches!(gap, "://" | ":") && token.contains('@') && (gap == ":" || after.is_empty() || !after.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_of_any_form_are_hidden_and_words_are_not() {
        for (text, wanted) in [
            ("Incorrect API key provided: sk-EXAMP********0000.", "Incorrect API key provided: ***."),
            ("Incorrect API key provided: abcd1...9xyz. See x", "Incorrect API key provided: ***. See x"),
            ("bad key 'gsk_abcdefgh12345678'", "bad key '***'"),
            ("https://x.dev/v1?key=AIzaSyA1234567890&alt=sse", "https://x.dev/v1?key=***&alt=sse"),
            ("https://x.dev/v1?key=short", "https://x.dev/v1?key=***"),
            ("Authorization: Bearer abc123def456", "Authorization: Bearer ***"),
            (r#"{"api_key": "0123456789abcdef"}"#, r#"{"api_key": "***"}"#),
            ("12ab********34cd is wrong", "*** is wrong"),
            ("no http://user:hunter2@host/x", "no http://user:***@host/x"),
            // No keys.
            (
                "use the sk-learn package, hf_hub_download and bearer authentication",
                "use the sk-learn package, hf_hub_download and bearer authentication",
            ),
            ("max tokens: 4096, token: none, key: value", "max tokens: 4096, token: none, key: value"),
            ("model gpt-4.1-mini has **no** such field: x_1", "model gpt-4.1-mini has **no** such field: x_1"),
            ("write to help@x.dev: it helps", "write to help@x.dev: it helps"),
        ] {
            assert_eq!(hide(text, None), wanted);
        }
    }

    #[test]
    fn the_operator_s_own_key_is_hidden_in_each_form() {
        let key = Secret::new("pass wörd/é+1");
        for form in forms(key.expose()) {
            let hidden = hide(&format!("got {form} here"), Some(&key));
            assert!(!hidden.contains(&form) && hidden.contains(MASK), "{form}: {hidden}");
        }
        assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw");
        assert!(forms(key.expose()).contains(&"pass%20w%C3%B6rd%2F%C3%A9%2B1".to_owned()));
        assert_eq!(hide("key x", Some(&Secret::new(""))), "key x");
    }

    proptest! {
        #[test]
        fn the_key_is_never_left(key in "[a-zA-Z0-9/+_-]{4,12}", before in "[а-я ]{0,8}", after in "[а-я ]{0,8}") {
            let hidden = hide(&[&before, &key, &after].map(String::as_str).concat(), Some(&Secret::new(&key)));
            prop_assert!(!hidden.contains(&key), "{}", hidden);
        }
    }
}
