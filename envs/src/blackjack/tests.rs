//! Hands, hits and ends, by hand.

use super::*;

/// Name of the next state, reward and probability of each outcome.
fn outcomes(name: &str, action: usize) -> Vec<(String, f64, f64)> {
    let game = Blackjack::default();
    let state = (0..game.n_states()).find(|state| game.state_name(*state) == name).unwrap();
    let mut observed = Vec::new();
    game.outcomes(state, action, &mut |outcome| {
        assert_eq!(outcome.terminated, outcome.next == END);
        observed.push((game.state_name(outcome.next), outcome.reward, outcome.prob));
    });
    observed
}

#[test]
fn an_ace_is_worth_what_helps() {
    let ace = Hand::of(1);
    assert_eq!((ace.sum, ace.ace), (11, true));
    assert_eq!(ace.with(1), Hand { sum: 12, ace: true });
    assert_eq!(ace.with(10), Hand { sum: 21, ace: true });
    assert_eq!(ace.with(6).with(10), Hand { sum: 17, ace: false });
    assert_eq!(Hand::of(10).with(5).with(1), Hand { sum: 16, ace: false });
    assert_eq!(ace.with(10).with(10).with(1), Hand { sum: 22, ace: false });
}

#[test]
fn a_hit_draws_a_card() {
    let observed = outcomes("(20,7,0)", HIT);
    assert_eq!(observed[0], ("(21,7,0)".into(), 0.0, 1.0 / 13.0));
    assert!(observed[1..].iter().all(|(next, reward, _)| next == "end" && *reward == -1.0));
    let observed = outcomes("(20,7,1)", HIT);
    assert_eq!(observed[0].0, "(21,7,1)");
    assert_eq!(observed[9], ("(20,7,0)".into(), 0.0, 4.0 / 13.0));
    assert_eq!(observed[1].0, "(12,7,0)");
}

#[test]
fn a_natural_beats_all_but_a_natural() {
    let end = |reward, prob| ("end".into(), reward, prob);
    assert_eq!(outcomes("(natural,7)", STICK), [end(1.0, 1.0)]);
    assert_eq!(outcomes("(natural,10)", STICK), [end(1.0, 1.0 - 1.0 / 13.0), end(0.0, 1.0 / 13.0)]);
    assert_eq!(outcomes("(natural,7)", HIT), []);
}

#[test]
fn sticking_below_17_wins_if_the_dealer_busts() {
    let observed = outcomes("(16,6,0)", STICK);
    let bust = Blackjack::default().dealer_ends(6)[0];
    assert_eq!((observed[0].1, observed[0].2), (1.0, bust));
    assert_eq!((observed[1].1, observed.len()), (-1.0, 2), "no draw");
    // The known chance for an infinite deck and a dealer who stands on every 17.
    assert!((bust - 0.42315).abs() < 1e-5, "{bust}");
}

#[test]
fn naturals_are_dealt_as_often_as_they_should() {
    let starts = Blackjack::default().starts();
    let natural: f64 = starts.iter().filter(|start| start.0 >= NATURAL).map(|s| s.1).sum();
    assert!((natural - 2.0 * 4.0 / 169.0).abs() < 1e-15);
}
