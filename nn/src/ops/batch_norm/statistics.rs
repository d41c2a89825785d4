//! Sums over a batch that batch normalisation needs, forward and backward.
use super::super::activation::with_slope;
use super::super::functions::{LANES, fold, sum};
use super::super::tiles::{for_each, scratch};
use super::super::vectorised;
use crate::Activation;

/// Added to a variance before the root.
pub(crate) const EPS: f64 = 1e-5;

/// Samples per tile: a tile has one share of each sum over the batch.
pub(super) const SAMPLES: usize = 4;

/// Cost of one element in multiply-adds of a matrix product, roughly.
pub(super) const ELEMENT_WORK: usize = 64;

/// Of each channel.
pub(super) struct Statistics {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    /// 1/√(variance + ε).
    pub(super) inverse: Vec<f32>,
}

impl Statistics {
    /// Those of x `[B, C, P]`; a sample has C·P elements.
    pub(super) fn of(x: &[f32], sample: usize, channels: usize) -> Self {
        let plane = sample / channels;
        let tile = SAMPLES * sample;
        let mut moments = vec![(0f64, 0f64); channels];
        scratch(x.len().div_ceil(tile) * 2 * channels, |shares| {
            let work = x.len() * ELEMENT_WORK;
            // Nothing in it fails.
            let _ = for_each(shares, 2 * channels, work, |index, share| {
                let x = &x[index * tile..x.len().min((index + 1) * tile)];
                tile_moments(x, sample, share);
                Ok(())
            });
            let mut before = 0;
            for (x, share) in x.chunks(tile).zip(shares.chunks_exact(2 * channels)) {
                let new = x.len() / channels;
                let weight = new as f64 / (before + new) as f64;
                let (means, deviations) = share.split_at(channels);
                for ((mean, m2), (&new_mean, &new_m2)) in
                    moments.iter_mut().zip(means.iter().zip(deviations))
                {
                    // Chan, Golub & LeVeque 1983, "Algorithms for Computing the Sample Variance"
                    let delta = f64::from(new_mean) - *mean;
                    *mean += delta * weight;
                    *m2 += f64::from(new_m2) + delta * delta * before as f64 * weight;
                }
                before += new;
            }
        });
        let count = (x.len() / sample * plane) as f64;
        let variances = moments.iter().map(|(_, m2)| m2 / count);
        Self {
            mean: moments.iter().map(|(mean, _)| *mean as f32).collect(),
            variance: variances.clone().map(|variance| variance as f32).collect(),
            inverse: variances.map(|variance| (variance + EPS).sqrt().recip() as f32).collect(),
        }
    }

    /// Σ gz and Σ gz·x̂ of each channel over some samples.
    pub(super) fn sums(
        &self,
        activation: Activation,
        sample: usize,
        (x, y, g): (&[f32], &[f32], &[f32]),
        share: &mut [f32],
    ) {
        let plane = sample / self.mean.len();
        share.fill(0.0);
        let (of_gz, of_product) = share.split_at_mut(self.mean.len());
        let samples =
            x.chunks_exact(sample).zip(y.chunks_exact(sample)).zip(g.chunks_exact(sample));
        for ((x, y), g) in samples {
            let planes =
                x.chunks_exact(plane).zip(y.chunks_exact(plane)).zip(g.chunks_exact(plane));
            let sums = of_gz.iter_mut().zip(of_product.iter_mut());
            let channels = self.mean.iter().zip(&self.inverse);
            for (((x, y), g), ((of_gz, of_product), (&mean, &inverse))) in
                planes.zip(sums.zip(channels))
            {
                let (gz, product) = vectorised(
                    #[inline(always)]
                    || with_slope!(activation, slope => plane_sums(x, y, g, mean, slope)),
                );
                *of_gz += gz;
                *of_product += product * inverse;
            }
        }
    }

    /// dx = weight/σ·(gz − mean gz − x̂·mean(gz·x̂)) for some samples; `sums` are those of all.
    pub(super) fn input_gradient(
        &self,
        activation: Activation,
        sample: usize,
        (x, y, g): (&[f32], &[f32], &[f32]),
        (weight, sums, mean_of): (&[f32], &[f32], f32),
        dx: &mut [f32],
    ) {
        let channels = self.mean.len();
        let plane = sample / channels;
        let planes = x.chunks_exact(plane).zip(y.chunks_exact(plane)).zip(g.chunks_exact(plane));
        for (index, (dx, ((x, y), g))) in dx.chunks_exact_mut(plane).zip(planes).enumerate() {
            let channel = index % channels;
            let (mean, inverse) = (self.mean[channel], self.inverse[channel]);
            let of_gz = mean_of * sums[channel];
            let of_x = mean_of * sums[channels + channel] * inverse;
            let scale = weight[channel] * inverse;
            let terms = dx.iter_mut().zip(x).zip(y.iter().zip(g));
            vectorised(
                #[inline(always)]
                || {
                    with_slope!(activation, slope => terms.for_each(|((dx, x), (&y, g))| {
                        *dx = scale * (g * slope(y) - of_gz - (x - mean) * of_x);
                    }));
                },
            );
        }
    }
}

/// Mean, and sum of squared deviations from it, of each channel over some samples.
fn tile_moments(x: &[f32], sample: usize, share: &mut [f32]) {
    let channels = share.len() / 2;
    let plane = sample / channels;
    let (means, deviations) = share.split_at_mut(channels);
    let count = (x.len() / channels) as f32;
    vectorised(
        #[inline(always)]
        || {
            for (channel, (mean, m2)) in means.iter_mut().zip(deviations).enumerate() {
                let part = channel * plane..(channel + 1) * plane;
                let mut total = 0.0;
                for x in x.chunks_exact(sample) {
                    total += sum(&x[part.clone()]);
                }
                *mean = total / count;
                *m2 = 0.0;
                for x in x.chunks_exact(sample) {
                    *m2 += squared_deviations(&x[part.clone()], *mean);
                }
            }
        },
    );
}

/// Σ (x − mean)²
#[inline(always)]
fn squared_deviations(x: &[f32], mean: f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for x in chunks {
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += (x - mean) * (x - mean));
    }
    sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum += (x - mean) * (x - mean));
    fold(sums)
}

/// Σ gz and Σ gz·(x − mean)
#[inline(always)]
fn plane_sums(
    x: &[f32],
    y: &[f32],
    g: &[f32],
    mean: f32,
    slope: impl Fn(f32) -> f32,
) -> (f32, f32) {
    let ((x, x_rest), (y, y_rest), (g, g_rest)) =
        (x.as_chunks::<LANES>(), y.as_chunks::<LANES>(), g.as_chunks::<LANES>());
    let (mut of_gz, mut of_product) = ([0f32; LANES], [0f32; LANES]);
    for ((x, y), g) in x.iter().zip(y).zip(g) {
        for lane in 0..LANES {
            let gz = g[lane] * slope(y[lane]);
            of_gz[lane] += gz;
            of_product[lane] += gz * (x[lane] - mean);
        }
    }
    for (lane, ((x, y), g)) in x_rest.iter().zip(y_rest).zip(g_rest).enumerate() {
        let gz = g * slope(*y);
        of_gz[lane] += gz;
        of_product[lane] += gz * (x - mean);
    }
    (fold(of_gz), fold(of_product))
}
