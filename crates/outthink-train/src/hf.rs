//! Export as a Hugging Face folder, which vLLM, SGLang and transformers load.
//!
//! The weights are those of a `LlamaForCausalLM`, or of a `MistralForCausalLM` where attention has a window. Hugging Face turns the first half of a head against the second one
//! where this crate and llama.cpp turn neighbours (Su et al. 2021, equation 34, in either order), so the rows of
//! queries and keys change places.
//!
//! vLLM has no kernels for heads below 32 on processors, so narrower heads are widened by rows of zeros. The values
//! stay the same: queries grow by what the scale of the scores loses, and the rotary base by the power that keeps
//! the angles.

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

/// Heads are at least this wide in the folder.
const NARROWEST: usize = 32;

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
    let wide = Heads::of(model);
    // Angle i of a head is base^(-2 i / width).
    let base = c.rope_theta.powf(wide.to as f64 / wide.from as f64);
    let (architecture, kind) =
        if c.window.is_some() { ("MistralForCausalLM", "mistral") } else { ("LlamaForCausalLM", "llama") };
    let mut config = json!({
        "architectures": [architecture],
        "model_type": kind,
        "vocab_size": c.vocab,
        "hidden_size": c.d_model,
        "intermediate_size": c.d_ff,
        "num_hidden_layers": c.layers,
        "num_attention_heads": c.heads,
        "num_key_value_heads": c.heads,
        "head_dim": wide.to,
        "hidden_act": "silu",
        "max_position_embeddings": c.context,
        "rms_norm_eps": c.norm_eps,
        // transformers 5 reads the second, older versions the first.
        "rope_theta": base,
        "rope_parameters": { "rope_type": "default", "rope_theta": base },
        "attention_bias": false,
        "mlp_bias": false,
        "tie_word_embeddings": c.tied,
        "bos_token_id": null,
        "eos_token_id": vocabulary.end,
        "torch_dtype": "float32",
    });
    if let (Some(window), Some(settings)) = (c.window, config.as_object_mut()) {
        settings.insert("sliding_window".into(), window.into());
    }
    config
}

fn weights(folder: &Path, model: &Model) -> Result<Vec<u8>, TrainError> {
    let fail = |problem: String| TrainError::Checkpoint { path: folder.join("model.safetensors"), problem };
    let heads = Heads::of(model);
    let mut parts: Vec<(&str, Vec<usize>, Vec<u8>)> = Vec::new();
    for tensor in model.tensors() {
        let (shape, numbers) = heads.widen(&tensor.name, &tensor.shape, &model.weights()[tensor.range.clone()]);
        parts.push((&tensor.name, shape, numbers.into_iter().flat_map(f32::to_le_bytes).collect()));
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

/// Widths of a head, here and in the folder.
#[derive(Debug, Clone, Copy)]
struct Heads {
    from: usize,
    to: usize,
}

impl Heads {
    fn of(model: &Model) -> Self {
        let from = model.config().d_model / model.config().heads;
        Self { from, to: from.max(NARROWEST) }
    }

    /// A tensor with its heads in the folder's order and width.
    fn widen(self, name: &str, shape: &[usize], numbers: &[f32]) -> (Vec<usize>, Vec<f32>) {
        let [outputs, inputs] = shape[..] else { return (shape.to_vec(), numbers.to_vec()) };
        let is = |part: &str| name.contains(part);
        if is("self_attn.q_proj") || is("self_attn.k_proj") {
            // Scores are divided by the square root of the width.
            let grown = if is("q_proj") { (self.to as f32 / self.from as f32).sqrt() } else { 1.0 };
            let rows = self.halves(numbers, inputs).map(|n| n * grown).collect();
            return (vec![outputs / self.from * self.to, inputs], rows);
        }
        if is("self_attn.v_proj") {
            let zeros = vec![0.0; (self.to - self.from) * inputs];
            let rows = numbers.chunks(self.from * inputs).flat_map(|head| head.iter().chain(&zeros)).copied().collect();
            return (vec![outputs / self.from * self.to, inputs], rows);
        }
        if is("self_attn.o_proj") {
            let zeros = vec![0.0; self.to - self.from];
            let columns = numbers.chunks(self.from).flat_map(|head| head.iter().chain(&zeros)).copied().collect();
            return (vec![outputs, inputs / self.from * self.to], columns);
        }
        (shape.to_vec(), numbers.to_vec())
    }

    /// The rows of each head: the even ones and zeros up to half of the width, then the odd ones and zeros.
    fn halves(self, numbers: &[f32], inputs: usize) -> impl Iterator<Item = f32> {
        let zeros = (self.to - self.from) / 2 * inputs;
        numbers.chunks(inputs * self.from).flat_map(move |head| {
            let part = |first: usize| {
                let rows = head.chunks(inputs).skip(first).step_by(2).flatten().copied();
                rows.chain(std::iter::repeat_n(0.0, zeros))
            };
            part(0).chain(part(1))
        })
    }
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
        // Two heads of four rows; then both of them widened to six.
        let turned = |to: usize| Heads { from: 4, to }.halves(&rows, 2).step_by(2).collect::<Vec<f32>>();
        assert_eq!(turned(4), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        assert_eq!(turned(6), [0.0, 2.0, 0.0, 1.0, 3.0, 0.0, 4.0, 6.0, 0.0, 5.0, 7.0, 0.0]);
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
