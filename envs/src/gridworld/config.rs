//! Options of a grid world.

use super::layouts::Layout;
use super::map::{GridMap, parse_map};
use super::rules::{Reward, Rules};

params::parameters! {
    /// Options of a [`GridWorld`](super::GridWorld).
    pub struct GridConfig {
        /// Grid of the literature, as docs/environments.md lists them
        layout: Layout = Layout::default();
        /// Map of your own in place of a layout: a file, or its rows
        map: Option<String> = None;
        /// Columns of the layout open [default: 10]
        width: Option<usize> = None;
        /// Rows of the layout open [default: 10]
        height: Option<usize> = None;
        /// Probability of slipping, half of it to either side [default: the layout's; 0.2 for a map]
        noise: Option<f64> = None;
        /// Reward of every step [default: the layout's; 0 for a map]
        living_reward: Option<f64> = None;
        /// Moment at which an exit pays: leaving it, or entering it [default: the layout's; leaving for
        /// a map]
        reward: Option<Reward> = None;
        /// Discount γ of the problem [default: the layout's; 0.9 for a map]
        discount: Option<f64> = None;
    }
}

impl GridConfig {
    /// A layout as it is published.
    pub fn of(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// The map and the rules these options stand for.
    pub(super) fn resolve(&self) -> Result<(GridMap, Rules), String> {
        let sized = self.width.is_some() || self.height.is_some();
        if sized && (self.layout != Layout::Open || self.map.is_some()) {
            return Err("width and height can be chosen for the layout open only".into());
        }
        let (map, rules) = match &self.map {
            Some(_) if self.layout != Layout::default() => {
                return Err("a layout and a map of one's own: give one of them".into());
            }
            Some(text) => (parse_map(text)?, Rules::default()),
            None => self.layout.world(self.width.unwrap_or(10), self.height.unwrap_or(10))?,
        };
        let rules = Rules {
            noise: self.noise.unwrap_or(rules.noise),
            living_reward: self.living_reward.unwrap_or(rules.living_reward),
            reward: self.reward.unwrap_or(rules.reward),
            discount: self.discount.unwrap_or(rules.discount),
            ..rules
        };
        Ok((map, rules))
    }
}
