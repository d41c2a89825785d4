//! The gradient of a network for its input, as a graph of its own.
//!
//! Candle's backward pass leaves numbers without a way back, and the kernels of `ops` have first derivatives
//! only. A loss that is made of a gradient, like a penalty on its length, needs that gradient written as
//! ordinary operations on the parameters. That is what [`Sequential::input_gradient`] does, layer by layer from the
//! output back: where a layer has y = a(Wx + b) for a linear function W, and an activation a whose derivative
//! is a function of its result, g becomes Wᵀ(g·a'(y)).
use super::{
    BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, MaxPool2d, Residual, Skip, Unflatten,
};
use crate::ops::{self, Order, Reader, Window};
use crate::{Activation, Layer, Sequential};
use candle_core::{Module as _, Result, Tensor, bail};

impl Sequential {
    /// y = f(x) for x `[B, …]`, and ∂Σy/∂x, of the shape of x: for a network with one result, the gradient of
    /// each sample's. Gradients of the parameters may be taken of both; of x they may not be.
    ///
    /// The derivative of a (leaky) ReLU is a constant here, as it is almost everywhere, and so is the place
    /// of a maximum.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use nn::{Activation, Linear, Params, Sequential};
    /// # fn main() -> candle_core::Result<()> {
    /// let params = Params::new(1, &Device::Cpu);
    /// let network = Sequential::new(vec![Linear::new(&params, "l", 2, 1, Activation::Linear)?.into()]);
    /// let weight = &params.named()[1].1; // [1, 2]
    /// weight.set(&Tensor::new(&[[3f32, 4.0]], &Device::Cpu)?)?;
    /// let (_, slope) = network.input_gradient(&Tensor::zeros((1, 2), weight.dtype(), &Device::Cpu)?)?;
    /// assert_eq!(slope.to_vec2::<f32>()?, [[3.0, 4.0]]);
    /// let square = slope.sqr()?.sum_all()?.backward()?; // of ‖w‖²
    /// assert_eq!(square.get(weight).map(|found| found.to_vec2::<f32>()).transpose()?, Some(vec![vec![6.0, 8.0]]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of a network with batch normalisation: a sample's result depends on the others there, and has no
    /// gradient of its own. Of one with masked convolutions, or with channels last.
    pub fn input_gradient(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let passed = Passed::through(self.layers(), x.detach())?;
        let ones = passed.y.ones_like()?;
        let g = passed.back(self.layers(), &ones)?;
        Ok((passed.y, g))
    }
}

/// Saved inputs and output of consecutive layers.
struct Passed {
    /// Input of each layer, and the record of its inner layers where it is made of layers.
    given: Vec<(Tensor, Option<Passed>)>,
    /// Output of the last layer.
    y: Tensor,
}

impl Passed {
    fn through(layers: &[Layer], x: Tensor) -> Result<Self> {
        let (mut given, mut y) = (Vec::with_capacity(layers.len()), x);
        for layer in layers {
            let (inside, next) = match layer {
                Layer::Skip(Skip(layers)) => {
                    let inside = Self::through(layers, y.clone())?;
                    let next = (&y + &inside.y)?;
                    (Some(inside), next)
                }
                layer => (None, layer.forward(&y)?),
            };
            given.push((std::mem::replace(&mut y, next), inside));
        }
        Ok(Self { given, y })
    }

    /// The gradient for what went in, for the gradient g of what came out.
    fn back(&self, layers: &[Layer], g: &Tensor) -> Result<Tensor> {
        let (mut y, mut g) = (&self.y, g.clone());
        for (layer, (x, inside)) in layers.iter().zip(&self.given).rev() {
            g = match (layer, inside) {
                (Layer::Skip(Skip(layers)), Some(inside)) => (&g + inside.back(layers, &g)?)?,
                (layer, _) => layer.pull(x, y, &g)?,
            };
            y = x;
        }
        Ok(g)
    }
}

