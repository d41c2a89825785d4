//! Values and policies of a known MDP, drawn where its states lie: values as colours and numbers,
//! actions as arrows.

mod charts;
mod layout;
mod legend;
mod page;
mod paint;
mod places;
mod scale;
mod sheet;
mod text;

use std::path::{Path, PathBuf};

use agents::tabular::Table;
use anyhow::Result;

use crate::render::gif;
use crate::render::plot::canvas::{frame, save, svg};
pub use charts::Charts;
use layout::{MOST_ARROWS, Size};
use page::Page;
pub use places::Board;
use scale::Scale;
pub use text::Ink;

/// Seconds that an animation takes at most, and the longest time of a frame.
const SECONDS: usize = 12;
const SLOWEST: u32 = 3;

impl Board {
    /// Draws values and policy to each of `paths` as its extension says, svg or png; beside them the
    /// exact answer, where one is given, and the difference.
    ///
    /// # Errors
    /// Names the file; an older figure is then still there.
    pub fn draw_values(
        &self,
        title: &str,
        table: &Table,
        exact: Option<&Table>,
        paths: &[PathBuf],
    ) -> Result<()> {
        let scale = self.scale([table].into_iter().chain(exact));
        let sheets = match exact {
            None => vec![self.values("", table, scale)],
            Some(exact) => vec![
                self.values("estimate", table, scale),
                self.values("exact", exact, scale),
                self.difference(table, exact),
            ],
        };
        let [width, height] = self.shape();
        // Wide boards are stacked.
        let columns = if width <= 2 * height { sheets.len() } else { 1 };
        let size = if sheets.len() > 1 { Size::Part } else { Size::Page };
        let page = Page::new([width, height], columns, title, &sheets, size);
        paths.iter().try_for_each(|path| save(&page, path))
    }

    /// Values and policy, as SVG.
    ///
    /// # Errors
    /// If it can't be drawn.
    pub fn values_svg(&self, title: &str, table: &Table) -> Result<String> {
        let sheets = [self.values("", table, self.scale([table].into_iter()))];
        svg(&Page::new(self.shape(), 1, title, &sheets, Size::Page))
    }

    /// Draws what each action is worth, if all actions are one of four directions and the board is not
    /// too large to show them, and any is known: whether there is such a figure.
    ///
    /// # Errors
    /// Names the file; an older figure is then still there.
    pub fn draw_q(&self, title: &str, table: &Table, paths: &[PathBuf]) -> Result<bool> {
        if self.shape().into_iter().max() > Some(MOST_ARROWS) {
            return Ok(false);
        }
        let Some(sheet) = self.quarters(table) else { return Ok(false) };
        let sheets = [sheet];
        let page = Page::new(self.shape(), 1, title, &sheets, Size::Page);
        paths.iter().try_for_each(|path| save(&page, path))?;
        Ok(true)
    }

    /// Writes an animation of titled tables, all in the same colours.
    ///
    /// # Errors
    /// Names the file; an older animation is then still there.
    pub fn animate(&self, tables: &[(String, Table)], path: &Path) -> Result<()> {
        let scale = self.scale(tables.iter().map(|(_, table)| table));
        let (titles, sheets): (Vec<_>, Vec<_>) = tables
            .iter()
            .map(|(title, table)| (title.clone(), self.values("", table, scale)))
            .unzip();
        let pages = Page::frames(self.shape(), &titles, &sheets);
        let frames = pages.iter().map(frame).collect::<Result<Vec<_>>>()?;
        gif::write(path, &frames, (tables.len().div_ceil(SECONDS) as u32).max(SLOWEST))
    }
}

