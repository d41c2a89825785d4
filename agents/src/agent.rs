//! What agents share: acting, and being scored.
use crate::memory;
use crate::tabular::{Model, Policy, Table};
use anyhow::{Result, bail};
use envs::{Actions, End, Env, Episode, Spec, Transition, VecEnv};
use train::{CutOff, Evaluation, Learner, Measure, Rng, Split, pulse, stream};

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

    /// The same where they are drawn: action `i` from `rngs[i]`, `[N]`, the generator of its episode.
    ///
    /// # Errors
    /// What the network reports.
    fn draw(&self, obs: &[f32], _rngs: &mut [Rng], actions: &mut [usize]) -> Result<()> {
        self.act(obs, actions)
    }

    /// The same where actions are vectors: `actions` is `[N, action_len]`, row-major.
    ///
    /// # Errors
    /// Where the agent's actions are numbered; what the network reports.
    fn act_continuous(&self, _obs: &[f32], _actions: &mut [f32]) -> Result<()> {
        bail!("this agent's actions are numbered, and those of the environment are vectors")
    }

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

/// What an agent does next, in some copies of an environment: numbered actions or vectors, as the
/// environment takes them.
pub enum Chosen {
    /// `[N]`.
    Discrete(Vec<usize>),
    /// `[N, action_len]`, row-major.
    Continuous {
        /// The vectors.
        actions: Vec<f32>,
        /// Their length.
        action_len: usize,
    },
}

impl Chosen {
    /// Room for actions of the kind that the environment takes.
    pub fn new(spec: &Spec) -> Self {
        match &spec.actions {
            Actions::Discrete(_) => Self::Discrete(Vec::new()),
            Actions::Box { low, .. } => {
                Self::Continuous { actions: Vec::new(), action_len: low.len() }
            }
        }
    }

    /// Has the agent choose for observations `[N, obs_len]`; what is drawn comes from `rngs`, `[N]`.
    ///
    /// # Errors
    /// What the agent reports.
    pub fn choose(&mut self, agent: &dyn Agent, obs: &[f32], rngs: &mut [Rng]) -> Result<()> {
        match self {
            Self::Discrete(actions) => {
                actions.resize(rngs.len(), 0);
                agent.draw(obs, rngs, actions)
            }
            Self::Continuous { actions, action_len } => {
                actions.resize(rngs.len() * *action_len, 0.0);
                agent.act_continuous(obs, actions)
            }
        }
    }

