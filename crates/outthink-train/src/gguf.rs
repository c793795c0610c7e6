//! Export to GGUF (version 3), which llama.cpp and the embedded engine run.
//!
//! llama.cpp's `llama` has no sliding window. The plainest of its architectures that has one in every layer is
//! `granite_swa`: with factors of 1 it computes the same, but for a sink that each head may attend to instead of a
//! token (Xiao et al. 2023); sinks whose score is far below any other take no weight.

use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::file::write_whole;
use crate::model::Model;
use crate::vocabulary::{PieceKind, Vocabulary, printable};
use std::path::Path;

/// Tensors begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 32;

/// Codes of the types of values in GGUF.
#[derive(Clone, Copy)]
enum Kind {
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
}

/// What a GGUF file says beside the weights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GgufOptions {
    /// The model's name.
    pub name: String,
    /// A chat template, where the model reads messages and not plain text.
    pub chat_template: Option<String>,
}

/// Writes a model as GGUF with all its weights in `f32`, so that llama.cpp computes with the same
/// numbers.
///
/// # Errors
///
/// A vocabulary of another size than the model's, or a file that cannot be written.
pub fn write_gguf(
    path: &Path,
    model: &Model,
    vocabulary: &Vocabulary,
    options: &GgufOptions,
) -> Result<(), TrainError> {
    let c = model.config();
    if vocabulary.len() != c.vocab {
        let need = format!("{}, as the model's", c.vocab);
        return Err(TrainError::setting("the vocabulary of the export", vocabulary.len(), need));
    }
    let mut keys = Keys { family: family(c), ..Keys::default() };
    keys.text("general.architecture", keys.family);
    keys.text("general.name", if options.name.is_empty() { "outthink" } else { &options.name });
    keys.u32("general.file_type", 0);
    for (key, value) in [
        ("vocab_size", c.vocab),
        ("context_length", c.context),
        ("embedding_length", c.d_model),
        ("block_count", c.layers),
        ("feed_forward_length", c.d_ff),
        ("attention.head_count", c.heads),
        ("attention.head_count_kv", c.heads),
        ("rope.dimension_count", c.d_model / c.heads),
    ] {
        keys.u32(&keys.of(key), value as u32);
    }
    keys.f32(&keys.of("attention.layer_norm_rms_epsilon"), c.norm_eps);
    keys.f32(&keys.of("rope.freq_base"), c.rope_theta as f32);
    if let Some(window) = c.window {
        keys.u32(&keys.of("attention.sliding_window"), window as u32);
        let every = vec![true; c.layers];
        let pattern = keys.of("attention.sliding_window_pattern");
        keys.array(&pattern, Kind::Bool, &every, |bytes, slides| bytes.push(u8::from(*slides)));
        keys.f32(&keys.of("logit_scale"), 1.0);
    }
    keys.text("tokenizer.ggml.model", "gpt2");
    // How words are cut before they are merged: without merges it makes no difference.
    keys.text("tokenizer.ggml.pre", if vocabulary.merges.is_empty() { "gpt-2" } else { "bloom" });
    keys.array("tokenizer.ggml.tokens", Kind::String, &vocabulary.pieces, |bytes, piece| {
        // A mark stands in the file as it is written, other tokens with every byte printable.
        let text = match piece.kind {
            PieceKind::Normal => printable::text(&piece.bytes),
            _ => String::from_utf8_lossy(&piece.bytes).into_owned(),
        };
        put_text(bytes, &text);
    });
    keys.array("tokenizer.ggml.token_type", Kind::I32, &vocabulary.pieces, |bytes, piece| {
        let code: i32 = match piece.kind {
            PieceKind::Normal => 1,
            PieceKind::Control => 3,
            PieceKind::Mark => 4,
        };
        bytes.extend(code.to_le_bytes());
    });
    // llama.cpp wants the key, also where there are no merges.
    keys.array("tokenizer.ggml.merges", Kind::String, &vocabulary.merges, |bytes, (left, right)| {
        let text = |token: &u32| {
            vocabulary.pieces.get(*token as usize).map_or_else(String::new, |p| printable::text(&p.bytes))
        };
        put_text(bytes, &format!("{} {}", text(left), text(right)));
    });
    keys.u32("tokenizer.ggml.eos_token_id", vocabulary.end);
    keys.bool("tokenizer.ggml.add_bos_token", false);
    keys.bool("tokenizer.ggml.add_eos_token", false);
    if let Some(template) = &options.chat_template {
        keys.text("tokenizer.chat_template", template);
    }

    let mut tensors = Tensors::default();
    for tensor in model.tensors() {
        tensors.put(&name(&tensor.name), &tensor.shape, &model.weights()[tensor.range.clone()]);
    }
    if c.window.is_some() {
        for layer in 0..c.layers {
            tensors.put(&format!("blk.{layer}.attn_sinks.weight"), &[c.heads], &vec![NO_SINK; c.heads]);
        }
    }
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend(tensors.count.to_le_bytes());
    file.extend(keys.count.to_le_bytes());
    file.extend(keys.bytes);
    file.extend(tensors.infos);
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file.extend(tensors.data);
    write_whole(path, &file)
}

