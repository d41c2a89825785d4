//! Evaluation of agents by episodes without exploration.
use crate::actions::ActionBatch;
use crate::agent::Agent;
use crate::memory;
use anyhow::Result;
use envs::{End, Env, Episode, Spec, VecEnv};
use train::{CutOff, Evaluation, Measure, Rng, Split, pulse, stream};

/// Transitions of an episode at most; without a limit a guess, by which a plan is judged too short to learn from.
pub(crate) fn longest(spec: &Spec) -> u64 {
    spec.time_limit.map_or(100, u64::from)
}

/// Episodes of an evaluation during training and at the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Episodes {
    pub(crate) eval: usize,
    pub(crate) test: usize,
}

impl Episodes {
    /// Those of an evaluation on `split`.
    pub(crate) fn of(self, split: Split) -> usize {
        match split {
            Split::Validation => self.eval,
            Split::Test => self.test,
        }
    }
}

/// Episodes played at once.
const GROUP: usize = 256;

/// Mean return of `n` episodes of `agent` without exploration. Episode `i` of a split is the same
/// whatever `n` is: its start and every draw in it come from a stream of its own.
///
/// # Errors
/// Errors of the agent; [`Interrupted`](train::Interrupted).
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
    let mut all = Vec::new();
    // In groups, so that a million episodes need no million environments.
    let at_once = memory::at_once(GROUP, &make().spec());
    for first in (0..n).step_by(at_once) {
        let group = first..n.min(first + at_once);
        let rngs = group.map(|i| stream(seed, &format!("{purpose}/{i}"))).collect();
        let tell = |finished| Ok(pulse::progress("evaluating", first + finished, n)?);
        all.extend(played(agent, make, rngs, tell)?);
    }
    let returns: Vec<f64> = all.iter().map(|(episode, _)| episode.ret).collect();
    let cut = all.iter().filter(|(_, end)| *end == End::Truncated).count();
    let spec = make().spec();
    let measure = match spec.two_returns {
        Some(two) => Measure::of_two(two, &returns),
        None => Measure::of(&returns),
    };
    let limit = spec.time_limit.filter(|_| cut > 0);
    let mut evaluation = Evaluation::maximise("return", measure);
    evaluation.cut_off = limit.map(|limit| CutOff { episodes: cut, of: n, limit });
    Ok(evaluation)
}

/// Generator of an episode's actions, where its environment draws from `rng`: a stream beside that one.
pub fn actions_rng(rng: &Rng) -> Rng {
    let mut rng = rng.clone();
    rng.set_stream(rng.get_stream().wrapping_add(1));
    rng
}

/// Plays one episode for each generator, all at once, and returns them in order.
///
/// # Errors
/// Errors of the agent; [`Interrupted`](train::Interrupted).
pub fn episodes(
    agent: &dyn Agent,
    make: &dyn Fn() -> Box<dyn Env>,
    rngs: Vec<Rng>,
) -> Result<Vec<Episode>> {
    let all = played(agent, make, rngs, |_| Ok(pulse::check()?))?;
    Ok(all.into_iter().map(|(episode, _)| episode).collect())
}

/// [`episodes`]; `tell` is called after each step with the number of finished ones, and may interrupt.
fn played(
    agent: &dyn Agent,
    make: &dyn Fn() -> Box<dyn Env>,
    rngs: Vec<Rng>,
    tell: impl Fn(usize) -> Result<()>,
) -> Result<Vec<(Episode, End)>> {
    let mut finished = vec![(Episode::default(), End::Not); rngs.len()];
    let mut drawing: Vec<Rng> = rngs.iter().map(actions_rng).collect();
    let mut playing: Vec<(usize, VecEnv)> =
        rngs.into_iter().map(|rng| VecEnv::new(vec![rng], make)).enumerate().collect();
    let (mut obs, mut going) = (Vec::new(), Vec::new());
    let mut actions = ActionBatch::new(&*make());
    while !playing.is_empty() {
        tell(finished.len() - playing.len())?;
        obs.clear();
        playing.iter().for_each(|(_, env)| obs.extend_from_slice(env.obs()));
        let envs = playing.iter().map(|(_, env)| env.env(0));
        actions.choose(agent, &obs, envs, &mut drawing)?;
        for (place, (_, env)) in playing.iter_mut().enumerate() {
            env.begin_step(0, actions.action(place));
        }
        let (mut place, mut failed) = (0, None);
        // Each plays once: going on until `n` episodes have ended would favour short ones.
        playing.retain_mut(|(i, env)| {
            let mut over = false;
            let stepped = actions.step(place, env, |transition| {
                if let Some(episode) = transition.episode {
                    (finished[*i], over) = ((episode, transition.end), true);
                }
            });
            failed = failed.take().or(stepped.err());
            place += 1;
            going.push(!over);
            !over
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        let mut going = going.drain(..);
        drawing.retain(|_| going.next() == Some(true));
    }
    Ok(finished)
}

#[cfg(test)]
mod tests;
