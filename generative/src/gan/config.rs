//! Hyper-parameters, and which go together.
use super::objective::Objective;
use super::penalty::Penalty;
use crate::data::{Dataset, Shape};
use crate::memory;
use crate::source::SourceConfig;
use serde::{Deserialize, Serialize};
use train::{BadValue, Memory, above, check_learning_rate, name};

train::hyper_parameters! {
    /// Hyper-parameters of [`Gan`](super::Gan).
    pub struct GanConfig {
        /// Objective of both players: minimax, non-saturating, least-squares, wasserstein or hinge
        objective: Objective = Objective::NonSaturating;
        /// Architecture of generator and discriminator: mlp (dense layers), for images also dcgan
        /// (strided convolutions), residual, or CS231n's cs231n-fc and cs231n-conv
        network: GanNetwork = GanNetwork::Mlp;
        /// Units in each hidden layer of the mlp
        hidden: usize = 128, in 1..=1 << 14, with network = "mlp";
        /// Hidden layers of the mlp's generator, and of its discriminator
        layers: usize = 2, in 1..=64, with network = "mlp";
        /// Channels of the largest hidden feature maps of dcgan and residual; the smaller ones have twice as
        /// many
        channels: usize = 64, in 1..=1 << 12, with network = "dcgan" | "residual";
        /// Networks of dcgan and residual with batch normalisation: both, generator or none
        batch_norm: BatchNorm = BatchNorm::Both, with network = "dcgan" | "residual";
        /// Downsampling in dcgan's discriminator: stride, or pool (convolutions of stride 1 and
        /// 2×2 max pooling)
        downsample: Downsample = Downsample::Stride, with network = "dcgan";
        /// Units of a hidden dense layer in both networks of dcgan; 0 for none
        dense: usize = 0, in 0..=1 << 14, with network = "dcgan";
        /// Slope of the discriminator's leaky ReLUs below 0, of mlp, dcgan and residual; 0 for ReLU
        leak: f64 = 0.2, in 0.0..=1.0, with network = "mlp" | "dcgan" | "residual";
        /// Spectral normalisation: divide every weight of the discriminator by its largest singular value
        spectral: bool = false;
        /// Dimension of the latent vector z
        latents: usize = 64, in 1..=1 << 14;
        /// Prior of z: normal, or uniform from -1 to 1
        noise_prior: NoisePrior = NoisePrior::Normal;
        /// Condition both networks on the label: the model is of p(x|label)
        conditional: bool = false;
        /// Discriminator steps per generator step
        d_steps: u64 = 1, in 1..=1 << 20;
        /// Initial learning rate of the generator
        lr: f64 = 2e-4, in above(0.0);
        /// Initial learning rate of the discriminator
        d_lr: f64 = 2e-4, in above(0.0);
        /// Both final learning rates, as a fraction of the initial ones
        lr_end: f64 = 1.0, in 0.0..;
        /// Samples over which the learning rates change
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Decay β₁ of the mean gradient in Adam, of both
        beta1: f64 = 0.5, in 0.0..1.0;
        /// Decay β₂ of the mean squared gradient
        beta2: f64 = 0.999, in 0.0..1.0;
        /// Clip the discriminator's parameters to ± this after each of its steps; 0 for no clipping
        clip: f64 = 0.0, in 0.0..;
        /// Gradient penalty, by the points where it is taken: none, interpolates, noise or real
        penalty: Penalty = Penalty::None;
        /// Weight of the gradient penalty
        penalty_weight: f64 = 10.0, in 0.0.., with penalty not "none";
        /// One-sided penalty: only gradient norms above 1, of interpolates and noise
        one_sided: bool = false, with penalty = "interpolates" | "noise";
        /// Initial standard deviation of the noise added to the inputs of the discriminator
        instance_noise: f64 = 0.0, in 0.0..;
        /// Samples over which that noise goes to 0; 0 for never
        instance_noise_steps: u64 = 0, with instance_noise not 0.0;
        /// Decay of the exponential moving average of the generator's parameters that samples come from; 0 for
        /// none
        ema: f64 = 0.0, in 0.0..1.0;
        /// Batch size, in samples
        batch: usize = 64, in 2..=1 << 20;
    }
}

/// Networks of generator and discriminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GanNetwork {
    /// Dense layers: ReLU in the generator, leaky ReLU in the discriminator.
    Mlp,
    /// Strided and fractional-strided convolutions (Radford, Metz & Chintala 2016, "Unsupervised representation
    /// learning with deep convolutional generative adversarial networks").
    Dcgan,
    /// Convolutions that are added to what they are given, between those that change the size.
    Residual,
    /// The dense networks of CS231n's assignment on GANs.
    #[serde(rename = "cs231n-fc")]
    Cs231nFc,
    /// The convolutional ones, for images of 28×28.
    #[serde(rename = "cs231n-conv")]
    Cs231nConv,
}

/// Networks with batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchNorm {
    /// The generator but for its last layer, and the discriminator but for its first.
    Both,
    /// The generator alone.
    Generator,
    /// Neither.
    None,
}

/// Downsampling in a discriminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downsample {
    /// By convolutions that move by 2.
    Stride,
    /// By the largest of 2×2, after convolutions that move by 1.
    Pool,
}

impl GanNetwork {
    /// Returns `true` if it takes samples as rows of values, not as images.
    pub(super) fn takes_rows(self) -> bool {
        matches!(self, Self::Mlp | Self::Cs231nFc)
    }
}

/// The prior of z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoisePrior {
    /// N(0, 1), each number by itself.
    Normal,
    /// U(−1, 1), each number by itself.
    Uniform,
}

