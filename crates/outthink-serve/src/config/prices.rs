//! A list of prices that others keep: LiteLLM's `model_prices_and_context_window.json`.
//!
//! Its prices are dollars for one token, by the names of models. They are read as the decimals that they are, never
//! as binary fractions, and what a [`Price`] has no place for is named.

use super::{Config, ConfigError, Model, Problem, Source, place};
use outthink_core::{LongPrice, Price, nearest};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Decimal places of a price for one token that a price for a million tokens, in billionths of a dollar, has.
const PLACES: i64 = 15;
/// Entries that are no models.
const NO_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];
/// What is held, for prompts of any length and for long ones (`…_above_200k_tokens`).
const HELD: [&str; 6] = [INPUT, OUTPUT, CACHED, CACHE_WRITE, CACHE_WRITE_1H, REASONING];
const INPUT: &str = "input_cost_per_token";
const OUTPUT: &str = "output_cost_per_token";
const CACHED: &str = "cache_read_input_token_cost";
const CACHE_WRITE: &str = "cache_creation_input_token_cost";
const CACHE_WRITE_1H: &str = "cache_creation_input_token_cost_above_1hr";
const REASONING: &str = "output_cost_per_reasoning_token";
/// Names of similar models that an error gives.
const SIMILAR: usize = 4;

/// `[prices]`: where prices come from that models do not give themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// A file in the format of LiteLLM's `model_prices_and_context_window.json`. Models that give no `input_usd` and
    /// `output_usd` take theirs from it, by their name at the upstreams or by `price_as`.
    pub import: Option<std::path::PathBuf>,
}

/// A list of prices.
pub struct PriceList {
    entries: BTreeMap<String, BTreeMap<String, Box<RawValue>>>,
}

/// What a list says of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its price.
    pub price: Price,
    /// What of it cannot be held, each as `field = value`: a second limit of length,
    /// other kinds of service. Requests are billed without it.
    pub not_held: Vec<String>,
}

/// Why a list cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceListError {
    /// It has another form.
    #[error("the price list is not in LiteLLM's format: {0}")]
    Format(String),
    /// It does not have the model.
    #[error("the price list has no `{model}`{}: set price_as, or input_usd and output_usd", in_words(.similar))]
    Unknown {
        /// The model.
        model: String,
        /// Names that may be meant.
        similar: Vec<String>,
    },
    /// What it has cannot be charged.
    #[error("the price list says of `{model}` that {field} is {given}: {hint}")]
    Unusable {
        /// The model.
        model: String,
        /// The field.
        field: String,
        /// What is there.
        given: String,
        /// How to fix it.
        hint: &'static str,
    },
}

fn in_words(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" (did you mean {}?)", names.join(", ")) }
}

