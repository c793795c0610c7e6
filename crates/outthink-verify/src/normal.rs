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
        // The dots of "1, 2, 3, ..." and of "0.333..." belong to the answer.
        if !goes_on(text) {
            text = text.trim_end_matches(['.', ';', ':'].as_slice()).trim_end();
        }
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

/// Whether a list or a decimal ends in dots that say that it goes on.
fn goes_on(text: &str) -> bool {
    text.strip_suffix("...").is_some_and(|before| {
        let before = before.trim_end();
        let digits = before.trim_end_matches(|c: char| c.is_ascii_digit());
        before.ends_with(',') || digits.len() < before.len() && digits.ends_with('.')
    })
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
    Squeezed::of(text).collect()
}

/// Whether two texts are the same once squeezed; ends at the first difference.
pub(crate) fn squeezed_alike(a: &str, b: &str) -> bool {
    Squeezed::of(a).eq(Squeezed::of(b))
}

/// The characters of a squeezed text.
struct Squeezed<'a> {
    rest: &'a str,
    gap: bool,
    last: Option<char>,
    /// What comes next: the rest of a command that is spelled again, and a character behind a space.
    command: std::str::Chars<'static>,
    held: Option<char>,
}

impl<'a> Squeezed<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: unwrap(text), gap: false, last: None, command: "".chars(), held: None }
    }
}

/// What follows spacing or sizing with which a text begins.
fn after_noise(text: &str) -> Option<&str> {
    for noise in ["\\left", "\\right", "\\quad", "\\qquad"] {
        if let Some(after) = text.strip_prefix(noise)
            && !after.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return Some(after);
        }
    }
    ["\\,", "\\!", "\\;", "\\:", "\\ "].iter().find_map(|noise| text.strip_prefix(noise))
}

impl Iterator for Squeezed<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if let Some(c) = self.command.next().or_else(|| self.held.take()) {
            return Some(c);
        }
        loop {
            let c = self.rest.chars().next()?;
            if c == '\\' {
                if let Some(after) = after_noise(self.rest) {
                    self.rest = after;
                    continue;
                }
                for (from, to) in [("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\%", "%")] {
                    if let Some(after) = self.rest.strip_prefix(from) {
                        self.rest = after;
                        self.command = to.chars();
                        self.last = to.chars().next_back();
                        return self.command.next();
                    }
                }
            }
            self.rest = self.rest.get(c.len_utf8()..).unwrap_or("");
            if c.is_whitespace() || c == '~' {
                self.gap = true;
                continue;
            }
            // "1 1/2" is not "11/2", nor are two words one.
            let gap = std::mem::take(&mut self.gap);
            let before = self.last.replace(c).filter(|before| gap && before.is_alphanumeric() && c.is_alphanumeric());
            if before.is_some_and(|before| before.is_ascii_digit() == c.is_ascii_digit()) {
                self.held = Some(c);
                return Some(' ');
            }
            return Some(c);
        }
    }
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
