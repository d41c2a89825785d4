//! Policies that choose among numbered actions.
use candle_core::{D, Result, Tensor};
use nn::{log_softmax, select};
use rand::Rng as _;
use train::Rng;

/// Distributions over numbered actions, one for each row of logits `[B, A]`:
/// π(a|s) = softmax(logits)ₐ.
pub struct Categorical {
    log_probs: Tensor,
}

impl Categorical {
    /// The distributions that `logits` `[B, A]` stand for.
    ///
    /// # Errors
    /// If logits have another rank.
    pub fn new(logits: &Tensor) -> Result<Self> {
        Ok(Self { log_probs: log_softmax(logits)? }) // [B, A]
    }

    /// log π(a|s) of `actions` `[B]`: `[B]`.
    ///
    /// # Errors
    /// If shapes don't match, or there is no such action.
    pub fn log_prob(&self, actions: &Tensor) -> Result<Tensor> {
        select(&self.log_probs, actions)
    }

    /// H(π(·|s)) = −Σₐ π(a|s)·log π(a|s): `[B]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn entropy(&self) -> Result<Tensor> {
        (self.log_probs.exp()? * &self.log_probs)?.sum(D::Minus1)?.neg()
    }

    /// Σₐ π(a|s)·q(s, a) for `q` `[B, A]`: `[B]`.
    ///
    /// # Errors
    /// If shapes don't match.
    pub fn expected(&self, q: &Tensor) -> Result<Tensor> {
        (self.log_probs.exp()? * q)?.sum(D::Minus1)
    }
}

/// An action drawn from softmax(logits): the first at which the cumulative probability exceeds a
/// number drawn from U[0, 1).
pub fn sample(logits: &[f32], rng: &mut Rng) -> usize {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: &f32| f64::from(logit - largest).exp();
    let mut left = rng.random::<f64>() * logits.iter().map(weight).sum::<f64>();
    let sampled = logits.iter().position(|logit| {
        left -= weight(logit);
        left < 0.0
    });
    // Rounding may leave a little at the end: the last action that is possible takes it.
    let last = || logits.iter().rposition(|logit| weight(logit) > 0.0);
    sampled.or_else(last).unwrap_or(0)
}

