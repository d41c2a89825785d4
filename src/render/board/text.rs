//! A board as text, for a terminal.

use agents::tabular::{Choice, Table};
use envs::{Arrow, CellKind, GridCell};
use std::io::IsTerminal as _;

use super::places::Board;
use super::scale::{Scale, is_dark, number};

/// Columns of text at most.
const WIDEST: usize = 64;

/// Capabilities of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Characters alone.
    Plain,
    /// 24-bit colour behind them.
    Colour,
}

impl Ink {
    /// Colours where standard output is a terminal, unless the user wants none (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb {
            Self::Colour
        } else {
            Self::Plain
        }
    }
}

/// Level of detail in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    ValueAndActions,
    Actions,
    /// One sign alone.
    Action,
}

/// More than one action may be taken, and none is more probable than the others together.
const SEVERAL: &str = "*";

impl Board {
    /// Values with the actions taken, one line a row; actions alone where values don't fit 64 columns,
    /// nothing where not even those do. Where an action is drawn, all that may be are told, the most
    /// probable first, or where those don't fit the one that is more probable than the others together,
    /// `*` where none is. Exits are in brackets; `#` is a wall, `G` a goal and `X` a pit where episodes
    /// are over.
    pub fn text(&self, table: &Table, ink: Ink) -> Option<String> {
        let scale = self.scale([table].into_iter());
        let told = [Told::ValueAndActions, Told::Actions, Told::Action];
        told.into_iter().find_map(|told| self.lines(table, scale, told, ink))
    }

