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
        body.widths(spec).unwrap_err().to_string()
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
    assert!(q_body(NetworkName::Mlp, &Hidden::Each(8)).widths(&images(2)).is_ok());
}
