use super::flow::{divergence, log_densities};
use super::*;
use crate::data::{
    Density, Images, Labels, Mixture, Parts, PlanarConfig, Points, Shape, gaussians_8,
};
use crate::export::testing::{self as export, compare};
use crate::ode::{Method, Solver, solve};
use crate::process::guided;
use crate::{Generative as _, ImageSampler as _, PointSampler as _};
use candle_core::Var;
use nn::Params;
use nn::onnx::testing::random as normal;
use train::stream;
use train::testing::{device, resume_changes_nothing, same_seed_same_bits, trained};

fn eight(n_train: usize) -> Dataset {
    gaussians_8(&PlanarConfig { n_train, n_test: 200, seed: 1 }).unwrap()
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

fn dataset(mixture: &Mixture) -> Dataset {
    let [train, validation, test] = [("train", 20_000), ("validation", 1_000), ("test", 1_000)]
        .map(|(purpose, n)| points_of(mixture, n, purpose));
    Dataset::Points(Parts { train, validation, test, entropy: None })
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

fn small() -> FlowMatchingConfig {
    FlowMatchingConfig { hidden: 16, layers: 2, batch: 32, ..FlowMatchingConfig::default() }
}

fn model(data: Dataset, config: FlowMatchingConfig) -> FlowMatching {
    FlowMatching::new(data, config, 1, device()).unwrap()
}

/// E[x₁ − x₀ | x_t = x] where x₁ is of the mixture: of a component x_t is N(t·μ, s²) with s² = (1 − t)² + t²σ², and
/// Cov(x₁ − x₀, x_t)/s² = (tσ² − (1 − t))/s², so that the velocity is μ + (tσ² − (1 − t))/s²·(x − tμ); of a mixture it is the
/// mean of theirs, weighted by the probabilities of the components given x.
fn exact(mixture: &Mixture, t: f64, x: &Tensor) -> Result<Tensor> {
    let variance = mixture.sigma.powi(2);
    let s = (1.0 - t).powi(2) + t * t * variance;
    let slope = (t * variance - (1.0 - t)) / s;
    let (mut exponents, mut velocities) = (Vec::new(), Vec::new());
    for centre in &mixture.centres {
        let mean = Tensor::new(&[*centre], x.device())?.to_dtype(x.dtype())?; // [1, 2]
        let off = x.broadcast_sub(&(&mean * t)?)?; // [n, 2]
        exponents.push((off.sqr()?.sum_keepdim(1)? * (-0.5 / s))?); // [n, 1]
        velocities.push((off * slope)?.broadcast_add(&mean)?);
    }
    let exponents = Tensor::cat(&exponents, 1)?; // [n, M]
    let most = exponents.max_keepdim(1)?.detach();
    let weights = exponents.broadcast_sub(&most)?.exp()?;
    let weights = weights.broadcast_div(&weights.sum_keepdim(1)?)?;
    let mut sum = x.zeros_like()?;
    for (i, velocity) in velocities.iter().enumerate() {
        sum = (sum + velocity.broadcast_mul(&weights.narrow(1, i, 1)?)?)?;
    }
    Ok(sum)
}

fn doubles(rows: &[[f64; 2]]) -> Tensor {
    Tensor::from_slice(rows.as_flattened(), (rows.len(), 2), device()).unwrap()
}

fn flat(x: &Tensor) -> Vec<f64> {
    x.to_dtype(candle_core::DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn a_path_by_hand() {
    let [x0, x1] = [[1.0, 2.0], [3.0, -2.0]].map(|x| doubles(&[x]));
    let t = Tensor::new(&[[0.25f64]], device()).unwrap();
    let [x, velocity] = path(&x0, &x1, &t).unwrap();
    assert_eq!((flat(&x), flat(&velocity)), (vec![1.5, 1.0], vec![2.0, -4.0]));
}

/// One component: at t = ½, σ² = ¼ and μ = (2, 0), s² = ¼ + 1/16 = 5/16 and the slope is (1/8 − ½)/(5/16) = −6/5: at (2, 1)
/// the velocity is 2 − 6/5·(2 − 1) and −6/5·1. Where two components are as likely it is the mean of theirs.
#[test]
fn the_exact_velocity_by_hand() {
    let one = Mixture { centres: vec![[2.0, 0.0]], sigma: 0.5 };
    let found = flat(&exact(&one, 0.5, &doubles(&[[2.0, 1.0]])).unwrap());
    assert!((found[0] - 0.8).abs() < 1e-12 && (found[1] + 1.2).abs() < 1e-12, "{found:?}");
    let two = Mixture { centres: vec![[2.0, 0.0], [-2.0, 0.0]], sigma: 0.5 };
    let found = flat(&exact(&two, 0.5, &doubles(&[[0.0, 1.0]])).unwrap());
    // 2 − 6/5·(−1) and −2 − 6/5·1.
    assert!(found[0].abs() < 1e-12 && (found[1] + 1.2).abs() < 1e-12, "{found:?}");
}

/// Beside a fine solution; and of one Gaussian x(t) = tμ + s(t)·x(0), so that its flow ends in μ + σ·x(0).
#[test]
fn samplers_converge_at_their_order_on_the_exact_velocity() {
    let mixture = three();
    let start = [[0.3, -1.2], [1.5, 0.7], [-0.2, 0.1]];
    let run = |solver| {
        let field = |t: f64, x: &Tensor| exact(&mixture, t, x);
        flat(&solve(solver, &field, doubles(&start), [0.0, 1.0]).unwrap())
    };
    let fine = run(Solver::Fixed { method: Method::Rk4, steps: 2_000 });
    for (method, order) in [(Method::Euler, 1.0), (Method::Midpoint, 2.0), (Method::Rk4, 4.0)] {
        let [coarse, finer] = [100, 200].map(|steps| {
            let found = run(Solver::Fixed { method, steps });
            found.iter().zip(&fine).map(|(a, b)| (a - b).abs()).sum::<f64>()
        });
        let found = (coarse / finer).log2();
        assert!((found - order).abs() < 0.3, "{method:?}: {found}, {coarse} {finer}");
    }
    let one = Mixture { centres: vec![[1.0, -0.5]], sigma: 0.5 };
    let start = [[0.3, -1.2], [1.5, 0.7]];
    let ends = start.map(|[x, y]| [1.0 + 0.5 * x, -0.5 + 0.5 * y]);
    let field = |t: f64, x: &Tensor| exact(&one, t, x);
    let error = |solver| {
        let found = flat(&solve(solver, &field, doubles(&start), [0.0, 1.0]).unwrap());
        let apart = found.iter().zip(ends.as_flattened()).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f64::max)
    };
    assert!(error(Solver::Fixed { method: Method::Midpoint, steps: 200 }) < 1e-5);
    assert!(error(Solver::Adaptive { tolerance: 1e-8 }) < 1e-7);
}

#[test]
fn a_divergence_by_hand() {
    let x = Var::from_tensor(&doubles(&[[2.0, 3.0], [-1.0, 0.5]])).unwrap();
    let [first, second] = [0, 1].map(|axis| x.narrow(1, axis, 1).unwrap());
    // (xy, y²): y + 2y.
    let v = Tensor::cat(&[(first * &second).unwrap(), second.sqr().unwrap()], 1).unwrap();
    assert_eq!(flat(&divergence(&v, &x).unwrap()), [9.0, 1.5]);
    let constant = doubles(&[[1.0, 1.0]; 2]);
    assert_eq!(flat(&divergence(&(&constant + 0.0).unwrap(), &x).unwrap()), [0.0; 2]);
}

/// The flow of the exact velocity has the density of the mixture.
#[test]
fn densities_of_the_exact_flow_are_known() {
    let mixture = three();
    let at = [[-1.5, 0.0], [0.0, 0.0], [1.2, 0.8], [1.0, -2.0], [0.3, 1.4]];
    let field = |t: f64, x: &Tensor| exact(&mixture, t, x);
    let solver = Solver::Adaptive { tolerance: 1e-8 };
    let found = log_densities(solver, &field, &doubles(&at)).unwrap();
    for (at, found) in at.iter().zip(found) {
        let expected = mixture.log_density(at.map(|x| x as f32));
        assert!((found - expected).abs() < 1e-5, "{at:?}: {found} {expected}");
    }
}

/// Of a network whose weights are random and large: no more, and no less, than 1 lies in the plane.
#[test]
fn densities_of_any_flow_integrate_to_one() {
    let mut model = model(eight(100), FlowMatchingConfig { ema: 0.0, ..small() });
    model.flow.subject.standard = None;
    for (name, var) in model.trainer.params.named() {
        if name.ends_with("weight") {
            var.set(&(var.as_tensor() * 2.0).unwrap()).unwrap();
        }
    }
    let (side, width) = (60, 12.0);
    let step = width / f64::from(side);
    let place = |i: i32| (f64::from(i) + 0.5) * step - width / 2.0;
    let at: Vec<f32> =
        (0..side * side).flat_map(|i| [place(i % side) as f32, place(i / side) as f32]).collect();
    let log_densities = model.flow.log_densities(&at, &[]).unwrap();
    let whole: f64 = log_densities.iter().map(|x| x.exp() * step * step).sum();
    assert!((whole - 1.0).abs() < 5e-3, "{whole}");
    // It is not the density of the noise.
    let normal = |at: &[f32]| -0.5 * f64::from(at[0] * at[0] + at[1] * at[1]) - 1.837_877;
    let apart = at.chunks(2).zip(&log_densities).map(|(at, x)| (normal(at) - x).abs());
    assert!(apart.fold(0.0, f64::max) > 0.5);
}

/// Points at another size have the density of that size.
#[test]
fn densities_are_of_the_data_as_they_are() {
    let model = model(eight(1_000), small());
    let standard = model.flow.subject.standard.unwrap();
    let mut at = vec![0.3f32, -0.7];
    let found = model.flow.log_densities(&at, &[]).unwrap()[0];
    standard.apply(&mut at);
    let mut same = super::tests::model(eight(1_000), small());
    same.flow.subject.standard = None;
    let within = same.flow.log_densities(&at, &[]).unwrap()[0];
    assert!((found - (within - standard.log_volume())).abs() < 1e-6, "{found} {within}");
    assert!(standard.log_volume() > 0.3);
}

#[test]
fn pairs_by_hand() {
    // On a line: each with the one of its rank.
    let (data, noise) = ([0.0, 5.0, -2.0, 3.0], [10.0, -10.0, 1.0, 2.0]);
    assert_eq!(pairs(&data, &noise, None, 1).unwrap(), [2, 0, 1, 3]);
    // Only among the first and third, and the second and fourth.
    assert_eq!(pairs(&data, &noise, Some(&[1, 0, 1, 0]), 1).unwrap(), [0, 3, 2, 1]);
}

/// x₀ of a batch is a permutation of the noise that is drawn without pairs, and lies nearer to the data.
#[test]
fn optimal_transport_pairs_the_same_noise() {
    let coupled = |coupling| {
        let mut model = model(eight(100), FlowMatchingConfig { coupling, ..small() });
        let RealBatch { x, .. } = model.source.next().unwrap();
        let x0 = model.draw_noise(&x, None).unwrap();
        let apart = (&x - &x0).unwrap().sqr().unwrap().sum_all().unwrap();
        let mut rows: Vec<Vec<f32>> = x0.to_vec2().unwrap();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        (rows, flat(&apart)[0])
    };
    let (independent, far) = coupled(Coupling::Independent);
    let (transported, near) = coupled(Coupling::OptimalTransport);
    assert_eq!(independent, transported);
    assert!(near < 0.7 * far, "{near} {far}");
}

#[test]
fn guidance_by_hand() {
    let [free, of_label] = [[1.0, 2.0], [3.0, 1.0]].map(|x| doubles(&[x]));
    for (w, expected) in [(0.0, [1.0, 2.0]), (1.0, [3.0, 1.0]), (2.0, [5.0, 0.0])] {
        assert_eq!(flat(&guided(&free, &of_label, w).unwrap()), expected);
    }
    let guidance = 2.5;
    let model = model(eight(100), FlowMatchingConfig { conditional: true, guidance, ..small() });
    let x = normal("x", &[3, 2]).unwrap();
    let label = model.flow.subject.one_hot(&[0, 5, 7]).unwrap();
    let [none, own, guided] =
        [0.0, 1.0, 2.5].map(|w| flat(&model.flow.velocity((0.5, w), &x, label.as_ref()).unwrap()));
    for ((none, own), guided) in none.iter().zip(&own).zip(guided) {
        assert!((none + 2.5 * (own - none) - guided).abs() < 1e-5);
    }
    assert_ne!(none, own);
    assert_eq!(none, flat(&model.flow.velocity((0.5, 2.5), &x, None).unwrap()));
    // Samples have it, densities do not.
    let noise = model.flow.subject.noise(3, &mut stream(1, "test"));
    let mut plain =
        super::tests::model(eight(100), FlowMatchingConfig { conditional: true, ..small() });
    let [with, without] = [&model, &plain].map(|model| {
        (
            model.flow.samples(&noise, &[0, 5, 7]).unwrap(),
            model.flow.log_densities(&noise, &[0, 5, 7]).unwrap(),
        )
    });
    assert!(with.0 != without.0 && with.1 == without.1);
    plain.flow.guidance = 2.5;
    assert_eq!(plain.flow.samples(&noise, &[0, 5, 7]).unwrap(), with.0);
}

#[test]
fn labels_are_dropped_as_often_as_asked() {
    let batch = 4_000;
    for (label_dropout, least, most) in [(0.0, 0, 0), (0.25, 890, 1_110), (1.0, batch, batch)] {
        let config = FlowMatchingConfig { conditional: true, label_dropout, batch, ..small() };
        let mut model = model(eight(100), config);
        let labels = Tensor::new(vec![3u32; batch], device()).unwrap();
        let label =
            model.trainer.dropped(Some(&labels)).unwrap().unwrap().to_vec2::<f32>().unwrap();
        let dropped = label.iter().filter(|row| row.iter().all(|x| *x == 0.0)).count();
        // Four standard errors.
        assert!((least..=most).contains(&dropped), "{label_dropout}: {dropped}");
        let given = |row: &&Vec<f32>| row.iter().enumerate().all(|(i, x)| *x == f32::from(i == 3));
        assert_eq!(label.iter().filter(given).count(), batch - dropped);
    }
}

/// The velocity of the trained network, and the likelihood of its flow, beside the exact ones.
#[test]
fn learns_the_exact_velocity() {
    let mixture = three();
    let points = points_of(&mixture, 1_000, "test");
    let exact_nll = points.at.iter().map(|at| -mixture.log_density(*at)).sum::<f64>() / 1_000.0;
    for coupling in [Coupling::Independent, Coupling::OptimalTransport] {
        let (hidden, layers, batch) = (64, 3, 128);
        let (lr, lr_end, lr_steps) = (2e-3, 0.05, batch as u64 * 2_500);
        let config = FlowMatchingConfig {
            coupling,
            hidden,
            layers,
            batch,
            lr,
            lr_end,
            lr_steps,
            ..FlowMatchingConfig::default()
        };
        let mut model = model(dataset(&mixture), config);
        for _ in 0..2_500 {
            model.step(&mut Log::default()).unwrap();
        }
        let evaluation = model.evaluate(Split::Test).unwrap();
        let measures = &evaluation.measures;
        let [nll, kl] = ["nll_nats", "data_kl_nats"].map(|name| measures[name].mean);
        assert_eq!(evaluation.value(), nll);
        assert!((nll - exact_nll - kl).abs() < 1e-6, "{nll} {exact_nll} {kl}");
        assert!(kl < 0.15 && kl > -0.01, "{coupling:?}: {kl}");
        assert!(measures["energy_distance"].mean < 0.01, "{coupling:?}");
        assert_eq!(measures["modes_covered"].mean, 3.0);
        if coupling == Coupling::OptimalTransport {
            continue;
        }
        // Where paths are: the mean squared error as a part of the mean square.
        let standard = model.flow.subject.standard.unwrap();
        let scaled = |value: f64, axis: usize| {
            let mut at = [0.0f32; 2];
            at[axis] = value as f32;
            standard.apply(&mut at);
            f64::from(at[axis])
        };
        let scale = 1.0 / (scaled(1.0, 0) - scaled(0.0, 0));
        let centres = mixture.centres.iter().map(|centre| [0, 1].map(|i| scaled(centre[i], i)));
        let same = Mixture { centres: centres.collect(), sigma: mixture.sigma / scale };
        let (mut apart, mut whole) = (0.0, 0.0);
        for t in [0.05, 0.3, 0.6, 0.9] {
            let mut x1 = points.at.as_flattened().to_vec();
            standard.apply(&mut x1);
            let x1 = Tensor::from_vec(x1, (1_000, 2), device()).unwrap();
            let x0 = normal("noise", &[1_000, 2]).unwrap();
            let t_of = Tensor::full(t as f32, (1_000, 1), device()).unwrap();
            let [x, _] = path(&x0, &x1, &t_of).unwrap();
            let found = flat(&model.flow.velocity((t, 1.0), &x, None).unwrap());
            let known = flat(&exact(&same, t, &x).unwrap());
            apart += found.iter().zip(&known).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            whole += known.iter().map(|x| x * x).sum::<f64>();
        }
        assert!(apart / whole < 0.05, "{}", apart / whole);
    }
}

#[test]
fn draws_what_it_is_asked_for() {
    let (lr, ema) = (3e-3, 0.99);
    let config = FlowMatchingConfig { conditional: true, lr, ema, hidden: 64, ..small() };
    let mut model = model(four(), config);
    for _ in 0..1_500 {
        model.step(&mut Log::default()).unwrap();
    }
    assert_eq!(model.classes(), ["a", "b", "c", "d"]);
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
    // More than flow together, each by its label.
    let labels = [vec![0; 500], vec![1; 20]].concat();
    let sampled = model.flow.samples(&model.flow.subject.noise(520, &mut rng), &labels).unwrap();
    let last = sampled.chunks(16).skip(500).map(|x| x.iter().map(|x| u8::from(*x > 0.0)).collect());
    let right = last.filter(|x: &Vec<u8>| x == data.train.image(1)).count();
    assert!(right >= 18, "{right}");
    let grids = model.image_grids().unwrap();
    let names: Vec<_> = grids.iter().map(|grid| (grid.name, grid.images.len())).collect();
    assert_eq!(names, [("samples", 100), ("flow", 80)]);
    // The last of a row is the class in turn.
    for row in 0..10 {
        let last = white(grids[1].images.image(row * 8 + 7));
        assert_eq!(last, data.train.image(row % 4), "{row}");
    }
    let evaluation = model.evaluate(Split::Test).unwrap();
    assert!(evaluation.value() < 0.1, "{evaluation:?}");
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    let all = FlowMatchingConfig {
        conditional: true,
        coupling: Coupling::OptimalTransport,
        lr_end: 0.1,
        lr_steps: 32 * 60,
        ema: 0.9,
        sample_steps: 4,
        ..small()
    };
    let plain = FlowMatchingConfig { ema: 0.0, sample_steps: 4, ..small() };
    for (data, config) in [(eight(1_000), all.clone()), (eight(1_000), plain), (four(), all)] {
        let make =
            || -> Result<Box<dyn Learner>> { Ok(Box::new(model(data.clone(), config.clone()))) };
        same_seed_same_bits(&make, 32 * 20).unwrap();
        let dir = tempfile::tempdir().unwrap();
        resume_changes_nothing(&make, 32 * 37, 32 * 72, dir.path()).unwrap();
    }
}

/// Samples and evaluations are of the moving average, and a step moves both.
#[test]
fn the_average_follows_and_is_sampled_from() {
    let mut model = model(eight(100), FlowMatchingConfig { ema: 0.9, sample_steps: 2, ..small() });
    let values = |params: &Params| -> Vec<f32> {
        let all = params.named().into_iter();
        all.flat_map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
    };
    let before = values(&model.trainer.ema.as_ref().unwrap().params);
    assert_eq!(before, values(&model.trainer.params));
    model.step(&mut Log::default()).unwrap();
    let (now, mean) =
        (values(&model.trainer.params), values(&model.trainer.ema.as_ref().unwrap().params));
    // The first step: a tenth stays.
    for ((before, now), mean) in before.iter().zip(&now).zip(&mean) {
        assert!((0.1 * before + 0.9 * now - mean).abs() < 1e-6);
    }
    let sampled = model.sample_points(5, None, &mut stream(1, "test")).unwrap();
    model.trainer.params.copy_from(&model.trainer.ema.as_ref().unwrap().params).unwrap();
    assert_eq!(sampled, model.sample_points(5, None, &mut stream(1, "test")).unwrap());
    model.trainer.ema.as_ref().unwrap().params.blend(&Params::new(1, device()), 1.0).unwrap_err();
    let x = normal("x", &[5, 2]).unwrap();
    let features = model.trainer.network.features.of(0.5, 5, device()).unwrap();
    let by_network = model.trainer.network.forward(&x, &features, None).unwrap();
    assert_eq!(flat(&by_network), flat(&model.flow.velocity((0.5, 1.0), &x, None).unwrap()));
}

/// Adam's first step is of the learning rate for every number whose gradient is not 0.
#[test]
fn the_learning_rate_follows_its_plan() {
    for (n_samples, share) in [(0, 1.0), (32 * 50, 0.55), (32 * 200, 0.1)] {
        let config = FlowMatchingConfig { lr_end: 0.1, lr_steps: 32 * 100, ..small() };
        let mut model = model(eight(100), config);
        let bias = || {
            model.trainer.params.named().into_iter().find(|(name, _)| name == "out.bias").unwrap().1
        };
        let before: Vec<f32> = bias().to_vec1().unwrap();
        let var = bias();
        model.trainer.n_samples = n_samples;
        model.step(&mut Log::default()).unwrap();
        for (before, after) in before.iter().zip(var.to_vec1::<f32>().unwrap()) {
            let moved = f64::from((before - after).abs());
            assert!((moved / (1e-3 * share) - 1.0).abs() < 0.01, "{n_samples}: {moved}");
        }
    }
}

#[test]
fn points_are_looked_at_in_the_plane() {
    for conditional in [false, true] {
        let config = FlowMatchingConfig { conditional, sample_steps: 3, ..small() };
        let model = model(eight(100), config);
        let points = model.point_sampler().unwrap();
        let plane = points.plane().unwrap();
        assert_eq!([plane.data.len(), plane.samples.len()], [200, 1_000]);
        let values = &plane.field.values;
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)) && values.contains(&1.0));
        assert_eq!(plane, points.plane().unwrap());
        let grids = model.image_grids().unwrap();
        assert_eq!((grids.len(), grids[0].name, grids[0].images.len()), (1, "flow", 8));
        assert_eq!(points.sample_points(9, None, &mut stream(1, "test")).unwrap().len(), 9);
    }
}

