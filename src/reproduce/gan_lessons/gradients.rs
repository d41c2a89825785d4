//! Length of the generator's gradient when the discriminator wins.
use super::{mean, plane, seeds};
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use crate::run::in_memory::{plan, train};
use anyhow::Result;
use generative::gan::Objective;
use generative::{Gan, GanConfig};

/// Steps of the discriminator before the generator's first one.
const D_STEPS: [u64; 5] = [1, 4, 16, 64, 256];

/// The length of the generator's first gradient after so many steps of the discriminator.
fn first_gradient(objective: Objective, d_steps: u64, seed: u64, setting: &Setting) -> Result<f64> {
    let config = GanConfig { objective, d_steps, lr: 1e-3, d_lr: 1e-3, ..GanConfig::default() };
    let steps = (d_steps + 1) * config.batch as u64;
    let mut gan = Gan::new(plane()?, config, seed, &setting.device)?;
    let (rows, _) = train(&mut gan, &plan(steps, [steps, 0]))?;
    let found = rows.last().and_then(|row| row.values.get("train/g_grad_norm").copied());
    found.ok_or_else(|| anyhow::anyhow!("the generator took no step"))
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let mut curves = Vec::new();
    let mut last = Vec::new();
    let mut first = Vec::new();
    for (objective, label) in
        [(Objective::Minimax, "saturating"), (Objective::NonSaturating, "non-saturating")]
    {
        let mut points = Vec::new();
        for d_steps in D_STEPS {
            let each = seeds(setting).map(|seed| first_gradient(objective, d_steps, seed, setting));
            points.push((d_steps as f64, mean(&each.collect::<Result<Vec<_>>>()?)));
        }
        first.push(points[0].1);
        last.push(points[D_STEPS.len() - 1].1);
        let label = label.to_owned();
        curves.push(Curve { label, points, stroke: Stroke::Marked, ..Curve::default() });
    }
    let (before, after) = (first[0] / first[1], last[0] / last[1]);
    let most = D_STEPS[D_STEPS.len() - 1];
    Ok(Findings {
        lines: vec![
            Claim::stated(
                "saturating ÷ non-saturating gradient, after 1 step of the discriminator",
                format!("{before:.3}"),
                "between 0.5 and 2: σ(0) = ½ in both",
                (0.5..2.0).contains(&before),
            ),
            Claim::stated(
                format!("the same after {most} steps"),
                format!("{after:.2e}"),
                "less than 0.05",
                after < 0.05,
            ),
            Claim::stated(
                format!("non-saturating gradient after {most} steps ÷ after 1"),
                format!("{:.2}", last[1] / first[1]),
                "more than 1",
                last[1] > first[1],
            ),
        ],
        panels: vec![Panel {
            title: "First gradient of the generator, mean of three seeds".to_owned(),
            x_label: "steps of the discriminator before it".to_owned(),
            y_label: "length".to_owned(),
            x: Scale::Logarithmic,
            y: Scale::Logarithmic,
            curves,
            ..Panel::default()
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_gradient_goes_away() {
        let found = run(&Setting::quick()).unwrap();
        assert!(found.lines.iter().all(|line| line.pass), "{:?}", found.lines);
        assert_eq!(found.panels[0].curves.len(), 2);
    }
}
