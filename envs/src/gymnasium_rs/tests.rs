use super::*;
use crate::{CartPole, GridConfig, GridWorld, Layout, MdpEnv, Pendulum, check_env};
use gymnasium_rs::envs::cartpole::CartPole as TheirCartPole;
use rand::Rng as _;

fn theirs() -> Box<dyn Env> {
    FromGymnasiumRs::discrete(TheirCartPole::new, Some(500)).unwrap()()
}

#[test]
fn their_environments_keep_the_promises_of_ours() {
    check_env(&theirs, 2_000).unwrap();
    let pendulum = || ToGymnasiumRs::continuous(Box::new(Pendulum::default())).unwrap();
    check_env(&FromGymnasiumRs::continuous(pendulum, None).unwrap(), 1_000).unwrap();
}

/// From x = ẋ = θ = θ̇ = 0 with a force of 10 N to the right. Gymnasium's source by hand, with masses of 1.1 and 0.1:
/// temp = 10 / 1.1, θ̈ = −temp / (0.5·(4/3 − 0.1/1.1)), ẍ = temp − 0.05·θ̈ / 1.1, after 0.02 s. Theirs: temp = 10,
/// θ̈ = −10 / (0.5·(4/3 − 0.1)), ẍ = 10 + 0.5·10 / (0.5·(4/3 − 0.1)).
#[test]
fn their_cart_is_not_the_one_of_gymnasium() {
    let gymnasium = [0.195_122, -0.292_682_9];
    let they = [0.362_162_2, -0.324_324_3];
    let mut cart = TheirCartPole::new();
    let at_zero = json!({"low": -1e-30, "high": 1e-30});
    let options = at_zero.as_object().unwrap().clone().into_iter().collect();
    cart.reset(Some(1), options);
    let (obs, reward, ..) = cart.step(1);
    assert_eq!(reward, 1.0);
    for (column, expected) in [1, 3].into_iter().zip(they) {
        assert!((obs[column] - expected).abs() < 1e-6, "{obs} {expected}");
    }
    let (mut ours, mut rng) = (CartPole::default(), Rng::seed_from_u64(1));
    ours.start([0.0; 4]);
    ours.step(Action::Discrete(1), &mut rng);
    let mut obs = [0.0; 4];
    ours.observe(&mut obs);
    for (column, expected) in [1, 3].into_iter().zip(gymnasium) {
        assert!((obs[column] - expected).abs() < 1e-6, "{obs:?} {expected}");
    }
}

#[test]
fn their_last_step_pays_nothing_and_is_an_end() {
    let (mut env, mut rng) = (theirs(), Rng::seed_from_u64(3));
    env.reset(&mut rng);
    let (mut steps, mut ret) = (0, 0.0);
    loop {
        let step = env.step(Action::Discrete(1), &mut rng);
        (steps, ret) = (steps + 1, ret + step.reward);
        if step.terminated {
            break;
        }
    }
    assert!(!env.is_truncated() && env.failure().is_none());
    assert_eq!(ret, steps as f32 - 1.0);
}

#[test]
fn our_environments_are_the_same_behind_their_trait() {
    let mut wrapped = ToGymnasiumRs::discrete(Box::new(CartPole::default())).unwrap();
    assert_eq!(wrapped.action_space(), Space::Discrete(2));
    let (mut ours, mut rng) = (CartPole::default(), Rng::seed_from_u64(5));
    ours.reset(&mut rng);
    let (mut obs, _) = wrapped.reset_seed(5);
    let mut draws = Rng::seed_from_u64(6);
    for step in 1.. {
        let mut expected = vec![0.0; 4];
        ours.observe(&mut expected);
        assert_eq!(obs.to_vec(), expected);
        let action = draws.random_range(0..2);
        let moved = ours.step(Action::Discrete(action), &mut rng);
        let (next, reward, terminated, truncated, info) = wrapped.step(action as i32);
        assert_eq!((reward, terminated), (moved.reward, moved.terminated), "step {step}");
        assert!(!truncated && info.is_empty());
        obs = next;
        if terminated {
            break;
        }
    }
    let image = wrapped.render().unwrap();
    let (height, width, channels) = image.dim();
    assert_eq!((height, width, channels), (ours.render().height, ours.render().width, 3));
}

#[test]
fn a_time_limit_truncates() {
    let mut wrapped = ToGymnasiumRs::continuous(Box::new(Pendulum::default())).unwrap();
    wrapped.reset_seed(1);
    for step in 1..=200 {
        let (_, _, terminated, truncated, _) = wrapped.step(Array1::from_vec(vec![0.0]));
        assert_eq!((terminated, truncated), (false, step == 200));
    }
}

#[test]
fn actions_that_are_not_there_change_nothing() {
    let mdp = GridWorld::new(&GridConfig::of(Layout::Bridge)).unwrap();
    let grid = MdpEnv::new(mdp, Some(100));
    let mut wrapped = ToGymnasiumRs::discrete(Box::new(grid)).unwrap();
    let (before, _) = wrapped.reset_seed(1);
    for (action, why) in [(-1, "got -1"), (99, "got 99")] {
        let (obs, reward, terminated, truncated, info) = wrapped.step(action);
        assert_eq!((&obs, reward, terminated, truncated), (&before, 0.0, false, false));
        assert!(info["error"].as_str().unwrap().ends_with(why), "{info:?}");
    }
    let mut pendulum = ToGymnasiumRs::continuous(Box::new(Pendulum::default())).unwrap();
    pendulum.reset_seed(1);
    for action in [vec![0.0, 1.0], vec![f32::NAN]] {
        let (.., info) = pendulum.step(Array1::from_vec(action));
        assert!(info["error"].as_str().unwrap().starts_with("an action of 1 finite numbers"));
    }
    assert!(ToGymnasiumRs::discrete(Box::new(Pendulum::default())).is_err());
    assert!(ToGymnasiumRs::continuous(Box::new(CartPole::default())).is_err());
}

/// Observations of another length than the space says, after the first one.
struct Liar(usize);

impl TheirEnv<Vector, i32> for Liar {
    fn observation_space(&self) -> Space {
        Space::Box { low: Array1::zeros(2), high: Array1::ones(2) }
    }

    fn action_space(&self) -> Space {
        Space::Discrete(1)
    }

    fn reset(&mut self, _: Option<i32>, _: Options) -> (Vector, Info) {
        (Array1::zeros(2), Info::new())
    }

    fn step(&mut self, _: i32) -> (Vector, Reward, bool, bool, Info) {
        (Array1::zeros(self.0), 0.0, false, true, Info::new())
    }

    fn render(&self) -> Option<Array3<u8>> {
        None
    }

    fn close(&mut self) {}
}

#[test]
fn truncation_and_faults_of_theirs_are_told() {
    let mut rng = Rng::seed_from_u64(1);
    let mut sound = FromGymnasiumRs::discrete(|| Liar(2), None).unwrap()();
    sound.reset(&mut rng);
    assert!(!sound.step(Action::Discrete(0), &mut rng).terminated && sound.is_truncated());
    let mut wrong = FromGymnasiumRs::discrete(|| Liar(3), None).unwrap()();
    wrong.reset(&mut rng);
    wrong.step(Action::Discrete(0), &mut rng);
    let told = wrong.failure().unwrap().to_string();
    assert!(told.starts_with("an observation of 2 finite numbers is expected"), "{told}");
    let saved = json!({"seed": 1, "actions": [0, 1]});
    assert!(sound.restore(saved).is_err(), "there is no action 1");
}
