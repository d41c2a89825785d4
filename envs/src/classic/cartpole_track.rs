//! Track of the cart-pole, which its physics and its drawings share.

/// Metres from the middle of the track to either bound.
pub(super) const MAX_POSITION: f64 = 2.4;
