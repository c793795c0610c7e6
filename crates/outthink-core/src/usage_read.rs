//! Token counts as servers report them, whatever names they have and wherever they stand.
//!
//! A server's names are an entry in `SHAPES`, the places where it puts them an entry in `PLACES`. Counts are
//! settled by the total: what a server left out of its two parts is found there.

use crate::Usage;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::LazyLock;

/// Counts above this are not believed.
const MOST: u64 = 100_000_000;

/// What a server reported of the tokens of one request; `None` is unknown.
///
/// ```
/// use outthink_core::Usage;
///
/// // Reasoning counted next to the completion, as the total shows.
/// let body = serde_json::json!({"usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 312,
///     "completion_tokens_details": {"reasoning_tokens": 300}}});
/// let read = Usage::read(&body).unwrap();
/// assert_eq!((read.prompt, read.completion, read.reasoning), (Some(7), Some(305), Some(300)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageRead {
    /// Prompt tokens, the cached ones included.
    pub prompt: Option<u64>,
    /// Those of them that came from a cache.
    pub cached: Option<u64>,
    /// Prompt tokens that were written to a cache.
    pub cache_write: Option<u64>,
    /// Those of them that are kept for an hour.
    pub cache_write_1h: Option<u64>,
    /// Generated tokens, reasoning included.
    pub completion: Option<u64>,
    /// Those of them that were reasoning.
    pub reasoning: Option<u64>,
    /// Prompt and completion together. All that is known of embeddings on some servers.
    pub total: Option<u64>,
}

/// The names of one kind of server. Each is a list of JSON pointers, of which the first that holds a count
/// is taken; `*_apart` are added up.
struct Shape {
    /// It is this shape if one of these is there.
    has: &'static [&'static str],
    prompt: &'static [&'static str],
    /// Prompt tokens that the count of the prompt leaves out.
    prompt_apart: &'static [&'static str],
    cached: &'static [&'static str],
    completion: &'static [&'static str],
    /// Generated tokens that the count of the completion leaves out.
    completion_apart: &'static [&'static str],
    reasoning: &'static [&'static str],
    total: &'static [&'static str],
}

const NONE: &[&str] = &[];
const TOTAL: &[&str] = &["/total_tokens", "/totalTokens", "/totalTokenCount", "/total_token_count"];
/// Names of the cached part of the prompt, where the prompt's count includes it.
const CACHED: &[&str] = &[
    "/prompt_tokens_details/cached_tokens",
    "/prompt_token_details/cached_tokens",
    "/input_tokens_details/cached_tokens",
    "/promptTokensDetails/cachedTokens",
    "/prompt_cache_hit_tokens",
    "/cached_tokens",
    "/num_cached_tokens",
    "/cached_prompt_tokens",
    "/cached_input_tokens",
    "/cachedInputTokens",
    "/cache_read_input_tokens",
    "/cacheReadInputTokens",
    "/cache_read_tokens",
    "/prompt_tokens_details/cache_read_input_tokens",
];
/// Names of what was written to a cache, whichever shape it is in.
const CACHE_WRITE: &[&str] = &[
    "/cache_creation_input_tokens",
    "/cacheWriteInputTokens",
    "/prompt_tokens_details/cache_creation_tokens",
    "/prompt_tokens_details/cache_creation_input_tokens",
    "/prompt_tokens_details/cache_write_tokens",
    "/prompt_tokens_details/cached_creation_tokens",
    "/input_tokens_details/cache_creation_tokens",
    "/input_tokens_details/cache_write_tokens",
    "/cache_write_tokens",
    "/cache_write_input_tokens",
];
/// Names of those of them that are kept for an hour.
const CACHE_WRITE_1H: &[&str] = &[
    "/cache_creation/ephemeral_1h_input_tokens",
    "/prompt_tokens_details/cache_creation_token_details/ephemeral_1h_input_tokens",
];
const REASONING: &[&str] = &[
    "/completion_tokens_details/reasoning_tokens",
    "/output_tokens_details/reasoning_tokens",
    "/completion_token_details/reasoning_tokens",
    "/output_tokens_details/thinking_tokens",
    "/completionTokensDetails/reasoningTokens",
    "/reasoning_tokens",
    "/reasoningTokens",
    "/thinking_tokens",
];

