//! RFC 3339 times, as Go writes and reads them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const DAY_SECONDS: i64 = 86_400;
const NANOS: u64 = 1_000_000_000;

/// An instant. The default is Go's zero time, the first second of year 1, which Tempo writes for
/// "never set".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    nanos: u32,
}

/// Not a time of the form `2006-01-02T15:04:05[.999999999](Z|±07:00)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an RFC 3339 time")]
pub struct TimeError {
    /// What was there.
    pub text: String,
}

impl Default for Time {
    fn default() -> Self {
        Self { seconds: days_from_civil(1, 1, 1) * DAY_SECONDS, nanos: 0 }
    }
}

impl Time {
    /// From nanoseconds since the epoch.
    pub fn from_ns(ns: u64) -> Self {
        Self { seconds: (ns / NANOS) as i64, nanos: (ns % NANOS) as u32 }
    }

    /// From seconds since the epoch and nanoseconds within the second; more than a second of those is cut.
    pub fn new(seconds: i64, nanos: u32) -> Self {
        // Years outside 1 to 9999 have no form in text.
        const SECONDS_MAX: i64 = 253_402_300_799;
        let seconds = seconds.clamp(Self::default().seconds, SECONDS_MAX);
        Self { seconds, nanos: nanos.min(NANOS as u32 - 1) }
    }

    /// Nanoseconds since the epoch; times before it are 0 and times after the year 2554 the maximum.
    pub fn ns(self) -> u64 {
        let seconds = u64::try_from(self.seconds).unwrap_or(0);
        if self.seconds < 0 {
            return 0;
        }
        seconds.checked_mul(NANOS).and_then(|ns| ns.checked_add(u64::from(self.nanos))).unwrap_or(u64::MAX)
    }

    /// Seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    pub fn subsec_nanos(self) -> u32 {
        self.nanos
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(DAY_SECONDS));
        let second = self.seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos != 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse(text).ok_or_else(|| TimeError { text: text.chars().take(64).collect() })
    }
}

fn parse(text: &str) -> Option<Time> {
    let (fixed, rest) = text.split_at_checked(19)?;
    let b = fixed.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, separator)| b[at] != separator) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits(&fixed[range]);
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (fraction, zone) = rest.split_at(end);
            if fraction.is_empty() {
                return None;
            }
            // Digits beyond nanoseconds are cut off, as in Go.
            let kept = &fraction[..end.min(9)];
            (digits(kept)? * 10_i64.pow(9 - kept.len() as u32), zone)
        }
    };
    let at = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    let time = Time { seconds: at - offset_seconds(zone)?, nanos: nanos as u32 };
    // An offset can carry a time out of the years that have four digits.
    let year = civil_from_days(time.seconds.div_euclid(DAY_SECONDS)).0;
    (0..=9999).contains(&year).then_some(time)
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("+", zone) => (1, zone),
        ("-", zone) => (-1, zone),
        _ => return None,
    };
    let (hours, minutes) = zone.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours <= 24 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that the
/// leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
