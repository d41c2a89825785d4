//! Refusal of training in which nothing is learned.
use train::BadValue;

/// Consecutive updates of one step, whose advantage less its own mean is 0. Whether episodes have one step
/// is not known before they are played.
#[derive(Default)]
pub(super) struct OneStepUpdates(u32);

impl OneStepUpdates {
    /// Counts an update of so many steps. `cause` is the hyper-parameter by which the mean of the update is
    /// taken off, and its value.
    ///
    /// # Errors
    /// Names the cause once there were many of one step.
    pub(super) fn check(
        &mut self,
        steps: usize,
        (name, value): (&str, &str),
    ) -> Result<(), BadValue> {
        const ENOUGH: u32 = 20;
        self.0 = if steps == 1 { self.0 + 1 } else { 0 };
        if self.0 < ENOUGH {
            return Ok(());
        }
        let expected = "every update so far was of one step, whose weight less its own mean is 0, so that \
                        nothing was learned: give --episodes 2 or more";
        Err(BadValue::new(name, value, expected))
    }
}

/// Refuses updates of one episode whose steps all have its return, where `cause` takes off their mean.
///
/// # Errors
/// Names the cause.
pub(super) fn check_episodes(episodes: usize, (name, value): (&str, &str)) -> Result<(), BadValue> {
    if episodes > 1 {
        return Ok(());
    }
    let expected = "the steps of one episode all have its return, which less their mean is 0, and \
                    nothing would be learned: give --episodes 2 or more, or --returns to-go";
    Err(BadValue::new(name, value, expected))
}