/// What servers call their counts, the most common first.
const SHAPES: &[Shape] = &[
    // Chat completions, and all that copy them; DeepSeek's two halves of a prompt.
    Shape {
        has: &["/prompt_tokens", "/completion_tokens", "/prompt_cache_miss_tokens"],
        prompt: &["/prompt_tokens"],
        prompt_apart: NONE,
        cached: CACHED,
        completion: &["/completion_tokens", "/output_tokens"],
        completion_apart: NONE,
        reasoning: REASONING,
        total: TOTAL,
    },
    // Gemini: thinking and the results of its own tools are counted apart.
    Shape {
        has: &["/promptTokenCount", "/candidatesTokenCount", "/totalTokenCount", "/thoughtsTokenCount"],
        prompt: &["/promptTokenCount"],
        prompt_apart: &["/toolUsePromptTokenCount"],
        cached: &["/cachedContentTokenCount"],
        completion: &["/candidatesTokenCount", "/responseTokenCount"],
        completion_apart: &["/thoughtsTokenCount"],
        reasoning: &["/thoughtsTokenCount"],
        total: TOTAL,
    },
    // The same in snake case.
    Shape {
        has: &["/prompt_token_count", "/candidates_token_count", "/thoughts_token_count"],
        prompt: &["/prompt_token_count"],
        prompt_apart: &["/tool_use_prompt_token_count"],
        cached: &["/cached_content_token_count"],
        completion: &["/candidates_token_count"],
        completion_apart: &["/thoughts_token_count"],
        reasoning: &["/thoughts_token_count"],
        total: TOTAL,
    },
    // Anthropic: what a cache gave or took is not in the count of the input.
    Shape {
        has: &["/cache_read_input_tokens", "/cache_creation_input_tokens"],
        prompt: &["/input_tokens"],
        prompt_apart: &["/cache_read_input_tokens", "/cache_creation_input_tokens"],
        cached: &["/cache_read_input_tokens"],
        completion: &["/output_tokens"],
        completion_apart: NONE,
        reasoning: REASONING,
        total: TOTAL,
    },
    // Bedrock: the same in camel case.
    Shape {
        has: &["/cacheReadInputTokens", "/cacheWriteInputTokens"],
        prompt: &["/inputTokens"],
        prompt_apart: &["/cacheReadInputTokens", "/cacheWriteInputTokens"],
        cached: &["/cacheReadInputTokens"],
        completion: &["/outputTokens"],
        completion_apart: NONE,
        reasoning: REASONING,
        total: TOTAL,
    },
    // Cohere bills units, and counts tokens next to them.
    Shape {
        has: &["/tokens/input_tokens", "/tokens/output_tokens"],
        prompt: &["/tokens/input_tokens"],
        prompt_apart: NONE,
        cached: &["/cached_tokens", "/tokens/cached_tokens"],
        completion: &["/tokens/output_tokens"],
        completion_apart: NONE,
        reasoning: NONE,
        total: NONE,
    },
    // llama.cpp's timings: a prompt's cached tokens are counted apart.
    Shape {
        has: &["/predicted_n", "/prompt_n"],
        prompt: &["/prompt_n"],
        prompt_apart: &["/cache_n"],
        cached: &["/cache_n"],
        completion: &["/predicted_n"],
        completion_apart: NONE,
        reasoning: NONE,
        total: NONE,
    },
    // Responses, and what is left: Ollama, llama.cpp's own API, AI SDKs, TGI, Bedrock's metrics.
    Shape {
        has: &[
            "/input_tokens",
            "/output_tokens",
            "/total_tokens",
            "/inputTokens",
            "/outputTokens",
            "/promptTokens",
            "/completionTokens",
            "/totalTokens",
            "/prompt_eval_count",
            "/eval_count",
            "/tokens_predicted",
            "/tokens_evaluated",
            "/input_token_count",
            "/output_token_count",
            "/generated_token_count",
            "/inputTokenCount",
            "/outputTokenCount",
            "/generated_tokens",
            "/native_tokens_completion",
            "/billed_units/input_tokens",
        ],
        prompt: &[
            "/input_tokens",
            "/inputTokens",
            "/promptTokens",
            "/prompt_eval_count",
            "/tokens_evaluated",
            "/input_token_count",
            "/inputTokenCount",
            "/native_tokens_prompt",
            "/billed_units/input_tokens",
        ],
        prompt_apart: NONE,
        cached: CACHED,
        completion: &[
            "/output_tokens",
            "/outputTokens",
            "/completionTokens",
            "/eval_count",
            "/tokens_predicted",
            "/output_token_count",
            "/generated_token_count",
            "/outputTokenCount",
            "/generated_tokens",
            "/native_tokens_completion",
            "/billed_units/output_tokens",
        ],
        completion_apart: NONE,
        reasoning: REASONING,
        total: TOTAL,
    },
];

