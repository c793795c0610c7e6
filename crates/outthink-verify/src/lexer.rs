//! From the text of an answer, in LaTeX or plain, to tokens.

use crate::normal::braced;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tok {
    /// Digits with at most one point, and an exponent; thousands separators are gone.
    Num(String),
    /// A run of letters.
    Word(String),
    /// A LaTeX command without its backslash.
    Cmd(String),
    /// The inside of `\text{}` and its like.
    Text(String),
    /// The name of an environment that begins.
    Begin(String),
    /// An environment that ends.
    End,
    /// A sign; see [`SET_OPEN`], [`SET_CLOSE`] and [`ROW`].
    Sym(char),
}

/// The sign for `\{`.
pub(crate) const SET_OPEN: char = '\u{2983}';
/// The sign for `\}`.
pub(crate) const SET_CLOSE: char = '\u{2984}';
/// The sign for `\\`.
pub(crate) const ROW: char = '\n';

/// A token and whether white space stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) tok: Tok,
    pub(crate) spaced: bool,
}

struct Lexer<'a> {
    rest: &'a str,
    out: Vec<Token>,
    spaced: bool,
    depth: usize,
}

/// The tokens of a text, or nothing if it holds something that is not mathematics.
pub(crate) fn lex(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer { rest: text, out: Vec::new(), spaced: false, depth: 0 };
    while let Some(c) = lexer.rest.chars().next() {
        lexer.step(c)?;
    }
    Some(lexer.out)
}

