//! Well-known masks by hand: a regular expression engine costs several times as much.
//!
//! Each finder gives the next match at or after `from` as a range of bytes; matches are ASCII, so they
//! never cut a character. Each looks at a byte a bounded number of times.

use crate::plan::WellKnown;
use memchr::memchr;
use std::ops::Range;

/// Fewest digits of a card number.
const CARD_DIGITS_MIN: usize = 13;
/// Most digits of a card number.
const CARD_DIGITS_MAX: usize = 19;
/// Shortest run that `digits` finds.
const RUN_DIGITS_MIN: usize = 6;

/// The next match in `text` at or after `from`.
pub(crate) fn find(known: WellKnown, text: &[u8], from: usize) -> Option<Range<usize>> {
    match known {
        WellKnown::CardNumber => card(text, from),
        WellKnown::Email => email(text, from),
        WellKnown::Digits => digits(text, from),
        WellKnown::Ipv4 => ipv4(text, from),
        WellKnown::Credentials => credentials(text, from),
    }
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

fn digits(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    // A run that begins before `from` belongs to a match before.
    while at + RUN_DIGITS_MIN <= text.len() {
        // No run covers this byte, so none can start at or before it.
        if let Some(gap) = (at..at + RUN_DIGITS_MIN).rev().find(|&i| !text[i].is_ascii_digit()) {
            at = gap + 1;
            continue;
        }
        let end = text[at..].iter().position(|b| !b.is_ascii_digit()).map_or(text.len(), |len| at + len);
        return Some(at..end);
    }
    None
}

/// Groups of digits joined by single spaces or dashes: a number starts and ends with a group.
fn card(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut start = from;
    while start + CARD_DIGITS_MIN <= text.len() {
        let first = start + text[start..].iter().position(u8::is_ascii_digit)?;
        if let Some(end) = card_end(text, first) {
            return Some(first..end);
        }
        // On to the next group.
        start = first + text[first..].iter().position(|b| !b.is_ascii_digit())?;
    }
    None
}

/// Where the longest card number that starts at `first` ends.
fn card_end(text: &[u8], first: usize) -> Option<usize> {
    let mut digits = [0u8; CARD_DIGITS_MAX];
    let (mut count, mut at, mut end) = (0, first, None);
    while let Some(&byte) = text.get(at) {
        if byte.is_ascii_digit() {
            if count == CARD_DIGITS_MAX {
                break;
            }
            digits[count] = byte - b'0';
            count += 1;
            at += 1;
            if count >= CARD_DIGITS_MIN && !is_digit(text, at) && luhn(&digits[..count]) {
                end = Some(at);
            }
        } else if matches!(byte, b' ' | b'-') && is_digit(text, at + 1) {
            at += 1;
        } else {
            break;
        }
    }
    end
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &digit)| {
            let twice = u32::from(digit) * 2;
            match i % 2 {
                0 => u32::from(digit),
                _ if twice > 9 => twice - 9,
                _ => twice,
            }
        })
        .sum();
    // All zeros pass the check and are no card.
    sum > 0 && sum.is_multiple_of(10)
}

fn email(text: &[u8], from: usize) -> Option<Range<usize>> {
    let local = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-');
    // What was looked at for an earlier `@` is not looked at again.
    let (mut floor, mut at) = (from, from);
    while let Some(found) = memchr(b'@', text.get(at..)?) {
        let sign = at + found;
        let start = floor + text[floor..sign].iter().rposition(|b| !local(b)).map_or(0, |i| i + 1);
        if start < sign
            && let Some(end) = domain_end(text, sign + 1)
        {
            return Some(start..end);
        }
        at = sign + 1;
        floor = at;
    }
    None
}

/// The longest `labels.letters` that starts at `start`.
fn domain_end(text: &[u8], start: usize) -> Option<usize> {
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let domain = &text[start..];
    let domain = &domain[..domain.iter().position(|b| !part(b)).unwrap_or(domain.len())];
    let mut end = domain.len();
    while let Some(dot) = domain[..end].iter().rposition(|&b| b == b'.') {
        let label = &domain[dot + 1..end];
        let letters = label.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(label.len());
        if letters >= 2 && dot > 0 {
            return Some(start + dot + 1 + letters);
        }
        end = dot;
    }
    None
}