/// The names by which an object of counts is known.
static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let first = |pointer: &'static &str| pointer.split('/').nth(1);
    SHAPES.iter().flat_map(|shape| shape.has).filter_map(first).collect()
});

/// Where counts stand in a body or an event. The first that holds some wins; others fill its gaps.
const PLACES: &[&str] = &[
    "/usage",
    "/x_groq/usage",
    "/usageMetadata",
    "/usage_metadata",
    "/message/usage",
    "/response/usage",
    "/response/usageMetadata",
    "/delta/usage",
    "/metadata/usage",
    "/data/usage",
    "/meta",
    "/metrics",
    "/amazon-bedrock-invocationMetrics",
    "/details",
    "/results/0",
    "/timings",
    "",
];

impl Usage {
    /// What a body or an event reports of tokens, wherever it stands; `None` where it reports nothing, or
    /// zeros only.
    pub fn read(body: &Value) -> Option<UsageRead> {
        if let Value::Array(events) = body {
            return events.iter().filter_map(Self::read).reduce(UsageRead::later);
        }
        let known = |read: &UsageRead| read.is_known();
        let mut found = PLACES.iter().filter_map(|place| UsageRead::of(at(body, place)?)).filter(known);
        let first = found.next();
        let first = first.or_else(|| of_choices(body));
        let mut read = found.fold(first?, UsageRead::or);
        read.cached = read.cached.or_else(|| first_of(body, CACHED).filter(|&cached| Some(cached) <= read.prompt));
        Some(read)
    }

    /// What one choice of a body or an event reports of its own work, in itself or in its delta or message.
    ///
    /// ```
    /// use outthink_core::Usage;
    ///
    /// let choice = serde_json::json!({"delta": {"usage": {"prompt_tokens": 7, "completion_tokens": 5}}});
    /// assert_eq!(Usage::of_choice(&choice).unwrap().completion, Some(5));
    /// ```
    pub fn of_choice(choice: &Value) -> Option<UsageRead> {
        let holders = ["", "/delta", "/message"].into_iter().filter_map(|place| at(choice, place)?.as_object());
        let counts = |holder: &Map<String, Value>| {
            let of = |name: &&str| UsageRead::of(holder.get(*name)?).filter(UsageRead::is_known);
            COUNTS_OF_CHOICE.iter().find_map(of)
        };
        holders.filter_map(counts).reduce(UsageRead::or)
    }
}

/// The names under which a choice, its delta or its message holds counts.
const COUNTS_OF_CHOICE: [&str; 6] = ["usage", "usageMetadata", "usage_metadata", "token_usage", "timings", "metrics"];

