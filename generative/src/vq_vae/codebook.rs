//! Quantisation of rows z `[R, E]` to codes e `[R, E]`, and updates of the codebook `[M, E]`.
use super::config::VqVaeConfig;
use candle_core::{DType, Result, Tensor, Var};
use nn::loss;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use train::{Download as _, Rng};

/// e in value, and the identity for gradients: what arrives at it goes on to `z` unchanged, and none to
/// `e` (section 3.2), for two tensors of one shape.
///
/// # Errors
/// If the shapes don't match.
pub fn straight_through(z: &Tensor, e: &Tensor) -> Result<Tensor> {
    e.detach() + (z - z.detach())?
}

/// mean over the rows of ‖sg\[z\] − e‖², which moves the codebook alone (equation 3, second term).
///
/// # Errors
/// If the shapes don't match.
pub fn codebook_loss(z: &Tensor, e: &Tensor) -> Result<Tensor> {
    loss::mse(e, &z.detach())? * e.dim(1)? as f64
}

/// mean over the rows of ‖z − sg\[e\]‖², which moves the encoder alone (equation 3, third term without β).
///
/// # Errors
/// If the shapes don't match.
pub fn commitment_loss(z: &Tensor, e: &Tensor) -> Result<Tensor> {
    loss::mse(z, &e.detach())? * z.dim(1)? as f64
}

/// e^H with H = −Σ p·log p, where p is how often each code was chosen: as many codes, all chosen equally
/// often, would have this entropy.
pub fn perplexity(counts: &[u64]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    let p = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / n);
    (-p.map(|p| p * p.ln()).sum::<f64>()).exp()
}

/// [`perplexity`] of codes `[R]` on a device, where it stays, by all `numbers` that a code may have, `[1, M]`.
pub(super) fn perplexity_of(codes: &Tensor, numbers: &Tensor) -> Result<Tensor> {
    let chosen = codes.unsqueeze(1)?.broadcast_eq(numbers)?.to_dtype(DType::F32)?; // [R, M]
    let p = chosen.mean(0)?; // [M]
    // p·log p is 0 at 0.
    (&p * (&p + 1e-30)?.log()?)?.sum_all()?.neg()?.exp()
}

/// The codebook as exponential moving averages of the rows assigned to its codes (appendix A.1), over batches
/// whose rows i are assigned to code c(i), n_m of them to code m:
///
/// N_m ← γ·N_m + (1 − γ)·n_m, s_m ← γ·s_m + (1 − γ)·Σ z, e_m = s_m / N_m,
///
/// all of them 0 at first. With s_m = N_m·e_m this is e_m ← e_m + (1 − γ)·(Σ z − n_m·e_m) / N_m: a code
/// that nobody chose stays where it is, and the first batch that chooses it brings it to its mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunningMeans {
    /// N, `[M]`.
    pub(super) counts: Vec<f64>,
    /// Decayed count N of a code chosen once in every batch: 1 − γᵗ after t batches.
    pub(super) once: f64,
}

impl RunningMeans {
    /// Statistics of `m` codes before any was chosen.
    pub fn new(m: usize) -> Self {
        Self { counts: vec![0.0; m], once: 0.0 }
    }

    /// Returns `true` if this counts `m` codes.
    pub(super) fn fits(&self, m: usize) -> bool {
        let count = |n: &f64| n.is_finite() && *n >= 0.0;
        self.counts.len() == m && self.counts.iter().all(count) && (0.0..=1.0).contains(&self.once)
    }

    /// Moves the codes `[M, E]` by rows z `[R, E]` and the code that each chose, `[R]`.
    pub fn update(&mut self, codes: &mut [f32], z: &[f32], chosen: &[u32], decay: f64) {
        let e = codes.len() / self.counts.len();
        let mut sums = vec![0f64; codes.len()];
        let mut batch = vec![0f64; self.counts.len()];
        for (z, &chosen) in z.chunks_exact(e).zip(chosen) {
            batch[chosen as usize] += 1.0;
            let sum = &mut sums[chosen as usize * e..][..e];
            sum.iter_mut().zip(z).for_each(|(sum, z)| *sum += f64::from(*z));
        }
        self.once = decay * self.once + (1.0 - decay);
        let each = codes.chunks_exact_mut(e).zip(sums.chunks_exact(e));
        for ((code, sum), (count, n)) in each.zip(self.counts.iter_mut().zip(batch)) {
            *count = decay * *count + (1.0 - decay) * n;
            if n > 0.0 {
                let part = (1.0 - decay) / *count;
                for (code, sum) in code.iter_mut().zip(sum) {
                    *code += (part * (sum - n * f64::from(*code))) as f32;
                }
            }
        }
    }

    /// Moves each code that was chosen less often than `least` times a batch, on average, to a row of z
    /// `[R, E]`, drawn from all with equal probability, as if it had had its even share (after Dhariwal et
    /// al. 2020, "Jukebox: a generative model for music", section 3.1). Says how many.
    pub fn restart(&mut self, codes: &mut [f32], z: &[f32], least: f64, rng: &mut Rng) -> usize {
        let (e, least) = (codes.len() / self.counts.len(), least * self.once);
        let share = self.once * (z.len() / e) as f64 / self.counts.len() as f64;
        let dead = codes.chunks_exact_mut(e).zip(&mut self.counts).filter(|(_, n)| **n < least);
        let mut restarted = 0;
        for (code, count) in dead {
            let row = rng.random_range(0..z.len() / e);
            code.copy_from_slice(&z[row * e..][..e]);
            *count = share;
            restarted += 1;
        }
        restarted
    }
}

/// Number of times each of `m` codes was chosen.
pub(super) fn counted(chosen: impl IntoIterator<Item = u32>, m: usize) -> Vec<u64> {
    let mut counts = vec![0; m];
    chosen.into_iter().for_each(|code| counts[code as usize] += 1);
    counts
}

/// A codebook updated by exponential moving averages.
pub(super) struct EmaCodebook {
    /// `[M, E]`
    pub(super) codes: Var,
    pub(super) means: RunningMeans,
    /// Samples the rows that restarted codes move to.
    pub(super) rng: Rng,
}

impl EmaCodebook {
    /// The EMA update by rows z `[R, E]` and the code that each chose, `[R]`, and restarts of codes that are
    /// rarely chosen; the number of restarts.
    pub(super) fn update(
        &mut self,
        z: &Tensor,
        chosen: &[u32],
        config: &VqVaeConfig,
    ) -> Result<usize> {
        let z: Vec<f32> = z.download()?;
        let mut codes: Vec<f32> = self.codes.download()?;
        self.means.update(&mut codes, &z, chosen, config.decay);
        let share = chosen.len() as f64 / config.codes as f64;
        let least = config.restart * share;
        let restarted = self.means.restart(&mut codes, &z, least, &mut self.rng);
        self.codes.set(&Tensor::from_vec(codes, self.codes.shape(), self.codes.device())?)?;
        Ok(restarted)
    }
}
