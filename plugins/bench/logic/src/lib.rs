//! What the guests of `cargo xtask bench plugins` do to values: the same code runs in the guests and, compiled in,
//! in what they are held against.

/// Attributes that the scrubber removes by name.
pub const REMOVED: &str = "request.id";
/// Attributes that the scrubber removes by the start of their names.
pub const REMOVED_PREFIX: &str = "network.";
/// Attributes that become pseudonyms.
pub const HASHED: &str = "user.id";
/// Attributes whose values are masked.
pub const MASKED: [&str; 3] = ["http.url", "url.path", "db.query.text"];
/// Where the enricher finds a process, and the number of a step.
pub const NAMES: (&str, &str) = ("code.function.name", "thread.name");
/// What it writes.
pub const WRITTEN: (&str, &str) = ("process.name", "step.index");
/// What the sampler looks at besides the span itself.
pub const HTTP_STATUS: &str = "http.response.status_code";

/// Shortest run of digits that may be somebody's number.
const DIGITS_MIN: usize = 6;
const MASK: &[u8] = b"****";

/// The name before the first dot.
pub fn process(function: &str) -> &str {
    function.split('.').next().unwrap_or(function)
}

/// The number at the end.
pub fn step(thread: &str) -> Option<i64> {
    let digits = thread.bytes().rev().take_while(u8::is_ascii_digit).count();
    thread[thread.len() - digits..].parse().ok()
}

/// Appends the text with long runs of digits and what stands around an `@` masked; false, and nothing, if there are
/// none.
pub fn mask(text: &[u8], out: &mut Vec<u8>) -> bool {
    let (mut copied, mut at, mut any) = (0, 0, false);
    while at < text.len() {
        let Some((start, end)) = next(text, &mut at) else { break };
        out.extend_from_slice(&text[copied..start.max(copied)]);
        out.extend_from_slice(MASK);
        (copied, at, any) = (end, end, true);
    }
    if any {
        out.extend_from_slice(&text[copied..]);
    }
    any
}

/// The next part to mask.
fn next(text: &[u8], at: &mut usize) -> Option<(usize, usize)> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-' || byte == b'_';
    let mut digits = 0;
    for (i, &byte) in text.iter().enumerate().skip(*at) {
        if byte == b'@' {
            let before = text[*at..i].iter().rev().take_while(|byte| is_word(**byte)).count();
            let after = text[i + 1..].iter().take_while(|byte| is_word(**byte)).count();
            if before > 0 && after > 0 {
                return Some((i - before, i + 1 + after));
            }
        }
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if digits == DIGITS_MIN {
            let after = text[i + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            return Some((i + 1 - DIGITS_MIN, i + 1 + after));
        }
    }
    None
}

/// Slow spans are kept.
const SLOW_NS: i64 = 1_000_000_000;
/// One in so many of the others.
const ONE_IN: u64 = 10;

/// Whether a span is kept: errors, slow ones, failed requests, and some of the rest.
pub fn keep(status: i64, duration_ns: i64, http_status: i64, trace_id: [u8; 16]) -> bool {
    let lot = u128::from_be_bytes(trace_id) as u64;
    status == 2 || duration_ns >= SLOW_NS || http_status >= 500 || lot.is_multiple_of(ONE_IN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_masked() {
        let check = |text: &str, expect: Option<&str>| {
            let mut out = Vec::new();
            let masked = mask(text.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap());
            assert_eq!(masked.as_deref(), expect, "{text}");
        };
        check("/cart/12345", None);
        check("/cart/1234567?x=1", Some("/cart/****?x=1"));
        check("a=ann.b@example.org&b", Some("a=****&b"));
        check("id 123456 of ann@x.de", Some("id **** of ****"));
        check("@", None);
    }
}
