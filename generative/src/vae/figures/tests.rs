use crate::VaeConfig;
use crate::data::{Dataset, GlyphsConfig, GridConfig, glyphs, stripes};
use crate::latents::{LatentSpace as _, active_units};
use crate::{Generative as _, Objective, Vae};
use train::testing::{device, resume_changes_nothing, same_seed_same_bits, trained};
use train::{Learner, Log, Split};

fn small(data: Dataset, config: VaeConfig) -> Vae {
    let config = VaeConfig { hidden: 64, lr: 1e-2, batch: 64, ..config };
    Vae::new(data.images().unwrap(), config, 1, device()).unwrap()
}

/// 4×4.
fn lines() -> Dataset {
    stripes(&GridConfig { side: 4, n_train: 2_000, n_test: 500, seed: 1 }).unwrap()
}

fn denoising(corrupt: f64) -> VaeConfig {
    VaeConfig { objective: Objective::Reconstruction, corrupt, latents: 6, ..VaeConfig::default() }
}

fn make(config: VaeConfig) -> impl Fn() -> anyhow::Result<Box<dyn Learner>> {
    move || Ok(Box::new(small(lines(), config.clone())))
}

#[test]
fn what_is_encoded_is_decoded_to_the_reconstruction() {
    let vae = small(lines(), VaeConfig { latents: 2, ..VaeConfig::default() });
    let images = vae.validation.clone();
    let z = vae.model.encode(&images).unwrap();
    assert_eq!((z.len(), z.size()), (500, 2));
    // An image by itself has the vector that it has among others, up to the order of sums.
    let alone = vae.model.encode(&images.take(499..500)).unwrap();
    assert!(alone.row(0).iter().zip(z.row(499)).all(|(alone, z)| (alone - z).abs() < 1e-6));
    let decoded = vae.model.decode(&z).unwrap();
    let grids = vae.image_grids().unwrap();
    assert_eq!(grids[1].images.image(10), decoded.image(0));
    let names: Vec<_> = grids.iter().map(|grid| grid.name).collect();
    assert_eq!(names[2..4], ["interpolations", "interpolations-spherical"]);
    assert_eq!(names.last(), Some(&"manifold"));
    // Both ways begin at the first image and end at the second.
    for grid in &grids[2..4] {
        assert_eq!(grid.images.image(0), decoded.image(0));
        assert_eq!(grid.images.image(11), decoded.image(1));
    }
    assert_eq!(crate::latents::map(&vae.model, &images).unwrap().unwrap().at.len(), 500);
}

#[test]
fn active_units_and_probes_are_measured() {
    let config = GlyphsConfig { n_train: 300, n_test: 40, ..GlyphsConfig::default() };
    let mut vae = small(glyphs(&config).unwrap(), VaeConfig { latents: 3, ..VaeConfig::default() });
    let validation = vae.evaluate(Split::Validation).unwrap().measures;
    let test = vae.evaluate(Split::Test).unwrap().measures;
    let z = vae.model.encode(&vae.test).unwrap();
    assert_eq!(test["active_units"].mean, active_units(&z) as f64);
    assert!(validation.contains_key("active_units") && !validation.contains_key("probe_accuracy"));
    assert_eq!((test["probe_accuracy"].n, test["pixel_probe_accuracy"].n), (40, 40));
    let before = test["pixel_probe_accuracy"];
    // Of 36 signs; it knows nothing of the model.
    assert!(before.mean > 0.2, "{before:?}");
    vae.step(&mut Log::default()).unwrap();
    let after = vae.evaluate(Split::Test).unwrap().measures;
    assert_eq!(after["pixel_probe_accuracy"], before);
    assert_ne!(after["reconstruction_mse"], test["reconstruction_mse"]);
    let unlabelled = small(lines(), VaeConfig::default()).evaluate(Split::Test).unwrap();
    assert!(!unlabelled.measures.contains_key("probe_accuracy"));
}

/// A white line of four whose pixels are black with probability ⅕ is still to be seen; what is shown is
/// not what is to be told.
#[test]
fn a_denoising_auto_encoder_cleans() {
    let (report, _) = trained(&make(denoising(0.2)), &[64 * 1_500], None).unwrap();
    let evaluation = report.evaluation.unwrap();
    let cleaned = evaluation.measures["denoising_nats"].mean;
    assert!(cleaned < 2.0, "{cleaned}");
    assert_eq!(evaluation.objective.measure, "denoising_nats");
    assert_eq!(evaluation.value(), cleaned);
    assert!(evaluation.measures["reconstruction_nats"].mean < cleaned);
    let names = |vae: &Vae| vae.image_grids().unwrap()[1].name;
    assert_eq!(names(&small(lines(), denoising(0.2))), "denoised");
    assert_ne!(names(&small(lines(), denoising(0.0))), "denoised");
}

#[test]
fn noise_is_the_seeds_and_goes_on_after_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    same_seed_same_bits(&make(denoising(0.3)), 64 * 40).unwrap();
    resume_changes_nothing(&make(denoising(0.3)), 64 * 36, 64 * 72, dir.path()).unwrap();
}

#[test]
fn only_what_is_reconstructed_is_corrupted() {
    let vae = |config| Vae::new(lines().images().unwrap(), config, 1, device());
    let error = vae(VaeConfig { corrupt: 0.1, ..VaeConfig::default() }).err().unwrap().to_string();
    assert!(error.starts_with("--corrupt 0.1: it is what --objective reconstruction"), "{error}");
    let error = vae(denoising(1.5)).err().unwrap().to_string();
    assert_eq!(error, "--corrupt 1.5: must be at least 0 and less than 1");
}
