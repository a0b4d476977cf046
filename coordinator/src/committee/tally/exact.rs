//! Exact numbers: what votes weigh and what they add up to. No floating point anywhere.

use std::{fmt, str::FromStr};

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_rational::BigRational;
use num_traits::{Signed as _, ToPrimitive as _, Zero as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An exact rational number of any size.
///
/// Written as a whole number, or as the text `"p/q"` in lowest terms when it is not whole; a whole
/// number that does not fit in 64 bits is written as text too, since readers would round it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(pub(crate) BigRational);

impl Exact {
    /// A whole number.
    pub fn whole(number: impl Into<BigInt>) -> Self {
        Self(BigRational::from_integer(number.into()))
    }

    /// `p/q`; none when `q` is zero.
    pub fn ratio(p: impl Into<BigInt>, q: impl Into<BigInt>) -> Option<Self> {
        let q = q.into();
        (!q.is_zero()).then(|| Self(BigRational::new(p.into(), q)))
    }

    /// Zero.
    pub fn zero() -> Self {
        Self(BigRational::zero())
    }

    /// One.
    pub fn one() -> Self {
        Self::whole(1)
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_integer() {
            write!(f, "{}", self.0.numer())
        } else {
            write!(f, "{}/{}", self.0.numer(), self.0.denom())
        }
    }
}

/// Why a text is no exact number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotExact;

impl fmt::Display for NotExact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no exact number: write a whole number, or \"p/q\" with q above zero")
    }
}

impl std::error::Error for NotExact {}

/// How many digits a number may be written with: what is read is bounded before it is believed.
const DIGITS_MAX: usize = 1_000;

impl FromStr for Exact {
    type Err = NotExact;

    fn from_str(text: &str) -> Result<Self, NotExact> {
        let (p, q) = text.split_once('/').unwrap_or((text, "1"));
        let digits = |part: &str| {
            let bare = part.strip_prefix('-').unwrap_or(part);
            let is_number = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
            if is_number && bare.len() <= DIGITS_MAX {
                BigInt::from_str(part).map_err(|_| NotExact)
            } else {
                Err(NotExact)
            }
        };
        let q = digits(q)?;
        if q.is_positive() { Self::ratio(digits(p)?, q).ok_or(NotExact) } else { Err(NotExact) }
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.is_integer().then(|| self.0.numer().to_i64()).flatten() {
            Some(small) => serializer.serialize_i64(small),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Exact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a text \"p/q\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Exact, E> {
                Ok(Exact::whole(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Exact, E> {
                Ok(Exact::whole(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Exact, E> {
                text.parse().map_err(|fault| E::custom(format!("{text:?} {fault}")))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What one voter of a ballot weighs: `p/q`, not below zero, in lowest terms, each part 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weight {
    p: u64,
    q: u64,
}

impl Weight {
    /// The weight of a voter who weighs what everybody weighs.
    pub const ONE: Self = Self { p: 1, q: 1 };

    /// `p/q`; none when `q` is zero.
    pub fn new(p: u64, q: u64) -> Option<Self> {
        let common = p.gcd(&q);
        (q > 0).then(|| Self { p: p / common, q: q / common })
    }

    /// The weight as a number.
    pub fn exact(self) -> Exact {
        Exact(BigRational::new_raw(self.p.into(), self.q.into()))
    }

    /// The weight that a number is, if it is one.
    pub fn of(number: &Exact) -> Option<Self> {
        Self::new(number.0.numer().to_u64()?, number.0.denom().to_u64()?)
    }

    pub(crate) const fn parts(self) -> (u64, u64) {
        (self.p, self.q)
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.q == 1 { write!(f, "{}", self.p) } else { write!(f, "{}/{}", self.p, self.q) }
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Exact::deserialize(deserializer)?;
        let why = "is no weight: it must be zero or more, p and q each below 2^64";
        Self::of(&number).ok_or_else(|| de::Error::custom(format!("{number} {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_and_two_tenths_are_three_tenths() {
        let read = |text: &str| text.parse::<Exact>().unwrap().0;
        assert_eq!(read("1/10") + read("2/10"), read("3/10"));
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, shown) in [("2", "2"), ("4/2", "2"), ("-6/4", "-3/2"), ("0/7", "0")] {
            assert_eq!(text.parse::<Exact>().unwrap().to_string(), shown);
        }
        for bad in ["", "/", "1/", "/2", "1/0", "1/-2", "0.5", "1e3", "+1", " 1", "1/2/3", "--1"] {
            assert!(bad.parse::<Exact>().is_err(), "{bad}");
        }
        let json = serde_json::to_string(
            &["4/2", "1/3", "99999999999999999999"].map(|text| text.parse::<Exact>().unwrap()),
        );
        assert_eq!(json.unwrap(), r#"[2,"1/3","99999999999999999999"]"#);
    }

    #[test]
    fn a_weight_is_never_below_zero_and_never_a_float() {
        let read = |json: &str| serde_json::from_str::<Weight>(json);
        assert_eq!(read("\"6/4\"").unwrap(), Weight { p: 3, q: 2 });
        assert_eq!(read("3").unwrap(), Weight { p: 3, q: 1 });
        for bad in ["-1", "\"-1/2\"", "0.5", "null", "\"1/0\"", "\"99999999999999999999999\""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
