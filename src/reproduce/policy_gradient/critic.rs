//! The critic of actor-critic comes to the exact value of the policy it watches.
//!
//! The policy learns on a slower time scale, as convergence asks for (Konda & Tsitsiklis 2000,
//! "Actor-Critic Algorithms"): with one optimiser for both, --value-coef says how much slower. The
//! exact values are those of the policy at the time.
//!
//! Each looks one step ahead (λ = 0). What Q learns from, r + γ·Σ π(a|s')·Q(s', a), has no chance in it
//! where the grid has none, so that it comes as near as numbers go; what V learns from has the chance
//! of the action, which is averaged out as 1/√n at best.
use super::{all_states, theory};
use crate::claim::Claim;
use crate::render::plot::{Curve, Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use agents::policy_head;
use agents::tabular::{Choice, Discount, DiscountedMdp, Policy, Table};
use agents::{ActorCritic, ActorCriticConfig, Agent as _, Critic, MakeEnv, OptimizerName};
use anyhow::{Context as _, Result};
use candle_core::{Device, Tensor};
use envs::{GridConfig, GridWorld, Layout, Mdp, MdpEnv};
use std::sync::Arc;
use train::{Interrupted, Measure, Plan, Run, RunOutcome, fit, pulse};

/// Factor by which the policy's learning rate is lower than the critic's.
const SLOWER: f64 = 1e8;
const SEEDS: u64 = 3;
/// Moments at which critic and policy are compared.
const EVALUATIONS: u64 = 25;

/// A critic beside the exact values: error at each moment, and the pairs `(exact, learned)` at last.
struct CriticRun {
    errors: Vec<(f64, f64)>,
    pairs: Vec<(f64, f64)>,
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let grid = GridConfig::of(Layout::Sutton4x4);
    let mdp: Arc<dyn Mdp> = Arc::new(GridWorld::new(&grid).map_err(anyhow::Error::msg)?);
    let mut error = Panel {
        title: format!("Error of the critic, {SEEDS} seeds: mean and range"),
        x_label: "transitions".to_owned(),
        y_label: "RMS distance to the exact values".to_owned(),
        y: Scale::Logarithmic,
        ..Panel::default()
    };
    let mut learned = Panel {
        title: "After the last transition".to_owned(),
        x_label: "exact value of the policy".to_owned(),
        y_label: "what the critic says".to_owned(),
        ..Panel::default()
    };
    let mut lines = Vec::new();
    let kinds = [
        // The learning rate at first: less where there is noise to be averaged out.
        (Critic::Q, "Q(s, a)", 0.05, setting.pick(0.001, 0.05)),
        (Critic::Advantage, "V(s)", setting.pick(0.003, 0.01), setting.pick(0.03, 0.25)),
    ];
    for (critic, name, lr, most) in kinds {
        let runs = setting.seeds(SEEDS).map(|seed| watch(&mdp, (critic, lr), seed, setting));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        lines.push(claim_of(name, &runs, most));
        let rows = (0..runs[0].errors.len()).map(|i| {
            let errors: Vec<_> = runs.iter().map(|run| run.errors[i].1).collect();
            let Measure { mean, .. } = Measure::of(&errors);
            ((runs[0].errors[i].0, mean), bounds(errors.into_iter()))
        });
        let (points, bars) = rows.unzip();
        let (label, stroke) = (name.to_owned(), Stroke::Marked);
        error.curves.push(Curve { label: label.clone(), points, bars, stroke, ..Curve::default() });
        let (points, stroke) = (runs[0].pairs.clone(), Stroke::Points);
        learned.curves.push(Curve { label, points, stroke, ..Curve::default() });
    }
    let points = learned.curves.iter().flat_map(|curve| &curve.points);
    let ends = bounds(points.map(|point| point.0)).map(|end| (end, end));
    learned.curves.push(theory("theory", ends.to_vec()));
    Ok(Findings { lines, panels: vec![error, learned] })
}

fn watch(
    mdp: &Arc<dyn Mdp>,
    (critic, lr): (Critic, f64),
    seed: u64,
    setting: &Setting,
) -> Result<CriticRun> {
    let steps: u64 = setting.pick(1_000_000, 160_000);
    let config = ActorCriticConfig {
        gamma: 1.0,
        critic,
        rollout: 5,
        n_envs: 64,
        lambda: 0.0,
        optimizer: OptimizerName::Sgd,
        lr: lr / SLOWER,
        value_coef: SLOWER,
        lr_end: 0.01,
        lr_steps: steps,
        max_grad_norm: 0.0,
        // The loop ends with an evaluation, which nobody looks at.
        test_episodes: 1,
        ..ActorCriticConfig::default()
    };
    let played = Arc::clone(mdp);
    let make: MakeEnv = Box::new(move || Box::new(MdpEnv::new(Arc::clone(&played), Some(1_000))));
    let mut agent = ActorCritic::new(make, config, seed, &Device::Cpu)?;
    let problem = DiscountedMdp::new(&**mdp, Discount::Of(1.0))?;
    let mut watched = CriticRun { errors: Vec::new(), pairs: Vec::new() };
    let part = steps / EVALUATIONS;
    let plan = Plan {
        steps: part,
        log_every: 0,
        eval_every: 0,
        save_every: 0,
        target: None,
        patience: None,
    };
    for moment in 0..=EVALUATIONS {
        pulse::tell("training", moment as usize, EVALUATIONS as usize);
        if moment > 0 {
            let report = fit(&mut agent, &plan, &mut Run::default())?;
            if report.outcome == RunOutcome::Interrupted {
                return Err(Interrupted.into());
            }
        }
        watched.pairs = beside(&agent, critic, &**mdp, &problem)?;
        let squares = watched.pairs.iter().map(|(exact, learned)| (exact - learned).powi(2));
        let error = (squares.sum::<f64>() / watched.pairs.len() as f64).sqrt();
        watched.errors.push(((moment * part) as f64, error));
    }
    Ok(watched)
}

/// The exact value of the present policy and what the critic says of it, for every state, or every
/// pair of state and action.
fn beside(
    agent: &ActorCritic,
    critic: Critic,
    mdp: &dyn Mdp,
    problem: &DiscountedMdp,
) -> Result<Vec<(f64, f64)>> {
    let (states, actions) = (mdp.n_states(), mdp.n_actions());
    let log_probs = log_probs(&agent.policy(&all_states(states))?, states, actions)?;
    let policy = policy(&log_probs, mdp, problem)?;
    let Table { values, q, .. } = policy.table(problem, &policy.values(problem)?);
    let learned = agent.table(&problem.model)?.context("actor-critic has a table")?;
    let acted_in = |state: &usize| !problem.model.pairs(*state).is_empty();
    Ok(match critic {
        Critic::Advantage => {
            let states = (0..states).filter(acted_in);
            states.map(|state| (values[state], learned.values[state])).collect()
        }
        Critic::Q => {
            let known = q.into_iter().zip(learned.q);
            known.filter(|(exact, learned)| !exact.is_nan() && !learned.is_nan()).collect()
        }
    })
}

/// log π(a|s), `[S·A]`, of a policy for all states.
fn log_probs(
    policy: &policy_head::ActionDistribution,
    states: usize,
    actions: usize,
) -> Result<Vec<f64>> {
    let mut all = vec![0.0; states * actions];
    for action in 0..actions {
        let taken = Tensor::full(action as f32, (states, 1), &Device::Cpu)?;
        let column: Vec<f32> = policy.log_prob(&taken)?.to_vec1()?;
        for (state, log_prob) in column.into_iter().enumerate() {
            all[state * actions + action] = f64::from(log_prob);
        }
    }
    Ok(all)
}

/// The policy that has these log-probabilities, `[S·A]`; terminal states have none.
pub(super) fn policy(log_probs: &[f64], mdp: &dyn Mdp, problem: &DiscountedMdp) -> Result<Policy> {
    let choice = |(state, row): (usize, &[f64])| {
        let total: f64 = row.iter().map(|log_prob| log_prob.exp()).sum();
        let probs = row.iter().map(|log_prob| log_prob.exp() / total).collect();
        (!problem.model.pairs(state).is_empty()).then_some(Choice::Probabilities(probs))
    };
    let choices: Vec<_> = log_probs.chunks(mdp.n_actions()).enumerate().map(choice).collect();
    Policy::of(&choices, mdp, &problem.model)
}

/// The least and the greatest.
fn bounds(numbers: impl Iterator<Item = f64>) -> [f64; 2] {
    let wider = |[low, high]: [f64; 2], number: f64| [low.min(number), high.max(number)];
    numbers.fold([f64::INFINITY, f64::NEG_INFINITY], wider)
}

/// Distance of critics from the true values, as a part of the range of the values.
fn claim_of(name: &str, runs: &[CriticRun], most: f64) -> Claim {
    let [low, high] = bounds(runs[0].pairs.iter().map(|pair| pair.0));
    let last = |run: &CriticRun| run.errors.last().map_or(f64::NAN, |(_, error)| *error);
    let errors: Vec<_> = runs.iter().map(last).collect();
    let Measure { mean, .. } = Measure::of(&errors);
    let [least, greatest] = bounds(errors.into_iter());
    let part = mean / (high - low);
    let first = runs[0].errors.first().map_or(f64::NAN, |(_, error)| *error);
    let steps = runs[0].errors.last().map_or(0.0, |(steps, _)| *steps);
    Claim::stated(
        format!("{name}: RMS distance to the exact values after {steps} transitions"),
        format!(
            "{mean:.2e} ({least:.2e} to {greatest:.2e} with {SEEDS} seeds), {:.4} % of their range; \
             {first:.1} at first",
            100.0 * part
        ),
        &format!("less than {} % of their range, {low:.2} to {high:.2}", 100.0 * most),
        part < most,
    )
    .by("the critic's fixed point is the value of the policy: linear equations, solved")
}

#[cfg(test)]
mod tests {
    use super::*;
    use agents::policy_head::Categorical;

    /// Without training, a critic is beside the point; the exact values are those of the book.
    #[test]
    fn exact_values_are_those_of_the_policy() {
        let grid = GridConfig::of(Layout::Sutton4x4);
        let mdp = GridWorld::new(&grid).unwrap();
        let problem = DiscountedMdp::new(&mdp, Discount::Of(1.0)).unwrap();
        let log_probs = vec![0.25f64.ln(); mdp.n_states() * 4];
        let policy = policy(&log_probs, &mdp, &problem).unwrap();
        let values = policy.values(&problem).unwrap();
        // Figure 4.1 of Sutton & Barto, the equiprobable policy in the end.
        let expected = [0.0, -14.0, -20.0, -22.0, -14.0, -18.0, -20.0, -20.0];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{values:?}");
        }
    }

    #[test]
    fn log_probabilities_are_by_state_then_action() {
        let logits = Tensor::new(&[[0f32, 3f32.ln()], [0.0, 0.0]], &Device::Cpu).unwrap();
        let policy =
            policy_head::ActionDistribution::Categorical(Categorical::new(&logits).unwrap());
        let probs: Vec<f64> = log_probs(&policy, 2, 2).unwrap().into_iter().map(f64::exp).collect();
        let expected = [0.25, 0.75, 0.5, 0.5];
        assert!(probs.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{probs:?}");
    }
}
