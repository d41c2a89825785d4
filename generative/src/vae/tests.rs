use super::bound::kl;
use super::*;
use crate::data::{Binarisation, GridConfig, Labels, Shape, stripes};
use crate::export::testing::{self as export, compare, random};
use crate::{Generative, ImageSampler, ImportanceWeighted};
use crate::{Likelihood, LikelihoodName};
use candle_core::{DType, Tensor, Var};
use nn::gradcheck::gradcheck;
use nn::onnx::testing::randomise;
use nn::reparameterise;
use train::testing::{device, resume_changes_nothing, same_seed_same_bits, trained};

fn tensor(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, device()).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
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
        let nll = Likelihood::Bernoulli.nll(&z.matmul(&decoder)?, &x)?.mean_all()?;
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
        -values(&Likelihood::Bernoulli.nll(&logits, &tensor(&x, &[1, 2])).unwrap())[0]
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
fn small(config: VaeConfig) -> Vae {
    let data = stripes(&GridConfig { side: 4, n_train: 2_000, n_test: 500, seed: 1 }).unwrap();
    Vae::new(data.images().unwrap(), config, 1, device()).unwrap()
}

/// Enough for them.
fn tiny() -> VaeConfig {
    VaeConfig { latents: 3, hidden: 64, lr: 1e-2, batch: 64, ..VaeConfig::default() }
}

/// Configuration that maximises `objective`, with several samples of z where they make a difference.
fn config(objective: Objective) -> VaeConfig {
    let k = if objective == Objective::Iwae { 5 } else { 1 };
    VaeConfig { objective, k, ..tiny() }
}

fn make(config: VaeConfig) -> impl Fn() -> Result<Box<dyn Learner>> {
    move || Ok(Box::new(small(config.clone())))
}

/// Stripes of 4×4 have 4.875·log 2 nats (docs/data.md), so no bound of log p(x) exceeds this.
const MOST: f64 = -3.379;

/// ELBO of an encoder and a decoder made by hand: the 30 images lie on a grid of 3×3×4 means, six
/// standard deviations from one to the next. The KL is ½·log(1 + 36·2/3) twice and ½·log(1 + 36·5/4)
/// once, 5.13 nats, and one draw of 370 falls beyond the border to a neighbour. Pixels by themselves
/// have 16·log 2 = 11.1 nats.
const BY_HAND: f64 = -5.2;

#[test]
fn learns_stripes() {
    let steps = 64 * 1_500;
    let (report, _) = trained(&make(config(Objective::Elbo)), &[steps], None).unwrap();
    let elbo = report.evaluation.unwrap().value();
    assert!((BY_HAND..MOST).contains(&elbo), "{elbo}");
    let (report, _) = trained(&make(config(Objective::Reconstruction)), &[steps], None).unwrap();
    let nll = report.evaluation.unwrap().measures["reconstruction_nats"].mean;
    assert!(nll < 0.1, "{nll}");
    let (report, _) = trained(&make(config(Objective::Iwae)), &[steps], None).unwrap();
    let evaluation = report.evaluation.unwrap();
    assert!((elbo..MOST).contains(&evaluation.value()), "{evaluation:?}");
    assert_eq!(evaluation.value(), evaluation.measures["iwae_nats"].mean);
    assert!(evaluation.value() > evaluation.measures["elbo_nats"].mean, "{evaluation:?}");
}

/// With σ = ½ a density at its mean has −16·½·log(2π·¼) = −3.61 nats, to which the two bounds above are
/// added; images are 4σ apart or more, so that what they lend each other is less than 0.01. The best
/// linear decoder, whatever its encoder, has less: the covariance of stripes is 1 along one axis, ½
/// along six and 0 along nine, so that its log p(x), by principal components, is
/// −½·(log 2π + 1) − 6·½·(log π + 1) − 9·½·log(π/2) = −9.89.
#[test]
fn learns_stripes_as_real_numbers() {
    let steps = 64 * 1_500;
    let (likelihood, sigma) = (LikelihoodName::Gaussian, 0.5);
    let gaussian = VaeConfig { likelihood, sigma, lr_end: 0.1, lr_steps: steps, ..tiny() };
    let (report, _) = trained(&make(gaussian), &[steps], None).unwrap();
    let evaluation = report.evaluation.unwrap();
    let within = -3.61 + BY_HAND..-3.61 + MOST + 0.01;
    assert!(within.contains(&evaluation.value()), "{evaluation:?}");
    assert!(!evaluation.measures.contains_key("bits_per_dim"), "{evaluation:?}");
}

