//! A causal transformer over the numbers of a picture (Chen et al. 2020, "Generative pretraining from pixels";
//! Vaswani et al. 2017, "Attention is all you need", <https://arxiv.org/abs/1706.03762>).
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)) as for [`pixelcnn`](mod@crate::pixelcnn). Position i is given number
//! i − 1, so that it may see itself: h = a·x_(i−1) + position_i (+ class), then blocks
//! h ← h + O·attention(norm(h)), h ← h + W₂·gelu(W₁·norm(h)), with attention
//! softmax(q·k_j/√d over j ≤ i)·v in several heads. What is said of number i is linear in norm(h).
//!
//! Where we leave the papers: numbers go in as they are, not as an embedding of each level; GELU by its
//! approximation with tanh, as in the authors' code. Its cost grows as the square of the numbers in a picture.
use crate::autoregressive::{Autoregressive, Network, Place, Settings, Subject, Walk};
use crate::data::{Binarisation, Images, Parts, Shape};
use crate::memory;
use anyhow::Result;
use candle_core::{DType, Device, Module as _, Tensor};
use nn::{Activation, Init, Linear, Params, Reader, Signal, causal_attention};
use train::{BadValue, Memory, above};

train::hyper_parameters! {
    /// Hyper-parameters of [`image_transformer`].
    pub struct ImageTransformerConfig {
        /// Black and white pictures from grey ones: static, dynamic (drawn anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Levels of grey at most, where pictures are not made black and white
        levels: usize = 256, in 2..=256;
        /// Logistic distributions in the mixture that says a level; 0 for a softmax over all levels
        mixture: usize = 0, in 0..=64;
        /// Tell the network what the picture shows
        conditional: bool = false;
        /// Features of a position
        features: usize = 64, in 1..=1 << 14;
        /// Heads that the features are divided among
        heads: usize = 4, in 1..=1 << 10;
        /// Blocks
        blocks: usize = 4, in 1..=1 << 10;
        /// Learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Pictures over which the learning rate changes
        lr_steps: u64 = 0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
        /// Batch size, in pictures
        batch: usize = 32, in 1..=1 << 20;
        /// Pictures of an evaluation during training, at most
        eval_pictures: usize = 1_000, in 1..=1 << 30;
    }
}

/// Features less their mean, by their deviation, times a scale and with a shift of their own (Ba et al. 2016).
#[derive(Clone)]
struct Norm {
    scale: Tensor,
    shift: Tensor,
}

impl Norm {
    fn new(params: &Params, name: &str, features: usize) -> candle_core::Result<Self> {
        let var = |part: &str, value| {
            params.var(&format!("{name}.{part}"), features, Init::Constant(value))
        };
        Ok(Self { scale: var("scale", 1.0)?, shift: var("shift", 0.0)? })
    }

    /// For rows `[N, F]`.
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = x.broadcast_sub(&x.mean_keepdim(1)?)?;
        let deviation = (x.sqr()?.mean_keepdim(1)? + 1e-5)?.sqrt()?;
        x.broadcast_div(&deviation)?.broadcast_mul(&self.scale)?.broadcast_add(&self.shift)
    }

    fn fixed(&self) -> Self {
        Self { scale: self.scale.detach(), shift: self.shift.detach() }
    }
}

/// Rows `[N, F]` to rows `[N, F]`; positions that see each other.
#[derive(Clone)]
struct Block {
    before: Norm,
    /// F to queries, keys and values, 3F.
    qkv: Linear,
    out: Linear,
    between: Norm,
    /// F to 4F.
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(params: &Params, name: &str, features: usize) -> candle_core::Result<Self> {
        let dense = |part: &str, inputs, outputs, activation| {
            Linear::new(params, &format!("{name}.{part}"), inputs, outputs, activation)
        };
        Ok(Self {
            before: Norm::new(params, &format!("{name}.before"), features)?,
            qkv: dense("qkv", features, 3 * features, Activation::Linear)?,
            out: dense("out", features, features, Activation::Linear)?,
            between: Norm::new(params, &format!("{name}.between"), features)?,
            up: dense("up", features, 4 * features, Activation::Linear)?,
            down: dense("down", 4 * features, features, Activation::Linear)?,
        })
    }

