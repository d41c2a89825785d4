//! An MDP that is played.

use std::cell::OnceCell;

use rand::{Rng as _, RngCore};
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;

use super::{Grid, GridCell, Mdp, Outcome, frame::Scene};
use crate::{Action, Actions, Cells, Element, Env, Rgb, Snapshot, Spec, Step, mdp::frame};

/// Any MDP as an environment: outcomes are drawn, the state is seen.
///
/// - **Observation** `[n_states]`, bits: a single 1 where the state is.
/// - **Actions** the MDP's, by name. [`Env::allows`] says which ones the present state has: to take
///   another is a mistake of the caller and panics, since the MDP does not say what would follow.
/// - **Start** drawn from [`Mdp::starts`], or from all states.
/// - **Frames** are [`Mdp::frame`]'s, or show the place on [`Mdp::grid`], or else among all states
///   in rows, as near to a square as can be.
#[derive(Debug, Clone)]
pub struct MdpEnv<M> {
    mdp: M,
    starts: Vec<(usize, f64)>,
    time_limit: Option<u32>,
    state: usize,
    /// Scene shared by all frames; made when the first one is drawn.
    scene: OnceCell<Scene>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    state: usize,
}

impl<M: Mdp> MdpEnv<M> {
    /// Begins in the first of the starts; [`Env::reset`] draws one.
    pub fn new(mdp: M, time_limit: Option<u32>) -> Self {
        let starts = mdp.starts();
        let state = starts.first().map_or(0, |start| start.0);
        Self { mdp, starts, time_limit, state, scene: OnceCell::new() }
    }

    /// The environment of an MDP whose episodes start in any state that has an action, all equally probable
    /// (*exploring starts*: Sutton & Barto 2018, section 5.3).
    pub fn starting_anywhere(mdp: M, time_limit: Option<u32>) -> Self {
        let live = |state: &usize| (0..mdp.n_actions()).any(|action| mdp.allows(*state, action));
        let live: Vec<_> = (0..mdp.n_states()).filter(live).collect();
        let prob = 1.0 / live.len() as f64;
        let starts: Vec<_> = live.into_iter().map(|state| (state, prob)).collect();
        Self { starts, ..Self::new(mdp, time_limit) }
    }

    /// The MDP that is played.
    pub fn mdp(&self) -> &M {
        &self.mdp
    }

    /// The present state.
    pub fn state(&self) -> usize {
        self.state
    }

    /// Starts an episode in a state of one's choice.
    pub fn start(&mut self, state: usize) {
        self.state = state;
    }

    /// Board on which the states are drawn.
    fn board(&self) -> Grid {
        self.mdp.grid().unwrap_or_else(|| frame::square(self.mdp.n_states()))
    }
}

