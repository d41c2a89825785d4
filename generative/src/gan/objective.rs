//! Losses of the players, by logits of the discriminator.
//!
//! `real` are its logits for samples of the data and `fake` those for generated samples, both `[B, 1]`; D is the
//! logit itself, σ(D) the probability that a sample is real. Every term is a mean over the batch, and none
//! overflows: log σ(l) = −softplus(−l) and log(1 − σ(l)) = −softplus(l).
use candle_core::{Result, Tensor};
use nn::loss;
use serde::{Deserialize, Serialize};

/// The objective of the game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Both play for V = E[log σ(D(x))] + E[log(1 − σ(D(G(z))))] (Goodfellow et al. 2014, equation 1).
    Minimax,
    /// The generator maximises E[log σ(D(G(z)))] instead (section 3 there).
    NonSaturating,
    /// Squared distances of D from 1 and 0 (Mao et al. 2017, equation 9, a = 0 and b = c = 1).
    LeastSquares,
    /// The difference of the means of D (Arjovsky, Chintala & Bottou 2017, equation 3); D must be kept from
    /// being steep.
    Wasserstein,
    /// Margins of 1 on either side of 0 (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17).
    Hinge,
}

impl Objective {
    /// The loss of the discriminator.
    ///
    /// - minimax, non-saturating: −V = mean softplus(−real) + mean softplus(fake), 2·log 2 where it cannot
    ///   tell one from the other
    /// - least-squares: ½·mean (real − 1)² + ½·mean fake²
    /// - wasserstein: mean fake − mean real
    /// - hinge: mean max(0, 1 − real) + mean max(0, 1 + fake)
    ///
    /// # Errors
    /// Errors of the device.
    pub fn discriminator(self, real: &Tensor, fake: &Tensor) -> Result<Tensor> {
        match self {
            Self::Minimax | Self::NonSaturating => softplus(&real.neg()?)? + softplus(fake)?,
            Self::LeastSquares => {
                ((real - 1.0)?.sqr()?.mean_all()? * 0.5)? + (fake.sqr()?.mean_all()? * 0.5)?
            }
            Self::Wasserstein => fake.mean_all()? - real.mean_all()?,
            Self::Hinge => {
                real.affine(-1.0, 1.0)?.relu()?.mean_all()? + (fake + 1.0)?.relu()?.mean_all()?
            }
        }
    }

    /// The loss of the generator.
    ///
    /// - minimax: −mean softplus(fake), whose gradient goes to 0 where the discriminator is sure that a sample
    ///   was drawn
    /// - non-saturating: mean softplus(−fake), whose gradient for the logit goes to −1 there
    /// - least-squares: ½·mean (fake − 1)²
    /// - wasserstein, hinge: −mean fake
    ///
    /// # Errors
    /// Errors of the device.
    pub fn generator(self, fake: &Tensor) -> Result<Tensor> {
        match self {
            Self::Minimax => softplus(fake)?.neg(),
            Self::NonSaturating => softplus(&fake.neg()?),
            Self::LeastSquares => (fake - 1.0)?.sqr()?.mean_all()? * 0.5,
            Self::Wasserstein | Self::Hinge => fake.mean_all()?.neg(),
        }
    }

    /// The logit above which a sample counts as taken for real; none of wasserstein, where only differences
    /// mean something.
    pub fn boundary(self) -> Option<f32> {
        match self {
            Self::Minimax | Self::NonSaturating | Self::Hinge => Some(0.0),
            Self::LeastSquares => Some(0.5),
            Self::Wasserstein => None,
        }
    }
}

/// mean log(1 + e^l) for logits l `[B, 1]`.
fn softplus(logits: &Tensor) -> Result<Tensor> {
    loss::bernoulli_nll(logits, &logits.zeros_like()?)
}

#[cfg(test)]
mod tests {
    use super::Objective::{Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein};
    use super::*;
    use candle_core::Var;
    use nn::gradcheck::gradcheck;
    use std::f64::consts::LN_2;
    use train::testing::device;

    const ALL: [Objective; 5] = [Minimax, NonSaturating, LeastSquares, Wasserstein, Hinge];

    fn var(logits: &[f64]) -> Var {
        let logits = Tensor::from_slice(logits, (logits.len(), 1), device()).unwrap();
        Var::from_tensor(&logits).unwrap()
    }

