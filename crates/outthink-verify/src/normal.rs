//! The outer cleaning of an answer before it is parsed.

/// Wrappers that mean nothing: opening and closing.
const WRAPPERS: &[(&str, &str)] = &[
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("**", "**"),
    ("__", "__"),
    ("`", "`"),
    ("\"", "\""),
    ("\u{201c}", "\u{201d}"),
];

/// Commands that only wrap their argument.
const BOXES: &[&str] = &["\\boxed", "\\fbox", "\\displaystyle"];

/// Without the wrappers, quotation marks and full stops around an answer.
pub(crate) fn unwrap(text: &str) -> &str {
    let mut text = text.trim();
    for _ in 0..16 {
        let before = text;
        text = text.trim();
        text = text.trim_end_matches(['.', ';', ':'].as_slice()).trim_end();
        text = text.strip_suffix(',').unwrap_or(text).trim_end();
        // What is left of a trailing `\ `.
        if text.ends_with('\\') && !text.ends_with("\\\\") {
            text = text.strip_suffix('\\').unwrap_or(text).trim_end();
        }
        for (open, close) in WRAPPERS {
            if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close))
                && !inner.contains(close)
                && !inner.is_empty()
            {
                text = inner.trim();
            }
        }
        for command in BOXES {
            if let Some(rest) = text.strip_prefix(command) {
                let rest = rest.trim_start();
                if let Some(inner) = whole_group(rest) {
                    text = inner.trim();
                } else if *command == "\\displaystyle" {
                    text = rest;
                }
            }
        }
        if text == before {
            break;
        }
    }
    text
}

/// The inside of the braces if the text is wholly one group.
fn whole_group(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    (braced(text)? == inner).then_some(inner)
}

/// The inside of the balanced braces with which the text begins.
pub(crate) fn braced(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut depth = 0_usize;
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        match byte {
            b'\\' => index += 1,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return text.get(1..index);
                }
            }
            _ => {}
        }
        index += 1;
    }
    None
}

/// Without white space, LaTeX spacing and sizing: for the quick comparison of spellings.
pub(crate) fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = unwrap(text);
    let mut gap = false;
    'outer: while let Some(c) = rest.chars().next() {
        if c == '\\' {
            for noise in ["\\left", "\\right", "\\quad", "\\qquad"] {
                if let Some(after) = rest.strip_prefix(noise)
                    && !after.starts_with(|c: char| c.is_ascii_alphabetic())
                {
                    rest = after;
                    continue 'outer;
                }
            }
            for noise in ["\\,", "\\!", "\\;", "\\:", "\\ "] {
                if let Some(after) = rest.strip_prefix(noise) {
                    rest = after;
                    continue 'outer;
                }
            }
            for (from, to) in [("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\%", "%")] {
                if let Some(after) = rest.strip_prefix(from) {
                    out.push_str(to);
                    rest = after;
                    continue 'outer;
                }
            }
        }
        if !c.is_whitespace() && c != '~' {
            // "1 1/2" is not "11/2", nor are two words one.
            if gap && out.ends_with(char::is_alphanumeric) && c.is_alphanumeric() {
                let digits = out.ends_with(|c: char| c.is_ascii_digit()) == c.is_ascii_digit();
                out.push_str(if digits { " " } else { "" });
            }
            out.push(c);
            gap = false;
        } else {
            gap = true;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    out
}

/// Words in lower case with single spaces, without `\text` and its like.
pub(crate) fn fold_words(text: &str) -> String {
    let mut text = unwrap(text).to_owned();
    for command in ["\\text", "\\textbf", "\\mathrm", "\\textit", "\\mbox"] {
        text = text.replace(&format!("{command}{{"), "{");
    }
    let kept: String = text.chars().filter(|c| !matches!(c, '{' | '}' | '$' | '*' | '"' | '`')).collect();
    let words: Vec<&str> = kept.split_whitespace().collect();
    words.join(" ").trim_end_matches(['.', '!'].as_slice()).to_lowercase()
}

/// Whether the text is a date, a time or a like thing that must not be computed.
pub(crate) fn is_literal_shape(text: &str) -> bool {
    let parts = |separator: char| -> Option<usize> {
        let mut count = 0;
        for part in text.split(separator) {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            count += 1;
        }
        Some(count)
    };
    let date =
        || text.split('/').any(|part| part.len() == 4) || text.split('/').filter(|part| part.len() == 2).count() >= 2;
    parts('/').is_some_and(|count| count == 3 && date())
        || parts('-').is_some_and(|count| count == 3 && text.len() >= 8 && text.split('-').all(|part| part.len() != 1))
        || (parts(':').is_some_and(|count| count == 2) && looks_like_a_time(text))
        || (parts('.').is_some_and(|count| count >= 3) && text.split('.').skip(1).any(|part| part.len() != 3))
}

/// `10:30` and `20:60`, but not `6:8`: ratios are computed, times are not.
fn looks_like_a_time(text: &str) -> bool {
    text.split_once(':').is_some_and(|(hours, minutes)| hours.len() <= 2 && minutes.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_go_and_the_inside_stays() {
        for (text, inner) in [
            ("$5$.", "5"),
            ("**42**.", "42"),
            ("\\(\\frac{1}{2}\\)", "\\frac{1}{2}"),
            ("\\boxed{\\{1,2\\}}", "\\{1,2\\}"),
            ("`x`", "x"),
            ("5!", "5!"),
            ("$x$ and $y$", "$x$ and $y$"),
            ("", ""),
            ("$", "$"),
        ] {
            assert_eq!(unwrap(text), inner, "{text}");
        }
    }

    #[test]
    fn dates_and_times_are_literal() {
        for text in ["05/01/2021", "2021-05-01", "10:30", "1.2.3"] {
            assert!(is_literal_shape(text), "{text}");
        }
        for text in ["1/2", "5-3", "3.14", "", "5-3-1", "a:b"] {
            assert!(!is_literal_shape(text), "{text}");
        }
    }
}
