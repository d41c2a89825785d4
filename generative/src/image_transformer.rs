//! A causal transformer over the numbers of an image (Chen et al. 2020, "Generative pretraining from pixels";
//! Vaswani et al. 2017, "Attention is all you need", <https://arxiv.org/abs/1706.03762>).
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)) as for [`pixelcnn`](mod@crate::pixelcnn). Position i is given value
//! i − 1, so that it may attend to itself: h = a·x_(i−1) + position_i (+ class), then blocks
//! h ← h + O·attention(norm(h)), h ← h + W₂·gelu(W₁·norm(h)), with attention
//! softmax(q·k_j/√d over j ≤ i)·v in several heads. The logits of value i are linear in norm(h).
//!
//! Differences from the papers: values go in as they are, not as an embedding of each level; GELU by its
//! approximation with tanh, as in the authors' code. Its cost grows as the square of the values in an image.
use crate::autoregressive::{
    Autoregressive, AutoregressiveNetwork, IncrementalForward, Place, Subject, settings,
};
use crate::data::{Images, Parts, Shape};
use anyhow::Result;
use candle_core::{DType, Device, Module as _, Tensor};
use nn::{Activation, Init, Linear, Params, Reader, Signal, causal_attention};

mod block;
mod config;
mod kv_cache;

use block::{Block, LayerNorm};
pub use config::ImageTransformerConfig;
use kv_cache::attend;
use train::Download as _;

/// The network: embeddings, blocks, a final layer norm and the output.
#[derive(Clone)]
struct Transformer {
    subject: Subject,
    heads: usize,
    /// 1 to F.
    embed: Linear,
    /// `[D, F]`.
    positions: Tensor,
    /// `[classes, F]`, where there are any.
    classes: Option<Tensor>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// F to P.
    out: Linear,
}

impl Transformer {
    fn new(
        params: &Params,
        subject: &Subject,
        config: &ImageTransformerConfig,
    ) -> candle_core::Result<Self> {
        let ImageTransformerConfig { features, heads, blocks, .. } = *config;
        let (d, linear) = (subject.shape.len(), Activation::Linear);
        let table = |name: &str, rows: usize| {
            params.var(name, (rows, features), Init::FanInUniform { fan_in: features })
        };
        let classes = (subject.classes > 0).then(|| table("classes", subject.classes));
        let block = |i| Block::new(params, &format!("block{i:02}"), features);
        Ok(Self {
            subject: *subject,
            heads,
            embed: Linear::new(params, "number", 1, features, linear)?,
            positions: table("positions", d)?,
            classes: classes.transpose()?,
            blocks: (0..blocks).map(block).collect::<candle_core::Result<_>>()?,
            norm: LayerNorm::new(params, "norm", features)?,
            out: Linear::new(params, "out", features, subject.output.params(), linear)?,
        })
    }

    fn features(&self) -> usize {
        self.positions.dims()[1]
    }
}

impl AutoregressiveNetwork for Transformer {
    fn forward(&self, x: &Tensor, classes: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let Shape { channels, height, width } = self.subject.shape;
        let (batch, d, features) = (x.dim(0)?, self.subject.shape.len(), self.features());
        // In the order of places, and each a position later.
        let values = x.permute((0, 2, 3, 1))?.reshape((batch, d))?;
        let first = Tensor::zeros((batch, 1), x.dtype(), x.device())?;
        let shifted = Tensor::cat(&[&first, &values.narrow(1, 0, d - 1)?], 1)?; // [B, D]
        let h = self.embed.forward(&shifted.reshape((batch * d, 1))?)?;
        let mut h = h.reshape((batch, d, features))?.broadcast_add(&self.positions)?;
        if let (Some(table), Some(classes)) = (&self.classes, classes) {
            h = h.broadcast_add(&table.index_select(classes, 0)?.unsqueeze(1)?)?;
        }
        let mut h = h.reshape((batch * d, features))?; // [B·D, F]
        for block in &self.blocks {
            h = block.forward(&h, |qkv| {
                let qkv = Signal::from(qkv); // [B·D, 3F]
                causal_attention(&qkv, d, self.heads, Reader::Anybody)?.into_tensor() // [B·D, F]
            })?;
        }
        let logits = self.out.forward(&self.norm.forward(&h)?)?; // [B·D, P]
        let logits = logits.reshape((batch, height, width, channels, ()))?;
        logits.permute((0, 3, 4, 1, 2))?.reshape((batch, (), height, width)) // [B, C·P, H, W]
    }

    fn detached(&self) -> Box<dyn AutoregressiveNetwork> {
        Box::new(Self {
            embed: self.embed.detached(),
            positions: self.positions.detach(),
            classes: self.classes.as_ref().map(Tensor::detach),
            blocks: self.blocks.iter().map(Block::detached).collect(),
            norm: self.norm.detached(),
            out: self.out.detached(),
            ..self.clone()
        })
    }

