use super::*;
use envs::{Actions, Breakout, CartPole, Env as _};
use train::testing::device;

fn images(side: usize) -> Spec {
    let actions = Actions::Discrete(vec!["left".into(), "right".into()]);
    Spec { obs_shape: vec![4, side, side], actions, ..CartPole::default().spec() }
}

/// The names and shapes of the weights of Q, and the shape of what it gives two observations.
fn weights(spec: &Spec, name: NetworkName, hidden: &Hidden) -> (Vec<String>, Vec<usize>) {
    let params = Params::new(1, device());
    let network = q_network(&params, spec, name, hidden).unwrap();
    let weights = params.named().into_iter().filter(|(name, _)| name.ends_with("weight"));
    let told = weights.map(|(name, var)| format!("{name} {:?}", var.dims())).collect();
    let obs = Tensor::ones(spec.batch_shape(2), DType::F32, device()).unwrap();
    (told, network.forward(&obs).unwrap().dims().to_vec())
}

#[test]
fn layers_are_those_that_were_asked_for() {
    let pole = CartPole::default().spec();
    let told = |spec: &Spec, name, hidden: Hidden| {
        let (told, outputs) = weights(spec, name, &hidden);
        assert_eq!(outputs[0], 2);
        told.join(", ")
    };
    use NetworkName::{Auto, Conv, Mlp, Nature};
    let usual = "hidden1.weight [8, 4], hidden2.weight [8, 8], out.weight [2, 8]";
    assert_eq!(told(&pole, Auto, 8.into()), usual);
    assert_eq!(told(&pole, Mlp, [8, 8].into()), usual);
    let three =
        "hidden1.weight [7, 4], hidden2.weight [6, 7], hidden3.weight [5, 6], out.weight [2, 5]";
    assert_eq!(told(&pole, Mlp, [7, 6, 5].into()), three);
    assert_eq!(told(&pole, Mlp, [7].into()), "hidden1.weight [7, 4], out.weight [2, 7]");
    assert_eq!(told(&pole, Mlp, [].into()), "out.weight [2, 4]");

    let usual = "conv.weight [16, 4, 3, 3], hidden.weight [8, 1024], out.weight [2, 8]";
    assert_eq!(told(&images(10), Auto, 8.into()), usual);
    assert_eq!(told(&images(10), Conv, [8].into()), usual);
    let linear = "conv.weight [16, 4, 3, 3], out.weight [2, 1024]";
    assert_eq!(told(&images(10), Conv, [].into()), linear);
    let flat = "hidden1.weight [8, 400], hidden2.weight [8, 8], out.weight [2, 8]";
    assert_eq!(told(&images(10), Mlp, 8.into()), flat);
    // 84 → 20 → 9 → 7, as in the paper.
    let nature = "conv1.weight [32, 4, 8, 8], conv2.weight [64, 32, 4, 4], conv3.weight [64, 64, 3, 3], \
                  hidden.weight [512, 3136], out.weight [2, 512]";
    assert_eq!(told(&images(84), Nature, 512.into()), nature);
    assert_eq!(weights(&images(36), Nature, &[3, 3].into()).1, [2, 2]);
}

#[test]
fn a_network_that_does_not_take_the_observations_is_refused() {
    let told = |spec: &Spec, name| {
        let body = q_body(name, &Hidden::Each(8));
        body.sizes(spec).unwrap_err().to_string()
    };
    assert_eq!(
        told(&CartPole::default().spec(), NetworkName::Conv),
        "--network conv: takes observations [channels, height, width] of at least 3×3, and those of this \
         environment are [4]; use --network mlp"
    );
    let nature = told(&Breakout::default().spec(), NetworkName::Nature);
    assert!(nature.contains("36×36") && nature.contains("[4, 10, 10]"), "{nature}");
    let small = told(&images(2), NetworkName::Auto);
    assert!(small.starts_with("--network auto: takes observations [features] or"), "{small}");
    assert!(q_body(NetworkName::Mlp, &Hidden::Each(8)).sizes(&images(2)).is_ok());
}

