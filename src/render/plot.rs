//! Curves as figures: those of one or several runs, which [`panels`] reads, and those of experiments.
//! [`draw`] draws both.

mod axis;
pub(crate) mod canvas;
mod chart;
mod figure;
mod heat;
mod mean;
mod panel;
mod plane;
mod read;
mod scatter;
mod style;

use std::path::Path;

use anyhow::{Result, bail};

use canvas::save;
use figure::Figure;
pub use figure::{Frame, Framed};
pub use heat::{Heat, heat};
pub use mean::{mean, smoothed};
pub use panel::{Curve, Panel, Scale, Stroke};
pub use plane::plane;
pub use read::{Form, Group, grouped, panels, rows};
pub use scatter::scatter;

/// Draws the panels in a grid, as the extension of `path` says: svg or png.
///
/// An older figure stays whole when this fails.
pub fn draw(panels: &[Panel], path: &Path) -> Result<()> {
    let file = path.display();
    let Some(figure) = Figure::new(panels) else {
        bail!("nothing to draw in {file}: no curve has a finite value; plot a run that logged one")
    };
    save(&figure, path)
}

/// The panels in a grid, as SVG.
pub fn svg(panels: &[Panel]) -> Result<String> {
    let Some(figure) = Figure::new(panels) else {
        bail!("nothing to draw: no curve has a finite value")
    };
    canvas::svg(&figure)
}

/// The panels one by one, as SVG, with the place of their values.
pub fn framed(panels: &[Panel]) -> Result<Framed> {
    match Figure::new(panels) {
        Some(figure) => figure.framed(),
        None => bail!("nothing to draw: no curve has a finite value"),
    }
}

#[cfg(test)]
mod tests {
    use super::panel::{MOST_POINTS, Points};
    use super::*;
    use std::fs;

    fn curve(label: &str, points: Points) -> Curve {
        Curve { label: label.into(), points, ..Curve::default() }
    }

    fn panel(title: &str, curves: Vec<Curve>) -> Panel {
        Panel { title: title.into(), x_label: "step".into(), curves, ..Panel::default() }
    }

    #[test]
    fn many_points_become_bucket_means() {
        let points = (0..6000).map(|step| (f64::from(step), f64::from(step % 3))).collect();
        let thin = curve("a", points).visible();
        assert_eq!(thin.len(), MOST_POINTS);
        assert_eq!(thin[..2], [(1.0, 1.0), (4.0, 1.0)]);
        let few = vec![(1.0, 2.0), (2.0, f64::NAN), (3.0, 1e300), (4.0, 5.0)];
        assert_eq!(curve("a", few).visible(), [(1.0, 2.0), (4.0, 5.0)]);
    }

