//! What can be named, described once: strategies, verifiers, efforts, dialects, laws.
//!
//! An [`Entry`] stands beside the code that it describes. Help texts, error messages, JSON schemas and the
//! tables of the docs are made from it, so that a name, a default or a range is written down in one place.

use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The description of one thing that users can name.
///
/// ```
/// use outthink_core::{DefaultValue, Entry, Kind, Setting};
///
/// const BEAM: Entry = Entry {
///     settings: &[Setting::new("width", Kind::count(1, 64), DefaultValue::Count(4), "branches of each path")],
///     ..Entry::new("beam", "search over the steps of a reply")
/// };
/// assert!(BEAM.setting("width").is_some_and(|s| s.check(&9.into()).is_ok()));
/// let error = BEAM.unknown_setting("strategy", "widht");
/// assert_eq!(error, "the strategy beam has no setting `widht` (did you mean `width`?): it has width");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Its name on the command line, in the API and in the configuration.
    pub name: &'static str,
    /// What it is or does, in one line without a full stop.
    pub line: &'static str,
    /// Where it comes from.
    pub paper: Option<Paper>,
    /// Settings of its own.
    pub settings: &'static [Setting],
    /// What it cannot work without, in words; empty if it needs nothing.
    pub needs: &'static str,
    /// Other names that the field uses for it. They are not accepted; an error suggests the name for them.
    pub also: &'static [&'static str],
}

/// A publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paper {
    /// Authors and year, such as "Wang et al. 2023".
    pub cite: &'static str,
    /// Its address.
    pub url: &'static str,
}

/// One setting of an [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is unless given.
    pub default: DefaultValue,
    /// What it means, in one line without a full stop.
    pub about: &'static str,
    /// The name that it had in the version before, which is still read.
    pub former: Option<&'static str>,
}

/// What a [`Setting`] takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number from `least` to `most`.
    Count {
        /// The least.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A number from `least` to `most`.
    Number {
        /// The least.
        least: f64,
        /// The largest.
        most: f64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text; `\n` stands for a line break.
    Text,
}

/// What a [`Setting`] is unless given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// A word or a text.
    Text(&'static str),
    /// Nothing.
    Nothing,
    /// What other settings make of it, in words such as "a quarter of --max-tokens".
    Derived(&'static str),
}

impl Entry {
    /// An entry without paper, settings and needs, to be completed by `..`.
    pub const fn new(name: &'static str, line: &'static str) -> Self {
        Self { name, line, paper: None, settings: &[], needs: "", also: &[] }
    }

    /// The setting of that name, or the one that had it in the version before.
    pub fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|s| s.name == name || s.former == Some(name))
    }

    /// What to answer where a setting is named that it does not have; `what` is "strategy" or the like.
    pub fn unknown_setting(&self, what: &str, name: &str) -> String {
        let known: Vec<&str> = self.settings.iter().map(|s| s.name).collect();
        let mut message = format!("the {what} {} has no setting `{name}`", self.name);
        if let Some(near) = nearest(name, known.iter().copied()) {
            let _ = write!(message, " (did you mean `{near}`?)");
        }
        match known.len() {
            0 => message + ": it has none",
            _ => message + ": it has " + &known.join(", "),
        }
    }

    /// The JSON schema of an object of its settings.
    pub fn settings_schema(&self) -> Value {
        let properties: Map<String, Value> = self.settings.iter().map(|s| (s.name.to_owned(), s.schema())).collect();
        json!({"type": "object", "additionalProperties": false, "properties": properties})
    }
}

impl Paper {
    /// A publication by its authors, year and address.
    pub const fn new(cite: &'static str, url: &'static str) -> Self {
        Self { cite, url }
    }
}

impl Setting {
    /// A setting.
    pub const fn new(name: &'static str, kind: Kind, default: DefaultValue, about: &'static str) -> Self {
        Self { name, kind, default, about, former: None }
    }

    /// The same, renamed: `former` is still read for one version.
    #[must_use]
    pub const fn formerly(self, former: &'static str) -> Self {
        Self { former: Some(former), ..self }
    }

