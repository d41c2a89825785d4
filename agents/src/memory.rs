//! Memory of learners with networks, counted before any of it is allocated.
//!
//! Numbers are of the parts that the user's numbers make large; what is small beside them is left out.
use envs::Spec;
use train::Memory;

const FLOAT: usize = size_of::<f32>();

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

/// Networks from observations to `outputs` numbers, of which `copies` are kept: as often as a parameter
/// is there, with its gradient and its moments.
fn networks(memory: &mut Memory, hidden: usize, (spec, outputs): (&Spec, usize), copies: usize) {
    let rest = inputs(spec).saturating_add(hidden).saturating_add(outputs);
    memory.part("hidden", hidden, [hidden, rest, copies, FLOAT]);
}

/// Activations and gradients of `rows` observations, whose number the hyper-parameter `named` sets, and
/// those `with` it.
fn pass(
    memory: &mut Memory,
    named: (&'static str, usize),
    with: &[(&str, usize)],
    rows: [usize; 2],
    (spec, hidden): (&Spec, usize),
) {
    let numbers =
        inputs(spec).saturating_add(spec.obs_len()).saturating_add(hidden.saturating_mul(2));
    // Each with its gradient, and a copy.
    memory.part_with(named, with, rows.into_iter().chain([numbers, 3, FLOAT]));
}

/// Inputs of the first dense layer.
fn inputs(spec: &Spec) -> usize {
    match spec.obs_shape[..] {
        [_, height, width] => 16 * height * width,
        _ => spec.obs_len(),
    }
}

/// A learner with a replay buffer, and `hidden` units in the layers of Q and of its target network.
pub(crate) fn off_policy(
    spec: &Spec,
    [replay, batch]: [usize; 2],
    bytes_of_one: usize,
    [n_envs, hidden]: [usize; 2],
) -> Memory {
    let mut memory = Memory::default();
    memory.part("replay", replay, [replay, bytes_of_one]);
    copies(&mut memory, n_envs, spec);
    // The target's parameters alone; the others with their gradient and moments.
    networks(&mut memory, hidden, (spec, spec.n_actions()), 5);
    let with = [("hidden", hidden)];
    pass(&mut memory, ("batch", batch), &with, [batch, 2], (spec, hidden));
    memory
}

/// A policy and a critic that learn from rollouts of `rollout` steps of each copy.
pub(crate) fn steps(spec: &Spec, rollout: usize, [n_envs, hidden]: [usize; 2]) -> Memory {
    let mut memory = policy_and_critic(spec, [n_envs, hidden]);
    let with = [("n_envs", n_envs), ("hidden", hidden)];
    pass(&mut memory, ("rollout", rollout), &with, [rollout, n_envs], (spec, hidden));
    memory
}

/// A policy and a critic that learn from `episodes` whole episodes, as long as they can be.
pub(crate) fn episodes(spec: &Spec, episodes: usize, [n_envs, hidden]: [usize; 2]) -> Memory {
    let mut memory = policy_and_critic(spec, [n_envs, hidden]);
    let longest = spec.time_limit.unwrap_or(1) as usize;
    let row = spec.obs_len() + spec.action_width() + 4;
    memory.part("episodes", episodes, [episodes, longest, row, FLOAT]);
    memory
}

/// Environments, and two networks with gradients and moments.
fn policy_and_critic(spec: &Spec, [n_envs, hidden]: [usize; 2]) -> Memory {
    let mut memory = Memory::default();
    copies(&mut memory, n_envs, spec);
    networks(&mut memory, hidden, (spec, spec.action_width()), 8);
    memory
}
