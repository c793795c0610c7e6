//! The built-in dialects, one function each. What a server's documentation does not say is left out: the
//! receipt then says that it could not be honoured, which is better than a field that means nothing.

use super::dialect::{Continuation, Dialect, LengthTable, SeedField, TOKENS};
use outthink_core::{Effort, Entry, Paper};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What each of them is and where its API is documented, the one for unknown servers last.
pub(super) const ENTRIES: [Entry; 17] = [
    OPENAI,
    VLLM,
    SGLANG,
    LLAMA_CPP,
    OLLAMA,
    TRANSFORMERS,
    DEEPSEEK,
    QWEN,
    GLM,
    KIMI,
    MISTRAL,
    GROK,
    GEMINI,
    ANTHROPIC,
    OPENROUTER,
    GROQ,
    GENERIC,
];

const OPENAI: Entry = entry("openai", "OpenAI's own API", "https://platform.openai.com/docs/api-reference/chat/create");
const VLLM: Entry = entry("vllm", "vLLM's server", "https://docs.vllm.ai/en/latest/features/reasoning_outputs/");
const SGLANG: Entry =
    entry("sglang", "SGLang's server", "https://docs.sglang.io/docs/advanced_features/thinking_budget");
const LLAMA_CPP: Entry = Entry {
    also: &["llamacpp", "llama-server"],
    ..entry(
        "llama.cpp",
        "llama.cpp's llama-server",
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
    )
};
const OLLAMA: Entry = entry("ollama", "Ollama", "https://docs.ollama.com/api/openai-compatibility");
const TRANSFORMERS: Entry = Entry {
    also: &["huggingface"],
    ..entry("transformers", "`transformers serve`", "https://huggingface.co/docs/transformers/main/en/serving")
};
const DEEPSEEK: Entry = entry("deepseek", "DeepSeek's API", "https://api-docs.deepseek.com/guides/thinking_mode");
const QWEN: Entry = Entry {
    also: &["dashscope"],
    ..entry(
        "qwen",
        "Qwen on Alibaba Cloud Model Studio (DashScope)",
        "https://www.alibabacloud.com/help/en/model-studio/deep-thinking",
    )
};
const GLM: Entry =
    Entry { also: &["z.ai", "zhipu"], ..entry("glm", "GLM at Z.ai", "https://docs.z.ai/guides/capabilities/thinking") };
const KIMI: Entry = Entry {
    also: &["moonshot"],
    ..entry("kimi", "Kimi at Moonshot", "https://platform.kimi.ai/docs/api/models-overview")
};
const MISTRAL: Entry = entry("mistral", "Mistral's API", "https://docs.mistral.ai/capabilities/reasoning/adjustable");
const GROK: Entry = Entry {
    also: &["xai"],
    ..entry("grok", "Grok at xAI", "https://docs.x.ai/developers/model-capabilities/text/reasoning")
};
const GEMINI: Entry = Entry {
    also: &["google"],
    ..entry("gemini", "Gemini's OpenAI endpoint", "https://ai.google.dev/gemini-api/docs/openai")
};
const ANTHROPIC: Entry = Entry {
    also: &["claude"],
    ..entry("anthropic", "Anthropic's OpenAI endpoint", "https://docs.anthropic.com/en/api/openai-sdk")
};
const OPENROUTER: Entry = entry("openrouter", "OpenRouter", "https://openrouter.ai/docs/use-cases/reasoning-tokens");
const GROQ: Entry = entry("groq", "Groq's API", "https://console.groq.com/docs/reasoning");
pub(super) const GENERIC: Entry = entry(
    "generic",
    "any OpenAI-compatible server: the common core only",
    "https://platform.openai.com/docs/api-reference/chat/create",
);

/// An entry and where its server's API is documented.
const fn entry(name: &'static str, line: &'static str, docs: &'static str) -> Entry {
    Entry { paper: Some(Paper::new("API documentation", docs)), ..Entry::new(name, line) }
}

/// All of them, in the order of their entries.
pub(super) fn all() -> Vec<Dialect> {
    vec![
        openai(),
        vllm(),
        sglang(),
        llama_cpp(),
        ollama(),
        transformers(),
        deepseek(),
        qwen(),
        glm(),
        kimi(),
        mistral(),
        grok(),
        gemini(),
        anthropic(),
        openrouter(),
        groq(),
        generic(),
    ]
}

/// The fields of an object.
fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A table of efforts whose fields come from the effort's own name.
fn words(efforts: &[Effort], write: impl Fn(&str) -> Value) -> BTreeMap<Effort, Map<String, Value>> {
    efforts.iter().map(|&effort| (effort, fields(write(effort.name())))).collect()
}

/// `reasoning_effort` with these words.
fn reasoning_effort(efforts: &[Effort]) -> LengthTable {
    LengthTable { efforts: words(efforts, |word| json!({"reasoning_effort": word})), ..LengthTable::default() }
}

