//! A model of points: the data, what is drawn, and the field around them.
use super::axis::Axis;
use super::canvas::{Drawing, Drawn, save};
use super::chart::{INK, PALETTE, TEXT, chart};
use anyhow::{Result, bail};
use generative::plane::{LEVELS, Plane};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

const SIZE: (u32, u32) = (1240, 1240);
const DOT: u32 = 3;
const LEGEND: u32 = 80;

const DATA: RGBColor = RGBColor(150, 150, 150);

/// Draws the data grey and what is drawn blue, with lines along which the field is 0.1, 0.3, … 0.9, as the
/// extension of `path` says, svg or png.
///
/// An older figure stays whole when this fails.
pub fn plane(title: &str, plane: &Plane, path: &Path) -> Result<()> {
    if plane.field.values.iter().any(|value| !value.is_finite()) {
        let name = plane.field.name;
        bail!("nothing to draw in {}: the {name} is not finite everywhere", path.display());
    }
    save(&Figure { title, plane }, path)
}

struct Figure<'a> {
    title: &'a str,
    plane: &'a Plane,
}

impl Figure<'_> {
    /// Legend of the grey and blue points and of the lines.
    fn draw_legend<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let style = ("sans-serif", TEXT).into_font().color(&INK);
        let style = style.pos(Pos::new(HPos::Left, VPos::Center));
        let middle = LEGEND as i32 / 2;
        for (at, label, colour) in [(120, "data", DATA), (320, "samples", PALETTE[0])] {
            area.draw(&Circle::new((at, middle), 9, colour.filled()))?;
            area.draw(&Text::new(label, (at + 24, middle), style.clone()))?;
        }
        let line = vec![(580, middle), (660, middle)];
        area.draw(&PathElement::new(line, PALETTE[1].stroke_width(4)))?;
        let label = format!("{}: 0.1, 0.3, 0.5 (bold), 0.7, 0.9", self.plane.field.name);
        area.draw(&Text::new(label, (680, middle), style))?;
        Ok(())
    }
}

impl Drawing for Figure<'_> {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B> {
        root.fill(&WHITE)?;
        let Plane { data, samples, field } = self.plane;
        let axis = |which: usize| Axis::linear([field.from[which], field.to[which]].into_iter());
        let (x, y) = (axis(0), axis(1));
        let (legend, root) = root.split_vertically(LEGEND);
        self.draw_legend(&legend)?;
        let mut chart = chart(&root, self.title, [&x, &y], ["x₁", "x₂"])?;
        let within = |at: &&[f32; 2]| {
            (0..2).all(|axis| (field.from[axis]..=field.to[axis]).contains(&f64::from(at[axis])))
        };
        for (points, colour) in [(data, DATA), (samples, PALETTE[0])] {
            let dots = points
                .iter()
                .filter(within)
                .map(|at| Circle::new((f64::from(at[0]), f64::from(at[1])), DOT, colour.filled()));
            chart.draw_series(dots)?;
        }
        for level in LEVELS {
            // Even odds stand out.
            let width = if level == 0.5 { 4 } else { 2 };
            let lines = field.contour(level).into_iter().map(|[a, b]| {
                let ends = vec![(a[0], a[1]), (b[0], b[1])];
                PathElement::new(
                    ends,
                    PALETTE[1].mix(0.3 + 0.7 * f64::from(level)).stroke_width(width),
                )
            });
            chart.draw_series(lines)?;
        }
        root.present()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use generative::plane::Field;

    #[test]
    fn points_and_contours_are_drawn() {
        let data = vec![[0.0, 0.0], [1.0, 1.0]];
        let values = |at: &[[f32; 2]]| Ok(at.iter().map(|[x, _]| *x).collect());
        let field = Field::around("discriminator", &data, 9, values).unwrap();
        let mut shown = Plane { data, samples: vec![[0.5, 0.5], [99.0, 0.0]], field };
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("plane.svg");
        plane("eight", &shown, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        // What lies beyond is left out.
        // Those of the legend are two more.
        assert_eq!(svg.matches("<circle").count(), 3 + 2);
        assert!(svg.contains("samples") && svg.contains("discriminator"));
        assert!(svg.contains("eight"));
        // A line from below to above for each level, in eight pieces.
        assert_eq!(svg.matches("<polyline").count() - grid_lines(&shown), 8 * LEVELS.len());
        plane("", &shown, &root.path().join("plane.png")).unwrap();
        shown.field.values[0] = f32::NAN;
        let error = plane("", &shown, &path).unwrap_err().to_string();
        assert!(error.contains("plane.svg: the discriminator is not"), "{error}");
    }

    /// Polylines there are without a contour.
    fn grid_lines(shown: &Plane) -> usize {
        let mut flat = shown.clone();
        flat.field.values.fill(-1.0);
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("flat.svg");
        plane("eight", &flat, &path).unwrap();
        std::fs::read_to_string(path).unwrap().matches("<polyline").count()
    }
}
