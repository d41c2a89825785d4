//! Losses of Q.
use candle_core::{Result, Tensor};
use nn::loss;
use serde::{Deserialize, Serialize};

/// Loss of Q(s, a) − y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// ½d² up to |d| = 1, |d| − ½ beyond: the paper's "error clipping".
    Huber,
    /// d².
    Mse,
}

impl Loss {
    /// The mean over a batch, for Q and its targets y of `[B]`: a scalar.
    pub(super) fn of(self, q: &Tensor, y: &Tensor) -> Result<Tensor> {
        match self {
            Self::Huber => loss::huber(q, y, 1.0),
            Self::Mse => loss::mse(q, y),
        }
    }

    /// The loss of each, `[B]`.
    pub(super) fn each(self, q: &Tensor, y: &Tensor) -> Result<Tensor> {
        let d = (q - y)?;
        match self {
            Self::Huber => huber(&d),
            Self::Mse => d.sqr(),
        }
    }
}

/// ½d² where |d| ≤ 1, |d| − ½ beyond, of each element.
pub(super) fn huber(d: &Tensor) -> Result<Tensor> {
    // With c = d clipped to ±1, both branches are c·(d − ½·c), and c, held constant, is the derivative.
    let clipped = d.clamp(-1.0, 1.0)?.detach();
    &clipped * (d - (&clipped * 0.5)?)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;
    use nn::gradcheck::gradcheck;
    use train::testing::device;

    #[test]
    fn the_mean_of_each_is_the_loss_and_so_are_its_gradients() {
        let q = Var::new(&[0.2f32, -3.0, 1.5], device()).unwrap();
        let y = Tensor::new(&[0.0f32, 1.0, 1.0], device()).unwrap();
        for (loss, expected) in [(Loss::Huber, [0.02, 3.5, 0.125]), (Loss::Mse, [0.04, 16.0, 0.25])]
        {
            let each: Vec<f32> = loss.each(&q, &y).unwrap().to_vec1().unwrap();
            assert!(each.iter().zip(expected).all(|(e, x): (&f32, f32)| (e - x).abs() < 1e-6));
            let mean = loss.each(&q, &y).unwrap().mean_all().unwrap();
            let fused = loss.of(&q, &y).unwrap();
            let scalar = |t: &Tensor| t.to_scalar::<f32>().unwrap();
            assert!((scalar(&mean) - scalar(&fused)).abs() < 1e-6);
            let vars = std::slice::from_ref(&q);
            assert!(gradcheck(vars, 1e-2, || loss.each(&q, &y)?.mean_all()).unwrap() < 1e-3);
        }
    }
}
