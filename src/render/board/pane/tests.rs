use super::*;
use crate::render::board::tests::{layout, solved, uniform};
use envs::Layout;

/// The cell in a column and row of a sheet, counted from the bottom left.
fn at(board: &Board, pane: &Pane, column: usize, row: usize) -> Face {
    let index = (board.grid.height - row) * board.grid.width + column - 1;
    pane.faces[index].clone()
}

fn arrow(arrow: Arrow) -> Mark {
    Mark { arrow: Some(arrow), prob: 1.0 }
}

#[test]
fn aimas_world_is_shown_as_in_the_book() {
    let (board, table) = solved(&layout(Layout::Aima));
    let pane = board.values("", &table, board.scale([&table].into_iter()));
    // Figure 17.3: utilities; figure 17.2: the policy.
    let start = at(&board, &pane, 1, 1);
    assert_eq!((start.text.as_str(), start.badge), ("0.71", Some('S')));
    assert_eq!(start.marks, [arrow(Arrow::Up)]);
    let fourth = at(&board, &pane, 4, 1);
    assert_eq!((fourth.text.as_str(), &fourth.marks[..]), ("0.39", &[arrow(Arrow::Left)][..]));
    let pit = at(&board, &pane, 4, 2);
    assert_eq!((pit.text.as_str(), pit.badge, pit.exit), ("-1.00", Some('X'), true));
    assert!(pit.marks.is_empty());
    assert_eq!(at(&board, &pane, 2, 2).ground, Ground::Wall);
    assert_eq!(pane.scale, Scale { low: -1.0, high: 1.0 });
}

#[test]
fn actions_that_tie_are_all_shown() {
    let (board, table) = solved(&layout(Layout::Sutton5x5));
    let pane = board.values("", &table, board.scale([&table].into_iter()));
    // Figure 3.5: in the leap every action, right of the corner at the bottom left two.
    assert_eq!(at(&board, &pane, 2, 5).marks.len(), 4);
    let two = [arrow(Arrow::Up), arrow(Arrow::Right)];
    assert_eq!(at(&board, &pane, 1, 1).marks, two);
    assert_eq!(at(&board, &pane, 2, 5).text, "24.42");
}

#[test]
fn a_policy_that_draws_is_shown_by_its_probabilities() {
    let mdp = layout(Layout::Sutton4x4);
    let (board, mut table) = (Board::new(&mdp).unwrap().unwrap(), uniform(&mdp));
    let pane = board.values("", &table, board.scale([&table].into_iter()));
    // Sutton & Barto, figure 4.1: what the random policy is worth.
    let shown: Vec<_> = pane.faces.iter().map(|face| face.text.as_str()).collect();
    let rows = ["", "-14.00", "-20.00", "-22.00", "-14.00", "-18.00", "-20.00", "-20.00"];
    assert_eq!(shown[..8], rows);
    assert!(shown[8..].iter().eq(rows.iter().rev()), "{shown:?}");
    let ends: Vec<_> =
        pane.faces.iter().map(|face| matches!(face.ground, Ground::End(_))).collect();
    assert_eq!(ends.iter().filter(|end| **end).count(), 2, "both corners and nothing else");
    let quarter = |arrow| Mark { arrow: Some(arrow), prob: 0.25 };
    let four = [Arrow::Up, Arrow::Down, Arrow::Left, Arrow::Right].map(quarter);
    assert_eq!(at(&board, &pane, 1, 1).marks, four);
    // One that is sure in some states and draws among others.
    let state = 1;
    table.policy[state] = Some(Choice::Probabilities(vec![0.0, 0.1, 0.9, 0.0]));
    table.policy[state + 1] = Some(Choice::Action(2));
    let pane = board.values("", &table, board.scale([&table].into_iter()));
    let marks = |cell: usize| -> Vec<_> {
        pane.faces[cell].marks.iter().map(|mark| (mark.arrow.unwrap(), mark.prob)).collect()
    };
    assert_eq!(marks(1), [(Arrow::Down, 0.1), (Arrow::Left, 0.9)]);
    assert_eq!(marks(2).len(), 1, "sure, and the only best action: {:?}", marks(2));
}

#[test]
fn quarters_show_the_values_of_directions() {
    let (board, table) = solved(&layout(Layout::Aima));
    let pane = board.quarters(&table).unwrap();
    let start = at(&board, &pane, 1, 1);
    let shown: Vec<_> = start.quarters.iter().map(|q| (q.arrow, q.best, q.text.as_str())).collect();
    // From the utilities of figure 17.3: up 0.8·0.762 + 0.1·0.705 + 0.1·0.655 − 0.04, and so on.
    let expected = [
        (Arrow::Up, true, "0.71"),
        (Arrow::Right, false, "0.63"),
        (Arrow::Down, false, "0.66"),
        (Arrow::Left, false, "0.67"),
    ];
    assert_eq!(shown, expected);
    let exit = at(&board, &pane, 4, 3);
    assert!(exit.quarters.is_empty() && exit.exit && exit.text == "1.00");

    let (board, table) = solved(&layout(Layout::Chain));
    let pane = board.quarters(&table).unwrap();
    assert_eq!(pane.faces[1].quarters[0].text, "", "nobody goes up");
    let (board, table) = solved(&layout(Layout::WindyKing));
    assert_eq!(board.quarters(&table), None, "a king has eight directions");
}

#[test]
fn a_difference_shows_what_is_wrong() {
    let (board, exact) = solved(&layout(Layout::Aima));
    let mut wrong = exact.clone();
    let start =
        board.states().find(|state| exact.values[*state] < 0.706 && exact.values[*state] > 0.7);
    let start = start.unwrap();
    wrong.values[start] += 0.25;
    wrong.policy[start] = Some(Choice::Action(1));
    let pane = board.difference(&wrong, &exact);
    let face = at(&board, &pane, 1, 1);
    assert_eq!((face.text.as_str(), face.marks), ("0.25", vec![arrow(Arrow::Down)]));
    let right = at(&board, &pane, 1, 2);
    assert_eq!((right.text.as_str(), right.marks.len()), ("0.00", 0));
    assert_eq!(pane.scale, Scale { low: 0.0, high: 0.25 });
}