/// A layer whose gradient for its input can be written down.
trait Pull {
    /// The gradient for x, of its shape, for the result y and its gradient g.
    fn pull(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor>;
}

impl Pull for Layer {
    fn pull(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        let layer: &dyn Pull = match self {
            Layer::Linear(layer) => layer,
            Layer::Conv2d(layer) => layer,
            Layer::ConvTranspose2d(layer) => layer,
            Layer::BatchNorm2d(layer) => layer,
            Layer::MaxPool2d(layer) => layer,
            Layer::Residual(layer) => layer,
            Layer::LayerNorm(_)
            | Layer::Noisy(_)
            | Layer::Dueling(_)
            | Layer::ImplicitQuantiles(_)
            | Layer::Elementwise(_) => {
                bail!("a layer of an agent has no input gradient that is differentiable again")
            }
            Layer::Skip(_) => bail!("layers that are skipped are gone back through one by one"),
            Layer::Flatten(layer) => layer,
            Layer::Unflatten(layer) => layer,
        };
        layer.pull(x, y, g)
    }
}

impl Pull for Linear {
    fn pull(&self, _: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        through(self.activation, y, g)?.matmul(&self.applied()?) // [B, inputs]
    }
}

impl Pull for Conv2d {
    fn pull(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        if self.form.taps.is_some() || self.form.order != Order::Planes {
            bail!(
                "a convolution that is masked, or has its channels last, can't be gone back through"
            )
        }
        let g = through(self.form.activation, y, g)?; // [B, O, H', W']
        let weight = self.applied()?;
        let zeros = Tensor::zeros(x.dim(1)?, x.dtype(), x.device())?;
        let back = |window: Window| {
            let signal = (&g).into();
            ops::conv_transpose2d(
                &signal,
                &weight,
                &zeros,
                window,
                Activation::Linear,
                Reader::Anybody,
            )?
            .into_tensor()
        };
        let (_, _, height, width) = x.dims4()?;
        let [kernel_height, kernel_width] = [weight.dim(2)?, weight.dim(3)?];
        let [down, across] = self.window.padding;
        let rest = |size: usize, padding: usize, kernel: usize| {
            (size + 2 * padding - (self.window.dilation * (kernel - 1) + 1)) % self.window.stride
        };
        if rest(height, down, kernel_height) + rest(width, across, kernel_width) == 0 {
            return back(self.window); // [B, C, H, W]
        }
        // Where the stride leaves a rest, rows at the end have been seen by fewer kernels, or by none.
        let whole = back(Window { padding: [0; 2], ..self.window })?;
        let whole = whole.pad_with_zeros(2, 0, (down + height).saturating_sub(whole.dim(2)?))?;
        let whole = whole.pad_with_zeros(3, 0, (across + width).saturating_sub(whole.dim(3)?))?;
        whole.narrow(2, down, height)?.narrow(3, across, width)?.contiguous() // [B, C, H, W]
    }
}

impl Pull for ConvTranspose2d {
    fn pull(&self, _: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        let g = through(self.activation, y, g)?; // [B, O, H', W']
        let zeros = Tensor::zeros(self.weight.dim(0)?, y.dtype(), y.device())?;
        let (signal, form) = ((&g).into(), Activation::Linear.into());
        ops::conv2d(&signal, &self.weight, &zeros, self.window, form, Reader::Anybody)?
            .into_tensor()
    }
}

impl Pull for Residual {
    fn pull(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        g + self.0.pull(x, &(y - x)?, g)?
    }
}

impl Pull for BatchNorm2d {
    fn pull(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Tensor> {
        bail!(
            "with batch normalisation a sample's result depends on the other samples, and has no gradient of \
             its own; build the network without it"
        )
    }
}

impl Pull for MaxPool2d {
    fn pull(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
        if !self.0.is_side_by_side() {
            bail!(
                "windows to pool that overlap have no input gradient that is differentiable again"
            )
        }
        let ((b, c, height, width), side) = (x.dims4()?, self.0.size);
        let (rows, columns) = (y.dim(2)?, y.dim(3)?);
        let spread = |y: &Tensor| {
            let y = y.reshape((b * c, rows, 1, columns, 1))?;
            let y = y.broadcast_as((b * c, rows, side, columns, side))?.contiguous()?;
            let y = y.reshape((b, c, rows * side, columns * side))?;
            let y = y.pad_with_zeros(2, 0, height - rows * side)?;
            y.pad_with_zeros(3, 0, width - columns * side) // [B, C, H, W]
        };
        // Which is the largest of each window, as the gradient of the layer itself has it.
        let largest = ops::largest(&x.detach(), self.0)?; // [B, C, H, W]
        spread(g)? * largest
    }
}

impl Pull for Flatten {
    fn pull(&self, x: &Tensor, _: &Tensor, g: &Tensor) -> Result<Tensor> {
        g.reshape(x.shape())
    }
}

impl Pull for Unflatten {
    fn pull(&self, x: &Tensor, _: &Tensor, g: &Tensor) -> Result<Tensor> {
        g.reshape(x.shape())
    }
}

/// g·a'(y) for y = a(z).
fn through(activation: Activation, y: &Tensor, g: &Tensor) -> Result<Tensor> {
    let slope = match activation {
        Activation::Linear => return Ok(g.clone()),
        Activation::Relu => positive(y)?,
        Activation::LeakyRelu(slope) => {
            positive(y)?.affine(1.0 - f64::from(slope), f64::from(slope))?
        }
        Activation::Tanh => y.sqr()?.affine(-1.0, 1.0)?,
        Activation::Sigmoid => (y * y.affine(-1.0, 1.0)?)?,
    };
    g * slope
}

/// 1 where y is above 0, else 0.
fn positive(y: &Tensor) -> Result<Tensor> {
    y.detach().gt(0.0)?.to_dtype(y.dtype())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use crate::{Conv2dConfig, Init, Params};
    use candle_core::{DType, Var};
    use train::stream;
    use train::testing::device;

    const CONV: Conv2dConfig = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 4) };

