//! Weights divided by how far they can stretch anything.
use crate::{Init, Params};
use candle_core::{Result, Tensor, Var};

/// Divides a weight by its largest singular value σ, as far as power iteration has found it (Miyato et al. 2018,
/// "Spectral normalization for generative adversarial networks", algorithm 1).
///
/// The weight counts as a matrix W `[O, n]`, of the numbers that each output takes. With a vector u that
/// remembers where the last iteration ended,
///
/// u ← Wv / ‖Wv‖ with v = Wᵀu / ‖Wᵀu‖, and then σ = uᵀWv with v of the new u,
///
/// where u and v count as constants for gradients. In the layer itself every forward pass makes one iteration,
/// as in PyTorch; in a fixed or frozen one σ follows the weight by the u there is. u is the buffer `<name>.u`,
/// of shape `[O]`.
#[derive(Debug, Clone)]
pub(super) struct Spectral {
    u: Var,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Training,
    Fixed,
}

impl Spectral {
    pub(super) fn new(params: &Params, name: &str, outputs: usize) -> Result<Self> {
        let u = params.buffer(&format!("{name}.u"), outputs, Init::Normal { deviation: 1.0 })?;
        Ok(Self { u, mode: Mode::Training })
    }

    pub(super) fn detached(&self) -> Self {
        Self { u: self.u.clone(), mode: Mode::Fixed }
    }

    /// Moves u, where this is the layer itself.
    pub(super) fn iterate(&self, weight: &Tensor) -> Result<()> {
        if self.mode == Mode::Fixed {
            return Ok(());
        }
        let w = weight.detach().flatten_from(1)?; // [O, n]
        let v = self.right(&w)?;
        self.u.set(&unit(&w.matmul(&v)?)?.flatten_all()?.to_dtype(self.u.dtype())?) // [O]
    }

    /// W / σ, of the shape of W.
    pub(super) fn divided(&self, weight: &Tensor) -> Result<Tensor> {
        let w = weight.flatten_from(1)?; // [O, n]
        let v = self.right(&w.detach())?; // [n, 1]
        let u = self.u.as_detached_tensor().to_dtype(w.dtype())?.reshape((1, ()))?; // [1, O]
        let sigma = unit(&u)?.matmul(&w)?.matmul(&v)?; // [1, 1]
        weight.broadcast_div(&sigma.reshape(vec![1; weight.rank()])?)
    }

    /// v = Wᵀu / ‖Wᵀu‖, `[n, 1]`.
    fn right(&self, w: &Tensor) -> Result<Tensor> {
        let u = self.u.as_detached_tensor().to_dtype(w.dtype())?.reshape(((), 1))?; // [O, 1]
        unit(&w.t()?.matmul(&u)?)
    }
}

