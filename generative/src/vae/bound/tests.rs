use super::*;
use crate::vae::VaeNetwork;
use candle_core::{DType, Var};
use nn::gradcheck::gradcheck;
use nn::{Activation, Flatten, Frozen, Linear, Params, Sequential};
use std::f64::consts::{LN_2, PI};
use train::testing::device;
use train::{Measure, stream};

fn tensor(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, device()).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn assert_close(left: &[f64], right: &[f64]) {
    let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-12);
    assert!(close && left.len() == right.len(), "{left:?} {right:?}");
}

/// Four standard errors.
fn most(measure: &Measure) -> f64 {
    4.0 * measure.standard_error()
}

#[test]
fn kl_by_hand() {
    // μ = 1, σ = 1: ½. μ = 0, σ = 2: ½·(4 − 1 − log 4). Both latents of the last one are the prior.
    let mu = tensor(&[1.0, 0.0, 1.0, 0.0, 0.0, 0.0], &[3, 2]);
    let log_var = tensor(&[0.0, 0.0, 0.0, 4f64.ln(), 0.0, 0.0], &[3, 2]);
    let wide = 0.5 * (3.0 - 4f64.ln());
    assert_close(&values(&kl(&mu, &log_var).unwrap()), &[0.5, 0.5 + wide, 0.0]);
}

/// KL = E_q[log q(z) − log p(z)] = E[½(z² − ε²) − log σ] with z = μ + σ·ε.
#[test]
fn kl_is_what_sampling_gives() {
    let (mu, log_var) = (0.7, -0.8);
    let sigma = f64::exp(0.5 * log_var);
    let mut rng = stream(1, "test");
    let n = 200_000;
    let sampled = (0..n).map(|_| {
        let epsilon: f64 = StandardNormal.sample(&mut rng);
        let z = mu + sigma * epsilon;
        0.5 * (z * z - epsilon * epsilon) - sigma.ln()
    });
    let sampled = Measure::of(&sampled.collect::<Vec<_>>());
    let exact = values(&kl(&tensor(&[mu], &[1, 1]), &tensor(&[log_var], &[1, 1])).unwrap())[0];
    assert!((sampled.mean - exact).abs() < most(&sampled), "{exact} {sampled:?}");
}

/// The KL of the training loss is the mean of the reported KL.
#[test]
fn the_kl_that_is_trained_on_is_the_mean() {
    let (mu, log_var) = (tensor(&[0.5, -1.0], &[2, 1]), tensor(&[0.2, -0.3], &[2, 1]));
    let message = values(&kl(&mu, &log_var).unwrap()).iter().sum::<f64>() / 2.0;
    let trained_on = nn::loss::kl_standard_normal(&mu, &log_var).unwrap();
    assert_close(&[trained_on.to_scalar().unwrap()], &[message]);
}

/// Of two latent numbers with a mean of ½·(½ + 2) = 1¼ and of 0.02 nats, the second is left alone.
#[test]
fn free_nats_by_hand_and_by_differences() {
    let mu = Var::from_tensor(&tensor(&[1.0, 0.2, 2.0, 0.2], &[2, 2])).unwrap();
    let log_var = Var::from_tensor(&tensor(&[0.0; 4], &[2, 2])).unwrap();
    let beyond = || kl_beyond(&mu, &log_var, 0.5);
    assert_close(&[beyond().unwrap().to_scalar().unwrap()], &[1.25 + 0.5]);
    let gradients = beyond().unwrap().backward().unwrap();
    let slopes = gradients.get(&mu).unwrap().flatten_all().unwrap();
    assert_close(&values(&slopes), &[0.5, 0.0, 1.0, 0.0]);
    assert!(gradcheck(&[mu.clone(), log_var.clone()], 1e-5, beyond).unwrap() < 1e-8);
    let all = kl_beyond(&mu, &log_var, 0.0).unwrap();
    let kl = nn::loss::kl_standard_normal(&mu, &log_var).unwrap();
    assert_close(&[all.to_scalar().unwrap()], &[kl.to_scalar().unwrap()]);
}

#[test]
fn weights_by_hand() {
    // N(1, 4) and ε = ½: z = 2, log N(2; 0, 1) − log N(2; 1, 4) = −2 + ⅛ + log 2. The second one is the
    // prior itself.
    let log_var = tensor(&[4f64.ln(), 0.0], &[2, 1]);
    let (z, noise) = (tensor(&[2.0, 0.7], &[2, 1]), tensor(&[0.5, 0.7], &[2, 1]));
    let log_w = log_weights(&tensor(&[3.0, 1.5], &[2]), &z, &log_var, &noise).unwrap();
    assert_close(&values(&log_w), &[-3.0 - 2.0 + 0.125 + LN_2, -1.5]);
}

