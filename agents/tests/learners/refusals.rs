//! Problems that can't be learned.
use super::Script;
use agents::tabular::*;
use envs::*;
use std::sync::Arc;

#[test]
fn without_a_discount_there_must_be_a_way_to_an_end() {
    let garnet = || -> Arc<dyn Mdp> { Arc::new(Garnet::new(GarnetConfig::default()).unwrap()) };
    let config = QLearningConfig { gamma: Discount::Of(1.0), ..Default::default() };
    let error = QLearning::new(Problem::of(garnet(), 100), config, 1).err().unwrap().to_string();
    assert!(error.starts_with("no action ever ends an episode from state"), "{error}");
    assert!(QLearning::new(Problem::of(garnet(), 100), Default::default(), 1).is_ok());
}

#[test]
fn an_mdp_without_actions_is_refused() {
    for (script, message) in [
        (Script(Vec::new()), "there is no action"),
        (
            Script(vec![Vec::new(), vec![(1.0, 2)]]),
            "episodes start in state 0, which has no action",
        ),
    ] {
        let problem = Problem::of(Arc::new(script), 10);
        let error = QLearning::new(problem, Default::default(), 1).err().unwrap().to_string();
        assert!(error.contains(message), "{error}");
    }
}
