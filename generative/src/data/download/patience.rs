//! Time limits of a download.
use std::time::Duration;

/// Timeouts for a server.
pub(super) struct Patience {
    /// Until it is reached.
    pub(super) connect: Duration,
    /// Until it answers.
    pub(super) answer: Duration,
    /// From one piece to the next.
    pub(super) stall: Duration,
    /// For a whole file, beside what `rate` gives for its length.
    pub(super) overall: Duration,
    /// Bytes a second, at least.
    pub(super) rate: u64,
}

impl Patience {
    pub(super) const DEFAULT: Self = Self {
        connect: Duration::from_secs(20),
        answer: Duration::from_secs(30),
        stall: Duration::from_secs(60),
        overall: Duration::from_secs(120),
        rate: 32_000,
    };

    /// For a file of so many bytes.
    pub(super) fn overall(&self, bytes: u64) -> Duration {
        self.overall + Duration::from_secs(bytes / self.rate)
    }
}