impl GanConfig {
    /// Refuses what can't be, for such data.
    pub(super) fn check_for(&self, data: &Dataset) -> Result<(), BadValue> {
        self.check()?;
        check_learning_rate(self.lr_end, self.lr_steps, 0)?;
        if self.penalty != Penalty::None && self.penalty_weight == 0.0 {
            let expected = "the gradient would cost nothing: give more than 0, or --penalty none";
            return Err(BadValue::new("penalty_weight", 0, expected));
        }
        if let Dataset::Images(parts) = data
            && self.conditional
            && parts.train.labels().is_none()
        {
            return Err(BadValue::new("conditional", true, "these images have no labels"));
        }
        let shape = match data {
            Dataset::Images(parts) => Some(parts.train.shape()),
            Dataset::Points(_) => None,
        };
        let held_out = match data {
            Dataset::Images(parts) => parts.validation.len().min(parts.test.len()),
            Dataset::Points(parts) => parts.validation.at.len().min(parts.test.at.len()),
        };
        if held_out < 2 {
            let expected = "samples are scored beside 2 held out at least; give more data";
            return Err(BadValue::new("data", format!("with {held_out} held out"), expected));
        }
        self.check_network(shape)?;
        if self.normalises_discriminator() {
            if self.penalty != Penalty::None {
                let expected = "the gradient at a sample is not its own where batches are normalised; give \
                                --batch-norm generator or none";
                return Err(BadValue::new("penalty", name(&self.penalty), expected));
            }
            if self.spectral {
                let expected = "batch normalisation stretches again what is not to be stretched; give \
                                --batch-norm generator or none, or --spectral false";
                return Err(BadValue::new("spectral", true, expected));
            }
        }
        Ok(())
    }

    /// Batches of the data as the networks take them.
    pub(super) fn source(&self) -> SourceConfig {
        let Self { batch, conditional, network, .. } = *self;
        SourceConfig { batch, conditional, as_rows: network.takes_rows() }
    }

    /// Memory of training on samples like those of `data`.
    pub(super) fn memory(&self, data: &Dataset) -> Memory {
        let Self { hidden, layers, channels, dense, latents, batch, .. } = *self;
        let shape = match data {
            Dataset::Images(parts) => parts.train.shape(),
            Dataset::Points(_) => Shape { channels: 1, height: 1, width: 2 },
        };
        let d = shape.len();
        let mut memory = Memory::default();
        let others = match self.network {
            GanNetwork::Mlp => vec![("layers", layers), ("latents", latents)],
            GanNetwork::Dcgan | GanNetwork::Residual => {
                vec![("dense", dense), ("latents", latents)]
            }
            GanNetwork::Cs231nFc | GanNetwork::Cs231nConv => Vec::new(),
        };
        let size = match self.network {
            GanNetwork::Mlp => Some(("hidden", hidden)),
            GanNetwork::Dcgan | GanNetwork::Residual => Some(("channels", channels)),
            GanNetwork::Cs231nFc | GanNetwork::Cs231nConv => None,
        };
        let all: Vec<_> = size.into_iter().chain(others.iter().copied()).collect();
        let (rows, maps) = match self.network {
            GanNetwork::Mlp => {
                let between = hidden.saturating_mul(2 * (layers - 1));
                let ends = memory::sum([between, 2 * d, latents]);
                memory::learned(&mut memory, ("hidden", hidden), &others, [hidden, ends]);
                (0, hidden.saturating_mul(layers))
            }
            GanNetwork::Cs231nFc | GanNetwork::Cs231nConv => (1024, 4 * 1024 + 8 * d),
            GanNetwork::Dcgan | GanNetwork::Residual => {
                // Of a sixteenth of the image twice as many, the outputs of the first or of the dense layer.
                let least = d / shape.channels.max(1) / 16;
                let first = if dense > 0 { dense } else { latents };
                let kernels =
                    memory::sum([channels.saturating_mul(2 * 2 * 32), 32 * shape.channels]);
                memory::learned(&mut memory, ("channels", channels), &others, [channels, kernels]);
                memory::learned(
                    &mut memory,
                    ("channels", channels),
                    &others,
                    [2, channels, least, first],
                );
                memory::learned(
                    &mut memory,
                    ("dense", dense),
                    &[("channels", channels)],
                    [dense, 2, channels, least],
                );
                (dense, channels.saturating_mul(12 * least))
            }
        };
        memory::learned(&mut memory, ("latents", latents), &[], [latents, rows]);
        // Both players, and samples of the data beside generated ones.
        memory::pass(&mut memory, batch, &all, [3, memory::sum([maps, 2 * d, latents, dense])]);
        memory
    }

    /// For images of this shape, or points.
    fn check_network(&self, shape: Option<Shape>) -> Result<(), BadValue> {
        let expected = match (self.network, shape) {
            (GanNetwork::Mlp, _) => return Ok(()),
            (_, None) => {
                "needs images; points in the plane are learned by --network mlp".to_owned()
            }
            (GanNetwork::Dcgan | GanNetwork::Residual, Some(Shape { height, width, .. }))
                if ![height, width].iter().all(|side| side.is_multiple_of(4)) =>
            {
                format!(
                    "needs images whose height and width are multiples of 4, these are {height}×{width}; \
                     give --network mlp"
                )
            }
            (GanNetwork::Cs231nConv, Some(Shape { height, width, .. }))
                if [height, width] != [28; 2] =>
            {
                format!("needs images of 28×28, these are {height}×{width}; give --network dcgan")
            }
            _ => return Ok(()),
        };
        Err(BadValue::new("network", name(&self.network), &expected))
    }

    /// Returns `true` if the discriminator has batch normalisation.
    pub(super) fn normalises_discriminator(&self) -> bool {
        self.batch_norm == BatchNorm::Both && self.network == GanNetwork::Dcgan
    }
}
