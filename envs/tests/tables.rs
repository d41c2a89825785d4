//! Our tables against Gymnasium's, recorded by `tests/parity/record.py`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy.toml exempts only functions marked #[test]"
)]

use std::collections::{BTreeMap, BTreeSet};

use envs::{Blackjack, CliffWalking, FrozenLake, FrozenLakeConfig, Mdp, Taxi, check_mdp};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    starts: Vec<f64>,
    /// `[state][action][outcome]`.
    table: Vec<Vec<Vec<Row>>>,
}

/// Probability, next state, reward, whether the episode ends.
type Row = (f64, usize, f64, u8);

fn lake(map: &str, slippery: bool, success_rate: f64) -> Box<dyn Mdp> {
    let config = FrozenLakeConfig { map: map.into(), slippery, success_rate };
    Box::new(FrozenLake::new(&config).unwrap())
}

fn ours(name: &str) -> Box<dyn Mdp> {
    match name {
        "frozen-lake" => lake("4x4", true, 1.0 / 3.0),
        "frozen-lake-8x8" => lake("8x8", true, 1.0 / 3.0),
        "frozen-lake-dry" => lake("4x4", false, 1.0 / 3.0),
        "frozen-lake-own" => lake("SFFH HFSG", true, 0.7),
        "taxi" => Box::new(Taxi::default()),
        "taxi-rainy" => Box::new(Taxi { rainy: true, ..Taxi::default() }),
        "taxi-fickle" => Box::new(Taxi { fickle_passenger: true, ..Taxi::default() }),
        "cliff-walking" => Box::new(CliffWalking::default()),
        "cliff-walking-slippery" => Box::new(CliffWalking { slippery: true }),
        _ => panic!("no table is called {name}"),
    }
}

#[test]
fn tables_are_gymnasiums_to_the_last_bit() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/toy_text.json"));
    let tables: BTreeMap<String, Table> = serde_json::from_str(text).unwrap();
    assert_eq!(tables.len(), 9);
    for (name, Table { starts, table }) in tables {
        let mdp = ours(&name);
        assert_eq!(check_mdp(&*mdp), Ok(()), "{name}");
        let listed = starts.into_iter().enumerate().filter(|start| start.1 > 0.0);
        assert_eq!(mdp.starts(), listed.collect::<Vec<_>>(), "{name}");
        assert_eq!((mdp.n_states(), mdp.n_actions()), (table.len(), table[0].len()), "{name}");
        // Gymnasium goes on where an episode is over; here such states have no actions.
        let ends: BTreeSet<usize> = table
            .iter()
            .flatten()
            .flatten()
            .filter(|outcome| outcome.3 == 1)
            .map(|outcome| outcome.1)
            .collect();
        let is_over = |state: usize| match name.as_str() {
            "taxi" | "taxi-rainy" | "taxi-fickle" => state / 4 % 5 == state % 4,
            _ => ends.contains(&state),
        };
        assert!(ends.iter().all(|state| is_over(*state)), "{name}");
        for (state, actions) in table.iter().enumerate() {
            for (action, listed) in actions.iter().enumerate() {
                let mut outcomes: Vec<Row> = Vec::new();
                mdp.outcomes(state, action, &mut |outcome| {
                    let end = u8::from(outcome.terminated);
                    outcomes.push((outcome.prob, outcome.next, outcome.reward, end));
                });
                let expected = if is_over(state) { &[][..] } else { &listed[..] };
                assert_eq!(outcomes, expected, "{name}, state {state}, action {action}");
            }
        }
    }
}

#[test]
fn the_dealer_of_blackjack_is_gymnasiums() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/blackjack.json"));
    let rows: Vec<[f64; 6]> = serde_json::from_str(text).unwrap();
    let game = Blackjack::default();
    for (card, row) in (1..).zip(&rows) {
        let ends = game.dealer_ends(card);
        for (sum, expected) in [17, 18, 19, 20, 21, 0].into_iter().zip(row) {
            assert!((ends[sum] - expected).abs() < 1e-14, "card {card}, sum {sum}: {}", ends[sum]);
        }
    }
    assert_eq!(rows.len(), 10);
}
