//! Legend of the signs on a board.

use envs::{Arrow, CellKind};

use super::layout::Detail;
use super::sheet::{Face, Ground, Mark, Quarter};

/// A sign and its explanation.
struct Sign {
    is_on: fn(&Face) -> bool,
    sample: Face,
    meaning: &'static str,
}

/// A sample and the meaning of each thing that is on a board.
pub(super) fn legend<'a>(
    faces: impl Iterator<Item = &'a Face> + Clone,
    detail: Detail,
) -> Vec<(Face, &'static str)> {
    let plain = Face::plain;
    let badged = |badge: &str| Face { text: badge.to_owned(), ..plain(Ground::Value(0.0)) };
    let over = |badge, kind| Face { badge: Some(badge), ..plain(Ground::End(kind)) };
    let best = Quarter { arrow: Arrow::Up, value: 0.0, best: true, text: String::new() };
    let marked = |marks: &[(Option<Arrow>, f64)]| {
        let marks = marks.iter().map(|&(arrow, prob)| Mark { arrow, prob }).collect();
        Face { marks, ..plain(Ground::Value(0.0)) }
    };
    let arrow = marked(&[(Some(Arrow::Right), 1.0)]);
    let drawn = marked(&[(Some(Arrow::Right), 0.75), (Some(Arrow::Left), 0.25)]);
    let dot = marked(&[(None, 1.0)]);
    let exit = Face { exit: true, ..plain(Ground::Value(0.0)) };
    let sign = |is_on, sample, meaning| Sign { is_on, sample, meaning };
    let signs = [
        sign(|face| face.ground == Ground::Wall, plain(Ground::Wall), "wall"),
        sign(|face| face.ground == Ground::Nowhere, plain(Ground::Nowhere), "no state"),
        sign(|face| face.badge == Some('S'), badged("S"), "start"),
        sign(|face| face.badge == Some('G') && !is_over(face), badged("G"), "good exit"),
        sign(|face| face.badge == Some('X') && !is_over(face), badged("X"), "bad exit"),
        sign(
            |face| face.badge == Some('G') && is_over(face),
            over('G', CellKind::Goal),
            "goal: the end",
        ),
        sign(
            |face| face.badge == Some('X') && is_over(face),
            over('X', CellKind::Pit),
            "pit: the end",
        ),
        sign(|face| face.exit, exit, "framed: the only action is to leave"),
        sign(
            |face| face.marks.iter().any(|mark| mark.arrow.is_some() && mark.prob == 1.0),
            arrow,
            "action taken; several where they tie",
        ),
        sign(
            |face| face.marks.iter().any(|mark| mark.arrow.is_some() && mark.prob < 1.0),
            drawn,
            "drawn action; its area is its probability",
        ),
        sign(
            |face| face.marks.iter().any(|mark| mark.arrow.is_none()),
            dot,
            "action without a direction",
        ),
        sign(
            |face| face.quarters.iter().any(|quarter| quarter.best),
            Face { quarters: vec![best], ..plain(Ground::Quarters) },
            "best action",
        ),
    ];
    let shown = signs.into_iter().filter(|sign| faces.clone().any(sign.is_on));
    // What has no shapes is told by its colour alone.
    let shown = shown.filter(|sign| {
        detail != Detail::Pixels
            || !matches!(sign.sample.ground, Ground::Value(_) | Ground::Quarters)
    });
    shown.map(|sign| (sign.sample, sign.meaning)).collect()
}

fn is_over(face: &Face) -> bool {
    matches!(face.ground, Ground::End(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::board::tests::{layout, solved};
    use envs::{CliffWalking, Layout, Mdp};

    /// Explanations of the signs on the board of an MDP.
    fn told(mdp: &dyn Mdp) -> Vec<&'static str> {
        let (board, table) = solved(mdp);
        let sheet = board.values("", &table, board.scale([&table].into_iter()));
        let shown = legend(sheet.faces.iter(), Detail::Numbers(20.0));
        shown.into_iter().map(|(_, meaning)| meaning).collect()
    }

    #[test]
    fn what_is_on_the_board_is_told_and_nothing_else() {
        let (arrow, framed) =
            ("action taken; several where they tie", "framed: the only action is to leave");
        let aima = ["wall", "start", "good exit", "bad exit", framed, arrow];
        assert_eq!(told(&layout(Layout::Aima)), aima);
        assert_eq!(told(&CliffWalking::default()), ["no state", "start", "goal: the end", arrow]);
        assert_eq!(told(&layout(Layout::Sutton5x5)), [arrow]);
    }
}
