//! The figures that the literature has of problems whose states are counts.

use std::path::Path;

use agents::tabular::{Choice, Table};
use anyhow::Result;
use envs::{CellKind, Chart, ChartAxis, ChartPanel, Mdp};

use super::layout::Size;
use super::page::Page;
use super::scale::{Scale, number};
use super::sheet::{Axes, Face, Ground, Sheet};
use crate::render::plot::canvas::save;
use crate::render::plot::{Curve, Panel, draw};

/// The figures of an MDP: policy and values along its axes.
pub struct Charts {
    chart: Chart,
    /// Names of the actions.
    names: Vec<String>,
}

/// A table and what it is.
struct Named<'a> {
    name: &'a str,
    table: &'a Table,
}

impl Charts {
    /// The figures of an MDP that has any.
    pub fn new(mdp: &dyn Mdp) -> Option<Self> {
        let names = (0..mdp.n_actions()).map(|action| mdp.action_name(action)).collect();
        Some(Self { chart: mdp.chart()?, names })
    }

    /// Draws policy and values as the extension of `path` says, svg or png; beside them those of the
    /// exact answer, where one is given.
    ///
    /// # Errors
    /// Names the file; an older figure is then still there.
    pub fn draw_values(
        &self,
        title: &str,
        table: &Table,
        exact: Option<&Table>,
        path: &Path,
    ) -> Result<()> {
        let name = if exact.is_some() { "estimate" } else { "" };
        let mut tables = vec![Named { name, table }];
        tables.extend(exact.map(|table| Named { name: "exact", table }));
        match &self.chart.up {
            None => draw(&self.curves(&tables), path),
            Some(up) => {
                let sheets = self.sheets(&tables, up);
                let shape = [self.chart.across.places.len(), up.places.len()];
                save(&Page::new(shape, 2 * tables.len(), title, &sheets, Size::Part), path)
            }
        }
    }

    /// Draws the values at some moments of a run, as curves with these names, where there is but one
    /// axis; returns whether there is. Of the actions only those of the last moment are drawn.
    ///
    /// # Errors
    /// Names the file; an older figure is then still there.
    pub fn draw_moments(&self, tables: &[(String, Table)], path: &Path) -> Result<bool> {
        if self.chart.up.is_some() {
            return Ok(false);
        }
        let tables: Vec<_> = tables.iter().map(|(name, table)| Named { name, table }).collect();
        let mut panels = self.curves(&tables);
        panels[1].curves.drain(..tables.len().saturating_sub(1));
        draw(&panels, path)?;
        Ok(true)
    }

