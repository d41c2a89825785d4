//! Observations in shades of grey, for environments without a drawing of their own.
use crate::element::Element;
use crate::frame::{Cell, CellShape, Cells, Rgb};

/// Pixels of a number's side.
const SIDE: usize = 16;

/// Numbers in a row of an observation that is no image.
const COLUMNS: usize = 16;

/// Width and height in numbers, and the shade of each, row-major; of several channels the lightest.
fn shades(
    shape: &[usize],
    element: Element,
    observe: impl Fn(&mut [f32]),
) -> (usize, usize, Vec<u8>) {
    let mut obs = vec![0.0; shape.iter().product()];
    observe(&mut obs);
    let shade = |value: &f32| match element {
        Element::Bit | Element::Byte => 255.0 * value,
        // Every size of number has a shade: 0 is in the middle.
        Element::Float => 127.5 * (1.0 + value / (1.0 + value.abs())),
    };
    let all = obs.iter().map(|value| shade(value).round() as u8);
    match *shape {
        [_, height, width] => {
            let mut lightest = vec![0; height * width];
            for (i, shade) in all.enumerate() {
                let place = &mut lightest[i % (height * width)];
                *place = shade.max(*place);
            }
            (width, height, lightest)
        }
        _ => {
            let (width, mut all) = (obs.len().clamp(1, COLUMNS), all.collect::<Vec<_>>());
            let height = all.len().div_ceil(width).max(1);
            all.resize(width * height, 0);
            (width, height, all)
        }
    }
}

/// Draws an observation, which `observe` writes.
pub(crate) fn render(shape: &[usize], element: Element, observe: impl Fn(&mut [f32])) -> Rgb {
    let (width, height, shades) = shades(shape, element, observe);
    let mut pixels = Vec::with_capacity(3 * width * height * SIDE * SIDE);
    for row in 0..height * SIDE {
        for column in 0..width * SIDE {
            pixels.extend([shades[row / SIDE * width + column / SIDE]; 3]);
        }
    }
    Rgb { width: width * SIDE, height: height * SIDE, pixels }
}

/// Draws an observation, which `observe` writes, for a terminal.
pub(crate) fn cells(shape: &[usize], element: Element, observe: impl Fn(&mut [f32])) -> Cells {
    let (width, height, shades) = shades(shape, element, observe);
    let glyph = |shade: u8| [' ', '.', ':', 'o', '#'][usize::from(shade) * 4 / 255];
    let cell = |shade: &u8| Cell { glyph: glyph(*shade), color: [*shade; 3] };
    Cells { width, height, cells: shades.iter().map(cell).collect(), shape: CellShape::Square }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shades_and_of_channels_the_lightest_counts() {
        let image = render(&[2, 1, 2], Element::Bit, |obs| {
            obs.copy_from_slice(&[0.0, 1.0, 0.0, 0.0]);
        });
        assert_eq!([image.width, image.height], [32, 16]);
        assert_eq!([image.pixels[0], image.pixels[3 * 16]], [0, 255]);
        let row = cells(&[3], Element::Float, |obs| {
            obs.copy_from_slice(&[-1e9, 0.0, 1e9]);
        });
        assert_eq!(row.to_string(), " :#\n");
    }
}
