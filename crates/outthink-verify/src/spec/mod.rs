//! What judges samples, as it is written: on the command line, in a request and in the configuration.
//!
//! One type, [`VerifierSpec`], for all three. As text it is `KIND` or `KIND:ARGUMENT`, such as `numeric:42`; in
//! JSON it is that text, a name that the operator gave, or an object with one key, such as
//! `{"numeric": 42}`. Reading it opens no file and asks no server, so that a wrong word is found before
//! anything is fetched.
//!
//! Each kind is described by a [`VerifierEntry`] beside its code; [`REGISTRY`] lists them.

mod outside;

use crate::checker::{self, Checker, CheckerError};
use outthink_core::{Entry, unknown};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// All kinds, in the order of the docs. A new one is a file of its own, its `mod`, and a line here.
pub const REGISTRY: &[&VerifierEntry] = &[
    &outside::ITSELF,
    &checker::numeric::ENTRY,
    &checker::close_to::ENTRY,
    &checker::pattern::ENTRY,
    &checker::json_schema::ENTRY,
    &checker::countdown::ENTRY,
    &outside::PYTHON_TESTS,
    &outside::WASM,
    &outside::JUDGE,
    &outside::REWARD,
];

/// The description of a kind of verifier.
#[derive(Debug, Clone, Copy)]
pub struct VerifierEntry {
    /// Name, line (what the score is), paper and needs.
    pub entry: Entry,
    /// What stands behind the colon, in capitals; empty where nothing does.
    pub argument: &'static str,
    /// One as text.
    pub example: &'static str,
    /// The key of the JSON object; empty where a request cannot bring such a verifier.
    pub key: &'static str,
    /// What a score costs.
    pub costs: Costs,
    /// Who may name it.
    pub named_by: NamedBy,
    /// Whether the argument of the text names a file.
    pub file: bool,
    /// The JSON schema of the value behind the key.
    pub(crate) schema: fn() -> Value,
    /// Reads the argument; of a file, its content.
    pub(crate) read: fn(Argument<'_>) -> Result<VerifierSpec, CheckerError>,
}

/// What a score costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Costs {
    /// Nothing to speak of.
    Nothing,
    /// Processor time on the gateway's machine.
    Processor,
    /// Tokens of a model.
    Tokens,
}

impl Costs {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Processor => "processor time",
            Self::Tokens => "tokens",
        }
    }
}

/// Who may name a kind of verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// Requests, too.
    Anyone,
    /// The command line and the configuration: it opens files or asks servers.
    Operator,
}

/// What stands behind the colon or the key.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    /// Text.
    Text(&'a str),
    /// A value of a request.
    Json(&'a Value),
    /// The content of a file.
    Bytes(&'a [u8]),
}

impl<'a> Argument<'a> {
    /// The argument as text.
    ///
    /// # Errors
    /// If it is another JSON value, or bytes that are not UTF-8.
    pub fn text(self) -> Result<&'a str, CheckerError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Json(value) => value.as_str().ok_or_else(|| CheckerError("the value is not a text: give one".into())),
            Self::Bytes(bytes) => {
                std::str::from_utf8(bytes).map_err(|e| CheckerError(format!("the file is not UTF-8 text ({e})")))
            }
        }
    }
}