/// Before anything is learned, the mean over the batches is the reported score of the model: for images
/// whose likelihoods lie far apart, in one batch, with several samples of z for each.
#[test]
fn what_is_trained_on_is_the_bound() {
    let shape = Shape { channels: 1, height: 4, width: 4 };
    let both = Images::new(shape, 2, [[0; 16], [1; 16]].concat().repeat(32), None).unwrap();
    let often = Images::new(shape, 2, both.pixels().repeat(40), None).unwrap();
    let data = Parts { train: both, validation: often.clone(), test: often, entropy: None };
    for (objective, measure) in [(Objective::Elbo, "elbo_nats"), (Objective::Iwae, "iwae_nats")] {
        for likelihood in [LikelihoodName::Bernoulli, LikelihoodName::Gaussian] {
            let config = VaeConfig {
                objective,
                k: 4,
                likelihood,
                sigma: 0.5,
                // Too small to move anything.
                lr: 1e-30,
                batch: 64,
                hidden: 8,
                latents: 8,
                ..VaeConfig::default()
            };
            let make = || -> Result<Box<dyn Learner>> {
                Ok(Box::new(Vae::new(data.clone(), config.clone(), 1, device())?))
            };
            let (report, rows) = trained(&make, &[64 * 80], None).unwrap();
            let message = report.evaluation.unwrap().measures[measure].mean;
            let losses = rows.iter().filter_map(|row| row.values.get("train/loss").copied());
            let loss = Measure::of(&losses.collect::<Vec<_>>()).mean;
            assert!((loss + message).abs() < 0.05, "{config:?}: {loss} {message}");
        }
    }
}

/// One image again and again has 0 nats, and of four there are log 4, which no bound exceeds and a
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
            Ok(Box::new(Vae::new(data.clone(), config.clone(), 1, device())?))
        };
        let (report, _) = trained(&make, &[64 * 1_500], None).unwrap();
        let elbo = report.evaluation.unwrap().value();
        assert!(within.contains(&elbo), "{n}: {elbo}");
    }
}

/// Four images, each with a label of its own.
fn four() -> Parts<Images> {
    let shape = Shape { channels: 1, height: 4, width: 4 };
    let pixels = [[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 0]].map(|x| x.repeat(4));
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let images = |times: usize| {
        let labels = Labels { of: [0, 1, 2, 3].repeat(times), names: names.clone() };
        Images::new(shape, 2, pixels.concat().repeat(times), Some(labels)).unwrap()
    };
    Parts { train: images(1), validation: images(100), test: images(100), entropy: None }
}

/// There are log 4 nats in the images, and none once their labels are known.
#[test]
fn labels_tell_what_there_is_to_know() {
    for (network, objective) in [
        (VaeNetwork::Mlp, Objective::Elbo),
        (VaeNetwork::Mlp, Objective::Iwae),
        (VaeNetwork::Conv, Objective::Elbo),
    ] {
        let config = VaeConfig { network, conditional: true, ..config(objective) };
        let mut vae = Vae::new(four(), config, 1, device()).unwrap();
        for _ in 0..300 {
            vae.step(&mut Log::default()).unwrap();
        }
        let evaluation = vae.evaluate(Split::Test).unwrap();
        assert!((-0.2..0.0).contains(&evaluation.value()), "{network:?} {evaluation:?}");
        let bound = vae.bound(50, 400).unwrap();
        assert!((-0.2..0.0).contains(&bound.mean), "{network:?} {bound:?}");
        assert_eq!(vae.classes(), ["a", "b", "c", "d"]);
        let data = four().train;
        let mut rng = stream(1, "test");
        let white = |image: &[u8]| image.iter().map(|&x| u8::from(x > 127)).collect::<Vec<_>>();
        for class in 0..4 {
            let sampled = vae.sample_images(3, Some(class), &mut rng).unwrap();
            for i in 0..3 {
                assert_eq!(white(sampled.image(i)), data.image(class as usize));
            }
        }
        let sampled = vae.sample_images(6, None, &mut rng).unwrap();
        for i in 0..6 {
            assert_eq!(white(sampled.image(i)), data.image(i % 4));
        }
        let grids = vae.image_grids().unwrap();
        assert_eq!(grids[1].name, "reconstructions");
        for i in 0..10 {
            let [original, decoded] = [i, 10 + i].map(|i| white(grids[1].images.image(i)));
            assert_eq!(original, decoded);
        }
    }
    let unlabelled = stripes(&GridConfig { side: 4, n_train: 10, n_test: 1, seed: 1 }).unwrap();
    let conditional = VaeConfig { conditional: true, ..tiny() };
    let error = Vae::new(unlabelled.images().unwrap(), conditional, 1, device()).err().unwrap();
    assert_eq!(error.to_string(), "--conditional true: these images have no labels");
    assert!(small(tiny()).classes().is_empty());
    assert!(small(tiny()).sample_images(1, Some(0), &mut stream(1, "test")).is_err());
}

