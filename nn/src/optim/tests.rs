//! Rules by hand, gradients from every source, and state that survives saving.
use super::update::Update;
use super::*;
use crate::{Activation, Init, Linear};
use candle_core::{DType, Module as _};
use train::Scope;
use train::testing::{device, rounding};

/// A parameter for each value, with names in alphabetical order.
fn params(values: &[f64]) -> Params {
    let params = Params::new(1, device());
    for (index, value) in values.iter().enumerate() {
        params.var(&format!("theta{index}"), 1, Init::Constant(*value)).unwrap();
    }
    params
}

fn norm_of(stats: &Stats) -> f64 {
    stats.grad_norm.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

fn values(params: &Params) -> Vec<f32> {
    params.named().iter().flat_map(|(_, var)| var.to_vec1::<f32>().unwrap()).collect()
}

/// A loss whose gradient is `gradient`; parameters beyond it are not part of the loss.
fn loss(params: &Params, gradient: &[f64]) -> Tensor {
    let named = params.named();
    let terms = named.iter().zip(gradient).map(|((_, var), g)| (var.as_tensor() * *g).unwrap());
    terms.reduce(|sum, term| (sum + term).unwrap()).unwrap()
}

fn config(rule: Rule) -> OptimizerConfig {
    OptimizerConfig { rule, max_norm: None }
}

fn rms_prop(form: RmsForm) -> Rule {
    Rule::RmsProp { lr: 0.1, decay: 0.9, eps: 0.5, form }
}

fn rules() -> [Rule; 6] {
    [
        OptimizerConfig::adam(0.1).rule,
        rms_prop(RmsForm::Plain),
        rms_prop(RmsForm::Centred),
        rms_prop(RmsForm::CentredEpsInside),
        Rule::Sgd { lr: 0.1, momentum: 0.0 },
        Rule::Sgd { lr: 0.1, momentum: 0.9 },
    ]
}

/// θ after the gradients 2 and −1, from θ = 1, by the formulas of [`Rule`].
const EXPECTED: [[f32; 2]; 6] = [
    [0.9, 0.873_366_3],
    [0.823_392_6, 0.908_265_5],
    [0.818_181_8, 0.903_397_1],
    [0.784_334_4, 0.886_738_4],
    [0.8, 0.9],
    [0.8, 0.72],
];

#[test]
fn rules_by_hand() {
    // A first gradient of 8 that is clipped to 2 has to come to the same.
    for (first, max_norm) in [(2.0, None), (8.0, Some(2.0))] {
        for (rule, expected) in rules().into_iter().zip(EXPECTED) {
            let params = params(&[1.0]);
            let mut optimizer =
                Optimizer::new(&params, OptimizerConfig { rule, max_norm }).unwrap();
            for (gradient, expected) in [first, -1.0].into_iter().zip(expected) {
                let stats = optimizer.step(&loss(&params, &[gradient])).unwrap();
                assert_eq!(norm_of(&stats), gradient.abs());
                let value = values(&params)[0];
                assert!((value - expected).abs() < 1e-6, "{rule:?} {max_norm:?} {value}");
            }
        }
    }
}

#[test]
fn every_element_of_a_large_parameter_moves() {
    for (rule, [_, expected]) in rules().into_iter().zip(EXPECTED) {
        let params = Params::new(1, device());
        let theta = params.var("theta", 200_001, Init::Constant(1.0)).unwrap();
        let mut optimizer = Optimizer::new(&params, config(rule)).unwrap();
        for gradient in [2.0, -1.0] {
            let stats = optimizer.step(&(theta.sum_all().unwrap() * gradient).unwrap()).unwrap();
            let norm = gradient.abs() * 200_001f64.sqrt();
            let found = norm_of(&stats);
            let most = f64::from(rounding()).max(1e-12);
            assert!((found / norm - 1.0).abs() < most, "{found}");
        }
        let wrong = values(&params).into_iter().find(|value| (value - expected).abs() > 1e-6);
        assert_eq!(wrong, None, "{rule:?}");
    }
}

#[test]
fn rules_by_candle_are_the_same() {
    for (rule, expected) in rules().into_iter().zip(EXPECTED) {
        let theta = Var::new(&[1f32], device()).unwrap();
        let moments: Vec<Var> =
            rule.moments().iter().map(|_| Var::new(&[0f32], device()).unwrap()).collect();
        for ((gradient, expected), step) in [8f32, -4.0].into_iter().zip(expected).zip(1..) {
            let gradient = Tensor::new(&[gradient], device()).unwrap();
            Update { rule, step, scale: 0.25 }.by_candle(&theta, &gradient, &moments).unwrap();
            let value = theta.to_vec1::<f32>().unwrap()[0];
            assert!((value - expected).abs() < 1e-6, "{rule:?} {value}");
        }
    }
}

#[test]
fn a_new_lr_holds_from_the_next_step() {
    let params = params(&[1.0]);
    let mut optimizer =
        Optimizer::new(&params, config(Rule::Sgd { lr: 1.0, momentum: 0.0 })).unwrap();
    optimizer.set_lr(0.25);
    optimizer.step(&loss(&params, &[2.0])).unwrap();
    assert_eq!(values(&params), [0.5]);
}

#[test]
fn clipping_scales_the_whole_gradient() {
    let step = |max_norm: f64| {
        let params = params(&[0.0, 0.0]);
        let config = config(Rule::Sgd { lr: 1.0, momentum: 0.0 }).clipped(max_norm);
        let mut optimizer = Optimizer::new(&params, config).unwrap();
        assert_eq!(norm_of(&optimizer.step(&loss(&params, &[3.0, -4.0])).unwrap()), 5.0);
        values(&params)
    };
    assert_eq!(step(1.0), [-0.6, 0.8]);
    assert_eq!(step(6.0), [-3.0, 4.0]);
}

#[test]
fn what_the_loss_does_not_reach_stays() {
    let params = params(&[1.0, 1.0]);
    let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
    optimizer.step(&loss(&params, &[1.0, 1.0])).unwrap();
    let before = values(&params);
    let moments = optimizer.slots[1].moments[0].to_vec1::<f32>().unwrap();
    optimizer.step(&loss(&params, &[1.0])).unwrap();
    let after = values(&params);
    assert!(after[0] != before[0] && after[1] == before[1]);
    assert_eq!(optimizer.slots[1].moments[0].to_vec1::<f32>().unwrap(), moments);
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    if !train::is_host(device()) {
        println!(
            "skipped: a device is not waited for; see a_step_on_a_device_is_that_of_the_kernels"
        );
        return;
    }
    for broken in [f64::NAN, f64::INFINITY] {
        let params = params(&[1.0, 1.0]);
        let mut optimizer = Optimizer::new(&params, OptimizerConfig::adam(0.1)).unwrap();
        let error = optimizer.step(&loss(&params, &[1.0, broken])).unwrap_err().to_string();
        assert!(error.contains("gradient of theta1 is not finite"), "{error}");
        assert_eq!(values(&params), [1.0, 1.0]);
        assert_eq!(optimizer.step, 0);
    }
}

/// Gradients that kernels write, that Candle adds up, and both at once, against Candle alone.
#[test]
fn every_way_of_a_gradient_counts() {
    let params = Params::new(1, device());
    let layer = Linear::new(&params, "layer", 3, 3, Activation::Tanh).unwrap();
    let x = Tensor::new(&[[0.5f32, -1.0, 2.0], [0.1, 0.2, 0.3]], device()).unwrap();
    let weight = params.named()[1].1.clone();
    let losses: [&dyn Fn() -> Result<Tensor>; 3] = [
        &|| layer.forward(&x)?.sqr()?.sum_all(),
        &|| layer.forward(&layer.forward(&x)?)?.sqr()?.sum_all(),
        &|| layer.forward(&x)?.sum_all()? + weight.sqr()?.sum_all()?,
    ];
    let rule = Rule::Sgd { lr: 1.0, momentum: 0.0 };
    let mut optimizer = Optimizer::new(&params, config(rule)).unwrap();
    for loss in losses {
        let gradients = loss().unwrap().backward().unwrap();
        let expected: Vec<Tensor> = params
            .named()
            .iter()
            .map(|(_, var)| (var.as_detached_tensor() - gradients.get(var).unwrap()).unwrap())
            .collect();
        optimizer.step(&loss().unwrap()).unwrap();
        for ((name, var), expected) in params.named().iter().zip(expected) {
            let difference = (var.as_tensor() - expected).unwrap().abs().unwrap();
            let largest = difference.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(largest < 1e-6, "{name}: {largest}");
        }
    }
}

#[test]
fn a_loaded_optimizer_goes_on_with_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    for (index, rule) in rules().into_iter().enumerate() {
        let path = dir.path().join(format!("checkpoint-{index}"));
        let own = params(&[1.0, -2.0]);
        let mut optimizer = Optimizer::new(&own, config(rule)).unwrap();
        optimizer.step(&loss(&own, &[2.0, 0.3])).unwrap();
        let mut checkpoint = Checkpoint::create(&path).unwrap();
        own.state("params", &mut checkpoint).unwrap();
        optimizer.state("optimizer", &mut checkpoint).unwrap();
        checkpoint.commit().unwrap();
        optimizer.step(&loss(&own, &[-1.0, 0.1])).unwrap();

        let loaded = params(&[0.0, 0.0]);
        let mut again = Optimizer::new(&loaded, config(rule)).unwrap();
        let mut checkpoint = Checkpoint::open(&path, Scope::All).unwrap();
        loaded.state("params", &mut checkpoint).unwrap();
        again.state("optimizer", &mut checkpoint).unwrap();
        again.step(&loss(&loaded, &[-1.0, 0.1])).unwrap();
        assert_eq!(values(&loaded), values(&own), "{rule:?}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let params = params(&[1.0]);
    let beta = Rule::Adam { lr: 0.1, beta1: 1.0, beta2: 0.999, eps: 1e-8 };
    let refused = [config(beta), OptimizerConfig::adam(0.1).clipped(0.0)];
    for (config, named) in refused.into_iter().zip(["beta1", "max_norm"]) {
        let error = Optimizer::new(&params, config).err().unwrap().to_string();
        assert!(error.contains(named), "{error}");
    }
}

/// On a device that is not waited for: the same step, clipped or not. A gradient that is not finite is not hidden.
#[test]
fn a_step_on_a_device_is_that_of_the_kernels() {
    for max_norm in [None, Some(0.5), Some(50.0)] {
        let config = OptimizerConfig { rule: OptimizerConfig::adam(0.1).rule, max_norm };
        let (here, there) = (params(&[1.0, -2.0, 0.5]), params(&[1.0, -2.0, 0.5]));
        let mut by_kernels = Optimizer::new(&here, config).unwrap();
        let mut on_device = Optimizer::new(&there, config).unwrap();
        for gradient in [[3.0, -4.0, 0.0], [0.1, 0.2, 0.3]] {
            let stats = by_kernels.step(&loss(&here, &gradient)).unwrap();
            on_device.step += 1;
            let found =
                gradient.map(|g| Gradient::Tensor(Tensor::new(&[g as f32], device()).unwrap()));
            let norm = on_device.step_on_device(&found).unwrap().to_scalar::<f32>().unwrap();
            assert!((f64::from(norm) / norm_of(&stats) - 1.0).abs() < 1e-6, "{norm}");
            let close = values(&here).iter().zip(values(&there)).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(close, "{max_norm:?}: {:?} {:?}", values(&here), values(&there));
        }
        for broken in [f32::NAN, f32::INFINITY] {
            let there = params(&[1.0]);
            let mut optimizer = Optimizer::new(&there, config).unwrap();
            optimizer.step = 1;
            let found = [Gradient::Tensor(Tensor::new(&[broken], device()).unwrap())];
            let norm = optimizer.step_on_device(&found).unwrap().to_scalar::<f32>().unwrap();
            assert!(!norm.is_finite() && !values(&there)[0].is_finite(), "{norm}");
        }
    }
}