    /// `seen` is what attention makes of queries, keys and values `[N, 3F]`.
    fn forward(
        &self,
        h: &Tensor,
        seen: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<Tensor> {
        let seen = seen(&self.qkv.forward(&self.before.forward(h)?)?)?; // [N, F]
        let h = (h + self.out.forward(&seen)?)?;
        let change = self.down.forward(&self.up.forward(&self.between.forward(&h)?)?.gelu()?)?;
        h + change
    }

    fn fixed(&self) -> Self {
        Self {
            before: self.before.fixed(),
            qkv: self.qkv.fixed(),
            out: self.out.fixed(),
            between: self.between.fixed(),
            up: self.up.fixed(),
            down: self.down.fixed(),
        }
    }
}

#[derive(Clone)]
struct Transformer {
    subject: Subject,
    heads: usize,
    /// 1 to F.
    number: Linear,
    /// `[D, F]`.
    positions: Tensor,
    /// `[classes, F]`, where there are any.
    classes: Option<Tensor>,
    blocks: Vec<Block>,
    norm: Norm,
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
            number: Linear::new(params, "number", 1, features, linear)?,
            positions: table("positions", d)?,
            classes: classes.transpose()?,
            blocks: (0..blocks).map(block).collect::<candle_core::Result<_>>()?,
            norm: Norm::new(params, "norm", features)?,
            out: Linear::new(params, "out", features, subject.output.params(), linear)?,
        })
    }

    fn features(&self) -> usize {
        self.positions.dims()[1]
    }
}

impl Network for Transformer {
    fn forward(&self, x: &Tensor, classes: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let Shape { channels, height, width } = self.subject.shape;
        let (batch, d, features) = (x.dim(0)?, self.subject.shape.len(), self.features());
        // In the order of places, and each a position later.
        let numbers = x.permute((0, 2, 3, 1))?.reshape((batch, d))?;
        let first = Tensor::zeros((batch, 1), x.dtype(), x.device())?;
        let shifted = Tensor::cat(&[&first, &numbers.narrow(1, 0, d - 1)?], 1)?; // [B, D]
        let h = self.number.forward(&shifted.reshape((batch * d, 1))?)?;
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
        let said = self.out.forward(&self.norm.forward(&h)?)?; // [B·D, P]
        let said = said.reshape((batch, height, width, channels, ()))?;
        said.permute((0, 3, 4, 1, 2))?.reshape((batch, (), height, width)) // [B, C·P, H, W]
    }

    fn fixed(&self) -> Box<dyn Network> {
        Box::new(Self {
            number: self.number.fixed(),
            positions: self.positions.detach(),
            classes: self.classes.as_ref().map(Tensor::detach),
            blocks: self.blocks.iter().map(Block::fixed).collect(),
            norm: self.norm.fixed(),
            out: self.out.fixed(),
            ..self.clone()
        })
    }

    fn walk(&self, n: usize, classes: Option<&[u32]>) -> candle_core::Result<Box<dyn Walk + '_>> {
        let class = match (&self.classes, classes) {
            (Some(table), Some(classes)) => {
                Some(table.index_select(&Tensor::new(classes, table.device())?, 0)?)
            }
            _ => None,
        };
        let seen = vec![Vec::new(); self.blocks.len()];
        Ok(Box::new(Steps { network: self, class, n, at: 0, numbers: vec![0.0; n], seen }))
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

/// The network number by number: keys and values of earlier positions are kept. The numbers are those of the
/// whole but for rounding.
struct Steps<'a> {
    network: &'a Transformer,
    /// `[n, F]`.
    class: Option<Tensor>,
    n: usize,
    at: usize,
    /// The numbers before, `[n]`.
    numbers: Vec<f32>,
    /// Queries, keys and values of each block so far, `[positions, n, 3F]`.
    seen: Vec<Vec<f32>>,
}