    /// Steps an environment of one copy by the action chosen for observation `i`.
    pub fn step(&self, i: usize, env: &mut VecEnv, visit: impl FnMut(Transition<'_>)) {
        match self {
            Self::Discrete(actions) => env.step(&actions[i..=i], visit),
            Self::Continuous { actions, action_len: len } => {
                env.step_continuous(&actions[i * len..(i + 1) * len], visit);
            }
        }
    }
}

/// The number of actions, for agents that choose one from a list.
///
/// # Errors
/// Where actions are vectors.
pub fn discrete_actions(spec: &Spec) -> Result<usize> {
    match &spec.actions {
        Actions::Discrete(names) => Ok(names.len()),
        Actions::Box { .. } => bail!(
            "--env: this algorithm chooses among numbered actions, and those of this environment are \
             vectors of real numbers; give an environment with numbered actions"
        ),
    }
}

/// Transitions of an episode at most; without a limit a guess, by which a plan is judged too short to learn from.
pub(crate) fn longest(spec: &Spec) -> u64 {
    spec.time_limit.map_or(100, u64::from)
}

/// Episodes played at once.
const GROUP: usize = 256;

/// Mean return of `n` episodes of `agent` without exploration. Episode `i` of a split is the same
/// whatever `n` is: its start and every draw in it come from a stream of its own.
///
/// # Errors
/// What the agent reports; [`Interrupted`](train::Interrupted).
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

/// What the actions of an episode are drawn from, where its environment draws from `rng`: a stream
/// beside that one.
pub fn actions_rng(rng: &Rng) -> Rng {
    let mut rng = rng.clone();
    rng.set_stream(rng.get_stream().wrapping_add(1));
    rng
}

/// Plays one episode for each generator, all at once, and returns them in order.
///
/// # Errors
/// What the agent reports; [`Interrupted`](train::Interrupted).
pub fn episodes(
    agent: &dyn Agent,
    make: &dyn Fn() -> Box<dyn Env>,
    rngs: Vec<Rng>,
) -> Result<Vec<Episode>> {
    let all = played(agent, make, rngs, |_| Ok(pulse::check()?))?;
    Ok(all.into_iter().map(|(episode, _)| episode).collect())
}

/// [`episodes`]; `tell` hears after each step how many are finished, and may put an end to it.
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
    let mut chosen = Chosen::new(&make().spec());
    while !playing.is_empty() {
        tell(finished.len() - playing.len())?;
        obs.clear();
        playing.iter().for_each(|(_, env)| obs.extend_from_slice(env.obs()));
        chosen.choose(agent, &obs, &mut drawing)?;
        let mut place = 0;
        // Each plays once: going on until `n` episodes have ended would favour short ones.
        playing.retain_mut(|(i, env)| {
            let mut over = false;
            chosen.step(place, env, |transition| {
                if let Some(episode) = transition.episode {
                    (finished[*i], over) = ((episode, transition.end), true);
                }
            });
            place += 1;
            going.push(!over);
            !over
        });
        let mut going = going.drain(..);
        drawing.retain(|_| going.next() == Some(true));
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::{QLearning, QLearningConfig, StepSize, Task};
    use envs::{Bandit, BanditConfig, CartPole, Pendulum};
    use train::{Checkpoint, Log, Progress};

    /// Turns against the velocity it sees.
    struct Brake;

    impl Learner for Brake {
        fn step(&mut self, _: &mut Log) -> Result<Progress> {
            Ok(Progress::Converged)
        }

        fn evaluate(&mut self, split: Split) -> Result<Evaluation> {
            evaluate(self, &|| Box::new(Pendulum::default()), 3, split, 1)
        }

        fn state(&mut self, _: &mut Checkpoint) -> Result<()> {
            Ok(())
        }
    }

    impl Agent for Brake {
        fn act(&self, _: &[f32], _: &mut [usize]) -> Result<()> {
            bail!("a brake has no numbered actions")
        }

        fn act_continuous(&self, obs: &[f32], actions: &mut [f32]) -> Result<()> {
            for (obs, action) in obs.chunks_exact(3).zip(actions) {
                *action = -obs[2];
            }
            Ok(())
        }
    }

    #[test]
    fn episodes_are_played_with_the_actions_that_the_environment_takes() {
        let make = || -> Box<dyn Env> { Box::new(Pendulum::default()) };
        let rngs = || (0..3).map(|i| stream(1, &format!("{i}"))).collect::<Vec<_>>();
        let by_hand = rngs().into_iter().map(|rng| {
            let (mut env, mut finished) = (VecEnv::new(vec![rng], &make), None);
            while finished.is_none() {
                let action = [-env.obs()[2]];
                env.step_continuous(&action, |transition| finished = transition.episode);
            }
            finished.unwrap()
        });
        let by_hand: Vec<_> = by_hand.collect();
        assert!(by_hand[0] != by_hand[1] && by_hand[0].len == 200, "{by_hand:?}");
        assert_eq!(episodes(&Brake, &make, rngs()).unwrap(), by_hand);
        let cartpole = || -> Box<dyn Env> { Box::new(CartPole::default()) };
        let refused = episodes(&Brake, &cartpole, rngs()).unwrap_err();
        assert_eq!(refused.to_string(), "a brake has no numbered actions");
    }

    #[test]
    fn the_best_arm_of_a_bandit_is_found_and_worth_its_mean() {
        let bandit = Bandit::new(BanditConfig::default()).unwrap();
        let best = bandit.means().iter().position(|mean| *mean == bandit.best()).unwrap();
        let expected = bandit.best();
        let make: MakeEnv = Box::new(move || Box::new(bandit.clone()));
        let config = QLearningConfig {
            alpha: StepSize::Visits(1.0),
            epsilon_start: 0.5,
            epsilon_end: 0.5,
            test_episodes: 10_000,
            ..QLearningConfig::default()
        };
        let mut agent = QLearning::new(Task::new(make, None).unwrap(), config, 1).unwrap();
        (0..20_000).for_each(|_| _ = agent.step(&mut Log::default()).unwrap());
        let mut chosen = [0];
        agent.act(&[1.0], &mut chosen).unwrap();
        assert_eq!(chosen, [best]);
        // Four standard errors of 10,000 episodes.
        let mean = agent.evaluate(Split::Test).unwrap().value();
        assert!((mean - expected).abs() < 0.04, "{mean}, not {expected}");
    }
}
