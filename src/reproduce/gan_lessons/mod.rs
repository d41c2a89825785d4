//! Lessons of courses on adversarial training, each measured with three seeds.
//!
//! - Early in training the discriminator wins, and the gradient of the game of the paper goes away, that of the
//!   non-saturating objective does not (Goodfellow et al. 2014, section 3; Arjovsky & Bottou 2017, theorem 2.4).
//! - Noise upon all that the discriminator is shown keeps modes from being lost (Arjovsky & Bottou 2017, section 3).
//! - DCGAN's guidelines (Radford, Metz & Chintala 2016, section 3), each switched off by itself.
//! - Samples of a GAN and of a variational auto-encoder under one measure.
mod gradients;
mod images;
mod noise;

use super::{Experiment, Setting, Target};
use anyhow::Result;
use generative::data::{Dataset, PlanarConfig, gaussians_8};

pub(super) const TARGET: Target = Target {
    name: "gan-lessons",
    about: "Lessons of adversarial training: gradients, noise, DCGAN's guidelines, a GAN beside a VAE",
    data: None,
    takes_steps: false,
    experiments: &[
        Experiment {
            name: "gradients",
            about: "the saturating gradient vanishes as the discriminator wins, the other one does not",
            run: gradients::run,
        },
        Experiment {
            name: "noise",
            about: "with instance noise every mode of eight Gaussians is found",
            run: noise::run,
        },
        Experiment {
            name: "guidelines",
            about: "DCGAN without each of its guidelines",
            run: images::guidelines,
        },
        Experiment {
            name: "beside-vae",
            about: "samples of a GAN and of a VAE under the same measures",
            run: images::beside_vae,
        },
    ],
};

/// Runs of each kind.
const SEEDS: u64 = 3;

fn seeds(setting: &Setting) -> impl Iterator<Item = u64> + use<> {
    setting.seeds(SEEDS)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn plane() -> Result<Dataset> {
    gaussians_8(&PlanarConfig::default())
}