    /// Whether a value is one that it takes.
    ///
    /// # Errors
    /// With what it takes, such as "a whole number from 1 to 64".
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match self.kind {
            Kind::Count { least, most } => value.as_u64().is_some_and(|n| (least..=most).contains(&n)),
            Kind::Number { least, most } => value.as_f64().is_some_and(|n| (least..=most).contains(&n)),
            Kind::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Kind::Text => value.is_string(),
        };
        if fits {
            return Ok(());
        }
        let suggested = match (self.kind, value.as_str()) {
            (Kind::Word(words), Some(word)) => nearest(word, words.iter().copied()),
            _ => None,
        };
        match suggested {
            Some(word) => Err(format!("{} (did you mean `{word}`?)", self.kind.takes())),
            None => Err(self.kind.takes()),
        }
    }

    /// Its JSON schema, with the default where that is a value.
    pub fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Count { least, most } if most >= WITHOUT_END => json!({"type": "integer", "minimum": least}),
            Kind::Count { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
            Kind::Number { least, most } => {
                let mut schema = json!({"type": "number"});
                for (key, end) in [("minimum", least), ("maximum", most)] {
                    if end.abs() < f64::MAX {
                        schema[key] = end.into();
                    }
                }
                schema
            }
            Kind::Word(words) => json!({"type": "string", "enum": words}),
            Kind::Text => json!({"type": "string"}),
        };
        schema["description"] = self.about.into();
        match self.default {
            DefaultValue::Count(n) => schema["default"] = n.into(),
            DefaultValue::Number(n) => schema["default"] = n.into(),
            DefaultValue::Text(text) => schema["default"] = text.into(),
            DefaultValue::Nothing | DefaultValue::Derived(_) => {}
        }
        schema
    }
}

/// From here on a range of whole numbers counts as without end.
const WITHOUT_END: u64 = u32::MAX as u64;

impl Kind {
    /// A whole number from `least` to `most`.
    pub const fn count(least: u64, most: u64) -> Self {
        Self::Count { least, most }
    }

    /// A whole number of at least `least`, of 32 bits.
    pub const fn at_least(least: u64) -> Self {
        Self::Count { least, most: WITHOUT_END }
    }

    /// A number from `least` to `most`.
    pub const fn number(least: f64, most: f64) -> Self {
        Self::Number { least, most }
    }

    /// What it takes, in words that complete "give …".
    pub fn takes(self) -> String {
        match self {
            Self::Count { least, most } if most >= WITHOUT_END => format!("a whole number of at least {least}"),
            Self::Count { least, most } => format!("a whole number from {least} to {most}"),
            Self::Number { least, most } if most.abs() >= f64::MAX && least.abs() >= f64::MAX => "a number".to_owned(),
            Self::Number { least, most } if most.abs() >= f64::MAX => format!("a number of at least {least}"),
            Self::Number { least, most } if least > 0.0 && least < 1e-3 => format!("a number from {least:e} to {most}"),
            Self::Number { least, most } => format!("a number from {least} to {most}"),
            Self::Word(words) => words.join(" or "),
            Self::Text => "a text".to_owned(),
        }
    }
}

impl DefaultValue {
    /// The default in words; `None` where there is none.
    pub fn words(self) -> Option<String> {
        match self {
            Self::Count(n) => Some(n.to_string()),
            Self::Number(n) => Some(n.to_string()),
            Self::Text(text) => Some(text.replace('\n', "\\n")),
            Self::Derived(words) => Some(words.to_owned()),
            Self::Nothing => None,
        }
    }
}

/// What to answer where a name is not known: a suggestion where one is near, else all names. `what` is
/// "strategy" or the like.
///
/// ```
/// use outthink_core::{Entry, unknown};
///
/// const ESC: Entry = Entry { also: &["early-stopping"], ..Entry::new("esc", "windows of samples") };
/// assert_eq!(unknown("strategy", "ecs", [&ESC]), "unknown strategy `ecs` (did you mean `esc`?)");
/// assert_eq!(unknown("strategy", "early-stop", [&ESC]), "unknown strategy `early-stop` (did you mean `esc`?)");
/// assert_eq!(unknown("strategy", "oracle", [&ESC]), "unknown strategy `oracle`: use esc");
/// ```
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a Entry>) -> String {
    let known: Vec<&Entry> = known.into_iter().collect();
    // A text of any length may stand where a name is expected: no more than its beginning is repeated.
    let shown: String = name.chars().take(MOST_SHOWN).collect();
    let names = known.iter().flat_map(|e| std::iter::once(&e.name).chain(e.also).copied());
    let near = nearest(name, names).and_then(|near| known.iter().find(|e| e.name == near || e.also.contains(&near)));
    if let Some(entry) = near {
        return format!("unknown {what} `{shown}` (did you mean `{}`?)", entry.name);
    }
    let names: Vec<&str> = known.iter().map(|e| e.name).collect();
    format!("unknown {what} `{shown}`: use {}", names.join(", "))
}