/// The most probable action, the first of several.
pub fn mode(logits: &[f32]) -> usize {
    let best = |best: usize, action| if logits[action] > logits[best] { action } else { best };
    (1..logits.len()).fold(0, best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::masks;
    use candle_core::{DType, Var};
    use nn::gradcheck::gradcheck;
    use train::stream;
    use train::testing::device;

    fn logits(dtype: DType) -> Var {
        // Odds 1 : 1 : 2 and 1 : 0 : 0.
        let values = [[0.0, 0.0, 2f64.ln()], [500.0, -500.0, -500.0]];
        let tensor = Tensor::new(&values, device()).unwrap().to_dtype(dtype).unwrap();
        Var::from_tensor(&tensor).unwrap()
    }

    #[test]
    fn log_probabilities_and_entropy_by_hand() {
        let actions = Tensor::new(&[2u32, 0], device()).unwrap();
        for dtype in [DType::F32, DType::F64] {
            let policy = Categorical::new(&logits(dtype)).unwrap();
            let numbers = |t: Tensor| t.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
            let log_prob = numbers(policy.log_prob(&actions).unwrap());
            assert!(close(&log_prob, &[0.5f64.ln(), 0.0]), "{log_prob:?}");
            // ½·log 2 + 2·¼·log 4 = 1.5·log 2; nothing is left to chance in the second row.
            let entropy = numbers(policy.entropy().unwrap());
            assert!(close(&entropy, &[1.5 * 2f64.ln(), 0.0]), "{entropy:?}");
            let q = Tensor::new(&[[4.0, 8.0, 1.0], [7.0, 1.0, 1.0]], device()).unwrap();
            let expected = numbers(policy.expected(&q.to_dtype(dtype).unwrap()).unwrap());
            assert!(close(&expected, &[3.5, 7.0]), "{expected:?}");
        }
    }

    /// Odds 1 : 1 : 2 less the second action are 1 : 2; the second row has one action alone.
    #[test]
    fn masked_log_probabilities_and_entropy_by_hand() {
        let allowed = [1, 0, 1, 0, 1, 0];
        for (dtype, most) in [(DType::F32, 1e-6), (DType::F64, 1e-12)] {
            let logits = logits(dtype);
            let masks = masks::tensor(&allowed, 3, device()).unwrap().to_dtype(dtype).unwrap();
            let masked = masks::with(logits.as_tensor().clone(), Some(&masks)).unwrap();
            let policy = Categorical::new(&masked).unwrap();
            let numbers = |t: &Tensor| {
                t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap()
            };
            let near = |a: &[f64], b: &[f64]| {
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < most), "{a:?}, not {b:?}");
            };
            let actions = Tensor::new(&[2u32, 1], device()).unwrap();
            let log_prob = policy.log_prob(&actions).unwrap();
            near(&numbers(&log_prob), &[(2f64 / 3.0).ln(), 0.0]);
            // ⅓·log 3 + ⅔·log 3/2 = log 3 − ⅔·log 2.
            let entropy = policy.entropy().unwrap();
            near(&numbers(&entropy), &[3f64.ln() - 2.0 / 3.0 * 2f64.ln(), 0.0]);
            let q = Tensor::new(&[[4.0, 800.0, 1.0], [7.0, 1.0, 700.0]], device()).unwrap();
            near(&numbers(&policy.expected(&q.to_dtype(dtype).unwrap()).unwrap()), &[2.0, 1.0]);
            let gradient = |of: &Tensor| {
                numbers(of.sum_all().unwrap().backward().unwrap().get(&logits).unwrap())
            };
            near(&gradient(&log_prob), &[-1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0, 0.0, 0.0]);
            // ∂H/∂logit = −π·(log π + H).
            let slope = 2.0 / 9.0 * 2f64.ln();
            near(&gradient(&entropy), &[slope, 0.0, -slope, 0.0, 0.0, 0.0]);
        }
    }

    #[test]
    fn gradients_of_log_probability_and_entropy_by_differences() {
        let actions = Tensor::new(&[2u32, 1], device()).unwrap();
        let weights = Tensor::new(&[1.5, -0.5], device()).unwrap();
        for (dtype, h, most) in [(DType::F64, 1e-5, 1e-8), (DType::F32, 1e-2, 2e-3)] {
            let values = Tensor::new(&[[0.2, -1.0, 0.7], [1.1, 0.4, -0.3]], device()).unwrap();
            let logits = Var::from_tensor(&values.to_dtype(dtype).unwrap()).unwrap();
            let weights = weights.to_dtype(dtype).unwrap();
            let policy = || Categorical::new(&logits);
            let vars = std::slice::from_ref(&logits);
            let entropy = || policy()?.entropy()?.sum_all();
            assert!(gradcheck(vars, h, entropy).unwrap() < most);
            let log_prob = || (policy()?.log_prob(&actions)? * &weights)?.sum_all();
            assert!(gradcheck(vars, h, log_prob).unwrap() < most);
        }
    }

    #[test]
    fn sampled_as_often_as_probable() {
        let logits = [0.0, 4f32.ln(), f32::NEG_INFINITY, 3f32.ln()];
        let mut rng = stream(1, "test");
        let mut counts = [0; 4];
        (0..80_000).for_each(|_| counts[sample(&logits, &mut rng)] += 1);
        for (count, expected) in counts.into_iter().zip([10_000f64, 40_000.0, 0.0, 30_000.0]) {
            // Five standard deviations.
            assert!((f64::from(count) - expected).abs() <= 5.0 * expected.sqrt(), "{counts:?}");
        }
        assert_eq!(sample(&[1000.0, -1000.0], &mut rng), 0);
        let mut masked = [9.0, 0.0, 9.0, 0.0];
        masks::add(&mut masked, &[0, 1, 0, 1]);
        let mut counts = [0; 4];
        (0..10_000).for_each(|_| counts[sample(&masked, &mut rng)] += 1);
        assert!(counts[0] + counts[2] == 0 && (4_750..5_250).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn the_mode_is_the_first_of_the_largest() {
        assert_eq!(mode(&[1.0, 3.0, 3.0, -2.0]), 1);
        assert_eq!(mode(&[0.5]), 0);
    }
}
