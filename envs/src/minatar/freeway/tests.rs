use super::*;
use crate::{Rng, Snapshot};
use rand::SeedableRng;

const NOOP: usize = 0;
const UP: usize = 1;
const DOWN: usize = 2;

/// A game without sticky actions in which all cars stand at column 0 and are slow.
fn game() -> Freeway {
    let mut game = Freeway::from(FreewayConfig { sticky: 0.0, ..FreewayConfig::default() });
    for car in &mut game.cars {
        (car.pace, car.timer) = (5, 5);
    }
    game
}

fn act(game: &mut Freeway, action: usize) -> f32 {
    let step = game.step(Action::Discrete(action), &mut Rng::seed_from_u64(0));
    assert!(!step.terminated);
    step.reward
}

#[test]
fn the_chicken_moves_in_every_third_step() {
    let mut game = game();
    let rows: Vec<i8> = (0..8)
        .map(|_| {
            act(&mut game, UP);
            game.chicken
        })
        .collect();
    assert_eq!(rows, [9, 9, 9, 8, 8, 8, 7, 7]);
    act(&mut game, DOWN);
    assert_eq!(game.chicken, 7, "it stands still");
    act(&mut game, DOWN);
    assert_eq!(game.chicken, 8);
}

#[test]
fn the_top_row_pays_and_leads_back() {
    let mut game = game();
    (game.chicken, game.pause) = (1, 0);
    let before = game.cars;
    assert_eq!(act(&mut game, UP), 1.0);
    assert_eq!(game.chicken, 9);
    assert_ne!(game.cars, before, "cars are drawn anew");
    assert!(game.cars.iter().all(|car| car.column == 0 || car.timer == car.pace));
}

#[test]
fn a_car_puts_the_chicken_back() {
    let hit = |column: i8, rightward: bool, timer: i8| {
        let mut game = game();
        game.chicken = 3;
        game.cars[2] = Car { column, pace: 2, rightward, timer };
        act(&mut game, NOOP);
        (game.chicken, game.cars[2].column, game.cars[2].timer)
    };
    assert_eq!(hit(3, true, 0), (9, 4, 2), "it comes to the square");
    assert_eq!(hit(5, false, 0), (9, 4, 2));
    assert_eq!(hit(4, true, 0), (9, 5, 2), "it is on the square and drives on");
    assert_eq!(hit(4, true, 1), (9, 4, 0), "it stands there");
    assert_eq!(hit(3, true, 1), (3, 3, 0));
}

#[test]
fn a_car_of_pace_p_moves_every_p_plus_1_steps_around_the_board() {
    let mut game = game();
    game.cars[0] = Car { column: 9, pace: 1, rightward: true, timer: 1 };
    game.cars[1] = Car { column: 0, pace: 3, rightward: false, timer: 3 };
    let columns: Vec<[i8; 2]> = (0..8)
        .map(|_| {
            act(&mut game, NOOP);
            [game.cars[0].column, game.cars[1].column]
        })
        .collect();
    assert_eq!(columns[..4], [[9, 0], [0, 0], [0, 0], [1, 9]]);
    assert_eq!(columns[4..], [[1, 9], [2, 9], [2, 9], [3, 8]]);
}

#[test]
fn paces_and_directions_are_drawn_uniformly() {
    let (mut rng, mut game) = (Rng::seed_from_u64(0), Freeway::default());
    let (mut paces, mut rightward) = ([0; 5], 0);
    for _ in 0..500 {
        game.reset(&mut rng);
        for car in game.cars {
            paces[car.pace as usize - 1] += 1;
            rightward += i32::from(car.rightward);
            assert_eq!((car.column, car.timer), (0, car.pace));
        }
    }
    assert!(paces.iter().all(|count| (700..900).contains(count)), "{paces:?}");
    assert!((1850..2150).contains(&rightward), "{rightward}");
}

#[test]
fn the_observation_tells_pace_and_direction() {
    let mut game = game();
    game.cars[0] = Car { column: 0, pace: 3, rightward: true, timer: 0 };
    game.cars[7] = Car { column: 9, pace: 1, rightward: false, timer: 0 };
    let mut obs = [7.0; 700];
    game.observe(&mut obs);
    let ones =
        |channel: usize| (0..100).filter(|i| obs[100 * channel + i] == 1.0).collect::<Vec<_>>();
    assert_eq!(ones(0), [94]);
    assert_eq!(ones(1), [10, 20, 30, 40, 50, 60, 70, 89]);
    // Behind the first car the board goes on at the other side.
    assert_eq!((ones(2), ones(3), ones(4), ones(5)), (vec![80], vec![], vec![19], vec![]));
    assert_eq!(ones(6), [29, 39, 49, 59, 69, 79]);
}

#[test]
fn a_snapshot_holds_everything_and_a_wrong_one_is_noticed() {
    let mut game = game();
    for _ in 0..50 {
        act(&mut game, UP);
    }
    let mut restored = Freeway::default();
    restored.restore(game.snapshot().unwrap()).unwrap();
    assert_eq!(restored, game);
    assert!(game.is_possible());
    assert!(!Freeway { chicken: 0, ..game.clone() }.is_possible());
    assert!(!Freeway { previous_action: 3, ..game }.is_possible());
}
