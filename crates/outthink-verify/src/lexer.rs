//! From the text of an answer, in LaTeX or plain, to tokens.

use crate::normal::braced;
use crate::parser::MAX_DEPTH;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tok {
    /// Digits with at most one point, and an exponent; thousands separators are gone.
    Num(String),
    /// A run of letters.
    Word(String),
    /// A name that is no product: an angle, a segment.
    Name(String),
    /// A LaTeX command without its backslash.
    Cmd(String),
    /// The inside of `\text{}` and its like.
    Text(String),
    /// The name of an environment that begins.
    Begin(String),
    /// An environment that ends.
    End,
    /// A sign of money before a number.
    Money(char),
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

#[expect(clippy::struct_excessive_bools, reason = "what is known of the text as a whole")]
struct Lexer<'a> {
    rest: &'a str,
    out: Vec<Token>,
    spaced: bool,
    depth: usize,
    /// Whether dollars do not come in pairs, so that one of them is money.
    odd_dollars: bool,
    /// Whether letters are marked as vectors.
    vectors: bool,
    /// Whether a number is that of an item of a list: `1. e4 e5`.
    listed: bool,
}

/// The tokens of a text, or nothing if it holds something that is not mathematics.
pub(crate) fn lex(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer {
        rest: text,
        out: Vec::new(),
        spaced: false,
        depth: 0,
        odd_dollars: text.matches('$').count() % 2 == 1,
        vectors: ["\\vec", "\\overrightarrow"].iter().any(|mark| text.contains(mark))
            || text.split("\\mathbf{").skip(1).any(|name| name.starts_with(|c: char| c.is_ascii_lowercase())),
        listed: false,
    };
    while let Some(c) = lexer.rest.chars().next() {
        lexer.step(c)?;
    }
    (!lexer.listed).then_some(lexer.out)
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

    #[expect(clippy::too_many_lines, reason = "one table of characters")]
    fn step(&mut self, c: char) -> Option<()> {
        if c.is_ascii_digit() || (c == '.' && self.digit_at(1)) {
            self.number();
            return Some(());
        }
        if c.is_ascii_alphabetic() {
            let mut end = self.word_end();
            // "7or8": the conjunction stands apart.
            if !self.spaced && matches!(self.out.last().map(|t| &t.tok), Some(Tok::Num(_) | Tok::Sym(')' | ']'))) {
                for word in ["or", "and"] {
                    let after = self.rest.get(word.len()..).unwrap_or("");
                    if self.rest.starts_with(word)
                        && after.starts_with(|c: char| c.is_ascii_uppercase() || "(-\\".contains(c))
                    {
                        end = word.len();
                    }
                }
            }
            let word = self.rest.get(..end)?.to_owned();
            self.skip(end);
            self.push(Tok::Word(word));
            return Some(());
        }
        let end = if c.is_ascii() { 0 } else { self.word_end() };
        if end > 0 {
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
        for (ascii, name) in [("<=", "le"), (">=", "ge"), ("!=", "ne"), ("+-", "pm"), ("+/-", "pm"), ("=>", "implies")]
        {
            if matches!(c, '<' | '>' | '!' | '+' | '=') && self.rest.starts_with(ascii) {
                self.skip(ascii.len());
                self.cmd(name);
                return Some(());
            }
        }
        if c == '.' {
            if let Some(rest) = self.rest.strip_prefix("...") {
                self.rest = rest;
                self.cmd("dots");
                return Some(());
            }
            // The point of an abbreviation: "5 Mio. Euro", "25 кв. м".
            let Some(Tok::Word(word)) = self.out.last().map(|token| &token.tok) else { return None };
            let lower = word.to_lowercase();
            let short = crate::words::magnitude(&lower).is_some() || crate::units::unit(word).is_some();
            if !(short || matches!(lower.as_str(), "кв" | "куб" | "sq" | "cu")) || !self.rest.starts_with(". ") {
                return None;
            }
        }
        self.skip(c.len_utf8());
        match c {
            '(' | '[' => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return None;
                }
            }
            ')' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        match c {
            ' ' | '.' | '\t' | '\n' | '\r' | '~' | '\u{a0}' | '\u{202f}' | '\u{2009}' => {
                self.spaced = true;
            }
            '$' => {
                // An even dollar delimits; an odd one before a number is money.
                if self.odd_dollars && self.rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                    self.push(Tok::Money('$'));
                }
            }
            '\u{20ac}' | '\u{a3}' | '\u{a5}' | '\u{20b9}' | '\u{20a9}' | '\u{20bd}' => self.push(Tok::Money(c)),
            '\u{2026}' => self.cmd("dots"),
            '\u{2030}' => self.cmd("permille"),
            '\u{a2}' => self.push(Tok::Word("cents".to_owned())),
            '\u{2103}' | '\u{2109}' => {
                self.cmd("degree");
                self.push(Tok::Word(if c == '\u{2103}' { "C" } else { "F" }.to_owned()));
            }
            '\u{2080}'..='\u{2089}' => {
                self.push(Tok::Sym('_'));
                self.push(Tok::Num(char::from_digit(c as u32 - 0x2080, 10).unwrap_or('0').to_string()));
            }
            '\u{2248}' => self.cmd("approx"),
            '\u{211d}' => self.cmd("reals"),
            '\u{3c9}' => self.cmd("omega"),
            '\u{3a9}' | '\u{2126}' => self.cmd("Omega"),
            '\u{3bc}' | '\u{b5}' => self.cmd("mu"),
            '\u{3bb}' => self.cmd("lambda"),
            '\u{3c6}' => self.cmd("phi"),
            '\u{2220}' => self.cmd("angle"),
            '\u{25b3}' => self.cmd("triangle"),
            '\u{2070}' => self.power("0"),
            '\u{b9}' => self.power("1"),
            '\u{2074}'..='\u{2079}' => {
                let digit = char::from_digit(c as u32 - 0x2070, 10).unwrap_or('4');
                self.power(&digit.to_string());
            }
            '\u{2153}' => self.fraction("1", "3"),
            '\u{2154}' => self.fraction("2", "3"),
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
            | '|' | '!' | '%' | '&' | '\'' | ':' => self.push(Tok::Sym(c)),
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
        if let Some((length, plain)) = self.prefixed() {
            self.skip(length);
            self.push(Tok::Num(plain));
            return;
        }
        let mut end = self.digits(0);
        let mut text = self.rest.get(..end).unwrap_or("").to_owned();
        if let Some((length, plain)) = self.continental(end) {
            self.skip(length);
            self.push(Tok::Num(plain));
            return;
        }
        if let Some((length, plain)) = self.by_pairs(end) {
            (end, text) = (length, plain);
        } else if (1..=3).contains(&end) {
            while let Some(separator) = self.separator(end) {
                let from = end + separator;
                text.push_str(self.rest.get(from..from + 3).unwrap_or(""));
                end = from + 3;
            }
        }
        if self.rest.as_bytes().get(end) == Some(&b'.') {
            let stop = self.digits(end + 1);
            if let Some((length, period, fixed)) = self.period(end + 1, stop) {
                let places = self.rest.get(end..end + 1 + fixed).unwrap_or("");
                let whole = if text.is_empty() { "0" } else { &text };
                let text = format!("{whole}{places}({period})");
                self.skip(length);
                self.push(Tok::Num(text));
                return;
            }
            if stop > end + 1 {
                text.push_str(self.rest.get(end..stop).unwrap_or(""));
                end = stop;
            } else if text.is_empty() || self.rest.len() > end + 1 {
                // "5." before something else: the point is dropped, unless words follow as behind the number of a list.
                let after = self.rest.get(end + 1..).unwrap_or("");
                self.listed |= after.starts_with(' ') && after.trim_start().starts_with(|c: char| c.is_alphabetic());
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

    /// `0xFF`, `0b101` and `0o17`: the length and the decimal digits.
    fn prefixed(&self) -> Option<(usize, String)> {
        let base = match self.rest.get(..2)? {
            "0x" | "0X" => 16,
            "0b" | "0B" => 2,
            "0o" | "0O" => 8,
            _ => return None,
        };
        let rest = self.rest.get(2..)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let digits = rest.get(..end).filter(|digits| (1..=15).contains(&digits.len()))?;
        let value = u64::from_str_radix(digits, base).ok()?;
        Some((end + 2, value.to_string()))
    }

    /// Digits grouped by two, as in India: `1,00,000`.
    fn by_pairs(&self, digits: usize) -> Option<(usize, String)> {
        if self.depth > 0 || !(1..=2).contains(&digits) {
            return None;
        }
        let (mut end, mut pairs) = (digits, 0);
        while self.rest.as_bytes().get(end) == Some(&b',') && self.digits(end + 1) == end + 3 {
            end += 3;
            pairs += 1;
        }
        let last = self.rest.as_bytes().get(end) == Some(&b',') && self.digits(end + 1) == end + 4;
        (pairs > 0 && last).then(|| Some((end + 4, self.rest.get(..end + 4)?.replace(',', ""))))?
    }

    /// The digits without end of a decimal whose places are at `from..stop`: the length of all, the period, and how
    /// many places stand before it.
    fn period(&self, from: usize, stop: usize) -> Option<(usize, String, usize)> {
        let rest = self.rest.get(stop..)?;
        for command in ["\\overline", "\\bar", "\\dot", "\\overset{\\cdot}"] {
            let Some(after) = rest.strip_prefix(command) else { continue };
            let period = braced(after).or_else(|| after.get(..1))?;
            if period.is_empty() || !period.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let length = stop + command.len() + period.len() + if after.starts_with('{') { 2 } else { 0 };
            // `0.\dot{1}4\dot{2}`: the period lies between two dots.
            if command == "\\dot" {
                let next = self.digits(length);
                if let Some(after) = self.rest.get(next..).and_then(|rest| rest.strip_prefix("\\dot{"))
                    && let Some(last) = after.get(..1).filter(|last| last.bytes().all(|b| b.is_ascii_digit()))
                    && after.get(1..2) == Some("}")
                {
                    let period = format!("{period}{}{last}", self.rest.get(length..next)?);
                    return Some((next + "\\dot{1}".len(), period, stop - from));
                }
            }
            return Some((length, period.to_owned(), stop - from));
        }
        if let Some(after) = rest.strip_prefix('(') {
            let end = after.find(')')?;
            let period = after.get(..end).filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))?;
            return Some((stop + end + 2, period.to_owned(), stop - from));
        }
        // `0.333...`: two periods at least are written.
        let dots = ["...", "\u{2026}", "\\ldots", "\\dots", "\\cdots"].iter().find(|dots| rest.starts_with(**dots))?;
        let places = self.rest.get(from..stop)?;
        let bytes = places.as_bytes();
        for fixed in 0..places.len().min(12) {
            for length in 1..=6 {
                let tail = bytes.get(fixed..)?;
                let times = if length == 1 { 3 } else { 2 };
                if tail.len() >= times * length && tail.iter().zip(tail.iter().skip(length)).all(|(a, b)| a == b) {
                    let period = places.get(fixed..fixed + length)?.to_owned();
                    return Some((stop + dots.len(), period, fixed));
                }
            }
        }
        None
    }

    /// A number in the continental form `1.500,00`: its length and its digits.
    fn continental(&self, digits: usize) -> Option<(usize, String)> {
        let (mut end, mut groups) = (digits, 0);
        let mark = self.rest.as_bytes().get(end).copied().filter(|mark| matches!(mark, b'.' | b' '));
        while (1..=3).contains(&digits)
            && mark.is_some()
            && self.rest.as_bytes().get(end) == mark.as_ref()
            && self.digits(end + 1) == end + 4
        {
            end += 4;
            groups += 1;
        }
        let stop = self.digits(end + 1);
        let decimals = self.rest.as_bytes().get(end) == Some(&b',') && (end + 2..=end + 3).contains(&stop);
        let many = groups > 1 && mark == Some(b'.') && self.rest.as_bytes().get(end) != Some(&b'.');
        if groups == 0 || !(decimals || many) {
            return None;
        }
        let whole = self.rest.get(..end)?.replace(['.', ' '], "");
        if !decimals {
            return Some((end, whole));
        }
        Some((stop, format!("{whole}.{}", self.rest.get(end + 1..stop)?)))
    }

    /// The length of a thousands separator at `at`, if exactly three digits follow it.
    fn separator(&self, at: usize) -> Option<usize> {
        let rest = self.rest.get(at..)?;
        let length = if rest.starts_with('\'') && self.depth == 0 {
            1
        } else if rest.starts_with(",\\! ") || rest.starts_with("{,} ") {
            4
        } else if rest.starts_with("{,}") || rest.starts_with(",\\!") {
            3
        } else if rest.starts_with("\\,") || rest.starts_with("\\!") {
            2
        } else if (rest.starts_with(',') || rest.starts_with(' ')) && self.depth == 0 {
            1
        } else {
            return None;
        };
        let from = at + length;
        (self.digits(from) == from + 3).then_some(length)
    }

    #[expect(clippy::too_many_lines, reason = "one table of commands")]
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
                '$' => {
                    if self.rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                        self.push(Tok::Money('$'));
                    }
                }
                '(' | ')' | '[' | ']' | '&' | '#' => {}
                _ => return None,
            }
            return Some(());
        }
        let name = self.rest.get(1..end)?.to_owned();
        self.skip(end);
        match name.as_str() {
            // The mean of x and a unit vector are not x; those along the axes are written either way.
            "bar" | "hat" | "tilde" if self.marks_letter() => {
                let inside = self.group()?;
                self.push(Tok::Name(format!("{name}{inside}")));
            }
            "left" | "right" | "big" | "Big" | "bigg" | "Bigg" | "bigl" | "bigr" | "Bigl" | "Bigr" | "displaystyle"
            | "textstyle" | "limits" | "mathbf" | "mathit" | "vec" | "boldsymbol" | "bm" | "mathcal"
            | "overrightarrow" | "boxed" | "fbox" | "underline" | "middle" | "nolimits" | "scriptstyle" | "large"
            | "Large" | "LARGE" | "huge" | "small" | "normalsize" | "rm" | "bf" | "it" | "hat" | "bar" | "phantom" => {
                // An invisible delimiter: `\left.`
                if self.rest.starts_with('.') && name.len() > 3 && !self.digit_at(1) {
                    self.skip(1);
                }
            }
            "quad" | "qquad" | "space" | "thinspace" | "hspace" => self.spaced = true,
            "text" | "textnormal" | "mathrm" | "textbf" | "textit" | "mbox" | "textrm" | "mathsf" | "mathtt" => {
                let inside = self.group()?;
                self.push(Tok::Text(inside));
            }
            "operatorname" => {
                self.rest = self.rest.strip_prefix('*').unwrap_or(self.rest);
                let inside = self.group()?;
                self.push(Tok::Cmd(inside.trim().to_owned()));
            }
            "color" | "textcolor" | "label" | "tag" => {
                self.group()?;
            }
            "overline" | "widehat" | "overarc" | "wideparen" | "arc" if self.names_points() => {
                let inside = self.group()?;
                self.push(Tok::Name(format!("{name}{}", inside.trim())));
            }
            "permil" | "permille" => self.cmd("permille"),
            "angle" | "triangle" | "measuredangle" | "odot" => {
                self.rest = self.rest.trim_start();
                let end = self.letters(0);
                let inside = if self.rest.starts_with('{') {
                    self.group()?
                } else {
                    let inside = self.rest.get(..end)?.to_owned();
                    self.skip(end);
                    inside
                };
                self.push(Tok::Name(format!("{name}{}", inside.trim())));
            }
            "langle" => self.push(Tok::Sym('(')),
            "rangle" => self.push(Tok::Sym(')')),
            "lbrack" => self.push(Tok::Sym('[')),
            "rbrack" => self.push(Tok::Sym(']')),
            "colon" => self.push(Tok::Sym(':')),
            "cdots" | "ldots" | "dotsc" | "dotsb" => self.cmd("dots"),
            "smallsetminus" | "backslash" => self.cmd("setminus"),
            "euro" => self.push(Tok::Money('\u{20ac}')),
            "pounds" => self.push(Tok::Money('\u{a3}')),
            "simeq" | "sim" | "thickapprox" => self.cmd("approx"),
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
            // Of vectors there are two products.
            "times" if self.vectors => self.cmd("cross"),
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
            // `\quadx`: a space that ran into what follows.
            _ if name.starts_with("quad") || name.starts_with("qquad") => {
                let rest = name.trim_start_matches('q').trim_start_matches("uad").to_owned();
                self.spaced = true;
                self.push(Tok::Word(rest));
            }
            _ => self.cmd(&name),
        }
        Some(())
    }

    /// Whether a group of one letter follows.
    fn marks_letter(&self) -> bool {
        braced(self.rest.trim_start()).is_some_and(|inside| {
            inside.len() == 1 && inside.bytes().all(|b| b.is_ascii_alphabetic() && !matches!(b, b'i' | b'j' | b'k'))
        })
    }

    /// Whether a group of capital letters follows: the points of a segment.
    fn names_points(&self) -> bool {
        braced(self.rest.trim_start())
            .is_some_and(|inside| !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_uppercase()))
    }

    /// The length of a run of letters of any script; signs of mathematics are none.
    fn word_end(&self) -> usize {
        let mathematical = |c: char| matches!(c, '\u{370}'..='\u{3ff}' | '\u{b5}' | '\u{2100}'..='\u{214f}' | '\u{1d400}'..='\u{1d7ff}');
        // Marks that join consonants of Devanagari and vowels of Arabic are no letters of their own.
        let joins = |c: char| matches!(c, '\u{93c}' | '\u{94d}' | '\u{64b}'..='\u{652}');
        self.rest.find(|c: char| !(c.is_alphabetic() || joins(c)) || mathematical(c)).unwrap_or(self.rest.len())
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
                Tok::Num(text) | Tok::Word(text) | Tok::Name(text) => text,
                Tok::Cmd(name) => format!("\\{name}"),
                Tok::Text(text) => format!("'{text}'"),
                Tok::Begin(name) => format!("begin:{name}"),
                Tok::End => "end".into(),
                Tok::Sym(c) | Tok::Money(c) => c.to_string(),
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
