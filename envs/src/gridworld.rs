//! Grid worlds: the literature's by name, and the user's own.

mod config;
mod layouts;
mod map;
mod rules;

pub use self::config::GridConfig;
pub use self::layouts::Layout;
pub use self::map::{GridMap, Tile, parse_map};
pub use self::rules::{Moves, Reward, Rules, Wind};
use crate::{Arrow, CellKind, Grid, GridCell, Mdp, Outcome};

/// Stands where a cell has no state.
const NONE: u32 = u32::MAX;

/// A walk on a grid with walls, exits and uncertain steps; [`Layout`] lists the known ones.
///
/// - **States** the cells one can be in, in reading order from the top left. Where leaving pays, one
///   more, `end`, is where exits lead.
/// - **Actions** those of [`Moves`]: a step to a neighbouring cell. With probability
///   [`Rules::noise`] the agent slips, to either side with equal chance: it moves at a right angle to
///   where it meant to go. A step off the grid is cut short at the edge, a step into a wall does
///   nothing. [`Wind`] carries the agent up by the strength at the column it comes from, in the same
///   movement; it blows over walls.
/// - **Exits** have a value. [`Reward::Leaving`]: an exit is a state with a single action, `exit`,
///   that pays the value and leads to `end`. [`Reward::Entering`]: an exit is terminal, and the step
///   into it pays the value.
/// - **Reward** [`Rules::living_reward`] for every step that nothing else is said of. A step that an edge or a
///   wall keeps from happening pays [`Rules::bump`], if there is one.
/// - **Cliffs** pay their value, and the agent is back at the first start.
/// - **Leaps** pay their value, and every action leads to their target.
/// - **Start** one of the starts with equal chance, or any cell that is no exit if there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct GridWorld {
    map: GridMap,
    rules: Rules,
    /// The cell of each state.
    cells: Vec<u32>,
    /// The state of each cell, [`NONE`] where there is none, `[height, width]`.
    states: Vec<u32>,
    /// Terminal state behind the exits, if leaving pays.
    end: Option<usize>,
    /// The cell cliffs lead back to.
    start: usize,
}

impl GridWorld {
    /// The world of these options, or the error in them.
    pub fn new(config: &GridConfig) -> Result<Self, String> {
        let (map, rules) = config.resolve()?;
        Self::build(map, rules)
    }

    /// A world of any map and rules, or why they do not go together.
    pub fn build(map: GridMap, rules: Rules) -> Result<Self, String> {
        rules.check(map.width)?;
        map.check()?;
        let has_exit = map.tiles.iter().any(|tile| matches!(tile, Tile::Exit(_)));
        if !has_exit && rules.discount == 1.0 {
            return Err("the map has no exit: with a discount of 1 the rewards of a walk without \
                        end have no finite sum; add an exit, or take a discount below 1"
                .into());
        }
        let mut cells = Vec::with_capacity(map.tiles.len());
        let mut states = vec![NONE; map.tiles.len()];
        for (cell, tile) in map.tiles.iter().enumerate() {
            if tile.is_state() {
                states[cell] = cells.len() as u32;
                cells.push(cell as u32);
            }
        }
        let leaves = has_exit && rules.reward == Reward::Leaving;
        let end = leaves.then_some(cells.len());
        let start = map.tiles.iter().position(|tile| *tile == Tile::Start).unwrap_or(0);
        Ok(Self { map, rules, cells, states, end, start })
    }

    /// Possible moves from `cell`, as changes of column and row with their probability.
    fn steps(&self, cell: usize, action: usize, visit: &mut dyn FnMut([i64; 2], f64)) {
        let [columns, rows] = self.rules.moves.steps()[action];
        let noise = self.rules.noise;
        let slips = [
            ([columns, rows], 1.0 - noise),
            ([rows, -columns], noise / 2.0),
            ([-rows, columns], noise / 2.0),
        ];
        for ([columns, rows], prob) in slips.into_iter().filter(|(_, prob)| *prob > 0.0) {
            self.rules.wind.lift(cell % self.map.width, &mut |lift, chance| {
                visit([columns, rows - lift], prob * chance);
            });
        }
    }

