//! Widths of hidden layers, as flags and files state them.
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::fmt;
use train::BadValue;

/// Units of the hidden layers of a network.
///
/// A file writes `64`, `[256, 256]` or `[]`; a flag `64`, `256,256` or `none`, and `64,` for one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Hidden {
    /// As many layers as the network usually has, each of this width.
    Each(usize),
    /// A layer for each width; none leaves a linear function of what comes before.
    Layers(Vec<usize>),
}

/// The forms in which widths are written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "widths of layers are expected, as in 64, [256, 256] or none")]
enum Written {
    Each(usize),
    Layers(Vec<Number>),
    Text(String),
}

impl Hidden {
    const WIDTHS: std::ops::RangeInclusive<usize> = 1..=1 << 14;
    const MOST_LAYERS: usize = 64;

    /// The width of each hidden layer, of a network that usually has `usual` of them.
    pub fn widths(&self, usual: usize) -> Vec<usize> {
        match self {
            Self::Each(width) => vec![*width; usual],
            Self::Layers(widths) => widths.clone(),
        }
    }

    /// # Errors
    /// [`BadValue`] where a layer is too narrow or too wide, or there are too many.
    pub fn check(&self) -> Result<(), BadValue> {
        let widths = self.widths(1);
        if widths.len() > Self::MOST_LAYERS {
            let fits = format!("at most {} layers are expected", Self::MOST_LAYERS);
            return Err(BadValue::new("hidden", self, &fits));
        }
        if widths.iter().any(|width| !Self::WIDTHS.contains(width)) {
            let (low, high) = Self::WIDTHS.into_inner();
            let fits = match self {
                Self::Each(_) => format!("must lie between {low} and {high}"),
                Self::Layers(_) => format!("each width must lie between {low} and {high}"),
            };
            return Err(BadValue::new("hidden", self, &fits));
        }
        Ok(())
    }
}

impl From<usize> for Hidden {
    fn from(width: usize) -> Self {
        Self::Each(width)
    }
}

impl<const N: usize> From<[usize; N]> for Hidden {
    fn from(widths: [usize; N]) -> Self {
        Self::Layers(widths.into())
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each(width) => width.fmt(f),
            Self::Layers(widths) => match widths[..] {
                [] => f.write_str("none"),
                [one] => write!(f, "{one},"),
                _ => {
                    let widths: Vec<_> = widths.iter().map(usize::to_string).collect();
                    f.write_str(&widths.join(","))
                }
            },
        }
    }
}

impl From<Hidden> for Written {
    fn from(hidden: Hidden) -> Self {
        match hidden {
            Hidden::Each(width) => Self::Each(width),
            Hidden::Layers(widths) => {
                Self::Layers(widths.into_iter().map(|width| Number::from(width as u64)).collect())
            }
        }
    }
}

impl TryFrom<Written> for Hidden {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let hidden = match written {
            Written::Each(width) => Self::Each(width),
            Written::Layers(widths) => {
                let widths = widths.iter().map(|width| self::width(&width.to_string()));
                Self::Layers(widths.collect::<Result<_, _>>()?)
            }
            Written::Text(text) => parse(&text)?,
        };
        hidden.check().map_err(|bad| bad.expected().to_owned())?;
        Ok(hidden)
    }
}

/// Widths as a flag has them; Python's brackets may stand around them.
fn parse(text: &str) -> Result<Hidden, String> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let listed = bare.unwrap_or(text).trim();
    if listed.is_empty() || listed == "none" {
        return Ok(Hidden::Layers(Vec::new()));
    }
    if bare.is_none() && !listed.contains(',') {
        return width(listed).map(Hidden::Each);
    }
    let widths = listed.strip_suffix(',').unwrap_or(listed).split(',');
    Ok(Hidden::Layers(widths.map(|text| width(text.trim())).collect::<Result<_, _>>()?))
}

fn width(text: &str) -> Result<usize, String> {
    let width = train::whole(text).ok().and_then(|width| usize::try_from(width).ok());
    width.ok_or_else(|| "widths of layers are expected, as in 64, 256,256 or none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn read(value: Value) -> Result<Hidden, String> {
        from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn widths_are_read_as_people_write_them() {
        assert_eq!(read(json!(64)), Ok(Hidden::Each(64)));
        assert_eq!(read(json!("64")), Ok(64.into()));
        for two in [json!("256,128"), json!("256, 128"), json!("[256,128]"), json!([256, 128])] {
            assert_eq!(read(two), Ok([256, 128].into()));
        }
        for one in [json!("64,"), json!("[64]"), json!([64]), json!([64.0])] {
            assert_eq!(read(one), Ok([64].into()));
        }
        for linear in [json!("none"), json!(""), json!("[]"), json!([])] {
            assert_eq!(read(linear), Ok([].into()));
        }
        for wrong in [json!("wide"), json!("64,,64"), json!(","), json!("-1"), json!([0.5])] {
            let error = read(wrong.clone()).unwrap_err();
            assert!(error.contains("widths of layers are expected"), "{wrong}: {error}");
        }
        assert_eq!(
            read(json!(true)).unwrap_err(),
            "widths of layers are expected, as in 64, [256, 256] or none"
        );
        assert_eq!(read(json!("64,0")).unwrap_err(), "each width must lie between 1 and 16384");
        assert_eq!(read(json!(20_000)).unwrap_err(), "must lie between 1 and 16384");
        assert_eq!(read(json!(vec![1; 65])).unwrap_err(), "at most 64 layers are expected");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for hidden in [Hidden::Each(7), [].into(), [7].into(), [7, 9].into()] {
            assert_eq!(read(serde_json::to_value(&hidden).unwrap()).unwrap(), hidden);
            assert_eq!(read(json!(hidden.to_string())).unwrap(), hidden);
        }
        assert_eq!(serde_json::to_value(Hidden::Each(7)).unwrap(), json!(7));
    }
}
