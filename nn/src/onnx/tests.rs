//! Graphs of networks with every layer there is, run by ONNX Runtime.
use super::proto;
use super::testing::{Case, same_outputs};
use super::*;
use crate::{
    Activation, BatchNorm2d, Conv2d, Conv2dConfig, ConvTranspose2d, Flatten, Init, Layer, Linear,
    Mask, MaskedConfig, MaxPool2d, Params, Residual, Sequential, Skip, Unflatten, nearest,
};
use candle_core::{DType, Module as _, Tensor};
use prost::Message as _;
use train::testing::device;

fn random(shape: &[usize]) -> Tensor {
    super::testing::random("test", shape).unwrap()
}

/// A network of layers on samples of this shape, after its statistics and singular values have moved.
fn compare(dims: &[usize], layers: Vec<Layer>) {
    let network = Sequential::new(layers);
    let batch = |n: usize| random(&[&[n], dims].concat());
    network.forward(&batch(5)).unwrap();
    let mut graph = Graph::default();
    let x = graph.input("x", dims);
    let y = network.nodes(&mut graph, x).unwrap();
    let frozen = network.frozen();
    assert_eq!(y.dims(), &frozen.forward(&batch(1)).unwrap().dims()[1..]);
    graph.output("y", y);
    let case = |n: usize| {
        let x = batch(n);
        Case { outputs: vec![("y", frozen.forward(&x).unwrap())], inputs: vec![("x", x)] }
    };
    same_outputs(graph, &[case(1), case(3)]);
}

const ACTIVATIONS: [Activation; 5] = [
    Activation::Linear,
    Activation::Relu,
    Activation::LeakyRelu(0.2),
    Activation::Tanh,
    Activation::Sigmoid,
];

#[test]
fn dense_layers_with_every_activation() {
    let params = Params::new(1, device());
    let layers = ACTIVATIONS.iter().enumerate().map(|(i, &activation)| {
        // Not square, so that a weight the wrong way round does not fit.
        Linear::new(&params, &format!("dense{i}"), 4 + i, 5 + i, activation).unwrap().into()
    });
    compare(&[4], layers.collect());
    // Square, so that it does.
    for activation in ACTIVATIONS {
        let params = Params::new(1, device());
        compare(&[6], vec![Linear::new(&params, "square", 6, 6, activation).unwrap().into()]);
    }
}

#[test]
fn masked_and_spectral_weights_are_the_applied_ones() {
    let params = Params::new(1, device());
    let mask: Vec<bool> = (0..20).map(|i| i % 3 > 0).collect();
    let masked = Linear::masked(&params, "masked", [4, 5], &mask, Activation::Relu).unwrap();
    // Weights that the mask hides count for nothing, whatever they are.
    let weight = params.named().into_iter().find(|(name, _)| name == "masked.weight").unwrap().1;
    weight.set(&(weight.as_tensor() + 1.0).unwrap()).unwrap();
    let dense = Linear::new(&params, "dense", 5, 48, Activation::Linear).unwrap();
    let conv = Conv2dConfig { padding: 1, ..Conv2dConfig::new(3, 2, 3) };
    let conv = Conv2d::new(&params, "conv", conv, Activation::Tanh).unwrap();
    compare(
        &[4],
        vec![
            masked.into(),
            dense.spectral(&params, "dense").unwrap().into(),
            Unflatten { channels: 3, height: 4, width: 4 }.into(),
            conv.spectral(&params, "conv").unwrap().into(),
        ],
    );
}

#[test]
fn convolutions_up_and_down_with_pooling_and_normalisation() {
    let params = Params::new(1, device());
    let halving = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 4) };
    let same = Conv2dConfig { padding: 1, ..Conv2dConfig::new(3, 3, 3) };
    let dilated = Conv2dConfig { dilation: 2, padding: 2, ..same };
    let doubling = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(3, 2, 4) };
    let conv = |name, config, activation| Conv2d::new(&params, name, config, activation).unwrap();
    let norm = |name, channels, activation| -> Layer {
        BatchNorm2d::new(&params, name, channels, activation).unwrap().into()
    };
    let up = ConvTranspose2d::new(&params, "up", doubling, Activation::Sigmoid).unwrap();
    let skipped = ["skip1", "skip2"].map(|name| conv(name, same, Activation::Tanh).into());
    let layers = vec![
        conv("down", halving, Activation::Relu).into(), // [B, 3, 6, 5]
        norm("norm1", 3, Activation::LeakyRelu(0.1)),
        conv("dilated", dilated, Activation::Tanh).into(),
        Residual::new(conv("residual", same, Activation::Relu)).into(),
        Skip::new(skipped.into()).into(),
        up.into(),                         // [B, 2, 12, 10]
        MaxPool2d::new(3).unwrap().into(), // [B, 2, 4, 3]
        Flatten.into(),                    // [B, 24]
        norm("norm2", 24, Activation::Tanh),
        Linear::new(&params, "dense", 24, 24, Activation::Linear).unwrap().into(),
        Unflatten { channels: 4, height: 3, width: 2 }.into(),
    ];
    for (name, var) in params.named() {
        if name.starts_with("norm") {
            var.set(&random(var.dims())).unwrap();
        }
    }
    compare(&[2, 12, 10], layers);
}

