//! Actions that a state has, for agents whose network has an output for every action.
use candle_core::{Device, Result, Tensor};
use envs::Env;
use rand::Rng as _;
use train::Rng;

/// Added to the value, or the logit, of an action that is not allowed. It is finite: a terminal state allows none, and
/// its value times a discount of 0 has to be 0.
const REFUSED: f32 = -1e30;

/// For each of `n` actions, if `env` allows it now.
pub(crate) fn allowed(env: &dyn Env, n: usize) -> impl Iterator<Item = bool> {
    (0..n).map(|action| env.allows(action))
}

/// The number that is added to the value of an action: 0 if it is allowed.
pub(crate) fn added(allowed: bool) -> f32 {
    if allowed { 0.0 } else { REFUSED }
}

/// Numbers to add to values, or logits, of `actions` actions for each row of bytes `allowed`, which are 1 where the action
/// is allowed: `[N, A]`.
pub(crate) fn tensor(allowed: &[u8], actions: usize, device: &Device) -> Result<Tensor> {
    let rows = allowed.len() / actions;
    let added: Vec<f32> = allowed.iter().map(|&allowed| added(allowed == 1)).collect();
    Tensor::from_vec(added, (rows, actions), device)
}

/// Adds to logits `[N, A]` for each of the bytes `allowed`: as many, or none where all actions are allowed.
pub(crate) fn add(logits: &mut [f32], allowed: &[u8]) {
    logits.iter_mut().zip(allowed).for_each(|(logit, &allowed)| *logit += added(allowed == 1));
}

/// Values or logits `[N, A]` with numbers `masks` `[N, A]` added, where there are some.
pub(crate) fn with(values: Tensor, masks: Option<&Tensor>) -> Result<Tensor> {
    masks.map_or(Ok(values.clone()), |masks| values + masks)
}

/// Values `[N, A]` in which an action that is not allowed is worse than every other; `allowed` is `[N, A]`, or `None`
/// where all are.
pub(crate) fn masked(values: Tensor, allowed: Option<&[bool]>) -> Result<Tensor> {
    let Some(allowed) = allowed else { return Ok(values) };
    let added: Vec<f32> = allowed.iter().map(|&allowed| added(allowed)).collect();
    &values + Tensor::from_vec(added, values.shape(), values.device())?
}

/// One of the actions that are allowed, all equally probable; `allowed` is `[A]` and has one.
pub(crate) fn random(allowed: &[bool], rng: &mut Rng) -> usize {
    let place = rng.random_range(0..allowed.iter().filter(|allowed| **allowed).count());
    let mut actions = allowed.iter().enumerate().filter(|(_, allowed)| **allowed);
    actions.nth(place).map_or(0, |(action, _)| action)
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::D;
    use train::stream;
    use train::testing::device;

    #[test]
    fn what_is_not_allowed_is_never_the_best_and_never_drawn() {
        let values = Tensor::new(&[[-5f32, 9.0, -7.0], [1.0, 2.0, 3.0]], device()).unwrap();
        let allowed = [true, false, true, false, true, false];
        let values = masked(values, Some(&allowed)).unwrap();
        assert_eq!(values.argmax(D::Minus1).unwrap().to_vec1::<u32>().unwrap(), [0, 1]);
        assert_eq!(values.max(D::Minus1).unwrap().to_vec1::<f32>().unwrap(), [-5.0, 2.0]);
        let mut rng = stream(1, "test");
        let drawn: Vec<_> = (0..1_000).map(|_| random(&allowed[..3], &mut rng)).collect();
        let first = drawn.iter().filter(|action| **action == 0).count();
        assert!(drawn.iter().all(|action| *action != 1) && (400..600).contains(&first), "{first}");
    }
}
