//! Linear probes: multinomial logistic regression (Alain & Bengio
//! 2017, "Understanding intermediate layers using linear classifier probes", <https://arxiv.org/abs/1610.01644>).
//!
//! Minimised is −mean log softmax(W·x + b) at the label + ‖W‖² / 2n, over n vectors x: the penalty is a prior
//! N(0, 1) of every weight. It is convex, so that the answer does not depend on where it is begun.
use super::Vectors;
use super::activity::spread;
use super::minimise::minimise;
use crate::data::Labels;
use anyhow::{Result, ensure};
use candle_core::{Device, Module, Tensor};
use nn::{Activation, Linear, Params, loss};
use train::{Download as _, Measure};

/// A classifier of vectors, `C` classes of them.
pub struct Probe {
    centre: Vec<f64>,
    scale: f64,
    layer: Linear,
    /// Holds the layer's weight `[C, Z]` and bias `[C]`.
    params: Params,
}

impl Probe {
    /// The one that fits `x` `[n, Z]` and what they show best. Vectors are centred and made of a common
    /// size, the same in every direction, which a linear function does not notice and the penalty does.
    ///
    /// # Errors
    /// If there is not a label for each vector, or no vector; what the device reports.
    pub fn fit(x: &Vectors, labels: &Labels) -> Result<Self> {
        let n = x.len();
        ensure!(n > 0 && labels.of.len() == n, "{} labels for {n} vectors", labels.of.len());
        let (centre, variance) = spread(x);
        let scale = (variance.iter().sum::<f64>() / variance.len() as f64).sqrt();
        let params = Params::new(0, &Device::Cpu);
        let classes = labels.names.len();
        let layer = Linear::new(&params, "probe", x.size(), classes, Activation::Linear)?;
        let probe = Self { centre, scale: if scale > 0.0 { scale } else { 1.0 }, layer, params };
        let (inputs, of) = (probe.inputs(x)?, Tensor::from_slice(&labels.of, n, &Device::Cpu)?);
        let begin = vec![0.0; probe.params.count()];
        let best = minimise(begin, |theta| probe.loss(theta, &inputs, &of))?;
        probe.set(&best)?;
        Ok(probe)
    }

    /// The class of each of `x`, `[n]`; of several that are equally likely the first.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn predict(&self, x: &Vectors) -> Result<Vec<u32>> {
        let logits: Vec<Vec<f32>> = self.layer.forward(&self.inputs(x)?)?.detach().to_vec2()?; // [n, C]
        let largest = |row: Vec<f32>| {
            let first = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
            (0..row.len()).fold(0, first) as u32
        };
        Ok(logits.into_iter().map(largest).collect())
    }

    /// Of the right size, `[n, Z]`.
    fn inputs(&self, x: &Vectors) -> Result<Tensor> {
        let each = x.rows().flat_map(|row| row.iter().zip(&self.centre));
        let values = each.map(|(x, centre)| ((f64::from(*x) - centre) / self.scale) as f32);
        Ok(Tensor::from_vec(values.collect::<Vec<f32>>(), (x.len(), x.size()), &Device::Cpu)?)
    }

    /// Bias, then weight, in one vector.
    fn set(&self, theta: &[f64]) -> Result<()> {
        let mut first = 0;
        for (_, var) in self.params.named() {
            let values = theta[first..first + var.elem_count()].iter().map(|value| *value as f32);
            var.set(&Tensor::from_vec(values.collect::<Vec<f32>>(), var.shape(), &Device::Cpu)?)?;
            first += var.elem_count();
        }
        Ok(())
    }

    /// The loss and its gradient.
    fn loss(&self, theta: &[f64], x: &Tensor, labels: &Tensor) -> Result<(f64, Vec<f64>)> {
        self.set(theta)?;
        let loss = loss::softmax_cross_entropy(&self.layer.forward(x)?, labels)?;
        let gradients = loss.backward()?;
        let mut gradient = Vec::with_capacity(theta.len());
        for (_, var) in self.params.named() {
            let Some(own) = gradients.get(&var) else { anyhow::bail!("the probe has no gradient") };
            gradient.extend(own.download::<f32>()?.into_iter().map(f64::from));
        }
        let (n, biases) = (x.dim(0)? as f64, biases(theta.len(), self.centre.len()));
        let weights = &theta[biases..];
        gradient[biases..].iter_mut().zip(weights).for_each(|(gradient, w)| *gradient += w / n);
        let penalty = weights.iter().map(|w| w * w).sum::<f64>() / (2.0 * n);
        Ok((f64::from(loss.to_scalar::<f32>()?) + penalty, gradient))
    }
}

/// Biases, C, among C·Z + C parameters.
fn biases(parameters: usize, size: usize) -> usize {
    parameters / (size + 1)
}