#[test]
fn masked_convolutions_and_channels_last() {
    let config =
        |mask, colours| MaskedConfig { inputs: 6, outputs: 6, kernel: [3, 5], mask, colours };
    let params = Params::new(1, device());
    let masked = |name: &str, mask, colours| {
        Conv2d::masked(&params, name, config(mask, colours), Activation::Relu).unwrap()
    };
    let layers = |last: bool| -> Vec<Layer> {
        let all = [("b", Mask::B, 3), ("vertical", Mask::VerticalB, 1)];
        let ordered = |conv: Conv2d| if last { conv.channels_last() } else { conv };
        let name = |name: &str| format!("{name}{last}");
        let all = all.map(|(is, mask, colours)| ordered(masked(&name(is), mask, colours)));
        let [first, second] = all;
        vec![first.into(), Residual::new(second).into()]
    };
    let (planes, pixels) = (layers(false), layers(true));
    // Elements of a kernel that a mask hides count for nothing, whatever they are.
    for (_, var) in params.named() {
        var.set(&random(var.dims())).unwrap();
    }
    compare(&[6, 4, 5], planes);
    compare(&[4, 5, 6], pixels);
}

/// A function of two inputs, with what the learners add to their networks.
#[test]
fn what_is_not_a_layer() {
    let codebook = random(&[4, 3]);
    let (mean, deviation) = ([100.0, 1e6 + 0.3, -1.0], [0.1, 0.02, 2.0]);
    let mut graph = Graph::default();
    let x = graph.input("x", &[3]);
    let label = graph.input("label", &[2]);
    let codes = graph.index_input("codes", &[2, 3]);
    let z = graph.normalised(&x, &mean, &deviation).unwrap();
    let z = graph.clipped(&z, -1.5, 1.5);
    let both = graph.joined(&z, &label);
    let planes = graph.planes(&label, [2, 3]);
    let rows = graph.rows_of(&codebook, &codes).unwrap(); // [B, 2, 3, 3]
    let rows = graph.transposed(&rows, &[0, 3, 1, 2]);
    let stacked = graph.joined(&rows, &planes);
    let scaled = graph.affine(&stacked, 2.0, -1.0);
    let like = graph.reshaped(z.clone(), &[3]);
    let log_std = graph.for_each_sample(&codebook.get(0).unwrap(), &like).unwrap();
    let nearest_one = graph.nearest(&x, &codebook).unwrap();
    for (name, value) in
        [("z", z), ("both", both), ("scaled", scaled), ("log_std", log_std), ("same_x", x)]
    {
        graph.output(name, value);
    }
    graph.output("nearest", nearest_one);
    assert!(graph.clone().normalised(&graph.inputs[0].clone(), &[0.0], &[1.0]).is_err());
    let case = |n: usize| {
        let near = Tensor::new(&mean, device()).unwrap();
        let spread = Tensor::new(&[0.1, 0.02, 2.0], device()).unwrap();
        let noise = random(&[n, 3]).to_dtype(DType::F64).unwrap();
        let x = noise.broadcast_mul(&spread).unwrap().broadcast_add(&near).unwrap();
        let x = x.to_dtype(DType::F32).unwrap();
        let rows = x.to_vec2::<f32>().unwrap();
        let z = rows.iter().flatten().zip(mean.iter().zip(&deviation).cycle());
        let z: Vec<f32> = z
            .map(|(&x, (mean, deviation))| ((f64::from(x) - mean) / deviation) as f32)
            .map(|z| z.clamp(-1.5, 1.5))
            .collect();
        let z = Tensor::from_vec(z, (n, 3), device()).unwrap();
        let label = random(&[n, 2]);
        let codes: Vec<u32> = (0..6 * n as u32).map(|i| i * i % 4).collect();
        let codes = Tensor::from_vec(codes, 6 * n, device()).unwrap();
        let rows = codebook.index_select(&codes, 0).unwrap().reshape((n, 2, 3, 3)).unwrap();
        let rows = rows.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let planes = label.reshape((n, 2, 1, 1)).unwrap().broadcast_as((n, 2, 2, 3)).unwrap();
        let stacked = Tensor::cat(&[&rows, &planes.contiguous().unwrap()], 1).unwrap();
        let log_std = codebook.get(0).unwrap().broadcast_as((n, 3)).unwrap().contiguous().unwrap();
        let chosen = nearest(&x, &codebook).unwrap().to_dtype(DType::I64).unwrap();
        Case {
            outputs: vec![
                ("both", Tensor::cat(&[&z, &label], 1).unwrap()),
                ("z", z),
                ("scaled", stacked.affine(2.0, -1.0).unwrap()),
                ("log_std", log_std),
                ("same_x", x.clone()),
                ("nearest", chosen),
            ],
            inputs: vec![
                ("x", x),
                ("label", label),
                ("codes", codes.to_dtype(DType::I64).unwrap().reshape((n, 2, 3)).unwrap()),
            ],
        }
    };
    let sorted = |case: Case<'static>| {
        let Case { inputs, mut outputs } = case;
        outputs.swap(0, 1);
        Case { inputs, outputs }
    };
    same_outputs(graph, &[sorted(case(1)), sorted(case(3))]);
}

