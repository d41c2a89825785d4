//! Division of training images into training and validation parts.
//!
//! Published sets are shuffled, and everyone holds out the last ones: numbers in papers are of that division.
//! Other files may be sorted, by class or by anything else, and their last images may be all of one kind.
use super::{Images, Labels, Parts};
use anyhow::{Result, ensure};
use rand::seq::SliceRandom as _;
use std::collections::BTreeMap;
use std::ops::Range;
use train::stream;

/// The division that is published of a set.
pub(super) struct Published {
    /// Training images.
    pub(super) train: usize,
    /// The last of them, that are held out.
    pub(super) validation: usize,
}

/// The three parts of a set whose files have two, and how they came about, as `run.json` tells it.
///
/// # Errors
/// If there are too few.
pub(super) fn divided(
    train: Images,
    test: Images,
    published: &Published,
) -> Result<(Parts<Images>, String)> {
    let n = train.len();
    ensure!(n > 0, "there are no training images");
    ensure!(n > 1, "there is 1 training image; 2 at least are needed, one of them to choose by");
    ensure!(!test.is_empty(), "there are no test images; 1 at least is needed");
    let held = (n * published.validation / published.train).max(1);
    let tail = n - held..n;
    let labels = train.labels().map(|labels| &labels.of[..]).unwrap_or_default();
    if n == published.train && mixed(labels, tail.clone()) {
        let split =
            format!("as published: the last {held} of {n} training images are the validation part");
        let (train, validation) = (train.take(0..tail.start), train.take(tail));
        return Ok((Parts { train, validation, test, entropy: None }, split));
    }
    let [kept, chosen] = stratified(labels, n, held);
    let split = format!(
        "stratified: {held} of {n} training images, of each class its share, drawn by a seed that the data \
         have of their own, are the validation part; each part is shuffled"
    );
    let mut order: Vec<usize> = (0..test.len()).collect();
    order.shuffle(&mut stream(0, "division/test"));
    let parts = Parts {
        train: train.picked(&kept),
        validation: train.picked(&chosen),
        test: test.picked(&order),
        entropy: None,
    };
    Ok((parts, split))
}

/// Returns `true` if each class is among `rows` about as often as among all: between half and twice its share.
fn mixed(of: &[u32], rows: Range<usize>) -> bool {
    let mut counts = BTreeMap::<u32, [usize; 2]>::new();
    for (row, class) in of.iter().enumerate() {
        let [all, within] = counts.entry(*class).or_default();
        *all += 1;
        *within += usize::from(rows.contains(&row));
    }
    counts.values().all(|[all, within]| {
        let share = all * rows.len();
        2 * within * of.len() >= share && within * of.len() <= 2 * share
    })
}

/// Numbers of the images to train on, and of `held` others, among which each class has its share; without
/// labels, any. Both are shuffled.
fn stratified(of: &[u32], n: usize, held: usize) -> [Vec<usize>; 2] {
    let rng = &mut stream(0, "division");
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    // Class after class, so that places at equal distances meet each as often as it deserves.
    order.sort_by_key(|row| of.get(*row));
    let mut chosen = vec![false; n];
    (0..held).for_each(|i| chosen[(2 * i + 1) * n / (2 * held)] = true);
    let mut parts = [false, true].map(|part| {
        let rows = order.iter().zip(&chosen).filter(|(_, chosen)| **chosen == part);
        rows.map(|(row, _)| *row).collect::<Vec<_>>()
    });
    parts.iter_mut().for_each(|part| part.shuffle(rng));
    parts
}

impl Images {
    /// Those numbered `rows`, in that order.
    pub(super) fn picked(&self, rows: &[usize]) -> Self {
        let mut pixels = Vec::with_capacity(rows.len() * self.shape().len());
        rows.iter().for_each(|row| pixels.extend_from_slice(self.image(*row)));
        let labels = self.labels().map(|Labels { of, names }| Labels {
            of: rows.iter().map(|row| of[*row]).collect(),
            names: names.clone(),
        });
        self.with(pixels, labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;

    const PUBLISHED: Published = Published { train: 60, validation: 10 };

    /// Images of two pixels: the number, and the class.
    fn images(of: Vec<u32>) -> Images {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let pixels = of.iter().zip(0..).flat_map(|(class, i)| [i, *class as u8]).collect();
        let names = (0..10).map(|name| name.to_string()).collect();
        Images::new(shape, 256, pixels, Some(Labels { of, names })).unwrap()
    }

    fn counts(images: &Images) -> Vec<usize> {
        let of = &images.labels().unwrap().of;
        (0..10).map(|class| of.iter().filter(|of| **of == class).count()).collect()
    }

    /// Number of the image and class of each.
    fn rows(images: &Images) -> Vec<(u8, u32)> {
        let of = &images.labels().unwrap().of;
        (0..images.len()).map(|i| (images.image(i)[0], of[i])).collect()
    }

    #[test]
    fn a_published_set_keeps_its_last_images() {
        let all = images((0..60).map(|i| i % 10).collect());
        let (parts, split) = divided(all.clone(), images(vec![0, 1]), &PUBLISHED).unwrap();
        assert_eq!(parts.validation, all.take(50..60));
        assert_eq!((parts.train, parts.test), (all.take(0..50), images(vec![0, 1])));
        assert!(split.starts_with("as published: the last 10 of 60"), "{split}");
    }

    #[test]
    fn a_sorted_set_has_every_class_in_every_part() {
        for n in [60, 61, 120, 200] {
            let of = (0..n).map(|i| i * 10 / n).collect::<Vec<u32>>();
            let all = images(of);
            let (parts, split) =
                divided(all.clone(), images((0..10).collect()), &PUBLISHED).unwrap();
            assert!(split.starts_with("stratified: "), "{split}");
            let held = n as usize / 6;
            assert_eq!((parts.train.len(), parts.validation.len()), (n as usize - held, held));
            for (class, all) in counts(&all).into_iter().enumerate() {
                let here = counts(&parts.validation)[class];
                assert!(here == all / 6 || here == all.div_ceil(6), "{n} {class}: {here} of {all}");
            }
            let mut there = [rows(&parts.train), rows(&parts.validation)].concat();
            assert!(!there.is_sorted(), "shuffled");
            there.sort_unstable();
            assert_eq!(there, rows(&all));
            assert!(!rows(&parts.test).is_sorted());
        }
    }

    #[test]
    fn a_class_that_is_rare_among_the_last_is_found_out() {
        let mut of: Vec<u32> = (0..60).map(|i| i % 10).collect();
        assert!(mixed(&of, 50..60));
        of[50] = 9;
        assert!(!mixed(&of, 50..60), "0 is not among the last");
        assert!(mixed(&of, 0..60));
    }

    #[test]
    fn the_smallest_sets_are_divided_or_refused() {
        for n in 2..12 {
            let (parts, _) = divided(images(vec![0; n]), images(vec![0]), &PUBLISHED).unwrap();
            assert_eq!(
                (parts.train.len(), parts.validation.len()),
                (n - n.max(6) / 6, n.max(6) / 6)
            );
        }
        let told = |train: usize, test: usize| {
            let divided = divided(images(vec![0; train]), images(vec![0; test]), &PUBLISHED);
            divided.unwrap_err().to_string()
        };
        assert!(told(0, 1).starts_with("there are no training images"));
        assert!(told(1, 1).starts_with("there is 1 training image; 2 at least"));
        assert!(told(9, 0).starts_with("there are no test images"));
    }
}
