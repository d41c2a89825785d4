//! Layers as nodes of an ONNX graph, in evaluation: normalisation by running statistics, weights with their masks
//! and divided by their singular value.
use super::layer_norm::EPS as LAYER_EPS;
use super::{
    BatchNorm2d, Conv2d, ConvTranspose2d, Dueling, Elementwise, Flatten, ImplicitQuantiles, Layer,
    LayerNorm, Linear, MaxPool2d, Residual, Skip, Unflatten,
};
use crate::Activation;
use crate::onnx::{Attribute, Graph, Value};
use crate::ops::{EPS, Order, Pool, Window, first_taps};
use candle_core::{Result, Tensor, bail};

impl Layer {
    /// Adds the layer to `graph`, for x `[B, …]`.
    pub(crate) fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            Layer::Linear(layer) => layer.nodes(graph, x),
            Layer::Conv2d(layer) => layer.nodes(graph, x),
            Layer::ConvTranspose2d(layer) => layer.nodes(graph, x),
            Layer::BatchNorm2d(layer) => layer.nodes(graph, x),
            Layer::MaxPool2d(layer) => layer.nodes(graph, x),
            Layer::Residual(Residual(layer)) => layer.nodes(graph, x),
            Layer::LayerNorm(layer) => layer.nodes(graph, x),
            Layer::Noisy(layer) => layer.mean.nodes(graph, x),
            Layer::Dueling(layer) => layer.nodes(graph, x),
            Layer::ImplicitQuantiles(layer) => layer.nodes(graph, x),
            Layer::Elementwise(layer) => Ok(layer.nodes(graph, x)),
            Layer::Skip(layer) => layer.nodes(graph, x),
            Layer::Flatten(Flatten) => {
                let len = x.dims().iter().product();
                Ok(graph.reshaped(x, &[len])) // [B, n]
            }
            Layer::Unflatten(Unflatten { channels, height, width }) => {
                Ok(graph.reshaped(x, &[*channels, *height, *width])) // [B, C, H, W]
            }
        }
    }
}

impl Linear {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let weight = self.applied()?; // [outputs, inputs]
        let (outputs, inputs) = weight.dims2()?;
        if x.dims() != [inputs] {
            bail!("a dense layer of {inputs} inputs does not fit samples of {:?}", x.dims())
        }
        let (weight, bias) = (graph.tensor("weight", &weight)?, graph.tensor("bias", &self.bias)?);
        // The weight is stored as it is, and multiplied by its transpose.
        let transposed = vec![("transB", Attribute::Int(1))];
        let y = graph.operation("Gemm", &[x.name(), &weight, &bias], transposed, vec![outputs]);
        Ok(graph.activated(y, self.activation)) // [B, outputs]
    }
}

impl Conv2d {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let weight = self.applied()?; // [O, C, k, k]
        let weight = match self.form.taps {
            Some(taps) => weight.broadcast_mul(&first_taps(&weight, taps)?)?,
            None => weight,
        };
        if x.dims().len() != 3 {
            bail!("a convolution does not fit samples of {:?}", x.dims())
        }
        let pixels = self.form.order == Order::Pixels;
        let planes = if pixels { graph.transposed(&x, &[0, 3, 1, 2]) } else { x.clone() }; // [B, C, H, W]
        let (outputs, inputs, height, width) = weight.dims4()?;
        let &[channels, rows, columns] = planes.dims() else {
            bail!("a convolution does not fit samples of {:?}", x.dims())
        };
        let sizes = [(rows, height), (columns, width)];
        let [rows, columns] =
            [0, 1].map(|axis| self.window.positions(axis, sizes[axis].0, sizes[axis].1));
        let (Some(rows), Some(columns), true) = (rows, columns, channels == inputs) else {
            bail!("a convolution of {:?} does not fit samples of {:?}", weight.dims(), x.dims())
        };
        let attributes = window(self.window, [height, width]);
        let (parameters, sizes) = ([&weight, &self.bias], [outputs, rows, columns]);
        let y = convolved(graph, "Conv", &planes, parameters, attributes, sizes)?;
        let y = graph.activated(y, self.form.activation);
        let y = if pixels { graph.transposed(&y, &[0, 2, 3, 1]) } else { y };
        Ok(if self.form.residual { graph.sum(&x, &y) } else { y })
    }
}

impl ConvTranspose2d {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let (inputs, outputs, height, width) = self.weight.dims4()?;
        let &[channels, rows, columns] = x.dims() else {
            bail!("a transposed convolution does not fit samples of {:?}", x.dims())
        };
        let Window { stride, padding, dilation } = self.window;
        let size = |size: usize, kernel: usize, padding: usize| {
            let spread = size.checked_sub(1)? * stride;
            let size = (spread + dilation * (kernel - 1) + 1).checked_sub(2 * padding)?;
            (size > 0).then_some(size)
        };
        let rows = size(rows, height, padding[0]);
        let columns = size(columns, width, padding[1]);
        let (Some(rows), Some(columns), true) = (rows, columns, channels == inputs) else {
            bail!(
                "a transposed convolution of {:?} does not fit samples of {:?}",
                self.weight.dims(),
                x.dims()
            )
        };
        let attributes = window(self.window, [height, width]);
        let (parameters, sizes) = ([&self.weight, &self.bias], [outputs, rows, columns]);
        let y = convolved(graph, "ConvTranspose", &x, parameters, attributes, sizes)?;
        Ok(graph.activated(y, self.activation)) // [B, O, H', W']
    }
}

