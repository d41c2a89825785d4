use super::*;

const SQUARE: Square = Square { x: 100, y: 200, side: 100 };

#[test]
fn triangles_are_those_worked_out_by_hand() {
    assert_eq!(SQUARE.quarter(Arrow::Up), [(150, 250), (100, 200), (200, 200)]);
    assert_eq!(SQUARE.quarter(Arrow::Down), [(150, 250), (200, 300), (100, 300)]);
    assert_eq!(SQUARE.quarter(Arrow::Left), [(150, 250), (100, 300), (100, 200)]);
    assert_eq!(SQUARE.quarter(Arrow::Right), [(150, 250), (200, 200), (200, 300)]);
    assert_eq!(SQUARE.arrow(Arrow::Right, false, 1.0), [(196, 250), (186, 259), (186, 241)]);
    assert_eq!(SQUARE.arrow(Arrow::Up, true, 1.0), [(150, 208), (170, 245), (130, 245)]);
    // 0.46 and 0.36 along the diagonal, 0.09 across.
    assert_eq!(SQUARE.arrow(Arrow::UpLeft, false, 1.0), [(117, 217), (131, 218), (118, 231)]);
    // Half as long and wide: a quarter of the area.
    assert_eq!(SQUARE.arrow(Arrow::Right, false, 0.5), [(196, 250), (191, 255), (191, 246)]);
    assert_eq!(SQUARE.arrow(Arrow::Up, true, 0.5), [(150, 227), (160, 245), (140, 245)]);
}

#[test]
fn hatching_stays_in_its_square() {
    let lines = SQUARE.hatching();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[2], [(100, 300), (200, 200)], "the diagonal");
    assert_eq!(lines[0], [(100, 233), (133, 200)]);
    let inside = |(x, y): Point| (100..=200).contains(&x) && (200..=300).contains(&y);
    assert!(lines.iter().flatten().all(|point| inside(*point)), "{lines:?}");
}

/// The corners of a text's box around its middle.
fn corners((x, y): Point, longest: usize, font: f64) -> [(f64, f64); 4] {
    let (half, high) = (LETTER * font * longest as f64 / 2.0, font / 2.0);
    [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
        .map(|(across, down)| (f64::from(x) + across * half, f64::from(y) + down * high))
}

#[test]
fn numbers_stay_in_their_cells_on_every_board() {
    for size in [Size::Page, Size::Part, Size::Frame] {
        for most in 1..=MOST_NUMBERS {
            for longest in [1, 4, 6, 8] {
                let grain = Grain::new(size, [most, 1 + most / 2], longest, false);
                let Detail::Numbers(font) = grain.detail else {
                    assert_eq!(size, Size::Frame);
                    continue;
                };
                let square = Square { side: grain.side, ..SQUARE };
                let [tip, ..] = square.arrow(Arrow::Left, false, 1.0);
                let inner = square.arrow(Arrow::Left, false, 1.0)[1].0.max(tip.0);
                let text = corners(square.at(0.0, 0.0), longest, font);
                assert!(text.iter().all(|corner| corner.0 > f64::from(inner) - 1.0), "{grain:?}");
                assert!(font >= size.smallest_font() - 1e-9, "{grain:?}");
            }
        }
    }
}

#[test]
fn numbers_stay_in_their_quarters_on_every_board() {
    for most in 1..=MOST_NUMBERS {
        for longest in [1, 4, 6, 8] {
            let grain = Grain::new(Size::Page, [most, most], longest, true);
            let Detail::Numbers(font) = grain.detail else { panic!("{grain:?}") };
            let square = Square { side: grain.side, ..SQUARE };
            let middle = square.at(0.0, 0.0);
            for arrow in [Arrow::Up, Arrow::Down, Arrow::Left, Arrow::Right] {
                let (right, down) = direction(arrow);
                for (x, y) in corners(square.quarter_text(arrow, font, longest), longest, font) {
                    let (x, y) = (x - f64::from(middle.0), y - f64::from(middle.1));
                    let (out, across) = (x * right + y * down, x * down - y * right);
                    // A pixel for rounding.
                    assert!(across.abs() <= out + 1.0, "{grain:?} {arrow:?}");
                    assert!(out <= f64::from(grain.side) / 2.0, "{grain:?} {arrow:?}");
                }
            }
        }
    }
}

#[test]
fn large_boards_have_fewer_details() {
    let page = |most| Grain::new(Size::Page, [most, 3], 5, false);
    assert!(matches!(page(30).detail, Detail::Numbers(_)));
    assert_eq!(page(60), Grain { side: 20, stride: 1, detail: Detail::Arrows });
    assert_eq!(page(200), Grain { side: 6, stride: 1, detail: Detail::Pixels });
    assert_eq!(page(3000), Grain { side: 1, stride: 3, detail: Detail::Pixels });
}
