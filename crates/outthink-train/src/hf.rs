//! Export as a Hugging Face folder, which vLLM, SGLang and transformers load.
//!
//! The weights are those of a `LlamaForCausalLM`. Hugging Face turns the first half of a head against the second one
//! where this crate and llama.cpp turn neighbours (Su et al. 2021, equation 34, in either order), so the rows of
//! queries and keys change places.

use crate::error::TrainError;
use crate::file::write_whole;
use crate::model::Model;
use crate::vocabulary::{PieceKind, Vocabulary, printable};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The words of a text as llama.cpp and BLOOM's tokenizer cut them; see [`crate::bpe`].
const WORDS: &str = " ?[^(\\s|[.,!?…。，、।۔،])]+";

/// Writes a model as a folder that `from_pretrained` and `vllm serve` take: `config.json`, `model.safetensors` in
/// `f32`, `tokenizer.json`, `tokenizer_config.json` with the chat template, and `generation_config.json`, which
/// samples at temperature 1. The folder is made; files of these names in it are replaced.
///
/// # Errors
///
/// A vocabulary of another size than the model's, or a file that cannot be written.
///
/// ```
/// use outthink_train::{Model, ModelConfig, Vocabulary, write_hf};
///
/// let folder = tempfile::tempdir()?;
/// let model = Model::new(ModelConfig::sized(257, 64, 64, 2), 1)?;
/// write_hf(folder.path(), &model, &Vocabulary::bytes(), None)?;
/// assert!(folder.path().join("model.safetensors").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_hf(
    folder: &Path,
    model: &Model,
    vocabulary: &Vocabulary,
    chat_template: Option<&str>,
) -> Result<(), TrainError> {
    let c = model.config();
    if vocabulary.len() != c.vocab {
        let need = format!("{}, as the model's", c.vocab);
        return Err(TrainError::setting("the vocabulary of the export", vocabulary.len(), need));
    }
    fs::create_dir_all(folder).map_err(|source| TrainError::Write { path: folder.to_path_buf(), source })?;
    write_whole(&folder.join("model.safetensors"), &weights(folder, model)?)?;
    let end = vocabulary.pieces.get(vocabulary.end as usize).map(|p| String::from_utf8_lossy(&p.bytes).into_owned());
    let mut of_tokenizer = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": false,
        "model_max_length": c.context,
        "eos_token": end,
    });
    if let (Some(template), Some(settings)) = (chat_template, of_tokenizer.as_object_mut()) {
        settings.insert("chat_template".into(), template.into());
    }
    let generation = json!({ "do_sample": true, "temperature": 1.0, "eos_token_id": vocabulary.end });
    for (name, value) in [
        ("config.json", config(model, vocabulary)),
        ("generation_config.json", generation),
        ("tokenizer.json", tokenizer(vocabulary)),
        ("tokenizer_config.json", of_tokenizer),
    ] {
        write_whole(&folder.join(name), format!("{value:#}\n").as_bytes())?;
    }
    Ok(())
}

/// The shape as transformers names it.
fn config(model: &Model, vocabulary: &Vocabulary) -> Value {
    let c = model.config();
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": c.vocab,
        "hidden_size": c.d_model,
        "intermediate_size": c.d_ff,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.heads,
        "head_dim": c.d_model / c.heads,
        "hidden_act": "silu",
        "max_position_embeddings": c.context,
        "rms_norm_eps": c.norm_eps,
        // transformers 5 reads the second, older versions the first.
        "rope_theta": c.rope_theta,
        "rope_parameters": { "rope_type": "default", "rope_theta": c.rope_theta },
        "attention_bias": false,
        "mlp_bias": false,
        "tie_word_embeddings": c.tied,
        "bos_token_id": null,
        "eos_token_id": vocabulary.end,
        "torch_dtype": "float32",
    })
}

