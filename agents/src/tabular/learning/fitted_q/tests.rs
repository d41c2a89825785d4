use super::*;
use crate::tabular::discount::Discount;

#[test]
fn targets_by_hand() {
    let make: crate::MakeEnv = Box::new(|| Box::new(envs::Catch::default()) as Box<dyn Env>);
    let config = FittedQConfig { gamma: Discount::Of(0.5), ..Default::default() };
    let mut learner = FittedQ::new(Problem { make, mdp: None }, config, 1).unwrap();
    learner.weights = vec![1.0, 2.0, 8.0, 4.0, 5.0, 6.0];
    learner.samples.rewards = vec![1.0, 1.0, 1.0];
    learner.samples.next.push([(0, 1.0)].into_iter());
    learner.samples.next.push([].into_iter());
    learner.samples.next.push([(1, 1.0)].into_iter());
    learner.samples.unavailable = vec![(0, 2), (2, 0), (2, 2)];
    assert_eq!(learner.targets(), [2.0, 1.0, 3.5]);
}
