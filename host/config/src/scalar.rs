//! Texts into numbers, switches and durations, the way Go's YAML reads them.

use std::time::Duration;

/// `true`, `yes`, `on` and their opposites: YAML 1.1's words, which Tempo's reader takes.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Ok(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Ok(false),
        _ => Err(format!("`{text}` is not true or false")),
    }
}

/// Decimal, `0x`, `0o`, `0b`, leading-zero octal, `_` between digits, and whole floats (`1e6`).
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    let clean = text.replace('_', "");
    let (negative, digits) = match clean.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let radix = |prefix: &str, radix: u32| {
        digits.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok())
    };
    let octal = || match digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit()) {
        true => radix("0", 8),
        false => None,
    };
    let whole = || {
        let number = clean.parse::<f64>().ok()?;
        // Beyond 2^53 a float no longer names one whole number.
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then(|| number.abs() as u64)
    };
    let magnitude = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(octal)
        .or_else(|| digits.parse::<u64>().ok())
        .or_else(whole)
        .ok_or_else(|| format!("`{text}` is not a whole number"))?;
    let signed = i64::try_from(magnitude).map_err(|_| format!("`{text}` does not fit 64 bits"))?;
    Ok(if negative { -signed } else { signed })
}

/// A whole number that is not negative.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    u64::try_from(integer(text)?).map_err(|_| format!("`{text}` must not be negative"))
}

/// A finite number.
pub(crate) fn float(text: &str) -> Result<f64, String> {
    match text.replace('_', "").parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is not a number")),
    }
}

const NANOS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const NANOS_LONG: [(&str, u64); 3] =
    [("d", 86_400_000_000_000), ("w", 604_800_000_000_000), ("y", 31_536_000_000_000_000)];

/// Go's `time.ParseDuration`, not negative.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text, false)
}

/// The same, with Prometheus's days, weeks and years.
pub(crate) fn long_duration(text: &str) -> Result<Duration, String> {
    parse_duration(text, true)
}

fn parse_duration(text: &str, long: bool) -> Result<Duration, String> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.starts_with('-') {
        return Err(format!("duration `{text}` must not be negative"));
    }
    if rest.is_empty() {
        return Err("an empty duration".to_owned());
    }
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        rest = tail;
        if unit.is_empty() {
            return Err(format!("duration `{text}` has no unit (write `{number}s`, for example)"));
        }
        let known = NANOS.iter().chain(NANOS_LONG.iter().filter(|_| long));
        let Some((_, scale)) = known.clone().find(|(name, _)| *name == unit) else {
            let names: Vec<_> = known.map(|(name, _)| *name).filter(|name| name.is_ascii()).collect();
            return Err(format!(
                "duration `{text}` has an unknown unit `{unit}` (known: {})",
                names.join(" ")
            ));
        };
        let part = scaled(number, *scale).ok_or_else(|| format!("`{text}` is not a duration"))?;
        nanos += part;
        if nanos > i64::MAX as u128 {
            return Err(format!("duration `{text}` is too long (the most is 292 years)"));
        }
    }
    Ok(Duration::from_nanos(nanos as u64))
}

/// `number` times `scale`, exact for the digits that matter.
fn scaled(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    // 20 digits are beyond the longest duration in nanoseconds.
    if whole.len() > 20 {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = &fraction[..fraction.len().min(18)];
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some(whole.checked_mul(u128::from(scale))? + part * u128::from(scale) / divisor)
}

/// Go's form of a duration: `1h30m0s`, `5s`, `200ms`, `0s`.
pub(crate) fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let trim = |value: f64, unit: &str| format!("{value}{unit}");
    if nanos < 1_000 {
        return format!("{nanos}ns");
    }
    if nanos < 1_000_000 {
        return trim(nanos as f64 / 1e3, "µs");
    }
    if nanos < 1_000_000_000 {
        return trim(nanos as f64 / 1e6, "ms");
    }
    let (seconds, rest) = (duration.as_secs(), duration.subsec_nanos());
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut fraction = if rest == 0 { String::new() } else { format!(".{rest:09}") };
    while fraction.ends_with('0') {
        fraction.pop();
    }
    let seconds = format!("{}{fraction}s", seconds % 60);
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}
