//! Random numbers of environments.

/// The generator of every environment: portable, so that a seed means the same everywhere, and
/// serialisable, so that a resumed run continues its sequence.
pub type Rng = rand_chacha::ChaCha8Rng;