/// Three greys, each of four images, are log 12 nats together. By hand, on a grid of 3×4 as above, the
/// KL is 1.61 + 1.91 nats; pixels that are right with 97 % are another half. By themselves pixels have
/// 16·(½·log 2 + ½·log 6) = 19.9.
#[test]
fn learns_greys() {
    let shape = Shape { channels: 1, height: 4, width: 4 };
    let images = [[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 0]].map(|x| x.repeat(4));
    let pixels: Vec<u8> =
        (1..4).flat_map(|grey| images.iter().flatten().map(move |white| white * grey)).collect();
    let images = |times: usize| Images::new(shape, 4, pixels.repeat(times), None).unwrap();
    let data = Parts { train: images(1), validation: images(40), test: images(40), entropy: None };
    let (steps, binarisation) = (64 * 1_500, Binarisation::None);
    let config = VaeConfig {
        likelihood: LikelihoodName::Logistic,
        binarisation,
        lr_end: 0.1,
        lr_steps: steps,
        ..tiny()
    };
    let make = || -> Result<Box<dyn Learner>> {
        Ok(Box::new(Vae::new(data.clone(), config.clone(), 1, device())?))
    };
    let (report, _) = trained(&make, &[steps], None).unwrap();
    let evaluation = report.evaluation.unwrap();
    let bits = evaluation.measures["bits_per_dim"].mean;
    assert!((bits + evaluation.value() / (16.0 * LN_2)).abs() < 1e-9, "{evaluation:?}");
    assert!((-4.0..-(12f64.ln())).contains(&evaluation.value()), "{evaluation:?}");
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    for objective in [Objective::Elbo, Objective::Iwae, Objective::Reconstruction] {
        let make = make(config(objective));
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 64 * 40).unwrap();
        // The stop lies within the second epoch.
        resume_changes_nothing(&make, 64 * 36, 64 * 72, dir.path()).unwrap();
    }
}

/// More draws, a tighter bound, of the first images alone, and the same answer every time.
#[test]
fn a_trained_model_is_scored_by_several_draws() {
    let mut vae = small(config(Objective::Elbo));
    for _ in 0..100 {
        vae.step(&mut Log::default()).unwrap();
    }
    let bound = |k, n| vae.bound(k, n).unwrap();
    let (one, many) = (bound(1, 500), bound(200, 500));
    assert!(one.mean < many.mean, "{one:?} {many:?}");
    assert_eq!((bound(200, 500), bound(200, 60).n, bound(2, 1_000_000).n), (many, 60, 500));
    let elbo = vae.evaluate(Split::Test).unwrap().measures["elbo_nats"];
    assert!((one.mean - elbo.mean).abs() < 2.0 * elbo.standard_error(), "{elbo:?} {one:?}");
    let plain = small(config(Objective::Reconstruction));
    assert!(plain.importance_weighted().is_none());
}

