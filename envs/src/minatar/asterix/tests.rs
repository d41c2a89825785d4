use super::*;
use crate::{Rng, Snapshot};
use rand::SeedableRng;

const NOOP: usize = 0;
const LEFT: usize = 1;
const UP: usize = 2;
const RIGHT: usize = 3;
const DOWN: usize = 4;

/// A game without sticky actions in which `other` is in the player's row, 5, and the player in column 5.
fn game(other: Option<Passerby>) -> Asterix {
    let mut game = Asterix::from(AsterixConfig { sticky: 0.0, ..AsterixConfig::default() });
    game.lanes[4] = other;
    game
}

fn act(game: &mut Asterix, action: usize) -> (f32, bool) {
    let step = game.step(Action::Discrete(action), &mut Rng::seed_from_u64(0));
    (step.reward, step.terminated)
}

fn passerby(column: i8, rightward: bool, gold: bool) -> Option<Passerby> {
    Some(Passerby { column, rightward, gold })
}

#[test]
fn treasure_is_taken_and_enemies_kill() {
    let mut gold = game(passerby(6, true, true));
    assert_eq!(act(&mut gold, RIGHT), (1.0, false));
    assert_eq!(gold.lanes, [None; 8]);
    let mut enemy = game(passerby(4, true, false));
    assert_eq!(act(&mut enemy, LEFT), (0.0, true));
    assert_eq!(act(&mut game(passerby(4, true, false)), NOOP), (0.0, false));
}

#[test]
fn others_move_when_it_is_their_time() {
    let mut game = game(passerby(4, true, true));
    game.lanes[0] = passerby(0, false, false);
    game.lanes[1] = passerby(3, false, false);
    // The timer begins at 5 and is at 0 in the sixth step.
    for _ in 0..5 {
        assert_eq!(act(&mut game, NOOP), (0.0, false));
    }
    assert_eq!(act(&mut game, NOOP), (1.0, false));
    assert_eq!(game.lanes[..2], [None, passerby(2, false, false)]);
    assert_eq!(game.lanes[4], None);
}

#[test]
fn an_enemy_may_come_to_the_player() {
    let mut game = game(passerby(6, false, false));
    game.move_timer = 0;
    assert_eq!(act(&mut game, NOOP), (0.0, true));
}

#[test]
fn the_player_stays_in_rows_1_to_8() {
    let mut game = game(None);
    for (action, expected) in [(UP, [1, 5]), (DOWN, [8, 5]), (LEFT, [8, 0]), (RIGHT, [8, 9])] {
        for _ in 0..12 {
            game.spawn_timer = 10;
            act(&mut game, action);
        }
        assert_eq!([game.player.row, game.player.column], expected);
    }
}

#[test]
fn one_newcomer_in_every_ten_steps() {
    let mut game = game(None);
    let count = |game: &Asterix| game.lanes.iter().flatten().count();
    for _ in 0..10 {
        act(&mut game, NOOP);
    }
    assert_eq!(count(&game), 0);
    act(&mut game, NOOP);
    assert_eq!(count(&game), 1);
    let newcomer = game.lanes.iter().flatten().next().unwrap();
    // It comes in at the side, and moves at once: it is time in this step.
    assert_eq!(newcomer.column, if newcomer.rightward { 1 } else { 8 });
    let full = [passerby(3, true, false); 8];
    game.lanes = full;
    game.spawn(&mut Rng::seed_from_u64(0));
    assert_eq!(game.lanes, full, "no row is free");
}

#[test]
fn newcomers_are_of_both_kinds_and_sides_in_every_row() {
    let mut rng = Rng::seed_from_u64(0);
    let (mut rows, mut gold, mut rightward) = ([0; 8], 0, 0);
    for _ in 0..6000 {
        let mut game = game(None);
        game.spawn(&mut rng);
        let row = game.lanes.iter().position(Option::is_some).unwrap();
        let other = game.lanes[row].unwrap();
        rows[row] += 1;
        gold += i32::from(other.gold);
        rightward += i32::from(other.rightward);
    }
    assert!(rows.iter().all(|count| (650..850).contains(count)), "{rows:?}");
    assert!((1850..2150).contains(&gold) && (2850..3150).contains(&rightward));
}

#[test]
fn the_game_gets_harder_every_102_steps() {
    let intervals = |steps: usize, ramping: bool| {
        let mut game = game(None);
        game.config.ramping = ramping;
        for _ in 0..steps {
            act(&mut game, NOOP);
        }
        [game.spawn_interval, game.move_interval]
    };
    assert_eq!(intervals(101, true), [10, 5]);
    assert_eq!(intervals(102, true), [9, 5]);
    assert_eq!(intervals(204, true), [8, 4]);
    assert_eq!(intervals(8 * 102, true), [2, 1]);
    assert_eq!(intervals(2000, true), [1, 1]);
    assert_eq!(intervals(2000, false), [10, 5]);
}

#[test]
fn the_observation_has_a_channel_for_each_thing() {
    let mut game = game(passerby(7, true, true));
    game.lanes[0] = passerby(9, false, false);
    let mut obs = [7.0; 400];
    game.observe(&mut obs);
    let ones: Vec<usize> = (0..400).filter(|&i| obs[i] == 1.0).collect();
    // Player (5, 5), enemy (1, 9) with its trail beyond the board, trail (5, 6), treasure (5, 7).
    assert_eq!(ones, [55, 119, 256, 357]);
    let text = game.cells().to_string();
    assert_eq!(text.lines().nth(1), Some(".........x"));
    assert_eq!(text.lines().nth(5), Some(".....A-$.."));
}

#[test]
fn the_full_set_has_six_actions() {
    let config = AsterixConfig { actions: ActionSet::Full, sticky: 0.0, ramping: true };
    let mut game = Asterix::from(config);
    assert_eq!(game.spec().n_actions(), 6);
    act(&mut game, 5);
    assert_eq!(game.player, Square { row: 5, column: 5 });
    act(&mut game, 4);
    assert_eq!(game.player, Square { row: 6, column: 5 });
}

#[test]
fn a_snapshot_holds_everything_and_a_wrong_one_is_noticed() {
    let mut game = game(passerby(6, true, true));
    for _ in 0..150 {
        act(&mut game, UP);
    }
    let mut restored = Asterix::default();
    restored.restore(game.snapshot().unwrap()).unwrap();
    assert_eq!(restored, game);
    assert!(game.is_possible());
    assert!(!Asterix { player: Square { row: 0, column: 0 }, ..game.clone() }.is_possible());
    assert!(!Asterix { spawn_interval: 0, ..game }.is_possible());
}
