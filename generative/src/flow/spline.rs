//! Monotonic rational-quadratic splines (Gregory & Delbourgo 1982; Durkan et al. 2019, "Neural spline flows", section 3.1).
//!
//! K bins divide [−T, T] along x and along z, at K + 1 knots (x_k, z_k) with slopes δ_k > 0, which are 1 at both ends. In
//! bin k, with ξ = (x − x_k)/w, w and h its width and height, s = h/w and β = δ_k + δ_(k+1) − 2s (equations 4 and 5):
//!
//! g(x) = z_k + h·(s·ξ² + δ_k·ξ(1 − ξ)) / (s + β·ξ(1 − ξ))
//!
//! ∂g/∂x = s²·(δ_(k+1)·ξ² + 2s·ξ(1 − ξ) + δ_k·(1 − ξ)²) / (s + β·ξ(1 − ξ))²
//!
//! Outside of the interval g(x) = x. Widths and heights are a softmax, slopes a softplus, of their parameters, each with a
//! least value; with all parameters 0 the spline is the identity.
use candle_core::{D, DType, Result, Tensor};
use nn::log_softmax;

/// The least width and height of a bin, as a part of the interval, and the least slope.
const LEAST: f64 = 1e-3;

/// Splines with K bins over [−T, T].
#[derive(Debug, Clone, Copy)]
pub(super) struct Spline {
    /// K.
    pub(super) bins: usize,
    /// T.
    pub(super) tail: f64,
}

/// The bin of each number, `[B, M]` each.
struct Bin {
    /// x_k and z_k.
    from: [Tensor; 2],
    /// w and h.
    size: [Tensor; 2],
    /// δ_k and δ_(k+1).
    slopes: [Tensor; 2],
}

/// Knots of each number's spline, `[B, M, K + 1]` each.
struct Knots {
    /// Along x and along z.
    at: [Tensor; 2],
    slopes: Tensor,
}

impl Spline {
    /// Parameters for each number: K widths, K heights, K − 1 slopes between the ends.
    pub(super) fn params(self) -> usize {
        3 * self.bins - 1
    }

    /// g(x), `[B, M]`, and log ∂g/∂x of each number, `[B, M]`; `theta` is `[B, P·M]`.
    pub(super) fn forward(self, x: &Tensor, theta: &Tensor) -> Result<(Tensor, Tensor)> {
        let inner = x.clamp(-self.tail, self.tail)?;
        let bin = self.knots(theta, x.dim(1)?)?.bin(&inner, 0)?;
        let Bin { from: [from, to], size: [w, h], slopes: [slope, next] } = &bin;
        let s = (h / w)?;
        let xi = ((inner - from)? / w)?;
        let rest = xi.affine(-1.0, 1.0)?; // 1 − ξ
        let product = (&xi * &rest)?; // ξ(1 − ξ)
        let denominator = (&s + (beta(&s, slope, next)? * &product)?)?;
        let numerator = ((&s * xi.sqr()?)? + (slope * &product)?)?;
        let z = (to + ((h * numerator)? / &denominator)?)?;
        let steep = (((next * xi.sqr()?)? + ((&s * product)? * 2.0)?)? + (slope * rest.sqr()?)?)?;
        let log_slope = (((s.log()? - denominator.log()?)? * 2.0)? + steep.log()?)?;
        let inside = self.inside(x)?;
        Ok((inside.where_cond(&z, x)?, inside.where_cond(&log_slope, &x.zeros_like()?)?))
    }

