//! Numbers over two settings, as a table of colours.
use super::axis::Axis;
use super::canvas::{Drawing, Drawn, save};
use super::chart::{TEXT, chart};
use crate::wording;
use anyhow::{Result, bail};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

const CELL: u32 = 180;
const BORDER: (u32, u32) = (320, 260);

/// A number for each pair of values of two settings.
#[derive(Debug, Clone)]
pub struct Heat {
    /// Description of the numbers.
    pub title: String,
    /// Names of the settings, across and upwards.
    pub names: [String; 2],
    /// Values of both, in order.
    pub values: [Vec<String>; 2],
    /// `cells[y][x]`; `None` where there is no number.
    pub cells: Vec<Vec<Option<f64>>>,
}

/// Draws the table as the extension of `path` says, svg or png: the brighter, the higher, each number written in its
/// cell.
///
/// An older figure stays whole when this fails.
pub fn heat(heat: &Heat, path: &Path) -> Result<()> {
    if heat.numbers().next().is_none() {
        bail!("nothing to draw in {}: no cell has a number", path.display());
    }
    save(heat, path)
}

impl Heat {
    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.cells.iter().flatten().flatten().copied().filter(|number| number.is_finite())
    }
}

impl Drawing for Heat {
    fn size(&self) -> (u32, u32) {
        let [x, y] = [0, 1].map(|axis| CELL * self.values[axis].len() as u32);
        (x + BORDER.0, y + BORDER.1)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B> {
        root.fill(&WHITE)?;
        let [x, y] = [0, 1].map(|axis| Axis::Names(self.values[axis].clone()));
        let mut chart = chart(root, &self.title, [&x, &y], [&self.names[0], &self.names[1]])?;
        let (low, high) = self
            .numbers()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let cells = || {
            self.cells.iter().enumerate().flat_map(|(y, row)| {
                let numbers = row.iter().enumerate();
                numbers.filter_map(move |(x, cell)| Some((x as f64, y as f64, (*cell)?)))
            })
        };
        let place = |number: f64| if high > low { (number - low) / (high - low) } else { 0.5 };
        chart.draw_series(cells().map(|(x, y, number)| {
            let colour = ViridisRGB.get_color(place(number));
            Rectangle::new([(x - 0.5, y - 0.5), (x + 0.5, y + 0.5)], colour.filled())
        }))?;
        chart.draw_series(cells().map(|(x, y, number)| {
            // The upper half of the colours is light.
            let ink = if place(number) > 0.5 { BLACK } else { WHITE };
            let style = ("sans-serif", TEXT).into_font().color(&ink);
            let style = style.pos(Pos::new(HPos::Center, VPos::Center));
            Text::new(wording::short(number), (x, y), style)
        }))?;
        root.present()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_colours_and_numbers() {
        let table = Heat {
            title: "return".into(),
            names: ["lr".into(), "batch".into()],
            values: [vec!["0.1".into(), "0.2".into()], vec!["32".into()]],
            cells: vec![vec![Some(-1.5), Some(250.0)]],
        };
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("heat.svg");
        heat(&table, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for text in ["return", "lr", "batch", "0.1", "0.2", "32", "-1.5", "250"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
        // The ends of the scale.
        assert!(svg.contains("#440154") && svg.contains("#FEE825"), "{svg}");
        heat(&table, &root.path().join("heat.png")).unwrap();
        let empty = Heat { cells: vec![vec![None, Some(f64::NAN)]], ..table };
        assert!(heat(&empty, &path).unwrap_err().to_string().contains("no cell has a number"));
    }
}
