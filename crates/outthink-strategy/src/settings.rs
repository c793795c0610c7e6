//! Settings of strategies by name, and their check.

use crate::StrategyError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Settings of one strategy by name, as the command line and the API give them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Value>);

impl Settings {
    /// Sets one.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Sets one from `key=value`; a value that reads as a number is one.
    ///
    /// # Errors
    /// If there is no `=`, no key, or the key was set before.
    pub fn set_pair(&mut self, pair: &str) -> Result<(), StrategyError> {
        let (key, value) = match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => (key.trim(), value.trim()),
            _ => return Err(StrategyError(format!("`{pair}` sets nothing: give key=value, such as width=4"))),
        };
        if self.0.contains_key(key) {
            return Err(StrategyError(format!("`{key}` is set twice: give it once")));
        }
        let number = value.parse::<u64>().map(Value::from).or_else(|_| value.parse::<f64>().map(Value::from));
        self.set(key, number.unwrap_or_else(|_| Value::from(value)));
        Ok(())
    }
}

impl FromIterator<(String, Value)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_what_they_look_like() {
        let mut settings = Settings::default();
        for pair in ["width=4", "keep=0.9", " at = \\n\\n"] {
            settings.set_pair(pair).unwrap();
        }
        assert_eq!(settings.get("width"), Some(&4.into()));
        assert_eq!(settings.get("keep"), Some(&0.9.into()));
        assert_eq!(settings.get("at"), Some(&"\\n\\n".into()));
        assert!(settings.set_pair("width=5").is_err_and(|e| e.to_string().contains("twice")));
        assert!(settings.set_pair("width").is_err());
    }
}
