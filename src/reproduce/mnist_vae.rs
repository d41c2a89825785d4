//! The likelihoods of MNIST, binarised dynamically, that Burda, Grosse & Salakhutdinov 2016
//! ("Importance weighted autoencoders", <https://arxiv.org/abs/1509.00519>, table 1, one stochastic layer)
//! print for a VAE and for models trained on the importance-weighted bound with 5 and 50 draws.
//!
//! Their network, 784-200-200-50 and its mirror image, and their measure, L_5000 on all test images.
//! Different: ReLU in place of tanh, batches of 100 in place of 20, a learning rate that falls in a straight
//! line in place of eight steps, 50,000 images to train on in place of 60,000, and fewer epochs.
use super::{Experiment, Findings, Setting, Target, likelihoods};
use crate::claim::Claim;
use crate::registry::{DataName, Options};
use crate::render::plot::Panel;
use anyhow::Result;
use generative::data::{Images, Parts};
use generative::{ImportanceWeighted as _, Objective, Vae, VaeConfig};
use train::{Measure, Row};

pub(super) const TARGET: Target = Target {
    name: "mnist-vae",
    about: "Published likelihoods of MNIST under a VAE and importance-weighted ones; hours",
    data: Some("mnist"),
    takes_steps: false,
    experiments: &[
        Experiment {
            name: "vae",
            about: "the ELBO by one sample: 86.76 nats (Burda et al. 2016, table 1)",
            run: |setting| run(&VAE, setting),
        },
        Experiment {
            name: "iwae-5",
            about: "the importance-weighted bound by 5 samples: 85.54 nats",
            run: |setting| run(&IWAE_5, setting),
        },
        Experiment {
            name: "iwae-50",
            about: "the importance-weighted bound by 50 samples: 84.78 nats",
            run: |setting| run(&IWAE_50, setting),
        },
    ],
};

/// One model: its training and its published likelihood.
struct Recipe {
    objective: Objective,
    k: usize,
    /// Images that it is trained on.
    images: u64,
    /// −log p(x), in nats.
    published: f64,
}

const VAE: Recipe =
    Recipe { objective: Objective::Elbo, k: 1, images: 100_000_000, published: 86.76 };
const IWAE_5: Recipe =
    Recipe { objective: Objective::Iwae, k: 5, images: 100_000_000, published: 85.54 };
const IWAE_50: Recipe =
    Recipe { objective: Objective::Iwae, k: 50, images: 50_000_000, published: 84.78 };

/// Nats that a recipe may be behind what is printed: it sees its images less often.
const BEHIND: f64 = 1.0;

/// Tolerance in nats after a few epochs (`--quick`).
const BEHIND_QUICK: f64 = 40.0;

/// Part of the images that are trained on when little is.
const QUICK: u64 = 500;

fn run(recipe: &Recipe, setting: &Setting) -> Result<Findings> {
    let data = DataName::parse(&setting.data)?.load(&Options::new())?.dataset.images()?;
    let (draws, images) = setting.pick((5_000, usize::MAX), (50, 500));
    let steps = recipe.images / setting.pick(1, QUICK);
    let (bound, rows) = learned(data, recipe, steps, [draws, images], setting)?;
    let behind = setting.pick(BEHIND, BEHIND_QUICK);
    Ok(Findings {
        lines: vec![line(recipe, &bound, draws, behind)],
        panels: vec![panel(recipe, &rows)],
    })
}

/// L_draws on the first test `images` after so many `steps`, and the rows on the way.
fn learned(
    data: Parts<Images>,
    recipe: &Recipe,
    steps: u64,
    [draws, images]: [usize; 2],
    setting: &Setting,
) -> Result<(Measure, Vec<Row>)> {
    let config = VaeConfig {
        objective: recipe.objective,
        k: recipe.k,
        latents: 50,
        hidden: 200,
        layers: 2,
        batch: 100,
        lr: 1e-3,
        lr_end: 0.01,
        lr_steps: steps,
        ..VaeConfig::default()
    };
    let mut vae = Vae::new(data, config, setting.seed, &setting.device)?;
    let rows = likelihoods::learned(&mut vae, steps)?;
    Ok((vae.bound(draws, images)?, rows))
}

fn line(recipe: &Recipe, bound: &Measure, draws: usize, behind: f64) -> Claim {
    let Recipe { published, .. } = recipe;
    let measure = format!("−L_{draws}");
    let note = format!("{published} is printed for 3280 epochs");
    likelihoods::line(&measure, &bound.negated(), published + behind).note(note)
}

fn panel(recipe: &Recipe, rows: &[Row]) -> Panel {
    let measure = match recipe.objective {
        Objective::Iwae => "eval/iwae_nats",
        Objective::Elbo | Objective::Reconstruction => "eval/elbo_nats",
    };
    let title = "Bound that is trained on, validation images";
    likelihoods::panel(title, (measure, rows), ("published L_5000", -recipe.published))
}

#[cfg(test)]
mod tests {
    use super::*;
    use generative::data::{GridConfig, stripes};
    use train::{Interrupted, pulse};

    fn setting() -> Setting {
        Setting { data: "mnist".to_owned(), ..Setting::quick() }
    }

    #[test]
    fn a_recipe_is_trained_measured_and_drawn() {
        let data = stripes(&GridConfig { side: 4, n_train: 600, n_test: 100, seed: 1 }).unwrap();
        let data = data.images().unwrap();
        for recipe in [&VAE, &IWAE_5] {
            let found = learned(data.clone(), recipe, 20_000, [20, 50], &setting());
            let (bound, rows) = found.unwrap();
            assert_eq!(bound.n, 50);
            assert!(bound.mean > -11.0, "{bound:?}");
            let panel = panel(recipe, &rows);
            assert_eq!(panel.curves[0].points.len(), 25);
            assert_eq!(panel.curves[1].points.len(), 2);
        }
    }

    #[test]
    fn a_line_says_how_far_it_got() {
        let bound = Measure { mean: -87.5, ci95: Some([-88.0, -87.0]), n: 100 };
        let near = line(&VAE, &bound, 5_000, 1.0);
        assert_eq!(near.what, "−L_5000 on 100 test images, nats");
        assert_eq!(
            near.ours,
            crate::claim::Figure::Text("87.50 (95 % between 87.00 and 88.00, n = 100)".to_owned())
        );
        assert!(near.pass && !line(&VAE, &bound, 5_000, 0.5).pass);
    }

    #[test]
    fn a_raised_flag_ends_it() {
        let data = stripes(&GridConfig { side: 4, n_train: 60, n_test: 10, seed: 1 }).unwrap();
        let data = data.images().unwrap();
        let learn = || learned(data, &VAE, 5_000, [2, 5], &setting());
        let found = pulse::hearing(|| true, learn);
        assert!(found.err().unwrap().is::<Interrupted>());
    }
}