/// The share of `test` that a probe of `train` gets right: `None` where either has no labels, or only one.
///
/// # Errors
/// Errors of the device.
pub fn probe_accuracy(
    train: (&Vectors, Option<&Labels>),
    test: (&Vectors, Option<&Labels>),
) -> Result<Option<Measure>> {
    let ((x, Some(labels)), (held_out, Some(right))) = (train, test) else { return Ok(None) };
    if labels.names.len() < 2 || x.is_empty() || held_out.is_empty() {
        return Ok(None);
    }
    let predicted = Probe::fit(x, labels)?.predict(held_out)?;
    let hits =
        predicted.iter().zip(&right.of).filter(|(predicted, right)| predicted == right).count();
    Ok(Some(Measure::share(hits, predicted.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::log_softmax;
    use rand_distr::{Distribution as _, StandardNormal};
    use train::stream;

    fn labels(of: Vec<u32>, classes: usize) -> Labels {
        Labels { of, names: (0..classes).map(|class| class.to_string()).collect() }
    }

    fn log_probs(probe: &Probe, x: &Vectors) -> Vec<Vec<f32>> {
        let logits = probe.layer.forward(&probe.inputs(x).unwrap()).unwrap().detach();
        log_softmax(&logits).unwrap().to_vec2().unwrap()
    }

    /// Of 40 vectors at 1 thirty are of class 1, at −1 ten: by symmetry W is ±w/2 with the w that
    /// minimises log(1 + e^−w)·¾ + log(1 + e^w)·¼ + (w/2)²·2/(2·80) = … + w²/320, so that
    /// σ(w) + w/160 = ¾.
    #[test]
    fn one_number_and_two_classes_by_hand() {
        let x = Vectors::new(1, [vec![1.0; 40], vec![-1.0; 40]].concat()).unwrap();
        let of = |n| (0..40).map(|i| u32::from(i < n)).collect::<Vec<u32>>();
        let probe = Probe::fit(&x, &labels([of(30), of(10)].concat(), 2)).unwrap();
        let mut w = 1f64;
        for _ in 0..100 {
            // Newton's method.
            let sigma = 1.0 / (1.0 + (-w).exp());
            w -= (sigma + w / 160.0 - 0.75) / (sigma * (1.0 - sigma) + 1.0 / 160.0);
        }
        let message = log_probs(&probe, &x);
        for (row, w) in [(0, w), (40, -w)] {
            let expected = [-(1.0 + w.exp()).ln(), -(1.0 + (-w).exp()).ln()];
            for (message, expected) in message[row].iter().zip(expected) {
                assert!((f64::from(*message) - expected).abs() < 1e-4, "{message} {expected}");
            }
        }
        assert_eq!(probe.predict(&x).unwrap(), [vec![1; 40], vec![0; 40]].concat());
    }

    /// Three Gaussians of variance 1 around corners: the best classifier asks which corner is nearest, and
    /// is right as often as can be counted.
    #[test]
    fn gaussians_are_told_apart_as_well_as_can_be() {
        let corners = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]];
        let draw = |n: usize, purpose| {
            let mut rng = stream(1, purpose);
            let mut draw = |_| -> f32 { StandardNormal.sample(&mut rng) };
            let of: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
            let at = of.iter().flat_map(|&c| corners[c as usize]).map(|x: f32| x + draw(()));
            (Vectors::new(2, at.collect()).unwrap(), labels(of, 3))
        };
        let ((train, shown), (test, right)) = (draw(6_000, "train"), draw(6_000, "test"));
        let accuracy =
            probe_accuracy((&train, Some(&shown)), (&test, Some(&right))).unwrap().unwrap();
        let nearest = |at: &[f32]| {
            let distance = |c: &[f32; 2]| (at[0] - c[0]).powi(2) + (at[1] - c[1]).powi(2);
            (0..3u32).min_by(|a, b| {
                distance(&corners[*a as usize]).total_cmp(&distance(&corners[*b as usize]))
            })
        };
        let best = test.rows().zip(&right.of).filter(|(at, right)| nearest(at) == Some(**right));
        let best = best.count() as f64 / 6_000.0;
        assert!((accuracy.mean - best).abs() < 0.005, "{accuracy:?} {best}");
        assert!(0.9 < best && accuracy.n == 6_000);
        // Size and place of all of them don't matter.
        let moved =
            |x: &Vectors| Vectors::new(2, x.rows().flatten().map(|x| 50.0 * x + 7.0).collect());
        let (train, test) = (moved(&train).unwrap(), moved(&test).unwrap());
        let again = probe_accuracy((&train, Some(&shown)), (&test, Some(&right))).unwrap().unwrap();
        assert!((again.mean - accuracy.mean).abs() < 0.001, "{again:?} {accuracy:?}");
        assert!(probe_accuracy((&train, None), (&test, Some(&right))).unwrap().is_none());
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let x = Vectors::new(2, vec![0.5, -1.0, 1.5, 0.2, -0.7, 0.9]).unwrap();
        let labels = labels(vec![0, 2, 1], 3);
        let probe = Probe::fit(&x, &labels).unwrap();
        let (inputs, of) =
            (probe.inputs(&x).unwrap(), Tensor::from_slice(&labels.of, 3, &Device::Cpu).unwrap());
        let theta: Vec<f64> = (0..9).map(|i| f64::from(i * 5 % 7) / 4.0 - 0.8).collect();
        let (_, gradient) = probe.loss(&theta, &inputs, &of).unwrap();
        for (i, slope) in gradient.iter().enumerate() {
            let value = |by: f64| {
                let mut theta = theta.clone();
                theta[i] += by;
                probe.loss(&theta, &inputs, &of).unwrap().0
            };
            let difference = (value(0.01) - value(-0.01)) / 0.02;
            assert!((slope - difference).abs() < 1e-4, "{i}: {slope} {difference}");
        }
    }
}
