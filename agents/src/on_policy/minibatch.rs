//! Minibatches of a rollout, for algorithms that pass over it several times.
use super::rollout::Rollout;
use crate::masks::added;
use anyhow::Result;
use candle_core::Device;
use envs::Spec;
use nn::HostTensor;
use train::BadValue;

/// Refuses a batch size that does not divide the transitions of a rollout of T steps of each of N copies, and names the
/// nearest that do.
pub(crate) fn check_batch(batch: usize, [steps, n]: [usize; 2]) -> Result<(), BadValue> {
    let full = steps * n;
    if full.is_multiple_of(batch) {
        return Ok(());
    }
    let divides = |size: &usize| full.is_multiple_of(*size);
    let near = [(1..batch).rev().find(divides), (batch..=full).find(divides)];
    let near: Vec<_> = near.iter().flatten().map(usize::to_string).collect();
    let fits = format!(
        "must divide the {full} transitions of a rollout, --rollout {steps} times --n-envs {n}: give {}",
        near.join(" or ")
    );
    Err(BadValue::new("batch", batch, &fits))
}

/// Targets of a rollout, by the networks that made it: `[B]` each.
pub(crate) struct Targets {
    pub(crate) log_probs: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) returns: Vec<f32>,
}

/// M transitions of a rollout, refilled in place.
pub(crate) struct Minibatch {
    /// `[M, …]`
    pub(crate) obs: HostTensor<f32>,
    /// `[M, W]`
    pub(crate) actions: HostTensor<f32>,
    /// `[M]`, like those that follow.
    pub(crate) log_probs: HostTensor<f32>,
    pub(crate) values: HostTensor<f32>,
    pub(crate) advantages: HostTensor<f32>,
    pub(crate) returns: HostTensor<f32>,
    /// Numbers to add to the logits of actions, `[M, A]`, where states lack some.
    pub(crate) masks: Option<HostTensor<f32>>,
}

impl Minibatch {
    /// Room for `size` transitions, of states that may lack some of `masked` actions.
    pub(crate) fn new(
        size: usize,
        (spec, masked): (&Spec, Option<usize>),
        device: &Device,
    ) -> Result<Self> {
        let column = || HostTensor::<f32>::new(size, device);
        let masks = masked.map(|actions| HostTensor::new((size, actions), device));
        Ok(Self {
            masks: masks.transpose()?,
            obs: HostTensor::new(spec.batch_shape(size), device)?,
            actions: HostTensor::new((size, spec.action_width()), device)?,
            log_probs: column()?,
            values: column()?,
            advantages: column()?,
            returns: column()?,
        })
    }

    /// Takes the transitions in `rows`, `[M]`.
    pub(crate) fn fill(
        &mut self,
        rows: &[usize],
        rollout: &Rollout,
        targets: &Targets,
    ) -> Result<()> {
        self.obs.fill(|to| pick(&rollout.obs, rows, to))?;
        self.actions.fill(|to| pick(&rollout.actions, rows, to))?;
        self.log_probs.fill(|to| pick(&targets.log_probs, rows, to))?;
        self.values.fill(|to| pick(&targets.values, rows, to))?;
        self.advantages.fill(|to| pick(&targets.advantages, rows, to))?;
        self.returns.fill(|to| pick(&targets.returns, rows, to))?;
        if let Some(masks) = &mut self.masks {
            masks.fill(|to| {
                let width = to.len() / rows.len().max(1);
                for (to, &row) in to.chunks_exact_mut(width.max(1)).zip(rows) {
                    let allowed = &rollout.allowed[row * width..][..width];
                    to.iter_mut().zip(allowed).for_each(|(to, &allowed)| *to = added(allowed == 1));
                }
            })?;
        }
        Ok(())
    }
}

/// Copies the rows `rows` of a matrix, row-major.
fn pick(from: &[f32], rows: &[usize], to: &mut [f32]) {
    let width = to.len() / rows.len().max(1);
    for (to, &row) in to.chunks_exact_mut(width.max(1)).zip(rows) {
        to.copy_from_slice(&from[row * width..][..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_divides_the_rollout() {
        assert!(check_batch(64, [32, 16]).is_ok() && check_batch(512, [32, 16]).is_ok());
        let told = |batch| check_batch(batch, [32, 16]).unwrap_err().to_string();
        let all = "must divide the 512 transitions of a rollout, --rollout 32 times --n-envs 16";
        assert_eq!(told(100), format!("--batch 100: {all}: give 64 or 128"));
        assert_eq!(told(1_000), format!("--batch 1000: {all}: give 512"));
    }
}
