//! Generator and discriminator.
use super::config::{GanConfig, GanNetwork};
use crate::data::Shape;
use crate::form::Form;
use candle_core::{Result, Tensor};
use nn::{Activation, Params, Sequential};

mod builder;
mod cs231n;
mod dcgan;
mod residual;

use builder::Builder;

/// The output activation of a generator.
fn output_of(form: Form) -> Activation {
    match form {
        Form::Point => Activation::Linear,
        Form::Image(_) => Activation::Tanh,
    }
}

/// Sizes of what goes in and out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) form: Form,
    /// Classes that the networks are conditioned on.
    pub(super) labels: usize,
}

/// The layers from noise `[B, Z + L]` to samples, with their parameters in `params`.
pub(super) fn generator(params: &Params, sizes: Sizes, config: &GanConfig) -> Result<Sequential> {
    let Sizes { form, labels } = sizes;
    let inputs = config.latents + labels;
    let mut layers = Builder::new(params, "generator");
    match config.network {
        GanNetwork::Mlp => {
            let mut width = inputs;
            for i in 1..=config.layers {
                layers.dense(&format!("hidden{i}"), [width, config.hidden], Activation::Relu)?; // [B, hidden]
                width = config.hidden;
            }
            layers.dense("out", [width, form.len()], output_of(form))?; // [B, D]
        }
        GanNetwork::Dcgan => dcgan::generator(&mut layers, inputs, form.shape(), config)?,
        GanNetwork::Residual => residual::generator(&mut layers, inputs, form.shape(), config)?,
        GanNetwork::Cs231nFc => {
            cs231n::fc_generator(&mut layers, [inputs, form.len()], output_of(form))?
        }
        GanNetwork::Cs231nConv => cs231n::conv_generator(&mut layers, inputs, form.shape())?,
    }
    Ok(layers.done())
}

/// The layers from samples, with their labels, to logits `[B, 1]`.
pub(super) fn discriminator(
    params: &Params,
    sizes: Sizes,
    config: &GanConfig,
) -> Result<Sequential> {
    let Sizes { form, labels } = sizes;
    let mut layers = Builder::new(params, "discriminator");
    if config.spectral {
        layers = layers.spectral();
    }
    let leaky = Activation::LeakyRelu(config.leak as f32);
    // Labels are columns of rows, and planes of images.
    let shape = Shape { channels: form.shape().channels + labels, ..form.shape() };
    match config.network {
        GanNetwork::Mlp => {
            let mut width = form.len() + labels;
            for i in 1..=config.layers {
                layers.dense(&format!("hidden{i}"), [width, config.hidden], leaky)?; // [B, hidden]
                width = config.hidden;
            }
            layers.dense("out", [width, 1], Activation::Linear)?; // [B, 1]
        }
        GanNetwork::Dcgan => dcgan::discriminator(&mut layers, shape, leaky, config)?,
        GanNetwork::Residual => residual::discriminator(&mut layers, shape, leaky, config)?,
        GanNetwork::Cs231nFc => cs231n::fc_discriminator(&mut layers, form.len() + labels)?,
        GanNetwork::Cs231nConv => cs231n::conv_discriminator(&mut layers, shape.channels)?,
    }
    Ok(layers.done())
}

