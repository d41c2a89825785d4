//! MADE (Germain, Gregor, Murray & Larochelle 2015, "MADE: masked autoencoder for distribution estimation",
//! <https://arxiv.org/abs/1502.03509>).
//!
//! log p(x) = Σ_i log p(x_i | x_1 … x_(i−1)) as for [`pixelcnn`](mod@crate::pixelcnn), by dense layers. Every hidden
//! unit has a degree m in 1 … D − 1 and depends on the first m values of an image alone: a weight from a unit
//! of degree m' to one of degree m is kept where m ≥ m', one from value i where m ≥ i, and one to the logits of
//! value i where i > m ([`sees`]; equations 13 and 14). `--direct` adds weights from value j to the logits of
//! value i > j (section 6.1).
//!
//! Differences from the paper: degrees go round 1 … D − 1 in place of being drawn, in the order of reading, which
//! is not changed in training (section 4.2 and 4.3 change both); Adam in place of Adadelta.
use crate::autoregressive::{
    Autoregressive, AutoregressiveNetwork, FullForward, IncrementalForward, Subject, places,
    settings,
};
use crate::data::{Binarisation, Images, Parts, Shape};
use crate::memory;
use anyhow::Result;
use candle_core::{Device, Module as _, Tensor};
use nn::{Activation, Linear, Params};
use train::{Memory, above};

train::hyper_parameters! {
    /// Hyper-parameters of [`made`].
    pub struct MadeConfig {
        /// Binarisation of grey images: static, dynamic (sampled anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Levels of grey at most, without binarisation
        levels: usize = 256, in 2..=256, with binarisation = "none";
        /// Components of the logistic mixture over levels; 0 for a softmax over all levels
        mixture: usize = 0, in 0..=64;
        /// Units in each hidden layer
        hidden: usize = 500, in 1..=1 << 14;
        /// Hidden layers
        layers: usize = 2, in 1..=64;
        /// Weights from the image straight to the output
        direct: bool = true;
        /// Learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Images over which the learning rate changes
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
        /// Batch size, in images
        batch: usize = 100, in 1..=1 << 20;
        /// Images of an evaluation during training, at most
        eval_images: usize = 1_000, in 1..=1 << 30;
    }
}

/// Returns `true` if a unit of degree `to` may depend on one of degree `from`. Value i of an image, from 1,
/// has degree i, and its logits i − 1.
pub fn sees(to: usize, from: usize) -> bool {
    to >= from
}

/// Dense layers whose weights are masked.
#[derive(Clone)]
struct Made {
    subject: Subject,
    /// `[B, D]` to `[B, hidden]`, and so on.
    hidden: Vec<Linear>,
    /// `[B, hidden]` to `[B, D·P]`.
    out: Linear,
    /// `[B, D]` to `[B, D·P]`.
    direct: Option<Linear>,
}

impl Made {
    fn new(params: &Params, subject: &Subject, config: &MadeConfig) -> candle_core::Result<Self> {
        let (shape, numbers) = (subject.shape, subject.output.params());
        let d = shape.len();
        // The degree of each value, as they lie in an image.
        let mut degrees = vec![0; d];
        (1..).zip(places(shape)).for_each(|(degree, place)| degrees[place.index(shape)] = degree);
        // All logits of the first channel come first, as planes.
        let plane = shape.height * shape.width;
        let out: Vec<usize> = (0..d * numbers)
            .map(|i| degrees[i / plane / numbers * plane + i % plane] - 1)
            .collect();
        let units: Vec<usize> = (0..config.hidden).map(|unit| 1 + unit % (d - 1).max(1)).collect();
        let dense = |name: &str, to: &[usize], from: &[usize], activation| {
            let mask = to.iter().flat_map(|to| from.iter().map(move |from| sees(*to, *from)));
            let mask: Vec<bool> = mask.collect();
            Linear::masked(params, name, [from.len(), to.len()], &mask, activation)
        };
        let (mut below, mut hidden) = (&degrees, Vec::new());
        for layer in 0..config.layers {
            hidden.push(dense(&format!("hidden{layer:02}"), &units, below, Activation::Relu)?);
            below = &units;
        }
        let direct = config.direct.then(|| dense("direct", &out, &degrees, Activation::Linear));
        Ok(Self {
            subject: *subject,
            hidden,
            out: dense("out", &out, below, Activation::Linear)?,
            direct: direct.transpose()?,
        })
    }
}

impl AutoregressiveNetwork for Made {
    fn forward(&self, x: &Tensor, _: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let (batch, _, height, width) = x.dims4()?;
        let x = x.flatten_from(1)?; // [B, D]
        let h = self.hidden.iter().try_fold(x.clone(), |h, layer| layer.forward(&h))?;
        let mut logits = self.out.forward(&h)?; // [B, D·P]
        if let Some(direct) = &self.direct {
            logits = (logits + direct.forward(&x)?)?;
        }
        logits.reshape((batch, (), height, width)) // [B, C·P, H, W]
    }

