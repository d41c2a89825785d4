use super::*;
use crate::Generative as _;
use crate::LikelihoodName;
use crate::data::{Binarisation, GridConfig, stripes};
use crate::export::testing::{compare, random};
use candle_core::DType;
use candle_core::Var;
use nn::onnx::testing::randomise;
use train::testing::{device, resume_changes_nothing, same_seed_same_bits, trained};

fn var(values: &[[f64; 2]]) -> Var {
    let values = Tensor::from_slice(&values.concat(), (values.len(), 2), device()).unwrap();
    Var::from_tensor(&values).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Two rows and the codes that they chose.
fn rows_and_codes() -> (Var, Var) {
    (var(&[[1.0, 2.0], [0.1, -1.0]]), var(&[[1.5, 2.0], [0.3, 1.0]]))
}

#[test]
fn straight_through_has_the_codes_values_and_the_rows_gradient() {
    let (z, e) = rows_and_codes();
    let through = straight_through(&z, &e).unwrap();
    // To the bit, though 0.1 + (0.3 − 0.1) is not 0.3.
    assert_eq!(values(&through), values(&e));
    // What a decoder might ask for: the derivative of Σ w·x² where x = e, not where x = z.
    let w = Tensor::new(&[[1.0, -2.0], [0.5, 3.0]], device()).unwrap();
    let gradients = (through.sqr().unwrap() * w).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(values(gradients.get(&z).unwrap()), [3.0, -8.0, 0.3, 6.0]);
    assert!(gradients.get(&e).is_none());
}

/// ‖z − e‖² is 0.25 and 0.04 + 4.
#[test]
fn the_codebook_loss_moves_the_codes_alone() {
    let (z, e) = rows_and_codes();
    let loss = codebook_loss(&z, &e).unwrap();
    assert!((values(&loss)[0] - (0.25 + 4.04) / 2.0).abs() < 1e-12);
    let gradients = loss.backward().unwrap();
    // 2·(e − z) / 2
    let expected = [0.5, 0.0, 0.2, 2.0];
    for (found, expected) in values(gradients.get(&e).unwrap()).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    assert!(gradients.get(&z).is_none());
}

#[test]
fn commitment_moves_the_rows_alone() {
    let (z, e) = rows_and_codes();
    let loss = commitment_loss(&z, &e).unwrap();
    assert!((values(&loss)[0] - (0.25 + 4.04) / 2.0).abs() < 1e-12);
    let gradients = loss.backward().unwrap();
    for (found, expected) in values(gradients.get(&z).unwrap()).iter().zip([-0.5, 0.0, -0.2, -2.0])
    {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    assert!(gradients.get(&e).is_none());
}

#[test]
fn perplexity_by_hand() {
    assert_eq!(perplexity(&[7, 0, 0]), 1.0);
    assert!((perplexity(&[5, 5, 0, 5, 5]) - 4.0).abs() < 1e-12);
    // ¾ and ¼: 4 / 3^¾.
    assert!((perplexity(&[3, 1]) - 4.0 / 3f64.powf(0.75)).abs() < 1e-12);
}

/// With γ = ¾ the sums and counts of the appendix, by hand.
#[test]
fn running_means_by_hand() {
    let mut means = RunningMeans::new(3);
    let mut codes = [9.0, 9.0, -1.0, 0.5, 7.0, 7.0];
    // The first batch: N = ¼·2 and s = ¼·(4, 6) for code 0, N = ¼ and s = ¼·(8, 0) for code 1.
    means.update(&mut codes, &[1.0, 2.0, 8.0, 0.0, 3.0, 4.0], &[0, 1, 0], 0.75);
    assert_eq!(codes, [2.0, 3.0, 8.0, 0.0, 7.0, 7.0]);
    assert_eq!(means, RunningMeans { counts: vec![0.5, 0.25, 0.0], once: 0.25 });
    // The second: N = ¾·½ + ¼ = ⅝ and s = ¾·(1, 3/2) + ¼·(−3, 2) = (0, 13/8) for code 0, none for code 1.
    means.update(&mut codes, &[-3.0, 2.0], &[0], 0.75);
    let expected = [0.0, 2.6, 8.0, 0.0, 7.0, 7.0];
    assert!(
        codes.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6),
        "{codes:?}"
    );
    assert_eq!(means, RunningMeans { counts: vec![0.625, 0.1875, 0.0], once: 0.4375 });
}

#[test]
fn a_code_that_is_chosen_too_seldom_moves_to_a_row() {
    // Half a batch has been seen, as it were: once in a batch is a count of ½.
    let mut means = RunningMeans { counts: vec![0.4, 0.5, 0.0], once: 0.5 };
    let (mut codes, z) = ([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], [4.0, 5.0, 6.0, 7.0]);
    assert_eq!(means.restart(&mut codes, &z, 1.0, &mut stream(1, "test")), 2);
    assert_eq!(codes[2..4], [2.0, 2.0]);
    for code in [&codes[..2], &codes[4..]] {
        assert!(code == [4.0, 5.0] || code == [6.0, 7.0], "{code:?}");
    }
    // Two rows for three codes, and half a batch: a share of ⅓.
    assert_eq!(means, RunningMeans { counts: vec![1.0 / 3.0, 0.5, 1.0 / 3.0], once: 0.5 });
    assert_eq!(means.restart(&mut codes, &z, 0.0, &mut stream(1, "test")), 0);
}

#[test]
fn a_grid_becomes_rows_and_rows_a_grid() {
    let x = Tensor::arange(0f32, 24.0, device()).unwrap().reshape((2, 3, 1, 4)).unwrap();
    let rows = rows(&x).unwrap();
    // Channels lie 4 apart, places 1, images 12.
    assert_eq!(rows.dims(), [8, 3]);
    assert_eq!(values(&rows)[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
    assert_eq!(values(&rows)[12..15], [12.0, 16.0, 20.0]);
    let back = grid(&rows, Shape { channels: 1, height: 1, width: 4 }).unwrap();
    assert_eq!((back.dims(), values(&back)), (x.dims(), values(&x)));
}

/// Stripes of 4×4, one code each.
fn small(codebook: CodebookRule) -> VqVaeConfig {
    VqVaeConfig {
        codes: 64,
        dims: 4,
        codebook,
        channels: 16,
        residual: 1,
        batch: 64,
        ..VqVaeConfig::default()
    }
}

fn model(config: VqVaeConfig) -> VqVae {
    let data = stripes(&GridConfig { side: 4, n_train: 2_000, n_test: 500, seed: 1 }).unwrap();
    VqVae::new(data.images().unwrap(), config, 1, device()).unwrap()
}

fn make(config: VqVaeConfig) -> impl Fn() -> Result<Box<dyn Learner>> {
    move || Ok(Box::new(model(config.clone())))
}

/// The first step of Adam moves by --lr in the direction of the gradient: codes that were chosen go to
/// what chose them, the others stay.
#[test]
fn with_the_loss_codes_go_to_what_chose_them() {
    let mut model = model(small(CodebookRule::Loss));
    // The first batch, drawn once more: the order is the seed's.
    let mut loader =
        ImageLoader::new(model.loader.images().clone(), 64, Binarisation::Dynamic, 1, device())
            .unwrap();
    let z = rows(&model.frozen.encoder.forward(loader.next_batch().unwrap()).unwrap()).unwrap();
    let chosen: Vec<u32> = nearest(&z, &model.codebook).unwrap().to_vec1().unwrap();
    let (z, before) = (values(&z), values(&model.codebook));
    model.step(&mut Log::default()).unwrap();
    let after = values(&model.codebook);
    for (i, (before, after)) in before.iter().zip(&after).enumerate() {
        let members = chosen.iter().zip(z.chunks_exact(4)).filter(|(c, _)| **c as usize == i / 4);
        let pull: f64 = members.map(|(_, z)| z[i % 4] - before).sum();
        let expected = if pull == 0.0 { 0.0 } else { 1e-3 * pull.signum() };
        assert!((after - before - expected).abs() < 1e-5, "{i}: {before} {after} {pull}");
    }
    assert!(before != after);
}

/// One step of the running means is one of k-means: codes are the means of what chose them.
#[test]
fn with_running_means_a_step_brings_codes_to_the_mean() {
    let mut model = model(VqVaeConfig { restart: 0.0, ..small(CodebookRule::Ema) });
    let mut loader =
        ImageLoader::new(model.loader.images().clone(), 64, Binarisation::Dynamic, 1, device())
            .unwrap();
    let z = rows(&model.frozen.encoder.forward(loader.next_batch().unwrap()).unwrap()).unwrap();
    let chosen: Vec<u32> = nearest(&z, &model.codebook).unwrap().to_vec1().unwrap();
    let (z, before) = (values(&z), values(&model.codebook));
    model.step(&mut Log::default()).unwrap();
    for (i, (before, after)) in before.iter().zip(values(&model.codebook)).enumerate() {
        let members = chosen.iter().zip(z.chunks_exact(4)).filter(|(c, _)| **c as usize == i / 4);
        let members: Vec<f64> = members.map(|(_, z)| z[i % 4]).collect();
        let expected = match members.len() {
            0 => *before,
            n => members.iter().sum::<f64>() / n as f64,
        };
        assert!((after - expected).abs() < 1e-6, "{i}: {after} {expected}");
    }
}

/// 30 images and 64 codes: nothing need be lost. Pixels by themselves have 16·log 2 = 11.1 nats; codes that
/// move by gradients alone leave most of the codebook unused, and get to less than half of that.
#[test]
fn learns_stripes() {
    let rules = [(CodebookRule::Ema, 7_000, 0.1, 30.0), (CodebookRule::Loss, 8_000, 5.5, 8.0)];
    for (codebook, batches, most, used) in rules {
        let (report, _) = trained(&make(small(codebook)), &[64 * batches], None).unwrap();
        let measures = report.evaluation.unwrap().measures;
        let mean = |name: &str| measures[name].mean;
        assert!(mean("reconstruction_nats") < most, "{codebook:?} {measures:?}");
        assert!(mean("codes_used") >= used, "{codebook:?} {measures:?}");
        let perplexity = mean("codebook_perplexity");
        assert!(1.0 < perplexity && perplexity <= mean("codes_used"), "{measures:?}");
    }
}

/// A ramp of greys and its mirror image, by the probability of each level. Who does not know which of them it
/// is has one peak for both levels of a pixel, which are 17 to 255 apart: about 2·Σ log(17·(2i + 1)) over i < 8,
/// 74 nats.
#[test]
fn greys_are_learned() {
    let ramp = |i: u8| 17 * i;
    let both: Vec<u8> = (0..16).map(ramp).chain((0..16).rev().map(ramp)).collect();
    let shape = Shape { channels: 1, height: 4, width: 4 };
    let images = |n| Images::new(shape, 256, both.repeat(n), None).unwrap();
    let make = || -> Result<Box<dyn Learner>> {
        let data =
            Parts { train: images(200), validation: images(2), test: images(2), entropy: None };
        let config = VqVaeConfig {
            likelihood: LikelihoodName::Logistic,
            binarisation: Binarisation::None,
            ..small(CodebookRule::Ema)
        };
        Ok(Box::new(VqVae::new(data, config, 1, device())?))
    };
    let (report, _) = trained(&make, &[64 * 600], None).unwrap();
    let nats = report.evaluation.unwrap().measures["reconstruction_nats"].mean;
    assert!(0.0 < nats && nats < 55.0, "{nats}");
}

#[test]
fn beta_holds_the_encoder_to_its_codes() {
    let [free, held] = [0.0, 4.0].map(|beta| {
        let config = VqVaeConfig { beta, ..small(CodebookRule::Ema) };
        let (_, rows) = trained(&make(config), &[64 * 300], None).unwrap();
        rows.last().unwrap().values["train/commitment"]
    });
    assert!(held < 0.5 * free, "{held} {free}");
}

#[test]
fn a_seed_fixes_a_run_and_resuming_changes_nothing() {
    for codebook in [CodebookRule::Ema, CodebookRule::Loss] {
        let dir = tempfile::tempdir().unwrap();
        let make = make(small(codebook));
        same_seed_same_bits(&make, 64 * 40).unwrap();
        // The stop lies within the second epoch.
        resume_changes_nothing(&make, 64 * 36, 64 * 72, dir.path()).unwrap();
    }
}

#[test]
fn codes_are_images_of_their_own() {
    let model = model(small(CodebookRule::Ema));
    let codes = model.codes(&model.test).unwrap();
    assert_eq!((codes.len(), codes.levels()), (500, 64));
    assert_eq!(codes.shape(), Shape { channels: 1, height: 1, width: 1 });
    let decoded = model.decode(&codes).unwrap();
    assert_eq!((decoded.len(), decoded.shape()), (500, model.shape));
    // Each place is decoded from its own code.
    assert_eq!(model.decode(&codes.take(7..8)).unwrap().image(0), decoded.image(7));
    assert!(model.image_sampler().is_none());
    let grids = model.image_grids().unwrap();
    assert_eq!((grids.len(), grids[0].name, grids[0].images.len()), (1, "reconstructions", 100));

    let message = |result: Result<Images>| result.unwrap_err().to_string();
    assert!(
        message(model.codes(&codes)).contains("this model knows Shape { channels: 1, height: 4")
    );
    let more = Images::new(codes.shape(), 65, vec![64], None).unwrap();
    assert!(message(model.decode(&more)).starts_with("codes below 65"));
    assert!(message(model.decode(&model.test)).contains("not those of this model"));
}

#[test]
fn what_does_not_fit_is_told() {
    let message = |config: VqVaeConfig, side| {
        let data = stripes(&GridConfig { side, n_train: 20, n_test: 10, seed: 1 }).unwrap();
        let model = VqVae::new(data.images().unwrap(), config, 1, device());
        model.err().unwrap().to_string()
    };
    let error = message(VqVaeConfig::default(), 6);
    assert!(error.starts_with("--data of 6×6: the networks halve height and width"), "{error}");
    let decay = VqVaeConfig { decay: 0.5, ..small(CodebookRule::Loss) };
    assert_eq!(message(decay, 4), "--decay 0.5: it is --codebook ema that counts");
    let restart = VqVaeConfig { restart: 0.0, ..small(CodebookRule::Loss) };
    assert_eq!(message(restart, 4), "--restart 0: it is --codebook ema that counts");
    let many = VqVaeConfig { codes: 257, ..VqVaeConfig::default() };
    assert_eq!(message(many, 4), "--codes 257: must lie between 2 and 256");
}

#[test]
fn exported_codes_and_images_are_its_own() {
    let data = stripes(&GridConfig { side: 8, n_train: 100, n_test: 20, seed: 1 }).unwrap();
    let config = VqVaeConfig { likelihood: LikelihoodName::Logistic, ..small(CodebookRule::Loss) };
    let vq = VqVae::new(data.images().unwrap(), config, 1, device()).unwrap();
    randomise(&vq.params).unwrap();
    let (codes, dims) = vq.codebook.dims2().unwrap();
    compare(&vq.exports(), "encoder", |n| {
        let x = random(n, &[1, 8, 8]);
        let z = vq.frozen.encoder.forward(&x)?; // [n, E, 2, 2]
        assert_eq!(z.dims(), [n, dims, 2, 2]);
        let chosen = nearest(&rows(&z)?, &vq.codebook)?.reshape((n, 2, 2))?;
        Ok((vec![("image", x)], vec![("codes", chosen), ("latent", z)]))
    });
    compare(&vq.exports(), "decoder", |n| {
        let chosen: Vec<u32> = (0..4 * n as u32).map(|i| (7 * i * i + 3) % codes as u32).collect();
        let chosen = Tensor::from_vec(chosen, 4 * n, device())?;
        let e = grid(&vq.codebook.detach().index_select(&chosen, 0)?, vq.grid())?;
        let output = vq.frozen.decoder.forward(&e)?; // [n, 2, 8, 8]
        let half = |i| output.narrow(1, i, 1)?.contiguous();
        let outputs = vec![("mean", half(0)?), ("log_scale", half(1)?)];
        Ok((vec![("codes", chosen.reshape((n, 2, 2))?)], outputs))
    });
}
