//! W3C tracestates and the OpenTelemetry part in them (`ot=rv:…;th:…`).

/// Thresholds and randomness have 56 bits; this threshold keeps nothing.
pub(crate) const NEVER: u64 = 1 << 56;
const DIGITS: usize = 14;

/// Limits of the specification, where the Collector holds them.
const STATE_BYTES_MAX: usize = 1024;
const OTEL_BYTES_MAX: usize = 256;
const MEMBERS_MAX: usize = 32;
const KEY_BYTES_MAX: usize = 256;
const TENANT_BYTES_MAX: usize = 241;
const SYSTEM_BYTES_MAX: usize = 14;
const VALUE_BYTES_MAX: usize = 256;

/// A number, and the digits that it arrived with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number<'a> {
    pub(crate) value: u64,
    digits: Option<&'a str>,
}

/// What a tracestate holds; of a broken one, what could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State<'a> {
    pub(crate) randomness: Option<Number<'a>>,
    pub(crate) threshold: Option<Number<'a>>,
    others_of_otel: Vec<(&'a str, &'a str)>,
    others: Vec<(&'a str, &'a str)>,
}

/// A tracestate, and whether it is a good one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed<'a> {
    pub(crate) state: State<'a>,
    pub(crate) good: bool,
}

impl Number<'_> {
    pub(crate) fn new(value: u64) -> Self {
        Self { value, digits: None }
    }

    fn write(self, text: &mut String, trim: bool) {
        if let Some(digits) = self.digits {
            return text.push_str(digits);
        }
        let nibbles = (0..DIGITS as u32).rev().map(|digit| (self.value >> (4 * digit)) as u32 & 15);
        text.extend(nibbles.filter_map(|nibble| char::from_digit(nibble, 16)));
        if trim {
            let digits = text.len() - DIGITS;
            // A threshold that keeps all is `0`.
            let zeros = text[digits + 1..].bytes().rev().take_while(|byte| *byte == b'0').count();
            text.truncate(text.len() - zeros);
        }
    }
}

/// Reads a tracestate as the Collector does: of a broken member nothing, of the others what they say.
pub(crate) fn parse(text: &str) -> Parsed<'_> {
    let mut state = State::default();
    if text.is_empty() {
        return Parsed { state, good: true };
    }
    if text.len() > STATE_BYTES_MAX || !members(text).all(well_formed) {
        return Parsed { state, good: false };
    }
    let mut good = true;
    for (i, (key, value)) in text.split(',').map(|member| split(trim(member), '=')).enumerate() {
        // As the Collector counts, which is one less than the specification has.
        if i + 1 >= MEMBERS_MAX {
            return Parsed { state, good: false };
        }
        if key.is_empty() {
            continue;
        }
        if !fits(key) {
            good = false;
        } else if key == "ot" {
            good &= state.read_otel(value);
        } else {
            state.others.push((key, value));
        }
    }
    Parsed { state, good }
}

fn trim(member: &str) -> &str {
    member.trim_matches([' ', '\t'])
}

fn members(text: &str) -> impl Iterator<Item = &str> {
    // What follows a last comma is no member, not even an empty one; empty ones are allowed anyway.
    text.split(',').map(trim).filter(|member| !member.is_empty())
}

fn split(member: &str, at: char) -> (&str, &str) {
    member.split_once(at).unwrap_or((member, ""))
}

fn fits(key: &str) -> bool {
    let parts = key
        .split_once('@')
        .is_none_or(|(tenant, system)| tenant.len() <= TENANT_BYTES_MAX && system.len() <= SYSTEM_BYTES_MAX);
    key.len() <= KEY_BYTES_MAX && parts
}

fn well_formed(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let key_char = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/".contains(&b);
    let word = |word: &str, digit_first: bool| match word.as_bytes() {
        [first, rest @ ..] => {
            (first.is_ascii_lowercase() || digit_first && first.is_ascii_digit())
                && rest.iter().all(|&b| key_char(b))
        }
        [] => false,
    };
    let key_good = match key.split_once('@') {
        Some((tenant, system)) => word(tenant, true) && word(system, false),
        None => word(key, false),
    };
    let printable = |b: u8| (0x20..=0x7e).contains(&b) && b != b',' && b != b'=';
    let value_good = !value.is_empty() && value.len() <= VALUE_BYTES_MAX && !value.ends_with(' ');
    key_good && value_good && value.bytes().all(printable)
}

