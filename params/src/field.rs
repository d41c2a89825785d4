//! A parameter as data.
use crate::kind::number;
use crate::{BadValue, Kind, Requirement, flag, plain};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A struct of parameters, made by [`parameters!`](crate::parameters).
pub trait Parameters: Default + Serialize + DeserializeOwned {
    /// Each parameter, in the order in which they are stated.
    fn fields() -> Vec<Field>;

    /// These values.
    ///
    /// # Errors
    /// Names the first one that is out of its range.
    fn checked(self) -> Result<Self, BadValue>;
}

/// One parameter: name, meaning, kind, default and range.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name, as configuration files write it.
    pub name: &'static str,
    /// The meaning, in a line or two.
    pub about: String,
    /// The kind of its values.
    pub kind: Kind,
    /// The value that it has unless told otherwise; null where something else decides.
    pub default: Value,
    /// The range, in words; empty where every value of the kind will do.
    pub range: String,
    /// Another parameter beside which alone it counts, where there is one.
    pub requirement: Option<Requirement>,
    /// The condition that a number must meet, in full; empty where there is none.
    condition: String,
    /// Through its type and back.
    typed: fn(&Value) -> Result<Value, String>,
}

impl Field {
    /// A parameter of the type `T`.
    pub fn of<T: Serialize + DeserializeOwned>(
        name: &'static str,
        about: &[&str],
        default: &T,
        range: String,
    ) -> Self {
        let about = about.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let default = serde_json::to_value(default).unwrap_or(Value::Null);
        Self {
            name,
            about,
            kind: Kind::of::<T>(),
            default,
            range,
            requirement: None,
            condition: String::new(),
            typed: typed::<T>,
        }
    }

    /// This parameter with the condition that its numbers must meet, in words.
    pub fn with_condition(self, condition: String) -> Self {
        Self { condition, ..self }
    }

    /// This parameter, which counts only beside another one.
    pub fn with_requirement(self, requirement: Requirement) -> Self {
        Self { requirement: Some(requirement), ..self }
    }

    /// This parameter with another default.
    pub fn with_default(self, default: Value) -> Self {
        Self { default, ..self }
    }

    /// This parameter with its meaning in other words.
    pub fn with_about(self, about: String) -> Self {
        Self { about, ..self }
    }

    /// Its flag, without the dashes.
    pub fn flag(&self) -> String {
        flag(self.name)
    }

    /// The value that `text` writes, as a flag has it.
    ///
    /// # Errors
    /// The values that are expected, in words.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        if self.is_none(text) {
            return Ok(Value::Null);
        }
        let value = self.kind.parse(text);
        let value = value.map_err(|why| self.out_of_range(number(text)).unwrap_or(why));
        value.and_then(|value| self.typed(&value))
    }

    /// `value`, as a file has it, in the form that it is kept in.
    ///
    /// # Errors
    /// The values that are expected, in words.
    pub fn read(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Null if self.default.is_null() => Ok(Value::Null),
            Value::String(text) if self.is_none(text) => Ok(Value::Null),
            _ => {
                let read = self.kind.read(value);
                let read = read.map_err(|why| self.out_of_range(value.as_f64()).unwrap_or(why));
                read.and_then(|value| self.typed(&value))
            }
        }
    }

    /// Why a whole number is none of this parameter's, which a type of whole numbers could not say.
    fn out_of_range(&self, number: Option<f64>) -> Option<String> {
        let Kind::Whole(most) = self.kind else { return None };
        number.filter(|number| number.fract() == 0.0)?;
        Some(match self.condition.as_str() {
            // A type of whole numbers refuses none but 0.
            "" => crate::inside(&(u64::from((self.typed)(&Value::from(0)).is_err())..=most)),
            condition => condition.to_owned(),
        })
    }

    /// Returns `true` if `text` is `none` for an optional parameter. For texts, as maps, it is a value.
    fn is_none(&self, text: &str) -> bool {
        text == "none" && self.default.is_null() && self.kind != Kind::Text
    }

    fn typed(&self, value: &Value) -> Result<Value, String> {
        (self.typed)(value).map_err(|why| match self.kind {
            // A type of whole numbers refuses none but 0.
            Kind::Whole(_) => "a whole number above 0 is expected".to_owned(),
            _ => why,
        })
    }
}

/// Reads a value as `T`. A text that writes a number may stand for it, and the other way round: what a user
/// types has no type.
fn typed<T: Serialize + DeserializeOwned>(value: &Value) -> Result<Value, String> {
    let read = |value: Value| -> Result<Value, String> {
        let typed: T = serde_json::from_value(value).map_err(|error| error.to_string())?;
        serde_json::to_value(typed).map_err(|error| error.to_string())
    };
    let other = match value {
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_number),
        Value::Number(number) => Some(Value::from(number.to_string())),
        _ => None,
    };
    read(value.clone()).or_else(|why| other.and_then(|other| read(other).ok()).ok_or(why))
}

/// Each of `fields` with its value in `given`, or its default.
///
/// # Errors
/// Names the first key that is none of `fields`, or whose value is not of its kind.
pub fn resolve(
    fields: &[Field],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, BadValue> {
    if let Some((key, value)) =
        given.iter().find(|(key, _)| fields.iter().all(|field| field.name != *key))
    {
        return Err(BadValue::new(key, value, "there is no such parameter"));
    }
    let value = |field: &Field| {
        let value = match given.get(field.name) {
            Some(value) => {
                field.read(value).map_err(|why| BadValue::new(field.name, plain(value), &why))?
            }
            None => field.default.clone(),
        };
        Ok((field.name.to_owned(), value))
    };
    fields.iter().map(value).collect()
}
