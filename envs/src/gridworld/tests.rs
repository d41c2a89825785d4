//! Outcomes of steps, by hand, and refusals.

use super::*;
use crate::check_mdp;

fn world(config: &GridConfig) -> GridWorld {
    GridWorld::new(config).unwrap()
}

fn layout(layout: Layout) -> GridWorld {
    world(&GridConfig::of(layout))
}

/// An outcome with its names.
type Seen = (f64, String, f64, bool);

fn seen(prob: f64, next: &str, reward: f64) -> Seen {
    (prob, next.into(), reward, false)
}

/// Outcomes of an action, both by name.
fn outcomes(world: &GridWorld, state: &str, action: &str) -> Vec<Seen> {
    let state = (0..world.n_states()).find(|i| world.state_name(*i) == state).unwrap();
    let action = (0..world.n_actions()).find(|i| world.action_name(*i) == action).unwrap();
    let mut all = Vec::new();
    world.outcomes(state, action, &mut |Outcome { prob, next, reward, terminated }| {
        all.push((prob, world.state_name(next), reward, terminated));
    });
    all
}

#[test]
fn every_layout_keeps_its_promises() {
    for name in Layout::ALL {
        for reward in [Reward::Leaving, Reward::Entering] {
            let config = GridConfig { reward: Some(reward), ..GridConfig::of(name) };
            assert_eq!(check_mdp(&world(&config)), Ok(()), "{name:?} {reward:?}");
        }
    }
}

#[test]
fn states_are_named_from_the_bottom_left() {
    let aima = layout(Layout::Aima);
    assert_eq!(aima.n_states(), 12);
    let names: Vec<_> = (0..12).map(|state| aima.state_name(state)).collect();
    assert_eq!(names[..5], ["(1,3)", "(2,3)", "(3,3)", "(4,3)", "(1,2)"]);
    assert_eq!(names[5..8], ["(3,2)", "(4,2)", "(1,1)"]);
    assert_eq!(names[11], "end");
    assert_eq!(aima.starts(), [(7, 1.0)]);
}

#[test]
fn a_step_may_slip_to_either_side() {
    let aima = layout(Layout::Aima);
    let expected =
        [seen(0.8, "(1,2)", -0.04), seen(0.1, "(1,1)", -0.04), seen(0.1, "(2,1)", -0.04)];
    assert_eq!(outcomes(&aima, "(1,1)", "up"), expected);
    // Into the wall at (2,2), with the exit's neighbour on neither side.
    let expected =
        [seen(0.8, "(1,2)", -0.04), seen(0.1, "(1,3)", -0.04), seen(0.1, "(1,1)", -0.04)];
    assert_eq!(outcomes(&aima, "(1,2)", "right"), expected);
}

#[test]
fn exits_pay_on_leaving_or_on_entering() {
    let leaving = layout(Layout::Aima);
    assert_eq!(outcomes(&leaving, "(4,3)", "exit"), [(1.0, "end".into(), 1.0, true)]);
    assert_eq!(outcomes(&leaving, "(4,3)", "up"), []);
    assert_eq!(outcomes(&leaving, "(1,1)", "exit"), []);
    assert_eq!(outcomes(&leaving, "(3,3)", "right")[0], seen(0.8, "(4,3)", -0.04));

    let entering = world(&GridConfig { reward: Some(Reward::Entering), ..Default::default() });
    assert_eq!((entering.n_states(), entering.n_actions()), (11, 4));
    assert_eq!(outcomes(&entering, "(3,3)", "right")[0], (0.8, "(4,3)".into(), 1.0, true));
    assert_eq!(outcomes(&entering, "(4,3)", "up"), []);
}

#[test]
fn the_discounting_chain_goes_left_and_right() {
    let chain = layout(Layout::Chain);
    assert_eq!((chain.n_states(), chain.n_actions()), (6, 3));
    assert_eq!(outcomes(&chain, "(2,1)", "left"), [seen(1.0, "(1,1)", 0.0)]);
    assert_eq!(outcomes(&chain, "(1,1)", "exit"), [(1.0, "end".into(), 10.0, true)]);
    assert_eq!(outcomes(&chain, "(5,1)", "exit"), [(1.0, "end".into(), 1.0, true)]);
    assert_eq!(chain.starts().len(), 3);
    assert_eq!(chain.grid().unwrap().arrows, [Some(Arrow::Left), Some(Arrow::Right), None]);
}

