//! Blackjack with an infinite deck.

use crate::{CellKind, Chart, ChartAxis, ChartPanel, Grid, GridCell, Mdp, Outcome};

/// Dealer's cards: 1, the ace, to 10.
const CARDS: usize = 10;
/// Sums the player chooses at: 12 to 21.
const LOWEST: usize = 12;
const SUMS: usize = 10;
/// States with an ace counted 11 come after those without.
const ACE: usize = SUMS * CARDS;
/// Naturals come after both.
const NATURAL: usize = 2 * ACE;
/// Terminal state of all games.
const END: usize = NATURAL + CARDS;

const STICK: usize = 0;
const HIT: usize = 1;

/// Blackjack by the rules of example 5.1 of Sutton & Barto, *Reinforcement Learning*, second edition;
/// they are Gymnasium's `Blackjack-v1` with `sab=True`.
///
/// Cards are drawn with replacement: 2 to 9, four kinds worth 10, and the ace, worth 11 where that
/// does not bust (it is *usable*), else 1. Player and dealer get two cards, one of the dealer's is
/// seen. The player draws until sticking or going over 21, which loses. Then the dealer draws up to
/// 17 or more. A hand over 21 loses, else the higher sum wins.
///
/// - **States** the player's sum from 12 to 21, the dealer's card, and whether the player has a
///   usable ace: `(sum,card,ace)`, 200. Ten more are naturals, 21 with the first two cards, by the
///   dealer's card: `(natural,card)`. The last is `end`. Below 12 a card cannot hurt, so one is drawn
///   before the player is asked.
/// - **Actions** stick, hit; with a natural one can only stick.
/// - **Reward** 1 for winning, −1 for losing, 0 for a draw, when the game ends. A natural wins unless
///   the dealer has one too, which is a draw.
/// - **Start** as the cards fall.
/// - **Discount** 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Blackjack {
    /// Distribution of the dealer's final sum, by the card shown less 1 and by sum, `[10, 22]`; over 21
    /// is sum 0.
    dealer: Vec<[f64; 22]>,
}

impl Default for Blackjack {
    fn default() -> Self {
        let ends = |(card, _)| {
            let mut ends = [0.0; 22];
            deal(Hand::of(card), 1.0, &mut ends);
            ends
        };
        Self { dealer: cards().map(ends).collect() }
    }
}

impl Blackjack {
    /// Probabilities of a dealer's final sum, indexed by sum, over 21 by 0, given the card seen.
    pub fn dealer_ends(&self, card: usize) -> [f64; 22] {
        self.dealer[card - 1]
    }

    /// Probabilities of winning, of a draw and of losing with a sum against a dealer's card.
    fn showdown(&self, sum: usize, dealer: usize) -> [f64; 3] {
        let ends = self.dealer_ends(dealer);
        [ends[..sum].iter().sum(), ends[sum], ends[sum + 1..].iter().sum()]
    }
}

/// The cards of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hand {
    sum: usize,
    /// Usable ace: one is counted 11.
    ace: bool,
}

impl Hand {
    fn of(card: usize) -> Self {
        Self { sum: 0, ace: false }.with(card)
    }

    fn with(self, card: usize) -> Self {
        let sum = self.sum + card;
        match (self.ace, card) {
            (false, 1) if sum + 10 <= 21 => Self { sum: sum + 10, ace: true },
            (true, _) if sum > 21 => Self { sum: sum - 10, ace: false },
            (ace, _) => Self { sum, ace },
        }
    }

    /// The state of a player with this hand, 12 or more, against a dealer's card.
    fn state(self, dealer: usize) -> usize {
        usize::from(self.ace) * ACE + (self.sum - LOWEST) * CARDS + dealer - 1
    }
}

/// Each value of a card and its probability.
fn cards() -> impl Iterator<Item = (usize, f64)> {
    (1..=10).map(|card| (card, if card == 10 { 4.0 / 13.0 } else { 1.0 / 13.0 }))
}

/// Adds to `ends` how a dealer with this hand ends, as [`Blackjack::dealer_ends`] tells it.
fn deal(hand: Hand, prob: f64, ends: &mut [f64; 22]) {
    if hand.sum >= 17 {
        ends[if hand.sum > 21 { 0 } else { hand.sum }] += prob;
        return;
    }
    cards().for_each(|(card, chance)| deal(hand.with(card), prob * chance, ends));
}