#[test]
fn a_file_says_what_it_is() {
    let params = Params::new(1, device());
    params.var("unused", 1, Init::Constant(0.0)).unwrap();
    let network = Linear::new(&params, "dense", 4, 2, Activation::Tanh).unwrap();
    let mut graph = Graph::default();
    let x = graph.input("observation", &[4]);
    let y = Sequential::new(vec![network.into()]).nodes(&mut graph, x).unwrap();
    graph.output("mean", y);
    graph.note("algorithm", "ppo");
    let file = proto::Model::decode(&graph.encode("policy").unwrap()[..]).unwrap();
    assert_eq!((file.ir_version, file.opset_import[0].version), (8, 17));
    let notes: Vec<_> =
        file.metadata_props.iter().map(|entry| (&*entry.key, &*entry.value)).collect();
    assert_eq!(notes, [("algorithm", "ppo")]);
    let graph = file.graph.unwrap();
    assert_eq!(graph.name, "policy");
    let operators: Vec<_> = graph.node.iter().map(|node| &*node.op_type).collect();
    assert_eq!(operators, ["Gemm", "Tanh"]);
    let shape = |value: &proto::ValueInfo| {
        let dims = value.kind.clone().unwrap().tensor.unwrap().shape.unwrap().dims;
        dims.into_iter().map(|dim| (dim.size, dim.name)).collect::<Vec<_>>()
    };
    let batch = (None, Some("batch".to_owned()));
    assert_eq!(
        (&*graph.input[0].name, shape(&graph.input[0])),
        ("observation", vec![batch.clone(), (Some(4), None)])
    );
    assert_eq!(
        (&*graph.output[0].name, shape(&graph.output[0])),
        ("mean", vec![batch, (Some(2), None)])
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let params = Params::new(1, device());
    let dense = Linear::new(&params, "dense", 4, 2, Activation::Tanh).unwrap();
    let network = Sequential::new(vec![dense.into()]);
    let mut graph = Graph::default();
    let x = graph.input("x", &[5]);
    let error = network.nodes(&mut graph, x).unwrap_err().to_string();
    assert!(error.contains("a dense layer of 4 inputs does not fit samples of [5]"), "{error}");
    let conv = Conv2d::new(&params, "conv", Conv2dConfig::new(2, 3, 3), Activation::Relu).unwrap();
    let last = Conv2d::new(&params, "last", Conv2dConfig::new(2, 3, 3), Activation::Relu).unwrap();
    let up = Conv2dConfig { padding: 2, ..Conv2dConfig::new(2, 3, 3) };
    let up = ConvTranspose2d::new(&params, "up", up, Activation::Relu).unwrap();
    let all: [Layer; 4] =
        [conv.into(), last.channels_last().into(), up.into(), MaxPool2d::new(3).unwrap().into()];
    for (layer, dims) in all.iter().flat_map(|layer| {
        [&[2, 2, 2][..], &[3, 5, 1], &[8]].map(|dims| (Sequential::new(vec![layer.clone()]), dims))
    }) {
        let x = graph.input("x", dims);
        let error = layer.nodes(&mut graph, x).unwrap_err().to_string();
        assert!(error.contains("not fit samples of"), "{error}");
    }
}
