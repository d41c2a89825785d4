use super::*;
use crate::data::{GridConfig, stripes};
use candle_core::{DType, Var};
use nn::gradcheck::gradcheck;
use train::testing::{resume_changes_nothing, same_seed_same_bits, trained};

fn tensor(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn assert_close(left: &[f64], right: &[f64]) {
    let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-12);
    assert!(close && left.len() == right.len(), "{left:?} {right:?}");
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
    // Four standard errors; an interval is 1.96 of them.
    let most = 4.0 / 1.96 * (sampled.ci95[1] - sampled.mean);
    assert!((sampled.mean - exact).abs() < most, "{exact} {sampled:?}");
}

#[test]
fn reconstruction_by_hand() {
    // Logits of 0 say nothing: log 2 a pixel. A logit of log 3 gives white three of four times.
    let logits = tensor(&[0.0, 0.0, 3f64.ln(), 3f64.ln(), 1000.0, -1000.0], &[3, 2]);
    let x = tensor(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0], &[3, 2]);
    let expected = [2.0 * LN_2, -(0.75f64.ln() + 0.25f64.ln()), 0.0];
    assert_close(&values(&reconstruction(&logits, &x).unwrap()), &expected);
}

/// What is trained on is the mean of what is told.
#[test]
fn the_loss_is_minus_the_mean_elbo() {
    let logits = tensor(&[0.3, -1.0, 2.0, 0.5], &[2, 2]);
    let x = tensor(&[1.0, 0.0, 0.0, 1.0], &[2, 2]);
    let (mu, log_var) = (tensor(&[0.5, -1.0], &[2, 1]), tensor(&[0.2, -0.3], &[2, 1]));
    let told = [reconstruction(&logits, &x).unwrap(), kl(&mu, &log_var).unwrap()];
    let told = told.map(|part| values(&part).iter().sum::<f64>() / 2.0);
    let trained_on = [loss::bernoulli_nll(&logits, &x), loss::kl_standard_normal(&mu, &log_var)];
    let trained_on = trained_on.map(|loss| loss.unwrap().to_scalar::<f64>().unwrap());
    assert_close(&trained_on, &told);
}

/// At fixed noise the ELBO is a smooth function of all that the encoder and the decoder say.
#[test]
fn the_reparameterised_gradient_is_that_of_differences() {
    let var = |values: &[f64], shape: &[usize]| Var::from_tensor(&tensor(values, shape)).unwrap();
    let x = tensor(&[1.0, 0.0, 1.0, 0.0, 1.0, 1.0], &[2, 3]);
    let noise = tensor(&[0.3, -1.2, 0.8, 0.1], &[2, 2]);
    let mu = var(&[0.5, -0.2, 1.0, 0.4], &[2, 2]);
    let log_var = var(&[-0.5, 0.3, 0.1, -1.0], &[2, 2]);
    let decoder = var(&[0.7, -0.4, 1.1, 0.2, -0.9, 0.5], &[2, 3]);
    let minus_elbo = || {
        let z = reparameterise(&mu, &log_var, &noise)?; // [2, 2]
        let nll = reconstruction(&z.matmul(&decoder)?, &x)?.mean_all()?;
        nll + kl(&mu, &log_var)?.mean_all()?
    };
    let vars = [mu.clone(), log_var.clone(), decoder.clone()];
    assert!(gradcheck(&vars, 1e-5, minus_elbo).unwrap() < 1e-8);
}

/// One latent number and two pixels: log p(x) is an integral that can be summed. The ELBO lies below
/// it whatever q is, by KL(q ‖ p(z|x)).
#[test]
fn the_elbo_lies_below_the_log_likelihood() {
    let log_normal = |z: f64, mu: f64, sigma: f64| {
        -0.5 * ((z - mu) / sigma).powi(2) - sigma.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
    };
    let (weights, x) = ([1.5, -2.0], [1.0, 0.0]);
    let log_p_x_given = |z: f64| {
        let logits = tensor(&weights.map(|w| w * z), &[1, 2]);
        -values(&reconstruction(&logits, &tensor(&x, &[1, 2])).unwrap())[0]
    };
    let grid: Vec<f64> = (-3_000..=3_000).map(|i| f64::from(i) / 400.0).collect();
    let integral = |f: &dyn Fn(f64) -> f64| grid.iter().map(|&z| f(z)).sum::<f64>() / 400.0;
    let likelihood = integral(&|z| (log_p_x_given(z) + log_normal(z, 0.0, 1.0)).exp());
    for (mu, sigma) in [(0.0f64, 1.0f64), (0.8, 0.7), (-1.0, 0.5)] {
        let nll = -integral(&|z| log_normal(z, mu, sigma).exp() * log_p_x_given(z));
        let log_var = tensor(&[2.0 * sigma.ln()], &[1, 1]);
        let elbo = -nll - values(&kl(&tensor(&[mu], &[1, 1]), &log_var).unwrap())[0];
        let gap = integral(&|z| {
            let log_q = log_normal(z, mu, sigma);
            let log_posterior = log_p_x_given(z) + log_normal(z, 0.0, 1.0) - likelihood.ln();
            log_q.exp() * (log_q - log_posterior)
        });
        assert!(elbo < likelihood.ln(), "{elbo} {likelihood}");
        assert!((likelihood.ln() - elbo - gap).abs() < 1e-6, "{elbo} {gap}");
    }
}

