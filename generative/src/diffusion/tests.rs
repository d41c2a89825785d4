use super::denoiser::{Denoiser, Output, estimates, normal};
use super::*;
use crate::data::{
    Density, Images, Labels, Mixture, Parts, PlanarConfig, Points, Shape, gaussians_8,
};
use crate::export::testing::{self as export, compare};
use crate::process::Process as _;
use crate::{Generative as _, ImageSampler as _};
use nn::onnx::testing::random;
use rand_distr::{Distribution as _, StandardNormal};
use std::f64::consts::{E, PI};
use train::stream;
use train::testing::{device, resume_changes_nothing, same_seed_same_bits};

fn eight(n_train: usize) -> Dataset {
    gaussians_8(&PlanarConfig { n_train, n_test: 200, seed: 1 }).unwrap()
}

fn small() -> DiffusionConfig {
    let (diffusion_steps, sample_steps) = (50, 5);
    let sizes = DiffusionConfig { hidden: 16, layers: 2, batch: 32, ..DiffusionConfig::default() };
    DiffusionConfig { diffusion_steps, sample_steps, ..sizes }
}

fn model(data: Dataset, config: DiffusionConfig) -> Diffusion {
    Diffusion::new(data, config, 1, device()).unwrap()
}

fn doubles(rows: &[[f64; 2]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened(), (rows.len(), 2), device()).unwrap()
}