#[test]
fn log_mean_exp_by_hand() {
    // Means of 1 and 3, of e^1000 and e^1000·3, and of one that is all but 0.
    let log_w = tensor(&[0.0, 1000.0, -900.0, 3f64.ln(), 1000.0 + 3f64.ln(), 0.0], &[2, 3]);
    let bound = values(&log_mean_exp(&log_w).unwrap());
    assert!((bound[1] - 1000.0 - LN_2).abs() < 1e-12, "{bound:?}");
    assert_close(&[bound[0], bound[2]], &[LN_2, -LN_2]);
    // Its gradient are the weights, normalised.
    let log_w = Var::from_tensor(&tensor(&[0.0, 3f64.ln()], &[2, 1])).unwrap();
    let gradients = log_mean_exp(&log_w).unwrap().sum_all().unwrap().backward().unwrap();
    assert_close(&values(&gradients.get(&log_w).unwrap().flatten_all().unwrap()), &[0.25, 0.75]);
}

#[test]
fn copies_come_one_after_the_other() {
    let x = tensor(&[1.0, 2.0, 3.0, 4.0], &[2, 2]);
    let twice: Vec<Vec<f64>> = copies(&x, 2).unwrap().to_vec2().unwrap();
    assert_eq!(twice, [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(copies(&x, 1).unwrap().dims(), [2, 2]);
    let images = tensor(&[0.0; 24], &[2, 3, 2, 2]);
    assert_eq!(copies(&images, 3).unwrap().dims(), [6, 3, 2, 2]);
}

/// At fixed noise the bound is a smooth function of all that the encoder and the decoder say.
#[test]
fn the_gradient_is_that_of_differences() {
    let var = |values: &[f64], shape: &[usize]| Var::from_tensor(&tensor(values, shape)).unwrap();
    let x = tensor(&[1.0, 0.0, 1.0, 0.0, 1.0, 1.0], &[2, 3]);
    let noise: Vec<f64> = (0..12).map(|i| f64::from(i * 7 % 12) / 4.0 - 1.4).collect();
    let noise = tensor(&noise, &[6, 2]);
    let mu = var(&[0.5, -0.2, 1.0, 0.4], &[2, 2]);
    let log_var = var(&[-0.5, 0.3, 0.1, -1.0], &[2, 2]);
    let decoder = var(&[0.7, -0.4, 1.1, 0.2, -0.9, 0.5], &[2, 3]);
    let minus_bound = |likelihood: Likelihood| {
        let (mu, log_var) = (copies(&mu, 3)?, copies(&log_var, 3)?); // [6, 2]
        let z = reparameterise(&mu, &log_var, &noise)?; // [6, 2]
        let nll = likelihood.nll(&z.matmul(&decoder)?, &copies(&x, 3)?)?; // [6]
        let log_w = log_weights(&nll, &z, &log_var, &noise)?.reshape((3, 2))?;
        log_mean_exp(&log_w)?.mean_all()?.neg()
    };
    let vars = [mu.clone(), log_var.clone(), decoder.clone()];
    for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian { sigma: 0.8 }] {
        assert!(gradcheck(&vars, 1e-5, || minus_bound(likelihood)).unwrap() < 1e-8);
    }
}

/// x = W·z + b + σ·ε with two latent numbers and three pixels. The columns of W are r₁ and r₂ times a
/// width, and r₁, r₂, r₃ are orthogonal unit vectors: along rⱼ, x is N(rⱼ·b, widthⱼ² + σ²), and the
/// posterior of zⱼ is N(widthⱼ·rⱼ·(x − b) / (widthⱼ² + σ²), σ² / (widthⱼ² + σ²)), whatever the others are.
const R: [[f64; 3]; 3] = [
    [2.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0],
    [-2.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0],
    [1.0 / 3.0, 2.0 / 3.0, -2.0 / 3.0],
];
const WIDTHS: [f64; 3] = [1.5, 0.8, 0.0];
const B: [f64; 3] = [0.3, -0.2, 0.5];
const SIGMA: f64 = 0.6;
const GAUSSIAN: Likelihood = Likelihood::Gaussian { sigma: SIGMA };

fn dot(left: &[f64; 3], right: &[f64; 3]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Variance of x along rⱼ.
fn along(j: usize) -> f64 {
    WIDTHS[j].powi(2) + SIGMA * SIGMA
}

/// log p(x).
fn exact(x: &[f64; 3]) -> f64 {
    let log_density = |j: usize| {
        let from_mean = dot(&R[j], x) - dot(&R[j], &B);
        -0.5 * (2.0 * PI * along(j)).ln() - from_mean.powi(2) / (2.0 * along(j))
    };
    (0..3).map(log_density).sum()
}

/// The model, with a q whose means are so many standard deviations of the posterior off, and whose
/// variances are so many times the posterior's.
fn linear(off: f64, factor: f64) -> Networks<Frozen> {
    let params = Params::new(1, device());
    let layer = |name: &str, inputs, outputs, weight: &[f64], bias: &[f64]| {
        let layer = Linear::new(&params, name, inputs, outputs, Activation::Linear).unwrap();
        for (name, values) in [(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)] {
            let (_, var) = params.named().into_iter().find(|(found, _)| *found == name).unwrap();
            let values = tensor(values, var.dims()).to_dtype(DType::F32).unwrap();
            var.set(&values).unwrap();
        }
        Sequential::new(vec![layer.into()]).frozen()
    };
    let variance = [0, 1].map(|j| SIGMA * SIGMA / along(j));
    let slopes = [0, 1].map(|j| R[j].map(|r| r * WIDTHS[j] / along(j)));
    let means = [0, 1].map(|j| off * variance[j].sqrt() - dot(&slopes[j], &B));
    let w: Vec<f64> = (0..3).flat_map(|i| [0, 1].map(|j| R[j][i] * WIDTHS[j])).collect();
    Networks {
        network: VaeNetwork::Mlp,
        encoder: Sequential::new(vec![Flatten.into()]).frozen(),
        mu: layer("mu", 3, 2, slopes.as_flattened(), &means),
        log_var: layer("log_var", 3, 2, &[0.0; 6], &variance.map(|v| (factor * v).ln())),
        decoder: layer("decoder", 2, 3, &w, &B),
    }
}

/// log p(x) − L_K of each image.
fn gaps(networks: &Networks<Frozen>, images: &[[f64; 3]], k: usize) -> Vec<f64> {
    let x = tensor(images.as_flattened(), &[images.len(), 1, 1, 3]);
    let x = x.to_dtype(DType::F32).unwrap();
    let inputs = Inputs { x, label: None };
    let bounds = importance_weighted(networks, GAUSSIAN, &inputs, k, &mut stream(1, "test"));
    let bounds = bounds.unwrap();
    assert_eq!(bounds.len(), images.len());
    images.iter().zip(bounds).map(|(x, bound)| exact(x) - bound).collect()
}

const IMAGES: [[f64; 3]; 4] =
    [[0.0, 0.0, 0.0], [1.0, -0.5, 2.0], [-1.0, 0.3, 0.4], [0.5, 2.0, -1.5]];

/// With q the posterior, every weight is p(x), and the bound is exact for every K and every sample.
#[test]
fn the_posterior_gives_log_p_x_itself() {
    // Images at once: all four, and one with its draws in three parts.
    for k in [1, 3, 2_500] {
        for gap in gaps(&linear(0.0, 1.0), &IMAGES, k) {
            assert!(gap.abs() < 1e-5, "{k}: {gap}");
        }
    }
}

/// With means as they should be and variances twice the posterior's, a latent number's part of w / p(x)
/// is √2·e^(−½ε²), so E w² = 4/3 and E w³ = 2 for two of them, and
/// L_K = log p(x) − Var w / 2K − ¾·(Var w)² / K² + E(w − 1)³ / 3K² + … = log p(x) − 1/6K − 1/12K² + …
#[test]
fn the_gap_is_what_theory_says() {
    let images = vec![IMAGES[1]; 100_000];
    let gap = |k| Measure::of(&gaps(&linear(0.0, 2.0), &images, k));
    // K = 1 is the ELBO: KL(q ‖ posterior) = 2·½·(2 − 1 − log 2).
    let one = gap(1);
    assert!((one.mean - (1.0 - LN_2)).abs() < most(&one), "{one:?}");
    let twenty = gap(20);
    let expected = 1.0 / 120.0 + 1.0 / 4_800.0;
    assert!((twenty.mean - expected).abs() < most(&twenty), "{twenty:?} {expected}");
}

/// A q that is off and too narrow: ELBO < L_5 < L_50 < log p(x), and many draws make up for it.
#[test]
fn more_draws_come_nearer_from_below() {
    let (off, factor) = (0.5, 0.8);
    let images = IMAGES.repeat(2_000);
    let networks = linear(off, factor);
    let gap = |k| Measure::of(&gaps(&networks, &images, k));
    let [one, five, fifty] = [1, 5, 50].map(gap);
    let kl = factor + off * off - 1.0 - f64::ln(factor);
    assert!((one.mean - kl).abs() < most(&one), "{one:?} {kl}");
    assert!(five.below(&one), "{five:?} {one:?}");
    assert!(fifty.below(&five), "{fifty:?} {five:?}");
    assert!(0.0 < fifty.ci95.unwrap()[0], "{fifty:?}");
    // Var w / 2K, with E w² = factor / √(2·factor − 1)·e^(off² / (2·factor − 1)) for each of two.
    let spread = 2.0 * factor - 1.0;
    let second: f64 = factor / spread.sqrt() * (off * off / spread).exp();
    let many = Measure::of(&gaps(&networks, &IMAGES.repeat(20), 2_500));
    let expected = (second.powi(2) - 1.0) / 5_000.0;
    assert!((many.mean - expected).abs() < most(&many), "{many:?} {expected}");
}
