//! The hyper-parameters that all autoregressive models have.
use crate::data::Binarisation;

/// Data, optimiser and evaluation of the learner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) binarisation: Binarisation,
    pub(crate) levels: usize,
    pub(crate) mixture: usize,
    pub(crate) conditional: bool,
    pub(crate) lr: f64,
    pub(crate) lr_end: f64,
    pub(crate) lr_steps: u64,
    pub(crate) max_grad_norm: f64,
    pub(crate) batch: usize,
    pub(crate) eval_images: usize,
}

/// The fields of a configuration that are [`Settings`], and whether it is conditional.
macro_rules! settings {
    ($config:expr, $conditional:expr) => {
        $crate::autoregressive::Settings {
            binarisation: $config.binarisation,
            levels: $config.levels,
            mixture: $config.mixture,
            conditional: $conditional,
            lr: $config.lr,
            lr_end: $config.lr_end,
            lr_steps: $config.lr_steps,
            max_grad_norm: $config.max_grad_norm,
            batch: $config.batch,
            eval_images: $config.eval_images,
        }
    };
}
pub(crate) use settings;