fn flat(x: &Tensor) -> Vec<f64> {
    x.to_dtype(candle_core::DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Three components that overlap a little.
fn three() -> Mixture {
    Mixture { centres: vec![[-1.5, 0.0], [1.0, 1.0], [1.0, -1.5]], sigma: 0.4 }
}

/// Points of a mixture, with the component as the label.
fn points_of(mixture: &Mixture, n: usize, purpose: &str) -> Points {
    let mut rng = stream(7, purpose);
    let names: Vec<String> = (0..mixture.centres.len()).map(|i| i.to_string()).collect();
    let of: Vec<u32> = (0..n).map(|_| rng.random_range(0..names.len() as u32)).collect();
    let mut near = |centre: f64| -> f32 {
        let noise: f64 = StandardNormal.sample(&mut rng);
        (centre + mixture.sigma * noise) as f32
    };
    let at = of.iter().map(|of| mixture.centres[*of as usize].map(&mut near)).collect();
    Points { at, labels: Labels { of, names }, density: Some(Density::Mixture(mixture.clone())) }
}

/// E[x₀ | x_t = x] where x₀ is of the mixture: of a component N(μ, s²) it is μ + αs²/(α²s² + σ²)·(x − αμ), of a mixture the mean
/// of theirs, weighted by the probabilities of the components given x.
fn exact(mixture: &Mixture, schedule: &Schedule, t: usize, x: &Tensor) -> Tensor {
    let (alpha, sigma) = (schedule.alpha(t), schedule.sigma(t));
    let own = mixture.sigma.powi(2);
    let variance = alpha * alpha * own + sigma * sigma;
    let rows: Vec<f64> = flat(x);
    let of = |at: &[f64]| {
        let off = |c: &[f64; 2]| [at[0] - alpha * c[0], at[1] - alpha * c[1]];
        let exponents: Vec<f64> = mixture
            .centres
            .iter()
            .map(|c| -off(c).iter().map(|x| x * x).sum::<f64>() / 2.0 / variance)
            .collect();
        let most = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = exponents.iter().map(|x| (x - most).exp()).collect();
        let whole: f64 = weights.iter().sum();
        let mut mean = [0.0; 2];
        for (centre, weight) in mixture.centres.iter().zip(&weights) {
            for axis in 0..2 {
                let found = centre[axis] + alpha * own / variance * off(centre)[axis];
                mean[axis] += weight / whole * found;
            }
        }
        mean
    };
    doubles(&rows.chunks(2).map(of).collect::<Vec<_>>())
}

/// Runs `f` with the exact denoiser of a mixture.
fn with_exact<T>(
    mixture: &Mixture,
    (schedule, variance): (&Schedule, Variance),
    f: impl FnOnce(&Denoiser<'_>) -> T,
) -> T {
    let output: &Output<'_> = &|steps, x| {
        let rows: Vec<f64> = flat(x);
        let each = steps
            .iter()
            .zip(rows.chunks(2))
            .map(|(t, at)| exact(mixture, schedule, *t, &doubles(&[[at[0], at[1]]])));
        Ok(Tensor::cat(&each.collect::<Vec<_>>(), 0)?)
    };
    f(&Denoiser { schedule, prediction: Prediction::X, variance, clip: None, output })
}

const ALL: [Prediction; 3] = [Prediction::Epsilon, Prediction::X, Prediction::V];

/// α = 0.8, σ = 0.6, x₀ = (1, −2), ε = (0.5, 1): x_t = (1.1, −1), v = 0.8·ε − 0.6·x₀ = (−0.2, 2).
#[test]
fn predictions_by_hand() {
    let [x0, epsilon] = [[1.0, -2.0], [0.5, 1.0]].map(|x| doubles(&[x]));
    let [alpha, sigma] = [0.8f64, 0.6].map(|x| Tensor::new(&[[x]], device()).unwrap());
    let x = noisy([&x0, &epsilon], [&alpha, &sigma]).unwrap();
    let close = |found: &Tensor, expected: [f64; 2]| {
        flat(found).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12)
    };
    assert!(close(&x, [1.1, -1.0]));
    for (prediction, expected) in ALL.into_iter().zip([[0.5, 1.0], [1.0, -2.0], [-0.2, 2.0]]) {
        let target = target(prediction, [&x0, &epsilon], [&alpha, &sigma]).unwrap();
        assert!(close(&target, expected), "{prediction:?}");
        let [x0, epsilon] = estimates(prediction, &target, &x, [&alpha, &sigma]).unwrap();
        assert!(close(&x0, [1.0, -2.0]) && close(&epsilon, [0.5, 1.0]), "{prediction:?}");
    }
}

/// Of N(0, 1) the reverse of every step is known: its variance is β, and what is drawn is N(0, 1) after any number of steps.
#[test]
fn ancestral_samples_of_a_gaussian_have_its_moments() {
    let one = Mixture { centres: vec![[0.0, 0.0]], sigma: 1.0 };
    let (n, rng) = (20_000, &mut stream(1, "test"));
    for (name, n_steps) in [(ScheduleName::Linear, 3), (ScheduleName::Cosine, 12)] {
        let schedule = Schedule::new(name, 100);
        let noise = normal(&Tensor::zeros((n, 2), candle_core::DType::F64, device()).unwrap(), rng);
        let noise = noise.unwrap();
        let mut last = Vec::new();
        let run = |denoiser: &Denoiser<'_>| {
            let sampler = DiffusionSampler::Ancestral;
            denoiser
                .sample(sampler, n_steps, noise.clone(), rng, |x| {
                    last.push(flat(x).iter().map(|x| x * x).sum::<f64>() / (2 * n) as f64);
                    Ok(())
                })
                .unwrap();
        };
        with_exact(&one, (&schedule, Variance::Beta), run);
        // All x_s but the data, which are an estimate; four standard errors of 40,000 squares.
        assert_eq!(last.len(), n_steps + 1);
        assert!(last[..n_steps].iter().all(|x| (x - 1.0).abs() < 0.03), "{name:?}: {last:?}");
        let t = schedule.strided(n_steps)[0];
        let expected = schedule.alpha(t).powi(2);
        assert!((last[n_steps] - expected).abs() < 0.03, "{last:?} {expected}");
    }
}