fn seed(field: &str, bits: u32) -> SeedField {
    SeedField { field: field.into(), bits }
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The common core, under another name.
fn like_generic(entry: &Entry) -> Dialect {
    Dialect { name: entry.name.into(), ..generic() }
}

/// A server of which nothing is known.
pub(super) fn generic() -> Dialect {
    let efforts = &Effort::ALL[1..];
    Dialect {
        name: GENERIC.name.into(),
        owned_by: Vec::new(),
        hosts: Vec::new(),
        n: false,
        logprobs: false,
        continuation: Continuation::None,
        seed: Some(seed("seed", 31)),
        max_tokens_field: "max_tokens".into(),
        stream_usage: true,
        extended_sampling: true,
        shared_prefill: false,
        hosted_tools: Vec::new(),
        length: reasoning_effort(efforts),
    }
}

/// Its words for an effort: <https://platform.openai.com/docs/guides/reasoning>.
fn openai() -> Dialect {
    use Effort::{High, Low, Medium, Minimal, None, Xhigh};
    Dialect {
        hosts: list(&["openai.com", "openai.azure.com"]),
        n: true,
        logprobs: true,
        seed: Some(seed("seed", 53)),
        max_tokens_field: "max_completion_tokens".into(),
        extended_sampling: false,
        length: reasoning_effort(&[None, Minimal, Low, Medium, High, Xhigh]),
        ..like_generic(&OPENAI)
    }
}

/// Efforts of servers that render a chat template: the field, and the switches that templates know.
/// Templates pass over what they do not know.
fn by_template() -> BTreeMap<Effort, Map<String, Value>> {
    use Effort::{High, Low, Medium, None};
    let mut table = words(
        &[Low, Medium, High],
        |word| json!({"reasoning_effort": word, "chat_template_kwargs": {"enable_thinking": true, "thinking": true}}),
    );
    let off =
        json!({"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": false, "thinking": false}});
    table.insert(None, fields(off));
    table
}

/// vLLM; its prefix cache is on by default. `thinking_token_budget` needs the server's
/// `--reasoning-config`; without it the server says so, and it is left out from then on.
fn vllm() -> Dialect {
    Dialect {
        owned_by: list(&["vllm"]),
        n: true,
        logprobs: true,
        continuation: Continuation::ContinueFinalMessage,
        seed: Some(seed("seed", 63)),
        shared_prefill: true,
        length: LengthTable {
            efforts: by_template(),
            budget: fields(json!({"thinking_token_budget": TOKENS})),
            ..LengthTable::default()
        },
        ..like_generic(&VLLM)
    }
}

/// `SGLang`; its radix cache is on by default. Its budget binds where the server runs with
/// `--enable-strict-thinking`, and is the template's to honour elsewhere.
fn sglang() -> Dialect {
    let budget =
        json!({"chat_template_kwargs": {"thinking_budget": TOKENS}, "custom_params": {"thinking_budget": TOKENS}});
    Dialect {
        owned_by: list(&["sglang"]),
        n: true,
        logprobs: true,
        continuation: Continuation::ContinueFinalMessage,
        shared_prefill: true,
        length: LengthTable { efforts: by_template(), budget: fields(budget), ..LengthTable::default() },
        ..like_generic(&SGLANG)
    }
}

/// The server of llama.cpp. Its usage counts one choice of several, so `n` is not used. A budget of the
/// request holds where the server was started without `--reasoning-budget`.
fn llama_cpp() -> Dialect {
    use Effort::{High, Low, Medium, None};
    let mut efforts = words(
        &[Low, Medium, High],
        |word| json!({"chat_template_kwargs": {"enable_thinking": true, "reasoning_effort": word}}),
    );
    efforts.insert(None, fields(json!({"chat_template_kwargs": {"enable_thinking": false}})));
    Dialect {
        owned_by: list(&["llamacpp", "llama.cpp"]),
        logprobs: true,
        continuation: Continuation::TrailingAssistant,
        length: LengthTable {
            efforts,
            budget: fields(json!({"thinking_budget_tokens": TOKENS})),
            ..LengthTable::default()
        },
        ..like_generic(&LLAMA_CPP)
    }
}

/// Ollama's OpenAI endpoint, which has `reasoning_effort` and no `top_k`.
fn ollama() -> Dialect {
    use Effort::{High, Low, Medium, None};
    Dialect {
        owned_by: list(&["library"]),
        hosts: list(&["ollama.com"]),
        logprobs: true,
        extended_sampling: false,
        length: reasoning_effort(&[None, Low, Medium, High]),
        ..like_generic(&OLLAMA)
    }
}

/// `transformers serve`, whose documentation names no setting for the length of reasoning.
fn transformers() -> Dialect {
    Dialect { length: LengthTable::default(), ..like_generic(&TRANSFORMERS) }
}

/// The server maps the efforts that the model does not have to the ones that it has.
fn deepseek() -> Dialect {
    let mut efforts =
        words(&Effort::ALL[2..], |word| json!({"thinking": {"type": "enabled"}, "reasoning_effort": word}));
    efforts.insert(Effort::None, fields(json!({"thinking": {"type": "disabled"}})));
    Dialect {
        hosts: list(&["deepseek.com"]),
        logprobs: true,
        seed: None,
        extended_sampling: false,
        length: LengthTable { efforts, ..LengthTable::default() },
        ..like_generic(&DEEPSEEK)
    }
}

