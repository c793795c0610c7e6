//! Settings of strategies by name, and their check.

use crate::StrategyError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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

/// Reads the settings of one strategy and learns which ones it knows.
pub(crate) struct Reader<'a> {
    strategy: &'a str,
    settings: &'a Settings,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(strategy: &'a str, settings: &'a Settings) -> Self {
        Self { strategy, settings, known: Vec::new() }
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.settings.0.get(key).filter(|v| !v.is_null())
    }

    fn wrong(&self, key: &str, value: &Value, what: &str) -> StrategyError {
        StrategyError(format!("the setting `{key}` of {} is {value}: give {what}", self.strategy))
    }

    /// A whole number.
    pub(crate) fn count(
        &mut self,
        key: &'static str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> Result<u32, StrategyError> {
        let Some(value) = self.get(key) else { return Ok(default.clamp(*range.start(), *range.end())) };
        let given = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        let what = || match range.end() {
            &u32::MAX => format!("a whole number of at least {}", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        given.ok_or_else(|| self.wrong(key, value, &what()))
    }

    /// A number.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, StrategyError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let given = value.as_f64().filter(|n| range.contains(n));
        given.ok_or_else(|| self.wrong(key, value, &format!("a number from {} to {}", range.start(), range.end())))
    }

    /// One of some words; the first is the default.
    pub(crate) fn word(&mut self, key: &'static str, words: &[&'static str]) -> Result<&'static str, StrategyError> {
        let Some(value) = self.get(key) else { return Ok(words.first().copied().unwrap_or_default()) };
        let given = value.as_str().and_then(|given| words.iter().find(|w| **w == given).copied());
        given.ok_or_else(|| self.wrong(key, value, &words.join(" or ")))
    }

    /// A text, which may be empty; `\n` stands for a line break.
    pub(crate) fn text(&mut self, key: &'static str, default: &str) -> Result<String, StrategyError> {
        match self.get(key) {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text.replace("\\n", "\n")),
            Some(value) => Err(self.wrong(key, value, "a text")),
        }
    }

    /// Refuses settings that the strategy does not know.
    pub(crate) fn finish(self) -> Result<(), StrategyError> {
        let Some(unknown) = self.settings.0.keys().find(|key| !self.known.contains(&key.as_str())) else {
            return Ok(());
        };
        let mend =
            if self.known.is_empty() { "it has none".to_owned() } else { format!("use {}", self.known.join(", ")) };
        Err(StrategyError(format!("the strategy {} has no setting `{unknown}`: {mend}", self.strategy)))
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
        let mut reader = Reader::new("beam", &settings);
        assert_eq!(reader.count("width", 2, 1..=9).unwrap(), 4);
        assert_eq!(reader.number("keep", 0.5, 0.0..=1.0).unwrap(), 0.9);
        assert_eq!(reader.text("at", "x").unwrap(), "\n\n");
        assert!(reader.finish().is_ok());
        assert!(settings.set_pair("width=5").is_err_and(|e| e.to_string().contains("twice")));
        assert!(settings.set_pair("width").is_err());
    }

    #[test]
    fn errors_name_the_setting_and_the_mend() {
        let settings: Settings =
            [("width".to_owned(), Value::from(0)), ("deep".to_owned(), Value::from(1))].into_iter().collect();
        let mut reader = Reader::new("beam", &settings);
        let error = reader.count("width", 2, 1..=9).unwrap_err().to_string();
        assert_eq!(error, "the setting `width` of beam is 0: give a whole number from 1 to 9");
        let error = reader.finish().unwrap_err().to_string();
        assert_eq!(error, "the strategy beam has no setting `deep`: use width");
    }
}
