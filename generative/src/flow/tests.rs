use super::bijection::Bijection as _;
use super::chain::density;
use super::coupling::{Coupling, Transform};
use super::spline::Spline;
use super::*;
use crate::data::{Images, Labels, Parts, PlanarConfig, Points, Shape, gaussians_8, two_moons};
use crate::process::Process as _;
use crate::{Generative as _, ImageSampler as _, PointSampler as _};
use candle_core::Tensor;
use nn::Init;
use rand_distr::{Distribution as _, StandardNormal};
use train::testing::{Make, device, resume_changes_nothing, same_seed_same_bits, trained};

const NETWORKS: [FlowNetwork; 5] = [
    FlowNetwork::Nice,
    FlowNetwork::RealNvp,
    FlowNetwork::Spline,
    FlowNetwork::Maf,
    FlowNetwork::Iaf,
];

fn small(network: FlowNetwork) -> FlowConfig {
    let (blocks, hidden, layers) = (4, 16, 2);
    FlowConfig { network, blocks, hidden, layers, bins: 5, ..FlowConfig::default() }
}

fn moons(n: usize) -> Dataset {
    two_moons(&PlanarConfig { n_train: n, n_test: 2_000, seed: 1 }).unwrap()
}

/// Images of one channel, all levels of which occur.
fn images(levels: u16, [height, width]: [usize; 2], n: usize) -> Dataset {
    let shape = Shape { channels: 1, height, width };
    let pixels = (0..n * shape.len()).map(|i| ((i * 7 + i / 3) % levels as usize) as u8).collect();
    let part = Images::new(shape, levels, pixels, None).unwrap();
    let [train, validation, test] = [0; 3].map(|_| part.clone());
    Dataset::Images(Parts { train, validation, test, entropy: None })
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A chain that is not the identity: all weights and biases of the networks are drawn.
fn wild(network: FlowNetwork, form: Form) -> (Params, Chain) {
    let params = Params::new(3, device());
    let chain = Chain::new(&params, form, &[], &small(network)).unwrap();
    params.redraw(|_, _| Some(Init::Normal { deviation: 0.15 })).unwrap();
    // What masks leave out stays out.
    let masked = Params::new(3, device());
    Chain::new(&masked, form, &[], &small(network)).unwrap();
    for ((name, var), (_, mask)) in params.named().into_iter().zip(masked.named()) {
        let is_hidden = name.contains("hidden") && name.ends_with("weight");
        if matches!(network, FlowNetwork::Maf | FlowNetwork::Iaf) && is_hidden {
            let used: Vec<f32> =
                values(&mask).iter().map(|w| f32::from(u8::from(*w != 0.0))).collect();
            let used = Tensor::from_vec(used, var.shape(), device()).unwrap();
            var.set(&(var.as_tensor() * used).unwrap()).unwrap();
        }
    }
    (params, chain)
}

fn transport(chain: Chain, form: Form, dequantise: Option<Dequantise>) -> Transport {
    let device = device().clone();
    let subject = Subject { form, standard: None, classes: Vec::new(), device };
    Transport { chain, subject, dequantise }
}

fn rows(n: usize, d: usize, purpose: &str) -> Tensor {
    let mut rng = stream(1, purpose);
    let x: Vec<f32> = (0..n * d).map(|_| StandardNormal.sample(&mut rng)).collect();
    Tensor::from_vec(x, (n, d), device()).unwrap()
}

/// log |det| of a matrix by elimination.
fn log_det(mut matrix: Vec<Vec<f64>>) -> f64 {
    let n = matrix.len();
    let mut sum = 0.0;
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| matrix[*a][i].abs().total_cmp(&matrix[*b][i].abs()));
        matrix.swap(i, pivot.unwrap());
        sum += matrix[i][i].abs().ln();
        let (above, below) = matrix.split_at_mut(i + 1);
        for row in below {
            let factor = row[i] / above[i][i];
            row.iter_mut().zip(&above[i]).for_each(|(x, pivot)| *x -= factor * pivot);
        }
    }
    sum
}

const SQUARE: Form = Form::Image(Shape { channels: 1, height: 2, width: 3 });

