//! The description of a strategy that stands beside its code, and the lookup by name.

use crate::allocator::AgreementContext;
use crate::{StrategyError, StrategySpec};
use outthink_core::{AllocationTable, DefaultValue, Entry, Setting, Strategy, unknown};
use serde_json::Value;
use std::sync::Arc;

pub use crate::strategies::REGISTRY;

/// A strategy's description and how it is made.
///
/// ```
/// use outthink_strategy::registry::{Takes, find};
///
/// let beam = find("beam")?;
/// assert!(beam.entry.setting("width").is_some());
/// assert!(!beam.takes(Takes::Arms));
/// let error = find("cascad").unwrap_err().to_string();
/// assert_eq!(error, "unknown strategy `cascad` (did you mean `cascade`?)");
/// # Ok::<(), outthink_strategy::StrategyError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct StrategyEntry {
    /// Name, line, paper, settings and needs.
    pub entry: Entry,
    /// When it stops, in words.
    pub stops: &'static str,
    /// How many samples it draws.
    pub draws: Draws,
    /// What it takes from a plan beside the limits that all take.
    pub takes: &'static [Takes],
    /// Makes the machine.
    pub(crate) build: fn(&mut Build<'_>) -> Result<Box<dyn Strategy>, StrategyError>,
}

/// How many samples a strategy draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draws {
    /// One, whatever the limit is. Equal seeds and greedy decoding are right for it.
    One,
    /// One or more.
    Any,
    /// Two or more: with a limit of one it is nothing but `single`.
    Several,
}

/// What some strategies take from a plan and others refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Further arms: models, or prompts.
    Arms,
    /// The target confidence.
    Target,
    /// The cap and the floor on the reasoning.
    Thinking,
    /// An allocation table.
    Table,
}

impl StrategyEntry {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.entry.name
    }

    /// Whether it takes something.
    pub fn takes(&self, what: Takes) -> bool {
        self.takes.contains(&what)
    }
}

/// The strategy of that name.
///
/// # Errors
/// With a suggestion, or with all names, where there is none.
pub fn find(name: &str) -> Result<&'static StrategyEntry, StrategyError> {
    REGISTRY.iter().copied().find(|s| s.entry.name == name).ok_or_else(|| {
        let known = REGISTRY.iter().map(|s| &s.entry);
        StrategyError(unknown("strategy", name, known))
    })
}

/// The names of all strategies, in the order of the docs.
pub fn names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|s| s.entry.name)
}

