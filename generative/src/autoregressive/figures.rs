//! Figures of a trained model.
use super::sampling::Sampling;
use super::{AutoregressiveNetwork, Subject};
use crate::data::Images;
use crate::{ImageGrid, Work};
use anyhow::Result;
use train::Rng;

/// Images in a row of a grid.
pub(super) const COLUMNS: usize = 10;

/// Rows of a grid of samples after passes over so many images: as many as columns, fewer or none where sampling
/// them would take long.
pub(super) fn affordable_rows(work: Work, passed: u64) -> usize {
    let row = work.sampling.saturating_mul(COLUMNS as u64).max(1);
    (work.affordable(passed) / row).min(COLUMNS as u64) as usize
}

/// The first `rows` of `images`, each in a row: itself, its upper half, and eight completions of that. `None` where
/// there is no image, or no half.
pub(super) fn completions(
    network: &dyn AutoregressiveNetwork,
    subject: &Subject,
    (images, rows): (&Images, usize),
    temperature: f64,
    rng: &mut Rng,
) -> Result<Option<ImageGrid>> {
    let Subject { shape, output, classes } = *subject;
    let (rows, half) = (images.len().min(rows), shape.height / 2);
    if rows == 0 || half == 0 {
        return Ok(None);
    }
    let given = half * shape.width * shape.channels;
    let (mut pixels, mut of) = (Vec::new(), Vec::new());
    for row in 0..rows {
        pixels.extend(images.image(row).repeat(COLUMNS - 2));
        if let Some(labels) = images.labels() {
            of.extend(vec![labels.of[row]; COLUMNS - 2]);
        }
    }
    let of = (classes > 0).then_some(&of[..]);
    let sampling = Sampling { shape, output, temperature, classes: of, given };
    sampling.sample(network, &mut pixels, rng)?;
    // Greys, so that what is not given can be shown as neither black nor white.
    let highest = output.levels() - 1;
    let grey = |level: &u8| (usize::from(*level) * 255 / highest) as u8;
    let mut all = Vec::new();
    for (row, completed) in pixels.chunks_exact((COLUMNS - 2) * shape.len()).enumerate() {
        let original: Vec<u8> = images.image(row).iter().map(grey).collect();
        let hidden = |i: usize| i / shape.width % shape.height >= half;
        all.extend_from_slice(&original);
        all.extend(original.iter().enumerate().map(|(i, x)| if hidden(i) { 90 } else { *x }));
        all.extend(completed.iter().map(grey));
    }
    let all = Images::new(shape, 256, all, None)?;
    Ok(Some(ImageGrid { name: "completions", images: all, columns: COLUMNS }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_from_the_work_of_the_network() {
        // 10⁸ multiply-adds a pass, 20 passes an image: of 8·10⁹ there are none, a row takes 2·10¹⁰.
        let slow = Work::by_passes(100_000_000, 20);
        assert_eq!(affordable_rows(slow, 100), 0);
        // A twentieth of 5,000 passes is 2.5·10¹⁰, of 40,000 2·10¹¹.
        assert_eq!([5_000, 40_000, 1_000_000].map(|n| affordable_rows(slow, n)), [1, 10, 10]);
        assert_eq!(affordable_rows(Work::by_passes(1_000_000, 4), 0), 10);
        assert_eq!(affordable_rows(Work::by_passes(u64::MAX, 2), u64::MAX), 0);
    }
}
