//! HTML, with everything escaped that others wrote.

use std::fmt::Write as _;

/// A text in which nothing is markup.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What a page may not hold at all, and what turns the direction of a line.
            '\0'..='\u{8}'
            | '\u{b}'
            | '\u{c}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// A share as per cent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A table; cells are HTML already, and `numbers` says which columns stand to the right.
pub(crate) fn table(head: &[&str], numbers: &[usize], rows: &[Vec<String>]) -> String {
    let line = |html: &mut String, tag: &str, cells: &mut dyn Iterator<Item = &str>| {
        html.push_str("<tr>");
        for (i, cell) in cells.enumerate() {
            let class = if numbers.contains(&i) { " class=\"n\"" } else { "" };
            let _ = write!(html, "<{tag}{class}>{cell}</{tag}>");
        }
        html.push_str("</tr>\n");
    };
    let mut html = String::from("<div class=\"wide\"><table><thead>");
    line(&mut html, "th", &mut head.iter().copied());
    html.push_str("</thead><tbody>\n");
    for row in rows {
        line(&mut html, "td", &mut row.iter().map(String::as_str));
    }
    html.push_str("</tbody></table></div>\n");
    html
}
