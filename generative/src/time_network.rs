//! Networks that are given a time and a label beside a sample.
//!
//! Letters: `F` features of a time, `L` labels.
use crate::form::Form;
use candle_core::{Device, Module as _, Result, Tensor};
use nn::onnx::{Graph, Value};
use nn::{Activation, ActivationName, Layer, Linear, Params, Sequential};
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_PI_2, PI};

/// Features of a time t from 0 to 1: cos ωt and sin ωt of some frequencies ω.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeEmbedding {
    /// ω = 1000·10000^(−k/K), as of positions up to 1000 (Vaswani et al. 2017, "Attention is all you need"; Ho et al. 2020).
    Sinusoidal,
    /// ω = π, 2π, … K·π: a Fourier series.
    Fourier,
}

/// The features of times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Features {
    /// ω, `[F/2]`.
    frequencies: Vec<f32>,
}

impl Features {
    /// Of so many frequencies.
    pub(crate) fn new(embedding: TimeEmbedding, n: usize) -> Self {
        let frequency = |k: usize| match embedding {
            TimeEmbedding::Sinusoidal => 1000.0 * 10_000f64.powf(-(k as f64) / n as f64),
            TimeEmbedding::Fourier => PI * (k + 1) as f64,
        };
        Self { frequencies: (0..n).map(|k| frequency(k) as f32).collect() }
    }

    /// F.
    pub(crate) fn len(&self) -> usize {
        2 * self.frequencies.len()
    }

    /// Those of `t`, cosines and then sines, into `to` `[F]`.
    pub(crate) fn fill(&self, t: f32, to: &mut [f32]) {
        let (cosines, sines) = to.split_at_mut(self.frequencies.len());
        for ((cos, sin), frequency) in cosines.iter_mut().zip(sines).zip(&self.frequencies) {
            (*sin, *cos) = (frequency * t).sin_cos();
        }
    }

    /// Those of one time for `n` samples, `[n, F]`.
    pub(crate) fn of(&self, t: f64, n: usize, device: &Device) -> Result<Tensor> {
        let mut features = vec![0.0; self.len()];
        self.fill(t as f32, &mut features);
        Tensor::from_vec(features, (1, self.len()), device)?.broadcast_as((n, self.len()))
    }

    /// Those of a time for each sample, `[n, F]`.
    pub(crate) fn of_each(&self, times: &[f32], device: &Device) -> Result<Tensor> {
        let mut all = vec![0.0; times.len() * self.len()];
        all.chunks_exact_mut(self.len()).zip(times).for_each(|(to, t)| self.fill(*t, to));
        Tensor::from_vec(all, (times.len(), self.len()), device)
    }

    /// Those of times `[B, 1]`, `[B, F]`.
    fn nodes(&self, graph: &mut Graph, t: &Value) -> anyhow::Result<Value> {
        let all = [&self.frequencies[..], &self.frequencies].concat();
        let row = Tensor::from_vec(all, (1, self.len()), &Device::Cpu)?;
        let phase = graph.product(t, &row)?;
        // sin φ = cos(φ − π/2).
        let shift: Vec<f64> =
            (0..self.len()).map(|i| if 2 * i < self.len() { 0.0 } else { FRAC_PI_2 }).collect();
        let phase = graph.normalised(&phase, &shift, &vec![1.0; self.len()])?;
        Ok(graph.cosine(&phase))
    }
}

/// Sizes of a network of dense layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseSizes {
    /// Units in each hidden layer.
    pub(crate) hidden: usize,
    /// Hidden layers.
    pub(crate) layers: usize,
    /// Activation of the hidden layers.
    pub(crate) activation: ActivationName,
    pub(crate) embedding: TimeEmbedding,
    /// Frequencies of the embedding.
    pub(crate) frequencies: usize,
    /// Labels that it is conditioned on, L.
    pub(crate) labels: usize,
}

/// f(x, t, y) of the form of x: dense layers of x, the features of t and the one-hot label y, which is 0 for no label.
#[derive(Debug, Clone)]
pub(crate) struct TimeNetwork {
    network: Sequential,
    pub(crate) features: Features,
    labels: usize,
}

