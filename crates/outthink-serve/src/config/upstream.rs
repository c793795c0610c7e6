//! `[[upstreams]]`, `[[models]]` and `[balance]`: where samples come from.

use outthink_core::{LongPrice, Price, PriceError, per_million_usd};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// A server with models.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Its name here: in `models`, logs and metrics.
    pub name: String,
    /// Its address, with or without `/v1`.
    pub url: String,
    /// The variable of the environment that holds its key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Its share of the samples, relative to the others; above 0.
    #[serde(default = "one")]
    pub weight: f64,
    /// Samples in flight there at most.
    #[serde(default = "many")]
    pub max_in_flight: usize,
    /// Retries of one sample at most, before its first word; where there are other upstreams, they are
    /// tried first.
    #[serde(default = "three")]
    pub retries: u32,
    /// Seconds until a connection stands.
    #[serde(default = "ten")]
    pub connect_seconds: f64,
    /// Seconds from the request to the first token; while the upstream streams other replies, from the last piece of
    /// those, since the request waits in its queue.
    #[serde(default = "two_minutes")]
    pub first_token_seconds: f64,
    /// Seconds between two events.
    #[serde(default = "one_minute")]
    pub idle_seconds: f64,
    /// Seconds that one sample may take in all.
    #[serde(default = "one_hour")]
    pub total_seconds: f64,
    /// How it differs from the OpenAI API, by the name of a dialect such as `vllm`; guessed from its address
    /// and its list of models where left out. Whoever connects to it knows the names.
    #[serde(default)]
    pub dialect: Option<String>,
    /// What it speaks: `openai` (the chat completions API), `anthropic`, `gemini` or `bedrock`; by its address where
    /// left out, and `openai` where that is not the provider's own. Whoever connects to it knows the names.
    #[serde(default)]
    pub protocol: Option<String>,
}

/// A model that clients may name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name for clients.
    pub name: String,
    /// The upstreams that serve it, by name; all of them where left out.
    #[serde(default)]
    pub upstreams: Vec<String>,
    /// Its name at the upstreams; `name` where left out.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// Dollars for a million prompt tokens; without a price of its own the model is free, or has the price that
    /// `[prices]` lists.
    #[serde(default)]
    pub input_usd: Option<f64>,
    /// Dollars for a million cached prompt tokens; `input_usd` where left out.
    #[serde(default)]
    pub cached_usd: Option<f64>,
    /// Dollars for a million generated tokens.
    #[serde(default)]
    pub output_usd: Option<f64>,
    /// Dollars for a million prompt tokens that are written to a cache; `input_usd` where left out.
    #[serde(default)]
    pub cache_write_usd: Option<f64>,
    /// Dollars for a million of those that are kept for an hour; `cache_write_usd` where left out.
    #[serde(default)]
    pub cache_write_1h_usd: Option<f64>,
    /// Dollars for a million generated tokens of reasoning; `output_usd` where left out.
    #[serde(default)]
    pub reasoning_usd: Option<f64>,
    /// What a request with a long prompt costs in place of these.
    #[serde(default)]
    pub long: Option<Long>,
    /// Its name in the list of prices; its name at the upstreams where left out.
    #[serde(default)]
    pub price_as: Option<String>,
    /// The price that the list has for it.
    #[serde(skip)]
    pub listed: Option<Price>,
    /// Prompt and generated tokens together at most; asked of the upstream where left out.
    #[serde(default)]
    pub context: Option<u64>,
    /// Models that answer in its place while none of its upstreams can, in this order.
    #[serde(default)]
    pub fallbacks: Vec<String>,
}

/// What all tokens of a request cost whose prompt is long, in dollars for a million tokens. What is left out costs as
/// much as in a short one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Long {
    /// Tokens of the prompt above which it holds.
    pub above_tokens: u64,
    /// Prompt tokens.
    #[serde(default)]
    pub input_usd: Option<f64>,
    /// Cached prompt tokens.
    #[serde(default)]
    pub cached_usd: Option<f64>,
    /// Generated tokens.
    #[serde(default)]
    pub output_usd: Option<f64>,
    /// Prompt tokens that are written to a cache.
    #[serde(default)]
    pub cache_write_usd: Option<f64>,
    /// Those of them that are kept for an hour.
    #[serde(default)]
    pub cache_write_1h_usd: Option<f64>,
    /// Generated tokens of reasoning.
    #[serde(default)]
    pub reasoning_usd: Option<f64>,
}

/// How samples are spread over several upstreams: to the one with the least outstanding tokens for its
/// weight, the samples of one prompt together as far as that allows.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Balance {
    /// Seconds between two looks at an upstream's health; 0 is never.
    pub probe_seconds: f64,
    /// Start a sample once more elsewhere when its first words are later than nearly all others were;
    /// the first to speak is kept. Such a sample pays its prompt twice.
    pub hedge: bool,
}

impl Default for Balance {
    fn default() -> Self {
        Self { probe_seconds: 10.0, hedge: false }
    }
}

impl Model {
    /// What it charges.
    ///
    /// # Errors
    /// If a figure is negative or not finite.
    pub fn price(&self) -> Result<Price, PriceError> {
        if let Some(price) = self.listed {
            return Ok(price);
        }
        let input = self.input_usd.unwrap_or(0.0);
        let price = Price {
            cache_write: self.cache_write_usd.map(per_million_usd).transpose()?,
            cache_write_1h: self.cache_write_1h_usd.map(per_million_usd).transpose()?,
            reasoning: self.reasoning_usd.map(per_million_usd).transpose()?,
            ..Price::per_million_usd(input, self.cached_usd.unwrap_or(input), self.output_usd.unwrap_or(0.0))?
        };
        let Some(long) = &self.long else { return Ok(price) };
        let or = |own: Option<f64>, short: u64| own.map_or(Ok(short), per_million_usd);
        let input = or(long.input_usd, price.input)?;
        // A cache costs what fresh tokens do, unless one of the two says otherwise.
        let cached = if long.cached_usd.is_none() && self.cached_usd.is_none() { input } else { price.cached };
        let long = LongPrice {
            above: long.above_tokens,
            input,
            cached: or(long.cached_usd, cached)?,
            output: or(long.output_usd, price.output)?,
            cache_write: long.cache_write_usd.map(per_million_usd).transpose()?.or(price.cache_write),
            cache_write_1h: long.cache_write_1h_usd.map(per_million_usd).transpose()?.or(price.cache_write_1h),
            reasoning: long.reasoning_usd.map(per_million_usd).transpose()?.or(price.reasoning),
        };
        Ok(Price { long: Some(long), ..price })
    }

    /// Its name at the upstreams.
    pub fn upstream_name(&self) -> &str {
        self.upstream_model.as_deref().unwrap_or(&self.name)
    }
}

const fn one() -> f64 {
    1.0
}

const fn three() -> u32 {
    3
}

const fn many() -> usize {
    8_192
}

const fn ten() -> f64 {
    10.0
}

const fn one_minute() -> f64 {
    60.0
}

const fn two_minutes() -> f64 {
    120.0
}

const fn one_hour() -> f64 {
    3_600.0
}
