//! The parameters of a model in one array, and the same packed for products.

use crate::config::ModelConfig;
use crate::kernel::gemm::Panels;
use crate::rng::Rng;
use std::ops::Range;

/// A named matrix or vector within the array of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in checkpoints, as Hugging Face names the tensors of a llama.
    pub name: String,
    /// `[outputs, inputs]` of a matrix, `[width]` of a gain.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub range: Range<usize>,
}

/// Where the parameters of one layer lie. Matrices that see the same input lie side by side, so that
/// one product computes them.
#[derive(Debug, Clone)]
pub(crate) struct LayerLayout {
    pub(crate) attention_norm: Range<usize>,
    /// `[3d, d]`: queries, keys, values.
    pub(crate) qkv: Range<usize>,
    /// `[d, d]`.
    pub(crate) out: Range<usize>,
    pub(crate) mlp_norm: Range<usize>,
    /// `[2 ff, d]`: gate, up.
    pub(crate) gate_up: Range<usize>,
    /// `[d, ff]`.
    pub(crate) down: Range<usize>,
}

/// Where all parameters lie.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// `[vocab, d]`.
    pub(crate) embedding: Range<usize>,
    pub(crate) layers: Vec<LayerLayout>,
    pub(crate) final_norm: Range<usize>,
    /// `[vocab, d]`; the embedding where they are tied.
    pub(crate) head: Range<usize>,
    /// Every tensor once, in order.
    pub(crate) tensors: Vec<Tensor>,
    /// Parameters.
    pub(crate) len: usize,
}

impl Layout {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        let (d, ff) = (config.d_model, config.d_ff);
        let mut tensors: Vec<Tensor> = Vec::new();
        let mut len = 0;
        let mut add = |name: String, shape: &[usize]| {
            let range = len..len + shape.iter().product::<usize>();
            len = range.end;
            tensors.push(Tensor { name, shape: shape.to_vec(), range: range.clone() });
            range
        };
        let embedding = add("model.embed_tokens.weight".into(), &[config.vocab, d]);
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut part = |name: &str, shape: &[usize]| add(format!("model.layers.{layer}.{name}.weight"), shape);
            let attention_norm = part("input_layernorm", &[d]);
            let q = part("self_attn.q_proj", &[d, d]);
            part("self_attn.k_proj", &[d, d]);
            let v = part("self_attn.v_proj", &[d, d]);
            let out = part("self_attn.o_proj", &[d, d]);
            let mlp_norm = part("post_attention_layernorm", &[d]);
            let gate = part("mlp.gate_proj", &[ff, d]);
            let up = part("mlp.up_proj", &[ff, d]);
            let down = part("mlp.down_proj", &[d, ff]);
            let (qkv, gate_up) = (q.start..v.end, gate.start..up.end);
            layers.push(LayerLayout { attention_norm, qkv, out, mlp_norm, gate_up, down });
        }
        let final_norm = add("model.norm.weight".into(), &[d]);
        let head = if config.tied { embedding.clone() } else { add("lm_head.weight".into(), &[config.vocab, d]) };
        Self { embedding, layers, final_norm, head, tensors, len }
    }

    /// First weights: gains 1, embeddings N(0, 0.02²), matrices N(0, 1/inputs), those that write into
    /// the residual stream divided by sqrt(2 layers) (Radford et al. 2019, section 2.3).
    pub(crate) fn initial(&self, layers: usize, seed: u64) -> Vec<f32> {
        let mut weights = vec![0.0; self.len];
        for (index, tensor) in self.tensors.iter().enumerate() {
            let deviation = match tensor.shape[..] {
                [_, inputs] if tensor.range != self.embedding && tensor.range != self.head => {
                    let writes = tensor.name.contains("o_proj") || tensor.name.contains("down_proj");
                    (inputs as f64).sqrt().recip() * if writes { (2.0 * layers as f64).sqrt().recip() } else { 1.0 }
                }
                [_, _] => 0.02,
                _ => {
                    weights[tensor.range.clone()].fill(1.0);
                    continue;
                }
            };
            let mut rng = Rng::stream(seed, index as u64);
            weights[tensor.range.clone()].iter_mut().for_each(|w| *w = (rng.normal() * deviation) as f32);
        }
        weights
    }
}

/// A matrix packed for both directions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packed {
    /// For y = x Wᵀ.
    pub(crate) forward: Panels,
    /// For dx = dy W.
    pub(crate) backward: Panels,
}

impl Packed {
    fn pack(&mut self, weights: &[f32], inputs: usize) {
        let outputs = weights.len() / inputs;
        self.forward.pack_columns(weights, inputs, inputs, outputs);
        self.backward.pack_rows(weights, inputs, outputs, inputs);
    }
}

/// All matrices of a layer, packed.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackedLayer {
    pub(crate) qkv: Packed,
    pub(crate) out: Packed,
    pub(crate) gate_up: Packed,
    pub(crate) down: Packed,
}

/// All matrices of a model, packed.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackedModel {
    pub(crate) layers: Vec<PackedLayer>,
    pub(crate) head: Packed,
}

impl PackedModel {
    pub(crate) fn pack(&mut self, config: &ModelConfig, layout: &Layout, weights: &[f32]) {
        let (d, ff) = (config.d_model, config.d_ff);
        self.layers.resize_with(config.layers, PackedLayer::default);
        for (packed, at) in self.layers.iter_mut().zip(&layout.layers) {
            packed.qkv.pack(&weights[at.qkv.clone()], d);
            packed.out.pack(&weights[at.out.clone()], d);
            packed.gate_up.pack(&weights[at.gate_up.clone()], d);
            packed.down.pack(&weights[at.down.clone()], ff);
        }
        self.head.pack(&weights[layout.head.clone()], d);
    }
}
