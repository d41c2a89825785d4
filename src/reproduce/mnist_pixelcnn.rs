//! The likelihoods of binarised MNIST that are printed for PixelCNN: 81.30 nats with static binarisation (van
//! den Oord, Kalchbrenner & Kavukcuoglu 2016, "Pixel recurrent neural networks",
//! <https://arxiv.org/abs/1601.06759>, table 4), and 81.45 with dynamic one (pytorch-generative,
//! <https://github.com/EugenHotaj/pytorch-generative>, its table of results).
//!
//! On the CPU a smaller network for fewer epochs, since a day is long enough; with `--device cuda` one of
//! the size that the paper gives to CIFAR-10 (table 1: 15 layers of 128 features).
use super::{Experiment, Findings, Setting, Target, likelihoods};
use crate::registry::{DataName, Options};
use anyhow::Result;
use generative::data::{Binarisation, Images, Parts};
use generative::pixelcnn::NetworkName;
use generative::{PixelCnnConfig, pixelcnn};
use train::{Learner as _, Measure, Row, Split};

pub(super) const TARGET: Target = Target {
    name: "mnist-pixelcnn",
    about: "Published likelihoods of MNIST under a PixelCNN; a day, or --device cuda",
    data: Some("mnist"),
    takes_steps: false,
    experiments: &[
        Experiment {
            name: "dynamic",
            about: "the residual PixelCNN, binarised dynamically: 81.45 nats",
            run: |setting| run(&DYNAMIC, setting),
        },
        Experiment {
            name: "static",
            about: "binarised statically: 81.30 nats (van den Oord et al. 2016, table 4)",
            run: |setting| run(&STATIC, setting),
        },
    ],
};

/// One model: its training and its published likelihood.
struct Recipe {
    binarisation: Binarisation,
    /// −log p(x), in nats.
    published: f64,
}

const DYNAMIC: Recipe = Recipe { binarisation: Binarisation::Dynamic, published: 81.45 };
const STATIC: Recipe = Recipe { binarisation: Binarisation::Static, published: 81.30 };

/// Features, blocks, and images that are trained on.
type Scale = (usize, usize, u64);

const LONGER: Scale = (64, 12, 10_000_000);
const FULL: Scale = (128, 15, 50_000_000);
const QUICK: Scale = (8, 1, 2_000);

/// Nats that a recipe may be behind what is printed: it sees its images less often.
const BEHIND: f64 = 2.0;

/// Tolerance in nats after a part of one epoch (`--quick`).
const BEHIND_QUICK: f64 = 150.0;

fn run(recipe: &Recipe, setting: &Setting) -> Result<Findings> {
    let data = DataName::parse(&setting.data)?.load(&Options::new())?.dataset.images()?;
    let scale = if setting.device.is_cpu() { LONGER } else { FULL };
    let (nats, rows) = learned(data, recipe, setting.pick(scale, QUICK), setting)?;
    let most = recipe.published + setting.pick(BEHIND, BEHIND_QUICK);
    let note = format!("{} is printed", recipe.published);
    let title = "Validation images";
    let published = ("published", recipe.published);
    Ok(Findings {
        lines: vec![likelihoods::line("−log p", &nats, most).note(note)],
        panels: vec![likelihoods::panel(title, ("eval/nll_nats", &rows), published)],
    })
}

/// −log p of the test images after so much training, and the rows on the way.
fn learned(
    data: Parts<Images>,
    recipe: &Recipe,
    (features, blocks, steps): Scale,
    setting: &Setting,
) -> Result<(Measure, Vec<Row>)> {
    let config = PixelCnnConfig {
        network: NetworkName::Residual,
        binarisation: recipe.binarisation,
        features,
        blocks,
        hidden: features,
        batch: 16,
        lr: 2e-3,
        lr_end: 0.01,
        lr_steps: steps,
        ..PixelCnnConfig::default()
    };
    let mut model = pixelcnn(data, &config, setting.seed, &setting.device)?;
    let rows = likelihoods::learned(&mut model, steps)?;
    let evaluation = model.evaluate(Split::Test)?;
    let nats = evaluation.measures.get("nll_nats").copied();
    let nats = nats.ok_or_else(|| anyhow::anyhow!("this model measures no nats"))?;
    Ok((nats, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Figure;
    use generative::data::{GridConfig, stripes};
    use train::{Interrupted, pulse};

    fn data() -> Parts<Images> {
        let config = GridConfig { side: 4, n_train: 600, n_test: 100, seed: 1 };
        stripes(&config).unwrap().images().unwrap()
    }

    #[test]
    fn a_recipe_is_trained_and_measured() {
        for recipe in [&DYNAMIC, &STATIC] {
            let (nats, rows) = learned(data(), recipe, QUICK, &Setting::quick()).unwrap();
            assert_eq!(nats.n, 100);
            assert!(nats.mean < 16.0 * 2f64.ln(), "{nats:?}");
            let panel = likelihoods::panel("", ("eval/nll_nats", &rows), ("", 3.0));
            assert_eq!(panel.curves[0].points.len(), 25);
            assert_eq!(panel.curves[1].points.len(), 2);
        }
    }

    #[test]
    fn a_line_says_how_far_it_got() {
        let nats = Measure { mean: 82.5, ci95: Some([82.0, 83.0]), n: 100 };
        let near = likelihoods::line("−log p", &nats, 82.6);
        assert_eq!(near.what, "−log p on 100 test images, nats");
        assert_eq!(
            near.ours,
            Figure::Text("82.50 (95 % between 82.00 and 83.00, n = 100)".to_owned())
        );
        assert!(near.pass && !likelihoods::line("", &nats, 82.4).pass);
    }

    #[test]
    fn a_raised_flag_ends_it() {
        let found = pulse::hearing(|| true, || learned(data(), &DYNAMIC, QUICK, &Setting::quick()));
        assert!(found.err().unwrap().is::<Interrupted>());
    }
}
