use super::*;
use crate::{Rng, Snapshot};
use rand::SeedableRng;

const NOOP: usize = 0;
const LEFT: usize = 1;
const UP: usize = 2;
const RIGHT: usize = 3;
const DOWN: usize = 4;
const FIRE: usize = 5;

/// A game without sticky actions, the submarine in row 4 and column 5, facing left.
fn game() -> Seaquest {
    let config = SeaquestConfig { sticky: 0.0, ..SeaquestConfig::default() };
    Seaquest { front: Square { row: 4, column: 5 }, surfaced: false, ..config.into() }
}

fn act(game: &mut Seaquest, action: usize) -> (f32, bool) {
    let step = game.step(Action::Discrete(action), &mut Rng::seed_from_u64(0));
    (step.reward, step.terminated)
}

/// A swimmer that moves in the next step, or as many later as `timer` says.
fn swimmer(row: i8, column: i8, rightward: bool, timer: i8) -> Swimmer {
    Swimmer { square: Square { row, column }, rightward, timer, shot_timer: None }
}

#[test]
fn the_submarine_turns_and_stays_in_the_water() {
    let mut game = game();
    act(&mut game, RIGHT);
    assert_eq!((game.front.column, game.rightward), (6, true));
    act(&mut game, LEFT);
    assert_eq!((game.front.column, game.rightward), (5, false));
    for _ in 0..7 {
        act(&mut game, DOWN);
    }
    assert_eq!(game.front.row, 8);
}

#[test]
fn surfacing_without_a_diver_ends_the_game() {
    let mut game = game();
    game.front.row = 1;
    assert_eq!(act(&mut game, UP), (0.0, true));
    // At the start it is at the surface, and may stay there.
    let mut start = Seaquest { front: Square { row: 0, column: 5 }, surfaced: true, ..game };
    start.oxygen = 200;
    assert_eq!(act(&mut start, NOOP), (0.0, false));
    assert_eq!(start.oxygen, 200);
}

#[test]
fn surfacing_with_divers_brings_air() {
    let surface = |aboard| {
        let mut game = Seaquest { aboard, oxygen: 119, ..game() };
        game.front.row = 1;
        (act(&mut game, UP), game.aboard, game.oxygen, game.enemy_interval)
    };
    assert_eq!(surface(1), ((0.0, false), 0, 200, 19));
    assert_eq!(surface(5), ((0.0, false), 4, 200, 19));
    // 119 · 10 / 200 = 5.95; MinAtar takes off one diver more than there are.
    assert_eq!(surface(6), ((5.0, false), -1, 200, 19));
    assert_eq!(surface(-1), ((0.0, false), -2, 200, 19));
}

#[test]
fn surfacing_makes_enemies_faster() {
    let intervals = |surfacings: usize, ramping| {
        let mut game = game();
        game.config.ramping = ramping;
        for _ in 0..surfacings {
            (game.front.row, game.aboard) = (1, 1);
            game.surfaced = false;
            act(&mut game, UP);
        }
        [game.enemy_interval, game.move_interval]
    };
    assert_eq!(intervals(1, true), [19, 5]);
    assert_eq!(intervals(2, true), [18, 4]);
    assert_eq!(intervals(6, true), [14, 2]);
    assert_eq!(intervals(40, true), [1, 2]);
    assert_eq!(intervals(40, false), [20, 5]);
}

#[test]
fn the_game_ends_without_oxygen() {
    let mut game = Seaquest { oxygen: 2, ..game() };
    assert_eq!(act(&mut game, NOOP), (0.0, false));
    assert_eq!(act(&mut game, NOOP), (0.0, false));
    assert_eq!((game.oxygen, act(&mut game, NOOP)), (0, (0.0, true)));
    let gauge = |oxygen| Seaquest { oxygen, ..game.clone() }.gauge();
    // Before 1.0.11 the last of these was full.
    assert_eq!([gauge(200), gauge(199), gauge(20), gauge(19), gauge(-1)], [10, 9, 1, 0, 0]);
}

#[test]
fn shots_take_an_enemy_with_them() {
    let mut game = game();
    game.fish.push(swimmer(4, 3, true, 9));
    assert_eq!(act(&mut game, FIRE), (0.0, false));
    assert_eq!(game.shots[0].square, Square { row: 4, column: 4 });
    assert_eq!(act(&mut game, FIRE), (1.0, false));
    assert_eq!((game.fish.len(), game.shots.len()), (0, 0));
    // An enemy that swims into the shot.
    game.shots.push(Shot { square: Square { row: 4, column: 3 }, rightward: true });
    game.enemies.push(Swimmer { shot_timer: Some(9), ..swimmer(4, 5, false, 0) });
    game.front.row = 7;
    assert_eq!(act(&mut game, NOOP), (1.0, false));
    assert_eq!((game.enemies.len(), game.shots.len()), (0, 0));
}