    fn lines(&self, table: &Table, scale: Scale, told: Told, ink: Ink) -> Option<String> {
        let cells: Vec<String> =
            self.grid.cells.iter().map(|cell| self.cell(cell, table, scale, told)).collect();
        let widest = cells.iter().map(|cell| cell.chars().count()).max()?;
        // Without colours, a space keeps the numbers of two cells apart.
        let width = widest + 1;
        if self.grid.width * width > WIDEST {
            return None;
        }
        let mut text = String::new();
        for (row, cells) in cells.chunks(self.grid.width).enumerate() {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let place = &self.grid.cells[row * self.grid.width + column];
                let cell = match place {
                    GridCell::Wall => format!("{:>width$}", "#".repeat(widest)),
                    _ => format!("{cell:>width$}"),
                };
                match ink {
                    Ink::Plain => line += &cell,
                    Ink::Colour => line += &coloured(&cell, colour(place, table, scale)),
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        Some(text)
    }

    fn cell(&self, cell: &GridCell, table: &Table, scale: Scale, told: Told) -> String {
        let GridCell::State { state, kind } = *cell else {
            return if *cell == GridCell::Wall { "#".into() } else { String::new() };
        };
        let over = match kind {
            CellKind::Goal => "G",
            CellKind::Pit => "X",
            CellKind::Open | CellKind::Start => "·",
        };
        let Some(choice) = &table.policy[state] else { return over.into() };
        let value = || number(table.values[state], scale.decimals());
        match told {
            Told::ValueAndActions if self.is_exit(state) => format!("[{}]", value()),
            Told::ValueAndActions => {
                let signs = self.signs(choice);
                let apart = if signs.chars().all(is_arrow) { "" } else { " " };
                format!("{}{apart}{signs}", value())
            }
            Told::Actions | Told::Action if self.is_exit(state) => over.into(),
            Told::Actions => self.signs(choice),
            Told::Action => {
                let likely = choice.probs().find(|(_, prob)| *prob > 0.5);
                likely.map_or(SEVERAL.into(), |(action, _)| self.sign(action))
            }
        }
    }

    /// The actions that may be taken, the most probable first.
    fn signs(&self, choice: &Choice) -> String {
        let mut actions: Vec<(usize, f64)> = choice.probs().collect();
        actions.sort_by(|one, other| other.1.total_cmp(&one.1));
        let signs: Vec<String> = actions.iter().map(|(action, _)| self.sign(*action)).collect();
        let arrows = signs.iter().flat_map(|sign| sign.chars()).all(is_arrow);
        signs.join(if arrows { "" } else { "/" })
    }

    /// An arrow, or what is short of a name: a number as it is, else the first letter.
    fn sign(&self, action: usize) -> String {
        let name = &self.names[action];
        match self.grid.arrows[action] {
            Some(arrow) => glyph(arrow).into(),
            None if name.parse::<i64>().is_ok() => name.clone(),
            None => name.chars().take(1).collect(),
        }
    }
}

fn is_arrow(sign: char) -> bool {
    ('←'..='↙').contains(&sign)
}

fn glyph(arrow: Arrow) -> char {
    match arrow {
        Arrow::Up => '↑',
        Arrow::Down => '↓',
        Arrow::Left => '←',
        Arrow::Right => '→',
        Arrow::UpLeft => '↖',
        Arrow::UpRight => '↗',
        Arrow::DownLeft => '↙',
        Arrow::DownRight => '↘',
    }
}

/// Background colour of a cell.
fn colour(cell: &GridCell, table: &Table, scale: Scale) -> [u8; 3] {
    match *cell {
        GridCell::Wall => [90, 90, 90],
        GridCell::Empty => [236, 236, 236],
        GridCell::State { state, .. } if table.policy[state].is_some() => {
            scale.colour(table.values[state])
        }
        GridCell::State { kind: CellKind::Goal, .. } => [0, 158, 115],
        GridCell::State { kind: CellKind::Pit, .. } => [160, 60, 120],
        GridCell::State { .. } => [200, 200, 200],
    }
}

fn coloured(text: &str, ground: [u8; 3]) -> String {
    let [red, green, blue] = ground;
    let ink = if is_dark(ground) { "255;255;255" } else { "0;0;0" };
    format!("\x1b[48;2;{red};{green};{blue}m\x1b[38;2;{ink}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::board::tests::{layout, solved, uniform};
    use envs::{
        Blackjack, FrozenLake, FrozenLakeConfig, GridConfig, GridWorld, JacksCarRental,
        JacksConfig, Layout,
    };

    #[test]
    fn aimas_world_reads_as_in_the_book() {
        let (board, table) = solved(&layout(Layout::Aima));
        let expected = "   0.81→   0.87→   0.92→  [1.00]\n   \
                          0.76↑ #######   0.66↑ [-1.00]\n   \
                          0.71↑   0.66←   0.61←   0.39←\n";
        assert_eq!(board.text(&table, Ink::Plain).unwrap(), expected);
        let colour = board.text(&table, Ink::Colour).unwrap();
        assert_eq!(colour.matches("\x1b[0m").count(), 12);
        assert!(
            colour.contains("\x1b[48;2;127;59;8m\x1b[38;2;255;255;255m [-1.00]\x1b[0m"),
            "{colour}"
        );
    }

    #[test]
    fn wide_boards_show_their_actions_alone() {
        let lake =
            FrozenLake::new(&FrozenLakeConfig { map: "8x8".into(), ..Default::default() }).unwrap();
        let (board, table) = solved(&lake);
        let text = board.text(&table, Ink::Plain).unwrap();
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDEST) && text.contains("0.41↑"),
            "{text}"
        );
        let config =
            GridConfig { width: Some(30), height: Some(2), ..GridConfig::of(Layout::Open) };
        let (board, table) = solved(&GridWorld::new(&config).unwrap());
        let text = board.text(&table, Ink::Plain).unwrap();
        assert!(
            text.starts_with(" → →") && text.lines().next().unwrap().ends_with(" → G"),
            "{text}"
        );
        let config = GridConfig { width: Some(33), ..config };
        let (board, table) = solved(&GridWorld::new(&config).unwrap());
        assert_eq!(board.text(&table, Ink::Plain), None);
    }

    #[test]
    fn drawn_actions_are_all_told_where_they_fit() {
        let mdp = layout(Layout::Sutton4x4);
        let (board, mut table) = (Board::new(&mdp).unwrap().unwrap(), uniform(&mdp));
        table.policy[1] = Some(Choice::Probabilities(vec![0.1, 0.0, 0.7, 0.2]));
        let text = board.text(&table, Ink::Plain).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(first, "          G  -14.00←→↑ -20.00↑↓←→ -22.00↑↓←→");
        let wide = GridConfig { width: Some(20), height: Some(2), ..GridConfig::of(Layout::Open) };
        let mdp = GridWorld::new(&wide).unwrap();
        let (board, mut table) = (Board::new(&mdp).unwrap().unwrap(), uniform(&mdp));
        table.policy[1] = Some(Choice::Probabilities(vec![0.1, 0.0, 0.2, 0.7, 0.0]));
        let text = board.text(&table, Ink::Plain).unwrap();
        assert!(text.starts_with(" * → * * "), "{text}");
    }

    #[test]
    fn actions_without_a_direction_are_told_by_name() {
        let (board, table) = solved(&Blackjack::default());
        let text = board.text(&table, Ink::Plain).unwrap();
        // Figure 5.2: with a usable ace one hits up to 17, against 9, 10 and an ace up to 18.
        let row = text.lines().nth(3).unwrap();
        assert!(row.starts_with(" h s s s s s s s h h"), "{text}");
        let (board, table) = solved(&JacksCarRental::new(JacksConfig::default()));
        let text = board.text(&table, Ink::Plain).unwrap();
        // Figure 4.2: full at the first location and empty at the second, five cars are moved.
        assert!(text.starts_with("  5"), "{text}");
    }
}
