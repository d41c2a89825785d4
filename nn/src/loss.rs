//! Loss functions: each is a scalar tensor, the mean over the batch.
use crate::ops::{self, Regression};
use candle_core::{DType, Result, Tensor, bail};

/// mean (pred − target)², over all elements of two tensors of one shape.
pub fn mse(pred: &Tensor, target: &Tensor) -> Result<Tensor> {
    same_shape("mse", pred, target)?;
    if let Some(loss) = ops::regression(pred, target, Regression::Squared)? {
        return Ok(loss);
    }
    (pred - target)?.sqr()?.mean_all()
}

/// mean of ½·d² where |d| ≤ δ and of δ·(|d| − ½·δ) beyond, with d = pred − target, over all
/// elements of two tensors of one shape.
///
/// With δ = 1 its gradient is the error clipped to ±1 of Mnih et al. 2015 (Methods, "Training
/// algorithm for deep Q-networks").
pub fn huber(pred: &Tensor, target: &Tensor, delta: f64) -> Result<Tensor> {
    same_shape("huber", pred, target)?;
    if delta.is_nan() || delta <= 0.0 {
        bail!("huber: delta must be positive, got {delta}")
    }
    if let Some(loss) = ops::regression(pred, target, Regression::Huber { delta: delta as f32 })? {
        return Ok(loss);
    }
    // With c = d clipped to ±δ, both branches are c·(d − ½·c), and c is the derivative: held constant it is so
    // for infinite errors too.
    let d = (pred - target)?;
    let clipped = d.clamp(-delta, delta)?.detach();
    (&clipped * (d - (&clipped * 0.5)?)?)?.mean_all()
}

/// −mean log softmax(logits) at the label, over all labels: for logits `[B, A]` and labels `[B]`, or
/// logits `[B, A, H, W]` and labels `[B, H, W]`, of type `u32`.
pub fn softmax_cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    labels_fit("softmax_cross_entropy", logits, labels)?;
    if let Some(loss) = ops::softmax_cross_entropy(logits, labels)? {
        return Ok(loss);
    }
    in_range("softmax_cross_entropy", labels, logits.dim(1)?, ["label", "classes"])?;
    softmax_terms(logits, labels)?.mean_all()
}

/// Cross-entropy of each sample, `[B]`: −Σ log softmax(logits) at its labels. For scoring: there is no
/// gradient.
pub fn softmax_nll_each(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    labels_fit("softmax_nll_each", logits, labels)?;
    if let Some(nll) = ops::softmax_nll_each(logits, labels)? {
        return Ok(nll);
    }
    in_range("softmax_nll_each", labels, logits.dim(1)?, ["label", "classes"])?;
    softmax_terms(&logits.detach(), labels)?.flatten_from(1)?.sum(1)
}

/// −log p of levels under mixtures of M logistic distributions that are cut into `levels` values from −1 to 1
/// (Salimans et al. 2017, "PixelCNN++", equation 2): summed over positions, the mean over the batch.
///
/// `outputs` is `[B, 3M, …]`: logits of the weights, means, and logarithms of the scales, which count as −7 where
/// they are less. Levels are `[B, …]` of type `u32`.
pub fn logistic_mixture_nll(outputs: &Tensor, labels: &Tensor, levels: usize) -> Result<Tensor> {
    mixture_fits("logistic_mixture_nll", outputs, labels, levels)?;
    if let Some(loss) = ops::logistic_nll(outputs, labels, levels)? {
        return Ok(loss);
    }
    in_range("logistic_mixture_nll", labels, levels, ["level", "levels"])?;
    ops::logistic_terms(outputs, labels, levels)?.sum_all()? / outputs.dim(0)? as f64
}

/// Negative log-likelihood of each sample under the mixture, `[B]`. For scoring: there is no gradient.
pub fn logistic_mixture_nll_each(
    outputs: &Tensor,
    labels: &Tensor,
    levels: usize,
) -> Result<Tensor> {
    mixture_fits("logistic_mixture_nll_each", outputs, labels, levels)?;
    if let Some(nll) = ops::logistic_nll_each(outputs, labels, levels)? {
        return Ok(nll);
    }
    in_range("logistic_mixture_nll_each", labels, levels, ["level", "levels"])?;
    ops::logistic_terms(&outputs.detach(), labels, levels)?.flatten_from(1)?.sum(1) // [B]
}

