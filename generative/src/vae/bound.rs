//! Lower bounds of log p(x): the divergence that the ELBO subtracts, and the importance-weighted bound
//! (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", equation 8,
//! <https://arxiv.org/abs/1509.00519>),
//!
//! L_K = E[log 1/K Σ_k w_k], w_k = p(x, z_k) / q(z_k|x), z_1, …, z_K sampled from q(z|x),
//!
//! which is the ELBO for K = 1, never falls with K and tends to log p(x). `K` is the number of samples
//! for an image; where there are `[K·B, …]` rows, the first B are the first sample for each image.
use super::networks::{Inputs, Networks};
use crate::Likelihood;
use candle_core::{Module, Result, Tensor};
use nn::reparameterise;
use rand_distr::{Distribution as _, StandardNormal};
use train::{Download as _, Rng, pulse};

/// KL(N(mu, e^log_var) ‖ N(0, 1)) of each image, −½·Σ (1 + log_var − mu² − e^log_var), for `[B, Z]`;
/// the result is `[B]`, in nats.
///
/// # Errors
/// If the shapes don't match.
pub fn kl(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    kl_of_latents(mu, log_var)?.sum(1)
}

/// The KL of each latent dimension, `[B, Z]`.
pub(super) fn kl_of_latents(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    (((mu.sqr()? + log_var.exp()?)? - log_var)? - 1.0)? * 0.5
}

/// Σ over the latent numbers of max(free, the mean KL of one over the batch), for `[B, Z]`: a scalar. What
/// has less than `free` nats is left alone (Kingma et al. 2016, "Improving variational inference with
/// inverse autoregressive flow", free bits).
///
/// # Errors
/// If the shapes don't match.
pub fn kl_beyond(mu: &Tensor, log_var: &Tensor, free: f64) -> Result<Tensor> {
    let kl = kl_of_latents(mu, log_var)?.mean(0)?; // [Z]
    let least = free * kl.dim(0)? as f64;
    (kl - free)?.relu()?.sum_all()? + least
}

/// log w = log p(x|z) + log N(z; 0, 1) − log N(z; mu, e^log_var), for z = mu + e^(½·log_var)·noise:
/// ½·Σ (log_var + noise² − z²) − nll. It is `[R]` for −log p(x|z) `[R]` and the others `[R, Z]`.
///
/// # Errors
/// If the shapes don't match.
pub fn log_weights(nll: &Tensor, z: &Tensor, log_var: &Tensor, noise: &Tensor) -> Result<Tensor> {
    (((log_var + noise.sqr()?)? - z.sqr()?)?.sum(1)? * 0.5)? - nll
}

/// log 1/K Σ_k e^log_w of each image: `[B]` for `[K, B]`. No exponential overflows.
///
/// # Errors
/// Errors of the device.
pub fn log_mean_exp(log_w: &Tensor) -> Result<Tensor> {
    // A constant: subtracting it changes neither value nor gradient.
    let largest = log_w.max_keepdim(0)?.detach(); // [1, B]
    let sum = log_w.broadcast_sub(&largest)?.exp()?.sum(0)?; // [B]
    (sum.log()? + largest.squeeze(0)?)? - (log_w.dim(0)? as f64).ln()
}

/// K copies of `[B, …]` one after the other, `[K·B, …]`.
pub(super) fn copies(x: &Tensor, k: usize) -> Result<Tensor> {
    if k == 1 {
        return Ok(x.clone());
    }
    let mut shape = x.dims().to_vec();
    shape.insert(0, k);
    let copies = x.unsqueeze(0)?.broadcast_as(shape.as_slice())?; // [K, B, …]
    copies.flatten(0, 1) // [K·B, …]
}

/// `n` numbers of N(0, 1).
pub(super) fn normals(n: usize, rng: &mut Rng) -> Vec<f32> {
    (0..n).map(|_| StandardNormal.sample(rng)).collect()
}

/// Rows that are decoded at once.
const ROWS: usize = 1_000;

/// An estimate of L_K for each of n images, in nats, without bias: K fresh samples of z each.
/// log-weights are summed in double precision.
pub(super) fn importance_weighted<N: Module>(
    networks: &Networks<N>,
    likelihood: Likelihood,
    inputs: &Inputs,
    k: usize,
    rng: &mut Rng,
) -> anyhow::Result<Vec<f64>> {
    let n = inputs.x.dim(0)?;
    let mut bounds = Vec::with_capacity(n);
    // Several images at once, or a part of the samples for one.
    let (images, samples) = ((ROWS / k).max(1), k.min(ROWS));
    for first in (0..n).step_by(images) {
        let inputs = inputs.narrow(first, images.min(n - first))?;
        let (mu, log_var) = networks.encode(&inputs)?; // [B, Z]
        let (x, (b, latents)) = (inputs.x.flatten_from(1)?, mu.dims2()?); // [B, D]
        let mut log_w = vec![Vec::new(); b];
        for done in (0..k).step_by(samples) {
            pulse::check()?;
            let k = samples.min(k - done);
            let noise = normals(k * b * latents, rng);
            let noise = Tensor::from_vec(noise, (k * b, latents), x.device())?;
            let (mu, log_var) = (copies(&mu, k)?, copies(&log_var, k)?); // [K·B, Z]
            let z = reparameterise(&mu, &log_var, &noise)?; // [K·B, Z]
            let label = inputs.label.as_ref().map(|label| copies(label, k)).transpose()?; // [K·B, L]
            let output = networks.decode(&z, label.as_ref())?; // [K·B, outputs·D]
            let nll = likelihood.nll(&output, &copies(&x, k)?)?; // [K·B]
            let weights: Vec<f32> = log_weights(&nll, &z, &log_var, &noise)?.download()?;
            weights.into_iter().enumerate().for_each(|(row, w)| log_w[row % b].push(f64::from(w)));
        }
        bounds.extend(log_w.iter().map(|log_w| {
            let largest = log_w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = log_w.iter().map(|log_w| (log_w - largest).exp()).sum();
            largest + (sum / k as f64).ln()
        }));
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests;
