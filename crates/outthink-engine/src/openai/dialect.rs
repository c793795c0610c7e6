//! What the servers that speak the chat completions API do differently.

use serde::{Deserialize, Serialize};

/// How a server goes on from a given beginning of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuation {
    /// It does not.
    None,
    /// A last assistant message with `continue_final_message: true` and
    /// `add_generation_prompt: false` (vLLM, `SGLang`).
    ContinueFinalMessage,
    /// A last assistant message is continued as it is (llama.cpp).
    TrailingAssistant,
}

/// A small record of what a server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a record of independent capabilities")]
pub struct Dialect {
    /// Its name.
    pub name: &'static str,
    /// Several choices of one request work, streamed and counted.
    pub n: bool,
    /// `logprobs: true` works in streams.
    pub logprobs: bool,
    /// How a given beginning of the reply is continued.
    pub continuation: Continuation,
    /// How many low bits of a seed it takes; `None` if it takes no `seed`.
    pub seed_bits: Option<u32>,
    /// The name of the limit on generated tokens.
    pub max_tokens_field: &'static str,
    /// It knows `top_k` and `min_p`.
    pub extended_sampling: bool,
    /// Parallel requests share the work on a common prompt.
    pub shared_prefill: bool,
}

/// `OpenAI` itself.
pub const OPENAI: Dialect = Dialect {
    name: "openai",
    n: true,
    logprobs: true,
    continuation: Continuation::None,
    seed_bits: Some(53),
    max_tokens_field: "max_completion_tokens",
    extended_sampling: false,
    shared_prefill: false,
};

/// vLLM; its prefix cache is on by default.
pub const VLLM: Dialect = Dialect {
    name: "vllm",
    n: true,
    logprobs: true,
    continuation: Continuation::ContinueFinalMessage,
    seed_bits: Some(63),
    max_tokens_field: "max_tokens",
    extended_sampling: true,
    shared_prefill: true,
};

/// `SGLang`; its radix cache is on by default.
pub const SGLANG: Dialect = Dialect {
    name: "sglang",
    n: true,
    logprobs: true,
    continuation: Continuation::ContinueFinalMessage,
    seed_bits: Some(31),
    max_tokens_field: "max_tokens",
    extended_sampling: true,
    shared_prefill: true,
};

/// The server of llama.cpp. Its usage counts one choice of several, so `n` is not used.
pub const LLAMA_CPP: Dialect = Dialect {
    name: "llama.cpp",
    n: false,
    logprobs: true,
    continuation: Continuation::TrailingAssistant,
    seed_bits: Some(31),
    max_tokens_field: "max_tokens",
    extended_sampling: true,
    shared_prefill: false,
};

/// A server of which nothing is known: the common core only.
pub const GENERIC: Dialect = Dialect {
    name: "generic",
    n: false,
    logprobs: false,
    continuation: Continuation::None,
    seed_bits: Some(31),
    max_tokens_field: "max_tokens",
    extended_sampling: true,
    shared_prefill: false,
};

impl Dialect {
    /// All that are known by name.
    pub const ALL: [Self; 5] = [OPENAI, VLLM, SGLANG, LLAMA_CPP, GENERIC];

    /// The dialect of that name (`openai`, `vllm`, `sglang`, `llama.cpp`, `generic`).
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.name == name)
    }

    /// Guesses from the `owned_by` of a model in `/v1/models`; [`GENERIC`] where it says nothing.
    pub fn guess(owned_by: &str) -> Self {
        match owned_by.to_ascii_lowercase().as_str() {
            "vllm" => VLLM,
            "sglang" => SGLANG,
            "llamacpp" | "llama.cpp" => LLAMA_CPP,
            "openai" | "openai-internal" | "system" => OPENAI,
            _ => GENERIC,
        }
    }
}
