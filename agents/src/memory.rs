//! What learners with networks take of the machine's memory, counted before any of it is taken.
//!
//! Numbers are of the parts that the user's numbers make large; what is small beside them is left out.
use envs::Spec;
use train::Memory;

const FLOAT: usize = size_of::<f32>();

/// Bytes of one copy of an environment: what it shows, and the names of its actions.
fn copy(spec: &Spec) -> usize {
    const NAME: usize = 64;
    const REST: usize = 1 << 10;
    let shown = spec.obs_len().saturating_mul(4 * FLOAT);
    spec.n_actions().saturating_mul(NAME).saturating_add(shown).saturating_add(REST)
}

/// Environments stepped together.
pub(crate) fn copies(memory: &mut Memory, n_envs: usize, spec: &Spec) {
    memory.part("n_envs", n_envs, [n_envs, copy(spec)]);
}

/// How many episodes may be played at once, at most `most`, so that their environments take little.
pub(crate) fn at_once(most: usize, spec: &Spec) -> usize {
    const LITTLE: usize = 1 << 26;
    (LITTLE / copy(spec)).clamp(1, most)
}

/// Networks from observations to `outputs` numbers, of which `copies` are kept: as often as a parameter
/// is there, with its gradient and its moments.
pub(crate) fn networks(
    memory: &mut Memory,
    hidden: usize,
    (spec, outputs): (&Spec, usize),
    copies: usize,
) {
    let rest = inputs(spec).saturating_add(hidden).saturating_add(outputs);
    memory.part("hidden", hidden, [hidden, rest, copies, FLOAT]);
}

/// What becomes of `rows` observations on their way through a network and back, which the
/// hyper-parameter that is `named` makes so many, and those `with` it.
pub(crate) fn pass(
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

/// Numbers that the first dense layer is shown.
fn inputs(spec: &Spec) -> usize {
    match spec.obs_shape[..] {
        [_, height, width] => 16 * height * width,
        _ => spec.obs_len(),
    }
}