impl TimeNetwork {
    /// With new parameters in `params`.
    pub(crate) fn new(params: &Params, form: Form, sizes: DenseSizes) -> Result<Self> {
        let DenseSizes { hidden, layers, activation, embedding, frequencies, labels } = sizes;
        let features = Features::new(embedding, frequencies);
        let mut width = form.len() + features.len() + labels;
        let mut all: Vec<Layer> = Vec::new();
        let (along, after) = activation.parts();
        for i in 1..=layers {
            all.push(Linear::new(params, &format!("hidden{i:02}"), width, hidden, along)?.into());
            all.extend(after.map(Layer::from)); // [B, hidden]
            width = hidden;
        }
        all.push(Linear::new(params, "out", width, form.len(), Activation::Linear)?.into()); // [B, D]
        Ok(Self { network: Sequential::new(all), features, labels })
    }

    /// This network as a fixed function: a gradient passes through it to x alone.
    pub(crate) fn detached(&self) -> Self {
        Self { network: self.network.detached(), ..self.clone() }
    }

    /// f for x `[B, D]`, features `[B, F]` and labels `[B, L]`, no label where there is none: `[B, D]`.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        features: &Tensor,
        label: Option<&Tensor>,
    ) -> Result<Tensor> {
        let mut inputs = vec![x.clone(), features.clone()];
        match label {
            Some(label) => inputs.push(label.clone()),
            None if self.labels > 0 => {
                inputs.push(Tensor::zeros((x.dim(0)?, self.labels), x.dtype(), x.device())?);
            }
            None => {}
        }
        self.network.forward(&Tensor::cat(&inputs, 1)?)
    }

    /// The network as a graph, for x `[B, D]`, times `[B, 1]` and labels `[B, L]`.
    pub(crate) fn nodes(
        &self,
        graph: &mut Graph,
        x: &Value,
        t: &Value,
        label: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let features = self.features.nodes(graph, t)?;
        let mut inputs = graph.joined(x, &features);
        if let Some(label) = label {
            inputs = graph.joined(&inputs, label);
        }
        Ok(self.network.nodes(graph, inputs)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::testing::device;

    fn sizes(labels: usize) -> DenseSizes {
        let (hidden, layers, frequencies) = (8, 2, 3);
        let (activation, embedding) = (ActivationName::Silu, TimeEmbedding::Fourier);
        DenseSizes { hidden, layers, activation, embedding, frequencies, labels }
    }

    #[test]
    fn features_by_hand() {
        let fourier = Features::new(TimeEmbedding::Fourier, 2);
        let mut found = [0.0; 4];
        // cos π/2, cos π, sin π/2, sin π.
        fourier.fill(0.5, &mut found);
        for (found, expected) in found.iter().zip([0.0, -1.0, 1.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // ω = 1000 and 1000/√10000 = 10.
        let sinusoidal = Features::new(TimeEmbedding::Sinusoidal, 2);
        sinusoidal.fill(0.1, &mut found);
        let expected = [100f32.cos(), 1f32.cos(), 100f32.sin(), 1f32.sin()];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        let of = sinusoidal.of(0.1, 3, device()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(of, vec![found.to_vec(); 3]);
        let each = sinusoidal.of_each(&[0.1, 0.0], device()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(each, [found.to_vec(), vec![1.0, 1.0, 0.0, 0.0]]);
    }

    #[test]
    fn sizes_by_hand() {
        let params = Params::new(1, device());
        TimeNetwork::new(&params, Form::Point, sizes(4)).unwrap();
        // 2 + 6 + 4 inputs.
        assert_eq!(params.count(), 12 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2);
    }

    /// Each of x, t and y changes the output, and no label is the label of zeros.
    #[test]
    fn everything_is_seen() {
        let params = Params::new(1, device());
        let network = TimeNetwork::new(&params, Form::Point, sizes(2)).unwrap();
        let run = |x: [f32; 2], t: f64, label: Option<[f32; 2]>| -> Vec<f32> {
            let x = Tensor::new(&[x], device()).unwrap();
            let label = label.map(|label| Tensor::new(&[label], device()).unwrap());
            let features = network.features.of(t, 1, device()).unwrap();
            let y = network.forward(&x, &features, label.as_ref()).unwrap();
            y.flatten_all().unwrap().to_vec1().unwrap()
        };
        let all = [
            run([0.5, 1.0], 0.25, None),
            run([0.5, 1.1], 0.25, None),
            run([0.5, 1.0], 0.3, None),
            run([0.5, 1.0], 0.25, Some([1.0, 0.0])),
            run([0.5, 1.0], 0.25, Some([0.0, 1.0])),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other != one), "{i}");
        }
        assert_eq!(all[0], run([0.5, 1.0], 0.25, Some([0.0, 0.0])));
    }
}
