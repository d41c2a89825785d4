//! Mutations of input.
use ::train::Rng;
use rand::Rng as _;

/// Numbers that lengths are set to.
const EXTREMES: [u64; 9] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX >> 1, u64::MAX];

/// Fragments inserted into text formats.
const WORDS: [&str; 12] = [
    "-1",
    "1e308",
    "-1e999",
    "nan",
    "null",
    "18446744073709551616",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "\u{feff}",
    "\0",
];

/// One of `sound`, changed once or a few times.
pub(super) fn mutated(sound: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = sound[rng.random_range(0..sound.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        change(&mut bytes, sound, rng);
    }
    // What grows without end is not what readers are asked about here.
    bytes.truncate(1 << 20);
    bytes
}

fn change(bytes: &mut Vec<u8>, sound: &[Vec<u8>], rng: &mut Rng) {
    let len = bytes.len();
    let (from, to) = part(len, rng);
    match rng.random_range(0..9) {
        0 if len > 0 => bytes[from.min(len - 1)] ^= 1 << rng.random_range(0..8),
        1 => bytes.truncate(from),
        2 => {
            let again = bytes[from..to].repeat(rng.random_range(1..=8));
            bytes.splice(from..from, again);
        }
        3 => _ = bytes.drain(from..to),
        4 => {
            // A length of one to eight bytes, the lowest or the highest first.
            let (extreme, size) = (EXTREMES[rng.random_range(0..9)], 1 << rng.random_range(0..4));
            let little = extreme.to_le_bytes();
            let mut number = little[..size].to_vec();
            if rng.random() {
                number.reverse();
            }
            bytes.iter_mut().skip(from).zip(number).for_each(|(byte, new)| *byte = new);
        }
        5 => {
            // The end of another one, from anywhere on.
            let other = &sound[rng.random_range(0..sound.len())];
            let (begin, _) = part(other.len(), rng);
            bytes.truncate(from);
            bytes.extend_from_slice(&other[begin..]);
        }
        6 => {
            let noise: Vec<u8> = (0..rng.random_range(1..40)).map(|_| rng.random()).collect();
            bytes.splice(from..from, noise);
        }
        7 => {
            // Digits, where there are some after `from`, become another number.
            let begin =
                from + bytes[from..].iter().take_while(|byte| !byte.is_ascii_digit()).count();
            let digits = bytes[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let word = match rng.random() {
                true => EXTREMES[rng.random_range(0..9)].to_string(),
                false => WORDS[rng.random_range(0..WORDS.len())].to_owned(),
            };
            bytes.splice(begin..begin + digits, word.into_bytes());
        }
        _ => {
            let word = WORDS[rng.random_range(0..WORDS.len())];
            bytes.splice(from..to.min(from + 8), word.bytes());
        }
    }
}

/// A part of `len` bytes, more often a small one near the beginning, where headers are.
fn part(len: usize, rng: &mut Rng) -> (usize, usize) {
    let most = if rng.random() { len.min(64) } else { len };
    let from = rng.random_range(0..=most);
    (from, (from + rng.random_range(0..=64)).min(len))
}