    fn dense(params: &Params, activation: Activation) -> Vec<Layer> {
        vec![
            Linear::new(params, "l1", 5, 7, activation).unwrap().into(),
            Linear::new(params, "l2", 7, 6, activation).unwrap().into(),
            Linear::new(params, "l3", 6, 1, Activation::Linear).unwrap().into(),
        ]
    }

    /// 2×8×8, the first convolution without a rest, the others with one.
    fn conv(params: &Params, activation: Activation) -> Vec<Layer> {
        let three = Conv2dConfig { outputs: 3, inputs: 3, ..CONV };
        let same = Conv2dConfig { padding: 1, ..Conv2dConfig::new(3, 3, 3) };
        let spread = Conv2dConfig { stride: 2, dilation: 2, ..Conv2dConfig::new(3, 2, 2) };
        let last = Conv2dConfig { outputs: 8, ..CONV };
        vec![
            Conv2d::new(params, "c1", CONV, activation).unwrap().into(), // 3×4×4
            Residual::new(Conv2d::new(params, "same", same, activation).unwrap()).into(),
            Skip::new(vec![
                Conv2d::new(params, "s1", same, activation).unwrap().into(),
                Conv2d::new(params, "s2", same, Activation::Linear).unwrap().into(),
            ])
            .into(),
            ConvTranspose2d::new(params, "up", three, activation).unwrap().into(), // 3×8×8
            Conv2d::new(params, "c2", spread, activation).unwrap().into(),         // 2×3×3
            Conv2d::new(params, "c3", last, activation).unwrap().into(),           // 8×1×1
            Flatten.into(),
            Linear::new(params, "out", 8, 1, Activation::Linear).unwrap().into(),
        ]
    }

    /// With weights that let something through.
    fn built(build: Build, activation: Activation) -> Vec<Layer> {
        let params = Params::new(1, device());
        let layers = build(&params, activation);
        params.redraw(|_, _| Some(Init::Normal { deviation: 0.25 })).unwrap();
        layers
    }

