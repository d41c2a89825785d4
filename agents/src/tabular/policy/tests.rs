use super::*;
use crate::tabular::{Discount, PolicyName};
use envs::{GridConfig, GridWorld, Layout};
use train::stream;

fn tiny() -> GridWorld {
    GridWorld::new(&GridConfig::of(Layout::Tiny)).unwrap()
}

/// `tiny` from the top: exit −10, start, exit 10, end; actions up, down, left, right, exit.
fn read(policy: &str) -> Result<Policy> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.json");
    std::fs::write(&path, format!("{{\"policy\": {policy}, \"states\": []}}")).unwrap();
    PolicyName::File(path).read("policy", &tiny(), &Model::new(&tiny()).unwrap())
}

#[test]
fn reads_actions_and_probabilities() {
    let model = Model::new(&tiny()).unwrap();
    let policy = read("[4, [0.25, 0.75, 0, 0, 0], 4, null]").unwrap();
    assert_eq!(policy.probs, [1.0, 0.25, 0.75, 0.0, 0.0, 1.0]);
    let sampled = Choice::Probabilities(vec![0.25, 0.75, 0.0, 0.0, 0.0]);
    let choices = [0, 1, 3].map(|state| policy.choice(&model, state));
    assert_eq!(choices, [Some(Choice::Action(4)), Some(sampled), None]);
    let uniform = PolicyName::Uniform.read("policy", &tiny(), &model).unwrap();
    assert_eq!(uniform.probs, [1.0, 0.25, 0.25, 0.25, 0.25, 1.0]);
    let mut rng = stream(1, "test");
    let ups = (0..10_000).filter(|_| policy.draw(&model, 1, &mut rng) == Some(0)).count();
    assert!((2_350..2_650).contains(&ups), "{ups}");
    assert_eq!(policy.draw(&model, 3, &mut rng), None);
}

#[test]
fn what_does_not_fit_is_explained() {
    for (policy, why) in [
        ("[4, 0, 4]", "the policy is for 3 states, there are 4"),
        (
            "[4, 4, 4, null]",
            "state (1,2) (1): action 4 is not available; it has the actions 0 up, 1 down, \
             2 left, 3 right",
        ),
        ("[4, null, 4, null]", "state (1,2) (1): no action is given; it has the actions 0 up"),
        ("[4, 0, 4, 4]", "action 4 is not available; it has no action"),
        ("[4, [1, 0], 4, null]", "2 probabilities, 5 are expected"),
        ("[4, [0.5, 0, 0, 0, 0], 4, null]", "are no probabilities: they sum to 0.5, not to 1"),
        ("[4, [2, -1, 0, 0, 0], 4, null]", "are no probabilities"),
        ("[4, [0, 0, 0, 0, 1], 4, null]", "state (1,2) (1): action 4 is not available"),
        ("7", "`policy`, a list by state, is expected in a JSON object"),
    ] {
        let error = read(policy).unwrap_err();
        assert!(error.is::<BadValue>());
        let message = error.to_string();
        assert!(message.starts_with("--policy ") && message.contains(why), "{message}");
    }
    let none = PolicyName::File("no/such.json".into());
    let error = none.read("behaviour", &tiny(), &Model::new(&tiny()).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("--behaviour no/such.json: cannot read no/such.json"));
}

#[test]
fn values_by_hand() {
    // Noise 0, γ = ½. v = ¼·½·(−10) + ¾·½·10 at the start, whose exits pay on leaving.
    let problem = DiscountedMdp::new(&tiny(), Discount::Own).unwrap();
    let policy = read("[4, [0.25, 0.75, 0, 0, 0], 4, null]").unwrap();
    assert_eq!(policy.values(&problem).unwrap(), [-10.0, 2.5, 10.0, 0.0]);
    assert_eq!(policy.backup(&problem.model, 1, &[0.0, 0.0, 8.0, 0.0], 0.5), 3.0);
    // Uniform: v = ¼·½·(−10) + ¼·½·10 + ½·½·v = 0. Right for ever: 0 too, where steps are free.
    assert_eq!(Policy::uniform(&problem.model).values(&problem).unwrap()[1], 0.0);
    let right = || read("[4, 3, 4, null]").unwrap();
    let undiscounted = DiscountedMdp::new(&tiny(), Discount::Of(1.0)).unwrap();
    assert_eq!(right().values(&undiscounted).unwrap(), [-10.0, 0.0, 10.0, 0.0]);
    let config = GridConfig { living_reward: Some(-1.0), ..GridConfig::of(Layout::Tiny) };
    let costly = GridWorld::new(&config).unwrap();
    let undiscounted = DiscountedMdp::new(&costly, Discount::Of(1.0)).unwrap();
    let error = right().values(&undiscounted).unwrap_err();
    assert!(error.to_string().contains("never ends an episode from state (1,2)"), "{error}");
}
