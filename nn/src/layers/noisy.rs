//! Dense layers with noise that is learned (Fortunato et al. 2018, "Noisy networks for exploration",
//! <https://arxiv.org/abs/1706.10295>, factorised Gaussian noise).
use super::Linear;
use super::pass::Pass;
use crate::ops::{self, Reader, Signal};
use crate::{Activation, Init, Params};
use candle_core::{Result, Tensor, Var};
use rand_distr::{Distribution as _, StandardNormal};
use train::Rng;

/// y = activation(x·Wᵀ + b) with W = μ + σ ⊙ f(ε_out)·f(ε_in)ᵀ and b = μ' + σ' ⊙ f(ε_out), where f(ε) = sgn(ε)·√|ε|
/// and ε are standard normal, one number for each input and output (equations 10 and 11).
///
/// Parameters: μ, `<name>.weight` `[outputs, inputs]` and `<name>.bias` `[outputs]`, U(±1/√inputs) at first; σ,
/// `<name>.weight_sigma` and `<name>.bias_sigma`, σ₀/√inputs at first. The noise is the layer's until it is
/// [drawn again](crate::Sequential::draw_noise); it is no state, and 0 before the first draw. Frozen and exported the layer has none.
#[derive(Debug, Clone)]
pub struct Noisy {
    pub(super) mean: Linear,
    sigma: [Tensor; 2],
    /// f(ε) of inputs and outputs.
    noise: [Var; 2],
}

impl Noisy {
    /// A layer with new parameters in `params`; `[inputs, outputs]` are its sizes, `sigma` is σ₀.
    pub fn new(
        params: &Params,
        name: &str,
        [inputs, outputs]: [usize; 2],
        activation: Activation,
        sigma: f64,
    ) -> Result<Self> {
        let init = Init::Constant(sigma / (inputs as f64).sqrt());
        let device = params.device();
        let zeros = |n: usize| Var::zeros(n, candle_core::DType::F32, device);
        Ok(Self {
            mean: Linear::new(params, name, inputs, outputs, activation)?,
            sigma: [
                params.var(&format!("{name}.weight_sigma"), (outputs, inputs), init)?,
                params.var(&format!("{name}.bias_sigma"), outputs, init)?,
            ],
            noise: [zeros(inputs)?, zeros(outputs)?],
        })
    }

    /// This layer as a fixed function, with the same noise.
    pub fn detached(&self) -> Self {
        let sigma = self.sigma.each_ref().map(Tensor::detach);
        Self { mean: self.mean.detached(), sigma, noise: self.noise.clone() }
    }

    /// New noise, for this layer and those that share its parameters.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Result<()> {
        for noise in &self.noise {
            let normal = (0..noise.elem_count()).map(|_| StandardNormal.sample(&mut *rng));
            let spread = normal.map(|e: f32| e.signum() * e.abs().sqrt());
            let values: Vec<f32> = spread.collect();
            noise.set(&Tensor::from_vec(values, noise.shape(), noise.device())?)?;
        }
        Ok(())
    }
}

impl Pass for Noisy {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        let [weight_sigma, bias_sigma] = &self.sigma;
        let [inputs, outputs] = self.noise.each_ref().map(|noise| noise.as_tensor().detach());
        let outer = outputs.unsqueeze(1)?.broadcast_mul(&inputs.unsqueeze(0)?)?; // [outputs, inputs]
        let weight = (&self.mean.weight + (weight_sigma * outer)?)?;
        let bias = (&self.mean.bias + (bias_sigma * outputs)?)?;
        ops::linear(x, &weight, &bias, self.mean.activation, reader) // [B, outputs]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::{Layer, Sequential};
    use candle_core::Module as _;
    use train::stream;
    use train::testing::device;

    fn layer(params: &Params) -> Noisy {
        Noisy::new(params, "out", [4, 2], Activation::Linear, 0.5).unwrap()
    }

    #[test]
    fn weights_by_hand() {
        let params = Params::new(1, device());
        let layer = layer(&params);
        let set = |var: &Var, values: &[f32]| {
            var.set(&Tensor::from_slice(values, var.shape(), device()).unwrap()).unwrap();
        };
        for (name, var) in params.named() {
            let value = match name.as_str() {
                "out.weight" => 1.0,
                "out.bias" => 10.0,
                // σ₀/√4 is a quarter.
                _ => {
                    let sigma = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    assert!(sigma.iter().all(|sigma| *sigma == 0.25), "{name}: {sigma:?}");
                    continue;
                }
            };
            set(&var, &vec![value; var.elem_count()]);
        }
        set(&layer.noise[0], &[1.0, -1.0, 0.0, 2.0]);
        set(&layer.noise[1], &[4.0, 0.0]);
        let x = Tensor::new(&[[1f32, 2.0, 3.0, 4.0]], device()).unwrap();
        // Σx = 10 and Σx·f(ε_in) = 1 − 2 + 8 = 7: 10 + ¼·4·7 + 10 + ¼·4, and 10 + 10 without noise.
        assert_eq!(layer.forward(&x).unwrap().to_vec2::<f32>().unwrap(), [[28.0, 20.0]]);
        let network = Sequential::new(vec![layer.into()]);
        assert_eq!(
            network.detached().forward(&x).unwrap().to_vec2::<f32>().unwrap(),
            [[28.0, 20.0]]
        );
        assert_eq!(network.frozen().forward(&x).unwrap().to_vec2::<f32>().unwrap(), [[20.0, 20.0]]);
    }

    #[test]
    fn noise_is_drawn_with_its_variance_for_all_that_share_it() {
        let params = Params::new(1, device());
        let wide = Noisy::new(&params, "wide", [20_000, 1], Activation::Linear, 0.5).unwrap();
        let network = Sequential::new(vec![Layer::from(wide.clone())]);
        network.draw_noise(&mut stream(1, "test")).unwrap();
        let noise: Vec<f32> = wide.noise[0].to_vec1().unwrap();
        let mean = |f: fn(f32) -> f32| noise.iter().map(|&e| f(e)).sum::<f32>() / 20_000.0;
        // f(ε)² = |ε|, whose mean is √(2/π).
        assert!(mean(|e| e).abs() < 0.03, "{}", mean(|e| e));
        assert!((mean(|e| e * e) - (2.0 / std::f32::consts::PI).sqrt()).abs() < 0.03);
    }

    #[test]
    fn gradients_of_means_and_sigmas() {
        let params = Params::new(1, device());
        let layer = layer(&params);
        layer.draw(&mut stream(1, "test")).unwrap();
        let x = Tensor::new(&[[1f32, -0.5, 0.25, 2.0], [0.5, 1.0, -1.0, 0.0]], device()).unwrap();
        let vars: Vec<Var> = params.named().into_iter().map(|(_, var)| var).collect();
        assert_eq!(vars.len(), 4);
        let worst = gradcheck(&vars, 1e-2, || layer.forward(&x)?.sqr()?.mean_all()).unwrap();
        assert!(worst < 1e-3, "{worst}");
        let loss = layer.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(loss.get(&layer.noise[0]).is_none(), "noise takes no gradient");
    }
}
