//! Seeds as they are typed: `1..5`, `1,2,3`, `1..3,7`.
use crate::usage::Usage;

/// Most runs of one study.
pub(crate) const MOST: usize = 10_000;

/// The seeds that a text names, in its order: numbers and ranges between commas, a range with both its ends.
///
/// # Errors
/// [`Usage`] if it names none, one of them twice, or too many.
pub(crate) fn parse(text: &str) -> Result<Vec<u64>, Usage> {
    let wrong = |why: &str| Usage(format!("--seeds {text}: {why}"));
    let number = |text: &str| {
        params::whole(text.trim())
            .map_err(|_| wrong("seeds are expected, as in 1..5 (from 1 to 5), 1,2,3 or 1..3,7"))
    };
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once("..") {
            // 1..=5 is Rust's.
            Some((first, last)) => {
                (number(first)?, number(last.strip_prefix('=').unwrap_or(last))?)
            }
            None => (number(part)?, number(part)?),
        };
        if last < first {
            return Err(wrong(&format!("{} goes down; write {last}..{first}", part.trim())));
        }
        if last - first >= MOST as u64 || seeds.len() + (last - first) as usize >= MOST {
            return Err(wrong(&format!("at most {MOST} seeds make a study")));
        }
        for seed in first..=last {
            if seeds.contains(&seed) {
                return Err(wrong(&format!("seed {seed} is named twice")));
            }
            seeds.push(seed);
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_their_ends() {
        let read = |text| parse(text).map_err(|error| error.to_string());
        assert_eq!(read("1..5"), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(read("1..=3"), Ok(vec![1, 2, 3]));
        assert_eq!(read("3, 1,2"), Ok(vec![3, 1, 2]));
        assert_eq!(read("1..3,7"), Ok(vec![1, 2, 3, 7]));
        assert_eq!(read("0"), Ok(vec![0]));
    }

    #[test]
    fn what_names_no_seeds_is_refused() {
        let refused = |text, why: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("--seeds {text}: ")) && error.contains(why),
                "{error}"
            );
        };
        for text in ["", "1..", "a", "1,,2", "-1", "1.5", "1...3"] {
            refused(text, "seeds are expected, as in 1..5");
        }
        refused("5..1", "write 1..5");
        refused("1..3,2", "seed 2 is named twice");
        refused("1..10001", "at most 10000");
        refused("0..18446744073709551615", "at most 10000");
    }
}