#[test]
fn the_inverse_is_one_to_1e_5() {
    for network in NETWORKS {
        for form in [Form::Point, SQUARE] {
            let (_, chain) = wild(network, form);
            let x = rows(200, form.len(), "x");
            let (z, _) = chain.forward(&x).unwrap();
            assert_ne!(values(&x), values(&z), "{network:?}");
            let back = chain.inverse(&z, 0..chain.len()).unwrap();
            let error = values(&(back - &x).unwrap().abs().unwrap());
            let (worst, scale) = (error.iter().copied().fold(0.0, f32::max), 4.0);
            assert!(worst < scale * 1e-5, "{network:?} {form:?}: {worst}");
        }
    }
}

#[test]
fn the_log_determinant_is_that_of_the_jacobian_by_differences() {
    for network in NETWORKS {
        for form in [Form::Point, SQUARE] {
            let (_, chain) = wild(network, form);
            let d = form.len();
            for sample in 0..5 {
                let x = rows(1, d, &format!("x{sample}"));
                let (_, found) = chain.forward(&x).unwrap();
                let step = 1e-2f32;
                // Row j is ∂z/∂x_j, and the determinant that of the transpose.
                let jacobian = (0..d).map(|j| {
                    let moved = |by: f32| {
                        let mut x = values(&x);
                        x[j] += by;
                        let x = Tensor::from_vec(x, (1, d), device()).unwrap();
                        values(&chain.forward(&x).unwrap().0)
                    };
                    let ends = moved(step).into_iter().zip(moved(-step));
                    ends.map(|(up, down)| f64::from(up - down) / f64::from(2.0 * step)).collect()
                });
                let expected = log_det(jacobian.collect());
                let found = f64::from(values(&found)[0]);
                assert!(
                    (found - expected).abs() < 0.02,
                    "{network:?} {form:?}: {found} {expected}"
                );
            }
        }
    }
}

/// ∫ p = 1 over a square that holds nearly all of it.
#[test]
fn the_density_integrates_to_1() {
    for network in NETWORKS {
        let (_, chain) = wild(network, Form::Point);
        let density = transport(chain, Form::Point, None);
        let samples = density.generate(4_000, &[], &mut stream(1, "samples")).unwrap();
        let far = samples.iter().fold(0f32, |far, x| far.max(x.abs())) * 1.3;
        let side = 400;
        let at = |i: usize| far * (2.0 * (i as f32 + 0.5) / side as f32 - 1.0);
        let grid: Vec<f32> = (0..side * side).flat_map(|i| [at(i % side), at(i / side)]).collect();
        let nats = density.nll(&grid, &mut stream(1, "none")).unwrap();
        let cell = f64::from(2.0 * far / side as f32).powi(2);
        let total: f64 = nats.iter().map(|nats| (-nats).exp() * cell).sum();
        assert!((total - 1.0).abs() < 0.02, "{network:?}: {total}");
    }
}

#[test]
fn nats_by_hand() {
    // The identity but for the scaling: points (1, 2) and (5, 8) have the means 3 and 5 and the deviations 2 and 3, so that
    // z = ((7 − 3)/2, (8 − 5)/3): ½·(4 + 1) + log 2π + log 6.
    let params = Params::new(1, device());
    let rows = [1.0, 2.0, 5.0, 8.0];
    let chain = Chain::new(&params, Form::Point, &rows, &small(FlowNetwork::Nice)).unwrap();
    let x = Tensor::new(&[[7f32, 8.0]], device()).unwrap();
    let found = values(&density(&chain, &x).unwrap())[0];
    assert!((found - (2.5 + 1.837_877_1 + 1.791_759_5)).abs() < 1e-5, "{found}");
}

/// A layer whose network gives its biases whatever it is given.
fn constant(transform: Transform, block: usize, out: &[f32]) -> Coupling {
    let params = Params::new(1, device());
    let config = small(FlowNetwork::RealNvp);
    let layer = Coupling::new(&params, "c", Form::Point, (block, transform), &config).unwrap();
    for (name, var) in params.named() {
        let value = match &*name {
            "c.out.bias" => Tensor::new(out, device()).unwrap(),
            _ => var.zeros_like().unwrap(),
        };
        var.set(&value).unwrap();
    }
    layer
}