#[test]
fn leaps_and_edges_pay_in_example_3_5() {
    let grid = layout(Layout::Sutton5x5);
    assert_eq!(grid.n_states(), 25);
    for action in ["up", "down", "left", "right"] {
        assert_eq!(outcomes(&grid, "(2,5)", action), [seen(1.0, "(2,1)", 10.0)]);
        assert_eq!(outcomes(&grid, "(4,5)", action), [seen(1.0, "(4,3)", 5.0)]);
    }
    assert_eq!(outcomes(&grid, "(1,5)", "up"), [seen(1.0, "(1,5)", -1.0)]);
    assert_eq!(outcomes(&grid, "(1,5)", "right"), [seen(1.0, "(2,5)", 0.0)]);
}

#[test]
fn every_step_costs_one_in_example_4_1() {
    let grid = layout(Layout::Sutton4x4);
    assert_eq!(outcomes(&grid, "(2,4)", "left"), [(1.0, "(1,4)".into(), -1.0, true)]);
    assert_eq!(outcomes(&grid, "(2,4)", "up"), [seen(1.0, "(2,4)", -1.0)]);
    assert_eq!(outcomes(&grid, "(1,4)", "right"), []);
    assert_eq!(grid.starts().len(), 14);
}

#[test]
fn the_cliff_leads_back_to_the_start() {
    let cliff = layout(Layout::SuttonCliff);
    assert_eq!(cliff.n_states(), 38);
    assert_eq!(outcomes(&cliff, "(1,1)", "right"), [seen(1.0, "(1,1)", -100.0)]);
    assert_eq!(outcomes(&cliff, "(5,2)", "down"), [seen(1.0, "(1,1)", -100.0)]);
    assert_eq!(outcomes(&cliff, "(12,2)", "down"), [(1.0, "(12,1)".into(), -1.0, true)]);
}

#[test]
fn the_dyna_maze_pays_for_reaching_the_goal() {
    let maze = layout(Layout::DynaMaze);
    // 54 cells less 7 walls.
    assert_eq!((maze.n_states(), maze.discount()), (47, 0.95));
    assert_eq!(maze.state_name(maze.starts()[0].0), "(1,4)");
    assert_eq!(outcomes(&maze, "(9,5)", "up"), [(1.0, "(9,6)".into(), 1.0, true)]);
    assert_eq!(outcomes(&maze, "(2,4)", "right"), [seen(1.0, "(2,4)", 0.0)]);
    assert_eq!(outcomes(&maze, "(1,4)", "left"), [seen(1.0, "(1,4)", 0.0)]);
}

#[test]
fn wind_lifts_by_the_column_one_comes_from() {
    let windy = layout(Layout::Windy);
    assert_eq!(outcomes(&windy, "(3,4)", "right"), [seen(1.0, "(4,4)", -1.0)]);
    assert_eq!(outcomes(&windy, "(4,4)", "right"), [seen(1.0, "(5,5)", -1.0)]);
    assert_eq!(outcomes(&windy, "(7,4)", "left"), [seen(1.0, "(6,6)", -1.0)]);
    assert_eq!(outcomes(&windy, "(7,7)", "left"), [seen(1.0, "(6,7)", -1.0)]);
    assert_eq!(outcomes(&windy, "(9,3)", "left"), [(1.0, "(8,4)".into(), -1.0, true)]);

    let king = layout(Layout::WindyKing);
    assert_eq!(outcomes(&king, "(4,4)", "down-right"), [seen(1.0, "(5,4)", -1.0)]);
    assert_eq!((king.n_actions(), layout(Layout::WindyKingStay).n_actions()), (8, 9));
    assert_eq!(
        outcomes(&layout(Layout::WindyKingStay), "(7,3)", "stay"),
        [seen(1.0, "(7,5)", -1.0)]
    );
}

#[test]
fn a_gust_varies_by_one_where_there_is_wind() {
    let gusty = layout(Layout::WindyGusty);
    assert_eq!(outcomes(&gusty, "(3,4)", "right"), [seen(1.0, "(4,4)", -1.0)]);
    let third = 1.0 / 3.0;
    let expected =
        [seen(third, "(5,4)", -1.0), seen(third, "(5,5)", -1.0), seen(third, "(5,6)", -1.0)];
    assert_eq!(outcomes(&gusty, "(4,4)", "right"), expected);
}

#[test]
fn an_open_grid_is_as_large_as_one_likes() {
    let size = |width, height| GridConfig {
        width: Some(width),
        height: Some(height),
        ..GridConfig::of(Layout::Open)
    };
    let open = world(&size(300, 200));
    assert_eq!(open.n_states(), 60_001);
    assert_eq!(open.state_name(open.starts()[0].0), "(1,1)");
    assert_eq!(outcomes(&open, "(300,200)", "exit"), [(1.0, "end".into(), 1.0, true)]);
    let error = GridWorld::new(&size(1, 1)).unwrap_err();
    assert_eq!(error, "a grid cannot be 1 × 1 cells");
    let config = GridConfig { width: Some(7), ..GridConfig::default() };
    let error = GridWorld::new(&config).unwrap_err();
    assert_eq!(error, "width and height can be chosen for the layout open only");
}

