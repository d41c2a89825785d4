//! Episodes of a trained agent: played, and recorded as an animation.
use crate::render::gif::Animation;
use agents::{ActionBatch, Agent, MakeEnv, actions_rng};
use anyhow::Result;
use envs::{Rgb, Spec, Transition, VecEnv};
use train::Rng;

/// Plays one episode in an environment of one copy, drawing actions, where they are drawn, from `rng`,
/// and showing `visit` each transition until it is over or `visit` has had enough.
pub(crate) fn play(
    agent: &dyn Agent,
    env: &mut VecEnv,
    mut rng: Rng,
    mut visit: impl FnMut(&Transition<'_>) -> Result<bool>,
) -> Result<()> {
    let mut actions = ActionBatch::new(env.env(0));
    loop {
        let copy = std::iter::once(env.env(0));
        actions.choose(agent, env.obs(), copy, std::slice::from_mut(&mut rng))?;
        let mut on = Ok(true);
        actions.step(0, env, |transition| {
            on = visit(&transition).map(|on| on && transition.episode.is_none());
        })?;
        if !on? {
            return Ok(());
        }
    }
}

/// Adds the first frames of an episode to an animation, at most `most` of the environment and its first
/// frame: whether the episode came to its end.
pub(crate) fn record(
    (agent, make): (&dyn Agent, &MakeEnv),
    rng: Rng,
    most: &dyn Fn(&Spec, &Rgb) -> usize,
    animation: &mut Animation,
) -> Result<bool> {
    let drawn_from = actions_rng(&rng);
    let mut env = VecEnv::new(vec![rng], make);
    let first = env.env(0).render();
    let frames = most(env.spec(), &first);
    animation.push(first)?;
    let (mut shown, mut over) = (1, false);
    if shown < frames {
        play(agent, &mut env, drawn_from, |transition| {
            animation.push(transition.env.render())?;
            (shown, over) = (shown + 1, transition.episode.is_some());
            Ok(shown < frames)
        })?;
    }
    Ok(over)
}
