//! Maps of grid worlds, and how to write them down.

/// Content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tile {
    /// Cannot be entered.
    Wall,
    /// Nothing special.
    Open,
    /// Episodes start here.
    Start,
    /// Episodes end here, for this reward.
    Exit(f64),
    /// A step on it pays this reward and leads back to the start.
    Cliff(f64),
    /// Every action leads from here to the same cell.
    Leap {
        /// Index of that cell, which is no exit.
        to: u32,
        /// Its reward.
        reward: f64,
    },
}

impl Tile {
    /// Returns `true` if one can be here.
    pub(super) fn is_state(self) -> bool {
        !matches!(self, Self::Wall | Self::Cliff(_))
    }
}

/// The cells of a grid world.
#[derive(Debug, Clone, PartialEq)]
pub struct GridMap {
    /// Cells per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// `[height, width]`, row-major from the top left.
    pub tiles: Vec<Tile>,
}

impl GridMap {
    /// An error unless the map is whole and one can start in it.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { width, height, tiles } = self;
        if width.checked_mul(*height) != Some(tiles.len()) || tiles.len() >= u32::MAX as usize {
            return Err(format!("{} cells do not make a {width} × {height} map", tiles.len()));
        }
        if !tiles.iter().any(|tile| tile.is_state() && !matches!(tile, Tile::Exit(_))) {
            return Err("the map has nowhere to start: write `S` or `.` somewhere".into());
        }
        for (cell, tile) in tiles.iter().enumerate() {
            let sound = match *tile {
                Tile::Exit(value) => value.is_finite(),
                Tile::Cliff(value) => value.is_finite() && tiles.contains(&Tile::Start),
                Tile::Leap { to, reward } => {
                    let goes_on = |to: &Tile| to.is_state() && !matches!(to, Tile::Exit(_));
                    reward.is_finite() && tiles.get(to as usize).is_some_and(goes_on)
                }
                Tile::Wall | Tile::Open | Tile::Start => true,
            };
            if !sound {
                let (column, row) = (cell % width + 1, height - cell / width);
                return Err(format!("{tile:?} cannot be at ({column},{row})"));
            }
        }
        Ok(())
    }

    /// The highest value of an exit.
    pub(super) fn best_exit(&self) -> f64 {
        let value = |tile: &Tile| if let Tile::Exit(value) = tile { Some(*value) } else { None };
        self.tiles.iter().filter_map(value).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Reads a map, one row a line, blank lines aside:
///
/// - `#` a wall, `.` an open cell, `S` a start; they may stand together or apart;
/// - a number, such as `+1` or `-0.5`, an exit of this value; it stands apart.
///
/// ```
/// let map = envs::parse_map("
///     . . . +1
///     . # . -1
///     S . . .
/// ")?;
/// assert_eq!((map.width, map.height), (4, 3));
/// assert_eq!(map.tiles[3], envs::Tile::Exit(1.0));
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
///
/// One sentence that names the line and the column.
pub fn parse_map(text: &str) -> Result<GridMap, String> {
    let mut map = GridMap { width: 0, height: 0, tiles: Vec::new() };
    for (line, number) in text.lines().zip(1..) {
        let row = parse_row(line).map_err(|(column, error)| {
            format!("line {number}, column {column} of the map: {error}")
        })?;
        if row.is_empty() {
            continue;
        }
        if map.height == 0 {
            map.width = row.len();
        }
        if row.len() != map.width {
            let (cells, width) = (row.len(), map.width);
            return Err(format!("line {number} of the map has {cells} cells, others have {width}"));
        }
        map.height += 1;
        map.tiles.extend(row);
    }
    if map.height == 0 {
        return Err("the map is empty".into());
    }
    map.check()?;
    Ok(map)
}

/// The cells of a line, or the column, counted from 1, of what cannot be read and why.
fn parse_row(line: &str) -> Result<Vec<Tile>, (usize, String)> {
    let mut tiles = Vec::new();
    let mut column = 1;
    for word in line.split(char::is_whitespace) {
        if word.chars().all(|char| ".#S".contains(char)) {
            tiles.extend(word.chars().map(|char| match char {
                '#' => Tile::Wall,
                'S' => Tile::Start,
                _ => Tile::Open,
            }));
        } else {
            let value = word.parse().ok().filter(|value: &f64| value.is_finite());
            let wanted = "is neither a number nor made of `.`, `#` and `S`";
            let value = value.ok_or((column, format!("`{word}` {wanted}")))?;
            check_reward(value).map_err(|why| (column, format!("`{word}` {why}")))?;
            tiles.push(Tile::Exit(value));
        }
        column += word.chars().count() + 1;
    }
    Ok(tiles)
}

/// Rewards are played in single precision: learners must see those that planners count with.
pub(super) fn check_reward(value: f64) -> Result<(), String> {
    let played = value as f32;
    if !played.is_finite() {
        return Err(format!("is too large: a reward is at most {:e}", f32::MAX));
    }
    if value != 0.0 && !played.is_normal() {
        return Err(format!("is too small: a reward is 0, or at least {:e}", f32::MIN_POSITIVE));
    }
    Ok(())
}