#[test]
fn the_exported_velocity_is_its_own() {
    for (data, conditional) in [(eight(40), true), (eight(40), false), (four(), true)] {
        let mut model = model(data, FlowMatchingConfig { conditional, ..small() });
        for _ in 0..3 {
            model.step(&mut Log::default()).unwrap();
        }
        let (d, classes) = (model.flow.subject.form.len(), model.flow.subject.classes.len());
        compare(&model.exports(), "velocity", |n| {
            let x = normal("x", &[n, d])?;
            let t = 0.3f32;
            let label = (classes > 0).then(|| export::labels(n, classes));
            let velocity = model.flow.velocity((f64::from(t), 1.0), &x, label.as_ref()).unwrap();
            let time = Tensor::full(t, (n, 1), device())?;
            let inputs = [("x", x), ("time", time)].into_iter();
            let inputs = inputs.chain(label.map(|label| ("label", label))).collect();
            Ok((inputs, vec![("velocity", velocity)]))
        });
    }
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
    let message =
        |data, config| FlowMatching::new(data, config, 1, device()).err().unwrap().to_string();
    let conditional = FlowMatchingConfig { conditional: true, ..small() };
    let guided = FlowMatchingConfig { guidance: 2.0, label_dropout: 0.0, ..conditional.clone() };
    let told = message(four(), guided);
    assert!(told.starts_with("--guidance 2: guidance needs the network without a label"), "{told}");
    assert_eq!(message(data, conditional), "--conditional true: these images have no labels");
    let one = gaussians_8(&PlanarConfig { n_train: 9, n_test: 1, seed: 1 }).unwrap();
    assert!(message(one, small()).starts_with("--data with 1 held out: "));
    let large = FlowMatchingConfig { hidden: 1 << 14, layers: 64, ..small() };
    assert!(message(eight(10), large).contains("--hidden 16384"));
    let bad = FlowMatchingConfig { lr_end: 0.0, lr_steps: 0, ..small() };
    assert!(message(eight(10), bad).contains("--lr-end"));
    let (report, _) = trained(
        &|| -> Result<Box<dyn Learner>> { Ok(Box::new(model(eight(100), small()))) },
        &[64],
        None,
    )
    .unwrap();
    assert_eq!(report.updates, Some(2));
}
