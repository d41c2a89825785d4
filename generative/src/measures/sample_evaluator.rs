//! All measures of image samples, by name.
use super::{
    Classifier, ClassifierOutput, Gaussian, frechet, kernel_distance, nearest_images,
    precision_recall,
};
use crate::data::{Images, Parts};
use crate::latents::Vectors;
use anyhow::{Result, ensure};
use train::{Measure, POSITIVE};

/// Neighbours by which precision and recall say where a set lies (Kynkäänniemi et al. 2019, section 3).
const NEIGHBOURS: usize = 3;
/// Images at most whose nearest training image is looked for.
const NEAREST: usize = 1000;
/// Samples, and test images, at least: fewer say nothing of a distribution.
pub const LEAST: usize = 20;

/// Measures samples beside the images of a data set.
pub struct SampleEvaluator {
    /// The name of the classifier in the names of measures, `lab-SET-cnn`.
    name: String,
    train: Images,
    test: Images,
    /// From the test images to their nearest neighbours in the training images.
    near: Measure,
    /// None where images have no labels.
    classifier: Option<Features>,
}

struct Features {
    classifier: Classifier,
    /// Share of test images that it classifies correctly.
    accuracy: Measure,
    /// Its output on the test images.
    real: ClassifierOutput,
}

impl SampleEvaluator {
    /// Trains the classifier of the data set that is called `set`, where it has labels.
    ///
    /// # Errors
    /// Errors of training.
    pub fn new(set: &str, data: &Parts<Images>) -> Result<Self> {
        let classifier = match Classifier::trained(data)? {
            Some((classifier, accuracy)) => {
                let real = classifier.classify(&data.test)?;
                Some(Features { classifier, accuracy, real })
            }
            None => None,
        };
        let (train, test) = (data.train.clone(), data.test.clone());
        let near = nearest_distance(&test, &train)?;
        Ok(Self { name: format!("lab-{set}-cnn"), train, test, near, classifier })
    }

    /// The measures of `samples`, by name; see docs/measures.md. Those over features need a data set with labels.
    /// Beside them stand the measures of training images in the place of samples, which no model exceeds without
    /// memorising them.
    ///
    /// # Errors
    /// If there are fewer than 20 samples or test images, or they are of another shape than the data.
    pub fn measures(&self, samples: &Images) -> Result<Vec<(String, Measure)>> {
        let n = samples.len().min(self.test.len());
        ensure!(
            n >= LEAST,
            "{} samples beside {} test images: {LEAST} of both are expected at least",
            samples.len(),
            self.test.len()
        );
        let mut found = vec![
            ("nearest_train_mse".to_owned(), nearest_distance(samples, &self.train)?),
            ("nearest_train_mse_of_test".to_owned(), self.near),
        ];
        if let Some(features) = &self.classifier {
            found.extend(features.measures(&self.name, samples, &self.train)?);
        }
        Ok(found)
    }
}

/// Mean squared error per pixel between each of the first `images` and its nearest neighbour in `train`.
fn nearest_distance(images: &Images, train: &Images) -> Result<Measure> {
    let images = images.take(0..images.len().min(NEAREST));
    let per_pixel = 1.0 / images.shape().len() as f64;
    let near = nearest_images(&images, train)?;
    let each: Vec<_> = near.iter().map(|near| near.squared * per_pixel).collect();
    Ok(Measure::of(&each).within(POSITIVE))
}

impl Features {
    fn measures(
        &self,
        name: &str,
        samples: &Images,
        train: &Images,
    ) -> Result<Vec<(String, Measure)>> {
        let output = self.classifier.classify(samples)?;
        let of_train = self.classifier.classify(&train.take(0..train.len().min(samples.len())))?;
        let mut found = vec![(format!("accuracy[{name}]"), self.accuracy)];
        for (suffix, output) in [("", &output), ("_of_train", &of_train)] {
            found.extend(self.distances(&output.features, name, suffix)?);
        }
        for (suffix, output) in [("", &output), ("_of_test", &self.real)] {
            let entropy = Measure::single(output.label_entropy());
            let met = Measure::single(output.classes_met() as f64);
            found.push((format!("label_entropy_nats{suffix}[{name}]"), entropy));
            found.push((format!("classes_met{suffix}[{name}]"), met));
            found.push((format!("confidence{suffix}[{name}]"), output.confidence()));
        }
        Ok(found)
    }

