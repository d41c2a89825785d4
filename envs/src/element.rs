//! The values an observation is made of.

/// The values an observation is made of, so that a replay buffer can store it compactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 0 or 1.
    Bit,
    /// Whole numbers from 0 to 255.
    Byte,
    /// Any finite number.
    Float,
}

impl Element {
    /// Returns `true` if `value` is one of these values.
    pub fn contains(self, value: f32) -> bool {
        match self {
            Self::Bit => value == 0.0 || value == 1.0,
            Self::Byte => value.fract() == 0.0 && (0.0..=255.0).contains(&value),
            Self::Float => value.is_finite(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_holds_its_values_only() {
        let values = [0.0, 1.0, 2.0, 255.0, 256.0, -1.0, 0.5, f32::NAN, f32::INFINITY];
        let holds = |element: Element| values.map(|value| u8::from(element.contains(value)));
        assert_eq!(holds(Element::Bit), [1, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(holds(Element::Byte), [1, 1, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(holds(Element::Float), [1, 1, 1, 1, 1, 1, 1, 0, 0]);
    }
}
