//! The values an observation is made of.

/// The values an observation is made of, so that a replay buffer can store it compactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 0 or 1.
    Bit,
    /// Bytes as parts of 255, from 0 to 1.
    Byte,
    /// Any finite number.
    Float,
}

impl Element {
    /// The byte that stands for `value`, one of [`Byte`](Self::Byte).
    pub fn byte(value: f32) -> u8 {
        (value * 255.0 + 0.5) as u8
    }

    /// The value that `byte` stands for.
    pub fn part(byte: u8) -> f32 {
        f32::from(byte) / 255.0
    }

    /// Returns `true` if `value` is one of these values.
    pub fn contains(self, value: f32) -> bool {
        match self {
            Self::Bit => value == 0.0 || value == 1.0,
            Self::Byte => (0.0..=1.0).contains(&value) && Self::part(Self::byte(value)) == value,
            Self::Float => value.is_finite(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        assert!((0..=255).all(|byte| Element::byte(Element::part(byte)) == byte));
        assert!((0..=255).all(|byte| Element::Byte.contains(Element::part(byte))));
    }

    #[test]
    fn an_element_holds_its_values_only() {
        let part = 51.0 / 255.0;
        let values = [0.0, 1.0, part, 255.0, 256.0, -1.0, 0.5, f32::NAN, f32::INFINITY];
        let holds = |element: Element| values.map(|value| u8::from(element.contains(value)));
        assert_eq!(holds(Element::Bit), [1, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(holds(Element::Byte), [1, 1, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(holds(Element::Float), [1, 1, 1, 1, 1, 1, 1, 0, 0]);
    }
}