#[test]
fn what_is_drawn_has_the_shape_of_the_data() {
    let vae = small(config(Objective::Elbo));
    let sampled = vae.sample_images(3, None, &mut stream(1, "test")).unwrap();
    assert_eq!((sampled.len(), sampled.shape()), (3, vae.model.shape));
    assert_eq!(sampled, vae.sample_images(3, None, &mut stream(1, "test")).unwrap());
    let grids = vae.image_grids().unwrap();
    let names: Vec<_> = grids.iter().map(|grid| (grid.name, grid.images.len())).collect();
    assert_eq!(names[..2], [("samples", 100), ("reconstructions", 100)]);
    // Originals above what becomes of them.
    let original = vae.validation.image(10).iter().map(|x| x * 255).collect::<Vec<_>>();
    assert_eq!(grids[1].images.image(20), original);

    let plain = small(config(Objective::Reconstruction));
    assert!(plain.image_sampler().is_none());
    assert!(plain.sample_images(3, None, &mut stream(1, "test")).is_err());
    assert_eq!(plain.image_grids().unwrap()[0].name, "reconstructions");
}

#[test]
fn greys_have_no_likelihood() {
    let config = crate::data::GlyphsConfig { n_train: 10, n_test: 1, ..Default::default() };
    let data = crate::data::glyphs(&config).unwrap().images().unwrap();
    let none = VaeConfig { binarisation: Binarisation::None, ..VaeConfig::default() };
    let error = Vae::new(data.clone(), none.clone(), 1, device()).err().unwrap().to_string();
    assert!(error.starts_with("--binarisation none: a pixel that is black or white"), "{error}");
    let plain = VaeConfig { objective: Objective::Reconstruction, ..none.clone() };
    Vae::new(data.clone(), plain.clone(), 1, device()).unwrap();
    for likelihood in [LikelihoodName::Gaussian, LikelihoodName::Logistic] {
        let grey = VaeConfig { likelihood, ..none.clone() };
        Vae::new(data.clone(), grey, 1, device()).unwrap();
    }
    let sampled = VaeConfig { k: 2, ..plain };
    let error = Vae::new(data, sampled, 1, device()).err().unwrap().to_string();
    assert_eq!(error, "--k 2: --objective reconstruction draws nothing");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let data = stripes(&GridConfig { side: 6, n_train: 10, n_test: 1, seed: 1 }).unwrap();
    let data = data.images().unwrap();
    let message = |config| Vae::new(data.clone(), config, 1, device()).err().unwrap().to_string();
    let default = VaeConfig::default();
    let error = message(VaeConfig { network: VaeNetwork::Conv, ..default.clone() });
    assert!(error.starts_with("--network conv: needs images"), "{error}");
    assert!(error.contains("these are 6×6"), "{error}");
    let of_elbo = "it is the KL of --objective elbo that is weighed";
    let weighed = VaeConfig { beta: 2.0, ..config(Objective::Iwae) };
    assert_eq!(message(weighed), format!("--beta 2: {of_elbo}"));
    let annealed = VaeConfig { beta_steps: 7, ..config(Objective::Reconstruction) };
    assert_eq!(message(annealed), format!("--beta-steps 7: {of_elbo}"));
    let free = VaeConfig { free_nats: 0.5, ..config(Objective::Iwae) };
    assert_eq!(message(free), format!("--free-nats 0.5: {of_elbo}"));
    let flat = VaeConfig { sigma: 0.0, ..default };
    assert_eq!(message(flat), "--sigma 0: must be at least 0.001");
}

/// The rows of a run with a row for every batch of its four.
fn rows(config: VaeConfig) -> Vec<BTreeMap<String, f64>> {
    let (_, rows) = trained(&make(config), &[4 * 64], None).unwrap();
    rows.into_iter().map(|row| row.values).filter(|row| row.contains_key("train/loss")).collect()
}

#[test]
fn the_kl_weighs_what_is_asked_for() {
    let annealed = VaeConfig { beta: 3.0, beta_steps: 3 * 64, ..tiny() };
    let weights: Vec<_> = rows(annealed.clone()).iter().map(|row| row["train/beta"]).collect();
    assert_eq!(weights, [0.0, 1.0, 2.0, 3.0]);
    for (config, free) in [
        (annealed, None),
        (VaeConfig { beta: 0.5, ..tiny() }, None),
        // More than there is of any of the three latent numbers.
        (VaeConfig { beta: 2.0, free_nats: 1e3, ..tiny() }, Some(3e3)),
    ] {
        for row in rows(config.clone()) {
            let beta = row.get("train/beta").copied().unwrap_or(config.beta);
            let expected = row["train/reconstruction"] + beta * free.unwrap_or(row["train/kl"]);
            assert!((row["train/loss"] - expected).abs() < 1e-5 * expected, "{row:?}");
        }
    }
}

