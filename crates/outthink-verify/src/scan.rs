//! Numbers in running text.

/// The number with which a text begins, with its sign, currency and percent sign.
pub(crate) fn leading_number(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while matches!(bytes.get(at), Some(b'-' | b'+' | b'$')) && at < 2 {
        at += 1;
    }
    if !(digit(at) || bytes.get(at) == Some(&b'.') && digit(at + 1)) {
        return None;
    }
    let mut end = at;
    loop {
        let byte = bytes.get(end);
        let inner = matches!(byte, Some(b'.' | b',' | b'/' | b':')) && digit(end + 1);
        // A comma groups thousands only where three digits follow.
        let groups = byte != Some(&b',')
            || ((2..=4).all(|by| bytes.get(end + by - 1).is_some_and(u8::is_ascii_digit)) && !digit(end + 4));
        if digit(end) || (inner && groups) {
            end += 1;
        } else {
            break;
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let mut stop = end + 1 + sign;
        while digit(stop) {
            stop += 1;
        }
        if stop > end + 1 + sign {
            end = stop;
        }
    }
    if bytes.get(end) == Some(&b'%') {
        end += 1;
    }
    text.get(..end)
}

/// The last number of a text, without currency; digits within words do not count.
pub(crate) fn last_number(text: &str) -> Option<String> {
    last_number_at(text).map(|found| found.2)
}

/// As [`last_number`], with where its digits begin and where they end.
pub(crate) fn last_number_at(text: &str) -> Option<(usize, usize, String)> {
    let bytes = text.as_bytes();
    let part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let mut found = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let starts = byte.is_ascii_digit() || (*byte == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit));
        if !starts {
            at += 1;
            continue;
        }
        let number = text.get(at..).and_then(leading_number).unwrap_or("");
        let before = at.checked_sub(1);
        let end = at + number.len().max(1);
        if !part(before.and_then(|at| bytes.get(at))) {
            found = Some((at, end, signed(bytes, at), number));
        }
        at = end;
    }
    found.map(|(start, end, negative, number)| {
        let sign = if negative { "-" } else { "" };
        (start, end, format!("{sign}{number}"))
    })
}

/// Whether the number at `at` has a minus sign that is no hyphen or operator.
fn signed(bytes: &[u8], at: usize) -> bool {
    let mut before = at;
    if before > 0 && bytes.get(before - 1) == Some(&b'$') {
        before -= 1;
    }
    if before == 0 || bytes.get(before - 1) != Some(&b'-') {
        return false;
    }
    match before.checked_sub(2).and_then(|at| bytes.get(at)) {
        None => true,
        Some(byte) => !byte.is_ascii_alphanumeric() && !matches!(byte, b')' | b'-' | b'}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_text() {
        for (text, number) in [
            ("3-5", "5"),
            ("is -$5.", "-5"),
            ("1.5e3 and H2O", "1.5e3"),
            ("x2", ""),
            ("1, 2, 3", "3"),
            ("1,234,567.", "1,234,567"),
            ("3/4 of it", "3/4"),
        ] {
            assert_eq!(last_number(text).unwrap_or_default(), number, "{text}");
        }
    }
}
