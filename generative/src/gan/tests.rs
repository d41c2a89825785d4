use super::*;
use crate::Generative;
use crate::data::{Images, Labels, Parts, PlanarConfig, Points, Shape, gaussians_8};
use crate::ema::decay;
use crate::export::testing::{self as export, compare, random};
use crate::{ImageSampler as _, PointSampler as _};
use candle_core::DType;
use nn::Init;
use rand_distr::{Distribution as _, StandardNormal};
use train::testing::{device, resume_changes_nothing, same_seed_same_bits, trained};

fn eight(n_train: usize) -> Dataset {
    gaussians_8(&PlanarConfig { n_train, n_test: 1_000, seed: 1 }).unwrap()
}

/// Points with the same label.
fn points(at: &[[f32; 2]]) -> Dataset {
    let labels = Labels { of: vec![0; at.len()], names: vec!["all".to_owned()] };
    let part = || Points { at: at.to_vec(), labels: labels.clone(), density: None };
    Dataset::Points(Parts { train: part(), validation: part(), test: part(), entropy: None })
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

fn small() -> GanConfig {
    GanConfig { hidden: 32, latents: 4, ..GanConfig::default() }
}

fn gan(data: Dataset, config: GanConfig) -> Gan {
    Gan::new(data, config, 1, device()).unwrap()
}

fn values(params: &Params) -> Vec<Vec<f32>> {
    let all = params.named().into_iter().chain(params.buffers());
    all.map(|(_, var)| var.flatten_all().unwrap().to_vec1().unwrap()).collect()
}

/// Networks with running statistics on both sides, and with what power iteration remembers.
fn convolutions() -> [GanConfig; 2] {
    let (network, channels, conditional) = (GanNetwork::Dcgan, 2, true);
    let normalised = GanConfig { network, channels, conditional, ema: 0.9, ..small() };
    let (spectral, batch_norm) = (true, BatchNorm::Generator);
    [GanConfig { spectral, batch_norm, ..normalised.clone() }, normalised]
}

fn realness(gan: &Gan, at: &[[f32; 2]]) -> Result<Vec<f32>> {
    let discriminator = (&gan.discriminator.frozen, gan.config.objective);
    figures::realness(&gan.sampler, discriminator, at)
}

/// D says 2x of a point, and G draws `at` whatever z is.
fn simple(config: GanConfig, at: [f32; 2]) -> Gan {
    let config = GanConfig { layers: 1, hidden: 1, leak: 1.0, ..config };
    let gan = gan(eight(100), config);
    let x = Tensor::new(&[[2f32, 0.0]], device()).unwrap();
    let at = Tensor::new(&at, device()).unwrap();
    for (name, var) in
        gan.discriminator.params.named().into_iter().chain(gan.generator.params.named())
    {
        var.set(&match &*name {
            "discriminator.hidden1.weight" => x.clone(),
            "discriminator.out.weight" => var.ones_like().unwrap(),
            "generator.out.bias" => at.clone(),
            _ => var.zeros_like().unwrap(),
        })
        .unwrap();
    }
    gan
}

#[test]
fn each_steps_alone() {
    let wasserstein =
        GanConfig { objective: Objective::Wasserstein, penalty: Penalty::Interpolates, ..small() };
    let images = convolutions().map(|config| (four(), config));
    for (data, config) in
        [(eight(100), small()), (eight(100), wasserstein)].into_iter().chain(images)
    {
        let config = GanConfig { d_steps: 2, clip: 0.05, ema: 0.9, ..config };
        let mut gan = gan(data, config.clone());
        let all = |gan: &Gan| {
            [&gan.generator.params, &gan.discriminator.params, &gan.ema.as_ref().unwrap().params]
                .map(values)
        };
        for round in 0..3 {
            for step in 0..3 {
                let before = all(&gan);
                gan.step(&mut Log::default()).unwrap();
                let after = all(&gan);
                let changed: Vec<_> = before.iter().zip(&after).map(|(b, a)| b != a).collect();
                let generators = step == 2;
                assert_eq!(changed, [generators, !generators, generators], "{round} {step}");
            }
        }
        for (name, var) in gan.discriminator.params.named() {
            let largest = var.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(largest <= 0.05, "{name}: {largest}");
        }
        // Means that follow, and are not what they follow.
        let [generator, _, mean] = all(&gan);
        assert_ne!(generator, mean);
        if config.network != GanNetwork::Mlp {
            continue;
        }
        let sampled = gan.sample_points(5, None, &mut stream(1, "test")).unwrap();
        gan.generator.params.copy_from(&gan.ema.as_ref().unwrap().params).unwrap();
        let z = gan.sampler.noise(5, &mut stream(1, "test"));
        let z = Tensor::from_vec(z, (5, 4), device()).unwrap();
        let by_mean = gan.generator.network.forward(&z).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(by_mean, sampled);
    }
}

/// The generator is the identity, so that q = N(0, 1); with p = N((1, 0), 1) the best discriminator is
/// p/(p + q) = σ(x − ½), whatever y is.
#[test]
fn a_discriminator_of_known_densities_becomes_their_share() {
    let mut rng = stream(1, "points");
    let mut at = vec![[0.0; 2]; 20_000];
    at.as_flattened_mut().fill_with(|| StandardNormal.sample(&mut rng));
    at.iter_mut().for_each(|[x, _]| *x += 1.0);
    let (d_lr, d_steps, batch) = (2e-3, 1 << 20, 512);
    let config = GanConfig { layers: 1, hidden: 32, latents: 2, d_lr, d_steps, batch, ..small() };
    let mut gan = gan(points(&at), config);
    // x = max(0, x) − max(0, −x)
    let rows = |signs: [f32; 2]| {
        (0..32 * 2).map(move |i| match (i / 2, i % 2) {
            (unit @ 0..2, 0) => signs[unit],
            (unit @ 2..4, 1) => signs[unit - 2],
            _ => 0.0,
        })
    };
    let weight: Vec<f32> = rows([1.0, -1.0]).collect();
    let weight = Tensor::from_vec(weight, (32, 2), device()).unwrap();
    for (name, var) in gan.generator.params.named() {
        match &name["generator.".len()..] {
            "hidden1.weight" => var.set(&weight).unwrap(),
            "out.weight" => var.set(&weight.t().unwrap().contiguous().unwrap()).unwrap(),
            _ => var.set(&var.zeros_like().unwrap()).unwrap(),
        }
    }
    let z = gan.sampler.noise(5, &mut stream(1, "test"));
    assert_eq!(gan.sample_points(5, None, &mut stream(1, "test")).unwrap().as_flattened(), z);
    for step in 0..1_000 {
        let lr = gan.config.d_lr * (1.0 - f64::from(step) / 1_000.0);
        gan.discriminator.lr = lr;
        gan.step(&mut Log::default()).unwrap();
    }
    let grid = (0..25).map(|i| [f64::from(i % 5) * 0.75 - 1.0, f64::from(i / 5) * 0.5 - 1.0]);
    for [x, y] in grid {
        let at = Tensor::new(&[[x as f32, y as f32]], device()).unwrap();
        let logit = gan.discriminator.frozen.forward(&at).unwrap();
        let logit = f64::from(logit.to_vec2::<f32>().unwrap()[0][0]);
        let (found, share) = (1.0 / (1.0 + (-logit).exp()), 1.0 / (1.0 + (0.5 - x).exp()));
        assert!((found - share).abs() < 0.05, "({x}, {y}): {found} {share}");
    }
}

/// To a thirtieth of the distance that it has at first.
#[test]
fn learns_a_cloud() {
    let mut rng = stream(1, "points");
    let normal = |mean: f32, sigma: f32, rng: &mut Rng| -> f32 {
        let noise: f32 = StandardNormal.sample(rng);
        mean + sigma * noise
    };
    let at: Vec<_> =
        (0..5_000).map(|_| [normal(1.5, 0.5, &mut rng), normal(-1.0, 0.2, &mut rng)]).collect();
    let batch = 128;
    let plain = GanConfig { penalty_weight: 0.1, d_steps: 1, ..small() };
    let mut far = Vec::new();
    let wasserstein = GanConfig { objective: Objective::Wasserstein, d_steps: 3, ..plain.clone() };
    for config in [
        GanConfig { objective: Objective::Minimax, ..plain.clone() },
        GanConfig { objective: Objective::NonSaturating, ..plain.clone() },
        GanConfig { objective: Objective::LeastSquares, ..plain.clone() },
        GanConfig { objective: Objective::Hinge, penalty: Penalty::Real, ..plain.clone() },
        GanConfig { objective: Objective::Hinge, spectral: true, ..plain.clone() },
        GanConfig { penalty: Penalty::Real, ..plain.clone() },
        GanConfig { penalty: Penalty::Noise, one_sided: true, ..plain },
        GanConfig { penalty: Penalty::Interpolates, ..wasserstein.clone() },
        GanConfig { clip: 0.1, ..wasserstein },
    ] {
        let (lr, d_lr, ema, lr_end, lr_steps) = (1e-3, 1e-3, 0.99, 0.1, batch as u64 * 2_000);
        let config = GanConfig { lr, d_lr, ema, lr_end, lr_steps, batch, ..config };
        let data = points(&at);
        let first = gan(data.clone(), config.clone()).evaluate(Split::Test).unwrap().value();
        let make =
            || -> Result<Box<dyn Learner>> { Ok(Box::new(gan(data.clone(), config.clone()))) };
        let (report, _) = trained(&make, &[batch as u64 * 2_000], None).unwrap();
        let last = report.evaluation.unwrap().value();
        if first < 2.0 || last > first / 30.0 {
            far.push((first, last, config));
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

#[test]
fn draws_what_it_is_asked_for() {
    let (lr, d_lr, ema, instance_noise) = (1e-3, 1e-3, 0.99, 0.5);
    let config =
        GanConfig { conditional: true, lr, d_lr, ema, instance_noise, hidden: 64, ..small() };
    let mut gan = gan(four(), config);
    for _ in 0..6_000 {
        gan.step(&mut Log::default()).unwrap();
    }
    assert_eq!(gan.classes(), ["a", "b", "c", "d"]);
    let Dataset::Images(data) = four() else { panic!("images") };
    let white = |image: &[u8]| image.iter().map(|&x| u8::from(x > 127)).collect::<Vec<_>>();
    let mut rng = stream(1, "test");
    for class in 0..4 {
        let sampled = gan.sample_images(20, Some(class), &mut rng).unwrap();
        let right = (0..20)
            .filter(|i| white(sampled.image(*i)) == data.train.image(class as usize))
            .count();
        assert!(right >= 18, "{class}: {right}");
    }
    assert!(gan.sample_images(1, Some(4), &mut rng).is_err());
    let sampled = gan.sample_images(6, None, &mut rng).unwrap();
    let right = (0..6).filter(|i| white(sampled.image(*i)) == data.train.image(i % 4)).count();
    assert!(right >= 5, "{right}");
    // More than are drawn at once, each by its label.
    let labels = [vec![0; 500], vec![1; 20]].concat();
    let sampled = gan.sampler.generate(&gan.sampler.noise(520, &mut rng), &labels).unwrap();
    let last = sampled.chunks(16).skip(500).map(|x| x.iter().map(|x| u8::from(*x > 0.0)).collect());
    let right = last.filter(|x: &Vec<u8>| x == data.train.image(1)).count();
    assert!(right >= 18, "{right}");
    // Rows of the interpolations have a class each.
    let grids = gan.image_grids().unwrap();
    let names: Vec<_> = grids.iter().map(|grid| (grid.name, grid.images.len())).collect();
    assert_eq!(
        names,
        [("samples", 100), ("interpolations", 144), ("interpolations-spherical", 144)]
    );
    for grid in &grids[1..] {
        let right = (0..144)
            .filter(|i| white(grid.images.image(*i)) == data.train.image(i / grid.columns % 4));
        assert!(right.count() >= 120, "{}", grid.name);
    }
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    let all = GanConfig {
        conditional: true,
        d_steps: 2,
        instance_noise: 0.5,
        instance_noise_steps: 64 * 40,
        lr_end: 0.1,
        lr_steps: 64 * 60,
        ema: 0.9,
        noise_prior: NoisePrior::Uniform,
        ..small()
    };
    let penalised = GanConfig { penalty: Penalty::Interpolates, ..all.clone() };
    let noise = GanConfig { penalty: Penalty::Noise, d_steps: 2, ..small() };
    for (data, config) in [(eight(1_000), all), (eight(1_000), noise), (four(), penalised)]
        .into_iter()
        .chain(convolutions().map(|config| (four(), GanConfig { d_steps: 2, ..config })))
    {
        let make =
            || -> Result<Box<dyn Learner>> { Ok(Box::new(gan(data.clone(), config.clone()))) };
        same_seed_same_bits(&make, 64 * 20).unwrap();
        // Within an epoch, and after a step of the discriminator that the generator's is to follow.
        for stop in [37, 38, 39] {
            let dir = tempfile::tempdir().unwrap();
            resume_changes_nothing(&make, 64 * stop, 64 * 72, dir.path()).unwrap();
        }
    }
}

/// State that is written and never read back would go unnoticed by a run that is resumed at once.
#[test]
fn what_lasts_is_remembered() {
    let mut gan = gan(eight(100), small());
    let params = Params::new(1, device());
    params.var("a", 3, Init::Constant(2.0)).unwrap();
    clip(&params, 1.5).unwrap();
    assert_eq!(values(&params), [[1.5; 3]]);
    // An untrained generator draws much the same again and again.
    gan.turn = 0;
    gan.config.d_steps = u64::MAX;
    let mut log = Log::default();
    for _ in 0..1_000 {
        gan.step(&mut log).unwrap();
    }
    let notes = log.take_notes();
    assert!(notes[0].starts_with("the generator has collapsed"), "{notes:?}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step");
    let mut checkpoint = Checkpoint::create(&path).unwrap();
    gan.state(&mut checkpoint).unwrap();
    checkpoint.commit().unwrap();
    let mut other = super::tests::gan(eight(100), small());
    other.state(&mut Checkpoint::open(&path, train::Scope::All).unwrap()).unwrap();
    assert_eq!(other.watch.seen(), gan.watch.seen());
    assert_ne!(other.watch.seen(), Watch::default().seen());
}

/// D is linear, 3x + 4y and 9 times every label: its slope is 5 wherever a point lies, whatever it is told.
#[test]
fn a_penalty_is_weighed_and_not_for_what_is_told() {
    let (penalty, penalty_weight, leak) = (Penalty::Real, 3.0, 1.0);
    let config = GanConfig { conditional: true, layers: 1, hidden: 2, leak, ..small() };
    let mut gan = gan(eight(100), GanConfig { penalty, penalty_weight, ..config });
    let rows = [[3.0, 0.0], [0.0, 4.0]].map(|row| [&row[..], &[4.5f32; 8]].concat()).concat();
    let hidden = Tensor::from_vec(rows, (2, 10), device()).unwrap();
    for (name, var) in gan.discriminator.params.named() {
        match &name["discriminator.".len()..] {
            "hidden1.weight" => var.set(&hidden).unwrap(),
            "out.weight" => var.set(&var.ones_like().unwrap()).unwrap(),
            _ => var.set(&var.zeros_like().unwrap()).unwrap(),
        }
    }
    let x = Tensor::zeros((3, 2), DType::F32, device()).unwrap();
    let label = gan.sampler.one_hot(&[0, 5, 7]).unwrap();
    let mut log = Log::default();
    let cost =
        gan.penalty.loss(&gan.discriminator.network, [&x, &x], label.as_ref(), &mut log).unwrap();
    log.settle().unwrap();
    let row = log.take();
    assert_eq!([row["train/d_slope"], row["train/penalty"]], [5.0, 12.5]);
    assert_eq!(cost.to_scalar::<f32>().unwrap(), 37.5);
}

/// A mean of numbers that are all 1 but for the one it began with, 0: 1 − ∏ decays, by hand 1 − 0.1·2/11·3/12 after three
/// steps.
#[test]
fn a_mean_forgets_what_it_began_with() {
    assert_eq!([0, 1, 2].map(|step| decay(0.999, step)), [0.1, 2.0 / 11.0, 0.25]);
    assert_eq!([decay(0.999, 1 << 30), decay(0.05, 0)], [0.999, 0.05]);
    let (n_samples, d_steps) = (64 * 3 * 7, 2);
    let mut gan = gan(eight(100), GanConfig { d_steps, ema: 0.9, ..small() });
    (gan.n_samples, gan.turn) = (n_samples, d_steps);
    let before = values(&gan.ema.as_ref().unwrap().params);
    gan.step(&mut Log::default()).unwrap();
    // The eighth step of the generator: 8/17 of it stays.
    let [before, after] =
        [before, values(&gan.ema.as_ref().unwrap().params)].map(|all| all.concat());
    let now = values(&gan.generator.params).concat();
    for ((before, after), now) in before.iter().zip(&after).zip(&now) {
        let expected = 8.0 / 17.0 * before + 9.0 / 17.0 * now;
        assert!((after - expected).abs() < 1e-6, "{after} {expected}");
    }
}

/// With all points at 0, noise alone tells the discriminator anything.
#[test]
fn all_that_the_discriminator_is_shown_is_noisy() {
    for (instance_noise, expected) in [(0.0, [0.0, 1.0]), (1.0, [0.5, 0.5])] {
        let mut gan = simple(GanConfig { instance_noise, ..small() }, [0.0; 2]);
        let still = points(&[[0.0; 2]]);
        gan.source = Source::new(still, gan.config.source(), 1, device()).unwrap();
        let mut log = Log::default();
        gan.step(&mut log).unwrap();
        log.settle().unwrap();
        let row = log.take();
        let found = [row["train/d_real_accuracy"], row["train/d_fake_accuracy"]];
        // Four standard errors of 64 draws.
        let near =
            |(found, expected): (&f64, &f64)| (found - expected).abs() <= instance_noise * 0.25;
        assert!(found.iter().zip(&expected).all(near), "{found:?}");
    }
}

/// Adam's first step is of the learning rate for every number whose gradient is not 0.
#[test]
fn each_has_its_learning_rate() {
    for (n_samples, share) in [(0, 1.0), (64 * 50, 0.55), (64 * 200, 0.1)] {
        let (lr, d_lr, lr_end, lr_steps) = (1e-3, 1e-2, 0.1, 64 * 100);
        let mut gan = gan(eight(100), GanConfig { lr, d_lr, lr_end, lr_steps, ..small() });
        let all = |gan: &Gan| {
            [&gan.discriminator.params, &gan.generator.params].map(|params| values(params).concat())
        };
        for (player, lr) in [(0, d_lr), (1, lr)] {
            let before = all(&gan);
            gan.n_samples = n_samples;
            gan.step(&mut Log::default()).unwrap();
            let after = all(&gan);
            let moved =
                before[player].iter().zip(&after[player]).map(|(b, a)| f64::from(b - a).abs());
            let most = moved.fold(0.0, f64::max);
            assert!((most / (lr * share) - 1.0).abs() < 0.01, "{player} {n_samples}: {most}");
        }
    }
}

#[test]
fn noise_is_what_the_prior_says() {
    for (noise_prior, second, ends) in
        [(NoisePrior::Normal, 1.0, 2.0), (NoisePrior::Uniform, 1.0 / 3.0, 0.99)]
    {
        let gan = gan(eight(100), GanConfig { noise_prior, ..small() });
        let z = gan.sampler.noise(2_000, &mut stream(1, "test"));
        let mean = |power: i32| z.iter().map(|z| f64::from(z.powi(power))).sum::<f64>() / 8_000.0;
        assert!(mean(1).abs() < 0.05 && (mean(2) - second).abs() < 0.07, "{noise_prior:?}");
        assert!(z.iter().any(|z| *z > ends) && z.iter().any(|z| *z < -ends), "{noise_prior:?}");
        assert!(noise_prior == NoisePrior::Normal || z.iter().all(|z| z.abs() <= 1.0));
    }
}

/// Half of all are in the middle of one mode of eight, the others are far away.
#[test]
fn the_score_of_points_is_their_modes() {
    let centre = gan(eight(100), small()).source.mixture().unwrap().centres[3];
    let mut gan = simple(small(), centre.map(|x| x as f32));
    for (name, var) in gan.generator.params.named() {
        let weight: &[f32] = match &*name {
            "generator.hidden1.weight" => &[1.0, 0.0, 0.0, 0.0],
            "generator.out.weight" => &[1e3, 4e2],
            _ => continue,
        };
        var.set(&Tensor::from_slice(weight, var.shape(), device()).unwrap()).unwrap();
    }
    let evaluation = gan.evaluate(Split::Test).unwrap();
    let measures = &evaluation.measures;
    let good = measures["good_samples"].mean;
    // Four standard errors of 5000 draws.
    assert!((good - 0.5).abs() < 0.03, "{good}");
    assert_eq!(measures["modes_covered"].mean, 1.0);
    assert_eq!([evaluation.value(), measures["modes_score"].mean], [good / 8.0; 2]);
}

#[test]
fn the_plane_shows_what_the_discriminator_says() {
    let at = [[0.0, 1.0], [0.5, 0.0], [-1.0, 0.0]];
    let odds = realness(&simple(small(), [0.0; 2]), &at).unwrap();
    // Logits 0, 1 and −2.
    for (found, expected) in odds.iter().zip([0.5, 0.731_058_6, 0.119_202_9]) {
        assert!((found - expected).abs() < 1e-6, "{odds:?}");
    }
    let wasserstein = GanConfig { objective: Objective::Wasserstein, ..small() };
    let scaled = realness(&simple(wasserstein, [0.0; 2]), &at).unwrap();
    for (found, expected) in scaled.iter().zip([2.0 / 3.0, 1.0, 0.0]) {
        assert!((found - expected).abs() < 1e-6, "{scaled:?}");
    }
    assert!(realness(&simple(small(), [0.0; 2]), &[[f32::NAN, 0.0]]).unwrap()[0].is_nan());
}

#[test]
fn instance_noise_goes_to_nothing() {
    let (instance_noise, instance_noise_steps) = (0.5, 64 * 10);
    let config = GanConfig { instance_noise, instance_noise_steps, ..small() };
    let mut gan = gan(eight(100), config);
    let still = Tensor::zeros((64, 2), DType::F32, device()).unwrap();
    let mut deviation = |n_samples: u64| {
        gan.n_samples = n_samples;
        let noise: Vec<f32> = gan.noisy(&still).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        (noise.iter().map(|x| x * x).sum::<f32>() / 128.0).sqrt()
    };
    for (n_samples, expected) in [(0, 0.5), (64 * 5, 0.25), (64 * 10, 0.0), (64 * 50, 0.0)] {
        // Four standard errors of 128 draws.
        assert!((deviation(n_samples) - expected).abs() <= expected * 0.25, "{n_samples}");
    }
    gan.config.instance_noise_steps = 0;
    gan.n_samples = 1 << 40;
    assert_ne!(gan.noisy(&still).unwrap().to_vec2::<f32>().unwrap()[0], [0.0; 2]);
}

#[test]
fn what_can_not_be_is_told() {
    let Dataset::Images(parts) = four() else { panic!("images") };
    let bare =
        |images: &Images| Images::new(images.shape(), 2, images.pixels().to_vec(), None).unwrap();
    let data = Dataset::Images(Parts {
        train: bare(&parts.train),
        validation: bare(&parts.validation),
        test: bare(&parts.test),
        entropy: None,
    });
    let message = |config| Gan::new(data.clone(), config, 1, device()).err().unwrap().to_string();
    let conditional = GanConfig { conditional: true, ..small() };
    assert_eq!(message(conditional), "--conditional true: these images have no labels");
    let single = GanConfig { batch: 1, ..small() };
    assert!(message(single).contains("--batch 1"));
    let (network, penalty) = (GanNetwork::Dcgan, Penalty::Real);
    let error = message(GanConfig { network, penalty, ..small() });
    assert!(
        error.starts_with("--penalty real: the gradient at a sample is not its own"),
        "{error}"
    );
    let error = message(GanConfig { network, spectral: true, ..small() });
    assert!(error.starts_with("--spectral true: batch normalisation"), "{error}");
    let batch_norm = BatchNorm::Generator;
    assert!(
        Gan::new(data.clone(), GanConfig { network, penalty, batch_norm, ..small() }, 1, device())
            .is_ok()
    );
    let error = message(GanConfig { network: GanNetwork::Cs231nConv, ..small() });
    assert!(
        error.contains("--network cs231n-conv: needs images of 28×28, these are 4×4"),
        "{error}"
    );
    let one = points(&[[0.0; 2]]);
    let error = Gan::new(one, small(), 1, device()).err().unwrap().to_string();
    assert!(error.starts_with("--data with 1 held out: "), "{error}");
    let error = Gan::new(eight(10), GanConfig { network, ..small() }, 1, device()).err().unwrap();
    assert!(error.to_string().contains("--network dcgan: needs images; points"), "{error}");
}

#[test]
fn points_are_looked_at_in_the_plane() {
    for objective in [Objective::NonSaturating, Objective::Wasserstein] {
        for conditional in [false, true] {
            let gan = gan(eight(100), GanConfig { objective, conditional, ..small() });
            let points = gan.point_sampler().unwrap();
            let plane = points.plane().unwrap();
            assert_eq!([plane.data.len(), plane.samples.len()], [1_000; 2]);
            assert_eq!(plane, points.plane().unwrap());
            let values = &plane.field.values;
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
            let ends =
                values.iter().fold((1f32, 0f32), |(low, high), x| (low.min(*x), high.max(*x)));
            assert_eq!(ends == (0.0, 1.0), objective == Objective::Wasserstein, "{ends:?}");
            assert_eq!(gan.image_grids().unwrap().len(), 0);
            assert!(gan.image_sampler().is_none());
            assert_eq!(points.sample_points(9, None, &mut stream(1, "test")).unwrap().len(), 9);
        }
    }
    let images = gan(four(), small());
    assert!(images.point_sampler().is_none() && images.image_sampler().is_some());
}

/// Every network, after a few steps, so that running statistics and singular values have moved.
#[test]
fn exported_generators_and_discriminators_are_its_own() {
    let side = |side: usize| {
        let shape = Shape { channels: 1, height: side, width: side };
        let images = |n: usize| {
            let pixels = (0..n * shape.len()).map(|i| (i * i * 31 % 251) as u8).collect();
            Images::new(shape, 256, pixels, None).unwrap()
        };
        let (train, validation, test) = (images(40), images(8), images(8));
        Dataset::Images(Parts { train, validation, test, entropy: None })
    };
    let (batch, channels, dense) = (8, 2, 6);
    let small = GanConfig { batch, channels, ..small() };
    let [spectral, normalised] = convolutions().map(|config| GanConfig { batch, ..config });
    let of = |network| GanConfig { network, ..small.clone() };
    let pooled = GanConfig { downsample: Downsample::Pool, dense, ..of(GanNetwork::Dcgan) };
    let wasserstein = GanConfig { objective: Objective::Wasserstein, ..small.clone() };
    for (data, config) in [
        (four(), GanConfig { conditional: true, ..small.clone() }),
        (four(), spectral),
        (four(), normalised),
        (side(8), pooled),
        (side(8), of(GanNetwork::Residual)),
        (side(28), of(GanNetwork::Cs231nConv)),
        (side(4), of(GanNetwork::Cs231nFc)),
        (eight(40), wasserstein),
    ] {
        let mut gan = gan(data, config);
        for _ in 0..4 {
            gan.step(&mut Log::default()).unwrap();
        }
        let (form, classes) = (gan.sampler.form, gan.sampler.classes.len());
        let (kind, dims) = match form {
            Form::Point => ("point", vec![2]),
            Form::Image(shape) => ("image", vec![shape.channels, shape.height, shape.width]),
        };
        let label = |n: usize| (classes > 0).then(|| export::labels(n, classes));
        let named = |name, x, label: Option<Tensor>| -> export::Named {
            [(name, x)].into_iter().chain(label.map(|label| ("label", label))).collect()
        };
        compare(&gan.exports(), "generator", |n| {
            let (z, label) = (random(n, &[gan.config.latents]).affine(4.0, -2.0)?, label(n));
            let x = gan.sampler.network.forward(&joined(&z, label.as_ref())?)?;
            let x = if form == Form::Point { x } else { x.affine(0.5, 0.5)? };
            Ok((named("latent", z, label), vec![(kind, x.reshape([&[n], &dims[..]].concat())?)]))
        });
        compare(&gan.exports(), "discriminator", |n| {
            let (x, label) = (random(n, &dims), label(n));
            let seen = if form == Form::Point { x.clone() } else { x.affine(2.0, -1.0)? };
            let rows = gan.config.network.takes_rows();
            let seen = if rows { seen.flatten_from(1)? } else { seen };
            let d = gan.discriminator.network.frozen().forward(&joined(&seen, label.as_ref())?)?;
            let name =
                if gan.config.objective == Objective::Wasserstein { "score" } else { "logit" };
            Ok((named(kind, x, label), vec![(name, d)]))
        });
    }
}
