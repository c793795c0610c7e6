//! Verifiers whose work is done outside of this crate: by models, in a sandbox, in a WebAssembly module.

use super::{Argument, Costs, NamedBy, VerifierEntry, VerifierSpec};
use crate::checker::CheckerError;
use outthink_core::{Entry, Paper, nearest};
use serde_json::json;

/// The model itself.
pub(super) const ITSELF: VerifierEntry = VerifierEntry {
    entry: Entry {
        paper: Some(Paper::new("Kadavath et al. 2022", "https://arxiv.org/abs/2207.05221")),
        also: &["itself", "model", "self-verify", "p(true)"],
        ..Entry::new("self", "the model's own verdict on its reply, asked twice with the two options swapped")
    },
    argument: "",
    example: "self",
    key: "",
    costs: Costs::Tokens,
    named_by: NamedBy::Anyone,
    file: false,
    schema: || json!({}),
    read: |_| Ok(VerifierSpec::Itself),
};

/// Another model.
pub(super) const JUDGE: VerifierEntry = VerifierEntry {
    entry: Entry {
        paper: Some(Paper::new("Zheng et al. 2023", "https://arxiv.org/abs/2306.05685")),
        also: &["llm-judge", "llm", "critic"],
        ..Entry::new("judge", "as self, by another model; it is named as an arm is")
    },
    argument: "MODEL",
    example: "judge:http://127.0.0.1:8000/v1#qwen3-8b",
    key: "",
    costs: Costs::Tokens,
    named_by: NamedBy::Operator,
    file: false,
    schema: || json!({}),
    read: |argument| Ok(VerifierSpec::Judge { model: argument.text()?.to_owned() }),
};

/// The routes by which a reward model is asked.
pub const REWARD_SHAPES: [&str; 3] = ["pooling", "score", "classify"];

/// A reward model.
pub(super) const REWARD: VerifierEntry = VerifierEntry {
    entry: Entry {
        paper: Some(Paper::new("Lightman et al. 2023", "https://arxiv.org/abs/2305.20050")),
        needs: "a server with the model, such as vLLM",
        also: &["reward-model", "orm", "prm", "rm"],
        ..Entry::new(
            "reward",
            "a reward model's score, by /pooling (of a process model: each step's), /score or /classify",
        )
    },
    argument: "SHAPE:URL#MODEL",
    example: "reward:pooling:http://127.0.0.1:8000#qwen-prm",
    key: "",
    costs: Costs::Tokens,
    named_by: NamedBy::Operator,
    file: false,
    schema: || json!({}),
    read: |argument| {
        let text = argument.text()?;
        let bad = || CheckerError(format!("`{text}` names no reward model: give {}", REWARD.form()));
        let (word, place) = text.split_once(':').ok_or_else(bad)?;
        let shape = REWARD_SHAPES.into_iter().find(|s| *s == word).ok_or_else(|| {
            let near = nearest(word, REWARD_SHAPES).map(|s| format!(" (did you mean `{s}`?)")).unwrap_or_default();
            let word: String = word.chars().take(32).collect();
            CheckerError(format!("unknown route `{word}` of a reward model: use pooling, score or classify{near}"))
        })?;
        let (url, model) =
            place.split_once('#').filter(|(url, model)| !url.is_empty() && !model.is_empty()).ok_or_else(bad)?;
        Ok(VerifierSpec::Reward { shape, url: url.to_owned(), model: model.to_owned() })
    },
};

/// Unit tests in Python.
pub(super) const PYTHON_TESTS: VerifierEntry = VerifierEntry {
    entry: Entry {
        paper: Some(Paper::new("Chen et al. 2021", "https://arxiv.org/abs/2107.03374")),
        needs: "bubblewrap on Linux; in the gateway, defaults.python_tests",
        also: &["python", "tests", "unit-tests", "code"],
        ..Entry::new(
            "python-tests",
            "share of the file's top-level statements (assertions) that pass on the reply's code",
        )
    },
    argument: "FILE",
    example: "python-tests:tests.py",
    key: "python_tests",
    costs: Costs::Processor,
    named_by: NamedBy::Anyone,
    file: true,
    schema: || json!({"type": "string", "description": "Python statements, each a test of the reply's code"}),
    read: |argument| Ok(VerifierSpec::PythonTests(argument.text()?.to_owned())),
};

/// A module of the operator's own.
pub(super) const WASM: VerifierEntry = VerifierEntry {
    entry: Entry {
        also: &["webassembly", "module", "plugin"],
        ..Entry::new("wasm", "what a WebAssembly module of your own says")
    },
    argument: "FILE",
    example: "wasm:verifier.wasm",
    key: "",
    costs: Costs::Processor,
    named_by: NamedBy::Operator,
    file: true,
    schema: || json!({}),
    read: |argument| match argument {
        Argument::Bytes(bytes) => Ok(VerifierSpec::Wasm(bytes.to_vec())),
        Argument::Text(_) | Argument::Json(_) => Err(CheckerError("a WebAssembly module is a file of bytes".into())),
    },
};