    /// Outcome of a move from `cell`, a cell with a state.
    fn land(&self, cell: usize, step: [i64; 2], prob: f64) -> Outcome {
        let GridMap { width, height, .. } = self.map;
        let column = ((cell % width) as i64 + step[0]).clamp(0, width as i64 - 1);
        let row = ((cell / width) as i64 + step[1]).clamp(0, height as i64 - 1);
        let target = row as usize * width + column as usize;
        let living = self.rules.living_reward;
        let bump = self.rules.bump.unwrap_or(living);
        let (to, reward, terminated) = match self.map.tiles[target] {
            Tile::Wall => (cell, bump, false),
            Tile::Cliff(value) => (self.start, value, false),
            Tile::Exit(value) if self.end.is_none() => (target, value, true),
            _ if target == cell && step != [0, 0] => (cell, bump, false),
            _ => (target, living, false),
        };
        Outcome { prob, next: self.states[to] as usize, reward, terminated }
    }
}

impl Mdp for GridWorld {
    fn n_states(&self) -> usize {
        self.cells.len() + usize::from(self.end.is_some())
    }

    fn n_actions(&self) -> usize {
        self.rules.moves.steps().len() + usize::from(self.end.is_some())
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let Some(&cell) = self.cells.get(state) else { return };
        let cell = cell as usize;
        let moves = action < self.rules.moves.steps().len();
        let sure = |next, reward, terminated| Outcome { prob: 1.0, next, reward, terminated };
        match (self.map.tiles[cell], self.end) {
            (Tile::Exit(value), Some(end)) if !moves => visit(sure(end, value, true)),
            (Tile::Exit(_), _) => (),
            (Tile::Leap { to, reward }, _) if moves => {
                visit(sure(self.states[to as usize] as usize, reward, false));
            }
            _ if moves => self.steps(cell, action, &mut |step, prob| {
                visit(self.land(cell, step, prob));
            }),
            _ => (),
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let having = |wanted: &dyn Fn(Tile) -> bool| -> Vec<usize> {
            let tile = |state: &usize| self.map.tiles[self.cells[*state] as usize];
            (0..self.cells.len()).filter(|state| wanted(tile(state))).collect()
        };
        let mut states = having(&|tile| tile == Tile::Start);
        if states.is_empty() {
            states = having(&|tile| !matches!(tile, Tile::Exit(_)));
        }
        let prob = 1.0 / states.len() as f64;
        states.into_iter().map(|state| (state, prob)).collect()
    }

    fn state_name(&self, state: usize) -> String {
        let Some(&cell) = self.cells.get(state) else { return "end".into() };
        let GridMap { width, height, .. } = self.map;
        format!("({},{})", cell as usize % width + 1, height - cell as usize / width)
    }

    fn action_name(&self, action: usize) -> String {
        self.rules.moves.names().get(action).unwrap_or(&"exit").to_string()
    }

    fn discount(&self) -> f64 {
        self.rules.discount
    }

    fn grid(&self) -> Option<Grid> {
        let best = self.map.best_exit();
        let kind = |tile: Tile| match tile {
            Tile::Start => CellKind::Start,
            Tile::Exit(value) if value < 0.0 && value < best => CellKind::Pit,
            Tile::Exit(_) => CellKind::Goal,
            _ => CellKind::Open,
        };
        let cell = |(cell, tile): (usize, &Tile)| match tile {
            Tile::Wall => GridCell::Wall,
            Tile::Cliff(_) => GridCell::Empty,
            tile => GridCell::State { state: self.states[cell] as usize, kind: kind(*tile) },
        };
        let mut arrows: Vec<Option<Arrow>> = self.rules.moves.arrows();
        arrows.resize(self.n_actions(), None);
        Some(Grid {
            width: self.map.width,
            height: self.map.height,
            cells: self.map.tiles.iter().enumerate().map(cell).collect(),
            arrows,
        })
    }
}

#[cfg(test)]
mod tests;
