//! Contents of each cell of a board, from a table.

use agents::tabular::{Choice, Table};
use envs::{Arrow, CellKind, ChartAxis, GridCell};

use super::places::Board;
use super::scale::{Scale, number};

/// One board of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sheet {
    /// Title; shown only above one of several boards.
    pub(super) title: String,
    /// `[height, width]`, row-major from the top left.
    pub(super) faces: Vec<Face>,
    pub(super) scale: Scale,
    /// Shows the colour bar beside it.
    pub(super) bar: bool,
    /// Quantities along its sides.
    pub(super) axes: Option<Axes>,
}

/// Names and first values of columns and rows; rows count from the bottom.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axes {
    pub(super) across: ChartAxis,
    pub(super) up: ChartAxis,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Face {
    pub(super) ground: Ground,
    /// `S`, `G` or `X`: start, goal, pit.
    pub(super) badge: Option<char>,
    /// Its only action leaves the board.
    pub(super) exit: bool,
    pub(super) marks: Vec<Mark>,
    pub(super) text: String,
    /// Action values of the four directions, if shown.
    pub(super) quarters: Vec<Quarter>,
}

/// Background of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ground {
    Wall,
    /// No state is being here.
    Nowhere,
    /// Episodes are over here.
    End(CellKind),
    Value(f64),
    /// Quarters, each with its own value.
    Quarters,
}

/// An action that is taken, and how probable it is: 1 where it is always taken, or may be because it ties.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// Its direction, if it has one.
    pub(super) arrow: Option<Arrow>,
    pub(super) prob: f64,
}

/// An action's value in a direction; NaN where there is no such action.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quarter {
    pub(super) arrow: Arrow,
    pub(super) value: f64,
    pub(super) best: bool,
    pub(super) text: String,
}

impl Face {
    /// Nothing but the ground.
    pub(super) fn plain(ground: Ground) -> Self {
        let (marks, quarters) = (Vec::new(), Vec::new());
        Self { ground, badge: None, exit: false, marks, text: String::new(), quarters }
    }
}

/// The directions of quarters.
const FOUR: [Arrow; 4] = [Arrow::Up, Arrow::Right, Arrow::Down, Arrow::Left];