impl PriceList {
    /// Reads a list.
    ///
    /// # Errors
    /// If it is not an object of objects.
    pub fn read(text: &str) -> Result<Self, PriceListError> {
        let format = |error: serde_json::Error| PriceListError::Format(error.to_string());
        let all: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(format)?;
        let models = all.into_iter().filter(|(name, _)| !NO_MODELS.contains(&name.as_str()));
        let entries = models.map(|(name, entry)| match serde_json::from_str(entry.get()) {
            Ok(fields) => Ok((name, fields)),
            Err(error) => Err(PriceListError::Format(format!("`{name}`: {error}"))),
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The models, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// What it says of a model. Prices for prompts that are longer than `context` never apply.
    ///
    /// # Errors
    /// If the model is not listed, or not by tokens.
    pub fn find(&self, model: &str, context: Option<u64>) -> Result<Listed, PriceListError> {
        let Some(fields) = self.entries.get(model) else {
            return Err(PriceListError::Unknown { model: model.to_owned(), similar: self.similar(model) });
        };
        let of = |field: &str| -> Result<Option<u64>, PriceListError> {
            let Some(raw) = fields.get(field).map(|raw| raw.get()).filter(|raw| *raw != "null") else {
                return Ok(None);
            };
            per_million(raw).map(Some).map_err(|hint| {
                let (model, given) = (model.to_owned(), raw.chars().take(40).collect());
                PriceListError::Unusable { model, field: field.to_owned(), given, hint }
            })
        };
        let demanded = |field: &str, price: Option<u64>| {
            price.ok_or_else(|| PriceListError::Unusable {
                model: model.to_owned(),
                field: field.to_owned(),
                given: "missing".into(),
                hint: "only models that charge by tokens can be imported; set input_usd and output_usd",
            })
        };
        let input = demanded(INPUT, of(INPUT)?)?;
        // Embeddings generate nothing.
        let generates = fields.get("mode").is_none_or(|mode| mode.get() != "\"embedding\"");
        let output = if generates { demanded(OUTPUT, of(OUTPUT)?)? } else { of(OUTPUT)?.unwrap_or(0) };
        let own = |field, of_whole: u64| of(field).map(|price| price.filter(|price| *price != of_whole));
        let mut price = Price {
            input,
            cached: of(CACHED)?.unwrap_or(input),
            output,
            cache_write: own(CACHE_WRITE, input)?,
            cache_write_1h: of(CACHE_WRITE_1H)?,
            reasoning: own(REASONING, output)?,
            long: None,
        };
        let longest = context.or_else(|| fields.get("max_input_tokens")?.get().parse().ok());
        let reachable = |tokens: &u64| longest.is_none_or(|longest| longest > *tokens);
        let limit = fields.keys().filter_map(|name| held_above(name)).map(|(_, tokens)| tokens).filter(reachable).min();
        if let Some(above) = limit {
            let mut long = LongPrice {
                above,
                input,
                cached: price.cached,
                output,
                cache_write: price.cache_write,
                cache_write_1h: price.cache_write_1h,
                reasoning: price.reasoning,
            };
            let mut has_cached = price.cached != input;
            for (name, (field, _)) in
                fields.keys().filter_map(|name| Some((name, held_above(name).filter(|(_, tokens)| *tokens == above)?)))
            {
                let Some(figure) = of(name)? else { continue };
                match field {
                    INPUT => long.input = figure,
                    OUTPUT => long.output = figure,
                    CACHED => (long.cached, has_cached) = (figure, true),
                    CACHE_WRITE => long.cache_write = Some(figure),
                    CACHE_WRITE_1H => long.cache_write_1h = Some(figure),
                    _ => long.reasoning = Some(figure),
                }
            }
            // Where nothing has a price for cached tokens, they cost what fresh ones do.
            if !has_cached {
                long.cached = long.input;
            }
            price.long = Some(long);
        }
        let named = fields.iter().map(|(name, raw)| (name, raw.get()));
        let not_held = named.filter(|(name, raw)| is_lost(name, raw, limit, longest));
        let not_held = not_held.map(|(name, raw)| format!("{name} = {raw}")).collect();
        Ok(Listed { price, not_held })
    }

    /// Names that may be meant: of the same model at other providers, else the nearest one.
    fn similar(&self, model: &str) -> Vec<String> {
        let tail = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
        let wanted = tail(model);
        let same: Vec<String> =
            self.names().filter(|name| tail(name) == wanted).take(SIMILAR).map(str::to_owned).collect();
        if same.is_empty() { nearest(model, self.names()).map(str::to_owned).into_iter().collect() } else { same }
    }
}

/// Whether a field is a price that is not held, and that a request can meet. Those for prompts above `limit` are.
fn is_lost(name: &str, raw: &str, limit: Option<u64>, longest: Option<u64>) -> bool {
    let is_price = name.contains("cost") || name == "tiered_pricing";
    let is_held = HELD.contains(&name) || held_above(name).is_some_and(|(_, tokens)| Some(tokens) == limit);
    if !is_price || is_held || raw == "null" {
        return false;
    }
    if above(name).is_some_and(|tokens| longest.is_some_and(|longest| longest <= tokens)) {
        return false;
    }
    per_million(raw) != Ok(0)
}

/// The field that is held for long prompts, and above how many tokens.
fn held_above(name: &str) -> Option<(&'static str, u64)> {
    let (field, rest) = name.rsplit_once("_above_")?;
    let tokens = above(name)?;
    let is_all = rest.strip_suffix("_tokens").is_some_and(|number| !number.contains('_'));
    HELD.into_iter().find(|held| *held == field && is_all).map(|held| (held, tokens))
}

/// The tokens of the prompt above which a price holds: `…_above_200k_tokens`.
fn above(name: &str) -> Option<u64> {
    let (_, rest) = name.rsplit_once("_above_")?;
    let number = rest.split_once("_tokens")?.0;
    match number.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1_000),
        None => number.parse().ok(),
    }
}

/// Dollars for a token, as JSON writes them, in billionths of a dollar for a million tokens. Exact; what has more
/// decimal places than that is rounded up.
fn per_million(raw: &str) -> Result<u64, &'static str> {
    const NO_NUMBER: &str = "give a number of dollars for a token";
    const TOO_LARGE: &str = "no token costs as much";
    let (mantissa, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().map_err(|_| NO_NUMBER)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(if digits.starts_with('-') { "a price is 0 or more" } else { NO_NUMBER });
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let fraction = i64::try_from(fraction.len()).map_err(|_| NO_NUMBER)?;
    let shift = exponent.checked_sub(fraction).and_then(|shift| shift.checked_add(PLACES)).ok_or(NO_NUMBER)?;
    let length = i64::try_from(digits.len()).map_err(|_| NO_NUMBER)?;
    if length.saturating_add(shift) > 19 {
        return Err(TOO_LARGE);
    }
    if shift >= 0 {
        let zeros = usize::try_from(shift).map_err(|_| TOO_LARGE)?;
        return format!("{digits}{}", "0".repeat(zeros)).parse().map_err(|_| TOO_LARGE);
    }
    // Everything behind the last place rounds up.
    let kept = usize::try_from(length.saturating_add(shift)).unwrap_or(0);
    let (kept, rest) = digits.split_at(kept);
    let number: u64 = if kept.is_empty() { 0 } else { kept.parse().map_err(|_| TOO_LARGE)? };
    Ok(number + u64::from(rest.bytes().any(|b| b != b'0')))
}

impl Config {
    /// Gives the models that name no price of their own the price that the list has for them. What cannot be held
    /// comes back, a line for each model.
    ///
    /// # Errors
    /// All models that the list does not have.
    pub fn take_prices(&mut self, list: &PriceList, source: &Source) -> Result<Vec<String>, ConfigError> {
        let (mut notes, mut problems) = (Vec::new(), Vec::new());
        for (i, model) in self.models.iter_mut().enumerate() {
            if model.has_own_price() {
                continue;
            }
            match list.find(model.listed_as(), model.context) {
                Ok(listed) => {
                    model.listed = Some(listed.price);
                    if !listed.not_held.is_empty() {
                        let lost = listed.not_held.join(", ");
                        notes.push(format!("the price of `{}` is used without {lost}", model.name));
                    }
                }
                Err(error) => problems.push(Problem::new(format!("models[{i}].name"), error.to_string())),
            }
        }
        if problems.is_empty() {
            return Ok(notes);
        }
        let problems = problems.into_iter().map(|problem| place::located(&source.text, problem)).collect();
        Err(ConfigError::new(&source.name, problems))
    }
}

impl Model {
    /// Whether it gives a price itself.
    pub(super) const fn has_own_price(&self) -> bool {
        self.input_usd.is_some()
            || self.output_usd.is_some()
            || self.cached_usd.is_some()
            || self.cache_write_usd.is_some()
            || self.cache_write_1h_usd.is_some()
            || self.reasoning_usd.is_some()
            || self.long.is_some()
    }

