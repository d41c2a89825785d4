//! Names of labels.
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The classes of a set, in the order of their labels.
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    /// The class of each label, 0 where there is none.
    place: [u32; 256],
}

impl Classes {
    /// Those of labels in `parts`: by what the mapping says; else by the `usual` names, if these are enough;
    /// else by the labels themselves.
    ///
    /// # Errors
    /// Names a label that the mapping lacks, or a line of it that is none.
    pub(super) fn of(
        parts: [&[u8]; 2],
        usual: [&str; 10],
        mapping: Option<(PathBuf, String)>,
    ) -> Result<Self> {
        let mut there = [false; 256];
        parts.concat().iter().for_each(|label| there[usize::from(*label)] = true);
        let labels = (0..=u8::MAX).filter(|label| there[usize::from(*label)]);
        let named: BTreeMap<u8, String> = match mapping {
            Some((file, text)) => {
                let named = mapped(&text).with_context(|| file.display().to_string())?;
                for label in labels {
                    let file = file.display();
                    ensure!(
                        named.contains_key(&label),
                        "{file} does not say what label {label} stands for"
                    );
                }
                named
            }
            None if there[usual.len()..].iter().all(|there| !there) => {
                (0..).zip(usual.map(str::to_owned)).collect()
            }
            None => labels.map(|label| (label, label.to_string())).collect(),
        };
        let mut place = [0; 256];
        named.keys().zip(0..).for_each(|(label, at)| place[usize::from(*label)] = at);
        Ok(Self { names: named.into_values().collect(), place })
    }

    /// The class of each label.
    pub(super) fn places(&self, labels: &[u8]) -> Vec<u32> {
        labels.iter().map(|label| self.place[usize::from(*label)]).collect()
    }
}

/// Lines of a label and the codes of the characters that it stands for, of which the first is its name.
fn mapped(text: &str) -> Result<BTreeMap<u8, String>> {
    let mut named = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut numbers = line.split_whitespace().map(str::parse::<u8>);
        let entry = match (numbers.next(), numbers.next()) {
            (Some(Ok(label)), Some(Ok(code))) if code.is_ascii_graphic() => {
                (label, char::from(code))
            }
            _ => {
                anyhow::bail!("`{line}` is not a label and the code of a character, as in `10 65`")
            }
        };
        named.insert(entry.0, entry.1.to_string());
    }
    ensure!(!named.is_empty(), "it is empty");
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    fn names(classes: &Classes) -> Vec<&str> {
        classes.names.iter().map(String::as_str).collect()
    }

    #[test]
    fn labels_below_ten_have_the_usual_names() {
        let classes = Classes::of([&[3, 8], &[0]], USUAL, None).unwrap();
        assert_eq!((names(&classes), classes.places(&[3, 9])), (USUAL.to_vec(), vec![3, 9]));
    }

    #[test]
    fn other_labels_are_counted_and_called_by_their_numbers() {
        let letters: Vec<u8> = (1..=26).collect();
        let classes = Classes::of([&letters, &[1]], USUAL, None).unwrap();
        assert_eq!((classes.names.len(), &*classes.names[25]), (26, "26"));
        assert_eq!(classes.places(&[1, 26]), [0, 25]);
        let classes = Classes::of([&[7], &[255]], USUAL, None).unwrap();
        assert_eq!((names(&classes), classes.places(&[255, 7])), (vec!["7", "255"], vec![1, 0]));
    }

    #[test]
    fn a_mapping_says_what_labels_stand_for() {
        let of = |labels: &[u8], text: &str| {
            Classes::of([labels, &[]], USUAL, Some((PathBuf::from("mapping.txt"), text.to_owned())))
        };
        let classes = of(&[1, 2], "1 65 97\n2 66 98\n\n").unwrap();
        assert_eq!((names(&classes), classes.places(&[2])), (vec!["A", "B"], vec![1]));
        let message = |labels: &[u8], text| format!("{:#}", of(labels, text).err().unwrap());
        assert_eq!(message(&[1, 3], "1 65"), "mapping.txt does not say what label 3 stands for");
        assert!(message(&[1], "1 seven").starts_with("mapping.txt: `1 seven` is not a label and"));
        assert_eq!(message(&[], ""), "mapping.txt: it is empty");
    }
}