/// Samples with their one-hot labels: columns after those of rows `[B, N]`, or constant channels
/// after those of images `[B, C, H, W]`.
pub(super) fn joined(x: &Tensor, label: Option<&Tensor>) -> Result<Tensor> {
    let Some(label) = label else { return Ok(x.clone()) };
    if x.rank() == 2 {
        return Tensor::cat(&[x, label], 1); // [B, N + L]
    }
    let ((b, _, height, width), l) = (x.dims4()?, label.dim(1)?);
    let planes = label.reshape((b, l, 1, 1))?.broadcast_as((b, l, height, width))?;
    Tensor::cat(&[x, &planes], 1) // [B, C + L, H, W]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::config::{BatchNorm, Downsample};
    use candle_core::{DType, Module as _};
    use train::testing::device;

    const GREY: Shape = Shape { channels: 1, height: 28, width: 28 };

    fn config(network: GanNetwork) -> GanConfig {
        GanConfig { network, latents: 4, channels: 4, hidden: 16, ..GanConfig::default() }
    }

    /// Numbers to learn in the generator and in the discriminator.
    fn counts(config: &GanConfig, sizes: Sizes) -> [usize; 2] {
        let [g, d] = [0; 2].map(|_| Params::new(1, device()));
        generator(&g, sizes, config).unwrap();
        discriminator(&d, sizes, config).unwrap();
        [g.count(), d.count()]
    }

    /// Stanford CS231n, assignment 3, "Generative Adversarial Networks": what `gan_pytorch.py`'s tests count.
    #[test]
    fn the_course_s_networks_have_the_published_sizes() {
        let sizes = Sizes { form: Form::Image(GREY), labels: 0 };
        assert_eq!(counts(&config(GanNetwork::Cs231nFc), sizes), [1_858_320, 267_009]);
        assert_eq!(counts(&config(GanNetwork::Cs231nConv), sizes), [6_580_801, 1_102_721]);
    }

    #[test]
    fn sizes_by_hand() {
        // 6·16 + 16, 16·16 + 16, 16·2 + 2, and 4·16 + 16, 16·16 + 16, 16 + 1.
        let sizes = Sizes { form: Form::Point, labels: 2 };
        assert_eq!(counts(&config(GanNetwork::Mlp), sizes), [112 + 272 + 34, 80 + 272 + 17]);
        let sizes = Sizes { form: Form::Image(GREY), labels: 0 };
        // (4 + 1)·8·49, 8·4·16 + 4, 4·16 + 1 and twice as many as normalised channels; 16·4 + 4, 4·8·16 + 8,
        // 2·8, 8·49 + 1.
        let dcgan = [1960 + 16 + 516 + 8 + 65, 68 + 520 + 16 + 393];
        assert_eq!(counts(&config(GanNetwork::Dcgan), sizes), dcgan);
        let none = GanConfig { batch_norm: BatchNorm::None, ..config(GanNetwork::Dcgan) };
        assert_eq!(counts(&none, sizes), [dcgan[0] - 24, dcgan[1] - 16]);
        let generator = GanConfig { batch_norm: BatchNorm::Generator, ..config(GanNetwork::Dcgan) };
        assert_eq!(counts(&generator, sizes), [dcgan[0], dcgan[1] - 16]);
    }

    #[test]
    fn every_network_fits_its_data() {
        let colour = Shape { channels: 3, height: 32, width: 32 };
        let switched = [
            GanConfig { downsample: Downsample::Pool, ..config(GanNetwork::Dcgan) },
            GanConfig { dense: 9, spectral: true, ..config(GanNetwork::Dcgan) },
            GanConfig { batch_norm: BatchNorm::None, leak: 0.0, ..config(GanNetwork::Dcgan) },
            GanConfig { batch_norm: BatchNorm::None, ..config(GanNetwork::Residual) },
        ];
        let all = train::choices::<GanNetwork>().into_iter().map(config).chain(switched);
        for config in all {
            for (shape, labels) in [(GREY, 0), (GREY, 3), (colour, 2)] {
                if shape == colour && config.network == GanNetwork::Cs231nConv {
                    continue;
                }
                let sizes = Sizes { form: Form::Image(shape), labels };
                let [g, d] = [0; 2].map(|_| Params::new(1, device()));
                let ones = |n| Tensor::ones((2, n), DType::F32, device()).unwrap();
                let label = (labels > 0).then(|| ones(labels));
                let z = joined(&ones(4), label.as_ref()).unwrap();
                let x = generator(&g, sizes, &config).unwrap().forward(&z).unwrap();
                let expected = match config.network.takes_rows() {
                    true => vec![2, shape.len()],
                    false => vec![2, shape.channels, shape.height, shape.width],
                };
                assert_eq!(x.dims(), expected, "{config:?}");
                let largest = x.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(largest <= 1.0, "{config:?}");
                let d = discriminator(&d, sizes, &config).unwrap();
                let logits = d.forward(&joined(&x, label.as_ref()).unwrap()).unwrap();
                assert_eq!(logits.dims(), [2, 1], "{config:?}");
            }
        }
    }

    #[test]
    fn dcgan_starts_from_small_weights() {
        let sizes = Sizes { form: Form::Image(GREY), labels: 0 };
        let wide = GanConfig { channels: 32, latents: 64, ..config(GanNetwork::Dcgan) };
        let [g, d] = [0; 2].map(|_| Params::new(1, device()));
        generator(&g, sizes, &wide).unwrap();
        discriminator(&d, sizes, &wide).unwrap();
        for (name, var) in g.named().into_iter().chain(d.named()) {
            if name.ends_with("weight") && var.rank() > 1 && var.elem_count() > 1_000 {
                let square = var.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
                assert!((square.sqrt() - 0.02).abs() < 0.002, "{name} {square}");
            }
        }
    }

    #[test]
    fn labels_are_columns_or_planes() {
        let label = Tensor::new(&[[0f32, 1.0]], device()).unwrap();
        let rows = Tensor::new(&[[5f32, 6.0, 7.0]], device()).unwrap();
        let both = joined(&rows, Some(&label)).unwrap();
        assert_eq!(both.to_vec2::<f32>().unwrap(), [[5.0, 6.0, 7.0, 0.0, 1.0]]);
        let image = Tensor::new(&[[[[5f32, 6.0]]]], device()).unwrap();
        let both = joined(&image, Some(&label)).unwrap();
        assert_eq!(both.dims(), [1, 3, 1, 2]);
        let values: Vec<f32> = both.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(values, [5.0, 6.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(joined(&rows, None).unwrap().dims(), [1, 3]);
    }
}