    /// Its name in a list of prices.
    fn listed_as(&self) -> &str {
        self.price_as.as_deref().unwrap_or_else(|| self.upstream_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However a decimal is written, it is read to the last place.
        #[test]
        fn decimals_are_read_exactly(nano in 0u64..1_000_000_000_000_000, zeros in 0usize..4) {
            // `nano` billionths for a million tokens are `nano` e-15 dollars for one.
            let text = format!("{nano:016}");
            let (whole, fraction) = text.split_at(text.len() - 15);
            prop_assert_eq!(per_million(&format!("{whole}.{fraction}{}", "0".repeat(zeros))), Ok(nano));
            prop_assert_eq!(per_million(&format!("{nano}e-15")), Ok(nano));
            prop_assert_eq!(per_million(&format!("{nano}.0E-15")), Ok(nano));
            prop_assert_eq!(per_million(&format!("{nano}.1e-15")), Ok(nano + 1));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,24}") {
            let _ = per_million(&text);
            let _ = PriceList::read(&text);
            let _ = above(&text);
        }
    }

    #[test]
    fn prices_that_are_none_are_refused() {
        for bad in ["-1e-6", "\"1e-6\"", "", "1e", "e5", "NaN", "[]", "1e99999999999999999999", "1e10", "--1", "1.2.3"]
        {
            assert!(per_million(bad).is_err(), "{bad}");
        }
        assert_eq!(per_million("2.5e-06"), Ok(2_500_000_000));
        assert_eq!(per_million("1e-30"), Ok(1));
        assert_eq!(per_million("0e-30"), Ok(0));
    }