#[test]
fn couplings_by_hand() {
    let x = Tensor::new(&[[2f32, 3.0]], device()).unwrap();
    // The second number changes first, then the first one.
    let layer = constant(Transform::Additive, 0, &[0.5]);
    let (z, log_det) = layer.forward(&x).unwrap();
    assert_eq!((values(&z), values(&log_det)), (vec![2.0, 3.5], vec![0.0]));
    let layer = constant(Transform::Additive, 1, &[0.5]);
    assert_eq!(values(&layer.forward(&x).unwrap().0), [2.5, 3.0]);
    // s = 5·tanh(1/5) = 0.986877, 3·e^s + 1 = 9.048528.
    let layer = constant(Transform::Affine, 0, &[1.0, 1.0]);
    let (z, log_det) = layer.forward(&x).unwrap();
    let (z, log_det) = (values(&z), values(&log_det));
    assert!((z[1] - 9.048_53).abs() < 1e-4 && z[0] == 2.0, "{z:?}");
    assert!((log_det[0] - 0.986_877).abs() < 1e-5, "{log_det:?}");
}

/// Two bins over [−1, 1] by hand: equal sizes give the identity, other ones the formula of the paper.
#[test]
fn splines_by_hand() {
    let spline = Spline { bins: 2, tail: 1.0 };
    let at = |x: f32, theta: [f32; 5]| {
        let x = Tensor::new(&[[x]], device()).unwrap();
        let theta = Tensor::new(&[theta], device()).unwrap();
        let (z, slope) = spline.forward(&x, &theta).unwrap();
        let back = spline.inverse(&z, &theta).unwrap();
        assert!((values(&back)[0] - values(&x)[0]).abs() < 1e-5);
        [values(&z)[0], values(&slope)[0]].map(f64::from)
    };
    for x in [-3.0, -1.0, -0.4, 0.0, 0.7, 2.0] {
        let [z, slope] = at(x, [0.0; 5]);
        assert!((z - f64::from(x)).abs() < 1e-5 && slope.abs() < 1e-4, "{x}: {z} {slope}");
    }
    // Widths of 3/4 and 1/4 of the interval, heights of 1/4 and 3/4, but for the least part; slope δ between.
    let log_3 = 3f32.ln();
    let theta = [log_3, 0.0, 0.0, log_3, 1.0];
    let part = |share: f64| 2.0 * (share * (1.0 - 2e-3) + 1e-3);
    let (w, h) = (part(0.75), part(0.25));
    let middle = (1.0 + (1.0f64 + 0.539_742_4).exp()).ln() + 1e-3;
    for x in [-0.9, -0.3, 0.2] {
        let xi = (x + 1.0) / w;
        let (s, product) = (h / w, xi * (1.0 - xi));
        let below = s + (middle + 1.0 - 2.0 * s) * product;
        let expected = -1.0 + h * (s * xi * xi + product) / below;
        let rise = middle * xi * xi + 2.0 * s * product + (1.0 - xi) * (1.0 - xi);
        let slope = s * s * rise / (below * below);
        let [z, log_slope] = at(x as f32, theta);
        assert!((z - expected).abs() < 1e-5, "{x}: {z} {expected}");
        assert!((log_slope - slope.ln()).abs() < 1e-4, "{x}: {log_slope} {}", slope.ln());
    }
    // Outside nothing changes.
    assert_eq!(at(1.5, theta), [1.5, 0.0]);
}