    /// x of g(x), `[B, M]`: a root of a quadratic (appendix A.3).
    pub(super) fn inverse(self, z: &Tensor, theta: &Tensor) -> Result<Tensor> {
        let inner = z.clamp(-self.tail, self.tail)?;
        let bin = self.knots(theta, z.dim(1)?)?.bin(&inner, 1)?;
        let Bin { from: [from, to], size: [w, h], slopes: [slope, next] } = &bin;
        let s = (h / w)?;
        let beta = beta(&s, slope, next)?;
        let above = (inner - to)?;
        let bent = (&above * &beta)?;
        let a = ((h * (&s - slope)?)? + &bent)?;
        let b = ((h * slope)? - &bent)?;
        let c = (&s * above)?.neg()?;
        let root = (b.sqr()? - ((a * &c)? * 4.0)?)?.relu()?.sqrt()?;
        let xi = ((c * 2.0)? / (b.neg()? - root)?)?;
        let x = (from + (w * xi)?)?;
        self.inside(z)?.where_cond(&x, z)
    }

    /// 1 where a number lies within the interval, `[B, M]`.
    fn inside(self, x: &Tensor) -> Result<Tensor> {
        x.detach().abs()?.le(self.tail)
    }

    fn knots(self, theta: &Tensor, m: usize) -> Result<Knots> {
        let (batch, k) = (theta.dim(0)?, self.bins);
        // All M values of a parameter lie side by side.
        let theta = theta.reshape((batch, self.params(), m))?.transpose(1, 2)?; // [B, M, P]
        let at = [0, k].map(|first| self.positions(&theta.narrow(2, first, k)?));
        let [x, z] = at;
        let inner =
            (softplus(&theta.narrow(2, 2 * k, k - 1)?.affine(1.0, SOFTPLUS_ONE)?)? + LEAST)?; // [B, M, K − 1]
        let one = Tensor::ones((batch, m, 1), DType::F32, theta.device())?;
        Ok(Knots { at: [x?, z?], slopes: Tensor::cat(&[&one, &inner, &one], 2)? })
    }

    /// Knots `[B, M, K + 1]` from −T to T, from parameters `[B, M, K]`.
    fn positions(self, theta: &Tensor) -> Result<Tensor> {
        let (batch, m, k) = theta.dims3()?;
        let parts = log_softmax(&theta.reshape((batch * m, k))?)?.exp()?; // [B·M, K]
        let parts = parts.affine(1.0 - LEAST * k as f64, LEAST)?;
        let ends = parts.cumsum(1)?.reshape((batch, m, k))?;
        let zero = Tensor::zeros((batch, m, 1), DType::F32, theta.device())?;
        Tensor::cat(&[&zero, &ends], 2)?.affine(2.0 * self.tail, -self.tail)
    }
}

/// c with softplus(c) = 1 − [`LEAST`], so that a slope is 1 where its parameter is 0.
const SOFTPLUS_ONE: f64 = 0.539_742_4;

/// log(1 + eˣ).
fn softplus(x: &Tensor) -> Result<Tensor> {
    x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}

/// β = δ_k + δ_(k+1) − 2s.
fn beta(s: &Tensor, slope: &Tensor, next: &Tensor) -> Result<Tensor> {
    (slope + next)? - (s * 2.0)?
}

impl Knots {
    /// The bins of numbers `[B, M]` within the interval, by the knots along x, 0, or along z, 1.
    fn bin(&self, of: &Tensor, axis: usize) -> Result<Bin> {
        let k = self.slopes.dim(D::Minus1)? - 1;
        let inner = self.at[axis].detach().narrow(2, 1, k - 1)?; // [B, M, K − 1]
        let passed = of.detach().unsqueeze(2)?.broadcast_ge(&inner)?;
        let index = passed.to_dtype(DType::U32)?.sum_keepdim(2)?.contiguous()?; // [B, M, 1]
        let next = (&index + 1.0)?.contiguous()?;
        let pick = |from: &Tensor, index: &Tensor| from.contiguous()?.gather(index, 2)?.squeeze(2);
        let [x, z] = &self.at;
        let (x0, z0) = (pick(x, &index)?, pick(z, &index)?);
        let size = [(pick(x, &next)? - &x0)?, (pick(z, &next)? - &z0)?];
        let slopes = [pick(&self.slopes, &index)?, pick(&self.slopes, &next)?];
        Ok(Bin { from: [x0, z0], size, slopes })
    }
}