/// What the last position of `seen` `[positions, n, 3F]` sees, `[n, F]`.
fn look(seen: &[f32], n: usize, heads: usize, features: usize) -> Vec<f32> {
    let (each, row) = (features / heads, 3 * features);
    let positions = seen.len() / (n * row);
    let scale = (each as f32).sqrt().recip();
    let mut out = vec![0.0; n * features];
    let mut weights = vec![0.0; positions];
    for (i, out) in out.chunks_exact_mut(features).enumerate() {
        let at = |position: usize| &seen[(position * n + i) * row..][..row];
        for (head, out) in out.chunks_exact_mut(each).enumerate() {
            let part = |position: usize, which: usize| {
                &at(position)[which * features + head * each..][..each]
            };
            let q = part(positions - 1, 0);
            for (position, weight) in weights.iter_mut().enumerate() {
                let dot: f32 = q.iter().zip(part(position, 1)).map(|(q, k)| q * k).sum();
                *weight = dot * scale;
            }
            let largest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            weights.iter_mut().for_each(|weight| *weight = (*weight - largest).exp());
            let sum: f32 = weights.iter().sum();
            for (position, weight) in weights.iter().enumerate() {
                let values = part(position, 2).iter();
                out.iter_mut().zip(values).for_each(|(out, v)| *out += weight / sum * v);
            }
        }
    }
    out
}

impl Walk for Steps<'_> {
    fn ask(&mut self, _: Place, said: &mut [f32]) -> candle_core::Result<()> {
        let Self { network, class, n, at, numbers, seen } = self;
        let (features, device) = (network.features(), network.positions.device());
        let numbers = Tensor::from_slice(numbers, (*n, 1), device)?;
        let mut h = network.number.forward(&numbers)?; // [n, F]
        h = h.broadcast_add(&network.positions.get(*at)?)?;
        if let Some(class) = class {
            h = (h + &*class)?;
        }
        for (block, seen) in network.blocks.iter().zip(seen) {
            h = block.forward(&h, |qkv| {
                seen.extend(qkv.flatten_all()?.to_vec1::<f32>()?);
                let out = look(seen, *n, network.heads, features);
                Tensor::from_vec(out, (*n, features), device)
            })?;
        }
        let out = network.out.forward(&network.norm.forward(&h)?)?; // [n, P]
        said.copy_from_slice(&out.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?);
        *at += 1;
        Ok(())
    }

    fn tell(&mut self, _: Place, numbers: &[f32]) -> candle_core::Result<()> {
        self.numbers.copy_from_slice(numbers);
        Ok(())
    }
}

impl ImageTransformerConfig {
    /// What all of it takes for such pictures.
    fn memory(&self, subject: &Subject) -> Memory {
        let Self { features, heads, blocks, batch, .. } = *self;
        let (t, params) = (subject.shape.len(), subject.output.params());
        let mut memory = Memory::default();
        // Queries, keys and values, what is made of them, and four times as many units.
        let each = memory::sum([features.saturating_mul(12).saturating_mul(blocks), t, params]);
        memory::learned(
            &mut memory,
            ("features", features),
            &[("blocks", blocks)],
            [features, each],
        );
        let numbers = memory::sum([
            features.saturating_mul(14).saturating_mul(blocks),
            heads.saturating_mul(t).saturating_mul(blocks),
            2 * params,
        ]);
        memory::pass(
            &mut memory,
            batch,
            &[("features", features), ("heads", heads), ("blocks", blocks)],
            [t, numbers],
        );
        memory
    }
}

