use super::*;
use crate::autoregressive::testing::{
    gradients_agree_with_differences, incremental_passes_have_the_bits_of_full_ones,
    jacobian_is_strictly_lower_triangular, nll_and_entropy, probabilities_sum_to_1_and_are_sampled,
    rough, subject,
};
use crate::autoregressive::{AutoregressiveNetwork, Output, Place, Subject};
use crate::data::{
    BarsConfig, Binarisation, CoinsConfig, GlyphsConfig, GridConfig, Labels, Shape, bars, coins,
    glyphs, parity, stripes,
};
use crate::{Generative as _, ImageSampler as _};
use candle_core::{DType, Tensor};
use nn::Params;
use std::collections::BTreeSet;
use train::testing::{device, resume_changes_nothing, same_seed_same_bits, trained};
use train::{Learner, stream};

const NETWORKS: [NetworkName; 2] = [NetworkName::Gated, NetworkName::Residual];

fn small(network: NetworkName) -> PixelCnnConfig {
    PixelCnnConfig {
        network,
        features: 24,
        blocks: 2,
        first_kernel: 5,
        hidden: 18,
        ..PixelCnnConfig::default()
    }
}

fn make(
    config: PixelCnnConfig,
) -> impl Fn(&Params, &Subject) -> candle_core::Result<Box<dyn AutoregressiveNetwork>> {
    move |params, subject| network(params, subject, &config)
}

/// Places, (row, column).
type Places = BTreeSet<(isize, isize)>;

/// Union of the receptive fields of `places` under a kernel with `taps`, (down, right), in an image of
/// `size`.
fn visible(places: &Places, taps: &[(isize, isize)], [height, width]: [isize; 2]) -> Places {
    let moved = places.iter().flat_map(|(row, column)| {
        taps.iter().map(move |(down, right)| (row + down, column + right))
    });
    moved.filter(|(row, column)| (0..height).contains(row) && (0..width).contains(column)).collect()
}

/// The taps of a kernel of this side in the rows above, and as many in its own row.
fn taps(side: isize, own: std::ops::RangeInclusive<isize>) -> Vec<(isize, isize)> {
    let half = side / 2;
    let above = (-half..0).flat_map(|down| (-half..=half).map(move |right| (down, right)));
    above.chain(own.map(|right| (0, right))).collect()
}

/// The pixels that a pixel sees beside itself.
fn receptive(network: NetworkName, size: [isize; 2], at: (isize, isize)) -> Places {
    let config = small(network);
    match network {
        // All rows above as far as two blocks reach, and the pixels before in the own row.
        NetworkName::Gated => {
            let mut places = Places::new();
            for up in 0..=4 {
                for right in -4..=4 {
                    // The horizontal stack moves to the left only, by 2 and then by 1 twice.
                    let row = up == 0 && right < 0;
                    if row || up > 0 {
                        places.extend(visible(&Places::from([at]), &[(-up, right)], size));
                    }
                }
            }
            places
        }
        NetworkName::Residual => {
            let mut places = Places::from([at]);
            for _ in 0..config.blocks {
                places = visible(&places, &taps(3, -1..=0), size);
            }
            visible(&places, &taps(5, -2..=-1), size)
        }
    }
}

#[test]
fn nothing_sees_what_comes_later() {
    for network in NETWORKS {
        for (shape, levels) in [([1, 5, 6], 2), ([1, 4, 4], 5), ([3, 3, 4], 4)] {
            let size = [shape[1] as isize, shape[2] as isize];
            let sees = |to: Place, from: Place| {
                let at = |place: Place| (place.row as isize, place.column as isize);
                at(to) == at(from) || receptive(network, size, at(to)).contains(&at(from))
            };
            let subject = subject(shape, levels, 0);
            jacobian_is_strictly_lower_triangular(&make(small(network)), &subject, &sees);
        }
    }
}

#[test]
fn gradients_agree() {
    for network in NETWORKS {
        let config = PixelCnnConfig { features: 6, blocks: 2, first_kernel: 3, ..small(network) };
        let of = |shape, levels, classes| subject(shape, levels, classes);
        gradients_agree_with_differences(&make(config.clone()), &of([3, 3, 2], 3, 0), 1e-3);
        if network == NetworkName::Gated {
            gradients_agree_with_differences(&make(config), &of([1, 3, 2], 2, 2), 1e-3);
        }
    }
}

