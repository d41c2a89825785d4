//! Measures of samples of digits: DCGAN without each of its guidelines, and a GAN beside a VAE.
use super::{SEEDS, mean, seeds};
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use crate::run::in_memory::{plan, train};
use anyhow::Result;
use generative::data::{Classes, Dataset, GlyphsConfig, Images, Parts, glyphs};
use generative::gan::{BatchNorm, Downsample, Network};
use generative::measures::SampleEvaluator;
use generative::{Gan, GanConfig, ImageSampler, Vae, VaeConfig};
use train::{Measure, stream};

fn digits(setting: &Setting) -> Result<Parts<Images>> {
    let (n_train, n_test) = setting.pick((50_000, 2_000), (500, 100));
    let config =
        GlyphsConfig { classes: Classes::Digits, n_train, n_test, ..GlyphsConfig::default() };
    glyphs(&config)?.images()
}

/// A small DCGAN for so many samples.
fn dcgan(steps: u64) -> GanConfig {
    GanConfig {
        network: Network::Dcgan,
        channels: 16,
        lr_end: 0.1,
        lr_steps: steps,
        ..GanConfig::default()
    }
}

/// Measures of samples by name.
type Measures = Vec<(String, Measure)>;

fn judged(
    model: &dyn ImageSampler,
    judge: &SampleEvaluator,
    seed: u64,
    setting: &Setting,
) -> Result<Measures> {
    let n = setting.pick(2_000, 100);
    judge.measures(&model.sample_images(n, None, &mut stream(seed, "lesson"))?)
}

/// The measure whose name begins so: it goes on with what it was taken over.
fn of(measures: &[(String, Measure)], begins: &str) -> f64 {
    let found = measures.iter().find(|(name, _)| name.starts_with(begins));
    found.map_or(f64::NAN, |(_, measure)| measure.mean)
}

pub(super) fn guidelines(setting: &Setting) -> Result<Findings> {
    let steps = setting.pick(400_000, 2_000);
    let data = digits(setting)?;
    let judge = SampleEvaluator::new("glyphs", &data)?;
    let base = dcgan(steps);
    // What is changed, and what it is called in the figure.
    let variants = [
        ("with all of them", "all", base.clone()),
        (
            "no batch normalisation",
            "no norm",
            GanConfig { batch_norm: BatchNorm::None, ..base.clone() },
        ),
        (
            "batch normalisation in G alone",
            "norm in G",
            GanConfig { batch_norm: BatchNorm::Generator, ..base.clone() },
        ),
        ("pooling", "pooling", GanConfig { downsample: Downsample::Pool, ..base.clone() }),
        ("dense layers", "dense", GanConfig { dense: 256, ..base.clone() }),
        ("ReLU in D", "ReLU in D", GanConfig { leak: 0.0, ..base }),
    ];
    let (names, short) = (variants.each_ref().map(|v| v.0), variants.each_ref().map(|v| v.1));
    let mut all: Vec<Vec<f64>> = Vec::new();
    for (.., config) in variants {
        let mut each = Vec::new();
        for seed in seeds(setting) {
            let images = Dataset::Images(data.clone());
            let mut gan = Gan::new(images, config.clone(), seed, &setting.device)?;
            train(&mut gan, &plan(steps, [0; 2]))?;
            each.push(of(&judged(&gan, &judge, seed, setting)?, "fid["));
        }
        all.push(each);
    }
    let shown =
        |each: &[f64]| each.iter().map(|fid| format!("{fid:.3}")).collect::<Vec<_>>().join(", ");
    let best = mean(&all[0]);
    let line = |(i, each): (usize, &Vec<f64>)| {
        let number = ("a number", each.iter().all(|fid| fid.is_finite()));
        let (claim, holds) = match i {
            0 => number,
            // A short run does not show it.
            _ => {
                setting.pick(("in the mean more than with all of them", mean(each) > best), number)
            }
        };
        Claim::stated(format!("Fréchet distance, {}: by seed", names[i]), shown(each), claim, holds)
    };
    let curve = |seed: usize| Curve {
        label: format!("seed {}", setting.seed + seed as u64),
        points: all.iter().enumerate().map(|(i, each)| (i as f64, each[seed])).collect(),
        stroke: Stroke::Points,
        ..Curve::default()
    };
    Ok(Findings {
        lines: all.iter().enumerate().map(line).collect(),
        panels: vec![Panel {
            title: "Fréchet distance over the features of lab-glyphs-cnn".to_owned(),
            x: Scale::Names(short.map(str::to_owned).to_vec()),
            y: Scale::Logarithmic,
            curves: (0..SEEDS as usize).map(curve).collect(),
            ..Panel::default()
        }],
    })
}

/// Compared measures of samples: prefix of the name, and description.
const COMPARED: [(&str, &str); 3] =
    [("fid[", "Fréchet distance"), ("precision[", "precision"), ("recall[", "recall")];

pub(super) fn beside_vae(setting: &Setting) -> Result<Findings> {
    let data = digits(setting)?;
    let judge = SampleEvaluator::new("glyphs", &data)?;
    let (for_gan, for_vae) = setting.pick((800_000, 1_000_000), (2_000, 5_000));
    let mut found = [("GAN", Vec::<Measures>::new()), ("VAE", Vec::new())];
    for seed in seeds(setting) {
        let images = Dataset::Images(data.clone());
        let mut gan = Gan::new(images, dcgan(for_gan), seed, &setting.device)?;
        train(&mut gan, &plan(for_gan, [0; 2]))?;
        found[0].1.push(judged(&gan, &judge, seed, setting)?);
        let config = VaeConfig { lr_end: 0.05, lr_steps: for_vae, ..VaeConfig::default() };
        let mut vae = Vae::new(data.clone(), config, seed, &setting.device)?;
        train(&mut vae, &plan(for_vae, [0; 2]))?;
        found[1].1.push(judged(&vae, &judge, seed, setting)?);
    }
    let values = |model: usize, begins: &str| -> Vec<f64> {
        found[model].1.iter().map(|measures| of(measures, begins)).collect()
    };
    let shown = |each: &[f64]| {
        each.iter().map(|value| format!("{value:.3}")).collect::<Vec<_>>().join(", ")
    };
    let lines = COMPARED.map(|(begins, what)| {
        let (gan, vae) = (values(0, begins), values(1, begins));
        let ours = format!("GAN {}; VAE {}", shown(&gan), shown(&vae));
        let finite = gan.iter().chain(&vae).all(|value| value.is_finite());
        match begins {
            "fid[" => {
                // A short run does not show it.
                let (claim, holds) = setting.pick(
                    (
                        "blurred images are further away: the GAN's distance is less",
                        mean(&gan) < mean(&vae),
                    ),
                    ("numbers", true),
                );
                Claim::stated(format!("{what}, by seed"), ours, claim, finite && holds)
            }
            _ => Claim::stated(format!("{what}, by seed"), ours, "numbers", finite),
        }
    });
    let panel = |(begins, what): (&str, &str)| Panel {
        title: what.to_owned(),
        x: Scale::Names(seeds(setting).map(|seed| format!("seed {seed}")).collect()),
        curves: (0..2)
            .map(|model| Curve {
                label: found[model].0.to_owned(),
                points: (0..).map(f64::from).zip(values(model, begins)).collect(),
                stroke: Stroke::Points,
                ..Curve::default()
            })
            .collect(),
        ..Panel::default()
    };
    Ok(Findings { lines: lines.into(), panels: COMPARED.map(panel).into() })
}
