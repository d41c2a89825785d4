//! Parameters as data: hyper-parameters of algorithms, options of environments and of data sets.
//!
//! [`parameters!`] states each once, with its meaning, type, default and range, and makes a plain struct of
//! them. From the table of its [`Field`]s follow flags, help, configuration files, presets and docs.
mod aliases;
mod bad_value;
mod field;
mod kind;
mod requirement;
mod text;

pub use aliases::{aliases, canonical, elsewhere, former, renamed};
pub use bad_value::{BadValue, above, flag, inside, shown};
pub use field::{Field, Parameters, resolve};
pub use kind::{Kind, choices, name, whole};
pub use requirement::Requirement;
pub use text::{Text, plain};

/// States each parameter once: its meaning, type, default, the range it must lie in, and the parameter `with` which
/// alone it counts: a switch, `with kind = "a" | "b"`, or `with decay not 0.0`.
///
/// The result is a struct with public fields that has `Default`, is read from files (serde, unknown keys
/// refused) and implements [`Parameters`]. The crate that calls it depends on serde and on this one.
///
/// ```
/// use params::Parameters as _;
///
/// params::parameters! {
///     /// Hyper-parameters of a learner.
///     pub struct Config {
///         /// Discount γ
///         gamma: f64 = 0.99, in 0.0..=1.0;
///         /// Batch size, in transitions
///         batch: usize = 32, in 1..;
///     }
/// }
/// assert_eq!(Config::default().batch, 32);
/// let error = Config { gamma: 1.5, ..Config::default() }.check().unwrap_err();
/// assert_eq!(error.to_string(), "--gamma 1.5: must lie between 0 and 1");
/// let gamma = &Config::fields()[0];
/// assert_eq!((gamma.name, gamma.about.as_str(), gamma.range.as_str()), ("gamma", "Discount γ", "0 to 1"));
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[doc = $about:literal])* $field:ident: $type:ty = $default:expr
                $(, in $range:expr)?
                $(, with $other:ident $(= $($value:literal)|+)? $(not $never:literal)?)?;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $about])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// # Errors
            /// Names the first parameter that is out of its range.
            pub fn check(&self) -> Result<(), $crate::BadValue> {
                $($($crate::BadValue::outside(stringify!($field), self.$field, $range)?;)?)*
                Ok(())
            }
        }

        impl $crate::Parameters for $name {
            fn fields() -> Vec<$crate::Field> {
                vec![$({
                    let default: $type = $default;
                    let range = String::new();
                    $(let range = $crate::shown::<$type>(&$range);)?
                    let field = $crate::Field::of(stringify!($field), &[$($about),*], &default, range);
                    $(let field = field.with_condition($crate::inside::<$type>(&$range));)?
                    $(
                        let requirement = $crate::Requirement::of(stringify!($other))
                            $(.among([$($value),+]))?
                            $(.other_than($never))?;
                        let field = field.with_requirement(requirement);
                    )?
                    field
                },)*]
            }

            fn checked(self) -> Result<Self, $crate::BadValue> {
                self.check()?;
                Ok(self)
            }
        }
    };
}