#[test]
fn the_submarine_shoots_in_every_fifth_step() {
    let mut game = game();
    let shots: Vec<usize> = (0..7)
        .map(|_| {
            act(&mut game, FIRE);
            game.shots.len()
        })
        .collect();
    // The first leaves the board in the sixth step, when the second one is shot.
    assert_eq!(shots, [1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(game.shots[0].square, Square { row: 4, column: 3 });
}

#[test]
fn enemies_and_their_shots_kill() {
    let mut fish = game();
    fish.fish.push(swimmer(4, 4, true, 0));
    assert!(act(&mut fish, NOOP).1);
    let mut later = game();
    later.fish.push(swimmer(4, 4, true, 1));
    assert!(!act(&mut later, NOOP).1);
    let mut enemy = game();
    enemy.enemies.push(Swimmer { shot_timer: Some(0), ..swimmer(4, 8, false, 3) });
    assert!(!act(&mut enemy, NOOP).1);
    // The shot moves in the step in which it is made: (4, 7), (4, 6), then the submarine.
    assert!(!act(&mut enemy, NOOP).1);
    assert!(act(&mut enemy, NOOP).1);
}

#[test]
fn divers_come_aboard_while_there_is_room() {
    let boards = |aboard, column, timer| {
        let mut game = Seaquest { aboard, ..game() };
        game.divers.push(swimmer(4, column, true, timer));
        act(&mut game, NOOP);
        (game.aboard, game.divers.len())
    };
    assert_eq!(boards(0, 5, 3), (1, 0));
    assert_eq!(boards(0, 4, 0), (1, 0));
    assert_eq!(boards(0, 4, 1), (0, 1));
    assert_eq!(boards(6, 5, 3), (6, 1));
    assert_eq!(boards(0, 9, 0), (0, 0), "off the board");
}

#[test]
fn newcomers_never_swim_towards_each_other() {
    let mut rng = Rng::seed_from_u64(0);
    let mut game = game();
    for _ in 0..400 {
        game.spawn_enemy(&mut rng);
    }
    let all: Vec<_> = game.fish.iter().chain(&game.enemies).collect();
    for one in &all {
        let row = all.iter().filter(|other| other.square.row == one.square.row);
        assert!(row.clone().all(|other| other.rightward == one.rightward));
    }
    // Half of 400 come the right way; a third of them shoot.
    assert!((160..240).contains(&all.len()), "{}", all.len());
    assert!((45..90).contains(&game.enemies.len()), "{}", game.enemies.len());
    assert!(game.enemies.iter().all(|enemy| enemy.shot_timer == Some(10)));
}

#[test]
fn the_first_equal_item_is_removed() {
    let mut items = vec![1, 2, 1, 3];
    assert_eq!(remove_equal(&mut items, 2), Some(1));
    assert_eq!(items, [2, 1, 3]);
    assert_eq!(remove_equal(&mut items, 2), None);
    assert_eq!(items, [2, 1]);
}

#[test]
fn the_observation_has_a_channel_for_each_thing() {
    let mut game = Seaquest { aboard: 2, oxygen: 50, ..game() };
    game.shots.push(Shot { square: Square { row: 1, column: 1 }, rightward: true });
    game.enemy_shots.push(Shot { square: Square { row: 1, column: 2 }, rightward: true });
    game.fish.push(swimmer(2, 3, true, 0));
    game.enemies.push(swimmer(3, 9, false, 0));
    game.divers.push(swimmer(5, 0, false, 0));
    let mut obs = [7.0; 1000];
    game.observe(&mut obs);
    let ones: Vec<usize> = (0..1000).filter(|&i| obs[i] == 1.0).collect();
    // Front (4, 5), back (4, 6), shot (1, 1), trails (2, 2) and (5, 1), enemy's shot (1, 2), fish (2, 3),
    // enemy (3, 9), two squares of oxygen, two divers left of column 9, diver (5, 0).
    let expected = [45, 146, 211, 322, 351, 412, 523, 639, 790, 791, 897, 898, 950];
    assert_eq!(ones, expected);
    assert_eq!(game.cells().to_string().lines().nth(9), Some("oo.....dd."));
}

#[test]
fn a_snapshot_holds_everything_and_a_wrong_one_is_noticed() {
    let mut game = game();
    for _ in 0..150 {
        act(&mut game, FIRE);
    }
    assert!(!game.divers.is_empty());
    let mut restored = Seaquest::default();
    restored.restore(game.snapshot().unwrap()).unwrap();
    assert_eq!(restored, game);
    assert!(game.is_possible());
    assert!(!Seaquest { aboard: 7, ..game.clone() }.is_possible());
    assert!(!Seaquest { front: Square { row: 9, column: 5 }, ..game }.is_possible());
}
