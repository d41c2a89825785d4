//! Encoder and decoder.
use super::config::{Sizes, VaeConfig, VaeNetwork};
use crate::data::Shape;
use crate::export::with_label;
use candle_core::{Module, Result, Tensor};
use nn::onnx::{Graph, Value};
use nn::{
    Activation, Conv2d, Conv2dConfig, ConvTranspose2d, Flatten, Frozen, Layer, Linear, Params,
    Sequential, Unflatten,
};

/// A batch of images and, of a conditional model, their labels.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    /// `[B, C, H, W]`.
    pub(super) x: Tensor,
    /// One-hot, `[B, L]`.
    pub(super) label: Option<Tensor>,
}

impl Inputs {
    /// `n` of them from number `first` on.
    pub(super) fn narrow(&self, first: usize, n: usize) -> Result<Self> {
        let label = self.label.as_ref().map(|label| label.narrow(0, first, n)).transpose()?;
        Ok(Self { x: self.x.narrow(0, first, n)?, label })
    }
}

/// Encoder and decoder. `F` are the features that μ and σ are read off.
pub(super) struct Networks<N> {
    pub(super) network: VaeNetwork,
    /// `[B, D]` or `[B, C, H, W]` to `[B, F]`; labels are further columns, or further channels of one
    /// number each.
    pub(super) encoder: N,
    /// `[B, F]` to `[B, Z]`.
    pub(super) mu: N,
    /// `[B, F]` to `[B, Z]`.
    pub(super) log_var: N,
    /// `[B, Z]`, and columns of the label, to what the likelihood is made of, `[B, outputs·D]`.
    pub(super) decoder: N,
}

impl Networks<Sequential> {
    /// New ones, with their parameters in `params`.
    pub(super) fn new(params: &Params, sizes: Sizes, config: &VaeConfig) -> Result<Self> {
        let Parts { encoder, features, decoder } = match config.network {
            VaeNetwork::Mlp => mlp(params, sizes, config)?,
            VaeNetwork::Conv => conv(params, sizes, config.latents)?,
        };
        let head = |name| -> Result<Sequential> {
            let layer = dense(params, name, [features, config.latents], Activation::Linear)?;
            Ok(Sequential::new(vec![layer]))
        };
        Ok(Self {
            network: config.network,
            encoder: Sequential::new(encoder),
            mu: head("mu")?,
            log_var: head("log_var")?,
            decoder: Sequential::new(decoder),
        })
    }

    /// Networks without gradients that share the parameters' storage.
    pub(super) fn frozen(&self) -> Networks<Frozen> {
        Networks {
            network: self.network,
            encoder: self.encoder.frozen(),
            mu: self.mu.frozen(),
            log_var: self.log_var.frozen(),
            decoder: self.decoder.frozen(),
        }
    }
}

impl<N: Module> Networks<N> {
    /// μ and log σ² of q(z|x), `[B, Z]`.
    pub(super) fn encode(&self, Inputs { x, label }: &Inputs) -> Result<(Tensor, Tensor)> {
        let x = match (self.network, label) {
            (VaeNetwork::Mlp, label) => joined(&x.flatten_from(1)?, label.as_ref())?, // [B, D + L]
            (VaeNetwork::Conv, Some(label)) => {
                let ((b, _, height, width), l) = (x.dims4()?, label.dim(1)?);
                let planes = label.reshape((b, l, 1, 1))?.broadcast_as((b, l, height, width))?;
                Tensor::cat(&[x, &planes], 1)? // [B, C + L, H, W]
            }
            (VaeNetwork::Conv, None) => x.clone(),
        };
        let h = self.encoder.forward(&x)?; // [B, F]
        Ok((self.mu.forward(&h)?, self.log_var.forward(&h)?))
    }

    /// Parameters of the likelihood, `[B, outputs·D]`, for z `[B, Z]` and labels `[B, L]`.
    pub(super) fn decode(&self, z: &Tensor, label: Option<&Tensor>) -> Result<Tensor> {
        self.decoder.forward(&joined(z, label)?)
    }
}

