use super::*;
use candle_core::{DType, Var};
use nn::gradcheck::gradcheck;
use std::f64::consts::LN_2;
use train::testing::device;

fn tensor(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, (values.len() / 2, 2), device()).unwrap()
}

fn assert_close(left: &Tensor, right: &[f64]) {
    let left: Vec<f64> = left.flatten_all().unwrap().to_vec1().unwrap();
    let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-12);
    assert!(close && left.len() == right.len(), "{left:?} {right:?}");
}

#[test]
fn bernoulli_by_hand() {
    // Logits of 0 say nothing: log 2 a pixel. A logit of log 3 gives white three of four times.
    let logits = tensor(&[0.0, 0.0, 3f64.ln(), 3f64.ln(), 1000.0, -1000.0]);
    let x = tensor(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    let expected = [2.0 * LN_2, -(0.75f64.ln() + 0.25f64.ln()), 0.0];
    assert_close(&Likelihood::Bernoulli.nll(&logits, &x).unwrap(), &expected);
    assert_eq!(Likelihood::Bernoulli.whites(&[0.0]), [0.5]);
}

#[test]
fn gaussian_by_hand() {
    // At the mean, and one and two standard deviations from it.
    let (mean, x) = (tensor(&[0.5, 0.2, 0.5, 0.2]), tensor(&[0.5, 0.2, 1.0, -0.8]));
    let gaussian = Likelihood::Gaussian { sigma: 0.5 };
    let at_means = 2.0 * (0.5f64.ln() + 0.5 * (2.0 * PI).ln());
    assert_close(&gaussian.nll(&mean, &x).unwrap(), &[at_means, at_means + 0.5 + 2.0]);
    assert_eq!(gaussian.whites(&[-0.5, 0.25, 7.0]), [0.0, 0.25, 1.0]);
}

/// A density has mass 1: over one pixel by a sum, the other at its mean.
#[test]
fn the_gaussian_is_a_density() {
    let gaussian = Likelihood::Gaussian { sigma: 0.3 };
    let at: Vec<f64> = (-4_000..4_000).map(|i| f64::from(i) / 1_000.0).collect();
    let x = tensor(&at.iter().flat_map(|&x| [x, 0.0]).collect::<Vec<_>>());
    let mean = tensor(&[0.4, 0.0].repeat(at.len()));
    let nll: Vec<f64> = gaussian.nll(&mean, &x).unwrap().to_vec1().unwrap();
    let mass: f64 = nll.iter().map(|nll| (-nll).exp()).sum::<f64>() / 1_000.0;
    let other = 1.0 / (0.3 * (2.0 * PI).sqrt());
    assert!((mass - other).abs() < 1e-9, "{mass} {other}");
}

/// Two pixels of 4 levels, the second one always black with a mean so low that it is sure.
fn logistic(mean: f64, log_scale: f64, level: u16) -> f64 {
    let output = Tensor::new(&[[mean, -1e3, log_scale, 0.0]], device()).unwrap();
    let x = tensor(&[f64::from(level) / 3.0, 0.0]);
    let nll = Likelihood::Logistic { levels: 4 }.nll(&output, &x).unwrap();
    nll.to_vec1::<f64>().unwrap()[0]
}

#[test]
fn logistic_by_hand() {
    // Borders at 1/6, 1/2 and 5/6. With mean ½ and scale 1/(3·log 3) a number lies below them with
    // probability σ(−log 3) = ¼, ½ and ¾.
    let log_scale = -(3.0 * 3f64.ln()).ln();
    for level in 0..4 {
        let nll = logistic(0.5, log_scale, level);
        assert!((nll - 4f64.ln()).abs() < 1e-12, "{level}: {nll}");
    }
    // One border from a mean that is white, at the smallest scale there is.
    let nll = logistic(1.0, -20.0, 2);
    let expected = (1.0 / 6.0) * 7f64.exp();
    assert!((nll - expected).abs() < 1e-9, "{nll} {expected}");
    let whites = Likelihood::Logistic { levels: 4 }.whites(&[0.5, 2.0, -1.0, -8.0, -8.0, -8.0]);
    let close = whites.iter().zip([0.5, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(close, "{whites:?}");
}

/// Over the levels they sum to 1, wherever the mean lies and however wide the scale is; and the mean
/// over them is what is drawn.
#[test]
fn the_levels_of_a_logistic_sum_to_1() {
    for levels in [2, 4, 256] {
        let likelihood = Likelihood::Logistic { levels };
        for (mean, log_scale) in
            [(0.5, -1.0), (0.2, -6.0), (-0.3, 1.0), (1.5, -3.0), (0.7, 4.0), (0.301, -12.0)]
        {
            let highest = f64::from(levels - 1);
            let at: Vec<f64> = (0..levels).map(|level| f64::from(level) / highest).collect();
            let x: Vec<f64> = at.iter().flat_map(|&x| [x, 0.0]).collect();
            let output = [mean, -1e6, log_scale, 0.0].repeat(at.len());
            for dtype in [DType::F64, DType::F32] {
                let x = tensor(&x).to_dtype(dtype).unwrap();
                let output = Tensor::from_slice(&output, (at.len(), 4), device()).unwrap();
                let nll = likelihood.nll(&output.to_dtype(dtype).unwrap(), &x).unwrap();
                let nll: Vec<f64> = nll.to_dtype(DType::F64).unwrap().to_vec1().unwrap();
                let mass: f64 = nll.iter().map(|nll| (-nll).exp()).sum();
                assert!((mass - 1.0).abs() < 1e-5, "{levels} {mean} {log_scale}: {mass}");
                let white: f64 = nll.iter().zip(&at).map(|(nll, x)| (-nll).exp() * x).sum();
                let message = likelihood.whites(&[mean as f32, log_scale as f32])[0];
                assert!((white - f64::from(message)).abs() < 1e-4, "{levels}: {white} {message}");
            }
        }
    }
}

#[test]
fn what_is_trained_on_is_the_mean_and_has_its_gradient() {
    let x = tensor(&[1.0, 0.0, 0.0, 1.0]);
    for (likelihood, x) in [
        (Likelihood::Bernoulli, &x),
        (Likelihood::Gaussian { sigma: 0.7 }, &x),
        (Likelihood::Logistic { levels: 4 }, &tensor(&[1.0, 0.0, 1.0 / 3.0, 2.0 / 3.0])),
    ] {
        let about = match likelihood.outputs() {
            1 => tensor(&[0.3, -1.0, 2.0, 0.5]),
            _ => tensor(&[0.3, -1.0, -0.5, 0.3, 2.0, 0.5, -2.0, 1.0]),
        };
        let about = about.reshape((2, 2 * likelihood.outputs())).unwrap();
        for dtype in [DType::F32, DType::F64] {
            let output = about.to_dtype(dtype).unwrap();
            let x = x.to_dtype(dtype).unwrap();
            let each = likelihood.nll(&output, &x).unwrap().mean_all().unwrap();
            let mean = likelihood.mean_nll(&output, &x).unwrap();
            let difference = (each - mean).unwrap().to_dtype(DType::F64).unwrap();
            assert!(difference.to_scalar::<f64>().unwrap().abs() < 1e-6);
        }
        let output = Var::from_tensor(&about).unwrap();
        let squares = || likelihood.nll(&output, x)?.sqr()?.sum_all();
        assert!(gradcheck(std::slice::from_ref(&output), 1e-5, squares).unwrap() < 1e-8);
        let mean = || likelihood.mean_nll(&output, x);
        assert!(gradcheck(std::slice::from_ref(&output), 1e-5, mean).unwrap() < 1e-8);
    }
}
