//! Every broken promise, broken.

use std::sync::atomic::{AtomicU32, Ordering};

use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    Acrobot, Action, ActionSet, Actions, Breakout, BreakoutConfig, CartPole, Catch, Cells,
    Pendulum, Rgb,
};

#[test]
fn our_environments_keep_their_promises() {
    check_env(&|| Box::new(Catch::default()), 200).unwrap();
    check_env(&|| Box::new(Acrobot::default()), 1200).unwrap();
    check_env(&|| Box::new(CartPole::default()), 200).unwrap();
    check_env(&|| Box::new(Pendulum::default()), 500).unwrap();
    check_env(&|| Box::new(Breakout::default()), 1000).unwrap();
    let config = BreakoutConfig { actions: ActionSet::Full, ..BreakoutConfig::default() };
    check_env(&|| Box::new(Breakout::new(config)), 200).unwrap();
}

/// Ways to break a promise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
enum Flaw {
    #[default]
    None,
    Forgets,
    Unseeded,
    NotABit,
    WritesHalf,
    NoActions,
    EmptyBox,
    Shrinks,
    Stuck,
    ChangesSpec,
    OtherReturns,
    TooFewPixels,
    TooManyCells,
}

/// Catch with a flaw.
#[derive(Default, Serialize, Deserialize)]
struct Flawed {
    flaw: Flaw,
    inner: Catch,
    #[serde(skip)]
    forgotten: u32,
}

static SHARED: AtomicU32 = AtomicU32::new(0);

impl Env for Flawed {
    fn spec(&self) -> Spec {
        let mut spec = self.inner.spec();
        match self.flaw {
            Flaw::NoActions => spec.actions = Spec::names(&[]),
            Flaw::EmptyBox => spec.actions = Actions::Box { low: vec![1.0], high: vec![1.0] },
            Flaw::ChangesSpec if self.forgotten > 20 => spec.time_limit = Some(9),
            Flaw::OtherReturns => spec.two_returns = Some([0.0, 1.0]),
            _ => (),
        }
        spec
    }

    fn allows(&self, _action: usize) -> bool {
        self.flaw != Flaw::Stuck
    }

    fn reset(&mut self, rng: &mut dyn RngCore) {
        self.inner.reset(rng);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut dyn RngCore) -> Step {
        self.forgotten += 1;
        let mut step = self.inner.step(action, rng);
        match self.flaw {
            Flaw::Forgets => step.reward = self.forgotten as f32,
            Flaw::Unseeded => step.reward = SHARED.fetch_add(1, Ordering::Relaxed) as f32,
            _ => (),
        }
        step
    }

    fn observe(&self, obs: &mut [f32]) {
        let len = if self.flaw == Flaw::WritesHalf { 25 } else { 50 };
        let mut inner = [0.0; 50];
        self.inner.observe(&mut inner);
        obs[..len].copy_from_slice(&inner[..len]);
        if self.flaw == Flaw::NotABit {
            obs[0] = 0.5;
        }
    }

    fn render(&self) -> Rgb {
        let mut rgb = self.inner.render();
        if self.flaw == Flaw::TooFewPixels {
            rgb.pixels.pop();
        }
        rgb
    }

    fn cells(&self) -> Cells {
        let mut cells = self.inner.cells();
        match self.flaw {
            Flaw::TooManyCells => cells.cells.push(cells.cells[0]),
            Flaw::Shrinks if self.forgotten > 20 => {
                cells.height -= 1;
                cells.cells.truncate(cells.width * cells.height);
            }
            _ => (),
        }
        cells
    }
}

#[test]
fn every_broken_promise_is_noticed() {
    for (flaw, complaint) in [
        (Flaw::Forgets, "resumed"),
        (Flaw::Unseeded, "second run"),
        (Flaw::NotABit, "obs[0] is 0.5"),
        (Flaw::WritesHalf, "obs[25] is NaN"),
        (Flaw::NoActions, "nothing can be done"),
        (Flaw::EmptyBox, "nothing can be done"),
        (Flaw::Shrinks, "size of the frames"),
        (Flaw::Stuck, "no action is allowed"),
        (Flaw::ChangesSpec, "spec has changed"),
        (Flaw::OtherReturns, "which is none of [0.0, 1.0]"),
        (Flaw::TooFewPixels, "bytes"),
        (Flaw::TooManyCells, "51 cells"),
    ] {
        let make = || -> Box<dyn Env> { Box::new(Flawed { flaw, ..Flawed::default() }) };
        let error = check_env(&make, 100).unwrap_err();
        assert!(error.contains(complaint), "{flaw:?}: {error}");
    }
    assert_eq!(check_env(&|| Box::new(Flawed::default()), 100), Ok(()));
}

/// Moves a point by a vector in a box. Observes where it is.
#[derive(Default, Serialize, Deserialize)]
struct Slider {
    place: [f32; 2],
    clips: bool,
}

impl Env for Slider {
    fn spec(&self) -> Spec {
        Spec {
            obs_shape: vec![2],
            element: crate::Element::Float,
            actions: Actions::Box { low: vec![-1.0, 0.0], high: vec![1.0, 0.5] },
            time_limit: Some(10),
            two_returns: None,
        }
    }

    fn reset(&mut self, _: &mut dyn RngCore) {
        self.place = [0.0; 2];
    }

    fn step(&mut self, action: Action<'_>, _: &mut dyn RngCore) -> Step {
        let highest = if self.clips { [1.0, 0.5] } else { [1.0, f32::MAX] };
        let lowest = [-1.0, 0.0];
        for (i, moved) in action.continuous().iter().enumerate() {
            self.place[i] += moved.clamp(lowest[i], highest[i]);
        }
        Step { reward: 0.0, terminated: false }
    }

    fn observe(&self, obs: &mut [f32]) {
        obs.copy_from_slice(&self.place);
    }

    fn render(&self) -> Rgb {
        Catch::default().render()
    }

    fn cells(&self) -> Cells {
        Catch::default().cells()
    }
}

#[test]
fn vectors_are_clipped_to_the_box() {
    let slider = |clips| check_env(&move || Box::new(Slider { clips, ..Slider::default() }), 100);
    assert_eq!(slider(true), Ok(()));
    assert!(slider(false).unwrap_err().contains("beyond the box"));
}