/// What the choices report, each of its own work on one prompt.
fn of_choices(body: &Value) -> Option<UsageRead> {
    body["choices"].as_array()?.iter().filter_map(Usage::of_choice).reduce(|a, b| {
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map_or(a.or(b), |(a, b)| Some(a + b));
        let both = UsageRead {
            completion: sum(a.completion, b.completion),
            reasoning: sum(a.reasoning, b.reasoning),
            total: None,
            ..a.later(b)
        };
        UsageRead { total: sum(both.prompt, both.completion), ..both }
    })
}

impl UsageRead {
    /// What one object of counts says; `None` if it holds none.
    pub fn of(object: &Value) -> Option<Self> {
        // Most objects hold no counts: they are passed over by their names, before the shapes are tried.
        if object.as_object().is_some_and(|map| !map.keys().any(|name| NAMES.contains(name.as_str()))) {
            return None;
        }
        let shape = SHAPES.iter().find(|shape| first_of(object, shape.has).is_some())?;
        let sum = |pointers: &[&str]| pointers.iter().filter_map(|p| first_of(object, &[p])).sum::<u64>();
        let halves = first_of(object, &["/prompt_cache_miss_tokens"])
            .map(|miss| miss + first_of(object, &["/prompt_cache_hit_tokens"]).unwrap_or(0));
        let read = Self {
            prompt: first_of(object, shape.prompt).or(halves),
            cached: first_of(object, shape.cached),
            cache_write: first_of(object, CACHE_WRITE),
            cache_write_1h: first_of(object, CACHE_WRITE_1H),
            completion: first_of(object, shape.completion),
            reasoning: first_of(object, shape.reasoning),
            total: first_of(object, shape.total),
        };
        Some(read.settle(sum(shape.prompt_apart), sum(shape.completion_apart)))
    }

    /// Counts in the words of chat completions, settled by their total.
    ///
    /// ```
    /// use outthink_core::UsageRead;
    ///
    /// let read = UsageRead { prompt: Some(7), completion: Some(5), total: Some(312), ..UsageRead::default() };
    /// assert_eq!(read.settled().completion, Some(305));
    /// ```
    #[must_use]
    pub fn settled(self) -> Self {
        self.settle(0, 0)
    }

    /// Finds by the total, and by parts that are larger than their whole, what the counts of prompt and completion
    /// leave out. `prompt_apart` and
    /// `completion_apart` are what they leave out by the server's habit.
    fn settle(self, prompt_apart: u64, completion_apart: u64) -> Self {
        let (cached, reasoning) = (self.cached.unwrap_or(0), self.reasoning.unwrap_or(0));
        // A prompt of no tokens next to a completion and a total is one that was not counted.
        let uncounted = self.prompt == Some(0) && prompt_apart == 0 && self.completion.max(Some(0)) < self.total;
        let own_prompt = self.prompt.filter(|_| !(uncounted && self.completion.is_some()));
        let habit = (prompt_apart, completion_apart);
        let mut read = self;
        match (own_prompt, self.completion, self.total) {
            (Some(prompt), Some(completion), Some(total)) => {
                let fits = |&(p, c): &(u64, u64)| prompt + p + completion + c == total;
                let known = [habit, (0, 0), (0, reasoning), (cached, 0), (cached, reasoning)];
                let (more_prompt, more) = known.into_iter().find(fits).unwrap_or(habit);
                let (prompt, completion) = (prompt + more_prompt, completion + more);
                // What is in neither was generated and not shown.
                let hidden = total.saturating_sub(prompt + completion);
                read.prompt = Some(prompt);
                read.completion = Some(completion + hidden);
                read.reasoning = self.reasoning.or((hidden > 0).then_some(hidden));
            }
            (Some(prompt), None, Some(total)) => {
                read.prompt = Some(prompt + prompt_apart);
                read.completion = Some(total.saturating_sub(prompt + prompt_apart));
            }
            (None, Some(completion), Some(total)) => {
                read.completion = Some(completion + completion_apart);
                read.prompt = Some(total.saturating_sub(completion + completion_apart));
            }
            (prompt, completion, _) => {
                let prompt = prompt.or((prompt_apart > 0).then_some(0));
                let completion = completion.or((completion_apart > 0).then_some(0));
                read.prompt = prompt.map(|p| p + prompt_apart);
                read.completion = completion.map(|c| c + completion_apart);
            }
        }
        // A part that is larger than the whole is not in it, whatever the total says.
        let written = self.cache_write.unwrap_or(0);
        let outside = |parts: u64, whole: u64| if parts > whole { parts } else { 0 };
        if self.prompt.is_some() {
            read.prompt = read.prompt.map(|p| p + outside(cached + written, p));
        }
        if self.completion.is_some() {
            read.completion = read.completion.map(|c| c + outside(reasoning, c));
        }
        if let Some(prompt) = read.prompt {
            read.cached = self.cached.map(|c| c.min(prompt));
        }
        if let Some(completion) = read.completion {
            read.reasoning = read.reasoning.map(|r| r.min(completion));
        }
        if let (Some(prompt), Some(completion)) = (read.prompt, read.completion) {
            read.total = Some(prompt + completion);
        }
        read
    }

