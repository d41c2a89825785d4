use super::*;
use crate::{Rng, Snapshot};
use rand::SeedableRng;

const NOOP: usize = 0;
const LEFT: usize = 1;
const RIGHT: usize = 2;
const FIRE: usize = 3;

/// A game without sticky actions.
fn game() -> SpaceInvaders {
    SpaceInvadersConfig { sticky: 0.0, ..SpaceInvadersConfig::default() }.into()
}

/// Bits of squares, `[row, column]` each.
fn bits<const N: usize>(squares: [[usize; 2]; N]) -> Bits {
    let mut bits = Bits::default();
    squares.into_iter().for_each(|[row, column]| bits[row] |= 1 << column);
    bits
}

fn act(game: &mut SpaceInvaders, action: usize) -> (f32, bool) {
    let step = game.step(Action::Discrete(action), &mut Rng::seed_from_u64(0));
    (step.reward, step.terminated)
}

#[test]
fn a_shot_flies_up_and_hits() {
    let mut game = game();
    act(&mut game, FIRE);
    assert_eq!(game.shots, bits([[8, 5]]));
    // Five rows up is the lowest alien.
    for _ in 0..4 {
        assert_eq!(act(&mut game, FIRE), (0.0, false), "it can't shoot yet");
    }
    assert_eq!(game.shots, bits([[4, 5]]));
    assert_eq!(act(&mut game, FIRE), (1.0, false));
    assert_eq!(game.shots, bits([[8, 5]]), "the second one");
    assert_eq!((game.aliens[3], count(&game.aliens)), (WAVE_ROW & !(1 << 5), 23));
}

#[test]
fn the_cannon_stops_at_the_walls() {
    let mut game = game();
    game.cannon = 0;
    act(&mut game, LEFT);
    assert_eq!(game.cannon, 0);
    for _ in 0..12 {
        act(&mut game, RIGHT);
    }
    assert_eq!(game.cannon, 9);
}

#[test]
fn aliens_move_every_13_steps_and_the_last_one_in_every_step() {
    let mut game = game();
    for _ in 0..12 {
        act(&mut game, NOOP);
    }
    assert_eq!(game.aliens, wave());
    act(&mut game, NOOP);
    assert_eq!(game.aliens[0], WAVE_ROW >> 1);
    (game.aliens, game.move_timer) = (bits([[0, 7]]), 0);
    act(&mut game, NOOP);
    act(&mut game, NOOP);
    assert_eq!(game.aliens, bits([[0, 5]]));
}

#[test]
fn aliens_come_down_at_an_edge() {
    let at = |row, column, rightward| {
        let (aliens, cannon) = (bits([[row, column]]), 4);
        let mut game = SpaceInvaders { aliens, rightward, cannon, move_timer: 0, ..game() };
        let (_, terminated) = act(&mut game, NOOP);
        (game.aliens, game.rightward, terminated)
    };
    assert_eq!(at(3, 0, false), (bits([[4, 0]]), true, false));
    assert_eq!(at(3, 9, true), (bits([[4, 9]]), false, false));
    assert_eq!(at(3, 0, true), (bits([[3, 1]]), true, false));
    assert!(at(9, 0, false).2, "down from the bottom row");
    assert!(at(9, 5, false).2, "to the cannon");
    assert!(!at(9, 7, false).2);
}

#[test]
fn the_nearest_alien_shoots() {
    let mut game = game();
    game.aliens = bits([[1, 3], [6, 3], [2, 7], [8, 0]]);
    game.cannon = 5;
    assert_eq!(game.shooter(), Some((6, 3)), "the left one of two, and its lowest");
    game.cannon = 6;
    assert_eq!(game.shooter(), Some((2, 7)));
    game.shot_timer = 0;
    act(&mut game, NOOP);
    assert_eq!((game.enemy_shots, game.shot_timer), (bits([[2, 7]]), 9));
}

#[test]
fn a_shot_ends_the_game_at_the_cannon_only() {
    let ends = |column| {
        let enemy_shots = bits([[8, column]]);
        act(&mut SpaceInvaders { enemy_shots, ..game() }, NOOP).1
    };
    assert!(ends(5) && !ends(4));
}

#[test]
fn a_new_wave_is_faster() {
    let next = |move_interval, ramping| {
        let (aliens, shots) = (bits([[2, 5]]), bits([[3, 5]]));
        let mut game = SpaceInvaders { aliens, shots, move_interval, ..game() };
        game.config.ramping = ramping;
        assert_eq!(act(&mut game, NOOP), (1.0, false));
        assert_eq!(game.aliens, wave());
        game.move_interval
    };
    assert_eq!([next(12, true), next(7, true), next(6, true), next(12, false)], [11, 6, 6, 12]);
}

#[test]
fn the_observation_has_a_channel_for_each_thing() {
    let (aliens, shots, enemy_shots) = (bits([[2, 3]]), bits([[4, 4]]), bits([[5, 6]]));
    let mut game = SpaceInvaders { aliens, shots, enemy_shots, ..game() };
    let ones = |game: &SpaceInvaders| {
        let mut obs = [7.0; 600];
        game.observe(&mut obs);
        (0..600).filter(|&i| obs[i] == 1.0).collect::<Vec<usize>>()
    };
    assert_eq!(ones(&game), [95, 123, 223, 444, 556]);
    game.rightward = true;
    assert_eq!(ones(&game), [95, 123, 323, 444, 556]);
    assert_eq!(game.cells().to_string().lines().nth(9), Some(".....A...."));
}

#[test]
fn a_snapshot_holds_everything_and_a_wrong_one_is_noticed() {
    let mut game = game();
    for _ in 0..30 {
        act(&mut game, FIRE);
    }
    let mut restored = SpaceInvaders::default();
    restored.restore(game.snapshot().unwrap()).unwrap();
    assert_eq!(restored, game);
    assert!(game.is_possible());
    assert!(!SpaceInvaders { aliens: Bits::default(), ..game.clone() }.is_possible());
    assert!(!SpaceInvaders { shots: [1 << 10; 10], ..game }.is_possible());
}
