//! Baselines that leave the policy gradient unbiased, and some that do not.
use super::ended::Ended;
use super::exact::{Episode, Exact, dot};
use super::sampled::Sampled;
use super::{agent, all_states, claim_of, measured, theory};
use crate::claim::Claim;
use crate::render::plot::{Panel, Scale, Stroke};
use crate::reproduce::{Findings, Setting};
use crate::wording::interval;
use agents::tabular::{Discount, DiscountedMdp};
use agents::{Baseline, Reinforce, ReinforceConfig};
use anyhow::Result;
use envs::Mdp;
use std::sync::Arc;
use train::{Interrupted, Measure, Plan, Run, RunOutcome, fit};

/// Episodes of an update: few, since a mean over them is the more biased.
const EPISODES: usize = 4;
const HORIZON: usize = 5;

/// A baseline and the bias and variance that theory gives its estimate.
struct Entry {
    name: &'static str,
    sampled: Sampled,
    /// Part of g that the mean has.
    along: f64,
    /// Exact variance, where enumeration gives it.
    variance: Option<f64>,
    how: &'static str,
}

pub(super) fn run(setting: &Setting) -> Result<Findings> {
    let mdp: Arc<dyn Mdp> = Arc::new(Ended { mdp: super::garnet()?, steps: HORIZON });
    let n = setting.pick(8_000, 800);
    let learner = |baseline| {
        let (episodes, n_envs) = (EPISODES, EPISODES);
        // Steps too small to move the policy: a V that is learned is that of the policy it is used for.
        let lr = 1e-30;
        let config =
            ReinforceConfig { baseline, episodes, n_envs, lr, ..ReinforceConfig::default() };
        agent(&mdp, None, setting.seed, config)
    };
    let mut plain = learner(Baseline::None)?;
    let exact = Exact::new(&*mdp, HORIZON, &plain)?;
    let of_update = |variance: f64| Some(variance / EPISODES as f64);
    let mut entries = vec![Entry {
        name: "none",
        sampled: Sampled::draw(&mut plain, n, &|_, _| 0.0)?,
        along: 1.0,
        variance: of_update(exact.moments(Episode::to_go).variance),
        how: "the estimate is unbiased",
    }];
    let mut mean = learner(Baseline::Mean)?;
    entries.push(Entry {
        name: "mean of update",
        sampled: Sampled::draw(&mut mean, n, &|_, _| 0.0)?,
        along: exact.along(&exact.moments(less_own_part).mean),
        variance: None,
        how: "an episode's own returns are a part of the mean that is taken off: by enumeration",
    });
    let mut learned = learner(Baseline::Value)?;
    learn(&mut learned, setting)?;
    let values = learned.values(&all_states(mdp.n_states()))?;
    let by_state = |pair: usize| f64::from(values[pair / mdp.n_actions()]);
    entries.push(Entry {
        name: "V(s), learned",
        sampled: Sampled::draw(&mut learned, n, &|_, _| 0.0)?,
        along: 1.0,
        variance: of_update(exact.moments(|episode| less(episode, &by_state)).variance),
        how: "what does not depend on the action leaves the mean",
    });
    let q = action_values(&mdp, &plain)?;
    let baseline = |obs: &[f32], action: usize| {
        let state = obs.iter().position(|observed| *observed == 1.0).unwrap_or(0);
        q[state * mdp.n_actions() + action] as f32
    };
    entries.push(Entry {
        name: "Q(s, a), exact",
        sampled: Sampled::draw(&mut plain, n, &baseline)?,
        along: 0.0,
        variance: of_update(exact.moments(|episode| less(episode, &|pair| q[pair])).variance),
        how: "G − Q(s, a) is 0 in the mean, whatever the action: nothing is left of g",
    });
    Ok(Findings { lines: lines(&entries, &exact), panels: panels(&entries, &exact) })
}

/// Learns V by the learner's own updates.
fn learn(agent: &mut Reinforce, setting: &Setting) -> Result<()> {
    let steps = setting.pick(40_000, 4_000);
    let plan =
        Plan { steps, log_every: 0, eval_every: 0, save_every: 0, target: None, patience: None };
    match fit(agent, &plan, &mut Run::default())?.outcome {
        RunOutcome::Interrupted => Err(Interrupted.into()),
        _ => Ok(()),
    }
}

/// Rewards to go less what `baseline` says of each pair of state and action, `[T]`.
fn less(episode: &Episode, baseline: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let steps = episode.to_go().into_iter().zip(&episode.steps);
    steps.map(|(ret, step)| ret - baseline(step.pair)).collect()
}

/// Rewards to go less this episode's own part of the mean over an update: the other episodes' part
/// does not depend on its actions. All episodes have as many steps.
fn less_own_part(episode: &Episode) -> Vec<f64> {
    let to_go = episode.to_go();
    let part = to_go.iter().sum::<f64>() / (EPISODES * to_go.len()) as f64;
    to_go.into_iter().map(|ret| ret - part).collect()
}

/// Q^π, `[S·A]`, of the agent's policy.
fn action_values(mdp: &Arc<dyn Mdp>, agent: &Reinforce) -> Result<Vec<f64>> {
    let scores = super::exact::Scores::new(agent, &**mdp)?;
    let problem = DiscountedMdp::new(&**mdp, Discount::Of(1.0))?;
    let policy = super::critic::policy(&scores.log_probs, &**mdp, &problem)?;
    Ok(policy.table(&problem, &policy.values(&problem)?).q)
}