/// x / ‖x‖; nothing stays nothing.
fn unit(x: &Tensor) -> Result<Tensor> {
    x.broadcast_div(&(x.sqr()?.sum_all()?.sqrt()? + 1e-12)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::{Activation, Conv2d, Conv2dConfig, Linear, Optimizer, OptimizerConfig, Sequential};
    use candle_core::{DType, Module as _};
    use train::testing::device;

    fn spectral(outputs: usize) -> Spectral {
        Spectral::new(&Params::new(1, device()), "s", outputs).unwrap()
    }

    fn matrix(rows: &[&[f64]]) -> Var {
        let values: Vec<f64> = rows.concat();
        let shape = (rows.len(), rows[0].len());
        Var::from_tensor(&Tensor::from_vec(values, shape, device()).unwrap()).unwrap()
    }

    /// The largest singular value by what was divided.
    fn sigma(spectral: &Spectral, weight: &Tensor) -> f64 {
        let divided = spectral.divided(weight).unwrap();
        let first = |w: &Tensor| w.flatten_all().unwrap().to_vec1::<f64>().unwrap()[0];
        first(weight) / first(&divided)
    }

    /// For two columns a and b the squares of the singular values are the eigenvalues of [[a², ab], [ab, b²]]:
    /// half of a² + b² ± √((a² − b²)² + 4·(ab)²).
    fn largest(columns: [&[f64]; 2]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let [a, b] = columns;
        let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
        (0.5 * (aa + bb + ((aa - bb).powi(2) + 4.0 * ab * ab).sqrt())).sqrt()
    }

    #[test]
    fn iterations_find_the_largest_singular_value() {
        // By hand: [[3, 0], [4, 5]] has √45 and √5.
        assert!((largest([&[3.0, 4.0], &[0.0, 5.0]]) - 45f64.sqrt()).abs() < 1e-12);
        let cases: [(&[&[f64]], f64); 3] = [
            (&[&[3.0, 0.0], &[4.0, 5.0]], 45f64.sqrt()),
            (
                &[&[1.0, -2.0], &[0.5, 1.0], &[2.0, 0.1]],
                largest([&[1.0, 0.5, 2.0], &[-2.0, 1.0, 0.1]]),
            ),
            (
                &[&[0.3, 0.5, 2.0], &[-2.0, 1.0, 0.1]],
                largest([&[0.3, 0.5, 2.0], &[-2.0, 1.0, 0.1]]),
            ),
        ];
        for (rows, expected) in cases {
            let (weight, spectral) = (matrix(rows), spectral(rows.len()));
            let mut last = sigma(&spectral, &weight);
            for _ in 0..60 {
                spectral.iterate(&weight).unwrap();
                // ‖Wᵀu‖ grows to the largest from below.
                let now = sigma(&spectral, &weight);
                assert!(now >= last - 1e-6 && now <= expected + 1e-6, "{last} {now} {expected}");
                last = now;
            }
            assert!((last - expected).abs() < 1e-6, "{last} {expected}");
            let saved = spectral.detached();
            saved.iterate(&matrix(rows)).unwrap();
            assert_eq!(saved.u.to_vec1::<f32>().unwrap(), spectral.u.to_vec1::<f32>().unwrap());
        }
    }

    /// σ = uᵀWv = ‖Wᵀu‖ for the v there is, and the derivative for v is 0: held constant, it changes nothing.
    #[test]
    fn gradients_go_through_sigma() {
        let weight = matrix(&[&[1.0, -2.0], &[0.5, 1.0], &[2.0, 0.1]]);
        let spectral = spectral(3);
        let c = matrix(&[&[0.7, -0.2], &[1.1, 0.4], &[-0.6, 0.9]]);
        let f = || (spectral.divided(&weight)? * c.as_detached_tensor())?.sum_all();
        let worst = gradcheck(std::slice::from_ref(&weight), 1e-5, f).unwrap();
        assert!(worst < 1e-8, "{worst}");
        // Held constant it would be c/σ, which is another gradient.
        let gradients = f().unwrap().backward().unwrap();
        let found = gradients.get(&weight).unwrap().to_vec2::<f64>().unwrap();
        let held = 0.7 / sigma(&spectral, &weight);
        assert!((found[0][0] - held).abs() > 1e-3, "{found:?} {held}");
    }

    #[test]
    fn layers_stretch_nothing_and_iterate_in_training_alone() {
        let params = Params::new(1, device());
        let linear = Linear::new(&params, "l", 4, 3, Activation::Linear).unwrap();
        let config = Conv2dConfig::new(2, 3, 2);
        let conv = Conv2d::new(&params, "c", config, Activation::Linear).unwrap();
        for (name, var) in params.named() {
            let scale = if name.ends_with("bias") { 0.0 } else { 50.0 };
            var.set(&(var.as_detached_tensor() * scale).unwrap()).unwrap();
        }
        let linear = linear.spectral(&params, "l").unwrap();
        let conv = conv.spectral(&params, "c").unwrap();
        let linear = Sequential::new(vec![linear.into()]);
        // One position: the convolution is the matrix.
        let conv = Sequential::new(vec![conv.into()]);
        let x = Tensor::eye(4, DType::F32, device()).unwrap();
        let pixels = Tensor::eye(8, DType::F32, device()).unwrap().reshape((8, 2, 2, 2)).unwrap();
        let us = || {
            let buffers = params.buffers();
            buffers.iter().map(|(_, u)| u.to_vec1::<f32>().unwrap()).collect::<Vec<_>>()
        };
        for (network, x) in [(&linear, &x), (&conv, &pixels)] {
            let before = us();
            network.detached().forward(x).unwrap();
            assert_eq!(us(), before);
            (0..100).for_each(|_| _ = network.forward(x).unwrap());
            assert_ne!(us(), before);
            // Rows of the identity give the matrix, whose largest singular value is to be 1.
            let y = network.forward(x).unwrap().flatten_from(1).unwrap(); // [n, O]
            let mut v = Tensor::ones((y.dim(1).unwrap(), 1), DType::F32, device()).unwrap();
            let square = (y.t().unwrap().matmul(&y)).unwrap();
            let mut stretch = 0.0;
            for _ in 0..200 {
                let next = square.matmul(&v).unwrap();
                stretch = next.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
                v = (next / f64::from(stretch)).unwrap();
            }
            assert!((stretch - 1.0).abs() < 1e-4, "{stretch}");
            let frozen = network.frozen();
            let saved = us();
            let y = frozen.forward(x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(us(), saved);
            let own = network.forward(x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(y.iter().zip(&own).all(|(y, own)| (y - own).abs() < 1e-5));
        }
    }

    #[test]
    fn the_weight_itself_is_learned() {
        let params = Params::new(1, device());
        let layer = Linear::new(&params, "l", 4, 3, Activation::Tanh).unwrap();
        let network = Sequential::new(vec![layer.spectral(&params, "l").unwrap().into()]);
        let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
        let x = Tensor::eye(4, DType::F32, device()).unwrap();
        let before = params.named()[1].1.to_vec2::<f32>().unwrap();
        optimizer.step(&network.forward(&x).unwrap().sum_all().unwrap()).unwrap();
        assert_ne!(params.named()[1].1.to_vec2::<f32>().unwrap(), before);
    }
}