/// What judges samples, read and checked as far as that needs no file and no server.
///
/// ```
/// use outthink_verify::VerifierSpec;
/// use serde_json::json;
///
/// let spec: VerifierSpec = "numeric:42".parse()?;
/// assert!(matches!(&spec, VerifierSpec::Rule(rule) if rule.accepts("The answer is 42.")));
/// let same = VerifierSpec::from_request(&json!({"numeric": 42}))?;
/// assert!(matches!(same, VerifierSpec::Rule(_)));
/// let error = "numreic:42".parse::<VerifierSpec>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown verifier `numreic` (did you mean `numeric`?)");
/// # Ok::<(), outthink_verify::CheckerError>(())
/// ```
#[derive(Debug, Clone)]
pub enum VerifierSpec {
    /// The model of the request itself.
    Itself,
    /// Another model, named as an arm is.
    Judge {
        /// A name, a file or URL#MODEL.
        model: String,
    },
    /// A reward model behind a server.
    Reward {
        /// Which of its routes is asked: one of [`REWARD_SHAPES`].
        shape: &'static str,
        /// The server's address.
        url: String,
        /// The model's name there.
        model: String,
    },
    /// A rule.
    Rule(Checker),
    /// Unit tests in Python, as text.
    PythonTests(String),
    /// A WebAssembly module.
    Wasm(Vec<u8>),
    /// What a file holds; see [`VerifierSpec::with_content`].
    File {
        /// The kind.
        entry: &'static VerifierEntry,
        /// The file.
        path: PathBuf,
    },
    /// What the operator gave this name.
    Named(String),
}

pub use outside::REWARD_SHAPES;

/// The kind of that name.
///
/// # Errors
/// With a suggestion, or with all names, where there is none.
pub fn find(name: &str) -> Result<&'static VerifierEntry, CheckerError> {
    let known = REGISTRY.iter().copied();
    let found = known.clone().find(|e| e.entry.name == name);
    found.ok_or_else(|| CheckerError(unknown("verifier", name, known.map(|e| &e.entry))))
}

impl VerifierEntry {
    /// How it is written as text, such as `numeric:ANSWER`.
    pub fn form(&self) -> String {
        match self.argument {
            "" => self.entry.name.to_owned(),
            argument => format!("{}:{argument}", self.entry.name),
        }
    }

    fn of_text(&'static self, argument: Option<&str>) -> Result<VerifierSpec, CheckerError> {
        let name = self.entry.name;
        match (self.argument, argument.map(str::trim)) {
            ("", None) => (self.read)(Argument::Text("")),
            ("", Some(_)) => Err(CheckerError(format!("the verifier {name} takes no argument: give {name} alone"))),
            (wants, None | Some("")) => {
                Err(CheckerError(format!("the verifier {name} needs {wants}: give one such as {}", self.example)))
            }
            (_, Some(path)) if self.file => Ok(VerifierSpec::File { entry: self, path: path.into() }),
            (_, Some(text)) => (self.read)(Argument::Text(text)),
        }
    }
}

impl FromStr for VerifierSpec {
    type Err = CheckerError;

    /// Reads `KIND` or `KIND:ARGUMENT`.
    fn from_str(text: &str) -> Result<Self, CheckerError> {
        match text.split_once(':') {
            Some((kind, argument)) => find(kind.trim())?.of_text(Some(argument)),
            None => find(text.trim())?.of_text(None),
        }
    }
}

impl VerifierSpec {
    /// Reads what a request asks for: a text or a name that the operator gave, or an object with one key.
    ///
    /// # Errors
    /// If it is of another form, of an unknown kind, of a kind that only the operator may name, or if its
    /// argument is wrong.
    pub fn from_request(value: &Value) -> Result<Self, CheckerError> {
        match value {
            Value::String(text) => match text.split_once(':') {
                Some((kind, argument)) => allowed(find(kind)?)?.of_text(Some(argument)),
                None if text == outside::ITSELF.entry.name => Ok(Self::Itself),
                None => Ok(Self::Named(text.clone())),
            },
            Value::Object(map) => {
                let mut entries = map.iter();
                let (Some((key, value)), None) = (entries.next(), entries.next()) else {
                    return Err(CheckerError(format!(
                        "a verifier is an object with one key: use {}",
                        keys().join(", ")
                    )));
                };
                let name = key.replace('_', "-");
                let named = |e: &&&VerifierEntry| !e.key.is_empty() && (e.key == key || e.entry.name == name);
                match REGISTRY.iter().find(named) {
                    Some(entry) => (entry.read)(Argument::Json(value)),
                    None => Err(find(&name).and_then(allowed).err().unwrap_or_else(|| {
                        CheckerError(format!("the verifier {name} takes no argument: give \"{name}\""))
                    })),
                }
            }
            _ => Err(CheckerError(format!(
                "a verifier is a name, a text such as \"{}\", or an object with one of the keys {}",
                checker::numeric::ENTRY.example,
                keys().join(", ")
            ))),
        }
    }

