//! Two streams that are added up to values of actions (Wang et al. 2016, "Dueling network architectures for deep
//! reinforcement learning", <https://arxiv.org/abs/1511.06581>).
use super::Layer;
use super::pass::{Pass, streamed};
use crate::ops::{Reader, Signal};
use candle_core::{Result, bail};

/// q = v + a − mean_a a (equation 9), for a stream of layers to v `[B, K]` and one to a `[B, A·K]`: takes features
/// `[B, …]` to `[B, A·K]`. K is 1, or the numbers of a distribution for each of A actions.
#[derive(Debug, Clone)]
pub struct Dueling {
    pub(super) value: Vec<Layer>,
    pub(super) advantage: Vec<Layer>,
    /// A.
    pub(super) actions: usize,
}

impl Dueling {
    /// Streams of layers, the first one first; neither may be empty.
    pub fn new(value: Vec<Layer>, advantage: Vec<Layer>, actions: usize) -> Self {
        Self { value, advantage, actions }
    }

    pub(super) fn map(&self, f: impl Fn(&Layer) -> Layer) -> Self {
        let [value, advantage] =
            [&self.value, &self.advantage].map(|stream| stream.iter().map(&f).collect());
        Self { value, advantage, ..*self }
    }

    pub(super) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.value.iter().chain(&self.advantage)
    }
}

impl Pass for Dueling {
    fn pass(&self, x: &Signal, _: Reader) -> Result<Signal> {
        let value = streamed(&self.value, x)?; // [B, K]
        let advantage = streamed(&self.advantage, x)?; // [B, A·K]
        let ((batch, k), width) = (value.dims2()?, advantage.dim(1)?);
        if width != self.actions * k {
            bail!(
                "advantages of {width} numbers and a value of {k} do not fit {} actions",
                self.actions
            )
        }
        let advantage = advantage.reshape((batch, self.actions, k))?; // [B, A, K]
        let centred = advantage.broadcast_sub(&advantage.mean_keepdim(1)?)?;
        let q = centred.broadcast_add(&value.unsqueeze(1)?)?; // [B, A, K]
        Ok(Signal::from(&q.reshape((batch, width))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::onnx::Graph;
    use crate::onnx::testing::{Case, random, same_outputs};
    use crate::{Activation, Linear, Params, Sequential};
    use candle_core::{Module as _, Tensor, Var};
    use train::testing::device;

    fn network(params: &Params, k: usize) -> Sequential {
        let dense = |name: &str, inputs, outputs, activation| {
            Layer::from(Linear::new(params, name, inputs, outputs, activation).unwrap())
        };
        let stream = |name: &str, outputs| {
            let hidden = dense(&format!("{name}.hidden"), 5, 4, Activation::Tanh);
            vec![hidden, dense(&format!("{name}.out"), 4, outputs, Activation::Linear)]
        };
        let dueling = Dueling::new(stream("value", k), stream("advantage", 3 * k), 3);
        Sequential::new(vec![dense("hidden", 2, 5, Activation::Tanh), dueling.into()])
    }

    #[test]
    fn by_hand() {
        let params = Params::new(1, device());
        let dense = |name: &str, outputs| {
            vec![Linear::new(&params, name, 1, outputs, Activation::Linear).unwrap().into()]
        };
        let dueling = Dueling::new(dense("value", 2), dense("advantage", 4), 2);
        for (name, var) in params.named() {
            let values: &[f32] = match name.as_str() {
                "value.bias" => &[10.0, 20.0],
                "advantage.bias" => &[1.0, 2.0, 5.0, 8.0],
                _ => &[0.0; 4][..var.elem_count()],
            };
            var.set(&Tensor::from_slice(values, var.shape(), device()).unwrap()).unwrap();
        }
        let q = dueling.forward(&Tensor::new(&[[1f32]], device()).unwrap()).unwrap();
        // The means over the two actions are 3 and 5.
        assert_eq!(q.to_vec2::<f32>().unwrap(), [[8.0, 17.0, 12.0, 23.0]]);
    }

    #[test]
    fn gradients_of_both_streams_and_their_input() {
        let params = Params::new(1, device());
        let network = network(&params, 2);
        let x = Tensor::new(&[[0.5f32, -1.0], [2.0, 0.25]], device()).unwrap();
        let vars: Vec<Var> = params.named().into_iter().map(|(_, var)| var).collect();
        let worst = gradcheck(&vars, 1e-2, || network.forward(&x)?.sqr()?.mean_all()).unwrap();
        assert!(worst < 2e-3, "{worst}");
    }

    #[test]
    fn exported_as_it_computes() {
        let network = network(&Params::new(1, device()), 2);
        let mut graph = Graph::default();
        let x = graph.input("x", &[2]);
        let y = network.nodes(&mut graph, x).unwrap();
        graph.output("y", y);
        let x = random("x", &[3, 2]).unwrap();
        let outputs = vec![("y", network.forward(&x).unwrap())];
        same_outputs(graph, &[Case { inputs: vec![("x", x)], outputs }]);
    }
}