/// The flow without noise keeps z of x_t = αμ + √(α²s² + σ²)·z; the error of DDIM falls by half, that of DPM-Solver++ to a quarter,
/// with twice as many steps.
#[test]
fn samplers_converge_at_their_order_with_the_exact_denoiser() {
    let one = Mixture { centres: vec![[1.0, -0.5]], sigma: 0.5 };
    let schedule = Schedule::new(ScheduleName::Cosine, 4096);
    let z = [[0.3, -1.2], [1.5, 0.7]];
    let at = |t: usize| {
        let (alpha, sigma) = (schedule.alpha(t), schedule.sigma(t));
        let deviation = (alpha * alpha * 0.25 + sigma * sigma).sqrt();
        z.map(|[x, y]| [alpha + deviation * x, -0.5 * alpha + deviation * y])
    };
    for (sampler, order) in [(DiffusionSampler::Ddim, 1.0), (DiffusionSampler::DpmSolver, 2.0)] {
        let [coarse, fine] = [128, 256].map(|n_steps| {
            let (steps, mut worst) = (schedule.strided(n_steps), 0f64);
            let mut left = n_steps;
            let run = |denoiser: &Denoiser<'_>| {
                let start = doubles(&at(4096));
                denoiser
                    .sample(sampler, n_steps, start, &mut stream(1, "test"), |x| {
                        // At the middle of the way, where both have a state.
                        if left == n_steps / 2 {
                            let apart = flat(x);
                            let known = at(steps[left - 1]);
                            let apart = apart.iter().zip(known.as_flattened());
                            worst = apart.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                        }
                        left = left.saturating_sub(1);
                        Ok(())
                    })
                    .unwrap()
            };
            with_exact(&one, (&schedule, Variance::Posterior), run);
            worst
        });
        let found = (coarse / fine).log2();
        assert!((found - order).abs() < 0.3, "{sampler:?}: {found}, {coarse} {fine}");
    }
}

/// Without noise a sampler ends in the data: of a point in that point, of a Gaussian about where the flow leads.
#[test]
fn deterministic_samples_end_where_the_flow_leads() {
    let one = Mixture { centres: vec![[1.0, -0.5]], sigma: 0.5 };
    let schedule = Schedule::new(ScheduleName::Linear, 1000);
    for sampler in [DiffusionSampler::Ddim, DiffusionSampler::DpmSolver] {
        let run = |denoiser: &Denoiser<'_>| {
            let start = doubles(&[[0.3, -1.2]]);
            denoiser.sample(sampler, 200, start, &mut stream(1, "test"), |_| Ok(())).unwrap()
        };
        let found = flat(&with_exact(&one, (&schedule, Variance::Posterior), run));
        for (found, expected) in found.iter().zip([1.15, -1.1]) {
            assert!((found - expected).abs() < 0.02, "{sampler:?}: {found} {expected}");
        }
    }
}

/// The terms of a bound where the estimate of x₀ is off by a squared distance of 0.5 (schedule.rs has the posterior by hand).
#[test]
fn terms_of_the_bound_by_hand() {
    let schedule = Schedule::new(ScheduleName::Linear, 10);
    let output: &Output<'_> = &|_, x| Ok(x.clone());
    let posterior = schedule.posterior(4, 3);
    for (variance, chosen) in
        [(Variance::Posterior, posterior.variance), (Variance::Beta, posterior.beta)]
    {
        let denoiser = Denoiser {
            schedule: &schedule,
            prediction: Prediction::X,
            variance,
            clip: None,
            output,
        };
        // KL of N(m, ṽ) from N(m', v) in two numbers: log v/ṽ + ṽ/v − 1 + ‖m − m'‖²/2v.
        let kl = (chosen / posterior.variance).ln() + posterior.variance / chosen - 1.0
            + posterior.of_x0.powi(2) * 0.5 / (2.0 * chosen);
        assert!((denoiser.term(4, 0.5, 2.0) - kl).abs() < 1e-12);
        let beta = schedule.posterior(1, 0).beta;
        let first = (2.0 * PI * beta).ln() + 0.5 / (2.0 * beta);
        assert!((denoiser.term(1, 0.5, 2.0) - first).abs() < 1e-9);
    }
}