/// Stripes of 4×4.
fn small(objective: Objective) -> Vae {
    let data = stripes(&GridConfig { side: 4, n_train: 2_000, n_test: 500, seed: 1 }).unwrap();
    let config = VaeConfig {
        objective,
        latents: 3,
        hidden: 64,
        lr: 1e-2,
        batch: 64,
        ..VaeConfig::default()
    };
    Vae::new(data.images().unwrap(), config, 1, &Device::Cpu).unwrap()
}

fn make(objective: Objective) -> impl Fn() -> Result<Box<dyn Learner>> {
    move || Ok(Box::new(small(objective)))
}

/// Pixels by themselves have 16·log 2 = 11.1 nats, the pictures 3.38; between them lies what a Gaussian
/// q costs where pictures are few and far apart.
#[test]
fn learns_stripes() {
    let steps = 64 * 1_500;
    let (report, _) = trained(&make(Objective::Elbo), &[steps], None).unwrap();
    let elbo = report.evaluation.unwrap().score;
    assert!((-5.3..-3.37).contains(&elbo), "{elbo}");
    let (report, _) = trained(&make(Objective::Reconstruction), &[steps], None).unwrap();
    let nll = report.evaluation.unwrap().measures["reconstruction_nats"].mean;
    assert!(nll < 0.1, "{nll}");
}

/// One picture again and again has 0 nats, and of four there are log 4, which no bound exceeds and a
/// Gaussian q does not quite reach.
#[test]
fn one_batch_overfits_to_its_entropy() {
    let shape = Shape { channels: 1, height: 4, width: 4 };
    let pixels = [[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 0]].map(|x| x.repeat(4));
    for (n, within) in [(1, -0.02..0.0), (4, -2.3..-4f64.ln())] {
        let images = Images::new(shape, 2, pixels[..n].concat(), None).unwrap();
        let often = Images::new(shape, 2, images.pixels().repeat(400), None).unwrap();
        let (train, validation, test) = (images, often.clone(), often);
        let data = Parts { train, validation, test, entropy: None };
        let config =
            VaeConfig { latents: 1, hidden: 64, lr: 1e-2, batch: 64, ..VaeConfig::default() };
        let make = move || -> Result<Box<dyn Learner>> {
            Ok(Box::new(Vae::new(data.clone(), config.clone(), 1, &Device::Cpu)?))
        };
        let (report, _) = trained(&make, &[64 * 1_500], None).unwrap();
        let elbo = report.evaluation.unwrap().score;
        assert!(within.contains(&elbo), "{n}: {elbo}");
    }
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    for objective in [Objective::Elbo, Objective::Reconstruction] {
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make(objective), 64 * 40).unwrap();
        // The stop lies within the second epoch.
        resume_changes_nothing(&make(objective), 64 * 36, 64 * 72, dir.path()).unwrap();
    }
}

#[test]
fn what_is_drawn_has_the_shape_of_the_data() {
    let vae = small(Objective::Elbo);
    let drawn = vae.sample(3, &mut stream(1, "test")).unwrap().unwrap();
    assert_eq!((drawn.len(), drawn.shape()), (3, vae.shape));
    assert_eq!(drawn, vae.sample(3, &mut stream(1, "test")).unwrap().unwrap());
    let sheets = vae.sheets().unwrap();
    let names: Vec<_> = sheets.iter().map(|sheet| (sheet.name, sheet.images.len())).collect();
    assert_eq!(names, [("samples", 100), ("reconstructions", 100)]);
    // Originals above what becomes of them.
    let original = vae.validation.image(10).iter().map(|x| x * 255).collect::<Vec<_>>();
    assert_eq!(sheets[1].images.image(20), original);

    let plain = small(Objective::Reconstruction);
    assert!(plain.sample(3, &mut stream(1, "test")).unwrap().is_none());
    assert_eq!(plain.sheets().unwrap().len(), 1);
}

#[test]
fn greys_have_no_likelihood() {
    let config = crate::data::GlyphsConfig { n_train: 10, n_test: 1, ..Default::default() };
    let data = crate::data::glyphs(&config).unwrap().images().unwrap();
    let none = VaeConfig { binarisation: Binarisation::None, ..VaeConfig::default() };
    let error = Vae::new(data.clone(), none.clone(), 1, &Device::Cpu).err().unwrap().to_string();
    assert!(error.starts_with("--binarisation none: a pixel that is black or white"), "{error}");
    let plain = VaeConfig { objective: Objective::Reconstruction, ..none };
    Vae::new(data, plain, 1, &Device::Cpu).unwrap();
}