    #[test]
    fn a_band_has_gaps_where_an_end_is_missing() {
        let points = (0..6).map(|step| (f64::from(step), 1.0)).collect();
        let mut banded = curve("a", points);
        let none = [f64::NAN; 2];
        banded.band = vec![none, [0.0, 2.0], [0.5, 1.5], none, [0.0, 2.0], none];
        // One point is no area.
        assert_eq!(banded.visible_band(), [[[1.0, 0.0, 2.0], [2.0, 0.5, 1.5]]]);
        banded.points = (0..6000).map(|step| (f64::from(step), 1.0)).collect();
        banded.band = (0..6000).map(|step| [f64::from(step % 3), 3.0]).collect();
        let thin = banded.visible_band().concat();
        assert_eq!((thin.len(), thin[0]), (MOST_POINTS, [1.0, 1.0, 3.0]));
        // A point that is skipped takes its band with it.
        banded.points = vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0)];
        banded.band = vec![[0.0, 1.0], [7.0, 8.0], [2.0, 3.0]];
        assert_eq!(banded.visible_band(), [[[0.0, 0.0, 1.0], [2.0, 2.0, 3.0]]]);
    }

    #[test]
    fn bands_lie_behind_lines_of_their_colour() {
        let banded = Curve {
            band: vec![[0.0, 2.0], [5.0, 9.0]],
            ..curve("a", vec![(0.0, 1.0), (100.0, 7.0)])
        };
        let panels = [panel("train/return", vec![banded])];
        let root = tempfile::tempdir().unwrap();
        let (svg, png) = (root.path().join("a.svg"), root.path().join("a.png"));
        draw(&panels, &svg).unwrap();
        draw(&panels, &png).unwrap();
        let text = fs::read_to_string(&svg).unwrap();
        let area = text.find("<polygon").unwrap();
        assert!(text[area..].starts_with("<polygon opacity=\"0.18\" fill=\"#0072B2\""), "{text}");
        assert!(text[area..].contains("stroke=\"#0072B2\""), "the line is drawn later");
        assert!(!text[..area].contains("#0072B2"));
        let image = image::open(&png).unwrap().into_rgb8();
        // 18 % of the colour on white.
        let near = |is: u8, light: u8| is.abs_diff(light) <= 1;
        let light = |pixel: &image::Rgb<u8>| {
            pixel.0.iter().zip([209, 229, 241]).all(|(is, light)| near(*is, light))
        };
        let light = image.pixels().filter(|pixel| light(pixel)).count();
        assert!(light > 10_000, "{light} pixels");
    }

    #[test]
    fn nine_runs_differ_in_one_figure() {
        let run = |n: u32| {
            let points = (0..20).map(|step| (f64::from(step), f64::from(n) + f64::from(step % 2)));
            curve(&format!("run {n}"), points.collect())
        };
        let figure = |runs| svg(&[panel("eval/return", (0..runs).map(run).collect())]).unwrap();
        let (eight, nine) = (figure(8), figure(9));
        let count = |svg: &str, what: &str| svg.matches(what).count();
        // The line of the ninth is in dashes, with squares, also in the legend.
        assert_eq!(count(&eight, "<circle"), 8 * 20);
        assert_eq!(count(&nine, "<circle"), 8 * 21);
        assert_eq!(count(&nine, "<rect") - count(&eight, "<rect"), 21);
        assert!(count(&nine, "<polyline") > count(&eight, "<polyline") + 30);
    }

    #[test]
    fn figures_replace_older_ones_only_when_they_succeed() {
        let root = tempfile::tempdir().unwrap();
        let runs = ["dqn-s1", "dqn-s2"].map(|name| curve(name, vec![(0.0, 1.0), (100.0, 2.5)]));
        let panels = ["eval/return", "train/loss"].map(|title| panel(title, runs.to_vec()));
        let (svg, png) = (root.path().join("curves.svg"), root.path().join("curves.png"));
        draw(&panels, &svg).unwrap();
        draw(&panels, &png).unwrap();
        let text = fs::read_to_string(&svg).unwrap();
        for label in ["dqn-s1", "dqn-s2", "eval/return", "train/loss", "step"] {
            assert!(text.contains(label), "{label}");
        }
        let image = image::open(&png).unwrap().into_rgb8();
        assert_eq!(image.get_pixel(0, 0).0, [255; 3]);
        assert!(image.pixels().any(|pixel| pixel.0 == [0, 114, 178]));

        let empty = panel("train/loss", vec![curve("a", vec![(0.0, f64::NAN)])]);
        assert!(draw(&[empty], &svg).unwrap_err().to_string().contains("nothing to draw"));
        assert!(draw(&panels, &root.path().join("a.jpg")).unwrap_err().to_string().contains("svg"));
        assert_eq!(fs::read_to_string(&svg).unwrap(), text);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "a temporary file is left");
    }

    #[test]
    fn an_experiment_has_bars_names_and_what_theory_says() {
        let measured = Curve {
            bars: vec![[0.05, 0.2], [0.5, 2.0]],
            stroke: Stroke::Points,
            ..curve("measured", vec![(0.0, 0.1), (1.0, 1.0)])
        };
        let theory = Curve {
            stroke: Stroke::Dashed,
            ..curve("theory", vec![(0.0, 0.1), (1.0, 1.0), (2.0, 3.0)])
        };
        let panel = Panel {
            y_label: "variance".into(),
            x: Scale::Names(["none", "mean", "value"].map(Into::into).to_vec()),
            y: Scale::Logarithmic,
            ..panel("", vec![measured, theory])
        };
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.svg");
        draw(&[panel], &path).unwrap();
        let svg = fs::read_to_string(path).unwrap();
        for text in ["none", "mean", "value", "variance", "measured", "theory"] {
            assert!(svg.contains(text), "{text}");
        }
        // Two points, and the one beside their name in the legend.
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn one_point_and_constant_curves_are_drawn() {
        let constant = (0..9).map(|step| (f64::from(step), 0.1)).collect();
        let panels = [vec![(10_000.0, 21.0)], constant, vec![]]
            .map(|points| panel("train/loss", vec![curve("a", points)]));
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("curves.svg");
        draw(&panels, &path).unwrap();
        let svg = fs::read_to_string(path).unwrap();
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("0.1") && !svg.contains("NaN"));
    }
}