/// A heavy KL leaves less in the latent numbers, and what is free is used.
#[test]
fn beta_and_free_nats_change_what_is_learned() {
    let kl = |config| {
        let (report, _) = trained(&make(config), &[64 * 500], None).unwrap();
        report.evaluation.unwrap().measures["kl_nats"].mean
    };
    let plain = kl(tiny());
    let heavy = kl(VaeConfig { beta: 8.0, ..tiny() });
    assert!(heavy < 0.7 * plain, "{heavy} {plain}");
    let free = kl(VaeConfig { beta: 8.0, free_nats: 1.0, ..tiny() });
    assert!(free > heavy.max(2.4), "{free} {heavy}");
}

#[test]
fn the_learning_rate_follows_its_schedule() {
    let hash = |config, batches: u64| {
        let (report, _) = trained(&make(config), &[batches * 64], None).unwrap();
        report.params_hash
    };
    let falling = VaeConfig { lr_end: 0.0, lr_steps: 2 * 64, ..tiny() };
    // After two batches it is 0, and nothing changes any more.
    assert_eq!(hash(falling.clone(), 2), hash(falling.clone(), 9));
    assert_ne!(hash(falling.clone(), 1), hash(falling, 2));
}

#[test]
fn convolutions_learn_stripes() {
    let steps = 64 * 800;
    let conv = VaeConfig { network: VaeNetwork::Conv, lr_end: 0.1, lr_steps: steps, ..tiny() };
    let (report, _) = trained(&make(conv), &[steps], None).unwrap();
    let elbo = report.evaluation.unwrap().value();
    assert!((BY_HAND..MOST).contains(&elbo), "{elbo}");
}

/// Both networks, every likelihood, with and without labels, and a plain auto-encoder.
#[test]
fn exported_encoders_and_decoders_are_its_own() {
    let (network, conditional) = (VaeNetwork::Conv, true);
    let plain = VaeConfig { objective: Objective::Reconstruction, ..tiny() };
    let of = |likelihood| VaeConfig { likelihood, binarisation: Binarisation::None, ..tiny() };
    let configs = [
        VaeConfig { conditional, layers: 2, ..tiny() },
        VaeConfig { network, conditional, ..tiny() },
        VaeConfig { network, ..of(LikelihoodName::Logistic) },
        of(LikelihoodName::Gaussian),
        plain,
    ];
    for config in configs {
        let vae = Vae::new(four(), config, 1, device()).unwrap();
        randomise(&vae.params).unwrap();
        let (model, parts) = (&vae.model, vae.exports());
        let label = |n| (!model.classes.is_empty()).then(|| export::labels(n, 4));
        let image = |x: &Tensor| x.reshape((x.dim(0)?, 1, 4, 4));
        compare(&parts, "encoder", |n| {
            let x = random(n, &[1, 4, 4]);
            let inputs = Inputs { x: x.clone(), label: label(n) };
            let (mu, log_var) = model.networks.encode(&inputs)?;
            let outputs = match model.objective {
                Objective::Reconstruction => vec![("latent", mu)],
                _ => vec![("mean", mu), ("log_variance", log_var)],
            };
            let label = inputs.label.map(|label| ("label", label));
            Ok(([("image", x)].into_iter().chain(label).collect(), outputs))
        });
        compare(&parts, "decoder", |n| {
            let z = random(n, &[model.latents]).affine(4.0, -2.0)?;
            let label = label(n);
            let output = model.networks.decode(&z, label.as_ref())?;
            let half = output.dim(1)? / 2;
            let outputs = match model.likelihood {
                Likelihood::Bernoulli => {
                    let white = (output.neg()?.exp()? + 1.0)?.recip()?;
                    vec![("logits", image(&output)?), ("image", image(&white)?)]
                }
                Likelihood::Gaussian { .. } => {
                    vec![("mean", image(&output)?), ("image", image(&output.clamp(0.0, 1.0)?)?)]
                }
                Likelihood::Logistic { .. } => vec![
                    ("mean", image(&output.narrow(1, 0, half)?)?),
                    ("log_scale", image(&output.narrow(1, half, half)?)?),
                ],
            };
            let label = label.map(|label| ("label", label));
            Ok(([("latent", z)].into_iter().chain(label).collect(), outputs))
        });
    }
}
