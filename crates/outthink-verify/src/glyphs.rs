//! Characters of other scripts as the ASCII ones that mean the same.

use std::borrow::Cow;

/// The first digit of each decimal system in use: Arabic, Persian, Devanagari, Bengali, Tamil, Telugu, Thai.
const ZEROS: &[char] = &[
    '\u{660}',
    '\u{6f0}',
    '\u{966}',
    '\u{9e6}',
    '\u{be6}',
    '\u{c66}',
    '\u{e50}',
    '\u{ff10}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7ec}',
];

/// The text with digits, letters and operators in ASCII; marks that end sentences stay.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_mark(c) { c } else { plain(c) }).collect())
}

/// As [`fold`], with the marks of East Asian and Arabic writing too: for an answer that stands alone.
pub(crate) fn fold_all(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(plain).collect())
}

fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{ff0c}'
            | '\u{ff1a}'
            | '\u{ff1b}'
            | '\u{ff01}'
            | '\u{ff1f}'
            | '\u{3002}'
            | '\u{3001}'
            | '\u{ff08}'
            | '\u{ff09}'
            | '\u{60c}'
    )
}

fn plain(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    if let Some(digit) = ZEROS.iter().find_map(|&zero| (c as u32).checked_sub(zero as u32).filter(|&d| d < 10)) {
        return char::from_digit(digit, 10).unwrap_or(c);
    }
    match c {
        '\u{ff01}'..='\u{ff5e}' => u8::try_from(c as u32 - 0xfee0).map_or(c, char::from),
        '\u{2212}' | '\u{2011}' | '\u{2010}' | '\u{fe63}' | '\u{25b2}' | '\u{25b3}' => '-',
        '\u{3000}' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2002}' | '\u{2003}' | '\u{2005}' | '\u{2006}' => ' ',
        '\u{66b}' | '\u{3002}' => '.',
        '\u{66c}' | '\u{60c}' | '\u{3001}' => ',',
        '\u{66a}' => '%',
        '\u{2018}' | '\u{2019}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{27e8}' | '\u{2329}' => '(',
        '\u{27e9}' | '\u{232a}' => ')',
        '\u{2236}' => ':',
        '\u{2215}' | '\u{2044}' => '/',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_scripts_are_one() {
        assert_eq!(fold("\u{ff11}\u{ff12}\u{ff13}"), "123");
        assert_eq!(fold("\u{665}\u{66b}\u{665}"), "5.5");
        assert_eq!(fold("\u{96a}\u{968}"), "42");
        assert_eq!(fold("\u{2212}5\u{ff0c}"), "-5\u{ff0c}");
        assert_eq!(fold_all("\u{ff0d}5\u{ff0c}"), "-5,");
    }
}