impl Networks<Frozen> {
    /// Adds the encoder to an ONNX graph, for images `[B, C, H, W]` and labels `[B, L]`: μ and log σ², `[B, Z]`.
    pub(super) fn encoder_nodes(
        &self,
        graph: &mut Graph,
        x: Value,
        label: Option<&Value>,
    ) -> Result<[Value; 2]> {
        let x = match self.network {
            VaeNetwork::Mlp => graph.reshaped(x.clone(), &[x.dims().iter().product()]), // [B, D]
            VaeNetwork::Conv => x,
        };
        let x = with_label(graph, x, label);
        let h = self.encoder.nodes(graph, x)?; // [B, F]
        Ok([self.mu.nodes(graph, h.clone())?, self.log_var.nodes(graph, h)?])
    }

    /// Adds the decoder to an ONNX graph, for z `[B, Z]` and labels `[B, L]`: parameters of the likelihood,
    /// `[B, outputs·D]`.
    pub(super) fn decoder_nodes(
        &self,
        graph: &mut Graph,
        z: Value,
        label: Option<&Value>,
    ) -> Result<Value> {
        let z = with_label(graph, z, label);
        self.decoder.nodes(graph, z)
    }
}

/// Columns of the label after those of `rows`: `[B, N + L]`.
fn joined(rows: &Tensor, label: Option<&Tensor>) -> Result<Tensor> {
    match label {
        Some(label) => Tensor::cat(&[rows, label], 1),
        None => Ok(rows.clone()),
    }
}

/// The layers of an encoder, the number F of its features, and the layers of a decoder.
struct Parts {
    encoder: Vec<Layer>,
    features: usize,
    decoder: Vec<Layer>,
}

fn mlp(params: &Params, sizes: Sizes, config: &VaeConfig) -> Result<Parts> {
    let VaeConfig { hidden, layers, latents, .. } = *config;
    let Sizes { shape, labels, outputs } = sizes;
    let hidden_layers = |name: &str, inputs| -> Result<Vec<Layer>> {
        let first = dense(params, name, [inputs, hidden], Activation::Relu); // [B, hidden]
        let further = (2..=layers).map(|i| {
            dense(params, &format!("{name}{i}"), [hidden, hidden], Activation::Relu) // [B, hidden]
        });
        std::iter::once(first).chain(further).collect()
    };
    let encoder = hidden_layers("encoder", shape.len() + labels)?;
    let mut decoder = hidden_layers("decoder", latents + labels)?;
    let out = [hidden, outputs * shape.len()];
    decoder.push(dense(params, "out", out, Activation::Linear)?); // [B, outputs·D]
    Ok(Parts { encoder, features: hidden, decoder })
}

/// For images whose height and width are multiples of 4.
fn conv(params: &Params, sizes: Sizes, latents: usize) -> Result<Parts> {
    let Sizes { shape: Shape { channels, height, width }, labels, outputs } = sizes;
    let (height, width) = (height / 4, width / 4);
    let features = 64 * height * width;
    let (conv1, conv2) = (halving(channels + labels, 32), halving(32, 64));
    let (up1, up2) = (halving(64, 32), halving(32, outputs * channels));
    Ok(Parts {
        encoder: vec![
            Conv2d::new(params, "conv1", conv1, Activation::Relu)?.into(), // [B, 32, H/2, W/2]
            Conv2d::new(params, "conv2", conv2, Activation::Relu)?.into(), // [B, 64, H/4, W/4]
            Flatten.into(),                                                // [B, F]
        ],
        features,
        decoder: vec![
            dense(params, "decoder", [latents + labels, features], Activation::Relu)?, // [B, F]
            Unflatten { channels: 64, height, width }.into(), // [B, 64, H/4, W/4]
            ConvTranspose2d::new(params, "up1", up1, Activation::Relu)?.into(), // [B, 32, H/2, W/2]
            ConvTranspose2d::new(params, "up2", up2, Activation::Linear)?.into(), // [B, outputs·C, H, W]
            Flatten.into(),                                                       // [B, outputs·D]
        ],
    })
}

fn dense(
    params: &Params,
    name: &str,
    [inputs, outputs]: [usize; 2],
    activation: Activation,
) -> Result<Layer> {
    Ok(Linear::new(params, name, inputs, outputs, activation)?.into())
}