#[test]
fn probabilities_sum_to_1() {
    for network in NETWORKS {
        probabilities_sum_to_1_and_are_sampled(&make(small(network)), 0);
    }
}

#[test]
fn drawing_by_number_has_the_bits_of_drawing_by_image() {
    for network in NETWORKS {
        for (shape, levels) in [([1, 5, 6], 2), ([1, 6, 3], 5), ([3, 3, 4], 4)] {
            let config = small(network);
            incremental_passes_have_the_bits_of_full_ones(
                &make(config),
                &subject(shape, levels, 0),
            );
        }
    }
    // By mixtures.
    for shape in [[1, 4, 3], [3, 3, 2]] {
        let output = Output::of(7, 3);
        let subject = Subject { output, ..subject(shape, 7, 0) };
        incremental_passes_have_the_bits_of_full_ones(&make(small(NetworkName::Gated)), &subject);
    }
    // With classes.
    for shape in [[1, 4, 3], [3, 3, 2]] {
        let config = small(NetworkName::Gated);
        incremental_passes_have_the_bits_of_full_ones(&make(config), &subject(shape, 3, 4));
    }
}

#[test]
fn a_class_changes_what_is_said_and_sums_to_1_too() {
    probabilities_sum_to_1_and_are_sampled(&make(small(NetworkName::Gated)), 3);
    let subject = subject([1, 3, 3], 2, 3);
    jacobian_is_strictly_lower_triangular(&make(small(NetworkName::Gated)), &subject, &|_, _| true);
    let network = rough(&make(small(NetworkName::Gated)), &subject, device());
    let x = Tensor::zeros((3, 1, 3, 3), DType::F32, device()).unwrap();
    let classes = Tensor::new(&[0u32, 1, 1], device()).unwrap();
    let logits = network.forward(&x, Some(&classes)).unwrap().flatten_from(1).unwrap();
    let logits: Vec<Vec<f32>> = logits.to_vec2().unwrap();
    assert!(logits[0] != logits[1] && logits[1] == logits[2]);
}

/// Images that are black in one class and white in the other: nothing is left to say of a pixel to those
/// who know the class, and log 2 of the first one to those who don't.
#[test]
fn classes_are_learned() {
    let shape = Shape { channels: 1, height: 3, width: 3 };
    let names = ["black", "white"].map(str::to_owned).to_vec();
    let images = |n: usize| {
        let of: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
        let pixels = of.iter().flat_map(|class| [*class as u8; 9]).collect();
        Images::new(shape, 2, pixels, Some(Labels { of, names: names.clone() })).unwrap()
    };
    let (train, validation, test) = (images(100), images(10), images(10));
    let data = Parts { train, validation, test, entropy: Some(0.0) };
    for (conditional, expected) in [(true, 0.0), (false, 2f64.ln())] {
        let config = PixelCnnConfig { conditional, ..quick(NetworkName::Gated, 6_000) };
        let (nll, _) = learned(data.clone(), config, 6_000);
        assert!((nll - expected).abs() < 0.02, "{conditional}: {nll}");
    }
}

/// Data whose entropy is known, and a model that has learned from `images` of them.
fn learned(data: Parts<Images>, config: PixelCnnConfig, images: u64) -> (f64, f64) {
    let mut model = pixelcnn(data.clone(), &config, 1, device()).unwrap();
    let log = &mut train::Log::default();
    let mut sampled = 0;
    while sampled < images {
        model.step(log).unwrap();
        sampled += config.batch as u64;
    }
    nll_and_entropy(&model, &data)
}

fn quick(network: NetworkName, images: u64) -> PixelCnnConfig {
    PixelCnnConfig {
        lr: 1e-2,
        lr_end: 0.05,
        lr_steps: images,
        max_grad_norm: 5.0,
        hidden: 24,
        ..small(network)
    }
}