/// x and the parameters under one of the two convolutions.
fn convolved(
    graph: &mut Graph,
    operator: &'static str,
    x: &Value,
    [weight, bias]: [&Tensor; 2],
    attributes: Vec<(&'static str, Attribute)>,
    sizes: [usize; 3],
) -> Result<Value> {
    let (weight, bias) = (graph.tensor("weight", weight)?, graph.tensor("bias", bias)?);
    Ok(graph.operation(operator, &[x.name(), &weight, &bias], attributes, sizes.to_vec()))
}

/// Attributes of a convolution with such a kernel.
fn window(window: Window, kernel: [usize; 2]) -> Vec<(&'static str, Attribute)> {
    let Window { stride, padding: [rows, columns], dilation } = window;
    let ints = |ints: &[usize]| Attribute::Ints(ints.iter().map(|&int| int as i64).collect());
    vec![
        ("kernel_shape", ints(&kernel)),
        ("strides", ints(&[stride, stride])),
        ("pads", ints(&[rows, columns, rows, columns])),
        ("dilations", ints(&[dilation, dilation])),
    ]
}

impl BatchNorm2d {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters = [
            ("weight", &self.weight),
            ("bias", &self.bias),
            ("running_mean", self.running_mean.as_tensor()),
            ("running_var", self.running_var.as_tensor()),
        ];
        let names = parameters.map(|(name, tensor)| graph.tensor(name, tensor));
        let [weight, bias, mean, variance] = names;
        let inputs = [x.name(), &weight?, &bias?, &mean?, &variance?];
        let epsilon = vec![("epsilon", Attribute::Float(EPS as f32))];
        let y = graph.operation("BatchNormalization", &inputs, epsilon, x.dims().to_vec());
        Ok(graph.activated(y, self.activation))
    }
}

impl MaxPool2d {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let Pool { size, stride, padding } = self.0;
        let dims = match *x.dims() {
            [channels, height, width] => {
                let counts = self.0.windows(height).zip(self.0.windows(width));
                counts.map(|(rows, columns)| vec![channels, rows, columns])
            }
            _ => None,
        };
        let Some(dims) = dims else {
            bail!("windows of {size}×{size} to pool do not fit samples of {:?}", x.dims())
        };
        let ints = |int: usize, count: usize| Attribute::Ints(vec![int as i64; count]);
        let attributes = vec![
            ("kernel_shape", ints(size, 2)),
            ("strides", ints(stride, 2)),
            ("pads", ints(padding, 4)),
        ];
        Ok(graph.operation("MaxPool", &[x.name()], attributes, dims)) // [B, C, H', W']
    }
}

impl LayerNorm {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let parameters = [("weight", &self.weight), ("bias", &self.bias)];
        let [weight, bias] = parameters.map(|(name, tensor)| graph.tensor(name, tensor));
        let inputs = [x.name(), &weight?, &bias?];
        let epsilon = vec![("epsilon", Attribute::Float(LAYER_EPS as f32))];
        let y = graph.operation("LayerNormalization", &inputs, epsilon, x.dims().to_vec());
        Ok(graph.activated(y, self.activation)) // [B, F]
    }
}

impl Dueling {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let streams = [&self.value, &self.advantage].map(|stream| {
            stream.iter().try_fold(x.clone(), |x, layer| layer.nodes(&mut *graph, x))
        });
        let [value, advantage] = streams;
        let (value, advantage) = (value?, advantage?);
        let (width, k) = (advantage.dims()[0], value.dims()[0]);
        let value = graph.reshaped(value, &[1, k]);
        let advantage = graph.reshaped(advantage, &[self.actions, k]); // [B, A, K]
        let axes = vec![("axes", Attribute::Ints(vec![1]))];
        let mean = graph.operation("ReduceMean", &[advantage.name()], axes, vec![1, k]);
        let dims = advantage.dims().to_vec();
        let names = [advantage.name(), mean.name()];
        let centred = graph.operation("Sub", &names, Vec::new(), dims);
        let q = graph.sum(&centred, &value); // [B, A, K]
        Ok(graph.reshaped(q, &[width]))
    }
}

impl ImplicitQuantiles {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let phi = self.evaluated()?; // [K, F]
        let (k, features) = phi.dims2()?;
        if x.dims() != [features] {
            bail!("an embedding of {features} features does not fit samples of {:?}", x.dims())
        }
        let phi = graph.tensor("embedding", &phi)?;
        let x = graph.reshaped(x, &[1, features]);
        let rows = graph.operation("Mul", &[x.name(), &phi], Vec::new(), vec![k, features]);
        let rows = graph.regrouped(rows, &[features]); // [B·K, F]
        let z = self.layers.iter().try_fold(rows, |z, layer| layer.nodes(graph, z))?;
        let actions = z.dims().iter().product();
        let z = graph.regrouped(z, &[k, actions]);
        let z = graph.transposed(&z, &[0, 2, 1]); // [B, A, K]
        Ok(graph.reshaped(z, &[actions * k]))
    }
}

impl Elementwise {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Value {
        match self {
            Self::Activation(activation) => graph.activated(x, *activation),
            Self::Silu => {
                let sigmoid = graph.activated(x.clone(), Activation::Sigmoid);
                let dims = x.dims().to_vec();
                graph.operation("Mul", &[x.name(), sigmoid.name()], Vec::new(), dims)
            }
        }
    }
}

impl Skip {
    fn nodes(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let y = self.0.iter().try_fold(x.clone(), |y, layer| layer.nodes(graph, y))?;
        Ok(graph.sum(&x, &y))
    }
}
