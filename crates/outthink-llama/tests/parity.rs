//! A model that outthink-train made says the same here: the same tokens out of a text, and the same
//! greedy continuation.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly; llama.cpp counts in i32"
)]

use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use outthink_train::{
    Corpus, CorpusOptions, GgufOptions, Model, ModelConfig, PretrainConfig, Pretraining, SampleOptions, Vocabulary,
    write_gguf,
};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

/// New tokens after each prompt, and prompts.
const NEW: usize = 50;
const PROMPTS: usize = 20;

/// llama.cpp's state, of which a process has one.
fn backend() -> &'static LlamaBackend {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    BACKEND.get_or_init(|| LlamaBackend::init().unwrap())
}

/// Trains a small model on the sources of this crate.
fn trained(corpus: &Corpus, window: Option<usize>) -> Model {
    let model = ModelConfig { window, ..ModelConfig::sized(257, 128, 64, 2) };
    let config = PretrainConfig { batch: 8, ..PretrainConfig::new(model, 250_000) };
    let mut run = Pretraining::new(config, corpus, Vocabulary::bytes(), 1).unwrap();
    while !run.is_done() {
        run.advance().unwrap();
    }
    run.model().clone()
}

/// The greedy continuation of a prompt by llama.cpp, and the logits of each step.
fn continued(backend: &LlamaBackend, model: &LlamaModel, prompt: &[u32], cache: KvCacheType) -> Vec<(u32, Vec<f32>)> {
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(256))
        .with_n_threads(1)
        .with_n_threads_batch(1)
        .with_flash_attention_policy(llama_cpp_sys_2::LLAMA_FLASH_ATTN_TYPE_DISABLED)
        .with_type_k(cache)
        .with_type_v(cache);
    let mut context = model.new_context(backend, params).unwrap();
    let mut batch = LlamaBatch::new(256, 1);
    for (position, token) in prompt.iter().enumerate() {
        batch.add(LlamaToken::new(*token as i32), position as i32, &[0], position + 1 == prompt.len()).unwrap();
    }
    let mut found = Vec::new();
    for new in 0..NEW {
        context.decode(&mut batch).unwrap();
        let logits = context.get_logits_ith(batch.n_tokens() - 1).to_vec();
        let best = (0..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
        found.push((best as u32, logits));
        batch.clear();
        batch.add(LlamaToken::new(best as i32), (prompt.len() + new) as i32, &[0], true).unwrap();
    }
    found
}

#[test]
fn byte_pairs_are_merged_as_llama_cpp_merges_them() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let vocabulary = Corpus::learn(std::slice::from_ref(&sources), &CorpusOptions::default(), 700).unwrap();
    assert_eq!(vocabulary.len(), 700);
    let model = Model::new(ModelConfig::sized(700, 64, 32, 1), 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    write_gguf(&file, &model, &vocabulary, &GgufOptions::default()).unwrap();
    let backend = backend();
    let loaded = LlamaModel::load_from_file(backend, &file, &LlamaModelParams::default()).unwrap();
    let own = std::fs::read_to_string(sources.join("engine.rs")).unwrap();
    let unseen = include_str!("parity.rs");
    for text in [&own, unseen, "a  (b).c|d,\t\n\r\n  e!?", "Grüße, 世界。 🦀\u{a0}\u{2003}x … ، ۔", "", " ", "  ", "\n"]
    {
        let tokens: Vec<u32> =
            loaded.vocab().tokenize(text.as_bytes(), false, false).into_iter().map(|t| t.0 as u32).collect();
        assert_eq!(tokens, vocabulary.encode(text.as_bytes()), "{text}");
        assert_eq!(vocabulary.decode(&tokens), text.as_bytes());
    }
    // Merges are worth their while.
    assert!(vocabulary.encode(unseen.as_bytes()).len() * 2 < unseen.len());
}

#[test]
fn a_trained_model_says_the_same_in_llama_cpp() {
    says_the_same(None);
}

/// Texts of several windows.
#[test]
fn a_trained_model_with_a_window_says_the_same_in_llama_cpp() {
    says_the_same(Some(16));
}

fn says_the_same(window: Option<usize>) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let vocabulary = Vocabulary::bytes();
    let corpus = Corpus::read(&[sources], &CorpusOptions::default(), &vocabulary).unwrap();
    let model = trained(&corpus, window);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    write_gguf(&file, &model, &vocabulary, &GgufOptions::default()).unwrap();

    let backend = backend();
    let loaded = LlamaModel::load_from_file(backend, &file, &LlamaModelParams::default()).unwrap();
    for text in
        ["fn main() {\n    let x = 42;\n}\n", "  two  spaces\ttab\r\n\n\nend ", "Grüße, 世界 🦀 it's 'll <|end|>"]
    {
        // Marks of programs are plain text here, as they are to `encode`.
        let tokens: Vec<u32> =
            loaded.vocab().tokenize(text.as_bytes(), false, false).into_iter().map(|t| t.0 as u32).collect();
        assert_eq!(tokens, vocabulary.encode(text.as_bytes()), "{text}");
    }

    let step = corpus.validation.len().saturating_sub(64) / PROMPTS;
    let prompts: Vec<&[u32]> = (0..PROMPTS).map(|i| &corpus.validation[i * step..][..8 + 2 * i]).collect();
    let greedy = SampleOptions { temperature: 0.0, max_tokens: NEW, ..SampleOptions::default() };
    let ours = model.sample(&prompts, &greedy).unwrap();
    // llama.cpp keeps keys and values in 16 bits unless told otherwise; then logits differ more.
    for (cache, name, tie) in [(KvCacheType::F32, "f32", 1e-3_f32), (KvCacheType::F16, "f16", 3e-2)] {
        let (mut equal, mut farthest) = (0, 0.0_f32);
        for (prompt, ours) in prompts.iter().zip(&ours) {
            let mut tokens = prompt.to_vec();
            for (at, (token, logits)) in continued(backend, &loaded, prompt, cache).into_iter().enumerate() {
                let own = model.logits(&tokens).unwrap();
                let own = &own[own.len() - logits.len()..];
                let apart = own.iter().zip(&logits).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
                farthest = farthest.max(apart);
                assert!(apart < tie, "{name}: logits are {apart} apart");
                if token != ours.tokens[at] {
                    let gap = (own[token as usize] - own[ours.tokens[at] as usize]).abs();
                    assert!(gap < 2.0 * tie, "{name}: token {at} differs, and the logits by {gap}");
                    println!("{name}: a tie at token {at}: the two logits are {gap:e} apart");
                    break;
                }
                equal += 1;
                tokens.push(token);
            }
        }
        println!("{name} cache: {equal} of {} greedy tokens equal, logits at most {farthest:e} apart", NEW * PROMPTS);
        assert!(equal > NEW * PROMPTS * 9 / 10);
    }
}