    /// The file that has to be read before there is a verifier.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The verifier of a file's content; any other is left as it is.
    ///
    /// # Errors
    /// If the content is not what the kind needs.
    pub fn with_content(self, content: &[u8]) -> Result<Self, CheckerError> {
        match self {
            Self::File { entry, .. } => (entry.read)(Argument::Bytes(content)),
            other => Ok(other),
        }
    }

    /// The JSON schema of what [`VerifierSpec::from_request`] reads.
    pub fn json_schema() -> Value {
        let text = json!({
            "type": "string",
            "description": format!(
                "a name that the operator gave, \"{}\" for the model itself, or a rule as text such as \"{}\"",
                outside::ITSELF.entry.name, checker::numeric::ENTRY.example
            ),
        });
        let object = |e: &&VerifierEntry| {
            let properties: Map<String, Value> = [(e.key.to_owned(), (e.schema)())].into_iter().collect();
            json!({
                "type": "object",
                "description": e.entry.line,
                "additionalProperties": false,
                "required": [e.key],
                "properties": properties,
            })
        };
        let objects = REGISTRY.iter().filter(|e| !e.key.is_empty()).map(object);
        json!({"oneOf": std::iter::once(text).chain(objects).collect::<Vec<_>>()})
    }
}

impl<'de> Deserialize<'de> for VerifierSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_request(&value).map_err(serde::de::Error::custom)
    }
}

/// The keys that a request may use.
fn keys() -> Vec<&'static str> {
    REGISTRY.iter().map(|e| e.key).filter(|key| !key.is_empty()).collect()
}