/// On and off, and a budget.
fn qwen() -> Dialect {
    Dialect {
        hosts: list(&["aliyuncs.com"]),
        length: LengthTable {
            efforts: BTreeMap::from([(Effort::None, fields(json!({"enable_thinking": false})))]),
            on: fields(json!({"enable_thinking": true})),
            budget: fields(json!({"enable_thinking": true, "thinking_budget": TOKENS})),
            ..LengthTable::default()
        },
        ..like_generic(&QWEN)
    }
}

/// `thinking`, and from GLM-5.2 on `reasoning_effort`, which earlier models pass over.
fn glm() -> Dialect {
    let mut efforts =
        words(&Effort::ALL[2..], |word| json!({"thinking": {"type": "enabled"}, "reasoning_effort": word}));
    efforts.insert(Effort::None, fields(json!({"thinking": {"type": "disabled"}})));
    Dialect {
        hosts: list(&["z.ai", "bigmodel.cn"]),
        seed: None,
        extended_sampling: false,
        length: LengthTable { efforts, ..LengthTable::default() },
        ..like_generic(&GLM)
    }
}

/// On and off.
fn kimi() -> Dialect {
    Dialect {
        hosts: list(&["moonshot.ai", "moonshot.cn", "kimi.com"]),
        seed: None,
        extended_sampling: false,
        length: LengthTable {
            efforts: BTreeMap::from([(Effort::None, fields(json!({"thinking": {"type": "disabled"}})))]),
            on: fields(json!({"thinking": {"type": "enabled"}})),
            ..LengthTable::default()
        },
        ..like_generic(&KIMI)
    }
}

/// `none` and `high`; the seed has a name of its own, and fields that it does not know are refused.
fn mistral() -> Dialect {
    use Effort::{High, None};
    Dialect {
        hosts: list(&["mistral.ai"]),
        seed: Some(seed("random_seed", 31)),
        stream_usage: false,
        extended_sampling: false,
        length: reasoning_effort(&[None, High]),
        ..like_generic(&MISTRAL)
    }
}

/// Models without the setting refuse it, and it is left out for them from then on.
fn grok() -> Dialect {
    use Effort::{High, Low, Medium, None};
    Dialect {
        hosts: list(&["x.ai"]),
        logprobs: true,
        extended_sampling: false,
        length: reasoning_effort(&[None, Low, Medium, High]),
        ..like_generic(&GROK)
    }
}

/// Effort and budget are two ways to say the same and are not taken together.
fn gemini() -> Dialect {
    use Effort::{High, Low, Medium, Minimal, None};
    let budget = json!({"extra_body": {"google": {"thinking_config": {"thinking_budget": TOKENS}}}});
    Dialect {
        hosts: list(&["generativelanguage.googleapis.com"]),
        extended_sampling: false,
        length: LengthTable {
            budget: fields(budget),
            exclusive: true,
            ..reasoning_effort(&[None, Minimal, Low, Medium, High])
        },
        ..like_generic(&GEMINI)
    }
}

/// A budget of at least 1,024 tokens and no levels; `reasoning_effort`, `seed` and `logprobs` are passed
/// over by the endpoint.
fn anthropic() -> Dialect {
    Dialect {
        hosts: list(&["anthropic.com"]),
        seed: None,
        extended_sampling: false,
        length: LengthTable {
            efforts: BTreeMap::from([(Effort::None, fields(json!({"thinking": {"type": "disabled"}})))]),
            budget: fields(json!({"thinking": {"type": "enabled", "budget_tokens": TOKENS}})),
            least_budget: 1024,
            exclusive: true,
            ..LengthTable::default()
        },
        ..like_generic(&ANTHROPIC)
    }
}

/// One object for all models: an effort or a budget. Its own tools:
/// <https://openrouter.ai/docs/guides/features/server-tools>; it takes the names of OpenAI's for a search, too.
fn openrouter() -> Dialect {
    use Effort::{High, Low, Medium, Minimal, None, Xhigh};
    Dialect {
        hosts: list(&["openrouter.ai"]),
        logprobs: true,
        hosted_tools: list(&["openrouter:*", "web_search", "web_search_preview"]),
        length: LengthTable {
            efforts: words(&[None, Minimal, Low, Medium, High, Xhigh], |word| json!({"reasoning": {"effort": word}})),
            budget: fields(json!({"reasoning": {"max_tokens": TOKENS}})),
            exclusive: true,
            ..LengthTable::default()
        },
        ..like_generic(&OPENROUTER)
    }
}

/// Which words a model takes differs; a refused one is left out from then on. Its own tools:
/// <https://console.groq.com/docs/tool-use/built-in-tools>.
fn groq() -> Dialect {
    use Effort::{High, Low, Medium, None};
    Dialect {
        hosts: list(&["groq.com"]),
        hosted_tools: list(&["browser_search", "code_interpreter"]),
        max_tokens_field: "max_completion_tokens".into(),
        extended_sampling: false,
        length: reasoning_effort(&[None, Low, Medium, High]),
        ..like_generic(&GROQ)
    }
}
