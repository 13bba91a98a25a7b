//! Integers, floats and durations.

use super::Tok;

/// Prometheus units, largest first.
const PROMETHEUS_UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3600 * 1_000_000_000),
    ("w", 7 * 24 * 3600 * 1_000_000_000),
    ("d", 24 * 3600 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Go units.
const GO_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
];

/// Reads the number at the start of `text`: the token and its length in bytes.
pub(super) fn scan(text: &str) -> Result<(Tok<'static>, usize), String> {
    let len = number_len(text);
    let glued = |c: char| c.is_ascii_digit() || "nsumhµμdwy.".contains(c);
    let unit_len = text[len..].find(|c| !glued(c)).unwrap_or(text.len() - len);
    if unit_len > 0 {
        let all = &text[..len + unit_len];
        if let Some(ns) = prometheus_duration(all).or_else(|| go_duration(all)) {
            return Ok((Tok::Duration(ns), all.len()));
        }
    }
    let number = &text[..len];
    if text[len..].starts_with('_')
        || number.len() == 1 && text[len..].starts_with(['x', 'X', 'b', 'B', 'o', 'O'])
    {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        return Err(format!("invalid number {}: only decimal digits are allowed", &text[..end]));
    }
    if number.bytes().all(|b| b.is_ascii_digit()) {
        let value = number.parse().map_err(|_| format!("integer {number} is out of range"))?;
        return Ok((Tok::Int(value), len));
    }
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Tok::Float(value), len)),
        _ => Err(format!("float {number} is out of range or malformed")),
    }
}

/// Length of `12`, `1.5`, `.5`, `1e-3`.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// `1d12h`: integers with units that descend.
fn prometheus_duration(text: &str) -> Option<i64> {
    let (mut rest, mut total, mut from) = (text, 0u64, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| *n > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = PROMETHEUS_UNITS.iter().position(|(name, _)| *name == &rest[..unit_len])?;
        if unit < from {
            return None;
        }
        from = unit + 1;
        total = number.checked_mul(PROMETHEUS_UNITS[unit].1)?.checked_add(total)?;
        rest = &rest[unit_len..];
    }
    i64::try_from(total).ok()
}

/// `1m30.5s`: decimals with units in any order, as Go reads them.
fn go_duration(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0u128);
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (whole, fraction) = rest[..number].split_once('.').unwrap_or((&rest[..number], ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        rest = &rest[number..];
        let unit_len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let scale = GO_UNITS.iter().find(|(name, _)| *name == &rest[..unit_len])?.1;
        rest = &rest[unit_len..];
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total += u128::from(whole) * u128::from(scale);
        // Digits below a nanosecond of the largest unit cannot count.
        let fraction = &fraction[..fraction.len().min(18)];
        if !fraction.is_empty() {
            total += fraction.parse::<u128>().ok()? * u128::from(scale) / 10u128.pow(fraction.len() as u32);
        }
        if total > i64::MAX as u128 {
            return None;
        }
    }
    Some(total as i64)
}
