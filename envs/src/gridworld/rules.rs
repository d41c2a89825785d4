//! Rules of a grid world: rewards, discount, actions, wind.

use serde::{Deserialize, Serialize};

use super::map::check_reward;
use crate::Arrow;

/// Moment at which an exit pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reward {
    /// One step after arriving in it: CS188's convention, and AIMA's up to the third edition.
    #[default]
    Leaving,
    /// On arriving in it, where the episode ends: AIMA's convention since the fourth edition.
    Entering,
}

/// Rules of a whole grid. The defaults are those of CS188's `gridworld.py`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Probability of slipping, half of it to either side.
    pub noise: f64,
    /// Reward of every step that nothing else is said of.
    pub living_reward: f64,
    /// Reward of a step that an edge or a wall keeps from happening; [`Rules::living_reward`] if none.
    pub bump: Option<f64>,
    /// Moment at which an exit pays.
    pub reward: Reward,
    /// The discount, from 0 to 1.
    pub discount: f64,
    /// The actions.
    pub moves: Moves,
    /// The wind that carries the agent away.
    pub wind: Wind,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            noise: 0.2,
            living_reward: 0.0,
            bump: None,
            reward: Reward::Leaving,
            discount: 0.9,
            moves: Moves::Four,
            wind: Wind::Calm,
        }
    }
}

impl Rules {
    /// An error unless these rules make sense on a grid of so many columns.
    pub(super) fn check(&self, width: usize) -> Result<(), String> {
        for (what, value) in [("noise", self.noise), ("discount", self.discount)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("the {what} must lie between 0 and 1, not at {value}"));
            }
        }
        if !self.living_reward.is_finite() {
            return Err(format!("the living reward must be finite, not {}", self.living_reward));
        }
        check_reward(self.living_reward)
            .map_err(|why| format!("the living reward {:e} {why}", self.living_reward))?;
        match &self.wind {
            Wind::Steady(wind) | Wind::Gusty(wind) if wind.len() != width => {
                Err(format!("the wind is given for {} columns of {width}", wind.len()))
            }
            _ => Ok(()),
        }
    }
}

/// The directions there are to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Left and right.
    Two,
    /// Up, down, left and right.
    Four,
    /// The king's in chess: the diagonals too.
    King,
    /// The king's, and staying.
    KingOrStay,
}

const NAMES: [&str; 9] =
    ["up", "down", "left", "right", "up-left", "up-right", "down-left", "down-right", "stay"];

/// Columns to the right and rows down, in the order of [`NAMES`].
const STEPS: [[i64; 2]; 9] =
    [[0, -1], [0, 1], [-1, 0], [1, 0], [-1, -1], [1, -1], [-1, 1], [1, 1], [0, 0]];

impl Moves {
    pub(super) fn names(self) -> &'static [&'static str] {
        &NAMES[self.range()]
    }

    pub(super) fn steps(self) -> &'static [[i64; 2]] {
        &STEPS[self.range()]
    }

    pub(super) fn arrows(self) -> Vec<Option<Arrow>> {
        let arrow = |name: &&str| match *name {
            "up" => Some(Arrow::Up),
            "down" => Some(Arrow::Down),
            "left" => Some(Arrow::Left),
            "right" => Some(Arrow::Right),
            "up-left" => Some(Arrow::UpLeft),
            "up-right" => Some(Arrow::UpRight),
            "down-left" => Some(Arrow::DownLeft),
            "down-right" => Some(Arrow::DownRight),
            _ => None,
        };
        self.names().iter().map(arrow).collect()
    }

    fn range(self) -> std::ops::Range<usize> {
        match self {
            Self::Two => 2..4,
            Self::Four => 0..4,
            Self::King => 0..8,
            Self::KingOrStay => 0..9,
        }
    }
}

/// An upward wind that blows in some columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wind {
    /// Nowhere.
    Calm,
    /// So many cells in each column.
    Steady(Vec<u8>),
    /// Mean strength in each column; where it is not 0, the wind is a cell weaker, as strong, or a cell
    /// stronger, with equal chance.
    Gusty(Vec<u8>),
}

impl Wind {
    /// Calls `visit` with the cells one is lifted by in a column, and how probable that is.
    pub(super) fn lift(&self, column: usize, visit: &mut dyn FnMut(i64, f64)) {
        match self {
            Self::Gusty(wind) if wind[column] > 0 => {
                let mean = i64::from(wind[column]);
                (mean - 1..=mean + 1).for_each(|lift| visit(lift, 1.0 / 3.0));
            }
            Self::Steady(wind) | Self::Gusty(wind) => visit(i64::from(wind[column]), 1.0),
            Self::Calm => visit(0, 1.0),
        }
    }
}