impl Board {
    /// Colours for what `tables` think of the states that are shown and not terminal.
    pub(super) fn scale<'a>(&self, tables: impl Iterator<Item = &'a Table>) -> Scale {
        let shown = |table: &'a Table| {
            let states = self.states().filter(|state| table.policy[*state].is_some());
            states.map(|state| table.values[state]).collect::<Vec<_>>()
        };
        Scale::of(tables.flat_map(shown))
    }

    /// Values, with the actions taken as arrows.
    pub(super) fn values(&self, title: &str, table: &Table, scale: Scale) -> Sheet {
        self.sheet(title, table, scale, |state, face| {
            if !face.exit {
                face.marks = self.marks(&self.taken(table, state));
            }
            face.text = number(table.values[state], scale.decimals());
        })
    }

    /// Overestimation of each state's value beside the exact one, with the actions that are taken and
    /// are not optimal.
    pub(super) fn difference(&self, table: &Table, exact: &Table) -> Sheet {
        let mut difference = table.clone();
        for (value, exact) in difference.values.iter_mut().zip(&exact.values) {
            *value -= exact;
        }
        let scale = self.scale([&difference].into_iter());
        // Of a policy that is evaluated there is nothing that would be optimal.
        let wrong = |state: usize| -> Vec<(usize, f64)> {
            let optimal = self.taken(exact, state);
            let optimal = |action: usize| optimal.iter().any(|(other, _)| *other == action);
            let taken = table.action(state).into_iter().filter(|action| !optimal(*action));
            taken.map(|action| (action, 1.0)).collect()
        };
        let title = "estimate − exact; arrows where not optimal";
        self.sheet(title, &difference, scale, |state, face| {
            face.marks = self.marks(&wrong(state));
            face.text = number(difference.values[state], scale.decimals());
        })
    }

    /// Values of actions, where all of them are directions but for those of exits, and any is known.
    pub(super) fn quarters(&self, table: &Table) -> Option<Sheet> {
        let directions = |state: usize| {
            self.actions(state)
                .all(|action| self.grid.arrows[action].is_some_and(|a| FOUR.contains(&a)))
        };
        if !self.states().all(|state| self.is_exit(state) || directions(state)) {
            return None;
        }
        if table.q.iter().all(|q| q.is_nan()) {
            return None;
        }
        let n_actions = self.grid.arrows.len();
        let q = |state: usize, action: usize| table.q[state * n_actions + action];
        let states = || self.states().filter(|state| !self.is_exit(*state));
        let all = states().flat_map(|state| (0..n_actions).map(move |action| q(state, action)));
        let exits = self.states().filter(|state| self.is_exit(*state));
        let scale = Scale::of(all.chain(exits.map(|state| table.values[state])));
        Some(self.sheet("", table, scale, |state, face| {
            if self.is_exit(state) {
                face.text = number(table.values[state], scale.decimals());
                return;
            }
            let best = self.best(table, state);
            let quarter = |arrow: &Arrow| {
                let action = self.actions(state).find(|a| self.grid.arrows[*a] == Some(*arrow));
                let value = action.map_or(f64::NAN, |action| q(state, action));
                Quarter {
                    arrow: *arrow,
                    value,
                    best: action.is_some_and(|action| best.contains(&action)),
                    text: number(value, scale.decimals()),
                }
            };
            face.ground = Ground::Quarters;
            face.quarters = FOUR.iter().map(quarter).collect();
        }))
    }

    /// Every cell, those with a state that is not terminal changed by `show`.
    fn sheet(
        &self,
        title: &str,
        table: &Table,
        scale: Scale,
        show: impl Fn(usize, &mut Face),
    ) -> Sheet {
        let face = |cell: &GridCell| {
            let ground = match *cell {
                GridCell::Wall => Ground::Wall,
                GridCell::Empty => Ground::Nowhere,
                GridCell::State { state, kind } if table.policy[state].is_none() => {
                    Ground::End(kind)
                }
                GridCell::State { state, .. } => Ground::Value(table.values[state]),
            };
            let badge = match *cell {
                GridCell::State { kind: CellKind::Start, .. } => Some('S'),
                GridCell::State { kind: CellKind::Goal, .. } => Some('G'),
                GridCell::State { kind: CellKind::Pit, .. } => Some('X'),
                _ => None,
            };
            let mut face = Face { badge, ..Face::plain(ground) };
            if let (GridCell::State { state, .. }, Ground::Value(_)) = (*cell, ground)
                && self.model.is_some()
            {
                face.exit = self.is_exit(state);
                show(state, &mut face);
            }
            face
        };
        let faces = self.grid.cells.iter().map(face).collect();
        Sheet { title: title.to_owned(), faces, scale, bar: true, axes: None }
    }

    /// Marks of actions with their probabilities.
    fn marks(&self, actions: &[(usize, f64)]) -> Vec<Mark> {
        // Without any direction a dot would tell nothing.
        if !self.grid.arrows.iter().any(Option::is_some) {
            return Vec::new();
        }
        let mark =
            |(action, prob): &(usize, f64)| Mark { arrow: self.grid.arrows[*action], prob: *prob };
        actions.iter().map(mark).collect()
    }

    /// The actions that may be taken in a state, with their probabilities; where one is always taken,
    /// also those that tie with it for the best.
    fn taken(&self, table: &Table, state: usize) -> Vec<(usize, f64)> {
        let drawn = || table.policy[state].iter().flat_map(Choice::probs).collect();
        let Some(taken) = table.action(state) else { return drawn() };
        let best = self.best(table, state);
        // A policy need not be greedy, and not all actions need have a value.
        if !best.contains(&taken) {
            return drawn();
        }
        best.into_iter().map(|action| (action, 1.0)).collect()
    }

    /// The actions of a state that are worth most.
    fn best(&self, table: &Table, state: usize) -> Vec<usize> {
        let Some(model) = &self.model else { return Vec::new() };
        let q = |pair| table.q[state * model.n_actions() + model.action(pair)];
        let pairs = model.pairs(state).filter(|pair| model.ties_with_best(state, *pair, q));
        pairs.map(|pair| model.action(pair)).collect()
    }

    fn actions(&self, state: usize) -> impl Iterator<Item = usize> {
        let model = self.model.as_ref();
        model.into_iter().flat_map(move |m| m.pairs(state).map(|pair| m.action(pair)))
    }

    /// Returns `true` if the only action of a state has no direction, while others have.
    pub(super) fn is_exit(&self, state: usize) -> bool {
        let mut actions = self.actions(state);
        let only = (actions.next(), actions.next());
        matches!(only, (Some(action), None) if self.grid.arrows[action].is_none())
            && self.grid.arrows.iter().any(Option::is_some)
    }

    fn states(&self) -> impl Iterator<Item = usize> {
        self.grid.cells.iter().filter_map(|cell| match cell {
            GridCell::State { state, .. } => Some(*state),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