/// The kind, if a request may name it as text.
fn allowed(entry: &'static VerifierEntry) -> Result<&'static VerifierEntry, CheckerError> {
    if entry.named_by == NamedBy::Operator {
        let words =
            format!("the verifier {} is set up by the operator: ask for it by the name that it got", entry.entry.name);
        return Err(CheckerError(words));
    }
    if entry.file {
        let words = format!("a request names no files: give the content as {{\"{}\": …}}", entry.key);
        return Err(CheckerError(words));
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::DefaultValue;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn error(text: &str) -> String {
        text.parse::<VerifierSpec>().unwrap_err().to_string()
    }

    fn refused(value: &Value) -> String {
        VerifierSpec::from_request(value).unwrap_err().to_string()
    }

    #[test]
    fn each_entry_is_described_and_its_example_is_read() {
        let mut names = BTreeSet::new();
        for kind in REGISTRY {
            let Entry { name, line, settings, .. } = kind.entry;
            assert!(names.insert(name), "{name} twice");
            assert!(!line.is_empty() && !line.ends_with('.') && line.chars().count() <= 100, "{name}: {line}");
            assert!(settings.iter().all(|s| s.default != DefaultValue::Nothing), "{name}");
            let spec: VerifierSpec = kind.example.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(spec.file().is_some(), kind.file, "{name}");
            assert_eq!(kind.example.contains(':'), !kind.argument.is_empty(), "{name}");
            assert_eq!(kind.named_by == NamedBy::Operator, kind.key.is_empty() && kind.entry.name != "self", "{name}");
        }
    }

    #[test]
    fn unknown_kinds_and_missing_arguments_say_what_to_write() {
        let names: Vec<&str> = REGISTRY.iter().map(|e| e.entry.name).collect();
        assert_eq!(error("foo:1"), format!("unknown verifier `foo`: use {}", names.join(", ")));
        assert_eq!(error("pattern:x"), "unknown verifier `pattern` (did you mean `regex`?)");
        assert_eq!(error("numeric"), "the verifier numeric needs ANSWER: give one such as numeric:42");
        assert_eq!(error("self:x"), "the verifier self takes no argument: give self alone");
        assert_eq!(
            error("reward:poling:http://h#m"),
            "unknown route `poling` of a reward model: use pooling, score or classify (did you mean `pooling`?)"
        );
        for game in ["24", "x=1,2", "24=1,b"] {
            let words = error(&format!("countdown:{game}"));
            assert!(words.contains("countdown:24=4,9,10,13"), "{game}: {words}");
        }
        assert!(error("countdown:24=1").contains("1 numbers"));
    }

    #[test]
    fn a_request_brings_rules_along_and_opens_no_files() {
        for value in [
            json!("self"),
            json!("numeric:7"),
            json!({"numeric": 7}),
            json!({"numeric": "1/2"}),
            json!({"pattern": "a+"}),
            json!({"regex": "a+"}),
            json!({"json_schema": {"type": "object"}}),
            json!({"json-schema": true}),
            json!({"python_tests": "assert True"}),
            json!({"countdown": {"target": 24, "numbers": [4, 9, 10, 13]}}),
            json!("my-reward-model"),
        ] {
            assert!(VerifierSpec::from_request(&value).is_ok(), "{value}");
            let spec: VerifierSpec = serde_json::from_value(value.clone()).unwrap();
            assert!(spec.file().is_none(), "{value}");
        }
        assert_eq!(
            refused(&json!("wasm:/etc/passwd")),
            "the verifier wasm is set up by the operator: ask for it by the name that it got"
        );
        assert_eq!(
            refused(&json!({"judge": "m"})),
            "the verifier judge is set up by the operator: ask for it by the name that it got"
        );
        assert_eq!(
            refused(&json!("json-schema:/etc/passwd")),
            "a request names no files: give the content as {\"json_schema\": …}"
        );
        assert_eq!(refused(&json!({"numreic": 1})), "unknown verifier `numreic` (did you mean `numeric`?)");
        assert!(refused(&json!({"numeric": 1, "pattern": "x"})).contains("one key"));
        assert!(refused(&json!({"self": true})).contains("takes no argument"));
        assert!(refused(&json!(7)).contains(&keys().join(", ")));
    }

    #[test]
    fn a_file_becomes_a_verifier_by_its_content() {
        let spec: VerifierSpec = "json-schema:a.json".parse().unwrap();
        assert_eq!(spec.file(), Some(Path::new("a.json")));
        let rule = spec.clone().with_content(br#"{"type": "array"}"#).unwrap();
        assert!(matches!(rule, VerifierSpec::Rule(rule) if rule.accepts("[1]") && !rule.accepts("{}")));
        assert!(spec.with_content(b"{").unwrap_err().to_string().contains("not JSON"));
        let tests: VerifierSpec = "python-tests:t.py".parse().unwrap();
        assert!(tests.clone().with_content(b"\xff").is_err());
        assert!(
            matches!(tests.with_content(b"assert f(1)").unwrap(), VerifierSpec::PythonTests(text) if text == "assert f(1)")
        );
    }

    #[test]
    fn the_schema_accepts_what_is_read() {
        let schema = VerifierSpec::json_schema();
        let check = jsonschema::validator_for(&schema).unwrap();
        for value in [json!("self"), json!({"numeric": 7}), json!({"countdown": {"target": 1, "numbers": [1, 2]}})] {
            assert!(check.is_valid(&value), "{value}");
        }
        for value in [
            json!(7),
            json!({"judge": "m"}),
            json!({"numeric": 7, "pattern": "x"}),
            json!({"countdown": {"target": 1}}),
        ] {
            assert!(!check.is_valid(&value), "{value}");
            assert!(VerifierSpec::from_request(&value).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(kind in "[a-z-]{0,12}|numeric|regex|countdown|reward|judge|self", rest in "\\PC{0,40}") {
            let text = format!("{kind}:{rest}");
            let _ = text.parse::<VerifierSpec>();
            let _ = VerifierSpec::from_request(&Value::from(text));
        }
    }
}