/// The score of a sink that takes no weight.
pub(crate) const NO_SINK: f32 = -1e30;

/// What llama.cpp calls models of this shape.
pub(crate) fn family(config: &ModelConfig) -> &'static str {
    if config.window.is_some() { "granite_swa" } else { "llama" }
}

/// The tensors of a file, as they are written.
#[derive(Default)]
struct Tensors {
    count: u64,
    infos: Vec<u8>,
    data: Vec<u8>,
}

impl Tensors {
    fn put(&mut self, name: &str, shape: &[usize], numbers: &[f32]) {
        self.count += 1;
        put_text(&mut self.infos, name);
        self.infos.extend((shape.len() as u32).to_le_bytes());
        // GGUF counts dimensions from the innermost one.
        for size in shape.iter().rev() {
            self.infos.extend((*size as u64).to_le_bytes());
        }
        self.infos.extend(0_u32.to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(numbers.iter().flat_map(|w| w.to_le_bytes()));
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
    }
}

/// From Hugging Face's name of a tensor to llama.cpp's.
pub(crate) fn name(name: &str) -> String {
    let short = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers.", "blk."),
        ("input_layernorm", "attn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    short.iter().fold(name.to_owned(), |name, (long, short)| name.replace(long, short))
}

/// The keys of a file, as they are written.
#[derive(Default)]
struct Keys {
    /// What the names of the model's own keys begin with.
    family: &'static str,
    count: u64,
    bytes: Vec<u8>,
}

impl Keys {
    fn of(&self, key: &str) -> String {
        format!("{}.{key}", self.family)
    }

    fn begin(&mut self, key: &str, kind: Kind) {
        self.count += 1;
        put_text(&mut self.bytes, key);
        self.bytes.extend((kind as u32).to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.begin(key, Kind::String);
        put_text(&mut self.bytes, value);
    }

    fn u32(&mut self, key: &str, value: u32) {
        self.begin(key, Kind::U32);
        self.bytes.extend(value.to_le_bytes());
    }

    fn f32(&mut self, key: &str, value: f32) {
        self.begin(key, Kind::F32);
        self.bytes.extend(value.to_le_bytes());
    }

    fn bool(&mut self, key: &str, value: bool) {
        self.begin(key, Kind::Bool);
        self.bytes.push(u8::from(value));
    }

    fn array<T>(&mut self, key: &str, kind: Kind, values: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
        self.begin(key, Kind::Array);
        self.bytes.extend((kind as u32).to_le_bytes());
        self.bytes.extend((values.len() as u64).to_le_bytes());
        for value in values {
            put(&mut self.bytes, value);
        }
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}
