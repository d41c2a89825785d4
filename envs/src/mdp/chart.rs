//! The axes along which the literature draws a problem.

/// Figures of an MDP whose states are counts of something: what is drawn along which axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Axis to the right.
    pub across: ChartAxis,
    /// Axis upwards; without it values are a curve.
    pub up: Option<ChartAxis>,
    /// The parts of the figure.
    pub panels: Vec<ChartPanel>,
    /// Quantity behind each action, as in 3 cars, where that says more than its name.
    pub amounts: Option<ChartAmounts>,
}

/// Axis of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartAxis {
    /// Label.
    pub label: String,
    /// Text at each place, `[places]`.
    pub places: Vec<String>,
}

/// One part of a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartPanel {
    /// Title of the panel; empty where it is the only one.
    pub title: String,
    /// `[up, across]`, row-major from the bottom left.
    pub states: Vec<usize>,
}

/// Actions as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartAmounts {
    /// Unit of the amounts.
    pub label: String,
    /// The number that each action is, `[n_actions]`.
    pub of: Vec<f64>,
}

impl ChartAxis {
    /// An axis with these names.
    pub fn new<T: ToString>(label: &str, places: impl Iterator<Item = T>) -> Self {
        Self { label: label.to_owned(), places: places.map(|place| place.to_string()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Blackjack, GamblersConfig, GamblersProblem, JacksCarRental, JacksConfig, Mdp};

    /// The name of the state at a place of a panel, counted from the bottom left.
    fn name(mdp: &dyn Mdp, panel: usize, across: usize, up: usize) -> String {
        let chart = mdp.chart().unwrap();
        let width = chart.across.places.len();
        mdp.state_name(chart.panels[panel].states[up * width + across])
    }

    #[test]
    fn charts_are_those_of_the_book() {
        let blackjack = Blackjack::default();
        // Figure 5.2: the dealer's card to the right, the player's sum upwards.
        assert_eq!(name(&blackjack, 0, 0, 0), "(12,1,1)");
        assert_eq!(name(&blackjack, 0, 9, 9), "(21,10,1)");
        assert_eq!(name(&blackjack, 1, 2, 4), "(16,3,0)");
        let jack = JacksCarRental::new(JacksConfig::default());
        // Figure 4.2: cars at the second location to the right, at the first upwards.
        assert_eq!(name(&jack, 0, 3, 20), "(20,3)");
        assert_eq!(jack.chart().unwrap().amounts.unwrap().of[0], -5.0);
        let gambler = GamblersProblem::new(GamblersConfig::default()).unwrap();
        assert_eq!(name(&gambler, 0, 37, 0), "37");
        assert_eq!(gambler.chart().unwrap().amounts.unwrap().of[36], 37.0);
        for mdp in [&blackjack as &dyn Mdp, &jack, &gambler] {
            let chart = mdp.chart().unwrap();
            let up = chart.up.map_or(1, |up| up.places.len());
            for panel in chart.panels {
                assert_eq!(panel.states.len(), up * chart.across.places.len());
                assert!(panel.states.iter().all(|state| *state < mdp.n_states()));
            }
            assert!(chart.amounts.is_none_or(|amounts| amounts.of.len() == mdp.n_actions()));
        }
    }
}