fn ipv4(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    while let Some(dot) = memchr(b'.', text.get(at..)?) {
        let dot = at + dot;
        // At most three digits before the first dot, and nothing that would make them part of more.
        let mut start = dot;
        while start > from && dot - start < 4 && is_digit(text, start - 1) {
            start -= 1;
        }
        let free = start == 0 || !(text[start - 1].is_ascii_digit() || text[start - 1] == b'.');
        if free && let Some(end) = ipv4_end(text, start) {
            return Some(start..end);
        }
        at = dot + 1;
    }
    None
}

fn ipv4_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for part in 0..4 {
        if part > 0 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let (mut value, mut len) = (0u32, 0);
        while len < 3 && is_digit(text, at) {
            value = value * 10 + u32::from(text[at] - b'0');
            at += 1;
            len += 1;
        }
        if len == 0 || value > 255 || is_digit(text, at) {
            return None;
        }
    }
    let longer = text.get(at) == Some(&b'.') && is_digit(text, at + 1);
    (!longer).then_some(at)
}

/// What follows `Bearer ` or `Basic `, of whatever case.
fn credentials(text: &[u8], from: usize) -> Option<Range<usize>> {
    let token = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'-' | b':')
    };
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'b', b'B', text.get(at..)?) {
        let word = at + found;
        at = word + 1;
        if word > 0 && text[word - 1].is_ascii_alphanumeric() {
            continue;
        }
        let scheme = [b"bearer".as_slice(), b"basic"]
            .into_iter()
            .find(|s| text.get(word..word + s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)));
        let Some(scheme) = scheme else { continue };
        let rest = &text[word + scheme.len()..];
        let spaces = rest.iter().position(|&b| b != b' ').unwrap_or(rest.len());
        let len = rest[spaces..].iter().position(|b| !token(b)).unwrap_or(rest.len() - spaces);
        if spaces > 0 && len > 0 {
            let start = word + scheme.len() + spaces;
            return Some(start..start + len);
        }
        at = word + scheme.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(known: WellKnown, text: &str) -> String {
        let (mut out, mut at) = (String::new(), 0);
        while let Some(hit) = find(known, text.as_bytes(), at) {
            assert!(hit.start >= at && hit.end > hit.start, "{text}: {hit:?} after {at}");
            out.push_str(&text[at..hit.start]);
            out.push('#');
            at = hit.end;
        }
        out + &text[at..]
    }

    #[test]
    fn well_known_masks_find_what_they_name() {
        let check = |known, cases: &[(&str, &str)]| {
            for (text, expect) in cases {
                assert_eq!(masked(known, text), *expect, "{known:?} in {text}");
            }
        };
        check(
            WellKnown::CardNumber,
            &[
                ("pay 4111 1111 1111 1111 now", "pay # now"),
                ("4111111111111111", "#"),
                ("4111111111111112", "4111111111111112"),
                ("2024-01-02 4111-1111-1111-1111", "2024-01-02 #"),
                ("x4111111111111111", "x#"),
                ("94111111111111111", "94111111111111111"),
                ("0000000000000000", "0000000000000000"),
                ("4111 1111 1111 1111 5500 0000 0000 0004", "# #"),
                ("4111  1111 1111 1111", "4111  1111 1111 1111"),
                ("378282246310005,30569309025904", "#,#"),
                ("", ""),
            ],
        );
        check(
            WellKnown::Email,
            &[
                ("user@example.com", "#"),
                ("to a.b+c@x-y.co.uk, é", "to #, é"),
                ("a@b", "a@b"),
                ("@x.com a@@y.org", "@x.com a@@y.org"),
                ("a@b.c@d.org", "a@#"),
                ("user@example.com.12", "#.12"),
            ],
        );
        check(
            WellKnown::Digits,
            &[("id 123456, 12345", "id #, 12345"), ("1234567890x123456", "#x#"), ("é999999é", "é#é")],
        );
        check(
            WellKnown::Ipv4,
            &[
                ("10.1.2.3:80", "#:80"),
                ("256.1.1.1", "256.1.1.1"),
                ("1.2.3.4.5", "1.2.3.4.5"),
                ("a 1.2.3.4.", "a #."),
                ("01234.1.1.1", "01234.1.1.1"),
            ],
        );
        check(
            WellKnown::Credentials,
            &[
                ("pay Bearer abc.def now", "pay Bearer # now"),
                ("BASIC dXNlcjpw", "BASIC #"),
                ("forbearer x", "forbearer x"),
                ("bearer", "bearer"),
            ],
        );
    }
}
