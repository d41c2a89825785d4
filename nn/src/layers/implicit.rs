//! Quantiles as a function of their fraction (Dabney et al. 2018, "Implicit quantile networks for distributional
//! reinforcement learning", <https://arxiv.org/abs/1806.06923>).
use super::pass::{Pass, streamed};
use super::{Layer, Linear};
use crate::ops::{Reader, Signal};
use crate::{Activation, Params};
use candle_core::{Result, Tensor, Var, bail};
use rand::Rng as _;
use std::f64::consts::PI;
use train::Rng;

/// Z_τ = f(ψ ⊙ φ(τ)) for features ψ `[B, F]`, layers f from `[·, F]` to `[·, A]`, and an embedding of each of K fractions τ,
/// φ(τ) = relu(W·(cos πiτ)ᵢ + b) with i from 0 (equation 4): takes `[B, F]` to `[B, A·K]`.
///
/// Parameters: `<name>.weight` `[F, cosines]`, `<name>.bias` `[F]`. The fractions of the first row are those last
/// [drawn](crate::Sequential::draw_noise) from U[0, 1), each following row has them shifted by the golden ratio modulo 1: uniform
/// too, and spread over all rows. They are no state; before the first draw, and of all rows where the layer is frozen or
/// exported, they are the midpoints (k + ½)/K.
#[derive(Debug, Clone)]
pub struct ImplicitQuantiles {
    embedding: Linear,
    pub(super) layers: Vec<Layer>,
    /// π·i, `[1, cosines]`.
    frequencies: Tensor,
    /// Fractions that were drawn last, `[K]`.
    drawn: Var,
    /// `[1, K]`.
    midpoints: Tensor,
    /// Computes with the midpoints.
    is_frozen: bool,
}

/// The golden ratio, 1.618…, modulo 1.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

impl ImplicitQuantiles {
    /// A layer with a new embedding in `params`, for F `features` and K `fractions`; `layers` are f, and may not be empty.
    pub fn new(
        params: &Params,
        name: &str,
        [cosines, features]: [usize; 2],
        fractions: usize,
        layers: Vec<Layer>,
    ) -> Result<Self> {
        let device = params.device();
        let frequencies: Vec<f32> = (0..cosines).map(|i| (PI * i as f64) as f32).collect();
        let midpoint = |k| (k as f32 + 0.5) / fractions as f32;
        let midpoints: Vec<f32> = (0..fractions).map(midpoint).collect();
        let midpoints = Tensor::from_vec(midpoints, fractions, device)?;
        let drawn = Var::from_tensor(&midpoints.copy()?)?;
        Ok(Self {
            embedding: Linear::new(params, name, cosines, features, Activation::Relu)?,
            layers,
            frequencies: Tensor::from_vec(frequencies, (1, cosines), device)?,
            drawn,
            midpoints: midpoints.unsqueeze(0)?,
            is_frozen: false,
        })
    }

    /// This layer as a fixed function, at the same fractions.
    pub(super) fn detached(&self) -> Self {
        let layers = self.layers.iter().map(Layer::detached).collect();
        Self { embedding: self.embedding.detached(), layers, ..self.clone() }
    }

    /// This layer as it is evaluated, at the midpoints.
    pub(super) fn frozen(&self) -> Self {
        let layers = self.layers.iter().map(Layer::frozen).collect();
        Self { embedding: self.embedding.detached(), layers, is_frozen: true, ..self.clone() }
    }

    /// τ of each of so many rows, `[rows, K]`: of row r the drawn ones plus r times the golden ratio, modulo 1. Frozen the
    /// same ones for all, `[1, K]`.
    pub(crate) fn fractions(&self, rows: usize) -> Result<Tensor> {
        if self.is_frozen {
            return Ok(self.midpoints.clone());
        }
        let shifts: Vec<f32> = (0..rows).map(|row| (row as f64 * GOLDEN).fract() as f32).collect();
        let shifts = Tensor::from_vec(shifts, (rows, 1), self.drawn.device())?;
        let sums = self.drawn.as_tensor().detach().unsqueeze(0)?.broadcast_add(&shifts)?; // [rows, K]
        &sums - sums.floor()?
    }

