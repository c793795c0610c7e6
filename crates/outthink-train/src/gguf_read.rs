//! Reading GGUF files as [`crate::write_gguf`] writes them, so that a model that was shipped as one can be written in
//! another form.

use crate::checkpoint::Checkpoint;
use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::gguf::{ALIGNMENT, NO_SINK, name};
use crate::model::Model;
use crate::vocabulary::{Piece, PieceKind, Vocabulary, printable};
use crate::weights::Layout;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Reads a GGUF file of this crate: a `llama`, or a `granite_swa` where it has a window, with all weights in `f32`.
///
/// # Errors
///
/// A file that cannot be read or is cut short, or one with another architecture, quantised weights, grouped heads or
/// a tokenizer of another kind.
pub fn read_gguf(path: &Path) -> Result<Checkpoint, TrainError> {
    let bytes = fs::read(path).map_err(|source| TrainError::Read { path: path.to_path_buf(), source })?;
    let fail = |problem: String| TrainError::Checkpoint { path: path.to_path_buf(), problem };
    let file = File::parse(&bytes).map_err(&fail)?;
    let config = file.config().map_err(&fail)?;
    config.check()?;
    let vocabulary = file.vocabulary().map_err(&fail)?;
    let layout = Layout::new(&config);
    if layout.len > file.data.len() / 4 {
        return Err(fail(SHORT.to_owned()));
    }
    let mut weights = vec![0.0; layout.len];
    for tensor in &layout.tensors {
        let numbers = file.tensor(&name(&tensor.name), &tensor.shape).map_err(&fail)?;
        weights[tensor.range.clone()].copy_from_slice(&numbers);
    }
    let model = Model::from_weights(config, weights)?;
    Ok(Checkpoint { model, optimizer: None, vocabulary, run: serde_json::Value::Null })
}

/// A value of the header.
enum Value {
    Number(f64),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<f64>),
}

/// A tensor's sizes, the innermost first, its type, and where it begins.
struct Info {
    sizes: Vec<u64>,
    kind: u32,
    offset: u64,
}

struct File<'a> {
    values: HashMap<String, Value>,
    tensors: HashMap<String, Info>,
    data: &'a [u8],
}

/// What is left of a file.
struct Cursor<'a> {
    rest: &'a [u8],
}

const SHORT: &str = "is damaged or cut short: export it again";

impl<'a> Cursor<'a> {
    fn take(&mut self, n: u64) -> Result<&'a [u8], String> {
        let n = usize::try_from(n).map_err(|_| SHORT.to_owned())?;
        let (head, rest) = self.rest.split_at_checked(n).ok_or(SHORT)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?.try_into().map_err(|_| SHORT.to_owned())
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, String> {
        let n = self.u64()?;
        String::from_utf8(self.take(n)?.to_vec()).map_err(|_| SHORT.to_owned())
    }

    /// A number of a type of GGUF.
    fn number(&mut self, kind: u32) -> Result<f64, String> {
        Ok(match kind {
            0 => f64::from(u8::from_le_bytes(self.array()?)),
            1 => f64::from(i8::from_le_bytes(self.array()?)),
            2 => f64::from(u16::from_le_bytes(self.array()?)),
            3 => f64::from(i16::from_le_bytes(self.array()?)),
            4 => f64::from(self.u32()?),
            5 => f64::from(i32::from_le_bytes(self.array()?)),
            6 => f64::from(f32::from_le_bytes(self.array()?)),
            7 => f64::from(self.array::<1>()?[0]),
            10 => self.u64()? as f64,
            11 => i64::from_le_bytes(self.array()?) as f64,
            12 => f64::from_le_bytes(self.array()?),
            _ => return Err(format!("has a value of an unknown type ({kind})")),
        })
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        match kind {
            8 => Ok(Value::Text(self.text()?)),
            9 => {
                let (of, n) = (self.u32()?, self.u64()?);
                // Elements are read one by one, so that a false count ends with the file.
                if of == 8 {
                    return (0..n).map(|_| self.text()).collect::<Result<_, _>>().map(Value::Texts);
                }
                (0..n).map(|_| self.number(of)).collect::<Result<_, _>>().map(Value::Numbers)
            }
            _ => self.number(kind).map(Value::Number),
        }
    }
}

