//! Diagonal Gaussians N(mu, e^log_var) of a variational autoencoder.
use super::functions::exp;
use super::{on_cpu_f32, read, slice, vectorised};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

/// −½·Σ (1 + log_var − mu² − e^log_var), divided by the batch: a scalar. None where there is no
/// kernel for the tensors.
pub(crate) fn kl_standard_normal(mu: &Tensor, log_var: &Tensor) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[mu, log_var]) {
        return Ok(None);
    }
    let (mu, log_var) = (mu.contiguous()?, log_var.contiguous()?);
    mu.apply_op2(&log_var, KlStandardNormal).map(Some)
}

struct KlStandardNormal;

impl CustomOp2 for KlStandardNormal {
    fn name(&self) -> &'static str {
        "kl_standard_normal"
    }

    fn cpu_fwd(
        &self,
        mu: &CpuStorage,
        mu_layout: &Layout,
        log_var: &CpuStorage,
        log_var_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mu: &[f32] = slice(mu, mu_layout)?;
        let log_var: &[f32] = slice(log_var, log_var_layout)?;
        let terms = mu.iter().zip(log_var);
        // mu² + (e^v − 1 − v), each of which is at least 0
        let terms = terms.map(|(mu, &v)| f64::from(mu * mu) + f64::from((exp(v) - 1.0) - v));
        let kl = 0.5
            * vectorised(
                #[inline(always)]
                || terms.sum::<f64>(),
            );
        let kl = kl / mu_layout.dims().first().map_or(1.0, |&batch| batch as f64);
        Ok((CpuStorage::F32(vec![kl as f32]), Shape::from(())))
    }

    /// mu and ½·(e^log_var − 1), divided by the batch.
    fn bwd(
        &self,
        mu: &Tensor,
        log_var: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let scale = g.to_scalar::<f32>()? / mu.dims().first().map_or(1.0, |&batch| batch as f32);
        let gradient = |tensor: &Tensor, slope: &dyn Fn(&[f32]) -> Vec<f32>| match tensor.track_op()
        {
            true => {
                let gradient = read(tensor, |values: &[f32]| Ok(slope(values)))?;
                Tensor::from_vec(gradient, tensor.shape(), tensor.device()).map(Some)
            }
            false => Ok(None),
        };
        let d_mu = gradient(mu, &|mu| mu.iter().map(|mu| scale * mu).collect())?;
        let d_log_var = gradient(log_var, &|log_var| {
            let slopes = log_var.iter().map(|&v| 0.5 * scale * (exp(v) - 1.0));
            vectorised(
                #[inline(always)]
                || slopes.collect(),
            )
        })?;
        Ok((d_mu, d_log_var))
    }
}

/// mu + e^(½·log_var)·noise. None where there is no kernel for the tensors.
pub(crate) fn reparameterise(
    mu: &Tensor,
    log_var: &Tensor,
    noise: &Tensor,
) -> Result<Option<Tensor>> {
    if !on_cpu_f32(&[mu, log_var, noise]) {
        return Ok(None);
    }
    let noise = noise.detach().contiguous()?;
    let (mu, log_var) = (mu.contiguous()?, log_var.contiguous()?);
    mu.apply_op3(&log_var, &noise, Reparameterise).map(Some)
}

struct Reparameterise;

impl CustomOp3 for Reparameterise {
    fn name(&self) -> &'static str {
        "reparameterise"
    }

    fn cpu_fwd(
        &self,
        mu: &CpuStorage,
        mu_layout: &Layout,
        log_var: &CpuStorage,
        log_var_layout: &Layout,
        noise: &CpuStorage,
        noise_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mu: &[f32] = slice(mu, mu_layout)?;
        let log_var: &[f32] = slice(log_var, log_var_layout)?;
        let noise: &[f32] = slice(noise, noise_layout)?;
        let terms = mu.iter().zip(log_var).zip(noise);
        let z = terms.map(|((mu, v), noise)| mu + exp(0.5 * v) * noise);
        let z = vectorised(
            #[inline(always)]
            || z.collect(),
        );
        Ok((CpuStorage::F32(z), mu_layout.shape().clone()))
    }

    /// g and ½·e^(½·log_var)·noise·g
    fn bwd(
        &self,
        _: &Tensor,
        log_var: &Tensor,
        noise: &Tensor,
        _: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        if !log_var.track_op() {
            return Ok((Some(g.clone()), None, None));
        }
        let gradient: Vec<f32> = read(log_var, |log_var: &[f32]| {
            read(noise, |noise: &[f32]| {
                read(g, |g: &[f32]| {
                    let terms = log_var.iter().zip(noise).zip(g);
                    let slopes = terms.map(|((v, noise), g)| 0.5 * exp(0.5 * v) * noise * g);
                    Ok(vectorised(
                        #[inline(always)]
                        || slopes.collect(),
                    ))
                })
            })
        })?;
        let gradient = Tensor::from_vec(gradient, log_var.shape(), log_var.device())?;
        Ok((Some(g.clone()), Some(gradient), None))
    }
}