/// Adds the starts of a player who holds this hand to `starts`, `[states]`.
fn ask(hand: Hand, prob: f64, dealer: usize, starts: &mut [f64]) {
    if hand.sum >= LOWEST {
        starts[hand.state(dealer)] += prob;
        return;
    }
    cards().for_each(|(card, chance)| ask(hand.with(card), prob * chance, dealer, starts));
}

/// Probabilities of winning, of a draw and of losing with a natural.
fn natural(dealer: usize) -> [f64; 3] {
    let draw = match dealer {
        1 => 4.0 / 13.0,
        10 => 1.0 / 13.0,
        _ => 0.0,
    };
    [1.0 - draw, draw, 0.0]
}

/// Visits how a game ends, given the probabilities of winning, of a draw and of losing.
fn end(probs: [f64; 3], visit: &mut dyn FnMut(Outcome)) {
    for (prob, reward) in probs.into_iter().zip([1.0, 0.0, -1.0]) {
        if prob > 0.0 {
            visit(Outcome { prob, next: END, reward, terminated: true });
        }
    }
}

impl Mdp for Blackjack {
    fn n_states(&self) -> usize {
        END + 1
    }

    fn n_actions(&self) -> usize {
        2
    }

    fn outcomes(&self, state: usize, action: usize, visit: &mut dyn FnMut(Outcome)) {
        let dealer = state % CARDS + 1;
        let hand = Hand { sum: LOWEST + state % ACE / CARDS, ace: state >= ACE };
        match action {
            _ if state == END => (),
            STICK if state >= NATURAL => end(natural(dealer), visit),
            STICK => end(self.showdown(hand.sum, dealer), visit),
            HIT if state < NATURAL => {
                for (card, prob) in cards() {
                    let hand = hand.with(card);
                    if hand.sum > 21 {
                        visit(Outcome { prob, next: END, reward: -1.0, terminated: true });
                    } else {
                        let next = hand.state(dealer);
                        visit(Outcome { prob, next, reward: 0.0, terminated: false });
                    }
                }
            }
            _ => (),
        }
    }

    fn starts(&self) -> Vec<(usize, f64)> {
        let mut starts = vec![0.0; END];
        for (dealer, seen) in cards() {
            for (first, one) in cards() {
                for (second, other) in cards() {
                    let hand = Hand::of(first).with(second);
                    let prob = seen * one * other;
                    if hand.sum == 21 {
                        starts[NATURAL + dealer - 1] += prob;
                    } else {
                        ask(hand, prob, dealer, &mut starts);
                    }
                }
            }
        }
        starts.into_iter().enumerate().filter(|(_, prob)| *prob > 0.0).collect()
    }

    fn state_name(&self, state: usize) -> String {
        let dealer = state % CARDS + 1;
        match state {
            END => "end".into(),
            NATURAL.. => format!("(natural,{dealer})"),
            _ => {
                let sum = LOWEST + state % ACE / CARDS;
                format!("({sum},{dealer},{})", u8::from(state >= ACE))
            }
        }
    }

    fn action_name(&self, action: usize) -> String {
        ["stick", "hit"][action].into()
    }

    fn discount(&self) -> f64 {
        1.0
    }

    /// As in figure 5.2: the dealer's card to the right, the player's sum upwards; first with a
    /// usable ace, then without.
    fn grid(&self) -> Option<Grid> {
        let state = |state| GridCell::State { state, kind: CellKind::Open };
        let cell = |sum: usize, column| match column {
            0..CARDS => state(ACE + sum * CARDS + column),
            CARDS => GridCell::Empty,
            _ => state(sum * CARDS + column - CARDS - 1),
        };
        let width = 2 * CARDS + 1;
        let rows = (0..SUMS).rev();
        Some(Grid {
            width,
            height: SUMS,
            cells: rows.flat_map(|sum| (0..width).map(move |column| cell(sum, column))).collect(),
            arrows: vec![None; 2],
        })
    }

    /// As in figure 5.2, without the naturals.
    fn chart(&self) -> Option<Chart> {
        let cards = (1..=CARDS).map(|card| if card == 1 { "A".into() } else { card.to_string() });
        let panel = |title: &str, first| ChartPanel {
            title: title.into(),
            states: (first..first + SUMS * CARDS).collect(),
        };
        Some(Chart {
            across: ChartAxis::new("dealer showing", cards),
            up: Some(ChartAxis::new("player's sum", LOWEST..LOWEST + SUMS)),
            panels: vec![panel("usable ace", ACE), panel("no usable ace", 0)],
            amounts: None,
        })
    }
}

#[cfg(test)]
mod tests;