    fn draw(shape: &[usize], name: &str) -> Tensor {
        use rand_distr::{Distribution as _, StandardNormal};
        let n = shape.iter().product();
        let values = StandardNormal.sample_iter(stream(1, name)).take(n).collect::<Vec<f32>>();
        Tensor::from_vec(values, shape, device()).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f64> {
        tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Copies of layers with their parameters in f64, computed by Candle's own operations.
    fn exact(layers: &[Layer]) -> (Vec<Layer>, Vec<Var>) {
        let mut vars = Vec::new();
        let mut var = |tensor: &Tensor| {
            let var = Var::from_tensor(&tensor.to_dtype(DType::F64).unwrap()).unwrap();
            vars.push(var.clone());
            var.into_inner()
        };
        let exact = layers.iter().map(|layer| twin(layer, &mut var));
        (exact.collect(), vars)
    }

    fn twin(layer: &Layer, var: &mut dyn FnMut(&Tensor) -> Tensor) -> Layer {
        match layer.clone() {
            Layer::Linear(layer) => {
                let (weight, bias) = (var(&layer.weight), var(&layer.bias));
                Layer::Linear(Linear { weight, bias, ..layer })
            }
            Layer::Conv2d(layer) => {
                let (weight, bias) = (var(&layer.weight), var(&layer.bias));
                Layer::Conv2d(Conv2d { weight, bias, ..layer })
            }
            Layer::Residual(Residual(layer)) => {
                let (weight, bias) = (var(&layer.weight), var(&layer.bias));
                Layer::Residual(Residual(Conv2d { weight, bias, ..layer }))
            }
            Layer::ConvTranspose2d(layer) => {
                let (weight, bias) = (var(&layer.weight), var(&layer.bias));
                Layer::ConvTranspose2d(ConvTranspose2d { weight, bias, ..layer })
            }
            Layer::Skip(Skip(layers)) => {
                Layer::Skip(Skip(layers.iter().map(|layer| twin(layer, var)).collect()))
            }
            layer => layer,
        }
    }

    type Build = fn(&Params, Activation) -> Vec<Layer>;
    const NETWORKS: [(Build, &[usize]); 2] = [(dense, &[4, 5]), (conv, &[2, 2, 8, 8])];
    const ACTIVATIONS: [Activation; 4] =
        [Activation::Tanh, Activation::LeakyRelu(0.2), Activation::Sigmoid, Activation::Relu];

    #[test]
    fn it_is_what_a_backward_pass_finds() {
        for (build, shape) in NETWORKS {
            for activation in ACTIVATIONS {
                let network = Sequential::new(built(build, activation));
                let x = Var::from_tensor(&draw(shape, "x")).unwrap();
                let found = network.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
                let expected = values(found.get(&x).unwrap());
                let (y, slope) = network.input_gradient(&x).unwrap();
                assert_eq!(values(&y), values(&network.forward(&x).unwrap()));
                assert_eq!(slope.dims(), shape);
                let largest = expected.iter().fold(0f64, |largest, slope| largest.max(slope.abs()));
                for (found, expected) in values(&slope).iter().zip(&expected) {
                    let close = (found - expected).abs() < 1e-5 * largest;
                    assert!(close, "{activation:?} {found} {expected}");
                }
            }
        }
    }

    /// As fixed functions: in the layers themselves a pass moves what is divided by.
    #[test]
    fn a_normalised_weight_is_gone_back_through() {
        let params = Params::new(1, device());
        let conv = Conv2d::new(&params, "c", CONV, Activation::Tanh).unwrap();
        let linear = Linear::new(&params, "l", 48, 1, Activation::Linear).unwrap();
        let network = Sequential::new(vec![
            conv.spectral(&params, "c").unwrap().into(), // 3×4×4
            Flatten.into(),
            linear.spectral(&params, "l").unwrap().into(),
        ])
        .detached();
        let x = Var::from_tensor(&draw(&[2, 2, 8, 8], "x")).unwrap();
        let found = network.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        let (_, slope) = network.input_gradient(&x).unwrap();
        for (found, expected) in values(&slope).iter().zip(values(found.get(&x).unwrap())) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    /// mean (‖∂y/∂x‖ − 1)², what a penalty is.
    fn penalty(network: &Sequential, x: &Tensor) -> Result<Tensor> {
        let (y, slope) = network.input_gradient(x)?;
        let lengths = slope.flatten_from(1)?.sqr()?.sum(1)?.sqrt()?; // [B]
        (lengths - 1.0)?.sqr()?.mean_all()? + (y.mean_all()? * 0.1)?
    }

    #[test]
    fn gradients_of_a_penalty_are_those_of_differences() {
        for (build, shape) in NETWORKS {
            for activation in ACTIVATIONS {
                let (layers, vars) = exact(&built(build, activation));
                let network = Sequential::new(layers);
                let x = draw(shape, "x").to_dtype(DType::F64).unwrap();
                let worst = gradcheck(&vars, 1e-5, || penalty(&network, &x)).unwrap();
                assert!(worst < 1e-7, "{activation:?}: {worst}");
            }
        }
    }

    /// The kernels have the gradients that Candle's operations have in f64.
    #[test]
    fn gradients_of_a_penalty_in_f32_are_those_in_f64() {
        for (build, shape) in NETWORKS {
            for activation in ACTIVATIONS {
                let layers = built(build, activation);
                let (twins, exact) = exact(&layers);
                let vars: Vec<_> = layers.iter().flat_map(tensors).collect();
                let x = draw(shape, "x");
                let found = penalty(&Sequential::new(layers), &x).unwrap().backward().unwrap();
                let x = x.to_dtype(DType::F64).unwrap();
                let expected = penalty(&Sequential::new(twins), &x).unwrap().backward().unwrap();
                for (var, exact) in vars.iter().zip(&exact) {
                    let (Some(found), Some(expected)) = (found.get(var), expected.get(exact))
                    else {
                        panic!("{activation:?}: a parameter of {:?} has no gradient", var.shape());
                    };
                    for (found, expected) in values(found).iter().zip(values(expected)) {
                        let close = (found - expected).abs() < 2e-5 * expected.abs().max(1.0);
                        assert!(close, "{activation:?} {:?}: {found} {expected}", var.shape());
                    }
                }
            }
        }
    }

    fn tensors(layer: &Layer) -> Vec<Tensor> {
        match layer {
            Layer::Linear(layer) => vec![layer.weight.clone(), layer.bias.clone()],
            Layer::Conv2d(layer) | Layer::Residual(Residual(layer)) => {
                vec![layer.weight.clone(), layer.bias.clone()]
            }
            Layer::ConvTranspose2d(layer) => vec![layer.weight.clone(), layer.bias.clone()],
            Layer::Skip(Skip(layers)) => layers.iter().flat_map(tensors).collect(),
            _ => Vec::new(),
        }
    }

    /// With the largest numbers far apart the places of the maxima don't move.
    #[test]
    fn through_maxima() {
        let params = Params::new(1, device());
        let network = Sequential::new(vec![
            Conv2d::new(&params, "c", Conv2dConfig::new(1, 2, 2), Activation::Tanh).unwrap().into(),
            MaxPool2d::new(2).unwrap().into(), // 2×2×2, with a row and a column left over
            Flatten.into(),
            Linear::new(&params, "out", 8, 1, Activation::Linear).unwrap().into(),
        ]);
        let x = Var::from_tensor(&draw(&[3, 1, 6, 6], "x")).unwrap();
        let found = network.forward(&x).unwrap().sum_all().unwrap().backward().unwrap();
        let (_, slope) = network.input_gradient(&x).unwrap();
        let expected = values(found.get(&x).unwrap());
        for (found, expected) in values(&slope).iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let vars: Vec<_> = params.named().into_iter().map(|(_, var)| var).collect();
        let worst = gradcheck(&vars, 1e-3, || penalty(&network, &x)).unwrap();
        assert!(worst < 1e-2, "{worst}");
    }

    #[test]
    fn batches_that_are_normalised_have_none() {
        let params = Params::new(1, device());
        let norm = BatchNorm2d::new(&params, "n", 2, Activation::Relu).unwrap();
        let error =
            Sequential::new(vec![norm.into()]).input_gradient(&draw(&[3, 2], "x")).unwrap_err();
        assert!(error.to_string().contains("build the network without it"), "{error}");
    }
}