#[test]
fn a_map_of_ones_own_has_the_rules_of_cs188() {
    let own = world(&GridConfig { map: Some("S.\n#  2.5".into()), ..GridConfig::default() });
    assert_eq!(own.discount(), 0.9);
    let expected = [seen(0.8, "(2,2)", 0.0), seen(0.1, "(1,2)", 0.0), seen(0.1, "(1,2)", 0.0)];
    assert_eq!(outcomes(&own, "(1,2)", "right"), expected);
    assert_eq!(outcomes(&own, "(2,1)", "exit"), [(1.0, "end".into(), 2.5, true)]);
}

#[test]
fn the_frame_knows_what_is_where() {
    let kinds = |name| -> Vec<_> {
        let cells = layout(name).grid().unwrap().cells.into_iter();
        cells
            .filter_map(|cell| match cell {
                GridCell::State { kind: CellKind::Open, .. } => None,
                GridCell::State { kind, .. } => Some(kind),
                _ => None,
            })
            .collect()
    };
    use CellKind::{Goal, Pit, Start};
    assert_eq!(kinds(Layout::Aima), [Goal, Pit, Start]);
    assert_eq!(kinds(Layout::Sutton4x4), [Goal, Goal]);
    assert_eq!(kinds(Layout::Tiny), [Pit, Start, Goal]);
    let cells = layout(Layout::SuttonCliff).grid().unwrap().cells;
    assert_eq!(cells.iter().filter(|cell| **cell == GridCell::Empty).count(), 10);
}

#[test]
fn a_malformed_map_is_refused_in_a_sentence() {
    for (map, complaint) in [
        ("", "the map is empty"),
        (" \n\t\n", "the map is empty"),
        ("S.\n...", "line 2 of the map has 3 cells, others have 2"),
        ("S .\n. ?", "line 2, column 3 of the map: `?` is neither a number nor made of"),
        ("S..+1", "line 1, column 1 of the map: `S..+1` is neither a number nor made of"),
        ("S . inf", "line 1, column 5 of the map: `inf` is neither a number nor made of"),
        ("# 1", "the map has nowhere to start"),
    ] {
        let error = parse_map(map).unwrap_err();
        assert!(error.starts_with(complaint), "{error}");
    }
}

#[test]
fn impossible_rules_are_refused_in_a_sentence() {
    let ok = GridConfig::default();
    for (config, complaint) in [
        (GridConfig { noise: Some(1.5), ..ok.clone() }, "the noise must lie between 0 and 1"),
        (GridConfig { discount: Some(1.1), ..ok.clone() }, "the discount must lie between 0 and 1"),
        (
            GridConfig { living_reward: Some(f64::NAN), ..ok.clone() },
            "the living reward must be finite",
        ),
        (
            GridConfig { map: Some("S .".into()), discount: Some(1.0), ..ok.clone() },
            "the map has no exit",
        ),
    ] {
        let error = GridWorld::new(&config).unwrap_err();
        assert!(error.starts_with(complaint), "{error}");
    }
    let rules = Rules { wind: Wind::Steady(vec![1]), ..Rules::default() };
    let error = GridWorld::build(parse_map("S 1").unwrap(), rules).unwrap_err();
    assert_eq!(error, "the wind is given for 1 columns of 2");
    let mut map = parse_map(". 1").unwrap();
    map.tiles[1] = Tile::Cliff(-1.0);
    let error = GridWorld::build(map, Rules::default()).unwrap_err();
    assert_eq!(error, "Cliff(-1.0) cannot be at (2,1)");
    let mut map = parse_map(". 1").unwrap();
    map.tiles[0] = Tile::Leap { to: 1, reward: 0.0 };
    assert!(GridWorld::build(map.clone(), Rules::default()).is_err(), "nowhere to go on from");
    map.width = 3;
    let error = GridWorld::build(map, Rules::default()).unwrap_err();
    assert_eq!(error, "2 cells do not make a 3 × 1 map");
}

#[test]
fn a_configuration_is_read_strictly() {
    let read = |text| serde_json::from_str::<GridConfig>(text);
    assert_eq!(read("{}").unwrap(), GridConfig::default());
    let config = read(r#"{"layout": "sutton-5x5", "reward": "entering"}"#).unwrap();
    assert_eq!((config.layout, config.reward), (Layout::Sutton5x5, Some(Reward::Entering)));
    assert!(read(r#"{"layot": "aima"}"#).is_err());
    for name in Layout::ALL {
        assert_eq!(serde_json::to_value(name).unwrap(), name.name());
    }
}
