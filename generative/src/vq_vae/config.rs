//! Hyper-parameters, and which go together.
use crate::LikelihoodName;
use crate::data::{Binarisation, Images, Shape};
use crate::memory;
use serde::{Deserialize, Serialize};
use train::{BadValue, Memory, above};

train::hyper_parameters! {
    /// Hyper-parameters of [`VqVae`](super::VqVae).
    pub struct VqVaeConfig {
        /// Codes in the codebook; up to 256, a grid of codes is an image that other models can
        /// learn
        codes: usize = 128, in 2..=256;
        /// Dimension of a code
        dims: usize = 16, in 1..=1 << 12;
        /// Codebook update: ema (exponential moving averages) or loss (a term of the loss)
        codebook: CodebookRule = CodebookRule::Ema;
        /// Decay γ of the moving averages, of ema
        decay: f64 = 0.99, in 0.0..1.0, with codebook = "ema";
        /// Re-initialise codes used less than this fraction of their even share 1/M, of ema; 0 for
        /// never
        restart: f64 = 0.1, in 0.0..=1.0, with codebook = "ema";
        /// Weight β of the commitment loss
        beta: f64 = 0.25, in 0.0..;
        /// Likelihood of a pixel: bernoulli (black or white), gaussian, or logistic (one of the grey
        /// levels)
        likelihood: LikelihoodName = LikelihoodName::Bernoulli;
        /// Standard deviation of a gaussian pixel, where black is 0 and white 1
        sigma: f64 = 0.1, in 1e-3.., with likelihood = "gaussian";
        /// Binarisation of grey images: static, dynamic (sampled anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Channels of the layers on the grid; those at half the image's size have half as many
        channels: usize = 64, in 1..=1 << 12;
        /// Residual layers on each side of the codes
        residual: usize = 2, in 0..=64;
        /// Learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Batch size, in images
        batch: usize = 128, in 1..=1 << 20;
    }
}

/// Learning rule of the codebook of a [`VqVae`](super::VqVae).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodebookRule {
    /// Codes are running means of what chose them.
    Ema,
    /// Their distance from it is a term of the loss.
    Loss,
}

impl VqVaeConfig {
    /// Memory of training on such images, with so many decoder `outputs` for each value.
    pub(super) fn memory(&self, shape: Shape, outputs: usize) -> Memory {
        let Self { channels, dims, residual, codes, batch, .. } = *self;
        let mut memory = Memory::default();
        let kernels = memory::sum([
            channels.saturating_mul(16 + 18 * residual),
            dims.saturating_mul(10),
            16 * shape.channels * (1 + outputs),
        ]);
        memory::learned(
            &mut memory,
            ("channels", channels),
            &[("residual", residual), ("dims", dims)],
            [channels, kernels],
        );
        memory::learned(
            &mut memory,
            ("codes", codes),
            &[("residual", residual), ("dims", dims)],
            [codes, dims],
        );
        let grid = shape.height * shape.width / 16;
        // Half the channels on four times the grid, on either side.
        let maps = memory::sum([
            channels.saturating_mul(6 + 2 * residual),
            dims.saturating_mul(4),
            codes,
            16 * shape.channels * (2 + outputs),
        ]);
        memory::pass(
            &mut memory,
            batch,
            &[("channels", channels), ("residual", residual), ("dims", dims), ("codes", codes)],
            [grid, maps],
        );
        memory
    }

    /// Refuses what can't be, for such images.
    pub(super) fn check_for(&self, images: &Images) -> Result<(), BadValue> {
        self.check()?;
        let grey = self.binarisation == Binarisation::None && images.levels() > 2;
        if grey && self.likelihood == LikelihoodName::Bernoulli {
            let expected = "a pixel that is black or white has no likelihood of a grey; give static or \
                            dynamic, or --likelihood logistic";
            return Err(BadValue::new("binarisation", "none", expected));
        }
        let default = Self::default();
        let counts =
            [("decay", self.decay, default.decay), ("restart", self.restart, default.restart)];
        for (name, value, default) in counts {
            if self.codebook != CodebookRule::Ema && value != default {
                return Err(BadValue::new(name, value, "it is --codebook ema that counts"));
            }
        }
        let Shape { height, width, .. } = images.shape();
        if ![height, width].iter().all(|side| side.is_multiple_of(4)) {
            let expected = "the networks halve height and width twice: both must be multiples of 4";
            return Err(BadValue::new("data", format!("of {height}×{width}"), expected));
        }
        Ok(())
    }
}
