//! Hyper-parameters, and which go together.
use crate::autoregressive::Subject;
use crate::data::Binarisation;
use crate::memory;
use train::{BadValue, Memory, above};

train::hyper_parameters! {
    /// Hyper-parameters of [`image_transformer`](super::image_transformer).
    pub struct ImageTransformerConfig {
        /// Binarisation of grey images: static, dynamic (sampled anew each time) or none
        binarisation: Binarisation = Binarisation::Dynamic;
        /// Levels of grey at most, without binarisation
        levels: usize = 256, in 2..=256, with binarisation = "none";
        /// Components of the logistic mixture over levels; 0 for a softmax over all levels
        mixture: usize = 0, in 0..=64;
        /// Condition the network on the label
        conditional: bool = false;
        /// Features of a position
        features: usize = 64, in 1..=1 << 14;
        /// Heads that the features are divided among
        heads: usize = 4, in 1..=1 << 10;
        /// Blocks
        blocks: usize = 4, in 1..=1 << 10;
        /// Learning rate
        lr: f64 = 1e-3, in above(0.0);
        /// Final learning rate, as a fraction of --lr
        lr_end: f64 = 1.0, in 0.0..;
        /// Images over which the learning rate changes
        lr_steps: u64 = 0, with lr_end not 1.0;
        /// Clip the gradient to this norm; 0 leaves it as it is
        max_grad_norm: f64 = 0.0, in 0.0..;
        /// Batch size, in images
        batch: usize = 32, in 1..=1 << 20;
        /// Images of an evaluation during training, at most
        eval_images: usize = 1_000, in 1..=1 << 30;
    }
}

impl ImageTransformerConfig {
    /// Memory of training on such images.
    pub(super) fn memory(&self, subject: &Subject) -> Memory {
        let Self { features, heads, blocks, batch, .. } = *self;
        let (t, params) = (subject.shape.len(), subject.output.params());
        let mut memory = Memory::default();
        // Queries, keys and values, what is made of them, and four times as many units.
        let each = memory::sum([features.saturating_mul(12).saturating_mul(blocks), t, params]);
        memory::learned(
            &mut memory,
            ("features", features),
            &[("blocks", blocks)],
            [features, each],
        );
        let numbers = memory::sum([
            features.saturating_mul(14).saturating_mul(blocks),
            heads.saturating_mul(t).saturating_mul(blocks),
            2 * params,
        ]);
        memory::pass(
            &mut memory,
            batch,
            &[("features", features), ("heads", heads), ("blocks", blocks)],
            [t, numbers],
        );
        memory
    }

    /// Refuses heads that don't divide the features.
    pub(super) fn check_heads(&self) -> Result<(), BadValue> {
        let Self { features, heads, .. } = *self;
        if !features.is_multiple_of(heads) {
            let expected = format!("must divide --features {features} into equal parts");
            return Err(BadValue::new("heads", heads, &expected));
        }
        Ok(())
    }
}
