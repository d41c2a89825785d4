//! Memory of learners with networks, counted before any of it is allocated.
//!
//! Numbers are of the parts that the user's numbers make large; what is small beside them is left out.
use envs::Spec;
use train::Memory;

const FLOAT: usize = size_of::<f32>();

/// Sizes of the layers of a network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sizes {
    /// Width of each layer that feeds a dense one: the features of an observation, then the hidden units.
    pub(crate) widths: Vec<usize>,
    /// Numbers that convolutions, and what stands between them, put out for an observation.
    pub(crate) maps: usize,
}

/// Bytes of one copy of an environment: its observations, and the names of its actions.
fn copy(spec: &Spec) -> usize {
    const NAME: usize = 64;
    const REST: usize = 1 << 10;
    let shown = spec.obs_len().saturating_mul(4 * FLOAT);
    spec.n_actions().saturating_mul(NAME).saturating_add(shown).saturating_add(REST)
}

/// Environments stepped together.
fn copies(memory: &mut Memory, n_envs: usize, spec: &Spec) {
    memory.part("n_envs", n_envs, [n_envs, copy(spec)]);
}

/// Number of episodes played at once: at most `most`, and few enough for their environments to take
/// little memory.
pub(crate) fn at_once(most: usize, spec: &Spec) -> usize {
    const LITTLE: usize = 1 << 26;
    (LITTLE / copy(spec)).clamp(1, most)
}

/// Networks from layers of these `widths` to `outputs` numbers, of which `copies` are kept: as often as a
/// parameter is there, with its gradient and its moments.
fn networks(memory: &mut Memory, widths: &[usize], outputs: usize, copies: usize) {
    let next = widths.iter().skip(1).copied().chain([outputs]);
    let products = widths.iter().zip(next).map(|(inputs, outputs)| inputs.saturating_mul(outputs));
    let weights = products.fold(0, usize::saturating_add);
    memory.part("hidden", widest(widths), [weights, copies, FLOAT]);
}

/// Units of the widest hidden layer, 0 where there is none.
fn widest(widths: &[usize]) -> usize {
    widths.iter().skip(1).copied().max().unwrap_or(0)
}

/// Activations and gradients of `rows` observations, whose number the hyper-parameter `named` sets, and
/// those `with` it.
fn pass(
    memory: &mut Memory,
    named: (&'static str, usize),
    with: &[(&str, usize)],
    rows: [usize; 2],
    (spec, sizes): (&Spec, &Sizes),
) {
    let outputs = spec.n_actions(); // and their masks
    let before = spec.obs_len().saturating_add(sizes.maps).saturating_add(outputs);
    let numbers = sizes.widths.iter().copied().fold(before, usize::saturating_add);
    // Each with its gradient, and a copy.
    memory.part_with(named, with, rows.into_iter().chain([numbers, 3, FLOAT]));
}

/// A learner with a replay buffer, and `layers` in Q and in its target network: the features of an
/// observation, then hidden units, then `k` outputs for each action; a layer is there `times` times.
pub(crate) fn off_policy(
    spec: &Spec,
    [replay, batch]: [usize; 2],
    bytes_of_one: usize,
    (n_envs, layers): (usize, &Sizes),
    [k, times]: [usize; 2],
) -> Memory {
    let mut memory = Memory::default();
    memory.part("replay", replay, [replay, bytes_of_one]);
    copies(&mut memory, n_envs, spec);
    // The target's parameters alone; the others with their gradient and moments.
    networks(&mut memory, &layers.widths, spec.n_actions().saturating_mul(k), 5 * times);
    let with = [("hidden", widest(&layers.widths))];
    pass(&mut memory, ("batch", batch), &with, [batch, 2], (spec, layers));
    if k > 1 {
        // Every atom against every other, in ten steps of the loss and their gradients.
        memory.part_with(("batch", batch), &[("atoms", k)], [batch, k, k, 10, FLOAT]);
    }
    memory
}

/// Features of every row, and the hidden units after them, once for each of K fractions: in `[batch, K]` rows.
pub(crate) fn fractions(memory: &mut Memory, [batch, k]: [usize; 2], layers: &Sizes) {
    let widths = layers.widths.iter().rev().take(2);
    let numbers = widths.copied().fold(0, usize::saturating_add);
    let with = [("atoms", k), ("hidden", widest(&layers.widths))];
    // Embeddings, products, activations and their gradients, and what the layers compute with.
    memory.part_with(("batch", batch), &with, [batch, k, numbers, 7, FLOAT]);
}

/// A policy and a critic that learn from rollouts of `rollout` steps of each copy.
pub(crate) fn steps(spec: &Spec, rollout: usize, n_envs: usize, layers: &Sizes) -> Memory {
    let mut memory = policy_and_critic(spec, n_envs, layers);
    let with = [("n_envs", n_envs), ("hidden", widest(&layers.widths))];
    pass(&mut memory, ("rollout", rollout), &with, [rollout, n_envs], (spec, layers));
    memory
}

/// A policy and a critic that learn from `episodes` whole episodes, as long as they can be.
pub(crate) fn episodes(spec: &Spec, episodes: usize, n_envs: usize, layers: &Sizes) -> Memory {
    let mut memory = policy_and_critic(spec, n_envs, layers);
    let longest = spec.time_limit.unwrap_or(1) as usize;
    let row = spec.obs_len() + spec.action_width() + spec.n_actions() + 4;
    memory.part("episodes", episodes, [episodes, longest, row, FLOAT]);
    memory
}

/// Environments, and two networks with gradients and moments.
fn policy_and_critic(spec: &Spec, n_envs: usize, layers: &Sizes) -> Memory {
    let mut memory = Memory::default();
    copies(&mut memory, n_envs, spec);
    networks(&mut memory, &layers.widths, spec.action_width(), 8);
    memory
}
