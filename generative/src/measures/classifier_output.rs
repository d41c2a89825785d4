//! The output of a classifier.
use crate::latents::Vectors;
use train::Measure;

/// The output of the [classifier](super::Classifier) on n images.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierOutput {
    /// `[n, 64]`, of a mean square of 1 over the data.
    pub features: Vectors,
    /// The probability of each class, `[n, classes]`.
    pub classes: Vectors,
}

impl ClassifierOutput {
    /// The likeliest class of each, `[n]`; of several the first.
    pub fn likeliest(&self) -> Vec<u32> {
        let first = |row: &[f32], best: usize, i: usize| if row[i] > row[best] { i } else { best };
        let best = |row: &[f32]| (0..row.len()).fold(0, |best, i| first(row, best, i)) as u32;
        self.classes.rows().map(best).collect()
    }

    /// −Σ pᵢ·log pᵢ in nats, pᵢ being the share of images whose likeliest class is the i-th: log of their number
    /// where all classes are met equally often, 0 where one is met alone.
    pub fn label_entropy(&self) -> f64 {
        let n = self.classes.len() as f64;
        let shares = self.counts().into_iter().filter(|n| *n > 0).map(|count| count as f64 / n);
        -shares.map(|p| p * p.ln()).sum::<f64>()
    }

    /// The number of classes that are the likeliest of some image.
    pub fn classes_met(&self) -> usize {
        self.counts().into_iter().filter(|n| *n > 0).count()
    }

    /// The probability of the likeliest class.
    pub fn confidence(&self) -> Measure {
        let largest = |row: &[f32]| f64::from(row.iter().copied().fold(0.0, f32::max));
        Measure::of(&self.classes.rows().map(largest).collect::<Vec<_>>()).within([0.0, 1.0])
    }

    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.size()];
        self.likeliest().into_iter().for_each(|class| counts[class as usize] += 1);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(classes: &[f32], n: usize) -> ClassifierOutput {
        let features = Vectors::new(64, Vec::new()).unwrap();
        ClassifierOutput { features, classes: Vectors::new(n, classes.to_vec()).unwrap() }
    }

    #[test]
    fn entropy_and_confidence_by_hand() {
        let output = output(&[0.6, 0.4, 0.0, 0.9, 0.1, 0.0, 0.2, 0.7, 0.1, 0.5, 0.5, 0.0], 3);
        assert_eq!(output.likeliest(), [0, 0, 1, 0]);
        assert_eq!(output.classes_met(), 2);
        let entropy = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((output.label_entropy() - entropy).abs() < 1e-15);
        assert!((output.confidence().mean - 0.675).abs() < 1e-7);
    }
}
