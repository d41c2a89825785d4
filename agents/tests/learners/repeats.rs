//! Equal seeds give equal bits, and a resumed run those of one that never stopped.
use super::{best_policy, grid, learners};
use agents::MakeEnv;
use agents::tabular::*;
use anyhow::Result;
use envs::*;
use train::Learner;
use train::testing::{resume_changes_nothing, same_seed_same_bits, trained};

#[test]
fn same_bits_and_resumes() {
    let catch = || {
        let make: MakeEnv = Box::new(|| Box::new(Catch::default()));
        Problem::new(make, None).unwrap()
    };
    for (name, make) in learners() {
        let problems: [&dyn Fn() -> Problem; 2] = [&|| Problem::of(grid(Layout::Aima), 30), &catch];
        for problem in problems {
            let make = || -> Result<Box<dyn Learner>> { Ok(make(problem(), 3)?) };
            let dir = tempfile::tempdir().unwrap();
            same_seed_same_bits(&make, 500).unwrap_or_else(|why| panic!("{name}: {why:#}"));
            let resumed = resume_changes_nothing(&make, 203, 500, dir.path());
            resumed.unwrap_or_else(|why| panic!("{name}: {why:#}"));
        }
    }
}

#[test]
fn fitted_values_repeat_and_resume() {
    let grid = || Problem::of(grid(Layout::Aima), 30);
    let poles = || Problem::of_any_obs(Box::new(|| Box::new(CartPole::default())), None);
    let catch = || Problem::of_any_obs(Box::new(|| Box::new(Catch::default())), None);
    let problems: [(&dyn Fn() -> Problem, Approximation); 4] = [
        (&grid, Approximation::Table),
        (&catch, Approximation::Table),
        (&grid, Approximation::Linear),
        (&poles, Approximation::Linear),
    ];
    for (problem, values) in problems {
        let make = || -> Result<Box<dyn Learner>> {
            let config = FittedQConfig { values, samples: 500, ..Default::default() };
            Ok(Box::new(FittedQ::new(problem(), config, 1)?))
        };
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(&make, 9).unwrap();
        resume_changes_nothing(&make, 4, 9, dir.path()).unwrap();
    }
    // Stopped where it has converged, it does not go on.
    let make = || -> Result<Box<dyn Learner>> {
        Ok(Box::new(FittedQ::new(grid(), FittedQConfig { samples: 500, ..Default::default() }, 1)?))
    };
    let converged = trained(&make, &[1_000], None).unwrap().0.steps;
    let dir = tempfile::tempdir().unwrap();
    assert!(converged < 1_000);
    resume_changes_nothing(&make, converged, 1_000, dir.path()).unwrap();
    let error = FittedQ::new(poles(), Default::default(), 1).err().unwrap().to_string();
    assert!(error.starts_with("--values table: the observations"), "{error}");
}

#[test]
fn real_numbers_have_linear_values() {
    let make = || -> Result<Box<dyn Learner>> {
        let problem = Problem::of_any_obs(Box::new(|| Box::new(CartPole::default())), None);
        let config = LinearQConfig { epsilon_start: 1.0, epsilon_steps: 900, ..Default::default() };
        Ok(Box::new(LinearQ::new(problem, config, 1)?))
    };
    let dir = tempfile::tempdir().unwrap();
    same_seed_same_bits(&make, 900).unwrap();
    resume_changes_nothing(&make, 403, 900, dir.path()).unwrap();
}

#[test]
fn what_needs_known_outcomes_repeats_and_resumes() {
    let problem = || Problem::of(grid(Layout::Aima), 30);
    let policies = tempfile::tempdir().unwrap();
    let best = best_policy(&grid(Layout::Aima), policies.path());
    type Make<'a> = &'a dyn Fn() -> Result<Box<dyn Learner>>;
    let makes: [Make<'_>; 6] = [
        &|| Ok(Box::new(Td::new(problem(), TdConfig { n: 3, ..Default::default() }, 1)?)),
        &|| Ok(Box::new(Td::new(problem(), TdConfig { lambda: 0.9, ..Default::default() }, 1)?)),
        &|| Ok(Box::new(McPrediction::new(problem(), Default::default(), 1)?)),
        &|| {
            let (policy, behaviour) = (best.clone(), Behaviour::Other(PolicyName::Uniform));
            let config = McPredictionConfig { policy, behaviour, ..Default::default() };
            Ok(Box::new(McPrediction::new(problem(), config, 1)?))
        },
        // All returns count, so that every weight shows.
        &|| {
            let behaviour = Behaviour::Other(PolicyName::Uniform);
            let config = McPredictionConfig { behaviour, ..Default::default() };
            Ok(Box::new(McPrediction::new(problem(), config, 1)?))
        },
        &|| {
            let method = MonteCarloMethod::ExploringStarts;
            let config = MonteCarloConfig { method, ..Default::default() };
            Ok(Box::new(MonteCarlo::new(problem(), config, 1)?))
        },
    ];
    for make in makes {
        let dir = tempfile::tempdir().unwrap();
        same_seed_same_bits(make, 500).unwrap();
        resume_changes_nothing(make, 203, 500, dir.path()).unwrap();
    }
}
