//! The laws that can be fitted, described once; each entry stands beside the code of its fit.

use outthink_core::Entry;

/// The description of a law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LawEntry {
    /// Name, line (what it is about) and paper.
    pub entry: Entry,
    /// The formula, in plain text.
    pub formula: &'static str,
    /// The measurements that it is fitted to, as `outthink fit` calls them.
    pub fitted_to: &'static str,
}

/// All laws, in the order of the docs.
///
/// # Examples
///
/// ```
/// let names: Vec<&str> = outthink_law::REGISTRY.iter().map(|law| law.entry.name).collect();
/// assert!(names.contains(&"chinchilla") && names.contains(&"coverage"));
/// ```
pub const REGISTRY: &[&LawEntry] = &[
    &crate::pretrain::CHINCHILLA,
    &crate::pretrain::KAPLAN,
    &crate::pretrain::FARSEER,
    &crate::pretrain::EXPERTS,
    &crate::pretrain::REPEATED,
    &crate::pretrain::ISOFLOP,
    &crate::rl::ENTRY,
    &crate::rl::POWER,
    crate::forms::Form::LogLinear.entry(),
    crate::forms::Form::PowerOfError.entry(),
    crate::forms::Form::Sigmoid.entry(),
    crate::forms::Form::SigmoidWithFloor.entry(),
    crate::forms::Form::RiseAndFall.entry(),
    &crate::best_of::ENTRY,
    &crate::coverage::ENTRY,
    &crate::coverage::POWER,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_law_is_described_once() {
        let names: BTreeSet<&str> = REGISTRY.iter().map(|law| law.entry.name).collect();
        assert_eq!(names.len(), REGISTRY.len());
        for law in REGISTRY {
            let name = law.entry.name;
            assert!(!law.entry.line.is_empty() && !law.entry.line.ends_with('.'), "{name}");
            assert!(law.formula.contains('='), "{name}");
            assert!(law.entry.paper.is_none_or(|p| p.url.starts_with("https://")), "{name}");
            assert!(["pretrain", "rl", "inference"].contains(&law.fitted_to), "{name}");
        }
    }

    #[test]
    fn forms_bear_the_names_of_their_entries_also_in_json() {
        for form in crate::forms::Form::ALL {
            assert_eq!(serde_json_name(form), form.entry().entry.name);
        }
    }

    /// The name that serde gives a form, without a JSON crate.
    fn serde_json_name(form: crate::forms::Form) -> String {
        let words = format!("{form:?}");
        let mut name = String::new();
        for letter in words.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }
}