/// Returns `true` if an estimate is visibly different from the exact answer.
pub fn differs(estimate: &Table, exact: &Table) -> bool {
    let Scale { low, high } = Scale::of(estimate.values.iter().chain(&exact.values).copied());
    let seen = 1e-3 * high.abs().max(low.abs());
    let difference = |(one, other): (&f64, &f64)| (one - other).abs();
    // What is not known, NaN, is different too.
    !estimate.values.iter().zip(&exact.values).map(difference).all(|difference| difference <= seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agents::Agent as _;
    use agents::tabular::Model;
    use agents::tabular::{
        Choice, PolicyEvaluation, PolicyEvaluationConfig, ValueIteration, ValueIterationConfig,
    };
    use envs::Mdp;
    use envs::{
        Blackjack, CliffWalking, FrozenLake, FrozenLakeConfig, GridConfig, GridWorld,
        JacksCarRental, JacksConfig, Layout,
    };
    use std::fs;
    use train::{Learner as _, Log, Progress};

    pub(super) fn layout(layout: Layout) -> GridWorld {
        GridWorld::new(&GridConfig::of(layout)).unwrap()
    }

    /// The board of an MDP, and its exact answer.
    pub(super) fn solved(mdp: &dyn Mdp) -> (Board, Table) {
        (Board::new(mdp).unwrap().unwrap(), answer(mdp))
    }

    /// The exact answer of an MDP.
    pub(super) fn answer(mdp: &dyn Mdp) -> Table {
        let mut planner = ValueIteration::new(mdp, ValueIterationConfig::default(), 1).unwrap();
        while planner.step(&mut Log::default()).unwrap() != Progress::Converged {}
        planner.table(&Model::new(mdp).unwrap()).unwrap().unwrap()
    }

    /// The value of drawing every action of a state with the same probability, after 1,000 sweeps.
    pub(super) fn uniform(mdp: &dyn Mdp) -> Table {
        let config = PolicyEvaluationConfig::default();
        let mut planner = PolicyEvaluation::new(mdp, config).unwrap();
        (0..1000).for_each(|_| _ = planner.step(&mut Log::default()).unwrap());
        planner.table(&Model::new(mdp).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn every_board_of_the_literature_is_drawn() {
        let root = tempfile::tempdir().unwrap();
        let mut mdps: Vec<Box<dyn Mdp>> = vec![
            Box::new(CliffWalking::default()),
            Box::new(FrozenLake::new(&FrozenLakeConfig::default()).unwrap()),
            Box::new(Blackjack::default()),
            Box::new(JacksCarRental::new(JacksConfig::default())),
        ];
        for name in Layout::ALL {
            mdps.push(Box::new(layout(name)));
        }
        for mdp in mdps {
            let (board, table) = solved(mdp.as_ref());
            for name in ["values.svg", "values.png"] {
                board.draw_values("a title", &table, None, &[root.path().join(name)]).unwrap();
            }
            let svg = fs::read_to_string(root.path().join("values.svg")).unwrap();
            assert!(svg.contains("a title") && !svg.contains("NaN"));
            let shown =
                scale::number(table.values[0], board.scale([&table].into_iter()).decimals());
            assert!(table.policy[0].is_none() || svg.contains(&shown), "{shown}");
            let png = image::open(root.path().join("values.png")).unwrap();
            assert!((400..3000).contains(&png.width()) && (200..3000).contains(&png.height()));
            let q = root.path().join("q.svg");
            let drawn = board.draw_q("worth", &table, std::slice::from_ref(&q)).unwrap();
            assert_eq!(drawn, q.exists());
            let _ = fs::remove_file(q);
        }
    }

    #[test]
    fn an_estimate_is_shown_beside_the_exact_answer() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("values.svg");
        let (board, exact) = solved(&layout(Layout::Aima));
        let mut estimate = exact.clone();
        assert!(!differs(&estimate, &exact));
        estimate.values[0] = 0.5;
        assert!(differs(&estimate, &exact));
        let unknown = Table { values: vec![f64::NAN; exact.values.len()], ..exact.clone() };
        assert!(differs(&unknown, &exact));
        board.draw_values("v", &estimate, Some(&exact), std::slice::from_ref(&path)).unwrap();
        let svg = fs::read_to_string(&path).unwrap();
        assert!(svg.contains("estimate") && svg.contains("exact") && svg.contains("-0.31"));
    }

    #[test]
    fn animations_have_a_frame_for_each_table() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("values.gif");
        let (board, table) = solved(&layout(Layout::Aima));
        let tables: Vec<_> = (0..5)
            .map(|step| {
                let mut table = table.clone();
                table.values.iter_mut().for_each(|value| *value *= f64::from(step) / 4.0);
                (format!("step {step}"), table)
            })
            .collect();
        board.animate(&tables, &path).unwrap();
        let mut decoder =
            ::gif::DecodeOptions::new().read_info(fs::File::open(&path).unwrap()).unwrap();
        let (width, height) = (decoder.width(), decoder.height());
        assert!((200..800).contains(&width) && (150..800).contains(&height), "{width}x{height}");
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [33, 33, 33, 33, 100]);
        assert!(fs::metadata(&path).unwrap().len() < 200_000);
    }

    #[test]
    fn a_large_board_is_a_small_file() {
        let root = tempfile::tempdir().unwrap();
        let config =
            GridConfig { width: Some(300), height: Some(200), ..GridConfig::of(Layout::Open) };
        let mdp = GridWorld::new(&config).unwrap();
        let board = Board::new(&mdp).unwrap().unwrap();
        let n = mdp.n_states();
        let values = (0..n).map(|state| state as f64).collect();
        let table = Table { values, q: Vec::new(), policy: vec![Some(Choice::Action(0)); n] };
        for name in ["values.svg", "values.png"] {
            let path = root.path().join(name);
            board.draw_values("large", &table, None, std::slice::from_ref(&path)).unwrap();
            assert!(fs::metadata(&path).unwrap().len() < 500_000);
        }
        assert!(!board.draw_q("large", &table, &[root.path().join("q.svg")]).unwrap());
    }
}