impl<M: Mdp> Env for MdpEnv<M> {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![self.mdp.n_states()],
            element: Element::Bit,
            actions: Actions::Discrete(
                (0..self.mdp.n_actions()).map(|i| self.mdp.action_name(i)).collect(),
            ),
            time_limit: self.time_limit,
            two_returns: self.mdp.two_returns(),
        }
    }

    fn allows(&self, action: usize) -> bool {
        self.mdp.allows(self.state, action)
    }

    fn masks_actions(&self) -> bool {
        let n = self.mdp.n_actions();
        (0..self.mdp.n_states()).any(|state| {
            let allowed = (0..n).filter(|action| self.mdp.allows(state, *action)).count();
            // A terminal state has none.
            allowed != 0 && allowed != n
        })
    }

    fn is_possible(&self) -> bool {
        (0..self.mdp.n_actions()).any(|action| self.allows(action))
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        let mut roll: f64 = rng.random();
        for &(state, prob) in self.starts.iter().filter(|(_, prob)| *prob > 0.0) {
            self.state = state;
            roll -= prob;
            if roll < 0.0 {
                break;
            }
        }
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        let action = action.discrete();
        let mut roll: f64 = rng.random();
        let mut sampled = Outcome { prob: 0.0, next: self.state, reward: 0.0, terminated: false };
        // Rounding may leave a little of the roll: then the last outcome is drawn.
        self.mdp.outcomes(self.state, action, &mut |outcome| {
            if roll >= 0.0 && outcome.prob > 0.0 {
                sampled = outcome;
                roll -= outcome.prob;
            }
        });
        assert!(
            sampled.prob > 0.0,
            "state {} has no action {}: ask Env::allows first",
            self.mdp.state_name(self.state),
            self.mdp.action_name(action)
        );
        self.state = sampled.next;
        Step { reward: sampled.reward as f32, terminated: sampled.terminated }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[self.state] = 1.0;
    }

    fn render(&self) -> Rgb {
        match self.mdp.frame(self.state) {
            Some(cells) => frame::rgb(&cells),
            None => self.scene.get_or_init(|| Scene::new(&self.board())).with(self.state),
        }
    }

    fn cells(&self) -> Cells {
        if let Some(cells) = self.mdp.frame(self.state) {
            return cells;
        }
        let board = self.board();
        let here =
            |cell: &GridCell| matches!(cell, GridCell::State { state, .. } if *state == self.state);
        frame::cells(&board, board.cells.iter().position(here))
    }
}

impl<M: Mdp> Snapshot for MdpEnv<M> {
    fn snapshot(&self) -> serde_json::Result<Value> {
        serde_json::to_value(Saved { state: self.state })
    }

