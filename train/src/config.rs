//! Hyper-parameters that do not go together, and runs that are resumed with others.
use params::{BadValue, renamed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses a learning rate that is 0 at the first update already, so that nothing would ever be learned:
/// it goes to the part `lr_end` of itself over `lr_steps` units, of which `before` pass before that
/// update.
///
/// # Errors
/// Names `lr_end`.
pub fn check_learning_rate(lr_end: f64, lr_steps: u64, before: u64) -> Result<(), BadValue> {
    if lr_end > 0.0 || lr_steps > before {
        return Ok(());
    }
    let expected = format!(
        "with --lr-steps {lr_steps} the learning rate is 0 from the first update on: give more --lr-steps"
    );
    Err(BadValue::new("lr_end", lr_end, &expected))
}

/// A run was to be resumed with other hyper-parameters than it was started with.
#[derive(Debug, thiserror::Error)]
#[error(
    "the run was started with other hyper-parameters:\n{}\nresume it without changing them, or \
     start a new run",
    self.differences()
)]
pub struct ConfigChanged(Vec<String>);

impl ConfigChanged {
    /// Compares two configurations key by key; a parameter renamed since counts under its present name.
    ///
    /// # Errors
    /// Lists each difference.
    pub fn check(saved: &Value, now: &Value) -> Result<(), Self> {
        let [saved, now] = [saved, now].map(|config| {
            let entries = config.as_object().into_iter().flatten();
            entries.map(|(key, value)| (renamed(key), value)).collect::<BTreeMap<_, _>>()
        });
        let keys: BTreeSet<_> = now.keys().chain(saved.keys()).collect();
        let told = |value: Option<&&Value>| value.map_or("absent".to_owned(), ToString::to_string);
        let differences =
            keys.into_iter().filter(|key| now.get(*key) != saved.get(*key)).map(|key| {
                format!(
                    "  {key}: {} when started, {} now",
                    told(saved.get(key)),
                    told(now.get(key))
                )
            });
        let differences: Vec<_> = differences.collect();
        if differences.is_empty() { Ok(()) } else { Err(Self(differences)) }
    }

    /// The settings that differ, one a line.
    pub fn differences(&self) -> String {
        self.0.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learning_rate_that_is_0_from_the_first_update_on_is_refused() {
        for (lr_end, lr_steps, before) in [(0.0, 1, 0), (0.0, 501, 500), (0.1, 0, 0)] {
            assert!(check_learning_rate(lr_end, lr_steps, before).is_ok());
        }
        for (lr_steps, before) in [(0, 0), (500, 500)] {
            let told = check_learning_rate(0.0, lr_steps, before).unwrap_err().to_string();
            let begins =
                format!("--lr-end 0: with --lr-steps {lr_steps} the learning rate is 0 from");
            assert!(told.starts_with(&begins), "{told}");
        }
    }

    #[test]
    fn lists_what_differs() {
        let (saved, now) =
            (serde_json::json!({"a": 1, "b": 2}), serde_json::json!({"a": 1, "c": 3}));
        let told = ConfigChanged::check(&saved, &now).unwrap_err().to_string();
        assert!(told.contains("  b: 2 when started, absent now\n  c: absent when started, 3 now"));
        assert!(ConfigChanged::check(&saved, &saved).is_ok());
    }

    #[test]
    fn a_renamed_parameter_is_the_same_one() {
        let now = serde_json::json!({"eval_images": 20});
        for (images, same) in [(20, true), (21, false)] {
            let saved = serde_json::json!({"eval_pictures": images});
            assert_eq!(ConfigChanged::check(&saved, &now).is_ok(), same);
        }
    }
}