impl<'a> File<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut at = Cursor { rest: bytes };
        if at.take(4).ok() != Some(b"GGUF") {
            return Err("is not a GGUF file".to_owned());
        }
        let version = at.u32()?;
        if version != 3 {
            return Err(format!("has version {version} of GGUF; this program reads 3"));
        }
        let (tensors, keys) = (at.u64()?, at.u64()?);
        let mut values = HashMap::new();
        for _ in 0..keys {
            let key = at.text()?;
            let kind = at.u32()?;
            values.insert(key, at.value(kind)?);
        }
        let mut infos = HashMap::new();
        for _ in 0..tensors {
            let name = at.text()?;
            let sizes = (0..at.u32()?).map(|_| at.u64()).collect::<Result<_, _>>()?;
            infos.insert(name, Info { sizes, kind: at.u32()?, offset: at.u64()? });
        }
        let header = bytes.len() - at.rest.len();
        let data = bytes.get(header.next_multiple_of(ALIGNMENT)..).ok_or(SHORT)?;
        Ok(Self { values, tensors: infos, data })
    }

    fn number(&self, key: &str) -> Result<f64, String> {
        match self.values.get(key) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(format!("lacks {key}")),
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn config(&self) -> Result<ModelConfig, String> {
        let architecture = self.text("general.architecture").unwrap_or_default();
        if !["llama", "granite_swa"].contains(&architecture) {
            return Err(format!(
                "has the architecture `{architecture}`; need `llama` or `granite_swa`, as `outthink train` makes them"
            ));
        }
        let number = |key: &str| self.number(&format!("{architecture}.{key}"));
        let size = |key: &str| number(key).map(|n| n as usize);
        let window = if architecture == "llama" { None } else { Some(size("attention.sliding_window")?) };
        let config = ModelConfig {
            vocab: size("vocab_size")?,
            d_model: size("embedding_length")?,
            layers: size("block_count")?,
            heads: size("attention.head_count")?,
            d_ff: size("feed_forward_length")?,
            context: size("context_length")?,
            rope_theta: number("rope.freq_base")?,
            norm_eps: number("attention.layer_norm_rms_epsilon")? as f32,
            tied: !self.tensors.contains_key("output.weight"),
            window,
        };
        if window.is_some() {
            self.check_granite(&config)?;
        }
        if size("attention.head_count_kv")? != config.heads {
            return Err("has fewer heads of keys than of queries; need as many, as `outthink train` makes it".into());
        }
        Ok(config)
    }

    /// What other models of this architecture have and those of this crate do not.
    fn check_granite(&self, config: &ModelConfig) -> Result<(), String> {
        let pattern = self.values.get("granite_swa.attention.sliding_window_pattern");
        let every = matches!(pattern, Some(Value::Numbers(slides)) if slides.iter().all(|slides| *slides == 1.0));
        let factors = ["logit_scale", "residual_scale", "embedding_scale", "attention.scale"];
        let plain = factors.iter().all(|key| match self.values.get(&format!("granite_swa.{key}")) {
            Some(Value::Number(factor)) => *factor == 1.0 && *key != "attention.scale",
            _ => true,
        });
        let mut sinks = Vec::new();
        for layer in 0..config.layers {
            sinks.extend(self.tensor(&format!("blk.{layer}.attn_sinks.weight"), &[config.heads])?);
        }
        if every && plain && sinks.iter().all(|score| *score == NO_SINK) {
            return Ok(());
        }
        Err("has layers without a window, factors or sinks of attention; need a model of `outthink train`".to_owned())
    }

    fn vocabulary(&self) -> Result<Vocabulary, String> {
        let list = |key: &str| self.values.get(&format!("tokenizer.ggml.{key}"));
        let (Some(Value::Texts(tokens)), Some(Value::Numbers(kinds)), Some(Value::Texts(merges))) =
            (list("tokens"), list("token_type"), list("merges"))
        else {
            return Err("lacks the tokens, their types or the merges".to_owned());
        };
        let unknown =
            |token: &str| format!("has the token `{token}`, which is of a kind that `outthink train` does not make");
        let piece = |(token, kind): (&String, &f64)| {
            let kind = match *kind as u32 {
                1 => PieceKind::Normal,
                3 => PieceKind::Control,
                4 => PieceKind::Mark,
                _ => return Err(unknown(token)),
            };
            let bytes = match kind {
                PieceKind::Normal => printable::bytes(token).ok_or_else(|| unknown(token))?,
                _ => token.clone().into_bytes(),
            };
            Ok(Piece { bytes, kind })
        };
        let pieces = tokens.iter().zip(kinds).map(piece).collect::<Result<Vec<_>, _>>()?;
        let named: HashMap<&str, u32> = tokens.iter().map(String::as_str).zip(0..).collect();
        let pair = |merge: &String| {
            let (left, right) = merge.split_once(' ')?;
            Some((*named.get(left)?, *named.get(right)?))
        };
        let merges = merges.iter().map(|m| pair(m).ok_or_else(|| unknown(m))).collect::<Result<_, _>>()?;
        Ok(Vocabulary { pieces, end: self.number("tokenizer.ggml.eos_token_id")? as u32, merges })
    }

    /// The numbers of a tensor of this shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let info = self.tensors.get(name).ok_or_else(|| format!("lacks {name}"))?;
        if info.kind != 0 {
            return Err(format!("has {name} quantised; need f32, as `outthink train export` writes it"));
        }
        if !info.sizes.iter().rev().eq(shape.iter().map(|s| *s as u64).collect::<Vec<_>>().iter()) {
            return Err(format!("has {name} in another shape than the header says"));
        }
        let first = usize::try_from(info.offset).map_err(|_| SHORT)?;
        let length = 4 * shape.iter().product::<usize>();
        let bytes = first.checked_add(length).and_then(|end| self.data.get(first..end)).ok_or(SHORT)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{GgufOptions, write_gguf};
    use crate::tasks::CharTokenizer;

    #[test]
    fn a_model_comes_back_and_a_damaged_file_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.gguf");
        let text = "the end of the text, the end";
        for (vocabulary, tied) in
            [(CharTokenizer.vocabulary(), false), (crate::learn_merges([text.repeat(2).as_str()], 270), true)]
        {
            // One of them with a window, too.
            let window = tied.then_some(9);
            let config = ModelConfig { tied, window, ..ModelConfig::sized(vocabulary.len(), 48, 32, 2) };
            let model = Model::new(config, 3).unwrap();
            write_gguf(&path, &model, &vocabulary, &GgufOptions::default()).unwrap();
            let read = read_gguf(&path).unwrap();
            assert_eq!(read.model.config(), model.config());
            assert_eq!(read.model.weights(), model.weights());
            assert_eq!(read.vocabulary, vocabulary);
        }
        let whole = fs::read(&path).unwrap();
        for end in (0..whole.len()).step_by(997) {
            fs::write(&path, &whole[..end]).unwrap();
            read_gguf(&path).unwrap_err();
        }
        for at in (0..whole.len().min(6_000)).step_by(13) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x5a;
            fs::write(&path, bytes).unwrap();
            // Whatever is read of it, nothing panics.
            let _ = read_gguf(&path);
        }
    }
}