    /// A list of our own making, in the format.
    const LIST: &str = r#"{
        "sample_spec": {"mode": "one of: chat", "input_cost_per_token": "in words"},
        "plain": {"mode": "chat", "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07,
            "cache_read_input_token_cost": 7.5e-08, "output_cost_per_reasoning_token": 6e-07},
        "maker/long": {"mode": "chat", "max_input_tokens": 1000000, "input_cost_per_token": 0.0000025,
            "output_cost_per_token": 0.000015, "input_cost_per_token_above_200k_tokens": 5e-6,
            "input_cost_per_token_above_272k_tokens": 7e-6, "output_cost_per_token_above_200k_tokens_priority": 3e-5,
            "cache_creation_input_token_cost": 3.125e-6, "cache_creation_input_token_cost_above_1hr": 5e-6, "output_cost_per_reasoning_token": 2e-5,
            "input_cost_per_token_flex": 0.0, "tiered_pricing": [1]},
        "vectors": {"mode": "embedding", "input_cost_per_token": 2e-08},
        "image": {"mode": "image_generation", "output_cost_per_image": 0.04},
        "odd": {"input_cost_per_token": "much", "output_cost_per_token": 1e-6}
    }"#;

    #[test]
    fn prices_are_found_and_what_cannot_be_held_is_named() {
        let list = PriceList::read(LIST).unwrap();
        let plain = list.find("plain", None).unwrap();
        let price = Price { input: 150_000_000, cached: 75_000_000, output: 600_000_000, ..Price::default() };
        assert_eq!(plain.price, price, "reasoning at the price of all output has none of its own");
        assert!(plain.not_held.is_empty(), "{plain:?}");
        let long = list.find("maker/long", None).unwrap();
        let above = LongPrice {
            above: 200_000,
            input: 5_000_000_000,
            cached: 5_000_000_000,
            output: 15_000_000_000,
            cache_write: Some(3_125_000_000),
            cache_write_1h: Some(5_000_000_000),
            reasoning: Some(20_000_000_000),
        };
        let short = Price {
            input: 2_500_000_000,
            cached: 2_500_000_000,
            output: 15_000_000_000,
            cache_write: Some(3_125_000_000),
            cache_write_1h: Some(5_000_000_000),
            reasoning: Some(20_000_000_000),
            long: Some(above),
        };
        assert_eq!(long.price, short);
        assert_eq!(
            long.not_held,
            [
                "input_cost_per_token_above_272k_tokens = 7e-6",
                "output_cost_per_token_above_200k_tokens_priority = 3e-5",
                "tiered_pricing = [1]",
            ]
        );
        // A context that is shorter never meets the higher price.
        let short = list.find("maker/long", Some(200_000)).unwrap();
        assert!(!short.not_held.iter().any(|field| field.contains("above")), "{short:?}");
        assert_eq!(short.price.long, None);
        assert_eq!(list.find("vectors", None).unwrap().price.output, 0);
    }

    #[test]
    fn what_is_not_listed_is_an_error_that_helps() {
        let list = PriceList::read(LIST).unwrap();
        for (model, words) in [
            ("plane", "the price list has no `plane` (did you mean plain?)"),
            ("other/Long", "(did you mean maker/long?)"),
            ("nothing like it", "the price list has no `nothing like it`: set price_as"),
            ("sample_spec", "the price list has no `sample_spec`"),
            ("image", "input_cost_per_token is missing: only models that charge by tokens"),
            ("odd", "input_cost_per_token is \"much\": give a number"),
        ] {
            let error = list.find(model, None).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for text in ["", "[]", "{\"a\": 1}", "{\"a\": {}, }"] {
            assert!(matches!(PriceList::read(text), Err(PriceListError::Format(_))), "{text}");
        }
    }
}