    fn incremental(
        &self,
        n: usize,
        classes: Option<&[u32]>,
    ) -> candle_core::Result<Box<dyn IncrementalForward + '_>> {
        let class = match (&self.classes, classes) {
            (Some(table), Some(classes)) => {
                Some(table.index_select(&Tensor::new(classes, table.device())?, 0)?)
            }
            _ => None,
        };
        let caches = vec![Vec::new(); self.blocks.len()];
        Ok(Box::new(Incremental { network: self, class, n, at: 0, values: vec![0.0; n], caches }))
    }

    /// Each position is computed once, but a few at a time: measured as 10 to 30 passes.
    fn passes(&self, _: Shape) -> usize {
        20
    }

    /// At each number.
    fn uses(&self, shape: Shape) -> usize {
        shape.len()
    }
}

/// A forward pass value by value, with a KV cache. Its logits are those of a full pass but for rounding.
struct Incremental<'a> {
    network: &'a Transformer,
    /// `[n, F]`.
    class: Option<Tensor>,
    n: usize,
    at: usize,
    /// The values before, `[n]`.
    values: Vec<f32>,
    /// KV cache of each block: queries, keys and values, `[positions, n, 3F]`.
    caches: Vec<Vec<f32>>,
}

impl IncrementalForward for Incremental<'_> {
    fn logits(&mut self, _: Place, logits: &mut [f32]) -> candle_core::Result<()> {
        let Self { network, class, n, at, values, caches } = self;
        let (features, device) = (network.features(), network.positions.device());
        let values = Tensor::from_slice(values, (*n, 1), device)?;
        let mut h = network.embed.forward(&values)?; // [n, F]
        h = h.broadcast_add(&network.positions.get(*at)?)?;
        if let Some(class) = class {
            h = (h + &*class)?;
        }
        for (block, cache) in network.blocks.iter().zip(caches) {
            h = block.forward(&h, |qkv| {
                cache.extend(qkv.download::<f32>()?);
                let out = attend(cache, *n, network.heads, features);
                Tensor::from_vec(out, (*n, features), device)
            })?;
        }
        let out = network.out.forward(&network.norm.forward(&h)?)?; // [n, P]
        logits.copy_from_slice(&out.to_dtype(DType::F32)?.download::<f32>()?);
        *at += 1;
        Ok(())
    }

    fn observe(&mut self, _: Place, values: &[f32]) -> candle_core::Result<()> {
        self.values.copy_from_slice(values);
        Ok(())
    }
}

/// An untrained transformer for `data`.
///
/// # Errors
/// [`BadValue`](train::BadValue) where a hyper-parameter is out of range, or does not go with another one or
/// with the images.
pub fn image_transformer(
    data: Parts<Images>,
    config: &ImageTransformerConfig,
    seed: u64,
    device: &Device,
) -> Result<Autoregressive> {
    config.check()?;
    config.check_heads()?;
    let settings = settings!(config, config.conditional);
    let memory = |subject: &Subject| config.memory(subject);
    let made = config.clone();
    Autoregressive::new(data, settings, (seed, device), memory, move |params, subject| {
        Ok(Box::new(Transformer::new(params, subject, &made)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoregressive::testing::{
        gradients_agree_with_differences, incremental_passes_agree_with_full_ones,
        jacobian_is_strictly_lower_triangular, nll_and_entropy,
        probabilities_sum_to_1_and_are_sampled, subject,
    };
    use crate::data::{GridConfig, stripes};
    use train::Learner;
    use train::testing::{device, resume_changes_nothing, same_seed_same_bits};

    fn small() -> ImageTransformerConfig {
        ImageTransformerConfig { features: 16, heads: 2, blocks: 2, ..Default::default() }
    }

    fn make(
        params: &Params,
        subject: &Subject,
    ) -> candle_core::Result<Box<dyn AutoregressiveNetwork>> {
        Ok(Box::new(Transformer::new(params, subject, &small())?))
    }

    #[test]
    fn nothing_sees_what_comes_later_and_all_is_drawn() {
        for (shape, levels, classes) in [([1, 3, 4], 2, 0), ([3, 2, 2], 3, 0), ([1, 2, 3], 2, 2)] {
            let subject = subject(shape, levels, classes);
            jacobian_is_strictly_lower_triangular(&make, &subject, &|_, _| true);
            incremental_passes_agree_with_full_ones(&make, &subject, 1e-4);
            gradients_agree_with_differences(&make, &subject, 1e-2);
        }
        probabilities_sum_to_1_and_are_sampled(&make, 0);
    }

    #[test]
    fn learns_stripes_and_resuming_changes_nothing() {
        let grid = GridConfig { side: 4, n_train: 20_000, n_test: 3_000, seed: 1 };
        let data = stripes(&grid).unwrap().images().unwrap();
        let lr_steps = 64_000;
        let config = ImageTransformerConfig { lr: 3e-3, lr_end: 0.05, lr_steps, ..small() };
        let mut model = image_transformer(data.clone(), &config, 1, device()).unwrap();
        let log = &mut train::Log::default();
        (0..lr_steps / 32).for_each(|_| _ = model.step(log).unwrap());
        let (nll, entropy) = nll_and_entropy(&model, &data);
        assert!((0.98..1.05).contains(&(nll / entropy)), "{nll} of {entropy}");

        let make = || -> Result<Box<dyn Learner>> {
            Ok(Box::new(image_transformer(data.clone(), &config, 1, device())?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 320).unwrap();
        resume_changes_nothing(&make, 192, 320, dir.path()).unwrap();
    }
}