fn lines(entries: &[Entry], exact: &Exact) -> Vec<Claim> {
    let mut lines = Vec::new();
    for Entry { name, sampled, along, variance, how } in entries {
        let measured = sampled.along(&exact.gradient);
        lines.push(claim_of(format!("{name}: mean along g / |g|²"), &measured, *along, how));
        if let Some(variance) = variance {
            let what = format!("{name}: variance of an update");
            lines.push(claim_of(what, &sampled.variance(), *variance, "by enumeration"));
        }
    }
    let [none, _, value, q] = entries else { return lines };
    let (first, second) = (none.sampled.variance(), value.sampled.variance());
    lines.push(
        Claim::stated(
            "variance without a baseline and with V(s), 95 % intervals",
            format!(
                "{:.3} ({}), {:.3} ({}): lower by {:.1}",
                first.mean,
                interval(&first, 3),
                second.mean,
                interval(&second, 3),
                first.mean / second.mean
            ),
            "lower with V(s)",
            second.below(&first),
        )
        .by("V(s) is most of what G is expected to be"),
    );
    for (entry, biased) in [(value, false), (q, true)] {
        lines.push(bias(entry, exact, biased));
    }
    lines
}

/// |mean − g|² beside what chance makes of it where the mean is g.
fn bias(Entry { name, sampled, .. }: &Entry, exact: &Exact, biased: bool) -> Claim {
    let mean = sampled.mean();
    let distance: f64 = mean.iter().zip(&exact.gradient).map(|(a, b)| (a - b).powi(2)).sum();
    let Measure { mean: variance, n, .. } = sampled.variance();
    let chance = variance / n as f64;
    let ratio = distance / chance;
    let bias = ((distance - chance).max(0.0) / dot(&exact.gradient, &exact.gradient)).sqrt();
    // Where the mean is g, the ratio is 1 in the mean with a deviation of at most √2.
    let (claim, holds) = match biased {
        true => ("biased: more than 1 + 4·√2", ratio > 6.66),
        false => ("not biased: at most 1 + 4·√2", ratio <= 6.66),
    };
    Claim::stated(
        format!("{name}: |mean − g|² by the variance of the mean"),
        format!("{ratio:.2}; bias {:.1} % of |g|", 100.0 * bias),
        claim,
        holds,
    )
    .by("it is 1 in the mean where there is no bias")
}

fn panels(entries: &[Entry], exact: &Exact) -> Vec<Panel> {
    let names = || Scale::Names(entries.iter().map(|entry| entry.name.to_owned()).collect());
    let placed = || entries.iter().zip(0u32..).map(|(entry, place)| (entry, f64::from(place)));
    // A short level line: what is exact holds at one place only.
    let level = |place: f64, value: f64| {
        theory("theory", [-0.3, 0.3].map(|by| (place + by, value)).to_vec())
    };
    let mean = placed().map(|(entry, place)| (place, entry.sampled.along(&exact.gradient)));
    let mut means = vec![measured("measured, 95 % interval", Stroke::Points, mean)];
    means.extend(placed().map(|(entry, place)| level(place, entry.along)));
    let variance = placed().map(|(entry, place)| (place, entry.sampled.variance()));
    let mut variances = vec![measured("measured, 95 % interval", Stroke::Points, variance)];
    let known = placed().filter_map(|(entry, place)| Some((place, entry.variance?)));
    variances.extend(known.map(|(place, variance)| level(place, variance)));
    let panel = |title: &str, y_label: &str, curves, y| Panel {
        title: title.to_owned(),
        x_label: "what is taken off the rewards to go".to_owned(),
        y_label: y_label.to_owned(),
        x: names(),
        y,
        curves,
        ..Panel::default()
    };
    vec![
        panel("Mean: how much of g is in it", "mean along g / |g|²", means, Scale::Linear),
        panel(
            "Variance of an update of 4 episodes",
            "variance, sum over parameters",
            variances,
            Scale::Logarithmic,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use train::pulse;

    #[test]
    fn the_own_part_of_a_mean_by_hand() {
        let mdp: Arc<dyn Mdp> =
            Arc::new(Ended { mdp: super::super::garnet().unwrap(), steps: HORIZON });
        let config = ReinforceConfig { baseline: Baseline::None, ..ReinforceConfig::default() };
        let exact = Exact::new(&*mdp, HORIZON, &agent(&mdp, None, 1, config).unwrap()).unwrap();
        let episode = &exact.episodes[7];
        let (to_go, weights) = (episode.to_go(), less_own_part(episode));
        let part = to_go.iter().sum::<f64>() / 20.0;
        assert!((weights[2] - (to_go[2] - part)).abs() < 1e-12);
        // The first step alone, or with half of its mean: less than all of g is left.
        let along = exact.along(&exact.moments(less_own_part).mean);
        assert!(along < 0.95 && along > 0.5, "{along}");
    }

    #[test]
    fn a_user_who_stops_is_heard() {
        let error = pulse::hearing(|| true, || run(&Setting::quick())).unwrap_err();
        assert!(error.is::<Interrupted>());
    }
}
