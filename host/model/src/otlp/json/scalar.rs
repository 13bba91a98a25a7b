//! The spellings of scalars that OTLP/JSON allows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Bytes as hex digits of either case.
pub(super) struct Hex(Vec<u8>);

/// Bytes as standard base64.
pub(super) struct Base64(pub(super) Vec<u8>);

/// An integer as a number or a string of digits.
pub(super) struct Number<T>(T);

/// A double as a number or a string, `"NaN"` and `"Infinity"` included.
pub(super) struct Double(pub(super) f64);

/// A number of enum `E`, as a number, known or not, or as a name.
pub(super) struct Constant<E>(i32, PhantomData<E>);

impl From<Hex> for Vec<u8> {
    fn from(hex: Hex) -> Self {
        hex.0
    }
}

impl From<Number<u32>> for u32 {
    fn from(number: Number<u32>) -> Self {
        number.0
    }
}

impl From<Number<u64>> for u64 {
    fn from(number: Number<u64>) -> Self {
        number.0
    }
}

impl From<Number<i64>> for i64 {
    fn from(number: Number<i64>) -> Self {
        number.0
    }
}

impl<E> From<Constant<E>> for i32 {
    fn from(constant: Constant<E>) -> Self {
        constant.0
    }
}

/// An enum's names.
pub(super) trait Names {
    fn number_of(name: &str) -> Option<i32>;
}

impl Names for SpanKind {
    fn number_of(name: &str) -> Option<i32> {
        Self::from_str_name(name).map(Into::into)
    }
}

impl Names for StatusCode {
    fn number_of(name: &str) -> Option<i32> {
        Self::from_str_name(name).map(Into::into)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, |text| hex(text).map(Self))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, |text| STANDARD.decode(text).ok().map(Self))
    }
}

/// Reads a string and parses it.
fn text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Text<T, P>(P, PhantomData<T>);

    impl<T, P: Fn(&str) -> Option<T>> Visitor<'_> for Text<T, P> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("encoded bytes")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).ok_or_else(|| E::custom("not encoded bytes"))
        }
    }

    deserializer.deserialize_str(Text(parse, PhantomData))
}

impl<'de, T> Deserialize<'de> for Number<T>
where
    T: TryFrom<u64> + TryFrom<i64> + FromStr,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits<T>(PhantomData<T>);

        impl<T: TryFrom<u64> + TryFrom<i64> + FromStr> Visitor<'_> for Digits<T> {
            type Value = Number<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number<T>, E> {
                T::try_from(number).map(Number).map_err(|_| E::custom("integer out of range"))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number<T>, E> {
                T::try_from(number).map(Number).map_err(|_| E::custom("integer out of range"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number<T>, E> {
                text.parse().map(Number).map_err(|_| E::custom("not an integer"))
            }
        }

        deserializer.deserialize_any(Digits(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = Double;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Double, E> {
                Ok(Double(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Double, E> {
                Ok(Double(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Double, E> {
                Ok(Double(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Double, E> {
                text.parse().map(Double).map_err(|_| E::custom("not a number"))
            }
        }

        deserializer.deserialize_any(Digits)
    }
}

impl<'de, E: Names> Deserialize<'de> for Constant<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named<N>(PhantomData<N>);

        impl<N: Names> Visitor<'_> for Named<N> {
            type Value = Constant<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an enum's number or name")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Constant<N>, E> {
                let number = i32::try_from(number).map_err(|_| E::custom("enum number out of range"))?;
                Ok(Constant(number, PhantomData))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Constant<N>, E> {
                let number = i32::try_from(number).map_err(|_| E::custom("enum number out of range"))?;
                Ok(Constant(number, PhantomData))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Constant<N>, E> {
                let number = N::number_of(name).ok_or_else(|| E::custom("unknown enum name"))?;
                Ok(Constant(number, PhantomData))
            }
        }

        deserializer.deserialize_any(Named(PhantomData))
    }
}