/// The probability, under such a mixture `[3M]`, of `level` and those below it. Weights are in proportion to
/// e^(logit·sharpness), and scales are divided by `sharpness`; 1 changes nothing.
pub fn logistic_mixture_cdf(outputs: &[f32], level: u32, levels: usize, sharpness: f64) -> f64 {
    ops::logistic_cdf(outputs, level, levels, sharpness)
}

fn mixture_fits(loss: &str, outputs: &Tensor, labels: &Tensor, levels: usize) -> Result<()> {
    labels_fit(loss, outputs, labels)?;
    if !outputs.dim(1)?.is_multiple_of(3) || levels < 2 {
        bail!("{loss}: {levels} levels, {:?} for a mixture, [B, 3M, …] is expected", outputs.dims())
    }
    Ok(())
}

fn labels_fit(loss: &str, logits: &Tensor, labels: &Tensor) -> Result<()> {
    match (logits.dims(), labels.dims()) {
        ([batch, classes, rest @ ..], [labelled, positions @ ..])
            if batch == labelled
                && rest == positions
                && *classes > 0
                && labels.elem_count() > 0
                && labels.dtype() == DType::U32 =>
        {
            Ok(())
        }
        (logits, shape) => {
            bail!("{loss}: labels {shape:?} of {:?} do not fit logits {logits:?}", labels.dtype())
        }
    }
}

/// −log softmax(logits) at each label, `[B, 1, …]`.
fn softmax_terms(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    // The largest logit is a constant here: subtracting it changes neither value nor gradient, and
    // no exponential overflows.
    let largest = logits.max_keepdim(1)?.detach(); // [B, 1, …]
    let shifted = logits.broadcast_sub(&largest)?; // [B, A, …]
    let log_sum = shifted.exp()?.sum_keepdim(1)?.log()?; // [B, 1, …]
    let chosen = picked(&shifted, labels)?; // [B, 1, …]
    log_sum - chosen
}

/// −mean over the batch of Σ log p(target), where each target is 1 with probability
/// σ(logit): softplus(l) − l·x = max(l, 0) − l·x + log(1 + e^−|l|) for each element.
///
/// Logits and targets of one shape `[B, …]`; targets may lie between 0 and 1, as grey values do,
/// and take no gradient. The gradient for a logit is σ(l) − x.
pub fn bernoulli_nll(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    same_shape("bernoulli_nll", logits, targets)?;
    if let Some(loss) = ops::bernoulli_nll(logits, targets)? {
        return Ok(loss);
    }
    bernoulli_terms(logits, targets)?.sum_all()? / logits.dim(0)? as f64
}

/// Bernoulli negative log-likelihood of each sample, `[B]`, for logits and targets `[B, D]`.
pub fn bernoulli_nll_each(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    same_shape("bernoulli_nll_each", logits, targets)?;
    if logits.rank() != 2 {
        bail!("bernoulli_nll_each: logits {:?}, [B, D] is expected", logits.dims())
    }
    if let Some(nll) = ops::bernoulli_nll_each(logits, targets)? {
        return Ok(nll);
    }
    bernoulli_terms(logits, targets)?.sum(1) // [B]
}

/// softplus(l) − l·x of each element.
fn bernoulli_terms(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    // max(l, 0) and |l| have no derivative at 0, where networks like to start. With m = max(l, 0)
    // held constant, softplus(l) = m + log(e^(l−m) + e^−m) has the right one everywhere.
    let positive = logits.detach().relu()?;
    let softplus = (&positive + ((logits - &positive)?.exp()? + positive.neg()?.exp()?)?.log()?)?;
    softplus - (logits * targets.detach())?
}

