use super::*;
use crate::{Action, ActionSet, Rng, Snapshot};
use rand::SeedableRng;

const NOOP: usize = 0;
const LEFT: usize = 1;
const RIGHT: usize = 2;

/// A game with the ball at `ball` about to move by `velocity`, `[row, column]` each.
fn game([row, column]: [i8; 2], [down, right]: [i8; 2], paddle: i8) -> Breakout {
    let ball = Square { row, column };
    let velocity = Square { row: down, column: right };
    Breakout { ball, velocity, paddle, ..Breakout::default() }
}

fn ball(game: &Breakout) -> [[i8; 2]; 2] {
    [[game.ball.row, game.ball.column], [game.velocity.row, game.velocity.column]]
}

const NOTHING: Step = Step { reward: 0.0, terminated: false };
const BROKEN: Step = Step { reward: 1.0, terminated: false };
const LOST: Step = Step { reward: 0.0, terminated: true };

#[test]
fn side_walls_turn_the_ball_sideways() {
    let mut left = game([5, 0], [1, -1], 4);
    assert_eq!(left.advance(NOOP), NOTHING);
    assert_eq!(ball(&left), [[6, 0], [1, 1]]);
    let mut right = game([6, 9], [-1, 1], 4);
    assert_eq!(right.advance(NOOP), NOTHING);
    assert_eq!(ball(&right), [[5, 9], [-1, -1]]);
}

#[test]
fn the_ceiling_turns_the_ball_down() {
    let mut game = game([0, 3], [-1, 1], 4);
    assert_eq!(game.advance(NOOP), NOTHING);
    assert_eq!(ball(&game), [[0, 4], [1, 1]]);
}

#[test]
fn a_brick_breaks_and_turns_the_ball() {
    let mut game = game([4, 2], [-1, 1], 4);
    assert_eq!(game.advance(NOOP), BROKEN);
    assert_eq!(ball(&game), [[4, 3], [1, 1]]);
    // Row 3, column 3 is bit 23.
    assert_eq!(game.bricks, FULL_WALL & !(1 << 23));
    assert_eq!(game.trail, Square { row: 4, column: 2 });
}

#[test]
fn a_second_brick_in_a_row_stays_whole() {
    // From above, the ball breaks a brick of row 1 and is thrown against the ceiling; the step
    // between them is enough to break the next.
    let mut above = game([0, 2], [1, 1], 4);
    assert_eq!(above.advance(NOOP), BROKEN);
    assert_eq!(ball(&above), [[0, 3], [-1, 1]]);
    assert_eq!(above.advance(NOOP), NOTHING);
    assert_eq!(above.advance(NOOP), BROKEN);
    // Within the wall, it breaks a brick of row 3 and at once meets one of row 1, into whose square
    // it flies.
    let mut inside = game([2, 2], [1, 1], 4);
    assert_eq!(inside.advance(NOOP), BROKEN);
    assert_eq!(ball(&inside), [[2, 3], [-1, 1]]);
    let bricks = inside.bricks;
    assert_eq!(inside.advance(NOOP), NOTHING);
    assert_eq!(ball(&inside), [[1, 4], [-1, 1]]);
    assert_eq!(inside.bricks, bricks);
}

#[test]
fn the_paddle_sends_the_ball_on_or_back() {
    // The paddle below the ball: it goes on to the right.
    let mut on = game([8, 4], [1, 1], 4);
    assert_eq!(on.advance(NOOP), NOTHING);
    assert_eq!(ball(&on), [[8, 5], [-1, 1]]);
    // The paddle where the ball is going: it comes back.
    let mut back = game([8, 4], [1, 1], 5);
    assert_eq!(back.advance(NOOP), NOTHING);
    assert_eq!(ball(&back), [[8, 5], [-1, -1]]);
    let mut lost = game([8, 4], [1, 1], 6);
    assert_eq!(lost.advance(NOOP), LOST);
    assert_eq!(ball(&lost), [[9, 5], [1, 1]]);
}

#[test]
fn the_paddle_moves_before_the_ball() {
    assert_eq!(game([8, 4], [1, 1], 6).advance(LEFT), NOTHING);
    assert_eq!(game([8, 4], [1, 1], 3).advance(RIGHT), NOTHING);
    assert_eq!(game([8, 4], [1, 1], 4).advance(LEFT), LOST);
}

#[test]
fn the_paddle_stops_at_the_edges() {
    let mut left = game([5, 5], [-1, 1], 0);
    left.advance(LEFT);
    assert_eq!(left.paddle, 0);
    let mut right = game([5, 5], [-1, 1], 9);
    right.advance(RIGHT);
    assert_eq!(right.paddle, 9);
}

