//! Durations as parameters spell them: Go's, and Prometheus's for `since`.

const NS: u64 = 1;
const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;
const M: u64 = 60 * S;
const H: u64 = 60 * M;
const D: u64 = 24 * H;

/// Parses `1h30m`, `1.5s`, `-5s`, `0`. The error is Go's text.
pub(crate) fn parse_go(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (digits, after) = rest.split_at(number);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, tail) = after.split_at(unit_len);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let scale = match unit {
            "ns" => NS,
            "us" | "µs" | "μs" => US,
            "ms" => MS,
            "s" => S,
            "m" => M,
            "h" => H,
            _ => return Err(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        let part = scaled(whole, fraction, scale).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = tail;
    }
    let signed = i64::try_from(total).map_err(|_| invalid())?;
    Ok(if negative { -signed } else { signed })
}

/// `whole.fraction` times `scale`, digits past the scale's resolution dropped.
fn scaled(whole: &str, fraction: &str, scale: u64) -> Option<u64> {
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut total = whole.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        total = total.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(total)
}

/// Parses `1h`, `1d12h`, `1w`: whole numbers, units descending, each at most once.
pub(crate) fn parse_prometheus(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] =
        [("y", 365 * D), ("w", 7 * D), ("d", D), ("h", H), ("m", M), ("s", S), ("ms", MS)];
    let invalid = || format!("not a valid duration string: {text:?}");
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    if text == "0" {
        return Ok(0);
    }
    let (mut rest, mut next_unit, mut total) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let unit_len = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, tail) = after.split_at(unit_len);
        let at = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(invalid)?;
        if at < next_unit {
            return Err(invalid());
        }
        let number = number.parse::<u64>().map_err(|_| invalid())?;
        let part = number.checked_mul(UNITS[at].1).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or("duration out of range")?;
        next_unit = at + 1;
        rest = tail;
    }
    Ok(total)
}

/// Go's way to print a whole number of seconds: `168h0m0s`.
pub(crate) fn format_go_seconds(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m{s}s"),
        _ => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        let check = |text: &str, expect: Result<i64, &str>| {
            assert_eq!(parse_go(text), expect.map_err(str::to_owned), "{text}");
        };
        check("1h30m", Ok(5_400_000_000_000));
        check("1.5s", Ok(1_500_000_000));
        check(".5ms", Ok(500_000));
        check("-5s", Ok(-5_000_000_000));
        check("0", Ok(0));
        check("10", Err("time: missing unit in duration \"10\""));
        check("1d", Err("time: unknown unit \"d\" in duration \"1d\""));
        check("", Err("time: invalid duration \"\""));
        check("s", Err("time: invalid duration \"s\""));
        check("1.2.3s", Err("time: invalid duration \"1.2.3s\""));
        check("99999999h", Err("time: invalid duration \"99999999h\""));
    }

    #[test]
    fn prometheus_durations() {
        let check = |text: &str, expect: Result<u64, &str>| {
            assert_eq!(parse_prometheus(text), expect.map_err(str::to_owned), "{text}");
        };
        check("1h", Ok(3_600_000_000_000));
        check("1d12h", Ok(129_600_000_000_000));
        check("500ms", Ok(500_000_000));
        check("1m1h", Err("not a valid duration string: \"1m1h\""));
        check("1.5h", Err("not a valid duration string: \"1.5h\""));
        check("h", Err("not a valid duration string: \"h\""));
    }

    #[test]
    fn seconds_print_as_go_prints_them() {
        for (seconds, expect) in [(604_800, "168h0m0s"), (90, "1m30s"), (7, "7s"), (3600, "1h0m0s")] {
            assert_eq!(format_go_seconds(seconds), expect);
        }
    }
}