    /// Of features `[n, 64]` and those of as many test images.
    fn distances(
        &self,
        features: &Vectors,
        name: &str,
        suffix: &str,
    ) -> Result<[(String, Measure); 4]> {
        let real = &self.real.features;
        let n = features.len().min(real.len());
        let [features, real] = [features.take(0..n), real.take(0..n)];
        let fid = frechet(&Gaussian::fit(&real)?, &Gaussian::fit(&features)?)?;
        let kid = kernel_distance(&real, &features)?;
        let within = precision_recall(&real, &features, NEIGHBOURS)?;
        let named = |measure: &str, value| (format!("{measure}{suffix}[{name}, n = {n}]"), value);
        Ok([
            named("fid", Measure::single(fid)),
            named("kid", kid),
            named("precision", within.precision),
            named("recall", within.recall),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BarsConfig, Classes, GlyphsConfig, bars, glyphs};
    use std::collections::BTreeMap;

    fn measured(evaluator: &SampleEvaluator, samples: &Images) -> BTreeMap<String, f64> {
        let found = evaluator.measures(samples).unwrap();
        let n = found.len();
        let measured: BTreeMap<_, _> =
            found.into_iter().map(|(name, of)| (name, of.mean)).collect();
        assert_eq!(measured.len(), n, "a name is there twice");
        measured
    }

    /// Fresh images, images known by heart, one class alone, and noise: each is measured from the others by
    /// what should tell it.
    #[test]
    fn every_way_to_fail_is_seen_by_some_measure() {
        let classes = Classes::Digits;
        let config =
            GlyphsConfig { n_train: 2000, n_test: 400, classes, ..GlyphsConfig::default() };
        let data = glyphs(&config).unwrap().images().unwrap();
        let evaluator = SampleEvaluator::new("glyphs", &data).unwrap();
        let at = |measured: &BTreeMap<String, f64>, name: &str| {
            let suffix = match name.split('_').next() {
                Some("fid" | "kid" | "precision" | "recall") => "[lab-glyphs-cnn, n = 400]",
                Some("nearest") => "",
                _ => "[lab-glyphs-cnn]",
            };
            measured[&format!("{name}{suffix}")]
        };
        let other = GlyphsConfig { seed: 2, ..config };
        let other = glyphs(&other).unwrap().images().unwrap();
        let fresh = measured(&evaluator, &other.test);
        let known = measured(&evaluator, &data.train.take(0..400));
        assert_eq!(at(&known, "nearest_train_mse"), 0.0);
        assert!(at(&fresh, "nearest_train_mse") > 0.01, "{fresh:?}");
        assert_eq!(at(&known, "fid"), at(&known, "fid_of_train"));

        let labels = &other.train.labels().unwrap().of;
        let ones: Vec<usize> = (0..2000).filter(|row| labels[*row] == 1).collect();
        let of = |pixels: Vec<u8>| Images::new(data.train.shape(), 256, pixels, None).unwrap();
        let cycle = ones.iter().cycle().take(400);
        let one = measured(
            &evaluator,
            &of(cycle.flat_map(|row| other.train.image(*row)).copied().collect()),
        );
        let noise = (0..400 * 784u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let noise = measured(&evaluator, &of(noise.collect()));
        for bad in [&one, &noise] {
            assert!(at(bad, "fid") > 5.0 * at(&fresh, "fid"), "{bad:?} {fresh:?}");
            assert!(at(bad, "kid") > 5.0 * at(&fresh, "kid").abs(), "{bad:?} {fresh:?}");
            assert!(at(bad, "recall") < 0.3 && at(&fresh, "recall") > 0.6, "{bad:?} {fresh:?}");
        }
        assert!(at(&one, "precision") > 0.5 && at(&noise, "precision") < 0.1);
        assert!(at(&one, "label_entropy_nats") < 0.3 && at(&fresh, "label_entropy_nats") > 2.2);
        assert_eq!(at(&fresh, "classes_met"), 10.0);
    }

    #[test]
    fn without_labels_neighbours_alone_are_told() {
        let config = BarsConfig { n_train: 50, n_test: 20, ..BarsConfig::default() };
        let data = bars(&config).unwrap().images().unwrap();
        let evaluator = SampleEvaluator::new("bars", &data).unwrap();
        let measured = measured(&evaluator, &data.train);
        let names: Vec<_> = measured.keys().map(String::as_str).collect();
        assert_eq!(names, ["nearest_train_mse", "nearest_train_mse_of_test"]);
        let few = evaluator.measures(&data.train.take(0..19)).unwrap_err().to_string();
        assert!(few.starts_with("19 samples beside 20 test images"), "{few}");
    }
}
