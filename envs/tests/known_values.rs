//! Values the literature gives for these MDPs, found again by sweeping: the MDPs are the right ones.
#![expect(clippy::unwrap_used, reason = "clippy.toml exempts only functions marked #[test]")]

use std::collections::BTreeMap;

use envs::{
    Blackjack, CliffWalking, FrozenLake, FrozenLakeConfig, GamblersConfig, GamblersProblem, Garnet,
    GarnetConfig, GridConfig, GridWorld, JacksCarRental, JacksConfig, JacksVersion, Layout, Mdp,
    Reward, Taxi, check_mdp,
};

/// Optimal values by state name, from sweeps of `V(s) ← max_a Σ p (r + γ V(s'))` in place.
fn values(mdp: &dyn Mdp, discount: f64) -> BTreeMap<String, f64> {
    let mut values = vec![0.0; mdp.n_states()];
    let mut change = f64::INFINITY;
    while change > 1e-10 {
        change = 0.0_f64;
        for state in 0..values.len() {
            let backup = |action| {
                let mut sum = None;
                mdp.outcomes(state, action, &mut |outcome| {
                    let then = discount * values[outcome.next];
                    *sum.get_or_insert(0.0) += outcome.prob * (outcome.reward + then);
                });
                sum
            };
            let best = (0..mdp.n_actions()).filter_map(backup).reduce(f64::max);
            let new = best.unwrap_or(0.0);
            change = change.max((new - values[state]).abs());
            values[state] = new;
        }
    }
    values.into_iter().enumerate().map(|(i, value)| (mdp.state_name(i), value)).collect()
}

fn start_value(mdp: &dyn Mdp, discount: f64) -> f64 {
    let values = values(mdp, discount);
    mdp.starts().into_iter().map(|(state, prob)| prob * values[&mdp.state_name(state)]).sum()
}

fn grid(config: GridConfig) -> GridWorld {
    GridWorld::new(&config).unwrap()
}

/// Asserts the values of a grid, printed as in the literature, with so many decimals; `#` stands
/// where no value is given.
fn assert_grid(config: GridConfig, decimals: i32, printed: &str) {
    let world = grid(config);
    let values = values(&world, world.discount());
    let rows: Vec<&str> = printed.split('|').collect();
    for (row, line) in rows.iter().enumerate() {
        for (column, expected) in (1..).zip(line.split_whitespace()) {
            let Ok(expected) = expected.parse::<f64>() else { continue };
            let name = format!("({column},{})", rows.len() - row);
            let error = (values[&name] - expected).abs();
            assert!(error <= 0.5001 * 0.1_f64.powi(decimals), "{name}: {}", values[&name]);
        }
    }
}

fn assert_near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} instead of {expected}");
}

#[test]
fn aima() {
    // Third edition, figure 17.3.
    let leaving = "0.812 0.868 0.918 1 | 0.762 # 0.660 -1 | 0.705 0.655 0.611 0.388";
    assert_grid(GridConfig::of(Layout::Aima), 3, leaving);
    // Fourth edition, figure 16.3.
    let entering = "0.8516 0.9078 0.9578 # | 0.8016 # 0.7003 # | 0.7453 0.6953 0.6514 0.4279";
    let config = GridConfig { reward: Some(Reward::Entering), ..GridConfig::default() };
    assert_grid(config, 4, entering);
}

#[test]
fn cs188() {
    // The lectures' figure of the values after 100 sweeps.
    let book = "0.64 0.74 0.85 1.00 | 0.57 # 0.57 -1.00 | 0.49 0.43 0.48 0.28";
    assert_grid(GridConfig::of(Layout::Book), 2, book);
    assert_grid(GridConfig::of(Layout::Tiny), 9, "-10 | 5 | 10");
    // By hand: at a discount of 0.1 the cell beside the 1 takes it, without discount the 10.
    assert_grid(GridConfig::of(Layout::Chain), 9, "10 1 0.1 0.1 1");
    let config = GridConfig { discount: Some(1.0), ..GridConfig::of(Layout::Chain) };
    assert_grid(config, 9, "10 10 10 10 1");
}

#[test]
fn sutton_and_barto() {
    let figure_3_5 = "22.0 24.4 22.0 19.4 17.5 | 19.8 22.0 19.8 17.8 16.0 |
        17.8 19.8 17.8 16.0 14.4 | 16.0 17.8 16.0 14.4 13.0 | 14.4 16.0 14.4 13.0 11.7";
    assert_grid(GridConfig::of(Layout::Sutton5x5), 1, figure_3_5);
    let steps = "# -1 -2 -3 | -1 -2 -3 -2 | -2 -3 -2 -1 | -3 -2 -1 #";
    assert_grid(GridConfig::of(Layout::Sutton4x4), 9, steps);
    for (layout, steps) in [
        (Layout::Windy, 15.0),
        (Layout::WindyKing, 7.0),
        (Layout::WindyKingStay, 7.0),
        (Layout::SuttonCliff, 13.0),
    ] {
        assert_near(start_value(&grid(GridConfig::of(layout)), 1.0), -steps, 1e-9);
    }
    let gambler = values(&GamblersProblem::new(GamblersConfig::default()).unwrap(), 1.0);
    assert_near(gambler["25"], 0.16, 1e-9);
    assert_near(gambler["50"], 0.4, 1e-9);
    assert_near(gambler["75"], 0.64, 1e-9);
}

/// The book prints no numbers. These come from dense sweeps in NumPy, with Poisson numbers up to 60.
#[test]
fn jack() {
    let values = values(&JacksCarRental::new(JacksConfig::default()), 0.9);
    assert_near(values["(0,0)"], 421.414_063_309, 1e-6);
    assert_near(values["(10,10)"], 574.948_323_898, 1e-6);
    assert_near(values["(20,20)"], 636.989_606_717, 1e-6);
}

/// 200,000 games of Gymnasium's `Blackjack-v1` with `sab=True`, played by the book's policy, gave
/// −0.0414 with a standard error of 0.0021.
#[test]
fn blackjack() {
    assert_near(start_value(&Blackjack::default(), 1.0), -0.0414, 2.0 * 0.0021);
}

#[test]
fn gymnasium() {
    let lake = |map: &str| {
        FrozenLake::new(&FrozenLakeConfig { map: map.into(), ..Default::default() }).unwrap()
    };
    // 14/17 is the best chance of crossing the small lake; 0.542 is printed all over the web.
    assert_near(start_value(&lake("4x4"), 1.0), 14.0 / 17.0, 1e-6);
    assert_near(start_value(&lake("4x4"), 0.99), 0.542, 5e-4);
    // The mean of the shortest rides.
    assert_near(start_value(&Taxi::default(), 1.0), 7.93, 1e-9);
    assert_near(start_value(&CliffWalking::default(), 1.0), -13.0, 1e-9);
}

#[test]
fn all_are_sound() {
    for mdp in [
        &GamblersProblem::new(GamblersConfig { goal: 7, heads: 1.0 }).unwrap() as &dyn Mdp,
        &GamblersProblem::new(GamblersConfig::default()).unwrap(),
        &JacksCarRental::new(JacksConfig::default()),
        &JacksCarRental::new(JacksConfig { version: JacksVersion::Exercise }),
        &Blackjack::default(),
        &Garnet::new(GarnetConfig::default()).unwrap(),
        &Garnet::new(GarnetConfig { states: 1, branching: 1, ..Default::default() }).unwrap(),
    ] {
        assert_eq!(check_mdp(mdp), Ok(()));
    }
}