/// Mean over the batch of the divergence from N(0, 1) of independent Gaussians N(mu, e^log_var):
/// −½·Σ (1 + log_var − mu² − e^log_var), for two tensors of one shape `[B, …]` (Kingma & Welling
/// 2014, "Auto-Encoding Variational Bayes", appendix B).
pub fn kl_standard_normal(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    same_shape("kl_standard_normal", mu, log_var)?;
    if let Some(loss) = ops::kl_standard_normal(mu, log_var)? {
        return Ok(loss);
    }
    let sum = ((mu.sqr()? + log_var.exp()?)? - log_var)?.sum_all()?;
    ((sum - mu.elem_count() as f64)? * 0.5)? / mu.dim(0)? as f64
}

/// A sample of N(mu, e^log_var) that is a function of both: z = mu + e^(½·log_var)·noise, for noise
/// drawn from N(0, 1) and tensors of one shape (Kingma & Welling 2014, section 2.4).
pub fn reparameterise(mu: &Tensor, log_var: &Tensor, noise: &Tensor) -> Result<Tensor> {
    same_shape("reparameterise", mu, log_var)?;
    same_shape("reparameterise", mu, noise)?;
    if let Some(z) = ops::reparameterise(mu, log_var, noise)? {
        return Ok(z);
    }
    mu + ((log_var * 0.5)?.exp()? * noise.detach())?
}

/// `values[i] = q[i, actions[i]]`: the values `[B]` of the actions taken, from q `[B, A]` and
/// actions `[B]` of type `u32`.
pub fn select(q: &Tensor, actions: &Tensor) -> Result<Tensor> {
    match (q.dims(), actions.dims()) {
        ([batch, n], [chosen]) if batch == chosen && *n > 0 && actions.dtype() == DType::U32 => {}
        (values, chosen) => {
            bail!(
                "select: actions {chosen:?} of {:?} do not fit values {values:?}",
                actions.dtype()
            )
        }
    }
    if let Some(selected) = ops::select(q, actions)? {
        return Ok(selected);
    }
    in_range("select", actions, q.dim(1)?, ["action", "actions"])?;
    picked(q, actions)?.squeeze(1) // [B, A] → [B, 1] → [B]
}

/// Refuses numbers that are not below `n`, which Candle's own `gather` and other devices may not look for. A device
/// that would have to be waited for is not asked: see [`picked`].
fn in_range(loss: &str, chosen: &Tensor, n: usize, [one, many]: [&str; 2]) -> Result<()> {
    if !train::is_host(chosen.device()) {
        return Ok(());
    }
    let largest = chosen.flatten_all()?.max(0)?.to_scalar::<u32>()?;
    if largest as usize >= n {
        bail!("{loss}: {one} {largest}, there are {n} {many}")
    }
    Ok(())
}

/// The value at each label, `[B, 1, …]`, of values `[B, A, …]` and labels `[B, …]`; NaN, which a loss is searched for,
/// where there is no such label.
fn picked(values: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (labels, last) = (labels.unsqueeze(1)?.contiguous()?, values.dim(1)? as u32 - 1);
    let known = labels.le(last)?; // [B, 1, …]
    let picked = values.contiguous()?.gather(&labels.minimum(last)?, 1)?; // [B, 1, …]
    known.where_cond(&picked, &picked.detach().zeros_like()?.affine(0.0, f64::NAN)?)
}

/// log softmax of each row: l − log Σ e^l, for logits `[B, A]`. Finite for all finite logits.
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    match logits.dims() {
        [_, classes] if *classes > 0 => {}
        dims => bail!("log_softmax: logits {dims:?}, [B, A] is expected"),
    }
    if let Some(log_probs) = ops::log_softmax(logits)? {
        return Ok(log_probs);
    }
    // A constant: subtracting it changes neither value nor gradient, and no exponential overflows.
    let largest = logits.max_keepdim(1)?.detach(); // [B, 1]
    let shifted = logits.broadcast_sub(&largest)?; // [B, A]
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?) // [B, A]
}

