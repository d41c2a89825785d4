//! Distance of a new policy from the old one.
use candle_core::Tensor;

/// Distance of the new policy from the old one: mean (ρ − 1) − log ρ, an estimate of the divergence of
/// the old policy from the new one (Schulman 2020, "Approximating KL Divergence", k₃), and the share of
/// the ratios further than ε from 1.
pub fn divergence(log_probs: &[f32], old_log_probs: &[f32], clip: f64) -> (f64, f64) {
    let (mut kl, mut clipped) = (0.0, 0);
    for (new, old) in log_probs.iter().zip(old_log_probs) {
        let log_ratio = f64::from(new - old);
        let beyond = log_ratio.exp_m1();
        kl += beyond - log_ratio;
        clipped += usize::from(beyond.abs() > clip);
    }
    let n = log_probs.len().max(1) as f64;
    (kl / n, clipped as f64 / n)
}

/// [`divergence`] as two scalars of a device that is not waited for, in its precision.
pub(super) fn on_device(
    log_probs: &Tensor,
    old_log_probs: &Tensor,
    clip: f64,
) -> candle_core::Result<(Tensor, Tensor)> {
    let log_ratio = (log_probs - old_log_probs)?; // [B]
    let beyond = (log_ratio.exp()? - 1.0)?;
    let clipped = beyond.abs()?.gt(clip)?.to_dtype(log_ratio.dtype())?.mean_all()?;
    Ok(((beyond - log_ratio)?.mean_all()?, clipped))
}