    /// New fractions, for this layer and those that share its parameters, and new noise within it.
    pub(super) fn draw(&self, rng: &mut Rng) -> Result<()> {
        let drawn: Vec<f32> = (0..self.drawn.elem_count()).map(|_| rng.random()).collect();
        self.drawn.set(&Tensor::from_vec(drawn, self.drawn.shape(), self.drawn.device())?)?;
        self.layers.iter().try_for_each(|layer| layer.draw_noise(rng))
    }

    /// φ at each of these fractions `[R, K]`, `[R·K, F]`.
    fn embedded(&self, fractions: &Tensor) -> Result<Tensor> {
        let fractions = fractions.reshape(((), 1))?;
        let cosines = fractions.broadcast_mul(&self.frequencies)?.cos()?; // [R·K, cosines]
        self.embedding.pass(&Signal::from(&cosines), Reader::Anybody)?.into_tensor()
    }

    /// φ at the midpoints, `[K, F]`.
    pub(super) fn evaluated(&self) -> Result<Tensor> {
        self.embedded(&self.midpoints)
    }
}

impl Pass for ImplicitQuantiles {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        let x = x.clone().into_tensor()?; // [B, F]
        let ((batch, features), k) = (x.dims2()?, self.drawn.elem_count());
        let phi = self.embedded(&self.fractions(batch)?)?; // [B·K, F], or [K, F]
        if phi.dim(1)? != features {
            bail!("an embedding of {:?} does not fit features of {:?}", phi.dims(), x.dims())
        }
        let phi = phi.reshape(((), k, features))?;
        let rows = x.unsqueeze(1)?.broadcast_mul(&phi)?; // [B, K, F]
        let rows = rows.reshape((batch * k, features))?;
        let z = streamed(&self.layers, &Signal::from(&rows))?; // [B·K, A]
        let actions = z.dim(1)?;
        let z = z.reshape((batch, k, actions))?.transpose(1, 2)?.contiguous()?; // [B, A, K]
        Ok(Signal::from(&z.reshape((batch, actions * k))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sequential;
    use crate::gradcheck::gradcheck;
    use crate::onnx::Graph;
    use crate::onnx::testing::{Case, random, randomise, same_outputs};
    use candle_core::Module as _;
    use train::stream;
    use train::testing::device;

    fn rows(y: &Tensor) -> Vec<Vec<f32>> {
        y.to_vec2().unwrap()
    }

    fn layer(params: &Params, cosines: usize, k: usize, actions: usize) -> ImplicitQuantiles {
        let out = Linear::new(params, "out", 2, actions, Activation::Linear).unwrap();
        ImplicitQuantiles::new(params, "embedding", [cosines, 2], k, vec![out.into()]).unwrap()
    }

    /// Cosines 1, cos πτ and cos 2πτ at τ = ¼ are 1, √½ and 0, at τ = ¾ they are 1, −√½ and 0.
    #[test]
    fn by_hand() {
        let params = Params::new(1, device());
        let layer = layer(&params, 3, 2, 2);
        for (name, var) in params.named() {
            let values: &[f32] = match name.as_str() {
                "embedding.weight" => &[1.0, 2.0, 4.0, 0.0, 8.0, 0.0],
                "embedding.bias" => &[0.5, 1.0],
                "out.weight" => &[1.0, 0.0, 10.0, 1.0],
                _ => &[0.0, 0.25],
            };
            var.set(&Tensor::from_slice(values, var.shape(), device()).unwrap()).unwrap();
        }
        let root = 0.5f32.sqrt();
        // φ: 1½ + 2·√½ and 1 + 8·√½ at ¼; 1½ − 2·√½ and relu(1 − 8·√½) at ¾.
        let [first, second, third] = [1.5 + 2.0 * root, 1.0 + 8.0 * root, 1.5 - 2.0 * root];
        near(&rows(&layer.evaluated().unwrap()).concat(), &[first, second, third, 0.0]);
        // ψ = (2, 3) and (−1, 1). Quantiles of an action are side by side.
        let x = Tensor::new(&[[2f32, 3.0], [-1.0, 1.0]], device()).unwrap();
        let y = rows(&layer.frozen().forward(&x).unwrap());
        let of = |x: [f32; 2]| {
            let [low, high] = [x[0] * first, x[0] * third];
            [low, high, 10.0 * low + x[1] * second + 0.25, 10.0 * high + 0.25]
        };
        near(&y[0], &of([2.0, 3.0]));
        near(&y[1], &of([-1.0, 1.0]));
    }

    fn near(a: &[f32], b: &[f32]) {
        let close = a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close && a.len() == b.len(), "{a:?}, not {b:?}");
    }

    #[test]
    fn every_row_has_fractions_of_its_own() {
        let params = Params::new(1, device());
        let layer = layer(&params, 4, 2, 3);
        let set = |fractions: &[f32]| {
            layer.drawn.set(&Tensor::from_slice(fractions, 2, device()).unwrap()).unwrap();
        };
        set(&[0.25, 0.9]);
        let fractions = rows(&layer.fractions(3).unwrap());
        near(&fractions.concat(), &[0.25, 0.9, 0.868_034, 0.518_034, 0.486_068, 0.136_068]);
        let x = random("x", &[3, 2]).unwrap();
        let together = rows(&layer.forward(&x).unwrap());
        for (row, fractions) in fractions.iter().enumerate() {
            set(fractions);
            let alone = layer.forward(&x.narrow(0, row, 1).unwrap()).unwrap();
            near(&rows(&alone).concat(), &together[row]);
        }
    }

    #[test]
    fn fractions_are_drawn_for_all_that_share_them_and_evaluations_have_midpoints() {
        let params = Params::new(1, device());
        let online = Sequential::new(vec![layer(&params, 8, 4, 3).into()]);
        let (fixed, frozen) = (online.detached(), online.frozen());
        let x = random("x", &[2, 2]).unwrap();
        let of = |network: &Sequential| rows(&network.fractions(1).unwrap().unwrap()).concat();
        assert_eq!(of(&online), [0.125, 0.375, 0.625, 0.875]);
        let evaluated = rows(&frozen.forward(&x).unwrap());
        assert_eq!(rows(&online.forward(&x).unwrap())[0], evaluated[0]);
        let mut rng = stream(1, "noise");
        online.draw_noise(&mut rng).unwrap();
        let first = of(&online);
        assert!(first.iter().all(|tau| (0.0..1.0).contains(tau)), "{first:?}");
        assert_eq!(of(&fixed), first);
        assert_ne!(rows(&online.forward(&x).unwrap()), evaluated);
        assert_eq!(rows(&online.forward(&x).unwrap()), rows(&fixed.forward(&x).unwrap()));
        assert_eq!(rows(&frozen.forward(&x).unwrap()), evaluated);
        online.draw_noise(&mut rng).unwrap();
        assert_ne!(of(&online), first);
        // Uniform: a mean of ½, with a deviation of 0.002 over 20,000 numbers.
        let many = (0..5_000).flat_map(|_| {
            online.draw_noise(&mut rng).unwrap();
            of(&online)
        });
        let mean = many.map(f64::from).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn gradients_of_the_embedding_the_layers_and_the_input() {
        let params = Params::new(1, device());
        let hidden = Linear::new(&params, "hidden", 3, 2, Activation::Tanh).unwrap();
        let network = Sequential::new(vec![hidden.into(), layer(&params, 4, 5, 2).into()]);
        randomise(&params).unwrap();
        network.draw_noise(&mut stream(1, "noise")).unwrap();
        let x = random("x", &[2, 3]).unwrap();
        let vars: Vec<Var> = params.named().into_iter().map(|(_, var)| var).collect();
        assert_eq!(vars.len(), 6);
        let worst = gradcheck(&vars, 1e-2, || network.forward(&x)?.sqr()?.mean_all()).unwrap();
        assert!(worst < 2e-3, "{worst}");
        let loss = network.detached().forward(&x).unwrap();
        assert!(!loss.track_op(), "a fixed function takes no gradient");
    }

    #[test]
    fn exported_as_it_is_evaluated() {
        let params = Params::new(1, device());
        let hidden = Linear::new(&params, "hidden", 3, 2, Activation::Tanh).unwrap();
        let network = Sequential::new(vec![hidden.into(), layer(&params, 4, 5, 3).into()]);
        randomise(&params).unwrap();
        network.draw_noise(&mut stream(1, "noise")).unwrap();
        let mut graph = Graph::default();
        let x = graph.input("x", &[3]);
        let y = network.nodes(&mut graph, x).unwrap();
        assert_eq!(y.dims(), [15]);
        graph.output("y", y);
        let x = random("x", &[2, 3]).unwrap();
        let outputs = vec![("y", network.frozen().forward(&x).unwrap())];
        same_outputs(graph, &[Case { inputs: vec![("x", x)], outputs }]);
    }
}