fn same_shape(loss: &str, left: &Tensor, right: &Tensor) -> Result<()> {
    if left.shape() != right.shape() || left.elem_count() == 0 {
        bail!("{loss}: {:?} against {:?}", left.shape(), right.shape())
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::gradcheck;
    use candle_core::Var;
    use train::testing::device;

    fn var(values: &[f64], shape: &[usize], dtype: DType) -> Var {
        let values = Tensor::from_slice(values, shape, device()).unwrap();
        Var::from_tensor(&values.to_dtype(dtype).unwrap()).unwrap()
    }

    fn scalar(loss: Result<Tensor>) -> f64 {
        loss.unwrap().to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    fn gradient(loss: Result<Tensor>, var: &Var) -> Vec<f64> {
        let gradients = loss.unwrap().backward().unwrap();
        let gradient = gradients.get(var).unwrap().to_dtype(DType::F64).unwrap();
        gradient.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn assert_close(left: &[f64], right: &[f64]) {
        let close = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-6);
        assert!(close && left.len() == right.len(), "{left:?} {right:?}");
    }

    /// `f32` takes the kernel, `f64` Candle's operations: both have to give the same numbers.
    const BOTH: [DType; 2] = [DType::F32, DType::F64];

    /// A label out of range is NaN on a device that is not waited for.
    #[test]
    fn a_label_out_of_range_picks_nothing() {
        let values = var(&[1.0, 2.0, 3.0, 4.0], &[2, 2], DType::F32);
        for wrong in [2, u32::MAX] {
            let labels = Tensor::new(&[1u32, wrong], device()).unwrap();
            let found = picked(&values, &labels).unwrap().flatten_all().unwrap();
            let found = found.to_vec1::<f32>().unwrap();
            assert!(found[0] == 2.0 && found[1].is_nan(), "{found:?}");
        }
    }

    #[test]
    fn regression_by_hand() {
        for dtype in BOTH {
            // d = 0.5, −3, 0, 1
            let pred = var(&[1.5, -1.0, 2.0, 1.0], &[4], dtype);
            let target = var(&[1.0, 2.0, 2.0, 0.0], &[4], dtype).as_detached_tensor();
            assert_close(&[scalar(mse(&pred, &target))], &[10.25 / 4.0]);
            assert_close(&gradient(mse(&pred, &target), &pred), &[0.25, -1.5, 0.0, 0.5]);
            // ½·0.25 + 1·(3 − ½) + 0 + ½
            assert_close(&[scalar(huber(&pred, &target, 1.0))], &[3.125 / 4.0]);
            let slopes = [0.125, -0.25, 0.0, 0.25];
            assert_close(&gradient(huber(&pred, &target, 1.0), &pred), &slopes);
            // ½·0.25 + 2·(3 − 1) + 0 + ½
            assert_close(&[scalar(huber(&pred, &target, 2.0))], &[4.625 / 4.0]);
            assert!(huber(&pred, &target, 0.0).is_err());
            let broken = var(&[f64::NAN], &[1], dtype);
            let target = target.narrow(0, 0, 1).unwrap();
            assert!(gradient(huber(&broken, &target, 1.0), &broken)[0].is_nan());
        }
    }

    /// A number out of range is named; on a device that is not waited for the loss is NaN.
    fn refused(loss: Result<Tensor>, named: &str) {
        if train::is_host(device()) {
            let error = loss.unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        } else {
            assert!(scalar(loss.unwrap().sum_all()).is_nan());
        }
    }

    #[test]
    fn select_by_hand() {
        let actions = Tensor::new(&[2u32, 0], device()).unwrap();
        for dtype in BOTH {
            let q = var(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3], dtype);
            let doubled = || select(&q, &actions)? * 2.0;
            let picked = doubled().unwrap().to_dtype(DType::F64).unwrap();
            assert_eq!(picked.to_vec1::<f64>().unwrap(), [6.0, 8.0]);
            let slopes = [0.0, 0.0, 2.0, 2.0, 0.0, 0.0];
            assert_close(&gradient(doubled().unwrap().sum_all(), &q), &slopes);
        }
        let q = var(&[1.0, 2.0], &[2, 1], DType::F32);
        refused(select(&q, &actions), "action 2 in row 0, there are 1 actions");
        assert!(select(&q, &actions.narrow(0, 0, 1).unwrap()).is_err());
    }

    #[test]
    fn cross_entropy_by_hand_and_by_differences() {
        let labels = Tensor::new(&[0u32, 2], device()).unwrap();
        for dtype in BOTH {
            let equal = var(&[3.0; 6], &[2, 3], dtype);
            let loss = || softmax_cross_entropy(&equal, &labels);
            assert_close(&[scalar(loss())], &[3f64.ln()]);
            // (softmax − one-hot) / B
            let third = 1.0 / 6.0;
            let slopes = [third - 0.5, third, third, third, third, third - 0.5];
            assert_close(&gradient(loss(), &equal), &slopes);
        }
        let logits = var(&[0.3, -2.0, 1.0, 0.5, 0.1, -0.7], &[2, 3], DType::F64);
        let loss = || softmax_cross_entropy(&logits, &labels);
        assert!(gradcheck(std::slice::from_ref(&logits), 1e-5, loss).unwrap() < 1e-8);
    }

    #[test]
    fn cross_entropy_of_each_by_hand() {
        let labels = Tensor::new(&[[0u32, 1], [1, 1]], device()).unwrap(); // [2, 2]
        for dtype in BOTH {
            // Odds of 1 : 3 at the first position, 1 : 1 at the second; then 1 : 1, and certainty.
            let third = 3f64.ln();
            let logits = [0.0, 0.0, third, 0.0, 5.0, -500.0, 5.0, 500.0];
            let logits = var(&logits, &[2, 2, 2], dtype);
            let nll = softmax_nll_each(&logits, &labels).unwrap();
            let nll = nll.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            assert_close(&nll, &[4f64.ln() + 2f64.ln(), 2f64.ln()]);
        }
        let one = var(&[0.0; 2], &[1, 2], DType::F32);
        let error = softmax_nll_each(&one, &labels).unwrap_err().to_string();
        assert!(error.contains("do not fit logits [1, 2]"), "{error}");
    }

    #[test]
    fn log_softmax_by_hand_and_by_differences() {
        for dtype in BOTH {
            // Odds of 1 : 3, and logits that would overflow.
            let logits = var(&[0.0, 3f64.ln(), 1000.0, -1000.0], &[2, 2], dtype);
            let values = |x: &Tensor| -> Vec<f64> {
                x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
            };
            let expected = [0.25f64.ln(), 0.75f64.ln(), 0.0, -2000.0];
            assert_close(&values(&log_softmax(&logits).unwrap()), &expected);
            // One row: g − softmax·Σ g with g = (2, 1).
            let g = Tensor::new(&[[2f64, 1.0], [2.0, 1.0]], device()).unwrap();
            let g = g.to_dtype(dtype).unwrap();
            let weighed = || (log_softmax(&logits)? * &g)?.sum_all();
            assert_close(&gradient(weighed(), &logits), &[1.25, -1.25, -1.0, 1.0]);
            let frozen = log_softmax(&logits.as_detached_tensor()).unwrap();
            assert!(!frozen.track_op());
            assert_close(&values(&frozen), &expected);
        }
        for (dtype, h, most) in [(DType::F64, 1e-5, 1e-8), (DType::F32, 1e-2, 2e-3)] {
            let logits = var(&[0.3, -2.0, 1.0, 0.5, 0.1, -0.7], &[2, 3], dtype);
            let squares = || log_softmax(&logits)?.sqr()?.sum_all();
            assert!(gradcheck(std::slice::from_ref(&logits), h, squares).unwrap() < most);
        }
        let flat = var(&[0.0; 2], &[2], DType::F32);
        assert!(log_softmax(&flat).unwrap_err().to_string().contains("[B, A] is expected"));
    }

    #[test]
    fn bernoulli_by_hand_and_by_differences() {
        let targets = [1.0, 0.0, 0.25, 1.0];
        for dtype in BOTH {
            let logits = var(&[0.0, 0.0, 0.0, 2.0], &[2, 2], dtype);
            let targets = var(&targets, &[2, 2], dtype).as_detached_tensor();
            let loss = || bernoulli_nll(&logits, &targets);
            let expected = (3.0 * 2f64.ln() + (-2f64).exp().ln_1p()) / 2.0;
            assert_close(&[scalar(loss())], &[expected]);
            // (σ(l) − x) / B, at 0 too
            let last = (1.0 / (1.0 + (-2f64).exp()) - 1.0) / 2.0;
            assert_close(&gradient(loss(), &logits), &[-0.25, 0.25, 0.125, last]);
        }
        let logits = var(&[0.7, -1.2, 0.1, 3.0], &[2, 2], DType::F64);
        let targets = var(&targets, &[2, 2], DType::F64).as_detached_tensor();
        let loss = || bernoulli_nll(&logits, &targets);
        assert!(gradcheck(std::slice::from_ref(&logits), 1e-5, loss).unwrap() < 1e-8);
    }

    #[test]
    fn bernoulli_of_each_by_hand_and_by_differences() {
        for dtype in BOTH {
            let logits = var(&[0.0, 3f64.ln(), 1000.0, -1000.0], &[2, 2], dtype);
            let targets = var(&[1.0, 0.0, 1.0, 1.0], &[2, 2], dtype).as_detached_tensor();
            let nll = || bernoulli_nll_each(&logits, &targets);
            // log 2 and −log ¼; 0 and 1000.
            let values = nll().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
            assert_close(&values, &[8f64.ln(), 1000.0]);
            // The rows weigh 2 and −3: g·(σ(l) − x).
            let g = var(&[2.0, -3.0], &[2], dtype).as_detached_tensor();
            let weighed = (nll().unwrap() * g).unwrap().sum_all();
            assert_close(&gradient(weighed, &logits), &[-1.0, 1.5, 0.0, 3.0]);
        }
        // More rows than a tile of the kernel holds.
        let values: Vec<f64> = (0..6 * 5_000).map(|i| f64::from(i * 7 % 11) - 5.0).collect();
        let logits = var(&values, &[6, 5_000], DType::F32);
        let targets = var(&values, &[6, 5_000], DType::F32).gt(0.0).unwrap();
        let targets = targets.to_dtype(DType::F32).unwrap();
        let g = var(&[1.0, 0.5, 3.0, -1.0, 0.25, 2.0], &[6], DType::F32).as_detached_tensor();
        let weighed = (bernoulli_nll_each(&logits, &targets).unwrap() * &g).unwrap().sum_all();
        let slopes = gradient(weighed, &logits);
        for row in 0..6 {
            let one = var(&values[row * 5_000..][..5_000], &[1, 5_000], DType::F32);
            let target = targets.narrow(0, row, 1).unwrap();
            let nll = bernoulli_nll(&one, &target);
            let g: f32 = g.get(row).unwrap().to_scalar().unwrap();
            let expected = gradient(nll.unwrap() * f64::from(g), &one);
            assert_close(&slopes[row * 5_000..][..5_000], &expected);
        }
        let logits = var(&[0.7, -1.2, 0.1, 3.0], &[2, 2], DType::F64);
        let targets = var(&[1.0, 0.0, 0.25, 1.0], &[2, 2], DType::F64).as_detached_tensor();
        let squares = || bernoulli_nll_each(&logits, &targets)?.sqr()?.sum_all();
        assert!(gradcheck(std::slice::from_ref(&logits), 1e-5, squares).unwrap() < 1e-8);
        let flat = var(&[0.0; 2], &[2], DType::F32);
        let error = bernoulli_nll_each(&flat, &flat).unwrap_err().to_string();
        assert!(error.contains("[B, D] is expected"), "{error}");
    }

    #[test]
    fn cross_entropy_of_images_is_that_of_their_pixels() {
        let labels = Tensor::new(&[[[1u32, 0, 2]], [[2, 2, 0]]], device()).unwrap(); // [2, 1, 3]
        for dtype in BOTH {
            let values: Vec<f64> = (0..18).map(|i| f64::from(i * 7 % 11) / 3.0).collect();
            let logits = var(&values, &[2, 3, 1, 3], dtype);
            let rows = || logits.permute((0, 2, 3, 1))?.reshape((6, 3));
            let by_rows = || softmax_cross_entropy(&rows()?, &labels.flatten_all()?);
            let whole = || softmax_cross_entropy(&logits, &labels);
            assert_close(&[scalar(whole())], &[scalar(by_rows())]);
            assert_close(&gradient(whole(), &logits), &gradient(by_rows(), &logits));
        }
        let logits = var(&[0.0; 4], &[2, 2], DType::F32);
        let error = softmax_cross_entropy(&logits, &labels).unwrap_err().to_string();
        assert!(error.contains("labels [2, 1, 3] of U32 do not fit logits [2, 2]"), "{error}");
        let labels = Tensor::new(&[1u32, 2], device()).unwrap();
        refused(softmax_cross_entropy(&logits, &labels), "label 2 at 1, there are 2 classes");
    }

    #[test]
    fn kl_and_samples_by_hand_and_by_differences() {
        let (mu, log_var, noise) =
            ([0.5, -1.0, 0.0, 2.0], [0.0, 0.6, -1.2, 1.0], [1.0, -0.5, 2.0, 0.0]);
        for dtype in BOTH {
            let (mu, log_var) = (var(&mu, &[2, 2], dtype), var(&log_var, &[2, 2], dtype));
            let noise = var(&noise, &[2, 2], dtype).as_detached_tensor();
            let kl = || kl_standard_normal(&mu, &log_var);
            // ½·Σ (mu² + e^v − 1 − v) / 2
            let squares = 0.25 + 1.0 + 0.0 + 4.0;
            let rest = (0.6f64.exp() - 1.6) + ((-1.2f64).exp() + 0.2) + (1f64.exp() - 2.0);
            assert_close(&[scalar(kl())], &[(squares + rest) / 4.0]);
            assert_close(&gradient(kl(), &mu), &[0.25, -0.5, 0.0, 1.0]);

            let z = || reparameterise(&mu, &log_var, &noise);
            let values = z().unwrap().to_dtype(DType::F64).unwrap().flatten_all().unwrap();
            let expected = [1.5, -1.0 - 0.5 * 0.3f64.exp(), 2.0 * (-0.6f64).exp(), 2.0];
            assert_close(&values.to_vec1().unwrap(), &expected);
            let slopes = [0.5, -0.25 * 0.3f64.exp(), (-0.6f64).exp(), 0.0];
            assert_close(&gradient(z().unwrap().sum_all(), &log_var), &slopes);
            assert_close(&gradient(z().unwrap().sum_all(), &mu), &[1.0; 4]);

            let both = [mu.clone(), log_var.clone()];
            let f = || z()?.sqr()?.sum_all()? + kl()?;
            let (h, most) = if dtype == DType::F64 { (1e-5, 1e-8) } else { (1e-2, 2e-3) };
            assert!(gradcheck(&both, h, f).unwrap() < most);
        }
        let (two, three) = (var(&[0.0; 2], &[2], DType::F32), var(&[0.0; 3], &[3], DType::F32));
        assert!(kl_standard_normal(&two, &three).is_err());
        assert!(reparameterise(&two, &two, &three).is_err());
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for dtype in BOTH {
            let logits = var(&[1000.0, -1000.0, -1000.0, 1000.0], &[2, 2], dtype);
            let targets = var(&[1.0, 0.0, 1.0, 0.0], &[2, 2], dtype).as_detached_tensor();
            let loss = || bernoulli_nll(&logits, &targets);
            assert_close(&[scalar(loss())], &[1000.0]);
            assert_close(&gradient(loss(), &logits), &[0.0, 0.0, -0.5, 0.5]);

            let labels = Tensor::new(&[1u32, 1], device()).unwrap();
            let loss = || softmax_cross_entropy(&logits, &labels);
            assert_close(&[scalar(loss())], &[1000.0]);
            assert_close(&gradient(loss(), &logits), &[0.5, -0.5, 0.0, 0.0]);
        }
    }

    #[test]
    fn shapes_that_differ_are_an_error() {
        let (two, three) = (var(&[0.0; 2], &[2], DType::F32), var(&[0.0; 3], &[3], DType::F32));
        for error in [mse(&two, &three), huber(&two, &three, 1.0), bernoulli_nll(&two, &three)] {
            assert!(error.unwrap_err().to_string().contains("[2] against [3]"));
        }
    }
}
