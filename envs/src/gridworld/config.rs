//! Options of a grid world.

use serde::{Deserialize, Serialize};

use super::layouts::Layout;
use super::map::{GridMap, parse_map};
use super::rules::{Reward, Rules};

/// Options of a [`GridWorld`](super::GridWorld).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GridConfig {
    /// One of the known grids.
    pub layout: Layout,
    /// A map of one's own, in place of the layout; [`parse_map`] says how to write it.
    pub map: Option<String>,
    /// Columns of the open layout, 10 unless given.
    pub width: Option<usize>,
    /// Rows of the open layout, 10 unless given.
    pub height: Option<usize>,
    /// See [`Rules::noise`]; the layout's unless given, and so on.
    pub noise: Option<f64>,
    /// See [`Rules::living_reward`].
    pub living_reward: Option<f64>,
    /// See [`Rules::reward`].
    pub reward: Option<Reward>,
    /// See [`Rules::discount`].
    pub discount: Option<f64>,
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