    fn detached(&self) -> Box<dyn AutoregressiveNetwork> {
        Box::new(Self {
            subject: self.subject,
            hidden: self.hidden.iter().map(Linear::detached).collect(),
            out: self.out.detached(),
            direct: self.direct.as_ref().map(Linear::detached),
        })
    }

    fn incremental(
        &self,
        n: usize,
        classes: Option<&[u32]>,
    ) -> candle_core::Result<Box<dyn IncrementalForward + '_>> {
        Ok(Box::new(FullForward::new(self, self.subject, n, classes)?))
    }

    /// One for each value.
    fn passes(&self, shape: Shape) -> usize {
        shape.len()
    }

    fn uses(&self, _: Shape) -> usize {
        1
    }
}

impl MadeConfig {
    /// Memory of training on such images.
    fn memory(&self, subject: &Subject) -> Memory {
        let Self { hidden, layers, batch, .. } = *self;
        let (d, logits) = (subject.shape.len(), subject.shape.len() * subject.output.params());
        let mut memory = Memory::default();
        let between = hidden.saturating_mul(layers - 1);
        memory::learned(
            &mut memory,
            ("hidden", hidden),
            &[("layers", layers)],
            [hidden, memory::sum([d, between, logits])],
        );
        if self.direct {
            let message = format!("true, {d} to {logits} numbers");
            memory.part("direct", message, [d, logits, 4 * size_of::<f32>()]);
        }
        memory::pass(
            &mut memory,
            batch,
            &[("hidden", hidden), ("layers", layers)],
            [memory::sum([d, hidden.saturating_mul(layers), 2 * logits])],
        );
        memory
    }
}

/// An untrained MADE for `data`.
///
/// # Errors
/// [`BadValue`](train::BadValue) where a hyper-parameter is out of range.
pub fn made(
    data: Parts<Images>,
    config: &MadeConfig,
    seed: u64,
    device: &Device,
) -> Result<Autoregressive> {
    config.check()?;
    let settings = settings!(config, false);
    let memory = |subject: &Subject| config.memory(subject);
    let made = config.clone();
    Autoregressive::new(data, settings, (seed, device), memory, move |params, subject| {
        Ok(Box::new(Made::new(params, subject, &made)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoregressive::testing::{
        gradients_agree_with_differences, incremental_passes_have_the_bits_of_full_ones,
        jacobian_is_strictly_lower_triangular, nll_and_entropy,
        probabilities_sum_to_1_and_are_sampled, subject,
    };
    use crate::data::{GridConfig, stripes};
    use train::Learner;
    use train::testing::{device, resume_changes_nothing, same_seed_same_bits};

    fn small(direct: bool) -> MadeConfig {
        MadeConfig { hidden: 60, direct, ..MadeConfig::default() }
    }

    fn make(
        direct: bool,
    ) -> impl Fn(&Params, &Subject) -> candle_core::Result<Box<dyn AutoregressiveNetwork>> {
        move |params, subject| Ok(Box::new(Made::new(params, subject, &small(direct))?))
    }

    #[test]
    fn degrees_by_hand() {
        // A unit of degree 2 sees numbers 1 and 2, and what is said of number 3 (degree 2) sees it.
        assert!(sees(2, 1) && sees(2, 2) && !sees(2, 3));
        assert!(!sees(1, 2), "what is said of number 2 sees number 2");
    }

    #[test]
    fn nothing_sees_what_comes_later_and_all_is_drawn() {
        for direct in [false, true] {
            for (shape, levels) in [([1, 3, 4], 2), ([3, 2, 2], 3)] {
                let subject = subject(shape, levels, 0);
                jacobian_is_strictly_lower_triangular(&make(direct), &subject, &|_, _| true);
                incremental_passes_have_the_bits_of_full_ones(&make(direct), &subject);
                gradients_agree_with_differences(&make(direct), &subject, 1e-3);
            }
            probabilities_sum_to_1_and_are_sampled(&make(direct), 0);
        }
    }

    #[test]
    fn learns_stripes_and_resuming_changes_nothing() {
        let grid = GridConfig { side: 4, n_train: 20_000, n_test: 3_000, seed: 1 };
        let data = stripes(&grid).unwrap().images().unwrap();
        let lr_steps = 60_000;
        let config = MadeConfig { lr: 5e-3, lr_end: 0.05, lr_steps, ..small(true) };
        let mut model = made(data.clone(), &config, 1, device()).unwrap();
        let log = &mut train::Log::default();
        (0..lr_steps / 100).for_each(|_| _ = model.step(log).unwrap());
        let (nll, entropy) = nll_and_entropy(&model, &data);
        assert!((0.98..1.05).contains(&(nll / entropy)), "{nll} of {entropy}");

        let make = || -> Result<Box<dyn Learner>> {
            Ok(Box::new(made(data.clone(), &config, 1, device())?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 1_000).unwrap();
        resume_changes_nothing(&make, 600, 1_000, dir.path()).unwrap();
    }
}