/// No model is better than the entropy, and this one comes within 2 % of it.
#[test]
fn likelihoods_come_within_2_percent_of_the_entropy() {
    let (n_train, n_test, seed) = (20_000, 3_000, 1);
    let side = 4;
    let grid = GridConfig { side, n_train, n_test, seed };
    let sets = [
        ("bars", bars(&BarsConfig { side, probability: 0.25, n_train, n_test, seed })),
        ("coins", coins(&CoinsConfig { side, probability: 0.25, n_train, n_test, seed })),
        ("parity", parity(&grid)),
        ("stripes", stripes(&grid)),
    ];
    for (name, data) in sets {
        // A stripe that goes down is not seen beyond the blind spot; the rest is all the same to them.
        let network = match name {
            "bars" | "coins" => NetworkName::Residual,
            _ => NetworkName::Gated,
        };
        let data = data.unwrap().images().unwrap();
        let images = 24_000;
        let (nll, entropy) = learned(data, quick(network, images), images);
        let ratio = nll / entropy;
        assert!((0.98..1.02).contains(&ratio), "{name}, {network:?}: {nll} of {entropy}");
    }
}

/// Greys of eight levels, each the one to the left or one more, from the second column on: log 8 of the first
/// and log 2 of the others, which a mixture says too.
#[test]
fn mixtures_come_near_the_entropy() {
    let shape = Shape { channels: 1, height: 2, width: 4 };
    let rng = &mut stream(1, "test");
    let mut sampled = |n: usize| {
        let mut pixels = Vec::new();
        for _ in 0..2 * n {
            let mut level = rand::Rng::random_range(rng, 0..8u8);
            for _ in 0..4 {
                pixels.push(level);
                level = (level + u8::from(rand::Rng::random::<bool>(rng))).min(7);
            }
        }
        Images::new(shape, 8, pixels, None).unwrap()
    };
    // A row that has reached 7 stays there: so many of its three steps are free, on average.
    let free: f64 =
        (0..8).map(|first: u32| (0..3).map(|step| p_below_7(first, step)).sum::<f64>() / 8.0).sum();
    let entropy = Some(2.0 * (8f64.ln() + free * 2f64.ln()));
    let data =
        Parts { train: sampled(20_000), validation: sampled(10), test: sampled(3_000), entropy };
    let config = PixelCnnConfig {
        binarisation: Binarisation::None,
        mixture: 4,
        ..quick(NetworkName::Gated, 40_000)
    };
    let (nll, entropy) = learned(data, config, 40_000);
    assert!((0.98..1.05).contains(&(nll / entropy)), "{nll} of {entropy}");
}

/// The probability that a level that began at `first` and rises by a fair coin is below 7 after `steps`.
fn p_below_7(first: u32, steps: u32) -> f64 {
    let heads = |mask: &u32| first + mask.count_ones() < 7;
    (0..1u32 << steps).filter(heads).count() as f64 / f64::from(1u32 << steps)
}

/// Colour images of 2×2 whose green is the red and whose blue is a coin of its own where the pixel above
/// is dark, and repeats the red otherwise: log 2 for each red, and for each blue in the upper row and below
/// a dark red.
#[test]
fn colours_depend_on_those_before() {
    let shape = Shape { channels: 3, height: 2, width: 2 };
    let rng = &mut stream(1, "test");
    let mut sampled = |n: usize| {
        let mut pixels = Vec::new();
        for _ in 0..n {
            let red: [u8; 4] = std::array::from_fn(|_| rand::Rng::random_range(rng, 0..2));
            let coin: [u8; 4] = std::array::from_fn(|_| rand::Rng::random_range(rng, 0..2));
            let blue: [u8; 4] =
                std::array::from_fn(|i| if i >= 2 && red[i - 2] == 1 { red[i] } else { coin[i] });
            pixels.extend([red, red, blue].concat());
        }
        Images::new(shape, 2, pixels, None).unwrap()
    };
    let entropy = Some((4.0 + 2.0 + 1.0) * 2f64.ln());
    let data =
        Parts { train: sampled(5_000), validation: sampled(10), test: sampled(3_000), entropy };
    for network in NETWORKS {
        let (nll, entropy) = learned(data.clone(), quick(network, 24_000), 24_000);
        assert!((0.98..1.02).contains(&(nll / entropy)), "{network:?}: {nll} of {entropy}");
    }
}

