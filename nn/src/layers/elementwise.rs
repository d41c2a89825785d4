//! Functions of each number on its own, as layers.
use super::Pass;
use crate::Activation;
use crate::ops::{self, Reader, Signal};
use candle_core::Result;

/// y = f(x) for each number, where no layer before it takes f along.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Elementwise {
    /// An activation, as before the first convolution of a residual block.
    Activation(Activation),
    /// SiLU or swish, x·σ(x) (Elfwing et al. 2018, <https://arxiv.org/abs/1702.03118>), whose derivative does not follow
    /// from its result.
    Silu,
}

impl Pass for Elementwise {
    fn pass(&self, x: &Signal, reader: Reader) -> Result<Signal> {
        ops::elementwise(*self, x, reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::onnx::Graph;
    use crate::onnx::testing::{Case, random, same_outputs};
    use crate::{Linear, Params, Sequential, Skip};
    use candle_core::{DType, Module as _, Tensor, Var};
    use train::testing::device;

    const ALL: [Elementwise; 3] = [
        Elementwise::Silu,
        Elementwise::Activation(Activation::Tanh),
        Elementwise::Activation(Activation::LeakyRelu(0.1)),
    ];

    #[test]
    fn numbers_by_hand() {
        let x = Tensor::new(&[-2f32, 0.0, 2.0], device()).unwrap();
        let silu: Vec<f32> = Elementwise::Silu.forward(&x).unwrap().to_vec1().unwrap();
        // σ(2) = 0.880797.
        for (y, expected) in silu.iter().zip([-0.238_405_85, 0.0, 1.761_594_2]) {
            assert!((y - expected).abs() < 1e-6, "{y}, not {expected}");
        }
        let relu = Elementwise::Activation(Activation::Relu).forward(&x).unwrap();
        assert_eq!(relu.to_vec1::<f32>().unwrap(), [0.0, 0.0, 2.0]);
    }

    /// Between dense layers and within a connection past them, by kernels and by Candle's operations.
    #[test]
    fn gradients_within_a_network_which_is_exported_as_it_computes() {
        for f in ALL {
            let params = Params::new(1, device());
            let dense = |name: &str, inputs, outputs| {
                Linear::new(&params, name, inputs, outputs, Activation::Linear).unwrap()
            };
            let network = Sequential::new(vec![
                dense("hidden", 3, 4).into(),
                Skip::new(vec![f.into(), dense("inside", 4, 4).into(), f.into()]).into(),
                f.into(),
                dense("out", 4, 2).into(),
            ]);
            let x = random("x", &[3, 3]).unwrap();
            let vars: Vec<Var> = params.named().into_iter().map(|(_, var)| var).collect();
            let worst = gradcheck(&vars, 1e-2, || network.forward(&x)?.sqr()?.mean_all()).unwrap();
            assert!(worst < 2e-3, "{f:?}: {worst}");
            let mut graph = Graph::default();
            let input = graph.input("x", &[3]);
            let y = network.nodes(&mut graph, input).unwrap();
            graph.output("y", y);
            let outputs = vec![("y", network.forward(&x).unwrap())];
            same_outputs(graph, &[Case { inputs: vec![("x", x.clone())], outputs }]);

            let double = Var::from_tensor(&x.to_dtype(DType::F64).unwrap()).unwrap();
            let loss = || f.forward(&double)?.sqr()?.mean_all();
            let worst = gradcheck(std::slice::from_ref(&double), 1e-5, loss).unwrap();
            assert!(worst < 1e-8, "{f:?}: {worst}");
        }
    }
}
