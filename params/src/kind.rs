//! The kinds of values that parameters have, and how a text is read as one.
use serde::Serialize;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde_json::{Number, Value};
use std::fmt;

/// The kind of value that a parameter has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, from 0 to this.
    Whole(u64),
    /// A finite number.
    Number,
    /// True or false.
    Switch,
    /// One of these names, written in any case.
    Choice(&'static [&'static str]),
    /// A number or a word, or a list of them: a name, a path, a schedule, widths of layers.
    Text,
}

impl Kind {
    /// The kind of the type `T`, asked of how it is deserialised: an enum of names tells its names, and an
    /// optional value is of the kind of the value.
    pub fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(Probe) {
            Err(Found(Some(kind))) => kind,
            // A type that refuses before it says what it takes is read from a text.
            _ => Self::Text,
        }
    }

    /// The values of this kind, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Whole(most) if *most == u64::MAX => "a whole number is expected".to_owned(),
            Self::Whole(most) => format!("a whole number up to {most} is expected"),
            Self::Number => "a finite number is expected".to_owned(),
            Self::Switch => "true or false is expected".to_owned(),
            Self::Choice(names) => format!("one of {} is expected", names.join(", ")),
            Self::Text => "a number or a word is expected".to_owned(),
        }
    }

    /// The value that `text` writes, as a flag has it: `1e6`, `10_000` and `10k` are numbers.
    ///
    /// # Errors
    /// The values that are expected, in words.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let value = match self {
            Self::Whole(_) => whole(text).ok().map(Value::from),
            Self::Number => number(text).and_then(Number::from_f64).map(Value::from),
            Self::Switch => text.parse::<bool>().ok().map(Value::from),
            Self::Choice(_) | Self::Text => Some(Value::from(text)),
        };
        value.ok_or_else(|| self.expected()).and_then(|value| self.read(&value))
    }

    /// `value`, as a file has it, in the form that it is kept in: a whole number may be written `1e6`, and `1`
    /// is a number like `1.0`.
    ///
    /// # Errors
    /// The values that are expected, in words.
    pub fn read(&self, value: &Value) -> Result<Value, String> {
        let read = match (self, value) {
            (Self::Whole(most), Value::Number(number)) => {
                let float = || number.as_f64().and_then(exactly_whole);
                let whole = number.as_u64().or_else(float).filter(|whole| whole <= most);
                whole.map(Value::from)
            }
            (Self::Number, Value::Number(number)) => {
                number.as_f64().filter(|number| number.is_finite()).map(Value::from)
            }
            (Self::Switch, Value::Bool(_)) => Some(value.clone()),
            (Self::Choice(names), Value::String(text)) => {
                let name = names.iter().find(|name| name.eq_ignore_ascii_case(text));
                name.map(|name| Value::from(*name))
            }
            // The type says whether it takes a list.
            (Self::Text, Value::String(_) | Value::Number(_) | Value::Array(_)) => {
                Some(value.clone())
            }
            _ => None,
        };
        read.ok_or_else(|| self.expected())
    }
}

/// Every value of a type that is one of several names.
pub fn choices<T: DeserializeOwned>() -> Vec<T> {
    let Kind::Choice(names) = Kind::of::<T>() else { return Vec::new() };
    names.iter().filter_map(|name| serde_json::from_value(Value::from(*name)).ok()).collect()
}

/// The name by which files and flags call a value of such a type.
pub fn name(value: &impl Serialize) -> String {
    serde_json::to_value(value).map_or_else(|_| String::new(), |value| crate::plain(&value))
}

/// A whole number as people type it: `1000000`, `1_000_000`, `1e6`, `1000k`, `1M`.
///
/// # Errors
/// A sentence, if it is none.
pub fn whole(text: &str) -> Result<u64, String> {
    let plain = ungrouped(text).and_then(|digits| digits.parse().ok());
    let whole = plain.or_else(|| number(text).and_then(exactly_whole));
    whole.ok_or_else(|| Kind::Whole(u64::MAX).expected())
}

/// A number as people type it, that is finite.
pub(crate) fn number(text: &str) -> Option<f64> {
    let digits = ungrouped(text)?;
    let (digits, times) = match digits.char_indices().last() {
        Some((at, 'k' | 'K')) => (&digits[..at], 1e3),
        Some((at, 'M')) => (&digits[..at], 1e6),
        Some((at, 'G')) => (&digits[..at], 1e9),
        _ => (&digits[..], 1.0),
    };
    let number = digits.parse::<f64>().ok()? * times;
    number.is_finite().then_some(number)
}