    fn value(loss: &Tensor) -> f64 {
        loss.to_scalar().unwrap()
    }

    /// dloss/dlogit of the generator for one generated sample.
    fn slope(objective: Objective, logit: f64) -> f64 {
        let fake = var(&[logit]);
        let gradients = objective.generator(&fake).unwrap().backward().unwrap();
        gradients.get(&fake).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()[0]
    }

    #[test]
    fn losses_by_hand() {
        let (real, fake) = (var(&[3.0, 0.5]), var(&[-2.0, 1.0]));
        let ln_1p = |x: f64| x.exp().ln_1p();
        let entropy = (ln_1p(-3.0) + ln_1p(-0.5)) / 2.0 + (ln_1p(-2.0) + ln_1p(1.0)) / 2.0;
        let expected = [
            (Minimax, entropy, -(ln_1p(-2.0) + ln_1p(1.0)) / 2.0),
            (NonSaturating, entropy, (ln_1p(2.0) + ln_1p(-1.0)) / 2.0),
            // ½·(4 + ¼)/2 + ½·(4 + 1)/2, and ½·(9 + 0)/2
            (LeastSquares, 1.0625 + 1.25, 2.25),
            // −½ − 1.75
            (Wasserstein, -2.25, 0.5),
            // (0 + ½)/2 + (0 + 2)/2
            (Hinge, 1.25, 0.5),
        ];
        for (objective, d_loss, g_loss) in expected {
            let found = value(&objective.discriminator(&real, &fake).unwrap());
            assert!((found - d_loss).abs() < 1e-12, "{objective:?} {found} {d_loss}");
            let found = value(&objective.generator(&fake).unwrap());
            assert!((found - g_loss).abs() < 1e-12, "{objective:?} {found} {g_loss}");
        }
    }

    /// At D = ½ everywhere, V = −2·log 2, which is the value of the game (Goodfellow et al. 2014,
    /// theorem 1).
    #[test]
    fn a_discriminator_that_cannot_tell_has_the_value_of_the_game() {
        let half = var(&[0.0; 3]);
        for objective in [Minimax, NonSaturating] {
            let minus_v = value(&objective.discriminator(&half, &half).unwrap());
            assert!((minus_v - 2.0 * LN_2).abs() < 1e-12, "{minus_v}");
        }
        assert!((value(&Minimax.generator(&half).unwrap()) + LN_2).abs() < 1e-12);
    }

    #[test]
    fn only_the_saturating_gradient_goes_when_the_discriminator_wins() {
        let mut last = f64::INFINITY;
        for logit in [0.0, -5.0, -10.0, -20.0, -200.0] {
            // −σ(l) and −σ(−l)
            let (saturating, not) = (slope(Minimax, logit), slope(NonSaturating, logit));
            assert!((saturating + 1.0 / (1.0 + (-logit).exp())).abs() < 1e-12, "{saturating}");
            assert!((not + 1.0 / (1.0 + logit.exp())).abs() < 1e-12, "{not}");
            assert!(saturating.abs() <= last);
            last = saturating.abs();
        }
        assert!(last < 1e-80, "{last}");
        assert_eq!(slope(NonSaturating, -200.0), -1.0);
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let (real, fake) = (var(&[3.0, 0.5, -4.0]), var(&[-2.0, 1.5, 0.2]));
        for objective in ALL {
            let vars = [real.clone(), fake.clone()];
            let d_loss = || objective.discriminator(&real, &fake);
            assert!(gradcheck(&vars, 1e-5, d_loss).unwrap() < 1e-8, "{objective:?}");
            let g_loss = || objective.generator(&fake);
            assert!(gradcheck(&vars[1..], 1e-5, g_loss).unwrap() < 1e-8, "{objective:?}");
        }
    }

    #[test]
    fn sure_logits_overflow_nothing() {
        for objective in ALL {
            for sign in [1.0, -1.0] {
                let logit = var(&[sign * 1e4]);
                let loss = value(&objective.discriminator(&logit, &logit).unwrap());
                assert!(loss.is_finite(), "{objective:?} {loss}");
                assert!(slope(objective, sign * 1e4).is_finite(), "{objective:?}");
            }
        }
    }
}