/// The names of the strategies that take something, for messages.
pub fn that_take(what: Takes) -> String {
    let names: Vec<&str> = REGISTRY.iter().filter(|s| s.takes(what)).map(|s| s.entry.name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

/// What a strategy is made of: the limits of the plan, and the settings of its entry, read one by one.
pub(crate) struct Build<'a> {
    spec: &'a StrategySpec,
    entry: &'static StrategyEntry,
    read: Vec<&'static str>,
}

impl<'a> Build<'a> {
    /// Begins with the settings checked against the entry.
    pub(crate) fn new(spec: &'a StrategySpec, entry: &'static StrategyEntry) -> Result<Self, StrategyError> {
        let build = Self { spec, entry, read: Vec::new() };
        for (name, value) in spec.settings.iter() {
            let Some(setting) = entry.entry.setting(name) else {
                return Err(StrategyError(entry.entry.unknown_setting("strategy", name)));
            };
            if !value.is_null() {
                setting.check(value).map_err(|takes| build.wrong(name, value, &takes))?;
            }
            if setting.name != name && spec.settings.get(setting.name).is_some() {
                let words = format!("`{name}` is the former name of `{}`, which is set too: give one", setting.name);
                return Err(StrategyError(words));
            }
        }
        Ok(build)
    }

    /// Makes the machine.
    pub(crate) fn finish(mut self) -> Result<Box<dyn Strategy>, StrategyError> {
        let machine = (self.entry.build)(&mut self)?;
        // What an entry promises and no code reads would be swallowed.
        match self.entry.entry.settings.iter().find(|s| !self.read.contains(&s.name)) {
            None => Ok(machine),
            Some(unread) => {
                Err(StrategyError(format!("{} does not read its setting `{}`", self.entry.name(), unread.name)))
            }
        }
    }

    /// Samples at most; for a search, paths or rollouts.
    pub(crate) const fn samples(&self) -> u32 {
        self.spec.max_samples
    }

    /// Generated tokens of one sample at most.
    pub(crate) const fn max_tokens(&self) -> Option<u64> {
        self.spec.max_tokens_per_sample
    }

    /// The target confidence.
    pub(crate) const fn target(&self) -> f64 {
        self.spec.target_confidence
    }

    /// The floor and the cap on the reasoning.
    pub(crate) const fn thinking(&self) -> (Option<u64>, Option<u64>) {
        (self.spec.thinking_floor, self.spec.thinking_cap)
    }

    /// The allocation table, where there is one.
    pub(crate) const fn table(&self) -> Option<&'a Arc<AllocationTable>> {
        self.spec.table.as_ref()
    }

    /// What weighs votes by the look of their answers, where the host keeps it.
    pub(crate) const fn agreement(&self) -> Option<&'a Arc<AgreementContext>> {
        self.spec.agreement.as_ref()
    }

    /// A whole number.
    pub(crate) fn count(&mut self, name: &'static str) -> Result<u32, StrategyError> {
        let (value, setting) = self.given(name)?;
        let default = if let DefaultValue::Count(n) = setting.default { Some(n) } else { None };
        let number = value.and_then(Value::as_u64).or(default).and_then(|n| u32::try_from(n).ok());
        number.ok_or_else(|| self.without_default(name))
    }

    /// A whole number whose default depends on the limits.
    pub(crate) fn count_or(&mut self, name: &'static str, default: u32) -> Result<u32, StrategyError> {
        let (value, _) = self.given(name)?;
        Ok(value.and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(default))
    }

    /// As [`Build::count_or`], of at most `most`.
    pub(crate) fn count_up_to(&mut self, name: &'static str, default: u32, most: u32) -> Result<u32, StrategyError> {
        let count = self.count_or(name, default.min(most))?;
        if count <= most {
            return Ok(count);
        }
        Err(self.wrong(name, &count.into(), &format!("a whole number from 1 to {most}, the number of samples")))
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<f64, StrategyError> {
        let (value, setting) = self.given(name)?;
        let default = if let DefaultValue::Number(n) = setting.default { Some(n) } else { None };
        value.and_then(Value::as_f64).or(default).ok_or_else(|| self.without_default(name))
    }

    /// A number whose default depends on the limits.
    pub(crate) fn number_or(&mut self, name: &'static str, default: f64) -> Result<f64, StrategyError> {
        Ok(self.given(name)?.0.and_then(Value::as_f64).unwrap_or(default))
    }

    /// Whether a request that offers tools gets one sample.
    pub(crate) fn tools_once(&self) -> bool {
        self.spec.tools_once
    }

    /// A word, or a text in which `\n` stood for a line break.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, StrategyError> {
        let (value, setting) = self.given(name)?;
        match (value.and_then(Value::as_str), setting.default) {
            (Some(text), _) => Ok(text.replace("\\n", "\n")),
            (None, DefaultValue::Text(text)) => Ok(text.to_owned()),
            (None, _) => Err(self.without_default(name)),
        }
    }

    /// The value of a setting, checked before, and its description.
    fn given(&mut self, name: &'static str) -> Result<(Option<&'a Value>, &'static Setting), StrategyError> {
        self.read.push(name);
        let Some(setting) = self.entry.entry.setting(name) else {
            return Err(StrategyError(format!("the entry of {} lacks its setting `{name}`", self.entry.name())));
        };
        let settings = &self.spec.settings;
        let value = settings.get(name).or_else(|| settings.get(setting.former?));
        Ok((value.filter(|v| !v.is_null()), setting))
    }

    pub(crate) fn wrong(&self, name: &str, value: &Value, takes: &str) -> StrategyError {
        StrategyError(format!("the setting `{name}` of {} is {value}: give {takes}", self.entry.name()))
    }

    fn without_default(&self, name: &str) -> StrategyError {
        StrategyError(format!("the setting `{name}` of {} has no default of its kind", self.entry.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::{Effort, Kind, Needs};
    use std::collections::BTreeSet;

    fn spec(entry: &StrategyEntry) -> StrategySpec {
        StrategySpec { name: entry.name().to_owned(), max_samples: 4, ..StrategySpec::for_effort(Effort::Low) }
    }

    #[test]
    fn each_entry_builds_with_its_defaults_and_bears_its_own_name() {
        for entry in REGISTRY {
            let built = spec(entry).build().unwrap_or_else(|e| panic!("{}: {e}", entry.name()));
            assert_eq!(built.name(), entry.name());
        }
        assert_eq!(names().collect::<BTreeSet<_>>().len(), REGISTRY.len(), "names are unique");
    }

    #[test]
    fn each_entry_is_described() {
        for entry in REGISTRY {
            let Entry { name, line, settings, .. } = entry.entry;
            assert!(!line.is_empty() && !line.ends_with('.') && line.chars().count() <= 100, "{name}: {line}");
            assert!(!entry.stops.is_empty(), "{name}");
            assert!(entry.entry.paper.is_some_and(|p| p.url.starts_with("https://")), "{name} names its source");
            let unique: BTreeSet<&str> = settings.iter().map(|s| s.name).collect();
            assert_eq!(unique.len(), settings.len(), "{name}");
            for setting in settings {
                assert!(!setting.about.is_empty() && !setting.about.ends_with('.'), "{name}.{}", setting.name);
            }
        }
    }

    #[test]
    fn defaults_lie_in_their_ranges_and_what_lies_outside_is_refused() {
        for entry in REGISTRY {
            for setting in entry.entry.settings {
                let default = match setting.default {
                    DefaultValue::Count(n) => Value::from(n),
                    DefaultValue::Number(n) => Value::from(n),
                    DefaultValue::Text(text) => Value::from(text),
                    DefaultValue::Derived(_) => continue,
                    DefaultValue::Nothing => panic!("{}.{} has no default", entry.name(), setting.name),
                };
                assert_eq!(setting.check(&default), Ok(()), "{}.{}", entry.name(), setting.name);
                let wrong = match setting.kind {
                    Kind::Count { most, .. } => Value::from(most + 1),
                    Kind::Number { most, .. } => Value::from(most + 1.0),
                    Kind::Word(_) => Value::from("no-such-word"),
                    Kind::Text => Value::from(1),
                };
                let mut spec = spec(entry);
                spec.settings.set(setting.name, wrong);
                let error = spec.build().err().map(|e| e.to_string()).unwrap_or_default();
                let begins = format!("the setting `{}` of {} is ", setting.name, entry.name());
                assert!(error.starts_with(&begins), "{}.{}: {error}", entry.name(), setting.name);
            }
        }
    }

    #[test]
    fn a_former_name_is_read_but_not_beside_the_new_one() {
        for entry in REGISTRY {
            for setting in entry.entry.settings {
                let Some(former) = setting.former else { continue };
                assert!(entry.entry.settings.iter().all(|s| s.name != former), "{}.{former}", entry.name());
                let build = |names: &[&str]| {
                    let mut spec = spec(entry);
                    for name in names {
                        spec.settings.set(*name, 0.25);
                    }
                    Build::new(&spec, entry).and_then(|mut build| build.number(setting.name))
                };
                assert_eq!(build(&[former]).unwrap(), 0.25);
                let error = build(&[former, setting.name]).unwrap_err().to_string();
                assert_eq!(
                    error,
                    format!("`{former}` is the former name of `{}`, which is set too: give one", setting.name)
                );
            }
        }
        let error = find("allocate").unwrap().entry.unknown_setting("strategy", "dear");
        assert!(!error.contains("dear_right"), "errors name what is current: {error}");
    }

    #[test]
    fn what_a_machine_needs_is_what_its_entry_says() {
        for entry in REGISTRY {
            let Needs { logprobs, values, continuation, verifier, comparer, arms, .. } =
                spec(entry).build().unwrap().needs();
            let said = |word: &str| entry.entry.needs.contains(word);
            assert_eq!(logprobs || values, said("log-probabilities"), "{}", entry.name());
            assert_eq!(continuation, said("continuation"), "{}", entry.name());
            assert_eq!(verifier || values, said("verifier"), "{}", entry.name());
            assert_eq!(comparer, said("comparer"), "{}", entry.name());
            assert_eq!(arms > 1, said("arm"), "{}", entry.name());
        }
    }

    #[test]
    fn names_that_the_field_uses_lead_to_ours() {
        for (word, ours) in [("majority-vote", "self-consistency"), ("bon", "best-of-n"), ("s1", "budget-forcing")] {
            assert_eq!(find(word).unwrap_err().0, format!("unknown strategy `{word}` (did you mean `{ours}`?)"));
        }
        assert!(find("oracle").unwrap_err().0.starts_with("unknown strategy `oracle`: use single, "));
    }
}