#[test]
fn in_the_full_set_only_left_and_right_move() {
    let config = BreakoutConfig { actions: ActionSet::Full, ..BreakoutConfig::default() };
    let columns: Vec<i8> = (0..6)
        .map(|action| {
            let mut game = Breakout::new(config);
            game.advance(action);
            game.paddle
        })
        .collect();
    assert_eq!(columns, [4, 3, 4, 5, 4, 4]);
    assert_eq!(Breakout::new(config).spec().n_actions(), 6);
}

#[test]
fn a_new_wall_appears_when_the_ball_comes_down() {
    let mut cleared = Breakout { bricks: 0, ..game([7, 3], [1, 1], 4) };
    cleared.advance(NOOP);
    assert_eq!(cleared.bricks, 0);
    cleared.advance(NOOP);
    assert_eq!(cleared.bricks, FULL_WALL);
    let mut one_left = Breakout { bricks: 1, ..game([8, 4], [1, 1], 4) };
    one_left.advance(NOOP);
    assert_eq!(one_left.bricks, 1);
}

#[test]
fn the_observation_has_a_channel_for_each_thing() {
    let mut game = Breakout::default();
    game.start(Side::Right);
    game.advance(RIGHT);
    let mut obs = [7.0; 400];
    game.observe(&mut obs);
    let ones: Vec<usize> = (0..400).filter(|&i| obs[i] == 1.0).collect();
    // Paddle (9, 5), ball (4, 8), trail (3, 9), bricks in rows 1 to 3.
    assert_eq!(ones[..3], [95, 148, 239]);
    assert_eq!(ones[3..], (310..340).collect::<Vec<_>>());
    assert_eq!(obs.iter().sum::<f32>(), 33.0);
    let text = game.cells().to_string();
    assert_eq!(text.lines().nth(3), Some("#########*"));
    assert_eq!(text.lines().nth(4), Some("........o."));
    assert_eq!(text.lines().nth(9), Some(".....=...."));
}

/// Share of 4000 games in which the paddle moves in the last of some steps, all with `sticky`.
fn moves_last(sticky: f64, actions: &[usize]) -> f64 {
    let mut rng = Rng::seed_from_u64(0);
    let mut game = Breakout::new(BreakoutConfig { sticky, ..BreakoutConfig::default() });
    let mut moved = 0;
    for _ in 0..4000 {
        game.reset(&mut rng);
        let mut before = 0;
        for &action in actions {
            before = game.paddle;
            game.step(Action::Discrete(action), &mut rng);
        }
        moved += usize::from(game.paddle != before);
    }
    moved as f64 / 4000.0
}

#[test]
fn a_sticky_step_repeats_the_action_taken_before() {
    let near = |share: f64, expected: f64| (share - expected).abs() < 0.03;
    assert_eq!(moves_last(0.0, &[LEFT]), 1.0);
    assert_eq!(moves_last(0.0, &[LEFT, NOOP]), 0.0);
    // At first noop is remembered, whatever the episode before ended with.
    assert_eq!(moves_last(1.0, &[LEFT]), 0.0);
    assert!(near(moves_last(0.25, &[LEFT]), 0.75));
    assert_eq!(moves_last(0.5, &[NOOP]), 0.0);
    // Taken on the first step (1/2) and repeated on the second (1/2) and the third (1/2): what
    // counts is the action taken, not the one given.
    assert!(near(moves_last(0.5, &[LEFT, NOOP]), 0.25));
    assert!(near(moves_last(0.5, &[LEFT, NOOP, NOOP]), 0.125));
}

#[test]
fn a_snapshot_holds_everything() {
    let mut rng = Rng::seed_from_u64(0);
    let mut game = Breakout { bricks: 1 << 23, ..game([2, 2], [1, 1], 4) };
    game.step(Action::Discrete(LEFT), &mut rng);
    assert!(game.struck && game.bricks == 0 && game.previous_action == LEFT);
    let mut restored = Breakout::default();
    restored.restore(game.snapshot().unwrap()).unwrap();
    assert_eq!(restored, game);
}

#[test]
fn both_corners_are_drawn() {
    let mut rng = Rng::seed_from_u64(0);
    let mut game = Breakout::default();
    let mut left = 0;
    for _ in 0..1000 {
        game.reset(&mut rng);
        assert!(matches!(ball(&game), [[3, 0], [1, 1]] | [[3, 9], [1, -1]]));
        left += usize::from(game.ball.column == 0);
    }
    assert!((450..550).contains(&left), "{left}");
}