fn weights(folder: &Path, model: &Model) -> Result<Vec<u8>, TrainError> {
    let c = model.config();
    let fail = |problem: String| TrainError::Checkpoint { path: folder.join("model.safetensors"), problem };
    let mut parts: Vec<(&str, Vec<usize>, Vec<u8>)> = Vec::new();
    for tensor in model.tensors() {
        let numbers = &model.weights()[tensor.range.clone()];
        let turned = ["self_attn.q_proj", "self_attn.k_proj"].iter().any(|part| tensor.name.contains(part));
        let bytes = if turned {
            halves(numbers, c.d_model, c.d_model / c.heads).flat_map(f32::to_le_bytes).collect()
        } else {
            numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
        };
        parts.push((&tensor.name, tensor.shape.clone(), bytes));
    }
    let mut views = Vec::with_capacity(parts.len());
    for (name, shape, bytes) in &parts {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((*name, view.map_err(|e| fail(format!("cannot write {name}: {e}")))?));
    }
    // transformers refuses a file that does not say where its tensors come from.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| fail(format!("cannot be written: {e}")))
}

/// The rows of a matrix `[outputs, inputs]`, of each head the even ones first and the odd ones after them.
fn halves(numbers: &[f32], inputs: usize, head: usize) -> impl Iterator<Item = f32> {
    numbers.chunks(inputs * head).flat_map(move |head| {
        let even = head.chunks(inputs).step_by(2);
        even.chain(head.chunks(inputs).skip(1).step_by(2)).flatten().copied()
    })
}

/// `tokenizer.json`: marks are found first, then words are cut and merged. Bytes that the vocabulary lacks are
/// left out. The end of a text is found in a text, too, as in every folder of this kind; llama.cpp does not.
fn tokenizer(vocabulary: &Vocabulary) -> Value {
    let name = |token: u32| match vocabulary.pieces.get(token as usize) {
        Some(piece) if piece.kind == PieceKind::Normal => printable::text(&piece.bytes),
        Some(piece) => String::from_utf8_lossy(&piece.bytes).into_owned(),
        None => String::new(),
    };
    let tokens = 0..vocabulary.len() as u32;
    let named: Map<String, Value> = tokens.map(|token| (name(token), token.into())).collect();
    let marks = (0_u32..).zip(&vocabulary.pieces).filter(|(_, piece)| piece.kind != PieceKind::Normal);
    let added: Vec<Value> = marks
        .map(|(token, piece)| {
            json!({
                "id": token, "content": name(token), "special": piece.kind == PieceKind::Control,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let merges: Vec<Value> = vocabulary.merges.iter().map(|(l, r)| json!([name(*l), name(*r)])).collect();
    let bytes = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
    });
    // Without merges it makes no difference where words end.
    let cut = if merges.is_empty() {
        bytes.clone()
    } else {
        let words = json!({ "type": "Split", "pattern": { "Regex": WORDS }, "behavior": "Isolated", "invert": false });
        json!({ "type": "Sequence", "pretokenizers": [words, bytes] })
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": cut,
        "post_processor": null,
        "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": named, "merges": merges,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::CharTokenizer;

    #[test]
    fn neighbours_become_halves() {
        let rows: Vec<f32> = (0..8).flat_map(|row| [row as f32, row as f32 + 0.5]).collect();
        // Two heads of four rows.
        let turned: Vec<f32> = halves(&rows, 2, 4).step_by(2).collect();
        assert_eq!(turned, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }

    #[test]
    fn every_token_has_its_number_and_marks_are_added() {
        let json = tokenizer(&CharTokenizer.vocabulary());
        assert_eq!(json["model"]["vocab"].as_object().unwrap().len(), CharTokenizer.vocabulary().len());
        assert_eq!(json["model"]["vocab"]["\u{10a}"], 4, "the line feed");
        let added: Vec<_> =
            json["added_tokens"].as_array().unwrap().iter().map(|t| (&t["content"], &t["special"])).collect();
        assert_eq!(added.len(), 4);
        assert_eq!((added[0].0, added[0].1), (&json!("<|end|>"), &json!(true)));
        assert_eq!((added[2].0, added[2].1), (&json!("</think>"), &json!(false)));
    }
}
