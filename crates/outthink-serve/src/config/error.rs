//! What is wrong with a configuration, where, and how to mend it.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `upstreams[0].url`; empty where the whole text is at fault.
    pub path: String,
    /// Line and column from 1, where the problem lies in the file.
    pub at: Option<(usize, usize)>,
    /// The variable of the environment that brought the value in.
    pub variable: Option<String>,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Problem {
    /// A problem of the value at `path`.
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), at: None, variable: None, message: message.into() }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file's name.
    pub name: String,
    /// What is wrong; at least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(name: &str, problems: Vec<Problem>) -> Self {
        Self { name: name.to_owned(), problems }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            match (&problem.variable, problem.at) {
                (Some(variable), _) => write!(f, "{variable}: ")?,
                (None, Some((line, column))) => write!(f, "{}:{line}:{column}: ", self.name)?,
                (None, None) => write!(f, "{}: ", self.name)?,
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}