/// y = logit(α + (1 − 2α)·v), and a mean over u of the density that is a probability: of all four images of two
/// pixels, black or white, 1 in sum.
#[test]
fn levels_become_numbers_with_their_probability() {
    let dequantise = Dequantise { levels: 5, margin: 0.1 };
    let x = Tensor::new(&[[-1f32, 0.5]], device()).unwrap();
    let u = Tensor::new(&[[0.5f32, 0.25]], device()).unwrap();
    let (y, volume) = dequantise.forward(&x, &u).unwrap();
    // Levels 0 and 3: v = 0.1 and 0.65, p = 0.18 and 0.62.
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let expected = [logit(0.18), logit(0.62)];
    let y: Vec<f64> = values(&y).into_iter().map(f64::from).collect();
    assert!(y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-5), "{y:?}");
    let slope = |p: f64| (0.8 / (p * (1.0 - p)) / 5.0).ln();
    let volume = f64::from(values(&volume)[0]);
    assert!((volume - slope(0.18) - slope(0.62)).abs() < 1e-5, "{volume}");
    assert_eq!([y[0], y[1]].map(|y| dequantise.pixel(y as f32)), [-1.0, 0.5]);
    assert_eq!([-9.0, 9.0].map(|y| dequantise.pixel(y)), [-1.0, 1.0]);
    let mut host = [-1.0, 0.5];
    dequantise.host(&mut host, &mut stream(1, "u"));
    assert_eq!(host.map(|y| dequantise.pixel(y)), [-1.0, 0.5]);

    let form = Form::Image(Shape { channels: 1, height: 1, width: 2 });
    let (_, chain) = wild(FlowNetwork::RealNvp, form);
    // All of R is taken from pixels only without a margin.
    let dequantise = Some(Dequantise { levels: 2, margin: 1e-6 });
    let density = transport(chain, form, dequantise);
    let n = 40_000;
    let rng = &mut stream(1, "dequantise");
    let total: f64 = [[-1f32, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
        .map(|image| density.nll(&image.repeat(n), rng).unwrap())
        .iter()
        .map(|nats| nats.iter().map(|nats| (-nats).exp()).sum::<f64>() / n as f64)
        .sum();
    assert!((total - 1.0).abs() < 0.02, "{total}");
}

#[test]
fn the_first_layer_has_the_moments_of_the_data() {
    let flow = Flow::new(moons(5_000), small(FlowNetwork::RealNvp), 1, device()).unwrap();
    let x = flow.source.training(5_000);
    let x = Tensor::from_vec(x, (5_000, 2), device()).unwrap();
    // Everything after it is the identity.
    let (z, _) = flow.transport.chain.forward(&x).unwrap();
    let mean = values(&z.mean(0).unwrap());
    let square = values(&z.sqr().unwrap().mean(0).unwrap());
    assert!(mean.iter().all(|mean| mean.abs() < 1e-3), "{mean:?}");
    assert!(square.iter().all(|square| (square - 1.0).abs() < 1e-3), "{square:?}");
}

/// Nats of two moons beyond the entropy of their distribution.
#[test]
fn learns_two_moons() {
    let entropy = moons_entropy();
    let mut bad = Vec::new();
    for network in NETWORKS {
        let (hidden, blocks, lr, batch) = (32, 6, 3e-3, 128);
        let most = match network {
            FlowNetwork::Nice => 0.6,
            _ => 0.25,
        };
        let steps = 120_000;
        let (lr_end, lr_steps) = (0.05, steps);
        let config = FlowConfig { hidden, blocks, lr, lr_end, lr_steps, batch, ..small(network) };
        let make = || -> Result<Box<dyn Learner>> {
            Ok(Box::new(Flow::new(moons(10_000), config.clone(), 1, device())?))
        };
        let (report, _) = trained(&make, &[steps], None).unwrap();
        let evaluation = report.evaluation.unwrap();
        let beyond = evaluation.value() - entropy;
        if !(-0.05..most).contains(&beyond) {
            bad.push((network, beyond));
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// −∫ p·log p of two half circles with noise, on a grid.
fn moons_entropy() -> f64 {
    let (sigma, arcs, side) = (0.1f64, 400, 260);
    let centres: Vec<[f64; 2]> = (0..arcs)
        .map(|i| (f64::from(i) + 0.5) / f64::from(arcs) * std::f64::consts::PI)
        .flat_map(|angle| [[angle.cos(), angle.sin()], [1.0 - angle.cos(), 0.5 - angle.sin()]])
        .collect();
    let (from, to) = ([-1.6, -1.1], [2.6, 1.6]);
    let cell = [0, 1].map(|axis: usize| (to[axis] - from[axis]) / f64::from(side));
    let mut entropy = 0.0;
    for i in 0..side * side {
        let x = from[0] + cell[0] * (f64::from(i % side) + 0.5);
        let y = from[1] + cell[1] * (f64::from(i / side) + 0.5);
        let near = centres
            .iter()
            .map(|[cx, cy]| (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * sigma * sigma)).exp());
        let p =
            near.sum::<f64>() / centres.len() as f64 / (2.0 * std::f64::consts::PI * sigma * sigma);
        if p > 0.0 {
            entropy -= p * p.ln() * cell[0] * cell[1];
        }
    }
    entropy
}

/// Every network on points, and one on images.
fn every(check: impl Fn(Make<'_>)) {
    let points = NETWORKS.map(|network| (moons(200), small(network)));
    let grey = (images(5, [2, 3], 40), small(FlowNetwork::Maf));
    for (data, config) in points.into_iter().chain([grey]) {
        let config = FlowConfig { batch: 16, lr_end: 0.1, lr_steps: 900, ..config };
        check(&|| Ok(Box::new(Flow::new(data.clone(), config.clone(), 1, device())?)));
    }
}

#[test]
fn a_seed_fixes_everything() {
    every(|make| same_seed_same_bits(make, 640).unwrap());
}

#[test]
fn a_resumed_run_is_the_same() {
    every(|make| {
        let dir = tempfile::tempdir().unwrap();
        resume_changes_nothing(make, 336, 640, dir.path()).unwrap();
    });
}

#[test]
fn images_and_points_are_sampled() {
    let flow = Flow::new(images(5, [2, 3], 40), small(FlowNetwork::RealNvp), 1, device()).unwrap();
    let rng = &mut stream(1, "test");
    let sampled = flow.sample_images(7, None, rng).unwrap();
    assert_eq!(sampled.len(), 7);
    // Five levels of grey.
    assert!(sampled.pixels().iter().all(|pixel| [0, 64, 128, 191, 255].contains(pixel)));
    assert!(flow.sample_points(1, None, rng).is_err() && flow.point_sampler().is_none());
    assert!(flow.sample_images(1, Some(0), rng).is_err());
    let flow = Flow::new(moons(100), small(FlowNetwork::Maf), 1, device()).unwrap();
    assert_eq!(flow.sample_points(7, None, rng).unwrap().len(), 7);
    assert!(flow.sample_images(1, None, rng).is_err() && flow.image_sampler().is_none());
    let field = flow.plane().unwrap().field.values;
    assert_eq!(field.iter().copied().fold(0.0, f32::max), 1.0);
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |data: Dataset, config: FlowConfig| {
        Flow::new(data, config, 1, device()).err().unwrap().to_string()
    };
    let error = refused(images(5, [4, 5], 40), small(FlowNetwork::Iaf));
    assert!(error.contains("as many passes as it has numbers, 20 here; give maf"), "{error}");
    let error = refused(images(5, [1, 1], 40), small(FlowNetwork::RealNvp));
    assert!(error.contains("samples of 2 at least"), "{error}");
    let labels = Labels { of: vec![0], names: vec!["all".to_owned()] };
    let part = || Points { at: vec![[0.0, 0.0]], labels: labels.clone(), density: None };
    let one =
        Dataset::Points(Parts { train: part(), validation: part(), test: part(), entropy: None });
    let error = refused(one, small(FlowNetwork::RealNvp));
    assert!(error.contains("2 held out at least"), "{error}");
}

#[test]
fn states_go_from_noise_to_samples() {
    let (_, chain) = wild(FlowNetwork::RealNvp, Form::Point);
    let flow = transport(chain, Form::Point, None);
    let states = flow.states(7, &[], 4, &mut stream(1, "s")).unwrap();
    assert_eq!(states[0], flow.subject.noise(7, &mut stream(1, "s")));
    assert_eq!(states[3], flow.generate(7, &[], &mut stream(1, "s")).unwrap());
    assert!(states[1] != states[0] && states[2] != states[1] && states[3] != states[2]);
}

/// Modes of a known mixture are measured.
#[test]
fn a_mixture_has_its_modes_measured() {
    let data = gaussians_8(&PlanarConfig { n_train: 500, n_test: 500, seed: 1 }).unwrap();
    let mut flow = Flow::new(data, small(FlowNetwork::RealNvp), 1, device()).unwrap();
    let evaluation = flow.evaluate(Split::Test).unwrap();
    let names: Vec<_> = evaluation.measures.keys().map(String::as_str).collect();
    assert!(names.contains(&"nll_nats") && names.contains(&"energy_distance"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("modes")), "{names:?}");
}
