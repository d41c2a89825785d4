//! The grids of the literature.

use serde::{Deserialize, Serialize};

use super::map::{GridMap, Tile, parse_map};
use super::rules::{Moves, Reward, Rules, Wind};

/// A known grid, with its published rules. Where a layout has no start, episodes start anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Layout {
    /// The 4 × 3 world of Russell & Norvig, *Artificial Intelligence: A Modern Approach*, third
    /// edition, section 17.1: noise 0.2, living reward −0.04, discount 1, leaving pays. The fourth
    /// edition has the same world where entering pays: its utilities are higher by 0.04.
    #[default]
    #[serde(rename = "aima")]
    Aima,
    /// `BookGrid` of Berkeley's CS188, project 3, `gridworld.py`: AIMA's map under the course's
    /// rules, which are noise 0.2, living reward 0, discount 0.9, leaving pays.
    #[serde(rename = "book")]
    Book,
    /// CS188's `BridgeGrid`: a narrow way between chasms, a small reward near, a large one far.
    #[serde(rename = "bridge")]
    Bridge,
    /// CS188's `CliffGrid`.
    #[serde(rename = "cliff")]
    Cliff,
    /// CS188's `CliffGrid2`.
    #[serde(rename = "cliff2")]
    Cliff2,
    /// CS188's `DiscountGrid`: near or far exit, risky or safe way, as the rules will have it.
    #[serde(rename = "discount")]
    Discount,
    /// CS188's `MazeGrid`.
    #[serde(rename = "maze")]
    Maze,
    /// The tiny grid of the tests of CS188's project 3: three cells, noise 0, discount 0.5.
    #[serde(rename = "tiny")]
    Tiny,
    /// The discounting exercise of CS188's lecture on MDPs: five cells in a row with exits 10 and 1
    /// at the ends, no noise. The exercise asks for discounts 1 and 0.1; 0.1 unless given.
    #[serde(rename = "chain")]
    Chain,
    /// Examples 3.5 and 3.8 of Sutton & Barto, *Reinforcement Learning*, second edition: every
    /// action in A pays 10 and leads to A', every action in B pays 5 and leads to B', stepping off
    /// the grid pays −1; discount 0.9.
    #[serde(rename = "sutton-5x5")]
    Sutton5x5,
    /// Example 4.1 of Sutton & Barto: two terminal corners, −1 a step, no discount.
    #[serde(rename = "sutton-4x4")]
    Sutton4x4,
    /// The cliff of example 6.6 of Sutton & Barto: −1 a step, −100 and back to the start for
    /// stepping on the cliff, no discount. The agent never stays on the cliff, so it is no state.
    #[serde(rename = "sutton-cliff")]
    SuttonCliff,
    /// The maze of example 8.1 of Sutton & Barto, figure 8.2: 1 for reaching the goal and 0 else, no
    /// noise, discount 0.95.
    #[serde(rename = "dyna-maze")]
    DynaMaze,
    /// The windy grid of example 6.5 of Sutton & Barto: −1 a step, no discount.
    #[serde(rename = "windy")]
    Windy,
    /// The windy grid of their exercise 6.9: the king's moves.
    #[serde(rename = "windy-king")]
    WindyKing,
    /// The second part of exercise 6.9: the king's moves, and staying.
    #[serde(rename = "windy-king-stay")]
    WindyKingStay,
    /// The windy grid of exercise 6.10: the king's moves, and a wind that varies.
    #[serde(rename = "windy-gusty")]
    WindyGusty,
    /// No walls, start at the bottom left, +1 at the top right: as large as one likes. Noise 0.2,
    /// living reward −0.04, discount 0.99, leaving pays.
    #[serde(rename = "open")]
    Open,
}

const AIMA: &str = "
    . . . +1
    . # . -1
    S . . .";

const BRIDGE: &str = "
    # -100 -100 -100 -100 -100 #
    1 S . . . . 10
    # -100 -100 -100 -100 -100 #";

const CLIFF: &str = "
    . . . . .
    S . . . 10
    -100 -100 -100 -100 -100";

const CLIFF2: &str = "
    . . . . .
    8 S . . 10
    -100 -100 -100 -100 -100";

const DISCOUNT: &str = "
    . . . . .
    . # . . .
    . # 1 # 10
    S . . . .
    -10 -10 -10 -10 -10";

const MAZE: &str = "
    . . . +1
    # # . #
    . # . .
    . # # .
    S . . .";

const TINY: &str = "
    -10
    S
    10";

const SUTTON_5X5: &str = "
    .....
    .....
    .....
    .....
    .....";

const SUTTON_4X4: &str = "
    -1 . . .
    . . . .
    . . . .
    . . . -1";

const SUTTON_CLIFF: &str = "
    . . . . . . . . . . . .
    . . . . . . . . . . . .
    . . . . . . . . . . . .
    S . . . . . . . . . . -1";

const DYNA_MAZE: &str = "
    . . . . . . . # 1
    . . # . . . . # .
    S . # . . . . # .
    . . # . . . . . .
    . . . . . # . . .
    . . . . . . . . .";

