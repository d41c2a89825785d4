//! Points in the plane with their distribution.
use super::Labels;

/// Points (x, y).
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// `[n, 2]`
    pub at: Vec<[f32; 2]>,
    /// The component each was drawn from, `[n]`.
    pub labels: Labels,
    /// Their distribution, where it is a mixture of Gaussians.
    pub mixture: Option<Mixture>,
}

/// Equally likely Gaussians N(centre, σ²) in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Their centres, `[M, 2]`.
    pub centres: Vec<[f64; 2]>,
    /// Their standard deviation σ in every direction.
    pub sigma: f64,
}
