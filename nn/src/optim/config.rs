//! Rules and their hyper-parameters.
use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

/// A rule, and what is done to the gradient before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Update rule.
    pub rule: Rule,
    /// A gradient of all parameters together that is longer than this is scaled down to it
    /// (Pascanu et al. 2013, algorithm 1).
    #[serde(default)]
    pub max_norm: Option<f64>,
}

/// Update rules of parameters θ by the gradient g. Every operation is element by element.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// Kingma & Ba 2015, algorithm 1, without weight decay:
    /// m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),
    /// θ ← θ − lr·m̂ / (√v̂ + ε).
    Adam {
        /// Learning rate.
        lr: f64,
        /// Decay β₁ of the mean gradient.
        beta1: f64,
        /// Decay β₂ of the mean squared gradient.
        beta2: f64,
        /// ε, added to the root.
        eps: f64,
    },
    /// v ← α·v + (1 − α)·g², and for the centred forms ḡ ← α·ḡ + (1 − α)·g;
    /// θ ← θ − lr·g / divisor, with the divisor that [`RmsForm`] says.
    RmsProp {
        /// Learning rate.
        lr: f64,
        /// Decay α of the means.
        decay: f64,
        /// ε, see [`RmsForm`].
        eps: f64,
        /// Form of the divisor.
        form: RmsForm,
    },
    /// u ← momentum·u + g, θ ← θ − lr·u, starting from u = 0: PyTorch's convention, in which a new
    /// `lr` acts on the whole of u.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Share of the last step's direction that is kept; 0 for plain gradient descent.
        momentum: f64,
    },
}

/// The divisor of [`Rule::RmsProp`]. Beware that ε inside the root weighs far more: 0.01 inside is
/// 0.1 outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RmsForm {
    /// √v + ε: PyTorch's default.
    Plain,
    /// √(v − ḡ²) + ε: PyTorch's `centered=True`, used by MinAtar's DQN.
    Centred,
    /// √(v − ḡ² + ε): Graves 2013, "Generating Sequences", equations 38 to 40; Mnih et al. 2015.
    CentredEpsInside,
}

impl OptimizerConfig {
    /// Adam with the paper's β₁ = 0.9, β₂ = 0.999, ε = 1e-8 and no clipping.
    pub fn adam(lr: f64) -> Self {
        let rule = Rule::Adam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        Self { rule, max_norm: None }
    }

    /// This rule with gradients clipped to a global norm of `max_norm`.
    pub fn clipped(self, max_norm: f64) -> Self {
        Self { max_norm: Some(max_norm), ..self }
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(max_norm) = self.max_norm
            && (max_norm.is_nan() || max_norm <= 0.0)
        {
            bail!("max_norm must be positive, got {max_norm}")
        }
        let decays = match self.rule {
            Rule::Adam { beta1, beta2, .. } => [("beta1", beta1), ("beta2", beta2)],
            Rule::RmsProp { decay, .. } => [("decay", decay); 2],
            Rule::Sgd { momentum, .. } => [("momentum", momentum); 2],
        };
        if let Some((name, value)) = decays.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
            bail!("{name} must lie in [0, 1), got {value}")
        }
        Ok(())
    }
}

impl Rule {
    /// Names of what is kept of the gradients of one parameter.
    pub(super) fn moments(&self) -> &'static [&'static str] {
        match self {
            Rule::Adam { .. } => &["m", "v"],
            Rule::RmsProp { form: RmsForm::Plain, .. } => &["v"],
            Rule::RmsProp { .. } => &["v", "mean"],
            Rule::Sgd { momentum: 0.0, .. } => &[],
            Rule::Sgd { .. } => &["u"],
        }
    }

    pub(super) fn set_lr(&mut self, new: f64) {
        match self {
            Rule::Adam { lr, .. } | Rule::RmsProp { lr, .. } | Rule::Sgd { lr, .. } => *lr = new,
        }
    }
}
