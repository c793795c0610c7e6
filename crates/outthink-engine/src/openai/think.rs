//! Reasoning that a server leaves inside the content: a leading `<think>…</think>`, or what other models have in
//! its place, is separated from the answer while it streams.
//!
//! Only what leads the content is reasoning: an answer may speak of such tags. Text that a template opened, so
//! that only the closing tag comes, is known for reasoning when the tag comes. A stream has passed it on by then:
//! the end of the sample says where it ended, and the next replies are expected to begin so
//! ([`habit`](super::habit)).

/// What opens and what closes reasoning.
pub(super) type Tags = (&'static str, &'static str);
/// Those of all models that are known.
pub(super) const TAGS: &[Tags] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought", "<unused95>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("<|channel|>commentary<|message|>", "<|end|>"),
];
/// Words of a template between the two; they are nobody's text.
const BETWEEN: &[&str] =
    &["<|start|>assistant", "<|channel|>final<|message|>", "<|begin_of_solution|>", "<|START_RESPONSE|>"];
/// Words of a template that end an answer which began with one of [`BETWEEN`].
const ENDS: &[&str] = &["<|return|>", "<|end|>", "<|end_of_solution|>", "<|END_RESPONSE|>"];

/// Where a reply begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Before {
    /// At its beginning.
    #[default]
    Nothing,
    /// After reasoning that is still open, which this tag closes.
    Open(&'static str),
    /// As for [`Before::Open`] if earlier replies are to go by.
    Expected(&'static str),
    /// After words of the answer.
    Answer,
}

impl Before {
    /// After a given beginning of the reply.
    pub(super) fn of(prefix: Option<&str>) -> Self {
        let Some(prefix) = prefix.map(str::trim_start).filter(|p| !p.is_empty()) else { return Self::Nothing };
        match TAGS.iter().find(|(open, _)| prefix.starts_with(open)) {
            Some((_, close)) if !prefix.contains(close) => Self::Open(close),
            _ => Self::Answer,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space and whole tags came.
    Leading,
    Inside(&'static str),
    Answer,
    /// After the last word of a template.
    Over,
}

/// Splits the content of one reply.
#[derive(Debug, Clone)]
pub(super) struct Think {
    state: State,
    /// What may be a part of a tag, or white space around reasoning.
    held: String,
    /// Whether reasoning was found, so that white space before the answer belongs to neither.
    found: bool,
    /// Whether reasoning has just been opened: white space there is nobody's either.
    opened: bool,
    /// Whether the answer stands between words of a template.
    framed: bool,
    /// What closes reasoning that nothing opens here, where it is expected.
    expected: Option<&'static str>,
    /// What closed reasoning that nothing had opened.
    lone: Option<Tags>,
}

impl Think {
    /// For a reply that begins after this.
    pub(super) fn new(before: Before) -> Self {
        let (state, found) = match before {
            Before::Nothing | Before::Expected(_) => (State::Leading, false),
            Before::Open(close) => (State::Inside(close), true),
            Before::Answer => (State::Answer, false),
        };
        let expected = if let Before::Expected(close) = before { Some(close) } else { None };
        Self { state, held: String::new(), found, opened: false, framed: false, expected, lone: None }
    }

    /// Whether it passes on as reasoning what may turn out to be the answer: nothing opened it, and nothing has
    /// closed it so far.
    pub(super) const fn is_expecting(&self) -> bool {
        self.expected.is_some() && matches!(self.state, State::Leading | State::Inside(_))
    }

    /// The reasoning has a name of its own: content is the answer.
    pub(super) fn expect_nothing(&mut self) {
        if self.is_expecting() {
            self.expected = None;
            if matches!(self.state, State::Inside(_)) {
                self.state = State::Answer;
            }
        }
    }

    /// The tags of reasoning that was closed by what came in one piece, and that nothing had opened.
    pub(super) const fn lone(&self) -> Option<Tags> {
        self.lone
    }

    /// Whether all that comes is the answer's.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Answer) && !self.framed
    }

    /// Takes in content; puts what is known of it at the ends of `content` and `reasoning`.
    pub(super) fn push(&mut self, piece: &str, content: &mut String, reasoning: &mut String) {
        if self.is_over() {
            content.push_str(piece);
            return;
        }
        if self.state == State::Leading
            && self.held.is_empty()
            && !self.found
            && let Some((before, tags)) = closed_only(piece)
        {
            reasoning.push_str(piece[..before].trim());
            (self.found, self.lone, self.expected) = (true, Some(tags), None);
            return self.push(&piece[before + tags.1.len()..], content, reasoning);
        }
        self.held.push_str(piece);
        while self.step(content, reasoning) {}
    }

    /// Puts what was held back at the ends of `content` and `reasoning`: the reply is over.
    pub(super) fn end(&mut self, content: &mut String, reasoning: &mut String) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Inside(_) => reasoning.push_str(held.trim_end()),
            // White space after reasoning is nobody's.
            State::Leading if self.found && held.trim().is_empty() => {}
            State::Leading | State::Answer => content.push_str(&held),
            State::Over => {}
        }
    }

    /// Reads one thing of what is held; whether there may be more.
    fn step(&mut self, content: &mut String, reasoning: &mut String) -> bool {
        match self.state {
            State::Leading => self.lead(),
            State::Inside(close) => self.inside(close, reasoning),
            State::Answer => {
                let ends = if self.framed { ENDS } else { &[] };
                if let Some(end) = ends.iter().filter_map(|end| self.held.find(end)).min() {
                    content.push_str(&self.held[..end]);
                    self.held.clear();
                    self.state = State::Over;
                    return false;
                }
                let keep = ends.iter().map(|end| overlap(&self.held, end)).max().unwrap_or(0);
                let known = self.held.len() - keep;
                content.push_str(&self.held[..known]);
                self.held.drain(..known);
                false
            }
            State::Over => {
                self.held.clear();
                false
            }
        }
    }

    fn lead(&mut self) -> bool {
        let text = self.held.trim_start();
        if text.is_empty() {
            return false;
        }
        if let Some((open, close)) = TAGS.iter().find(|(open, _)| text.starts_with(open)) {
            self.held = text[open.len()..].to_owned();
            (self.state, self.found, self.opened) = (State::Inside(close), true, true);
            self.expected = None;
            return true;
        }
        if let Some(word) = BETWEEN.iter().find(|word| text.starts_with(*word)) {
            self.held = text[word.len()..].to_owned();
            (self.found, self.framed) = (true, true);
            return true;
        }
        let may_be = |word: &str| word.starts_with(text);
        if TAGS.iter().any(|(open, _)| may_be(open)) || BETWEEN.iter().any(|word| may_be(word)) {
            return false;
        }
        if self.found || self.expected.is_some() {
            self.held = text.to_owned();
        }
        self.state = match self.expected {
            Some(close) => State::Inside(close),
            None => State::Answer,
        };
        true
    }

    fn inside(&mut self, close: &'static str, reasoning: &mut String) -> bool {
        if self.opened {
            self.held = self.held.trim_start().to_owned();
            self.opened = self.held.is_empty();
        }
        if let Some(at) = self.held.find(close) {
            reasoning.push_str(self.held[..at].trim_end());
            self.held.drain(..at + close.len());
            self.state = State::Leading;
            (self.found, self.expected) = (true, None);
            return true;
        }
        // White space at the end may be the last before the tag.
        let keep = overlap(&self.held, close);
        let known = self.held[..self.held.len() - keep].trim_end().len();
        reasoning.push_str(&self.held[..known]);
        self.held.drain(..known);
        false
    }
}

/// How much of the end of `text` may be the beginning of `word`, in bytes.
fn overlap(text: &str, word: &str) -> usize {
    let longest = word.len().saturating_sub(1).min(text.len());
    let fits = |&len: &usize| word.is_char_boundary(len) && text.as_bytes().ends_with(&word.as_bytes()[..len]);
    (1..=longest).rev().find(fits).unwrap_or(0)
}

/// Where reasoning that a template opened ends, in bytes, and its tags: the first closing tag that stands on its own,
/// at the end of a line or at its beginning or between two words without a space, and is not quoted.
pub(super) fn closed_only(text: &str) -> Option<(usize, Tags)> {
    // Most texts hold nothing that may be one.
    if !["</", "[/", "\u{25c1}/"].iter().any(|begin| text.contains(begin)) {
        return None;
    }
    let begins = text.trim_start();
    if TAGS.iter().any(|(open, _)| begins.starts_with(open)) {
        return None;
    }
    let tags = TAGS.iter().filter(|(_, close)| close.contains('/'));
    let stands = |(at, open, close): &(usize, &'static str, &'static str)| {
        let (before, after) = (&text[..*at], &text[at + close.len()..]);
        let quoted = |c: char| matches!(c, '`' | '"' | '\'' | '“' | '”' | '«' | '»' | '(' | '*');
        let touches = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
        let alone = before.is_empty()
            || before.ends_with('\n')
            || after.starts_with(['\n', '\r'])
            || (touches(before.chars().next_back()) && touches(after.chars().next()));
        let in_quotes = before.ends_with(quoted) || after.starts_with(quoted);
        // Within code, fenced or not, the marks of code are odd.
        let line = before.rsplit('\n').next().unwrap_or_default();
        let in_code = before.matches("```").count() % 2 == 1 || line.matches('`').count() % 2 == 1;
        alone && !in_quotes && !in_code && !before.contains(open)
    };
    let found = tags.flat_map(|(open, close)| text.match_indices(close).map(|(at, _)| (at, *open, *close)));
    let (at, open, close) = found.filter(stands).min_by_key(|(at, ..)| *at)?;
    Some((at, (open, close)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str, cut: usize, before: Before) -> (String, String) {
        let (mut think, mut content, mut reasoning) = (Think::new(before), String::new(), String::new());
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(cut) {
            // Each piece has texts of its own, as in a stream.
            let (mut c, mut r) = (String::new(), String::new());
            think.push(&piece.iter().collect::<String>(), &mut c, &mut r);
            content += &c;
            reasoning += &r;
        }
        think.end(&mut content, &mut reasoning);
        (content, reasoning)
    }

    #[test]
    fn leading_reasoning_is_split_however_it_is_cut() {
        for (text, content, reasoning) in [
            ("<think>hm</think>4", "4", "hm"),
            ("\n<think>\nhm\n\nso\n</think>\n\nIt is 4.\n", "It is 4.\n", "hm\n\nso"),
            ("<think></think>4", "4", ""),
            ("<think>hm", "", "hm"),
            ("<seed:think>hm</seed:think>4", "4", "hm"),
            ("[THINK]hm[/THINK]4", "4", "hm"),
            ("◁think▷hm◁/think▷4", "4", "hm"),
            ("<thought>a < b</thought>4", "4", "a < b"),
            (
                "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>",
                "4",
                "hm",
            ),
            ("<think>a</think><think>b</think>4", "4", "ab"),
            // No reasoning.
            (
                "The tag <think> opens it, </think> closes it: `</think>`",
                "The tag <think> opens it, </think> closes it: `</think>`",
                "",
            ),
            ("`<think>` opens it", "`<think>` opens it", ""),
            ("<thin", "<thin", ""),
            ("<thing>4</thing>", "<thing>4</thing>", ""),
            ("  4 ", "  4 ", ""),
            ("", "", ""),
        ] {
            for cut in 1..=text.chars().count().max(1) {
                assert_eq!(split(text, cut, Before::Nothing), (content.into(), reasoning.into()), "{text} by {cut}");
            }
        }
    }

    #[test]
    fn what_a_given_beginning_left_open_goes_on() {
        assert_eq!(Before::of(Some("<think>\nhm")), Before::Open("</think>"));
        assert_eq!(split("so</think>\n4", 1, Before::of(Some("<think>\nhm"))), ("4".into(), "so".into()));
        assert_eq!(split("<think>", 1, Before::of(Some("It is"))), ("<think>".into(), String::new()));
        assert_eq!(Before::of(Some("<think>\nhm</think>\nIt")), Before::Answer);
        assert_eq!(Before::of(None), Before::Nothing);
    }

    #[test]
    fn reasoning_that_is_expected_ends_with_its_tag_however_it_is_cut() {
        for (text, content, reasoning) in [
            ("hm\n</think>\n\n4", "4", "hm"),
            ("\nhm, it is 4.</think>It is 4.", "It is 4.", "hm, it is 4."),
            ("</think>4", "4", ""),
            ("<think>\nhm</think>4", "4", "hm"),
            ("<think>hm", "", "hm"),
            // Nobody knows yet that this is the answer.
            ("It is 4.", "", "It is 4."),
        ] {
            for cut in 1..=text.chars().count() {
                let expected = Before::Expected("</think>");
                assert_eq!(split(text, cut, expected), (content.into(), reasoning.into()), "{text} by {cut}");
            }
        }
        let (mut think, mut content, mut reasoning) =
            (Think::new(Before::Expected("</think>")), String::new(), String::new());
        think.push("It is", &mut content, &mut reasoning);
        assert!(think.is_expecting());
        think.push(" 4</think>", &mut content, &mut reasoning);
        assert!(!think.is_expecting());
    }

    #[test]
    fn a_closing_tag_alone_ends_reasoning_where_it_is_not_quoted() {
        for (text, wanted) in [
            ("hm\n</think>\n\n4", Some(("hm\n", "\n\n4"))),
            ("hm.</think>\n4", Some(("hm.", "\n4"))),
            ("hm\n[/THINK]4", Some(("hm\n", "4"))),
            ("hm[/THINK]", None),
            ("so 4.</think>It is 4.", Some(("so 4.", "It is 4."))),
            ("the tag </think>, which closes it", None),
            ("Say <think> first,\n</think>\nlast", None),
            ("It is 4. (Models end with `</think>` and dots.)", None),
            ("It ends with </think> in the middle", None),
            ("```\n</think>\n```\n", None),
            ("<think>hm</think>\n4", None),
            ("\"\n</think>\"", None),
        ] {
            let found = closed_only(text).map(|(at, (_, close))| (&text[..at], &text[at + close.len()..]));
            assert_eq!(found, wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_lost_and_cuts_make_no_difference(text in "(<think>|</think>|</thi|<|a|b|\n| |é|`){0,12}", cut in 1usize..5) {
            let by_one = split(&text, 1, Before::Nothing);
            if closed_only(&text).is_none() && closed_only(&text.chars().take(cut).collect::<String>()).is_none() {
                prop_assert_eq!(&split(&text, cut, Before::Nothing), &by_one);
            }
            let letters = |t: &str| t.matches('b').count();
            prop_assert_eq!(letters(&by_one.0) + letters(&by_one.1), letters(&text));
        }
    }
}