    /// Title of the policy's chart.
    fn policy(&self, tables: &[Named<'_>]) -> String {
        let drawn = tables.iter().any(|named| is_drawn(named.table));
        match (&self.chart.amounts, &self.names[..], drawn) {
            (Some(amounts), _, true) => format!("mean of {}", amounts.label),
            (Some(amounts), _, false) => amounts.label.clone(),
            (None, [_, second], true) => format!("probability of {second}"),
            (None, _, true) => "mean number of the action".to_owned(),
            (None, ..) => "policy".to_owned(),
        }
    }

    /// Colour and text of what is done in a state; a number where actions are `drawn` in any.
    fn told(&self, choice: &Choice, drawn: bool) -> (f64, String) {
        let amount = self.mean_amount(choice);
        let text = match (&self.chart.amounts, choice.action()) {
            (None, Some(action)) if !drawn => self.names[action].clone(),
            (None, _) => number(amount, 2),
            (Some(_), _) => number(amount, if drawn { 1 } else { 0 }),
        };
        (amount, text)
    }

    /// Mean amount of the actions, where actions are amounts; of two actions without amounts the
    /// probability of the second.
    fn mean_amount(&self, choice: &Choice) -> f64 {
        choice.probs().map(|(action, prob)| prob * self.amount(action)).sum()
    }

    /// Amount of an action; its number where the amount is not known.
    fn amount(&self, action: usize) -> f64 {
        self.chart.amounts.as_ref().map_or(action as f64, |amounts| amounts.of[action])
    }

    /// Policy and values, for each panel and table.
    fn sheets(&self, tables: &[Named<'_>], up: &ChartAxis) -> Vec<Sheet> {
        let axes = Axes { across: self.chart.across.clone(), up: up.clone() };
        let states = || self.chart.panels.iter().flat_map(|panel| &panel.states);
        let values =
            tables.iter().flat_map(|named| states().map(|state| named.table.values[*state]));
        let values = Scale::of(values);
        let amounts = Scale::of((0..self.names.len()).map(|action| self.amount(action)));
        let (policy, mut sheets) = (self.policy(tables), Vec::new());
        let drawn = tables.iter().any(|named| is_drawn(named.table));
        for panel in &self.chart.panels {
            for Named { name, table } in tables {
                let title = |what: &str| {
                    let parts = [what, &panel.title, name];
                    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
                };
                sheets.push(Sheet {
                    title: title(&policy),
                    faces: self.faces(panel, table, |_, choice| self.told(choice, drawn)),
                    scale: amounts,
                    bar: self.chart.amounts.is_some(),
                    axes: Some(axes.clone()),
                });
                sheets.push(Sheet {
                    title: title("value"),
                    faces: self.faces(panel, table, |state, _| {
                        let value = table.values[state];
                        (value, number(value, values.decimals()))
                    }),
                    scale: values,
                    bar: true,
                    axes: Some(axes.clone()),
                });
            }
        }
        sheets
    }

    /// The cells of a panel from the top left: `show` gives colour and text of a state and what is done
    /// there.
    fn faces(
        &self,
        panel: &ChartPanel,
        table: &Table,
        show: impl Fn(usize, &Choice) -> (f64, String),
    ) -> Vec<Face> {
        let face = |state: &usize| match &table.policy[*state] {
            None => Face::plain(Ground::End(CellKind::Open)),
            Some(choice) => {
                let (value, text) = show(*state, choice);
                Face { text, ..Face::plain(Ground::Value(value)) }
            }
        };
        let rows = panel.states.chunks(self.chart.across.places.len()).rev();
        rows.flat_map(|row| row.iter().map(face)).collect()
    }

    /// Values and policy against the only axis.
    fn curves(&self, tables: &[Named<'_>]) -> Vec<Panel> {
        let panel = |title: &str, y: &dyn Fn(&Table, usize) -> Option<f64>| {
            let curve = |Named { name, table }: &Named<'_>| {
                let states =
                    self.chart.panels.iter().flat_map(|panel| panel.states.iter().zip(0u32..));
                let points =
                    states.filter_map(|(state, x)| Some((f64::from(x), y(table, *state)?)));
                Curve { label: (*name).to_owned(), points: points.collect(), ..Curve::default() }
            };
            Panel {
                title: title.to_owned(),
                x_label: self.chart.across.label.clone(),
                curves: tables.iter().map(curve).collect(),
                ..Panel::default()
            }
        };
        vec![
            panel("value", &|table, state| {
                table.policy[state].is_some().then_some(table.values[state])
            }),
            panel(&self.policy(tables), &|table, state| {
                table.policy[state].as_ref().map(|choice| self.mean_amount(choice))
            }),
        ]
    }
}

/// Returns `true` if any action is drawn.
fn is_drawn(table: &Table) -> bool {
    table.policy.iter().any(|choice| matches!(choice, Some(Choice::Probabilities(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::board::tests::{answer, uniform};
    use envs::{
        Blackjack, CliffWalking, GamblersConfig, GamblersProblem, JacksCarRental, JacksConfig,
    };
    use std::fs;

    #[test]
    fn jacks_policy_is_drawn_as_in_the_book() {
        let jack = JacksCarRental::new(JacksConfig::default());
        let (charts, table) = (Charts::new(&jack).unwrap(), answer(&jack));
        let sheets =
            charts.sheets(&[Named { name: "", table: &table }], charts.chart.up.as_ref().unwrap());
        assert_eq!(sheets.len(), 2);
        // Figure 4.2: five cars at the top left, four back at the bottom right, none at the bottom left.
        let policy = &sheets[0];
        let shown = [0, 440, 420].map(|cell| policy.faces[cell].text.as_str());
        assert_eq!(shown, ["5", "-4", "0"]);
        assert_eq!(
            (policy.scale, policy.title.as_str()),
            (Scale { low: -5.0, high: 5.0 }, "cars moved to the second")
        );
    }

    #[test]
    fn blackjack_has_a_policy_and_values_with_and_without_an_ace() {
        let (blackjack, root) = (Blackjack::default(), tempfile::tempdir().unwrap());
        let (charts, table) = (Charts::new(&blackjack).unwrap(), answer(&blackjack));
        let sheets =
            charts.sheets(&[Named { name: "", table: &table }], charts.chart.up.as_ref().unwrap());
        let titles: Vec<_> = sheets.iter().map(|sheet| sheet.title.as_str()).collect();
        let expected = [
            "policy, usable ace",
            "value, usable ace",
            "policy, no usable ace",
            "value, no usable ace",
        ];
        assert_eq!(titles, expected);
        // Figure 5.2: 18 with an ace against an ace, 9 or 10 hits; 16 without one against 7 too.
        let policy = |sheet: usize, sum: usize, card: usize| {
            sheets[sheet].faces[(21 - sum) * 10 + card - 1].text.clone()
        };
        assert_eq!(
            [policy(0, 18, 1), policy(0, 18, 8), policy(0, 19, 1)],
            ["hit", "stick", "stick"]
        );
        assert_eq!([policy(2, 16, 7), policy(2, 16, 6), policy(2, 12, 3)], ["hit", "stick", "hit"]);
        let path = root.path().join("values.svg");
        charts.draw_values("blackjack", &table, Some(&table), &path).unwrap();
        let svg = fs::read_to_string(&path).unwrap();
        for text in ["dealer showing", "player&apos;s sum", "value, no usable ace, exact", "stick"]
        {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn drawn_actions_are_numbers() {
        let blackjack = Blackjack::default();
        let charts = Charts::new(&blackjack).unwrap();
        let uniform = uniform(&blackjack);
        let sheets = charts
            .sheets(&[Named { name: "", table: &uniform }], charts.chart.up.as_ref().unwrap());
        assert_eq!(sheets[0].title, "probability of hit, usable ace");
        // A state has a face in one of four sheets, and none of them is an end.
        assert!(sheets[0].faces.iter().all(|face| face.text == "0.50"));
        let values = sheets[1].faces.iter().chain(&sheets[3].faces);
        assert!(values.clone().all(|face| !face.text.is_empty()));
        let lowest = values.map(|face| face.text.parse::<f64>().unwrap()).fold(1.0, f64::min);
        assert_eq!(lowest, -0.79, "what the random policy is worth against an ace, 17 without one");
        let gambler = GamblersProblem::new(GamblersConfig::default()).unwrap();
        let (charts, uniform) = (Charts::new(&gambler).unwrap(), self::uniform(&gambler));
        let curves = charts.curves(&[Named { name: "", table: &uniform }]);
        assert!(curves[1].title.starts_with("mean of "), "{}", curves[1].title);
        // With 50, stakes of 1 to 50 are as probable as each other.
        assert_eq!(
            (curves[0].curves[0].points.len(), curves[1].curves[0].points[49]),
            (99, (50.0, 25.5))
        );
    }

    #[test]
    fn the_gambler_has_curves() {
        let (gambler, root) = (
            GamblersProblem::new(GamblersConfig::default()).unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let (charts, table) = (Charts::new(&gambler).unwrap(), answer(&gambler));
        let curves = charts.curves(&[Named { name: "", table: &table }]);
        // Example 4.3: at 50 the best is to stake all, which wins with 0.4; below, at 25, with 0.16.
        assert_eq!(curves[1].curves[0].points[49], (50.0, 50.0));
        assert!((curves[0].curves[0].points[49].1 - 0.4).abs() < 1e-9);
        assert!((curves[0].curves[0].points[24].1 - 0.16).abs() < 1e-9);
        let path = root.path().join("values.svg");
        charts.draw_values("", &table, None, &path).unwrap();
        let svg = fs::read_to_string(&path).unwrap();
        assert!(svg.contains("capital") && svg.contains("stake"));
        assert!(Charts::new(&CliffWalking::default()).is_none());
        let moments = [("sweep 1".to_owned(), table.clone()), ("sweep 2".to_owned(), table)];
        let path = root.path().join("moments.svg");
        assert!(charts.draw_moments(&moments, &path).unwrap());
        let svg = fs::read_to_string(&path).unwrap();
        assert!(svg.contains("sweep 1") && svg.contains("sweep 2"));
        let jack = Charts::new(&JacksCarRental::new(JacksConfig::default())).unwrap();
        assert!(!jack.draw_moments(&moments, &path).unwrap());
    }
}