    /// Whether anything but zeros is known.
    pub fn is_known(&self) -> bool {
        [self.prompt, self.completion, self.total].into_iter().flatten().any(|count| count > 0)
    }

    /// This report, its gaps filled from another one of the same work.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.or(other.prompt),
            cached: self.cached.or(other.cached),
            cache_write: self.cache_write.or(other.cache_write),
            cache_write_1h: self.cache_write_1h.or(other.cache_write_1h),
            completion: self.completion.or(other.completion),
            reasoning: self.reasoning.or(other.reasoning),
            total: self.total.or(other.total),
        }
    }

    /// This report and a later one of the same stream: counts of a stream grow, and some events hold a few
    /// of them only.
    #[must_use]
    pub fn later(self, later: Self) -> Self {
        Self {
            prompt: self.prompt.max(later.prompt),
            cached: self.cached.max(later.cached),
            cache_write: self.cache_write.max(later.cache_write),
            cache_write_1h: self.cache_write_1h.max(later.cache_write_1h),
            completion: self.completion.max(later.completion),
            reasoning: self.reasoning.max(later.reasoning),
            total: self.total.max(later.total),
        }
    }

    /// The bill of a request of which the caller itself counted `generated` tokens: what the server reported,
    /// and the caller's count where it did not. `estimated` unless all of it is the server's.
    ///
    /// Embeddings and other requests that generate nothing pass 0.
    pub fn usage(&self, generated: u64) -> Usage {
        let completion = self.completion.unwrap_or(generated);
        let prompt = self.prompt.or_else(|| self.total.map(|total| total.saturating_sub(completion)));
        let known = prompt.is_some() && (self.completion.is_some() || generated == 0);
        let prompt = prompt.unwrap_or(0);
        Usage {
            prompt,
            cached: self.cached.unwrap_or(0).min(prompt),
            cache_write: self.cache_write.unwrap_or(0).min(prompt),
            cache_write_1h: self.cache_write_1h.unwrap_or(0).min(self.cache_write.unwrap_or(0)).min(prompt),
            completion,
            reasoning: self.reasoning.unwrap_or(0).min(completion),
            estimated: !known,
            ..Usage::default()
        }
    }
}

/// The first count at one of these places.
fn first_of(object: &Value, pointers: &[&str]) -> Option<u64> {
    pointers.iter().find_map(|pointer| count(at(object, pointer)?))
}

/// What is at a place, without the copies that [`Value::pointer`] makes of its parts.
fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(value, |value, part| match value {
        Value::Object(map) => map.get(part),
        Value::Array(values) => values.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A count: a whole number, a float, or either as text. Negative and absurd ones are unknown.
fn count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => match number.as_u64() {
            Some(count) => return (count <= MOST).then_some(count),
            None => number.as_f64()?,
        },
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // `NaN` is in no range.
    (0.0..=MOST as f64).contains(&number).then(|| number.round() as u64)
}

#[cfg(test)]
#[path = "usage_read_tests.rs"]
mod tests;
