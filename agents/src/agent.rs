//! What agents share: acting, and being scored.
use crate::tabular::{Model, Policy, Table};
use anyhow::Result;
use envs::{Env, Episode, VecEnv};
use train::{Evaluation, Learner, Rng, Split, stream};

/// Makes one more copy of an environment.
pub type MakeEnv = Box<dyn Fn() -> Box<dyn Env>>;

/// A learner that acts in an environment.
pub trait Agent: Learner {
    /// Writes the actions the agent would take if it no longer explored: `actions` is `[N]`, `obs`
    /// `[N, obs_len]`.
    ///
    /// # Errors
    /// What the network reports.
    fn act(&self, obs: &[f32], actions: &mut [usize]) -> Result<()>;

    /// What the agent thinks of every state of the MDP it acts in, whose states are seen one-hot;
    /// `None` where it has no values.
    ///
    /// # Errors
    /// What the network reports.
    fn table(&self, _model: &Model) -> Result<Option<Table>> {
        Ok(None)
    }

    /// The policy of which the agent learns what it is worth; `None` where it looks for the best.
    fn evaluates(&self) -> Option<&Policy> {
        None
    }
}

/// Episodes played at once.
const GROUP: usize = 256;

/// Mean return of `n` episodes of `agent` without exploration. Episode `i` of a split is the same
/// whatever `n` is: its start and every draw in it come from a stream of its own.
///
/// # Errors
/// What the agent reports.
pub fn evaluate(
    agent: &dyn Agent,
    make: &dyn Fn() -> Box<dyn Env>,
    n: usize,
    split: Split,
    seed: u64,
) -> Result<Evaluation> {
    let purpose = match split {
        Split::Validation => "validation",
        Split::Test => "test",
    };
    let mut returns = Vec::new();
    // In groups, so that a million episodes need no million environments.
    for first in (0..n).step_by(GROUP) {
        let group = first..n.min(first + GROUP);
        let rngs = group.map(|i| stream(seed, &format!("{purpose}/{i}"))).collect();
        returns.extend(episodes(agent, make, rngs)?.iter().map(|episode| episode.ret));
    }
    Ok(Evaluation::of("return", &returns))
}

/// Plays one episode for each generator, all at once, and returns them in order.
///
/// # Errors
/// What the agent reports.
pub fn episodes(
    agent: &dyn Agent,
    make: &dyn Fn() -> Box<dyn Env>,
    rngs: Vec<Rng>,
) -> Result<Vec<Episode>> {
    let mut finished = vec![Episode::default(); rngs.len()];
    let mut playing: Vec<(usize, VecEnv)> =
        rngs.into_iter().map(|rng| VecEnv::new(vec![rng], make)).enumerate().collect();
    let (mut obs, mut actions) = (Vec::new(), Vec::new());
    while !playing.is_empty() {
        obs.clear();
        playing.iter().for_each(|(_, env)| obs.extend_from_slice(env.obs()));
        actions.resize(playing.len(), 0);
        agent.act(&obs, &mut actions)?;
        let mut taken = actions.iter();
        // Each plays once: going on until `n` episodes have ended would favour short ones.
        playing.retain_mut(|(i, env)| {
            let mut over = false;
            if let Some(action) = taken.next() {
                env.step(std::slice::from_ref(action), |transition| {
                    if let Some(episode) = transition.episode {
                        (finished[*i], over) = (episode, true);
                    }
                });
            }
            !over
        });
    }
    Ok(finished)
}
