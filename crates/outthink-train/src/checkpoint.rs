//! Checkpoints: a model, its optimizer and the state of its run in one safetensors file.
//!
//! The weights have the names and shapes that Hugging Face gives to a llama, so other tools can read
//! them. A checksum over all numbers is in the header; the file appears whole or not at all.

use crate::config::ModelConfig;
use crate::error::TrainError;
use crate::file::write_whole;
use crate::model::Model;
use crate::optimizer::{AdamW, AdamWConfig};
use crate::vocabulary::Vocabulary;
use crate::weights::Layout;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;

/// Version of the header.
const SCHEMA: u32 = 1;
/// Where the header lies in the metadata of the file.
const HEADER: &str = "outthink";
const MEAN: &str = "optimizer.mean";
const SQUARE: &str = "optimizer.square";

/// A model as it was at some step.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The model.
    pub model: Model,
    /// The optimizer, where training is to go on.
    pub optimizer: Option<AdamW>,
    /// The tokens.
    pub vocabulary: Vocabulary,
    /// What the run needs to go on, as the run wrote it.
    pub run: serde_json::Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: u32,
    config: ModelConfig,
    vocabulary: Vocabulary,
    optimizer: Option<AdamWConfig>,
    steps: u64,
    run: serde_json::Value,
    sha256: String,
}

/// What goes into a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointRef<'a> {
    /// The model.
    pub model: &'a Model,
    /// The optimizer, where training is to go on.
    pub optimizer: Option<&'a AdamW>,
    /// The tokens.
    pub vocabulary: &'a Vocabulary,
    /// What the run needs to go on.
    pub run: &'a serde_json::Value,
}

impl CheckpointRef<'_> {
    /// Writes the checkpoint. What was at `path` stays until the new one is whole.
    ///
    /// # Errors
    ///
    /// A vocabulary of another size than the model's, or a file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let config = *self.model.config();
        if self.vocabulary.len() != config.vocab {
            let need = format!("{}, as the model's", config.vocab);
            return Err(TrainError::setting("the vocabulary of a checkpoint", self.vocabulary.len(), need));
        }
        let mut parts: Vec<(&str, Vec<usize>, Vec<u8>)> = Vec::new();
        for tensor in self.model.tensors() {
            let numbers = little_endian(&self.model.weights()[tensor.range.clone()]);
            parts.push((&tensor.name, tensor.shape.clone(), numbers));
        }
        if let Some(optimizer) = self.optimizer {
            for (name, numbers) in [(MEAN, &optimizer.mean), (SQUARE, &optimizer.square)] {
                parts.push((name, vec![numbers.len()], little_endian(numbers)));
            }
        }
        let mut sum = Sha256::new();
        for (_, _, numbers) in &parts {
            sum.update(numbers);
        }
        let header = Header {
            schema: SCHEMA,
            config,
            vocabulary: self.vocabulary.clone(),
            optimizer: self.optimizer.map(|o| o.config),
            steps: self.optimizer.map_or(0, |o| o.steps),
            run: self.run.clone(),
            sha256: hex(&sum.finalize()),
        };
        let fail = |problem: String| TrainError::Checkpoint { path: path.to_path_buf(), problem };
        let header = serde_json::to_string(&header).map_err(|e| fail(format!("cannot write the header: {e}")))?;
        let mut views = Vec::with_capacity(parts.len());
        for (name, shape, numbers) in &parts {
            let view = TensorView::new(Dtype::F32, shape.clone(), numbers);
            views.push((*name, view.map_err(|e| fail(format!("cannot write {name}: {e}")))?));
        }
        let metadata = HashMap::from([(HEADER.to_owned(), header)]);
        let bytes =
            safetensors::serialize(views, Some(metadata)).map_err(|e| fail(format!("cannot be written: {e}")))?;
        write_whole(path, &bytes)
    }
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is cut short, was not written by this crate, was written by a newer
    /// one, or whose numbers do not give the checksum.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(|source| TrainError::Read { path: path.to_path_buf(), source })?;
        let fail = |problem: String| TrainError::Checkpoint { path: path.to_path_buf(), problem };
        let whole = "is damaged or cut short; take an older checkpoint, or start the run again";
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| fail(format!("{whole} ({e})")))?;
        let header = metadata.metadata().as_ref().and_then(|m| m.get(HEADER));
        let header = header.ok_or_else(|| fail("is a safetensors file, but no checkpoint of outthink".into()))?;
        let header: Header = serde_json::from_str(header).map_err(|e| fail(format!("has an unknown header: {e}")))?;
        if header.schema != SCHEMA {
            let problem =
                format!("has schema {}; this version reads {SCHEMA}: use the outthink that wrote it", header.schema);
            return Err(fail(problem));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| fail(format!("{whole} ({e})")))?;
        header.config.check()?;
        if header.vocabulary.len() != header.config.vocab {
            let problem = format!("has {} tokens for a vocabulary of {}", header.vocabulary.len(), header.config.vocab);
            return Err(fail(problem));
        }
        let layout = Layout::new(&header.config);
        let mut sum = Sha256::new();
        let mut take = |name: &str, shape: &[usize]| -> Result<Vec<f32>, TrainError> {
            let tensor = tensors.tensor(name).map_err(|_| fail(format!("lacks {name}")))?;
            if tensor.shape() != shape || tensor.dtype() != Dtype::F32 {
                return Err(fail(format!(
                    "has {name} as {:?} {:?}; need F32 {shape:?}",
                    tensor.dtype(),
                    tensor.shape()
                )));
            }
            sum.update(tensor.data());
            Ok(tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let mut weights = vec![0.0; layout.len];
        for tensor in &layout.tensors {
            weights[tensor.range.clone()].copy_from_slice(&take(&tensor.name, &tensor.shape)?);
        }
        let optimizer = match header.optimizer {
            Some(config) => {
                let (mean, square) = (take(MEAN, &[layout.len])?, take(SQUARE, &[layout.len])?);
                Some(AdamW { config, steps: header.steps, mean, square })
            }
            None => None,
        };
        if hex(&sum.finalize()) != header.sha256 {
            return Err(fail(whole.into()));
        }
        let model = Model::from_weights(header.config, weights)?;
        Ok(Self { model, optimizer, vocabulary: header.vocabulary, run: header.run })
    }
}

fn little_endian(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