/// A number without the `_` that group its digits; `None` where one is not between two digits.
fn ungrouped(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('_').collect();
    let grouped = parts.windows(2).all(|pair| {
        pair[0].ends_with(|c: char| c.is_ascii_digit())
            && pair[1].starts_with(|c: char| c.is_ascii_digit())
    });
    grouped.then(|| parts.concat())
}

/// A float that holds a whole number, and all smaller ones, exactly.
fn exactly_whole(number: f64) -> Option<u64> {
    let exact = number.fract() == 0.0 && (0.0..=9e15).contains(&number);
    exact.then_some(number as u64)
}

/// Deserialises nothing, and finds out what is asked of it.
struct Probe;

/// The kind that was asked for.
#[derive(Debug)]
struct Found(Option<Kind>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

macro_rules! found {
    ($($method:ident => $kind:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
            Err(Found(Some($kind)))
        })*
    };
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Found;

    found! {
        deserialize_any => Kind::Text;
        deserialize_bool => Kind::Switch;
        deserialize_u8 => Kind::Whole(u8::MAX.into());
        deserialize_u16 => Kind::Whole(u16::MAX.into());
        deserialize_u32 => Kind::Whole(u32::MAX.into());
        deserialize_u64 => Kind::Whole(u64::MAX);
        deserialize_f32 => Kind::Number;
        deserialize_f64 => Kind::Number;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found(Some(Kind::Choice(names))))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Loss {
        Huber,
        MeanSquared,
    }

    #[test]
    fn the_kind_follows_from_the_type() {
        assert_eq!(Kind::of::<f64>(), Kind::Number);
        assert_eq!(Kind::of::<Option<u32>>(), Kind::Whole(u32::MAX.into()));
        assert_eq!(Kind::of::<bool>(), Kind::Switch);
        assert_eq!(Kind::of::<Option<Loss>>(), Kind::Choice(&["huber", "mean-squared"]));
        assert_eq!(Kind::of::<String>(), Kind::Text);
        assert_eq!(Kind::of::<crate::Text>(), Kind::Text);
    }

    #[test]
    fn numbers_are_read_as_people_type_them() {
        for text in ["1000000", "1_000_000", "1e6", "1E+6", "1000k", "1M", "0.001G"] {
            assert_eq!(whole(text), Ok(1_000_000), "{text}");
        }
        for text in [
            "1.5", "-1", "1e-3", "nan", "inf", "1e30", "", "k", "_", "ten", "1e", "0x10", "1__0",
            "_1", "1_", "1_k", "1_.5",
        ] {
            assert!(whole(text).is_err(), "{text}");
        }
        assert_eq!(whole("18446744073709551615"), Ok(u64::MAX));
        let number = |text| Kind::Number.parse(text);
        assert_eq!(number("3e-4"), Ok(Value::from(3e-4)));
        assert_eq!(number("-1"), Ok(Value::from(-1.0)));
        assert_eq!(number("2.5k"), Ok(Value::from(2500.0)));
        assert!(number("nan").is_err() && number("1e999").is_err() && number("_1").is_err());
        assert!(number("1__0").is_err() && number("1_000.5").is_ok() && number("1._5").is_err());
    }

    #[test]
    fn values_of_files_are_read_by_kind() {
        let whole = Kind::Whole(u32::MAX.into());
        assert_eq!(whole.read(&Value::from(1e6)), Ok(Value::from(1_000_000)));
        for wrong in [Value::from(0.5), Value::from(-1), Value::from(1e10), Value::from("7")] {
            assert_eq!(
                whole.read(&wrong).unwrap_err(),
                "a whole number up to 4294967295 is expected"
            );
        }
        assert_eq!(Kind::Number.read(&Value::from(1)), Ok(Value::from(1.0)));
        let choice = Kind::Choice(&["huber", "mse"]);
        assert_eq!(choice.read(&Value::from(0)).unwrap_err(), "one of huber, mse is expected");
        assert_eq!(choice.parse("l1").unwrap_err(), "one of huber, mse is expected");
        assert_eq!(choice.parse("MSE"), Ok(Value::from("mse")));
        assert_eq!(Kind::Switch.parse("yes").unwrap_err(), "true or false is expected");
    }
}
