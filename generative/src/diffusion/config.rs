//! Hyper-parameters, and which go together.
use super::schedule::ScheduleName;
use crate::data::Dataset;
use crate::time_config::time_parameters;
use serde::{Deserialize, Serialize};
use train::BadValue;

time_parameters! {
    /// Hyper-parameters of [`Diffusion`](super::Diffusion).
    pub struct DiffusionConfig {
        /// Steps T in which noise is added
        diffusion_steps: usize = 1_000, in 2..=1 << 16;
        /// Variances of these steps: linear or cosine
        schedule: ScheduleName = ScheduleName::Linear;
        /// Output of the network: epsilon (the noise), x (the data) or v (both, turned)
        prediction: Prediction = Prediction::Epsilon;
        /// Variance of a step back: posterior (that of the step given the data) or beta (that of the step there)
        variance: Variance = Variance::Posterior;
        /// Steps back from noise to samples: ancestral (with noise), ddim (without) or dpm-solver (DPM-Solver++ of order 2)
        sampler: DiffusionSampler = DiffusionSampler::Ancestral;
        /// Number of these steps
        sample_steps: usize = 100, in 1..=1 << 16;
    }
}

/// Output of the network, for x_t = α·x₀ + σ·ε.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prediction {
    /// ε (Ho et al. 2020).
    Epsilon,
    /// x₀.
    X,
    /// α·ε − σ·x₀ (Salimans & Ho 2022, "Progressive distillation for fast sampling of diffusion models").
    V,
}

/// Variance of p(x_s | x_t).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variance {
    /// Variance of q(x_s | x_t, x₀), best where all data are one point.
    Posterior,
    /// Variance of q(x_t | x_s), best where the data are N(0, 1).
    Beta,
}

/// Samplers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffusionSampler {
    /// Ho et al. 2020, algorithm 2.
    Ancestral,
    /// Song, Meng & Ermon 2021, "Denoising diffusion implicit models", with η = 0.
    Ddim,
    /// Lu et al. 2022, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", algorithm 2 (2M).
    DpmSolver,
}

impl DiffusionConfig {
    /// Refuses what can't be, for such data.
    pub(super) fn check_for(&self, data: &Dataset) -> Result<(), BadValue> {
        self.check_common(data)?;
        if self.sample_steps > self.diffusion_steps {
            let expected = format!("there are --diffusion-steps {}", self.diffusion_steps);
            return Err(BadValue::new("sample_steps", self.sample_steps, &expected));
        }
        Ok(())
    }
}