    fn restore(&mut self, saved: Value) -> serde_json::Result<()> {
        let Saved { state } = serde_json::from_value(saved)?;
        let states = self.mdp.n_states();
        if state >= states {
            let error = format!("the snapshot is of state {state}, there are {states}");
            return Err(serde_json::Error::custom(error));
        }
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng;

    use super::*;
    use crate::{
        Blackjack, CliffWalking, FrozenLake, FrozenLakeConfig, GamblersConfig, GamblersProblem,
        GridConfig, GridWorld, Layout, Rng, Taxi, check_env,
    };

    fn layout(layout: Layout) -> GridWorld {
        GridWorld::new(&GridConfig::of(layout)).unwrap()
    }

    #[test]
    fn mdps_are_environments() {
        let mdps: [Arc<dyn Mdp>; 5] = [
            Arc::new(layout(Layout::Aima)),
            Arc::new(layout(Layout::SuttonCliff)),
            Arc::new(FrozenLake::new(&FrozenLakeConfig::default()).unwrap()),
            Arc::new(Taxi::default()),
            Arc::new(Blackjack::default()),
        ];
        for mdp in mdps {
            let make = || -> Box<dyn Env> { Box::new(MdpEnv::new(mdp.clone(), Some(50))) };
            check_env(&make, 300).unwrap();
        }
    }

    #[test]
    fn outcomes_come_as_often_as_they_should() {
        let mut env = MdpEnv::new(layout(Layout::Aima), None);
        let mut rng = Rng::seed_from_u64(1);
        let start = env.mdp().starts()[0].0;
        let mut counts = vec![0; env.mdp().n_states()];
        for _ in 0..10_000 {
            env.start(start);
            let step = env.step(Action::Discrete(0), &mut rng);
            assert_eq!((step.reward, step.terminated), (-0.04, false));
            counts[env.state()] += 1;
        }
        // Up from (1,1): 0.8 up, 0.1 against the edge, 0.1 to the right.
        let at = |name| counts[(0..12).find(|state| env.mdp().state_name(*state) == name).unwrap()];
        assert!((7_800..8_200).contains(&at("(1,2)")), "{counts:?}");
        assert!((900..1_100).contains(&at("(1,1)")), "{counts:?}");
        assert!((900..1_100).contains(&at("(2,1)")), "{counts:?}");
    }

    #[test]
    fn episodes_start_where_the_mdp_says() {
        let mut env = MdpEnv::new(Taxi::default(), Some(200));
        let mut rng = Rng::seed_from_u64(1);
        let mut observed = vec![false; 500];
        for _ in 0..10_000 {
            env.reset(&mut rng);
            observed[env.state()] = true;
        }
        let starts: Vec<usize> = (0..500).filter(|state| observed[*state]).collect();
        assert_eq!(
            starts,
            Taxi::default().starts().into_iter().map(|start| start.0).collect::<Vec<_>>()
        );
    }

    #[test]
    fn exploring_starts_are_all_states_with_actions() {
        let mut env = MdpEnv::starting_anywhere(layout(Layout::Aima), None);
        let mut rng = Rng::seed_from_u64(1);
        let mut counts = [0; 12];
        for _ in 0..11_000 {
            env.reset(&mut rng);
            counts[env.state()] += 1;
        }
        // Eleven cells, and the end, which has no action: 1,000 each, give or take four deviations.
        assert_eq!(counts[11], 0, "{counts:?}");
        assert!(counts[..11].iter().all(|n| (880..1_120).contains(n)), "{counts:?}");
    }

    #[test]
    fn the_frame_shows_where_one_is() {
        let mut env = MdpEnv::new(layout(Layout::Aima), None);
        assert_eq!(env.cells().to_string(), "...G\n.#.X\n@...\n");
        env.start(3);
        assert_eq!(env.cells().to_string(), "...@\n.#.X\nS...\n");
        env.start(11);
        assert_eq!(env.cells().to_string(), "...G\n.#.X\nS...\n", "end is no place");
        assert_eq!(
            MdpEnv::new(CliffWalking::default(), None).cells().to_string().lines().last(),
            Some("@          G")
        );
        let gambler = GamblersProblem::new(GamblersConfig::default()).unwrap();
        assert_eq!(
            MdpEnv::new(gambler, None).cells().to_string().lines().next(),
            Some(".@.........")
        );
    }

    #[test]
    fn a_large_board_is_drawn_small_and_one_is_seen_on_it() {
        let config =
            GridConfig { width: Some(1000), height: Some(700), ..GridConfig::of(Layout::Open) };
        let mut env = MdpEnv::new(GridWorld::new(&config).unwrap(), None);
        let here = |env: &MdpEnv<GridWorld>| {
            let rgb = env.render();
            assert_eq!((rgb.width, rgb.height), (334, 234), "every third of 1000 and 700 cells");
            let yellow = rgb.pixels.chunks_exact(3).enumerate();
            let yellow = yellow.filter(|(_, pixel)| *pixel == [250, 204, 21]);
            yellow.map(|(at, _)| [at % 334, at / 334]).collect::<Vec<_>>()
        };
        let corner = here(&env);
        // From the bottom left, where there are three pixels of five beside it in each direction.
        assert_eq!((corner.len(), corner[0], corner[8]), (9, [0, 231], [2, 233]), "{corner:?}");
        env.start(3 * 1000 + 300);
        let inside = here(&env);
        assert_eq!((inside.len(), inside[12]), (20, [100, 2]), "cut at the top: {inside:?}");
        env.start(30 * 1000 + 300);
        let inside = here(&env);
        assert_eq!((inside.len(), inside[12]), (25, [100, 10]));
    }

    #[test]
    #[should_panic(expected = "state (1,1) has no action exit")]
    fn an_action_that_is_not_there_is_not_taken() {
        let mut env = MdpEnv::new(layout(Layout::Aima), None);
        assert!(env.allows(0) && !env.allows(4));
        env.step(Action::Discrete(4), &mut Rng::seed_from_u64(1));
    }

    #[test]
    fn a_snapshot_of_another_mdp_is_refused() {
        let mut env = MdpEnv::new(layout(Layout::Tiny), None);
        let error = env.restore(serde_json::json!({"state": 4})).unwrap_err();
        assert_eq!(error.to_string(), "the snapshot is of state 4, there are 4");
    }
}
