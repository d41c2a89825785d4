//! Layer normalisation (Ba et al. 2016, "Layer normalization", <https://arxiv.org/abs/1607.06450>).
use super::pass::Pass;
use crate::ops::{Reader, Signal};
use crate::{Activation, Init, Params};
use candle_core::{Result, Tensor};

/// Added to the variance, as in PyTorch.
pub(super) const EPS: f64 = 1e-5;

/// y = activation((x − mean)/√(variance + 10⁻⁵)·weight + bias), by the mean and variance of the features of each row
/// `[B, F]`.
///
/// Parameters `<name>.weight`, 1 at first, and `<name>.bias`, 0 at first, of shape `[F]`.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
    pub(super) activation: Activation,
}

impl LayerNorm {
    /// A layer with new parameters in `params`, for rows of `features` numbers.
    pub fn new(
        params: &Params,
        name: &str,
        features: usize,
        activation: Activation,
    ) -> Result<Self> {
        let var = |part: &str, value| {
            params.var(&format!("{name}.{part}"), features, Init::Constant(value))
        };
        Ok(Self { weight: var("weight", 1.0)?, bias: var("bias", 0.0)?, activation })
    }

    /// This layer as a fixed function: it shares the parameters' storage and takes no gradient of them.
    pub fn detached(&self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..*self }
    }
}

impl Pass for LayerNorm {
    /// Of Candle's operations, which read tensors and are read by any.
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        let x = x.clone().into_tensor()?;
        let x = x.broadcast_sub(&x.mean_keepdim(1)?)?;
        let deviation = (x.sqr()?.mean_keepdim(1)? + EPS)?.sqrt()?; // [B, 1]
        let y = x.broadcast_div(&deviation)?;
        let y = y.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)?;
        Ok(Signal::from(&self.activation.apply(&y)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::onnx::Graph;
    use crate::onnx::testing::{Case, random, same_outputs};
    use crate::{Linear, Sequential};
    use candle_core::{Module as _, Var};
    use train::testing::device;

    #[test]
    fn rows_by_hand() {
        let params = Params::new(1, device());
        let layer = LayerNorm::new(&params, "norm", 2, Activation::Relu).unwrap();
        let bias = &params.named()[0].1;
        bias.set(&Tensor::new(&[0.5f32, 0.5], device()).unwrap()).unwrap();
        let x = Tensor::new(&[[1f32, 5.0], [-7.0, -9.0]], device()).unwrap();
        let y = layer.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        // Both are one deviation from their mean; half is added, and what is below 0 cut off.
        for (y, expected) in y.iter().flatten().zip([0.0, 1.5, 1.5, 0.0]) {
            assert!((y - expected).abs() < 1e-4, "{y}, not {expected}");
        }
    }

    #[test]
    fn gradients_within_a_network_which_is_exported_as_it_computes() {
        let params = Params::new(1, device());
        let dense = |name: &str, inputs, outputs| {
            Linear::new(&params, name, inputs, outputs, Activation::Linear).unwrap()
        };
        let network = Sequential::new(vec![
            dense("hidden", 3, 4).into(),
            LayerNorm::new(&params, "norm", 4, Activation::Tanh).unwrap().into(),
            dense("out", 4, 2).into(),
        ]);
        let x = random("x", &[3, 3]).unwrap();
        let vars: Vec<Var> = params.named().into_iter().map(|(_, var)| var).collect();
        let worst = gradcheck(&vars, 1e-2, || network.forward(&x)?.sqr()?.mean_all()).unwrap();
        assert!(worst < 2e-3, "{worst}");
        let mut graph = Graph::default();
        let input = graph.input("x", &[3]);
        let y = network.nodes(&mut graph, input).unwrap();
        graph.output("y", y);
        let outputs = vec![("y", network.forward(&x).unwrap())];
        same_outputs(graph, &[Case { inputs: vec![("x", x)], outputs }]);
    }
}