impl<'a> State<'a> {
    /// Reads the OpenTelemetry member; false if something in it is wrong.
    fn read_otel(&mut self, text: &'a str) -> bool {
        *self = State { others: std::mem::take(&mut self.others), ..State::default() };
        let value_char = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let good = |part: &str| {
            part.split_once(':').is_some_and(|(key, value)| {
                key.starts_with(|c: char| c.is_ascii_lowercase())
                    && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                    && value.bytes().all(value_char)
            })
        };
        if text.len() > OTEL_BYTES_MAX || !text.split(';').all(good) {
            return false;
        }
        let mut all_good = true;
        for (key, value) in text.split(';').map(|part| split(part, ':')) {
            match key {
                "rv" => {
                    let number =
                        (value.len() == DIGITS).then(|| u64::from_str_radix(value, 16).ok()).flatten();
                    all_good &= number.is_some();
                    self.randomness = number.map(|number| Number { value: number, digits: Some(value) });
                }
                "th" => {
                    let number =
                        (1..=DIGITS).contains(&value.len()).then(|| u64::from_str_radix(value, 16).ok());
                    let number = number.flatten().map(|number| number << (4 * (DIGITS - value.len())));
                    all_good &= number.is_some();
                    self.threshold = number.map(|number| Number { value: number, digits: Some(value) });
                }
                _ => self.others_of_otel.push((key, value)),
            }
        }
        all_good
    }

    /// As a header: the OpenTelemetry member first.
    pub(crate) fn write(&self, text: &mut String) {
        let otel = self.randomness.is_some() || self.threshold.is_some() || !self.others_of_otel.is_empty();
        if otel {
            text.push_str("ot");
        }
        // The first part of the member follows on `=`.
        let mut separator = "=";
        for (key, number, trim) in [("rv:", self.randomness, false), ("th:", self.threshold, true)] {
            if let Some(number) = number {
                text.push_str(std::mem::replace(&mut separator, ";"));
                text.push_str(key);
                number.write(text, trim);
            }
        }
        for (key, value) in &self.others_of_otel {
            for part in [std::mem::replace(&mut separator, ";"), key, ":", value] {
                text.push_str(part);
            }
        }
        let mut separator = if otel { "," } else { "" };
        for (key, value) in &self.others {
            for part in [std::mem::replace(&mut separator, ","), key, "=", value] {
                text.push_str(part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, written: &str, good: bool) {
        let parsed = parse(text);
        let mut again = String::new();
        parsed.state.write(&mut again);
        assert_eq!((again.as_str(), parsed.good), (written, good), "{text}");
    }

    #[test]
    fn the_otel_member_moves_to_the_front_and_the_rest_stays() {
        check("", "", true);
        check("a=1, ot=th:8;x:y;rv:0123456789abcd ,b@c=2", "ot=rv:0123456789abcd;th:8;x:y,a=1,b@c=2", true);
        check("a=1,,b=2", "a=1,b=2", true);
        check("ot=th:80", "ot=th:80", true);
        check("ot=a:", "ot=a:", true);
    }

    #[test]
    fn of_broken_states_what_can_be_read_is_kept() {
        check("ot=th:zz", "", false);
        check("ot=th:zz,a=1", "a=1", false);
        check("ot=rv:12;th:4", "ot=th:4", false);
        check("ot=th:4;", "", false);
        check("ot=;th:4", "", false);
        check("ot=th:123456789012345", "", false);
        check("A=1", "", false);
        check("a", "", false);
        check("a= ", "", false);
        check(&vec!["a=1"; 32].join(","), &vec!["a=1"; 31].join(","), false);
        check(&format!("a={}", "x".repeat(1100)), "", false);
    }

    #[test]
    fn thresholds_lose_trailing_zeros_and_randomness_does_not() {
        let check = |value, threshold: &str, randomness: &str| {
            let number = Some(Number::new(value));
            let mut text = String::new();
            State { threshold: number, randomness: number, ..State::default() }.write(&mut text);
            assert_eq!(text, format!("ot=rv:{randomness};th:{threshold}"));
        };
        check(0, "0", "00000000000000");
        check(1 << 55, "8", "80000000000000");
        check(0x10, "0000000000001", "00000000000010");
    }
}