fn learner(config: PixelCnnConfig) -> impl Fn() -> Result<Box<dyn Learner>> {
    move || {
        let config_of = GlyphsConfig { n_train: 60, n_test: 10, ..GlyphsConfig::default() };
        let data = glyphs(&config_of).unwrap().images().unwrap();
        let config = PixelCnnConfig { batch: 8, ..config.clone() };
        Ok(Box::new(pixelcnn(data, &config, 1, device())?))
    }
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    for network in NETWORKS {
        for binarisation in [Binarisation::Dynamic, Binarisation::None] {
            let config = PixelCnnConfig {
                binarisation,
                levels: 3,
                lr_end: 0.1,
                lr_steps: 100,
                ..small(network)
            };
            let dir = tempfile::tempdir().unwrap();
            same_seed_same_bits(&learner(config.clone()), 40).unwrap();
            // The stop lies within the second epoch.
            resume_changes_nothing(&learner(config), 72, 120, dir.path()).unwrap();
        }
    }
}

#[test]
fn what_is_measured_is_what_is_trained() {
    let config = small(NetworkName::Residual);
    let (report, _) = trained(&learner(config), &[8], None).unwrap();
    let measures = report.evaluation.unwrap().measures;
    let (nats, bits) = (measures["nll_nats"].mean, measures["bits_per_dim"].mean);
    assert!((bits - nats / (784.0 * 2f64.ln())).abs() < 1e-12);
    // All of the test images, of which little is known yet.
    assert!(nats > 100.0 && measures["nll_nats"].n == 10, "{nats}");
}

#[test]
fn image_grids_have_their_images() {
    let data = stripes(&GridConfig { side: 4, n_train: 50, n_test: 20, seed: 1 }).unwrap();
    let data = data.images().unwrap();
    let model = pixelcnn(data.clone(), &small(NETWORKS[0]), 1, device()).unwrap();
    let grids = model.image_grids().unwrap();
    let names: Vec<_> = grids.iter().map(|grid| (grid.name, grid.images.len())).collect();
    assert_eq!(names, [("samples", 100), ("completions", 50), ("receptive", 1)]);
    assert_eq!(grids[1].images.levels(), 256);
    // The original, what is given of it, and completions that leave that alone.
    let original: Vec<u8> = data.validation.image(1).iter().map(|x| x * 255).collect();
    assert_eq!(grids[1].images.image(10), original);
    assert_eq!(grids[1].images.image(11), [&original[..8], &[90; 8]].concat());
    for column in 2..10 {
        assert_eq!(grids[1].images.image(10 + column)[..8], original[..8]);
    }
    let sampled = model.sample_images(12, None, &mut stream(1, "test")).unwrap();
    assert_eq!(sampled.take(0..5), model.sample_images(5, None, &mut stream(1, "test")).unwrap());
}

#[test]
fn every_colour_has_the_same_number_of_features() {
    let fitted = |network, channels| {
        let config = PixelCnnConfig { network, features: 32, hidden: 64, ..small(network) };
        let PixelCnnConfig { features, hidden, .. } = config.fitted(channels);
        (features, hidden)
    };
    assert_eq!(fitted(NetworkName::Gated, 1), (32, 64));
    assert_eq!(fitted(NetworkName::Gated, 3), (33, 66));
    assert_eq!(fitted(NetworkName::Residual, 1), (32, 64));
    assert_eq!(fitted(NetworkName::Residual, 3), (36, 66));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let message =
        |config: PixelCnnConfig, channels| config.check_for(channels).unwrap_err().to_string();
    let residual = small(NetworkName::Residual);
    let even = message(PixelCnnConfig { kernel: 4, ..residual.clone() }, 1);
    assert_eq!(even, "--kernel 4: a masked kernel has a centre: give an odd side");
    let described = message(PixelCnnConfig { conditional: true, ..residual.clone() }, 1);
    assert!(described.contains("give --network gated"), "{described}");
    let nothing = message(PixelCnnConfig { first_kernel: 1, ..residual }, 1);
    assert!(nothing.starts_with("--first-kernel 1: mask A leaves nothing"), "{nothing}");
}
