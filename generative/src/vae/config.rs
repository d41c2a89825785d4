//! Hyper-parameters, and which go together.
use crate::LikelihoodName;
use crate::data::{Binarisation, Images, Shape};
use crate::memory;
use serde::{Deserialize, Serialize};
use train::{BadValue, Memory, above, check_learning_rate};

train::hyper_parameters! {
    /// Hyper-parameters of [`Vae`](super::Vae).
    pub struct VaeConfig {
        /// Objective: elbo, iwae (its importance-weighted form), or reconstruction (a plain
        /// auto-encoder)
        objective: Objective = Objective::Elbo;
        /// Samples of z per image in training: elbo takes the mean over them, iwae weighs
        /// them
        k: usize = 1, in 1..=1 << 14;
        /// Weight β of the KL term (β-VAE, Higgins et al. 2017), of elbo
        beta: f64 = 1.0, in 0.0..;
        /// Images over which β grows from 0 to --beta
        beta_steps: u64 = 0;
        /// Free nats of KL per latent dimension, on average over a batch ("free bits", Kingma et al.
        /// 2016), of elbo
        free_nats: f64 = 0.0, in 0.0..;
        /// Masking-noise probability of a denoising auto-encoder (with --objective
        /// reconstruction)
        corrupt: f64 = 0.0, in 0.0..1.0;
        /// Likelihood of a pixel: bernoulli (black or white), gaussian, or logistic (one of the grey
        /// levels)
        likelihood: LikelihoodName = LikelihoodName::Bernoulli;
        /// Standard deviation of a gaussian pixel, where black is 0 and white 1
        sigma: f64 = 0.1, in 1e-3.., with likelihood = "gaussian";
        /// Binarisation of grey images: static, dynamic (sampled anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Condition encoder and decoder on the label: the model is of p(x|label)
        conditional: bool = false;
        /// Architecture of encoder and decoder: mlp (dense layers) or conv (convolutions, for images
        /// whose height and width are multiples of 4)
        network: VaeNetwork = VaeNetwork::Mlp;
        /// Latent dimensions
        latents: usize = 20, in 1..=1 << 14;
        /// Units in each hidden layer of the mlp
        hidden: usize = 400, in 1..=1 << 14, with network = "mlp";
        /// Hidden layers of the mlp's encoder, and of its decoder
        layers: usize = 1, in 1..=64, with network = "mlp";
        /// Initial learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Images over which the learning rate changes
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Batch size, in images
        batch: usize = 128, in 1..=1 << 20;
    }
}

/// The objective of a [`Vae`](super::Vae).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The evidence lower bound.
    Elbo,
    /// The importance-weighted bound.
    Iwae,
    /// log p(x|μ(x)): a plain auto-encoder, without a prior to sample from.
    Reconstruction,
}

/// Networks of encoder and decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaeNetwork {
    /// Dense layers.
    Mlp,
    /// Convolutions, 32@4×4/2 and 64@4×4/2, and their mirror image.
    Conv,
}

/// Sizes of what goes in and out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) shape: Shape,
    /// Classes that the networks are conditioned on.
    pub(super) labels: usize,
    /// Numbers that the likelihood takes for each one of an image.
    pub(super) outputs: usize,
}

impl VaeConfig {
    /// Memory of training with these sizes.
    pub(super) fn memory(&self, sizes: Sizes) -> Memory {
        let Self { k, latents, hidden, layers, batch, .. } = *self;
        let Sizes { shape, labels, outputs } = sizes;
        let (d, outputs_each) = (shape.len() + labels, shape.len() * outputs);
        let mut memory = Memory::default();
        let features = match self.network {
            VaeNetwork::Mlp => {
                let between = 2 * hidden.saturating_mul(layers - 1);
                memory::learned(
                    &mut memory,
                    ("hidden", hidden),
                    &[("layers", layers)],
                    [hidden, memory::sum([d, between, outputs_each])],
                );
                memory::pass(
                    &mut memory,
                    batch,
                    &[("k", k), ("hidden", hidden), ("layers", layers), ("latents", latents)],
                    [k + 1, hidden, layers],
                );
                hidden
            }
            // Its maps are of 32 and 64 channels, a quarter and a sixteenth of the image.
            VaeNetwork::Conv => {
                memory::pass(
                    &mut memory,
                    batch,
                    &[("k", k), ("hidden", hidden), ("layers", layers), ("latents", latents)],
                    [k + 1, 12, d],
                );
                4 * shape.len()
            }
        };
        memory::learned(
            &mut memory,
            ("latents", latents),
            &[("layers", layers)],
            [latents, 3, features],
        );
        memory::pass(
            &mut memory,
            batch,
            &[("k", k), ("hidden", hidden), ("layers", layers), ("latents", latents)],
            [k, memory::sum([d, 2 * outputs_each, 4 * latents])],
        );
        memory
    }

    /// Refuses what can't be, for such images.
    pub(super) fn check_for(&self, images: &Images) -> Result<(), BadValue> {
        self.check()?;
        check_learning_rate(self.lr_end, self.lr_steps, 0)?;
        let plain = self.objective == Objective::Reconstruction;
        let grey = self.binarisation == Binarisation::None && images.levels() > 2;
        if grey && self.likelihood == LikelihoodName::Bernoulli && !plain {
            let expected = "a pixel that is black or white has no likelihood of a grey; give static or \
                            dynamic, or --likelihood logistic, or --objective reconstruction";
            return Err(BadValue::new("binarisation", "none", expected));
        }
        if plain && self.k != 1 {
            return Err(BadValue::new("k", self.k, "--objective reconstruction draws nothing"));
        }
        if !plain && self.corrupt != 0.0 {
            let expected = "it is what --objective reconstruction is shown that is corrupted";
            return Err(BadValue::new("corrupt", self.corrupt, expected));
        }
        let weighs = [
            ("beta", self.beta, 1.0),
            ("beta_steps", self.beta_steps as f64, 0.0),
            ("free_nats", self.free_nats, 0.0),
        ];
        for (name, value, neutral) in weighs {
            if self.objective != Objective::Elbo && value != neutral {
                let expected = "it is the KL of --objective elbo that is weighed";
                return Err(BadValue::new(name, value, expected));
            }
        }
        if self.conditional && images.labels().is_none() {
            return Err(BadValue::new("conditional", true, "these images have no labels"));
        }
        let Shape { height, width, .. } = images.shape();
        if self.network == VaeNetwork::Conv
            && ![height, width].iter().all(|side| side.is_multiple_of(4))
        {
            let expected = format!(
                "needs images whose height and width are multiples of 4, these are {height}×{width}; \
                 give --network mlp"
            );
            return Err(BadValue::new("network", "conv", &expected));
        }
        Ok(())
    }
}