/// A convolution that halves height and width; its transpose doubles them.
fn halving(inputs: usize, outputs: usize) -> Conv2dConfig {
    Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(inputs, outputs, 4) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;
    use train::testing::device;

    const SHAPE: Shape = Shape { channels: 3, height: 8, width: 12 };

    fn shapes(config: &VaeConfig, labels: usize) -> Vec<(String, Vec<usize>)> {
        let params = Params::new(1, device());
        let outputs = 1 + usize::from(labels > 0);
        let sizes = Sizes { shape: SHAPE, labels, outputs };
        let networks = Networks::new(&params, sizes, config).unwrap();
        let x = Tensor::ones((2, 3, 8, 12), DType::F32, device()).unwrap();
        let label = (labels > 0).then(|| {
            let eye = Tensor::eye(labels, DType::F32, device()).unwrap();
            eye.narrow(0, 1, 2).unwrap()
        });
        let inputs = Inputs { x, label };
        let (mu, log_var) = networks.encode(&inputs).unwrap();
        assert_eq!((mu.dims(), log_var.dims()), (&[2, 5][..], &[2, 5][..]));
        let decoded = networks.decode(&mu, inputs.label.as_ref()).unwrap();
        assert_eq!(decoded.dims(), [2, outputs * 3 * 8 * 12]);
        let frozen = networks.frozen();
        let same = frozen.encode(&inputs).unwrap().0.to_vec2::<f32>().unwrap();
        let mu = mu.to_vec2::<f32>().unwrap();
        assert_eq!(same, mu);
        // The images are the same, and what they show is not.
        assert_eq!(mu[0] == mu[1], labels == 0);
        let named = params.named().into_iter().filter(|(name, _)| name.ends_with("weight"));
        named.map(|(name, var)| (name, var.dims().to_vec())).collect()
    }

    fn assert_shapes(config: &VaeConfig, labels: usize, expected: &[(&str, &[usize])]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, dims)| (format!("{name}.weight"), dims.to_vec())).collect();
        assert_eq!(shapes(config, labels), expected);
    }

    #[test]
    fn dense_layers_are_as_many_as_asked_for() {
        let config = VaeConfig { latents: 5, hidden: 7, ..VaeConfig::default() };
        let one: [(&str, &[usize]); 5] = [
            ("decoder", &[7, 5]),
            ("encoder", &[7, 288]),
            ("log_var", &[5, 7]),
            ("mu", &[5, 7]),
            ("out", &[288, 7]),
        ];
        assert_shapes(&config, 0, &one);
        let mut two = one.to_vec();
        two.insert(1, ("decoder2", &[7, 7]));
        two.insert(3, ("encoder2", &[7, 7]));
        assert_shapes(&VaeConfig { layers: 2, ..config.clone() }, 0, &two);
        // Four labels, and two numbers for each one of an image.
        let labelled: [(&str, &[usize]); 5] = [
            ("decoder", &[7, 9]),
            ("encoder", &[7, 292]),
            ("log_var", &[5, 7]),
            ("mu", &[5, 7]),
            ("out", &[576, 7]),
        ];
        assert_shapes(&config, 4, &labelled);
    }

    #[test]
    fn convolutions_and_their_mirror_image() {
        let config = VaeConfig { latents: 5, network: VaeNetwork::Conv, ..VaeConfig::default() };
        // 64 channels of 2×3.
        let mut expected: [(&str, &[usize]); 7] = [
            ("conv1", &[32, 3, 4, 4]),
            ("conv2", &[64, 32, 4, 4]),
            ("decoder", &[384, 5]),
            ("log_var", &[5, 384]),
            ("mu", &[5, 384]),
            ("up1", &[64, 32, 4, 4]),
            ("up2", &[32, 3, 4, 4]),
        ];
        assert_shapes(&config, 0, &expected);
        expected[0].1 = &[32, 7, 4, 4];
        expected[2].1 = &[384, 9];
        expected[6].1 = &[32, 6, 4, 4];
        assert_shapes(&config, 4, &expected);
    }
}