/// An untrained transformer for `data`.
///
/// # Errors
/// [`BadValue`] where a hyper-parameter is out of range, or does not go with another one or the pictures.
pub fn image_transformer(
    data: Parts<Images>,
    config: &ImageTransformerConfig,
    seed: u64,
    device: &Device,
) -> Result<Autoregressive> {
    config.check()?;
    let ImageTransformerConfig { binarisation, levels, mixture, conditional, .. } = *config;
    let ImageTransformerConfig { lr, lr_end, lr_steps, max_grad_norm, .. } = *config;
    let ImageTransformerConfig { batch, eval_pictures, features, heads, .. } = *config;
    if !features.is_multiple_of(heads) {
        let expected = format!("must divide --features {features} into equal parts");
        return Err(BadValue::new("heads", heads, &expected).into());
    }
    let settings = Settings {
        binarisation,
        levels,
        mixture,
        conditional,
        lr,
        lr_end,
        lr_steps,
        max_grad_norm,
        batch,
        eval_pictures,
    };
    let memory = |subject: &Subject| config.memory(subject);
    Autoregressive::new(data, settings, (seed, device), memory, |params, subject| {
        Ok(Box::new(Transformer::new(params, subject, config)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoregressive::testing::{
        gradients_agree_with_differences, jacobian_is_strictly_lower_triangular, nll_and_entropy,
        probabilities_sum_to_1_and_are_drawn, subject, walks_agree_with_the_whole,
    };
    use crate::data::{GridConfig, stripes};
    use train::Learner;
    use train::testing::{resume_changes_nothing, same_seed_same_bits};

    fn small() -> ImageTransformerConfig {
        ImageTransformerConfig { features: 16, heads: 2, blocks: 2, ..Default::default() }
    }

    fn make(params: &Params, subject: &Subject) -> candle_core::Result<Box<dyn Network>> {
        Ok(Box::new(Transformer::new(params, subject, &small())?))
    }

    #[test]
    fn a_look_back_by_hand() {
        // One head of one feature: queries 1 and 1, keys 0 and log 3, values 4 and 8: ¼·4 + ¾·8.
        assert!((look(&[1.0, 0.0, 4.0, 1.0, 3f32.ln(), 8.0], 1, 1, 1)[0] - 7.0).abs() < 1e-5);
    }

    #[test]
    fn nothing_sees_what_comes_later_and_all_is_drawn() {
        for (shape, levels, classes) in [([1, 3, 4], 2, 0), ([3, 2, 2], 3, 0), ([1, 2, 3], 2, 2)] {
            let subject = subject(shape, levels, classes);
            jacobian_is_strictly_lower_triangular(&make, &subject, &|_, _| true);
            walks_agree_with_the_whole(&make, &subject, 1e-4);
            gradients_agree_with_differences(&make, &subject, 1e-2);
        }
        probabilities_sum_to_1_and_are_drawn(&make, 0);
    }

    #[test]
    fn learns_stripes_and_resuming_changes_nothing() {
        let grid = GridConfig { side: 4, n_train: 20_000, n_test: 3_000, seed: 1 };
        let data = stripes(&grid).unwrap().images().unwrap();
        let lr_steps = 64_000;
        let config = ImageTransformerConfig { lr: 3e-3, lr_end: 0.05, lr_steps, ..small() };
        let mut model = image_transformer(data.clone(), &config, 1, &Device::Cpu).unwrap();
        let log = &mut train::Log::default();
        (0..lr_steps / 32).for_each(|_| _ = model.step(log).unwrap());
        let (nll, entropy) = nll_and_entropy(&model, &data);
        assert!((0.98..1.05).contains(&(nll / entropy)), "{nll} of {entropy}");

        let make = || -> Result<Box<dyn Learner>> {
            Ok(Box::new(image_transformer(data.clone(), &config, 1, &Device::Cpu)?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 320).unwrap();
        resume_changes_nothing(&make, 192, 320, dir.path()).unwrap();
    }
}
