use super::*;
use crate::{Activation, Params};
use candle_core::{Module as _, Tensor};
use train::testing::device;

#[test]
fn parameters_have_pytorchs_names_shapes_and_bounds() {
    let params = Params::new(1, device());
    let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 3) };
    Conv2d::new(&params, "conv", config, Activation::Relu).unwrap();
    ConvTranspose2d::new(&params, "deconv", config, Activation::Relu).unwrap();
    BatchNorm2d::new(&params, "norm", 3, Activation::Relu).unwrap();
    Linear::new(&params, "out", 12, 2, Activation::Tanh).unwrap();
    let named = params.named();
    let shapes: Vec<_> = named.iter().map(|(name, var)| (name.as_str(), var.dims())).collect();
    let expected: [(&str, &[usize]); 8] = [
        ("conv.bias", &[3]),
        ("conv.weight", &[3, 2, 3, 3]),
        ("deconv.bias", &[3]),
        ("deconv.weight", &[2, 3, 3, 3]),
        ("norm.bias", &[3]),
        ("norm.weight", &[3]),
        ("out.bias", &[2]),
        ("out.weight", &[2, 12]),
    ];
    assert_eq!(shapes, expected);
    let buffers = params.buffers();
    let buffers: Vec<_> = buffers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(buffers, ["norm.running_mean", "norm.running_var"]);
    for (name, var) in &named {
        let fan_in: f32 = match name.split('.').next() {
            Some("conv") => 18.0,
            // PyTorch counts the second dimension of the weight, which here is the outputs.
            Some("deconv") => 27.0,
            Some("norm") => 1.0,
            _ => 12.0,
        };
        let largest = var.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(largest <= fan_in.sqrt().recip(), "{name} {largest}");
        assert!(largest > 0.3 * fan_in.sqrt().recip() || name == "norm.bias", "{name}");
    }
}

#[test]
fn orthogonal_layers_have_their_gain_and_no_bias() {
    let params = Params::new(1, device());
    Linear::orthogonal(&params, "out", [12, 2], Activation::Linear, 0.5).unwrap();
    let config = Conv2dConfig::new(2, 3, 3);
    Conv2d::orthogonal(&params, "conv", config, Activation::Relu, 0.5).unwrap();
    for (name, var) in params.named() {
        let rows = var.flatten_from(var.rank().min(2) - 1).unwrap();
        if name.ends_with("bias") {
            assert_eq!(rows.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
            continue;
        }
        for square in rows.sqr().unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap() {
            assert!((square - 0.25).abs() < 1e-6, "{name} {square}");
        }
    }
}

#[test]
fn a_linear_layer_by_hand() {
    let params = Params::new(1, device());
    let layer = Linear::new(&params, "l", 2, 2, Activation::Relu).unwrap();
    let set = |index: usize, value: &Tensor| params.named()[index].1.set(value).unwrap();
    set(0, &Tensor::new(&[0.5f32, -1.0], device()).unwrap());
    set(1, &Tensor::new(&[[1f32, 2.0], [-3.0, 1.0]], device()).unwrap());
    let y = layer.forward(&Tensor::new(&[[2f32, 3.0]], device()).unwrap()).unwrap();
    // 2 + 6 + 0.5 and max(0, −6 + 3 − 1)
    assert_eq!(y.to_vec2::<f32>().unwrap(), [[8.5, 0.0]]);
}