/// Characters of an unknown name that an error repeats.
const MOST_SHOWN: usize = 64;

/// The known word that a wrong one was most likely meant to be: the first of those with the fewest edits,
/// or one that begins with what was given or of which it is the beginning; `None` where none is near.
///
/// Case and the difference between `-`, `_` and space do not count as edits.
///
/// ```
/// use outthink_core::nearest;
///
/// let known = ["self-consistency", "esc", "beam"];
/// assert_eq!(nearest("Self_Consistency", known), Some("self-consistency"));
/// assert_eq!(nearest("bema", known), Some("beam"));
/// assert_eq!(nearest("self", known), Some("self-consistency"));
/// assert_eq!(nearest("oracle", known), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = plain(word).take(MOST_SHOWN).collect();
    if given.is_empty() {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let letters: Vec<char> = plain(candidate).collect();
        let shorter = given.len().min(letters.len());
        let begins = shorter >= SHORTEST_BEGINNING && given[..shorter] == letters[..shorter];
        let edits = if begins { 1 } else { distance(&given, &letters) };
        let most = if shorter <= 2 { 0 } else { 1 + given.len() / 5 };
        if edits <= most && best.is_none_or(|b| edits < b.0) {
            best = Some((edits, candidate));
        }
    }
    best.map(|b| b.1)
}

/// Letters of a beginning that is taken for the word.
const SHORTEST_BEGINNING: usize = 4;

fn plain(word: &str) -> impl Iterator<Item = char> {
    word.chars().flat_map(char::to_lowercase).map(|c| if matches!(c, '_' | ' ') { '-' } else { c })
}

/// Edits between two words, two neighbours that changed places counting as one (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j - 1] + other).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOWN: [&str; 6] = ["single", "self-consistency", "adaptive", "esc", "beam", "mcts"];

    #[test]
    fn typing_errors_find_their_word_and_other_words_do_not() {
        for (word, near) in [
            ("adaptiv", Some("adaptive")),
            ("adpative", Some("adaptive")),
            ("ADAPTIVE", Some("adaptive")),
            ("self consistency", Some("self-consistency")),
            ("self-consistancy", Some("self-consistency")),
            ("mtcs", Some("mcts")),
            ("sc", None),
            ("e", None),
            ("", None),
            ("tree-of-thoughts", None),
        ] {
            assert_eq!(nearest(word, KNOWN), near, "{word}");
        }
    }

    #[test]
    fn settings_say_what_they_take() {
        let width = Setting::new("width", Kind::count(1, 9), DefaultValue::Count(4), "branches");
        assert_eq!(width.check(&0.into()), Err("a whole number from 1 to 9".into()));
        assert_eq!(width.check(&2.5.into()), Err("a whole number from 1 to 9".into()));
        assert_eq!(
            width.schema(),
            json!({"type": "integer", "minimum": 1, "maximum": 9, "description": "branches", "default": 4})
        );
        let share = Setting::new("keep", Kind::number(0.01, 1.0), DefaultValue::Number(0.9), "share that is kept");
        assert!(share.check(&1.into()).is_ok(), "a whole number is a number");
        assert_eq!(share.check(&"x".into()), Err("a number from 0.01 to 1".into()));
        let mode = Setting::new("mode", Kind::Word(&["online", "offline"]), DefaultValue::Text("online"), "when");
        assert_eq!(mode.check(&"offlin".into()), Err("online or offline (did you mean `offline`?)".into()));
        assert_eq!(mode.check(&7.into()), Err("online or offline".into()));
        let open = Setting::new("n", Kind::at_least(2), DefaultValue::Nothing, "so many");
        assert_eq!(open.schema(), json!({"type": "integer", "minimum": 2, "description": "so many"}));
        assert_eq!(open.kind.takes(), "a whole number of at least 2");
        assert_eq!(open.default.words(), None);
    }

    #[test]
    fn a_long_text_in_the_place_of_a_name_is_cut() {
        let entry = Entry::new("esc", "windows");
        assert!(unknown("strategy", &"x".repeat(100_000), [&entry]).len() < 200);
    }

    proptest! {
        #[test]
        fn one_edit_of_a_long_word_is_found(word in 0usize..3, at in 0usize..6, letter in "[a-z]") {
            let word = KNOWN[word];
            let mut wrong: Vec<char> = word.chars().collect();
            let at = at.min(wrong.len());
            wrong.insert(at, letter.chars().next().unwrap());
            let wrong: String = wrong.into_iter().collect();
            prop_assert_eq!(nearest(&wrong, KNOWN), Some(word));
        }
    }
}