/// Of N(0, 1) and variances β the bound is no bound but the entropy, log 2πe; of others it lies above it.
#[test]
fn the_bound_is_above_the_exact_likelihood() {
    let rng = &mut stream(1, "test");
    let one = Mixture { centres: vec![[0.0, 0.0]], sigma: 1.0 };
    let schedule = Schedule::new(ScheduleName::Linear, 40);
    let n = 4_000;
    let like = Tensor::zeros((n, 2), candle_core::DType::F64, device()).unwrap();
    let x0 = normal(&like, rng).unwrap();
    let bounds = with_exact(&one, (&schedule, Variance::Beta), |denoiser| {
        denoiser.bounds(&x0, 39, rng).unwrap()
    });
    // Beside −log p of the same points, so that little is left to chance.
    let nll = |at: &[f64]| (at[0] * at[0] + at[1] * at[1]) / 2.0 + (2.0 * PI).ln();
    let above: Vec<f64> =
        flat(&x0).chunks(2).zip(&bounds).map(|(at, bound)| bound - nll(at)).collect();
    let mean = above.iter().sum::<f64>() / n as f64;
    let deviation = (above.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
    assert!(mean.abs() < 4.0 * deviation / (n as f64).sqrt(), "{mean} {deviation}");
    assert!(deviation < 3.0 && (nll(&[1.0, 1.0]) - (2.0 * PI * E).ln()).abs() < 1e-12);

    let mixture = three();
    let points = points_of(&mixture, 1_000, "bound");
    let at: Vec<[f64; 2]> = points.at.iter().map(|at| at.map(f64::from)).collect();
    let exact_nll = points.at.iter().map(|at| -mixture.log_density(*at)).sum::<f64>() / 1_000.0;
    let bound = |t: usize, variance| {
        let schedule = Schedule::new(ScheduleName::Linear, t);
        let bounds = with_exact(&mixture, (&schedule, variance), |denoiser| {
            denoiser.bounds(&doubles(&at), 20, &mut stream(2, "test")).unwrap()
        });
        bounds.iter().sum::<f64>() / 1_000.0 - exact_nll
    };
    let (few, many) = (bound(50, Variance::Beta), bound(1_000, Variance::Beta));
    assert!(few > many && many > 0.0 && many < 0.1, "{few} {many}");
    assert!(bound(1_000, Variance::Posterior) > 0.0);
}

#[test]
fn learns_with_each_prediction() {
    let mixture = three();
    let [train, validation, test] = [("train", 20_000), ("validation", 1_000), ("test", 1_000)]
        .map(|(purpose, n)| points_of(&mixture, n, purpose));
    let data = Dataset::Points(Parts { train, validation, test, entropy: None });
    let (hidden, layers, batch) = (64, 3, 128);
    let (lr, lr_end, lr_steps) = (2e-3, 0.05, batch as u64 * 2_500);
    for (prediction, schedule, sampler) in [
        (Prediction::Epsilon, ScheduleName::Linear, DiffusionSampler::Ancestral),
        (Prediction::X, ScheduleName::Cosine, DiffusionSampler::Ddim),
        (Prediction::V, ScheduleName::Cosine, DiffusionSampler::DpmSolver),
    ] {
        let config = DiffusionConfig {
            prediction,
            schedule,
            sampler,
            variance: Variance::Beta,
            diffusion_steps: 200,
            sample_steps: 50,
            hidden,
            layers,
            batch,
            lr,
            lr_end,
            lr_steps,
            ..DiffusionConfig::default()
        };
        let mut model = model(data.clone(), config);
        let before = model.evaluate(Split::Test).unwrap();
        for _ in 0..2_500 {
            model.step(&mut Log::default()).unwrap();
        }
        let evaluation = model.evaluate(Split::Test).unwrap();
        let measures = &evaluation.measures;
        let kl = measures["data_kl_bound_nats"].mean;
        assert_eq!(evaluation.value(), measures["nll_bound_nats"].mean);
        // An error of x₀ that does not shrink with the noise weighs much in the first terms.
        assert!(kl < if prediction == Prediction::X { 50.0 } else { 0.35 }, "{prediction:?}: {kl}");
        assert!(kl > 0.0 && before.measures["data_kl_bound_nats"].mean > 5.0 * kl);
        let energy = measures["energy_distance"].mean;
        assert!(energy < 0.01, "{prediction:?}: {energy}");
        assert_eq!(measures["modes_covered"].mean, 3.0);
    }
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    let all = DiffusionConfig {
        conditional: true,
        guidance: 2.0,
        prediction: Prediction::V,
        lr_end: 0.1,
        lr_steps: 32 * 60,
        ema: 0.9,
        ..small()
    };
    let plain = DiffusionConfig { ema: 0.0, sampler: DiffusionSampler::DpmSolver, ..small() };
    for (data, config) in [(eight(1_000), all.clone()), (eight(1_000), plain), (four(), all)] {
        let make =
            || -> Result<Box<dyn Learner>> { Ok(Box::new(model(data.clone(), config.clone()))) };
        same_seed_same_bits(&make, 32 * 20).unwrap();
        let dir = tempfile::tempdir().unwrap();
        resume_changes_nothing(&make, 32 * 37, 32 * 72, dir.path()).unwrap();
    }
}

/// Four images, each with a label of its own.
fn four() -> Dataset {
    let shape = Shape { channels: 1, height: 4, width: 4 };
    let pixels = [[0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 0]].map(|x| x.repeat(4));
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let images = |times: usize| {
        let labels = Labels { of: [0, 1, 2, 3].repeat(times), names: names.clone() };
        Images::new(shape, 2, pixels.concat().repeat(times), Some(labels)).unwrap()
    };
    let (train, validation, test) = (images(16), images(50), images(50));
    Dataset::Images(Parts { train, validation, test, entropy: None })
}

#[test]
fn draws_what_it_is_asked_for() {
    let (lr, ema, guidance) = (3e-3, 0.99, 1.5);
    let config = DiffusionConfig { conditional: true, lr, ema, guidance, hidden: 64, ..small() };
    let mut model = model(four(), DiffusionConfig { sample_steps: 20, ..config });
    for _ in 0..1_500 {
        model.step(&mut Log::default()).unwrap();
    }
    let Dataset::Images(data) = four() else { panic!("images") };
    let white = |image: &[u8]| image.iter().map(|&x| u8::from(x > 127)).collect::<Vec<_>>();
    let mut rng = stream(1, "test");
    for class in 0..4 {
        let sampled = model.sample_images(20, Some(class), &mut rng).unwrap();
        let right = (0..20)
            .filter(|i| white(sampled.image(*i)) == data.train.image(class as usize))
            .count();
        assert!(right >= 18, "{class}: {right}");
    }
    assert!(model.sample_images(1, Some(4), &mut rng).is_err());
    assert!(model.point_sampler().is_none() && model.image_sampler().is_some());
    let grids = model.image_grids().unwrap();
    let names: Vec<_> = grids.iter().map(|grid| (grid.name, grid.images.len())).collect();
    assert_eq!(names, [("samples", 100), ("denoising", 80)]);
    for row in 0..10 {
        let last = white(grids[1].images.image(row * 8 + 7));
        assert_eq!(last, data.train.image(row % 4), "{row}");
    }
    assert!(model.evaluate(Split::Test).unwrap().value() < 0.1);
}

/// The states of a figure end in samples.
#[test]
fn a_path_ends_in_the_samples() {
    let model = model(eight(100), small());
    let states = model.chain.states(30, &[], 4, &mut stream(1, "test")).unwrap();
    assert_eq!(states.len(), 4);
    let same = model.chain.generate(30, &[], &mut stream(1, "test")).unwrap();
    assert_eq!(states[3], same);
    let noise = model.chain.subject.noise(30, &mut stream(1, "test"));
    assert_eq!(states[0], model.chain.subject.restored(noise));
    let points = model.point_sampler().unwrap();
    assert_eq!(points.plane().unwrap(), points.plane().unwrap());
    assert_eq!(model.image_grids().unwrap()[0].images.len(), 8);
}

#[test]
fn the_exported_denoiser_is_its_own() {
    for (prediction, name) in ALL.into_iter().zip(["epsilon", "x", "v"]) {
        let mut model =
            model(eight(40), DiffusionConfig { conditional: true, prediction, ..small() });
        for _ in 0..3 {
            model.step(&mut Log::default()).unwrap();
        }
        compare(&model.exports(), "denoiser", |n| {
            let (x, label) = (random("x", &[n, 2])?, export::labels(n, 8));
            let output = model.chain.output((&vec![10; n], 1.0), &x, Some(&label)).unwrap();
            let time = Tensor::full(0.2f32, (n, 1), device())?;
            Ok((vec![("noisy", x), ("time", time), ("label", label)], vec![(name, output)]))
        });
    }
}

#[test]
fn what_can_not_be_is_told() {
    let message =
        |config| Diffusion::new(eight(100), config, 1, device()).err().unwrap().to_string();
    let sentence = "--sample-steps 51: there are --diffusion-steps 50";
    assert_eq!(message(DiffusionConfig { sample_steps: 51, ..small() }), sentence);
    let error = message(DiffusionConfig { diffusion_steps: 1, sample_steps: 1, ..small() });
    assert!(error.contains("--diffusion-steps 1: must lie between 2 and"), "{error}");
}
