//! A bounded history of training.
use serde::{Deserialize, Serialize};

/// Snapshots kept at most; beyond that every other one is dropped.
const SNAPSHOTS: usize = 64;

/// Snapshots over the course of training, evenly spaced however long it takes: where there are too many, every
/// other one is dropped and the stride is doubled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timeline<T> {
    /// Observations from one snapshot to the next; 0 as 1.
    pub stride: u64,
    /// Observations so far, with a snapshot or without.
    #[serde(rename = "rows")]
    pub observations: u64,
    /// The earliest first, 65 at most.
    #[serde(rename = "moments")]
    pub snapshots: Vec<T>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { stride: 0, observations: 0, snapshots: Vec::new() }
    }
}

impl<T> Timeline<T> {
    /// Returns `true` if a snapshot of the next observation is kept.
    pub fn is_due(&self) -> bool {
        self.observations.is_multiple_of(self.stride.max(1))
    }

    /// Counts an observation, and keeps its snapshot where one is due.
    pub fn push(&mut self, snapshot: Option<T>) {
        let due = self.is_due();
        self.observations += 1;
        self.snapshots.extend(snapshot.filter(|_| due));
        if self.snapshots.len() > SNAPSHOTS {
            self.stride = self.stride.max(1) * 2;
            let mut place = 0;
            self.snapshots.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
    }

    /// Returns `true` if the numbers are those of a timeline, for [`Checkpoint::check`](crate::Checkpoint::check).
    pub fn is_sound(&self) -> bool {
        self.snapshots.len() <= SNAPSHOTS + 1 && self.stride.max(self.observations) < 1 << 62
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_snapshot_is_dropped() {
        let mut timeline = Timeline::default();
        for step in 1..=300 {
            timeline.push(Some(step));
        }
        assert_eq!(timeline.snapshots, (0..38).map(|i| 1 + 8 * i).collect::<Vec<_>>());
    }

    #[test]
    fn observations_without_a_snapshot_count() {
        let mut timeline = Timeline { stride: 3, ..Timeline::default() };
        for step in 0..8 {
            timeline.push((step != 3).then_some(step));
        }
        assert_eq!((timeline.observations, timeline.snapshots), (8, vec![0, 6]));
    }
}