impl Lexer<'_> {
    fn push(&mut self, tok: Tok) {
        let spaced = std::mem::take(&mut self.spaced);
        self.out.push(Token { tok, spaced });
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn cmd(&mut self, name: &str) {
        self.push(Tok::Cmd(name.to_owned()));
    }

    fn step(&mut self, c: char) -> Option<()> {
        if c.is_ascii_digit() || (c == '.' && self.digit_at(1)) {
            self.number();
            return Some(());
        }
        if c.is_ascii_alphabetic() {
            let end = self.letters(0);
            let word = self.rest.get(..end)?.to_owned();
            self.skip(end);
            self.push(Tok::Word(word));
            return Some(());
        }
        if c == '\\' {
            return self.command();
        }
        if c == '*' && self.rest.starts_with("**") {
            self.skip(2);
            self.push(Tok::Sym('^'));
            return Some(());
        }
        for (ascii, name) in [("<=", "le"), (">=", "ge"), ("!=", "ne"), ("+-", "pm")] {
            if self.rest.starts_with(ascii) {
                self.skip(2);
                self.cmd(name);
                return Some(());
            }
        }
        self.skip(c.len_utf8());
        match c {
            '(' | '[' => self.depth += 1,
            ')' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        match c {
            ' ' | '\t' | '\n' | '\r' | '~' | '\u{a0}' | '\u{202f}' | '\u{2009}' => {
                self.spaced = true;
            }
            '$' | '\u{20ac}' | '\u{a3}' => {}
            '\u{2212}' | '\u{2013}' => self.push(Tok::Sym('-')),
            '\u{d7}' | '\u{b7}' | '\u{22c5}' => self.push(Tok::Sym('*')),
            '\u{f7}' => self.push(Tok::Sym('/')),
            '\u{3c0}' => self.cmd("pi"),
            '\u{221e}' => self.cmd("infty"),
            '\u{221a}' => self.cmd("sqrt"),
            '\u{b0}' => self.cmd("degree"),
            '\u{b1}' => self.cmd("pm"),
            '\u{2264}' => self.cmd("le"),
            '\u{2265}' => self.cmd("ge"),
            '\u{2260}' => self.cmd("ne"),
            '\u{222a}' => self.cmd("cup"),
            '\u{2229}' => self.cmd("cap"),
            '\u{2208}' => self.cmd("in"),
            '\u{2205}' => self.cmd("emptyset"),
            '\u{3b8}' => self.cmd("theta"),
            '\u{3b1}' => self.cmd("alpha"),
            '\u{3b2}' => self.cmd("beta"),
            '\u{bd}' => self.fraction("1", "2"),
            '\u{bc}' => self.fraction("1", "4"),
            '\u{be}' => self.fraction("3", "4"),
            '\u{b2}' => self.power("2"),
            '\u{b3}' => self.power("3"),
            '+' | '-' | '*' | '/' | '^' | '_' | '=' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';'
            | '|' | '!' | '%' | '&' | '\'' => self.push(Tok::Sym(c)),
            _ => return None,
        }
        Some(())
    }

    fn fraction(&mut self, top: &str, bottom: &str) {
        self.cmd("frac");
        for part in [top, bottom] {
            self.push(Tok::Num(part.to_owned()));
        }
    }

    fn power(&mut self, exponent: &str) {
        self.push(Tok::Sym('^'));
        self.push(Tok::Num(exponent.to_owned()));
    }

    fn digit_at(&self, at: usize) -> bool {
        self.rest.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
    }

    fn letters(&self, from: usize) -> usize {
        let bytes = self.rest.as_bytes();
        let mut end = from;
        while bytes.get(end).is_some_and(u8::is_ascii_alphabetic) {
            end += 1;
        }
        end
    }

    fn digits(&self, from: usize) -> usize {
        let mut end = from;
        while self.digit_at(end) {
            end += 1;
        }
        end
    }

    /// Takes a number with its thousands separators and its exponent.
    fn number(&mut self) {
        let mut end = self.digits(0);
        let mut text = self.rest.get(..end).unwrap_or("").to_owned();
        if (1..=3).contains(&end) {
            while let Some(separator) = self.separator(end) {
                let from = end + separator;
                text.push_str(self.rest.get(from..from + 3).unwrap_or(""));
                end = from + 3;
            }
        }
        if self.rest.as_bytes().get(end) == Some(&b'.') {
            let stop = self.digits(end + 1);
            if stop > end + 1 {
                text.push_str(self.rest.get(end..stop).unwrap_or(""));
                end = stop;
            } else if text.is_empty() || self.rest.len() > end + 1 {
                // "5." before something else: the point is dropped.
                end += 1;
            }
        }
        if matches!(self.rest.as_bytes().get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.rest.as_bytes().get(end + 1), Some(b'+' | b'-')));
            let stop = self.digits(end + 1 + sign);
            if stop > end + 1 + sign {
                text.push_str(self.rest.get(end..stop).unwrap_or(""));
                end = stop;
            }
        }
        self.skip(end.max(1));
        self.push(Tok::Num(text));
    }

    /// The length of a thousands separator at `at`, if exactly three digits follow it.
    fn separator(&self, at: usize) -> Option<usize> {
        let rest = self.rest.get(at..)?;
        let length = if rest.starts_with("{,}") || rest.starts_with(",\\!") {
            3
        } else if rest.starts_with("\\,") || rest.starts_with("\\!") {
            2
        } else if rest.starts_with(',') && self.depth == 0 {
            1
        } else {
            return None;
        };
        let from = at + length;
        (self.digits(from) == from + 3).then_some(length)
    }

    fn command(&mut self) -> Option<()> {
        let end = self.letters(1);
        if end == 1 {
            let c = self.rest.chars().nth(1)?;
            self.skip(1 + c.len_utf8());
            match c {
                '{' => {
                    self.depth += 1;
                    self.push(Tok::Sym(SET_OPEN));
                }
                '}' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.push(Tok::Sym(SET_CLOSE));
                }
                '\\' => self.push(Tok::Sym(ROW)),
                '%' => self.push(Tok::Sym('%')),
                '|' => self.push(Tok::Sym('|')),
                ',' | ';' | ':' | '!' | ' ' | '>' => self.spaced = true,
                '$' | '(' | ')' | '[' | ']' | '&' | '#' => {}
                _ => return None,
            }
            return Some(());
        }
        let name = self.rest.get(1..end)?.to_owned();
        self.skip(end);
        match name.as_str() {
            "left" | "right" | "big" | "Big" | "bigg" | "Bigg" | "bigl" | "bigr" | "Bigl" | "Bigr" | "displaystyle"
            | "textstyle" | "limits" | "mathbf" | "mathit" | "vec" | "boldsymbol" | "bm" | "mathcal"
            | "overrightarrow" | "boxed" | "fbox" => {
                // An invisible delimiter: `\left.`
                if self.rest.starts_with('.') && name.len() > 3 && !self.digit_at(1) {
                    self.skip(1);
                }
            }
            "quad" | "qquad" | "space" | "thinspace" | "hspace" => self.spaced = true,
            "text" | "mathrm" | "textbf" | "textit" | "mbox" | "textrm" | "mathsf" | "mathtt" => {
                let inside = self.group()?;
                self.push(Tok::Text(inside));
            }
            "operatorname" => {
                let inside = self.group()?;
                self.push(Tok::Cmd(inside));
            }
            "begin" => {
                let mut inside = self.group()?;
                if inside == "array" {
                    self.group();
                    "matrix".clone_into(&mut inside);
                }
                self.push(Tok::Begin(inside));
            }
            "end" => {
                self.group()?;
                self.push(Tok::End);
            }
            "lbrace" => self.push(Tok::Sym(SET_OPEN)),
            "rbrace" => self.push(Tok::Sym(SET_CLOSE)),
            "lvert" | "rvert" | "vert" | "mid" => self.push(Tok::Sym('|')),
            "cdot" | "times" | "ast" => self.push(Tok::Sym('*')),
            "div" => self.push(Tok::Sym('/')),
            "lt" => self.push(Tok::Sym('<')),
            "gt" => self.push(Tok::Sym('>')),
            "dfrac" | "tfrac" | "cfrac" => self.cmd("frac"),
            "leq" | "leqslant" => self.cmd("le"),
            "geq" | "geqslant" => self.cmd("ge"),
            "neq" => self.cmd("ne"),
            "dbinom" | "tbinom" => self.cmd("binom"),
            "varnothing" => self.cmd("emptyset"),
            "circ" => self.cmd("degree"),
            _ => self.cmd(&name),
        }
        Some(())
    }

    /// Takes a group in braces and gives its inside.
    fn group(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        let inside = braced(self.rest)?.to_owned();
        self.skip(inside.len() + 2);
        Some(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let tokens = lex(text).unwrap();
        let parts: Vec<String> = tokens
            .into_iter()
            .map(|token| match token.tok {
                Tok::Num(text) | Tok::Word(text) => text,
                Tok::Cmd(name) => format!("\\{name}"),
                Tok::Text(text) => format!("'{text}'"),
                Tok::Begin(name) => format!("begin:{name}"),
                Tok::End => "end".into(),
                Tok::Sym(c) => c.to_string(),
            })
            .collect();
        parts.join(" ")
    }

    #[test]
    fn numbers_are_one_token() {
        for (text, tokens) in [
            ("1,234,567", "1234567"),
            ("1{,}000", "1000"),
            ("10\\,000", "10000"),
            ("1.5e-3", "1.5e-3"),
            ("(1,234)", "( 1 , 234 )"),
            ("1,2345", "1 , 2345"),
            (".5", ".5"),
            ("2\\dfrac{1}{2}", "2 \\frac { 1 } { 2 }"),
            ("5\\text{ cm}", "5 ' cm'"),
            ("\\left(x\\right)", "( x )"),
        ] {
            assert_eq!(show(text), tokens, "{text}");
        }
        assert_eq!(lex("what?"), None);
    }
}
