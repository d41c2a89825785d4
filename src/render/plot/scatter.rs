//! Points in the plane, coloured by what they show.
use super::axis::Axis;
use super::canvas::{Drawing, Drawn, save};
use super::chart::{INK, PALETTE, TEXT, chart};
use anyhow::{Result, bail};
use generative::latents::Map;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

const SIZE: (u32, u32) = (1240, 1120);
const DOT: u32 = 4;

/// Width in pixels of the halo around a name, which makes it readable upon the points.
const HALO: i32 = 3;

/// Draws a map as the extension of `path` says, svg or png: a point for each image, a colour and a name
/// for each class, where its middle is.
///
/// An older figure stays whole when this fails.
pub fn scatter(title: &str, map: &Map, path: &Path) -> Result<()> {
    if map.at.as_flattened().iter().any(|x| !x.is_finite()) || map.at.is_empty() {
        bail!("nothing to draw in {}: a point is not finite, or there is none", path.display());
    }
    save(&Scatter { title, map }, path)
}

struct Scatter<'a> {
    title: &'a str,
    map: &'a Map,
}

impl Scatter<'_> {
    fn class(&self, point: usize) -> usize {
        self.map.labels.as_ref().map_or(0, |labels| labels.of[point] as usize)
    }

    fn classes(&self) -> usize {
        self.map.labels.as_ref().map_or(1, |labels| labels.names.len())
    }

    /// Neighbours among many have neighbouring hues, and are told apart by how dark they are.
    fn colour(&self, class: usize) -> RGBColor {
        let n = self.classes();
        if n <= PALETTE.len() {
            return PALETTE[class];
        }
        let light = [0.38, 0.58][class % 2];
        let (red, green, blue) = HSLColor(class as f64 / n as f64, 0.75, light).rgb();
        RGBColor(red, green, blue)
    }

    /// The median of the points of a class along each axis; `None` where it has none.
    fn middle(&self, class: usize) -> Option<(f64, f64)> {
        let median = |axis: usize| {
            let own = self.map.at.iter().enumerate().filter(|(i, _)| self.class(*i) == class);
            let mut own: Vec<f32> = own.map(|(_, at)| at[axis]).collect();
            own.sort_by(f32::total_cmp);
            own.get(own.len() / 2).map(|x| f64::from(*x))
        };
        Some((median(0)?, median(1)?))
    }
}

impl Drawing for Scatter<'_> {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>) -> Drawn<B> {
        root.fill(&WHITE)?;
        let axis = |which: usize| Axis::linear(self.map.at.iter().map(|at| f64::from(at[which])));
        let (x, y) = (axis(0), axis(1));
        let mut chart = chart(root, self.title, [&x, &y], self.map.axes)?;
        let points = self.map.at.iter().enumerate().map(|(i, at)| {
            let colour = self.colour(self.class(i));
            Circle::new((f64::from(at[0]), f64::from(at[1])), DOT, colour.filled())
        });
        chart.draw_series(points)?;
        let names = self.map.labels.as_ref().map_or(&[][..], |labels| &labels.names);
        for (class, name) in names.iter().enumerate() {
            let Some(middle) = self.middle(class) else { continue };
            let around = (-1..=1).flat_map(|x| (-1..=1).map(move |y| (HALO * x, HALO * y)));
            let centre = Pos::new(HPos::Center, VPos::Center);
            let bold = ("sans-serif", TEXT + 8).into_font();
            let white = bold.color(&WHITE).pos(centre);
            for at in around {
                let halo = EmptyElement::at(middle) + Text::new(name.clone(), at, white.clone());
                chart.draw_series(std::iter::once(halo))?;
            }
            let ink = bold.color(&INK).pos(centre);
            let name = EmptyElement::at(middle) + Text::new(name.clone(), (0, 0), ink);
            chart.draw_series(std::iter::once(name))?;
        }
        root.present()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use generative::data::Labels;
    use std::fs;

    fn map(classes: usize) -> Map {
        let of: Vec<u32> = (0..60).map(|i| i % classes as u32).collect();
        let at = of.iter().zip(0..60).map(|(class, i)| [*class as f32, i as f32 / 10.0]).collect();
        let names = (0..classes).map(|class| format!("class {class}")).collect();
        Map { at, axes: ["across", "upwards"], labels: Some(Labels { of, names }) }
    }

    #[test]
    fn every_class_has_a_name_and_a_colour() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("latents.svg");
        for classes in [3, 20] {
            let map = map(classes);
            scatter("latent vectors", &map, &path).unwrap();
            let svg = fs::read_to_string(&path).unwrap();
            assert_eq!(svg.matches("<circle").count(), 60);
            for text in ["latent vectors", "across", "upwards", "class 0", "class 2"] {
                assert!(svg.contains(text), "{text}");
            }
            let scatter = Scatter { title: "", map: &map };
            let mut colours: Vec<_> = (0..classes).map(|class| scatter.colour(class)).collect();
            colours.sort_by_key(|colour| (colour.0, colour.1, colour.2));
            colours.dedup();
            assert_eq!(colours.len(), classes);
        }
    }

    #[test]
    fn names_lie_at_the_middle_and_odd_maps_are_drawn_too() {
        let mut map = map(3);
        let middle = |map: &Map, class| Scatter { title: "", map }.middle(class);
        // Of 20 points 2, 2.3, … the eleventh.
        assert_eq!(middle(&map, 2).map(|(x, _)| x), Some(2.0));
        assert!((middle(&map, 0).unwrap().1 - 3.0).abs() < 1e-6);
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("latents.png");
        map.labels = None;
        scatter("", &map, &path).unwrap();
        let image = image::open(&path).unwrap().into_rgb8();
        assert!(image.pixels().any(|pixel| pixel.0 == [0, 114, 178]));
        map.at = vec![[f32::NAN, 0.0]];
        let error = scatter("", &map, &path).unwrap_err().to_string();
        assert!(error.contains("latents.png: a point is not finite"), "{error}");
    }
}
