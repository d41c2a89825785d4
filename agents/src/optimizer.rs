//! Optimisers by name, for the command line.
use nn::{OptimizerConfig, RmsForm, Rule};
use serde::{Deserialize, Serialize};

/// Optimisers, each with the constants of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// Kingma & Ba 2015: β₁ 0.9, β₂ 0.999, ε 1e-8
    Adam,
    /// MinAtar's: centred, decay 0.95, ε 0.01 outside the root
    RmsProp,
    /// Momentum 0.9
    Sgd,
}

impl OptimizerName {
    /// The rule with learning rate `lr`; gradients longer than `max_norm` are cut to it, unless it is 0.
    pub fn config(self, lr: f64, max_norm: f64) -> OptimizerConfig {
        let rule = match self {
            Self::Adam => Rule::Adam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
            Self::RmsProp => Rule::RmsProp { lr, decay: 0.95, eps: 0.01, form: RmsForm::Centred },
            Self::Sgd => Rule::Sgd { lr, momentum: 0.9 },
        };
        OptimizerConfig { rule, max_norm: (max_norm > 0.0).then_some(max_norm) }
    }

    /// The rule for policy gradients: Adam with this ε, RMSProp not centred, with decay 0.99
    /// and ε outside the root (Mnih et al. 2016 have it inside, their programs outside), SGD without
    /// momentum.
    pub fn on_policy(self, lr: f64, eps: f64, max_norm: f64) -> OptimizerConfig {
        let rule = match self {
            Self::Adam => Rule::Adam { lr, beta1: 0.9, beta2: 0.999, eps },
            Self::RmsProp => Rule::RmsProp { lr, decay: 0.99, eps, form: RmsForm::Plain },
            Self::Sgd => Rule::Sgd { lr, momentum: 0.0 },
        };
        OptimizerConfig { rule, max_norm: (max_norm > 0.0).then_some(max_norm) }
    }
}