const WINDY: &str = "
    . . . . . . . . . .
    . . . . . . . . . .
    . . . . . . . . . .
    S . . . . . . -1 . .
    . . . . . . . . . .
    . . . . . . . . . .
    . . . . . . . . . .";

const WIND: [u8; 10] = [0, 0, 0, 1, 1, 1, 2, 2, 1, 0];

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 18] = [
        Self::Aima,
        Self::Book,
        Self::Bridge,
        Self::Cliff,
        Self::Cliff2,
        Self::Discount,
        Self::Maze,
        Self::Tiny,
        Self::Chain,
        Self::Sutton5x5,
        Self::Sutton4x4,
        Self::SuttonCliff,
        Self::DynaMaze,
        Self::Windy,
        Self::WindyKing,
        Self::WindyKingStay,
        Self::WindyGusty,
        Self::Open,
    ];

    /// Name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aima => "aima",
            Self::Book => "book",
            Self::Bridge => "bridge",
            Self::Cliff => "cliff",
            Self::Cliff2 => "cliff2",
            Self::Discount => "discount",
            Self::Maze => "maze",
            Self::Tiny => "tiny",
            Self::Chain => "chain",
            Self::Sutton5x5 => "sutton-5x5",
            Self::Sutton4x4 => "sutton-4x4",
            Self::SuttonCliff => "sutton-cliff",
            Self::DynaMaze => "dyna-maze",
            Self::Windy => "windy",
            Self::WindyKing => "windy-king",
            Self::WindyKingStay => "windy-king-stay",
            Self::WindyGusty => "windy-gusty",
            Self::Open => "open",
        }
    }

    /// Its map and rules; the size is for [`Layout::Open`].
    pub(super) fn world(self, width: usize, height: usize) -> Result<(GridMap, Rules), String> {
        let cs188 = Rules::default();
        // Where an exit is worth what a step is, entering it is a step like any other.
        let each_step = Rules {
            noise: 0.0,
            living_reward: -1.0,
            reward: Reward::Entering,
            discount: 1.0,
            ..Rules::default()
        };
        let windy = |moves, wind| Rules { moves, wind, ..each_step.clone() };
        let (map, rules) = match self {
            Self::Aima => (AIMA, Rules { living_reward: -0.04, discount: 1.0, ..cs188 }),
            Self::Book => (AIMA, cs188),
            Self::Bridge => (BRIDGE, cs188),
            Self::Cliff => (CLIFF, cs188),
            Self::Cliff2 => (CLIFF2, cs188),
            Self::Discount => (DISCOUNT, cs188),
            Self::Maze => (MAZE, cs188),
            Self::Tiny => (TINY, Rules { noise: 0.0, discount: 0.5, ..cs188 }),
            Self::Chain => {
                let rules = Rules { noise: 0.0, discount: 0.1, moves: Moves::Two, ..cs188 };
                ("10 . . . 1", rules)
            }
            Self::Sutton5x5 => {
                let rules = Rules { noise: 0.0, bump: Some(-1.0), ..cs188 };
                let mut map = parse_map(SUTTON_5X5)?;
                map.tiles[1] = Tile::Leap { to: 21, reward: 10.0 };
                map.tiles[3] = Tile::Leap { to: 13, reward: 5.0 };
                return Ok((map, rules));
            }
            Self::Sutton4x4 => (SUTTON_4X4, each_step),
            Self::SuttonCliff => {
                let mut map = parse_map(SUTTON_CLIFF)?;
                map.tiles[37..47].fill(Tile::Cliff(-100.0));
                return Ok((map, each_step));
            }
            Self::DynaMaze => {
                let entering = Reward::Entering;
                (DYNA_MAZE, Rules { noise: 0.0, reward: entering, discount: 0.95, ..cs188 })
            }
            Self::Windy => (WINDY, windy(Moves::Four, Wind::Steady(WIND.into()))),
            Self::WindyKing => (WINDY, windy(Moves::King, Wind::Steady(WIND.into()))),
            Self::WindyKingStay => (WINDY, windy(Moves::KingOrStay, Wind::Steady(WIND.into()))),
            Self::WindyGusty => (WINDY, windy(Moves::King, Wind::Gusty(WIND.into()))),
            Self::Open => {
                let rules = Rules { living_reward: -0.04, discount: 0.99, ..cs188 };
                return Ok((open(width, height)?, rules));
            }
        };
        Ok((parse_map(map)?, rules))
    }
}

/// No walls, start at the bottom left, +1 at the top right.
fn open(width: usize, height: usize) -> Result<GridMap, String> {
    let area = width.checked_mul(height).filter(|area| (2..u32::MAX as usize).contains(area));
    let Some(area) = area else {
        return Err(format!("a grid cannot be {width} × {height} cells"));
    };
    let mut tiles = vec![Tile::Open; area];
    tiles[area - width] = Tile::Start;
    tiles[width - 1] = Tile::Exit(1.0);
    Ok(GridMap { width, height, tiles })
}