/// Named shapes of all parameters, and the outputs for two observations.
fn parameters(spec: &Spec, body: &Body) -> (String, Tensor) {
    let params = Params::new(1, device());
    let (layers, features) = body.layers(&params, "", spec).unwrap();
    let told: Vec<_> =
        params.named().into_iter().map(|(name, var)| format!("{name} {:?}", var.dims())).collect();
    let range = 2 * spec.obs_len();
    let obs = Tensor::arange(0f32, range as f32, device()).unwrap();
    let obs = obs.affine(1.0 / range as f64, -0.5).unwrap().reshape(spec.batch_shape(2)).unwrap();
    let outputs = Sequential::new(layers).forward(&obs).unwrap();
    assert_eq!(outputs.dims(), [2, features]);
    (told.join(", "), outputs)
}

#[test]
fn impalas_network_has_three_parts_of_two_residual_blocks() {
    let body = q_body(NetworkName::Impala, &256.into());
    let (told, _) = parameters(&images(84), &body);
    // 84 → 42 → 21 → 11, each filter of 3×3: 16·(4 + 4·16)·9, then 32·(16 + 4·32)·9 and 32·(32 + 4·32)·9.
    for part in [
        "hidden.weight [256, 3872]",
        "part1.conv.weight [16, 4, 3, 3]",
        "part1.block2.conv2.weight [16, 16, 3, 3]",
        "part2.conv.weight [32, 16, 3, 3]",
        "part3.block1.conv1.weight [32, 32, 3, 3]",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let params = Params::new(1, device());
    body.layers(&params, "", &images(84)).unwrap();
    let convolutions = 9 * (16 * (4 + 4 * 16) + 32 * (16 + 4 * 32) + 32 * (32 + 4 * 32));
    let biases = 5 * (16 + 32 + 32);
    assert_eq!(params.count(), convolutions + biases + 256 * 3872 + 256);
    // 16·84² at first, then 9 times the pooled maps of each part, and 32·42² and 32·21² convolved.
    let maps = 16 * 84 * 84 + 9 * 16 * 42 * 42 + 32 * 42 * 42 + 9 * 32 * 21 * 21;
    let sizes = body.sizes(&images(84)).unwrap();
    assert_eq!((sizes.maps, &sizes.widths[..]), (maps + 32 * 21 * 21 + 9 * 3872, &[3872, 256][..]));
    for side in [1, 2, 10] {
        parameters(&images(side), &body);
    }
    let error = body.sizes(&CartPole::default().spec()).unwrap_err().to_string();
    assert!(
        error.contains("--network impala: takes observations [channels, height, width]"),
        "{error}"
    );
}

/// With its parameters at 0 but for one filter a residual block hands its input on.
#[test]
fn impalas_network_by_hand() {
    let (params, spec) = (Params::new(1, device()), images(2));
    let body = q_body(NetworkName::Impala, &Hidden::Layers(Vec::new()));
    let (layers, _) = body.layers(&params, "", &spec).unwrap();
    for (name, var) in params.named() {
        let mut values = vec![0f32; var.elem_count()];
        if name.ends_with(".conv.weight") {
            // The first filter shows the first channel.
            values[4] = 1.0;
        }
        if name == "part3.block2.conv2.bias" {
            values[0] = -10.0;
            values[1] = 0.5;
        }
        var.set(&Tensor::from_vec(values, var.shape(), device()).unwrap()).unwrap();
    }
    let network = Sequential::new(layers);
    let mut obs = vec![0f32; 2 * 16];
    (obs[2], obs[16 + 1]) = (7.0, 12.5);
    let obs = Tensor::from_vec(obs, spec.batch_shape(2), device()).unwrap();
    let outputs: Vec<Vec<f32>> = network.forward(&obs).unwrap().to_vec2().unwrap();
    // The largest of the image, less 10 in the last block, cut off at 0; the second map is its bias alone.
    assert_eq!(
        outputs.iter().map(|row| (row[0], row[1])).collect::<Vec<_>>(),
        [(0.0, 0.5), (2.5, 0.5)]
    );
}

#[test]
fn activations_and_normalisation_are_those_that_were_asked_for() {
    use NetworkName::{Conv, Impala, Mlp};
    for (network, spec) in
        [(Mlp, CartPole::default().spec()), (Conv, images(5)), (Impala, images(5))]
    {
        let plain = q_body(network, &8.into());
        let (names, usual) = parameters(&spec, &plain);
        let outputs = |body: &Body| -> Vec<f32> {
            parameters(&spec, body).1.flatten_all().unwrap().to_vec1().unwrap()
        };
        let usual: Vec<f32> = usual.flatten_all().unwrap().to_vec1().unwrap();
        let with = |activation| Body { activation: Some(activation), ..plain.clone() };
        assert_eq!(outputs(&with(ActivationName::Relu)), usual, "{network:?}");
        for (activation, least) in [
            (ActivationName::LeakyRelu, -0.01),
            (ActivationName::Tanh, -1.0),
            (ActivationName::Silu, -0.28),
        ] {
            let outputs = outputs(&with(activation));
            assert!(
                outputs != usual && outputs.iter().any(|y| *y < 0.0),
                "{network:?} {activation:?}"
            );
            assert!(outputs.iter().all(|y| *y > least), "{network:?} {activation:?} {outputs:?}");
        }
        let normed = Body { layer_norm: true, ..with(ActivationName::Silu) };
        let (more, _) = parameters(&spec, &normed);
        assert!(more.contains("norm.weight") && !names.contains("norm"), "{more}");
        assert_eq!(more.contains("conv.norm.weight"), network != Mlp, "{more}");
        // An own activation of policies counts in an mlp alone.
        let tanh = Body { usual: ActivationName::Tanh, ..plain.clone() };
        assert_eq!(outputs(&tanh) == usual, network != Mlp, "{network:?}");
    }
}

/// Gradients through the whole of IMPALA's network, with each activation, and its export.
#[test]
fn impalas_network_has_the_gradients_of_differences_and_is_exported_as_it_computes() {
    use nn::onnx::testing::{Case, random, randomise, same_outputs};
    let spec = Spec { obs_shape: vec![2, 5, 4], ..images(5) };
    for activation in [ActivationName::Tanh, ActivationName::Silu, ActivationName::Relu] {
        let body = Body { activation: Some(activation), ..q_body(NetworkName::Impala, &8.into()) };
        let params = Params::new(1, device());
        let (layers, _) = body.layers(&params, "", &spec).unwrap();
        randomise(&params).unwrap();
        let network = Sequential::new(layers);
        let obs = random("obs", &spec.batch_shape(2)).unwrap();
        if activation != ActivationName::Relu {
            let of = ["part1.conv.weight", "part2.block1.conv1.bias", "part3.block2.conv2.bias"];
            let vars = params.named().into_iter().filter(|(name, _)| of.contains(&name.as_str()));
            let vars: Vec<_> = vars.map(|(_, var)| var).collect();
            assert_eq!(vars.len(), 3);
            let loss = || network.forward(&obs)?.sqr()?.mean_all();
            let worst = nn::gradcheck::gradcheck(&vars, 1e-3, loss).unwrap();
            assert!(worst < 2e-2, "{activation:?}: {worst}");
        }
        let mut graph = Graph::default();
        let input = graph.input("obs", &spec.obs_shape);
        let y = network.nodes(&mut graph, input).unwrap();
        graph.output("y", y);
        let outputs = vec![("y", network.forward(&obs).unwrap())];
        same_outputs(graph, &[Case { inputs: vec![("obs", obs)], outputs }]);
    }
}
