//! The losses of the objectives, on one batch.
use super::bound::{copies, kl_beyond, log_mean_exp, log_weights};
use super::config::Objective;
use crate::Likelihood;
use anyhow::Result;
use candle_core::Tensor;
use nn::{loss, reparameterise};
use train::Log;

/// Latent vectors of B images, K for each.
pub(super) struct Latents<'a> {
    /// μ and log σ² of q(z|x), `[B, Z]`.
    pub(super) mu: &'a Tensor,
    pub(super) log_var: &'a Tensor,
    /// K copies of log σ², `[K·B, Z]`.
    log_vars: Tensor,
    /// ε, `[K·B, Z]`.
    epsilon: &'a Tensor,
    /// μ + σ·ε, or μ itself for a plain auto-encoder, `[K·B, Z]`.
    pub(super) z: Tensor,
}

/// Weight and free bits of the KL in the ELBO.
#[derive(Debug, Clone, Copy)]
pub(super) struct KlTerm {
    pub(super) beta: f64,
    pub(super) free_nats: f64,
}

impl Objective {
    /// Returns `true` if z is random, with the prior N(0, 1); otherwise it is μ.
    pub(super) fn has_prior(self) -> bool {
        match self {
            Self::Elbo | Self::Iwae => true,
            Self::Reconstruction => false,
        }
    }

    /// K latent vectors for each of B images, by ε `[K·B, Z]`.
    pub(super) fn latents<'a>(
        self,
        [mu, log_var]: [&'a Tensor; 2],
        epsilon: &'a Tensor,
        k: usize,
    ) -> Result<Latents<'a>> {
        let (means, log_vars) = (copies(mu, k)?, copies(log_var, k)?); // [K·B, Z]
        let z = match self.has_prior() {
            true => reparameterise(&means, &log_vars, epsilon)?, // [K·B, Z]
            false => means,
        };
        Ok(Latents { mu, log_var, log_vars, epsilon, z })
    }

    /// The loss of images x `[K·B, D]`, K copies of each, with decoder outputs `[K·B, outputs·D]`:
    /// −ELBO with its KL weighted, −L_K, or −log p(x|μ).
    pub(super) fn loss(
        self,
        likelihood: Likelihood,
        [output, x]: [&Tensor; 2],
        latents: &Latents<'_>,
        kl_term: KlTerm,
        log: &mut Log,
    ) -> Result<Tensor> {
        let Latents { mu, log_var, log_vars, epsilon, z } = latents;
        match self {
            Self::Elbo => {
                let nll = likelihood.mean_nll(output, x)?;
                let kl = loss::kl_standard_normal(mu, log_var)?;
                log.tensor("train/reconstruction", &nll)?;
                log.tensor("train/kl", &kl)?;
                let KlTerm { beta, free_nats } = kl_term;
                let kl = if free_nats > 0.0 { kl_beyond(mu, log_var, free_nats)? } else { kl };
                Ok((nll + (kl * beta)?)?)
            }
            Self::Iwae => {
                let kl = loss::kl_standard_normal(&mu.detach(), &log_var.detach())?;
                log.tensor("train/kl", &kl)?;
                let nll = likelihood.nll(output, x)?; // [K·B]
                log.tensor("train/reconstruction", &nll.mean_all()?)?;
                let log_w = log_weights(&nll, z, log_vars, epsilon)?; // [K·B]
                let log_w = log_w.reshape(((), mu.dim(0)?))?; // [K, B]
                Ok(log_mean_exp(&log_w)?.mean_all()?.neg()?)
            }
            Self::Reconstruction => {
                let nll = likelihood.mean_nll(output, x)?;
                log.tensor("train/reconstruction", &nll)?;
                Ok(nll)
            }
        }
    }
}
