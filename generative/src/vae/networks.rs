//! Encoder and decoder.
use super::VaeConfig;
use crate::data::Shape;
use candle_core::{Module, Result, Tensor};
use clap::ValueEnum;
use nn::{
    Activation, Conv2d, Conv2dConfig, ConvTranspose2d, Flatten, Frozen, Layer, Linear, Params,
    Sequential, Unflatten,
};
use serde::{Deserialize, Serialize};

/// What encoder and decoder are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Dense layers.
    Mlp,
    /// Convolutions, 32@4×4/2 and 64@4×4/2, and their mirror image.
    Conv,
}

/// Encoder and decoder. `F` are the features that μ and σ are read off.
pub(super) struct Networks<N> {
    /// `[B, C, H, W]` to `[B, F]`.
    pub(super) encoder: N,
    /// `[B, F]` to `[B, Z]`.
    pub(super) mu: N,
    /// `[B, F]` to `[B, Z]`.
    pub(super) log_var: N,
    /// `[B, Z]` to `[B, D]`: logits of white, or means.
    pub(super) decoder: N,
}

impl Networks<Sequential> {
    /// New ones, with their parameters in `params`.
    pub(super) fn new(params: &Params, shape: Shape, config: &VaeConfig) -> Result<Self> {
        let Parts { encoder, features, decoder } = match config.network {
            Network::Mlp => mlp(params, shape, config)?,
            Network::Conv => conv(params, shape, config.latents)?,
        };
        let head = |name| -> Result<Sequential> {
            let layer = dense(params, name, [features, config.latents], Activation::Linear)?;
            Ok(Sequential::new(vec![layer]))
        };
        Ok(Self {
            encoder: Sequential::new(encoder),
            mu: head("mu")?,
            log_var: head("log_var")?,
            decoder: Sequential::new(decoder),
        })
    }

    /// The same without gradients.
    pub(super) fn frozen(&self) -> Networks<Frozen> {
        Networks {
            encoder: self.encoder.frozen(),
            mu: self.mu.frozen(),
            log_var: self.log_var.frozen(),
            decoder: self.decoder.frozen(),
        }
    }
}

impl<N: Module> Networks<N> {
    /// μ and log σ² of q(z|x), `[B, Z]`, for x `[B, C, H, W]`.
    pub(super) fn encode(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let h = self.encoder.forward(x)?; // [B, F]
        Ok((self.mu.forward(&h)?, self.log_var.forward(&h)?))
    }
}

/// The layers of an encoder, the number F of its features, and the layers of a decoder.
struct Parts {
    encoder: Vec<Layer>,
    features: usize,
    decoder: Vec<Layer>,
}

fn mlp(params: &Params, shape: Shape, config: &VaeConfig) -> Result<Parts> {
    let VaeConfig { hidden, layers, latents, .. } = *config;
    let hidden_layers = |name: &str, inputs| -> Result<Vec<Layer>> {
        let first = dense(params, name, [inputs, hidden], Activation::Relu); // [B, hidden]
        let further = (2..=layers).map(|i| {
            dense(params, &format!("{name}{i}"), [hidden, hidden], Activation::Relu) // [B, hidden]
        });
        std::iter::once(first).chain(further).collect()
    };
    let mut encoder: Vec<Layer> = vec![Flatten.into()]; // [B, D]
    encoder.extend(hidden_layers("encoder", shape.len())?);
    let mut decoder = hidden_layers("decoder", latents)?;
    decoder.push(dense(params, "out", [hidden, shape.len()], Activation::Linear)?); // [B, D]
    Ok(Parts { encoder, features: hidden, decoder })
}

/// For pictures whose height and width are multiples of 4.
fn conv(params: &Params, shape: Shape, latents: usize) -> Result<Parts> {
    let Shape { channels, height, width } = shape;
    let (height, width) = (height / 4, width / 4);
    let features = 64 * height * width;
    let (conv1, conv2) = (halving(channels, 32), halving(32, 64));
    let (up1, up2) = (halving(64, 32), halving(32, channels));
    Ok(Parts {
        encoder: vec![
            Conv2d::new(params, "conv1", conv1, Activation::Relu)?.into(), // [B, 32, H/2, W/2]
            Conv2d::new(params, "conv2", conv2, Activation::Relu)?.into(), // [B, 64, H/4, W/4]
            Flatten.into(),                                                // [B, F]
        ],
        features,
        decoder: vec![
            dense(params, "decoder", [latents, features], Activation::Relu)?, // [B, F]
            Unflatten { channels: 64, height, width }.into(),                 // [B, 64, H/4, W/4]
            ConvTranspose2d::new(params, "up1", up1, Activation::Relu)?.into(), // [B, 32, H/2, W/2]
            ConvTranspose2d::new(params, "up2", up2, Activation::Linear)?.into(), // [B, C, H, W]
            Flatten.into(),                                                   // [B, D]
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
    use candle_core::{DType, Device};

    const SHAPE: Shape = Shape { channels: 3, height: 8, width: 12 };

    fn shapes(config: &VaeConfig) -> Vec<(String, Vec<usize>)> {
        let params = Params::new(1, &Device::Cpu);
        let networks = Networks::new(&params, SHAPE, config).unwrap();
        let x = Tensor::ones((2, 3, 8, 12), DType::F32, &Device::Cpu).unwrap();
        let (mu, log_var) = networks.encode(&x).unwrap();
        assert_eq!((mu.dims(), log_var.dims()), (&[2, 5][..], &[2, 5][..]));
        assert_eq!(networks.decoder.forward(&mu).unwrap().dims(), [2, 3 * 8 * 12]);
        let frozen = networks.frozen();
        let same = frozen.encode(&x).unwrap().0.to_vec2::<f32>().unwrap();
        assert_eq!(same, mu.to_vec2::<f32>().unwrap());
        let named = params.named().into_iter().filter(|(name, _)| name.ends_with("weight"));
        named.map(|(name, var)| (name, var.dims().to_vec())).collect()
    }

    fn assert_shapes(config: &VaeConfig, expected: &[(&str, &[usize])]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, dims)| (format!("{name}.weight"), dims.to_vec())).collect();
        assert_eq!(shapes(config), expected);
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
        assert_shapes(&config, &one);
        let mut two = one.to_vec();
        two.insert(1, ("decoder2", &[7, 7]));
        two.insert(3, ("encoder2", &[7, 7]));
        assert_shapes(&VaeConfig { layers: 2, ..config }, &two);
    }

    #[test]
    fn convolutions_and_their_mirror_image() {
        let config = VaeConfig { latents: 5, network: Network::Conv, ..VaeConfig::default() };
        // 64 channels of 2×3.
        assert_shapes(
            &config,
            &[
                ("conv1", &[32, 3, 4, 4]),
                ("conv2", &[64, 32, 4, 4]),
                ("decoder", &[384, 5]),
                ("log_var", &[5, 384]),
                ("mu", &[5, 384]),
                ("up1", &[64, 32, 4, 4]),
                ("up2", &[32, 3, 4, 4]),
            ],
        );
    }
}
