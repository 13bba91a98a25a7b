//! Paths with ids become patterns: `/users/fdklsd/23993` is `/users/*/*`.
//!
//! The same words are taken for ids as the Collector takes, whose sanitizer is clusterurl 0.2.1 (Apache-2.0, Grafana
//! Labs; its model from gibberish detection by Rob Renaud, MIT): letters that rarely follow each other, digits, and
//! anything else that is no word.

/// Longer paths are cut here.
const SEGMENTS_MAX: u32 = 10;
/// Mean probability of the transitions between a word's letters, below which it is none.
const LIKELY: f64 = 0.015_099_318_064_947_853;
/// Letters and the space.
const LETTERS: usize = 27;
/// Natural logarithms of the probability that one letter follows another: rows of f64, little-endian.
static TRANSITIONS: &[u8; LETTERS * LETTERS * 8] = include_bytes!("letters.f64");

/// Replaces ids in a path, and cuts off query and fragment.
pub(crate) fn sanitize(path: &str) -> String {
    let mut out = path.as_bytes().to_vec();
    // What is done, and where the current segment ends so far; both trail the byte that is looked at.
    let (mut done, mut end) = (0, 0);
    let (mut is_id, mut one_odd_char_allowed) = (false, true);
    let mut segments = 0;
    let mut cut = out.len();
    for &byte in path.as_bytes() {
        if matches!(byte, b'?' | b'&' | b'#') {
            if is_id && done < out.len() {
                out[done] = b'*';
                done += 1;
            } else if !is_id {
                done = done.max(end);
            }
            cut = done;
            break;
        }
        if byte == b'/' {
            segments += 1;
            if is_id {
                out[done] = b'*';
                done += 1;
            } else if end > done {
                done = close(&mut out, done, end);
            }
            if segments >= SEGMENTS_MAX {
                break;
            }
            out[done] = b'/';
            done += 1;
            end = done;
            is_id = false;
            one_odd_char_allowed = true;
        } else if !is_id {
            out[end] = byte;
            end += 1;
            if !byte.is_ascii_alphabetic() && !b"-_. ".contains(&byte) {
                // Versions such as `v1`: one odd character, in the second place.
                if one_odd_char_allowed && end - done == 2 {
                    one_odd_char_allowed = false;
                } else {
                    is_id = true;
                }
            }
        }
    }
    if is_id {
        if done < cut {
            out[done] = b'*';
            done += 1;
        }
    } else if end > done && cut > done {
        done = close(&mut out, done, end);
    }
    out.truncate(done);
    String::from_utf8_lossy(&out).into_owned()
}

/// Ends a segment: a word stays, anything else becomes `*`. Gives where the next one begins.
fn close(out: &mut [u8], start: usize, end: usize) -> usize {
    if is_word(&out[start..end]) {
        return end;
    }
    out[start] = b'*';
    start + 1
}

fn is_word(segment: &[u8]) -> bool {
    let place = |byte: &u8| match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(usize::from(letter - b'a')),
        b' ' => Some(LETTERS - 1),
        _ => None,
    };
    let (mut sum, mut count, mut last) = (0.0, 0_u32, None);
    for now in segment.iter().filter_map(place) {
        if let Some(last) = last {
            sum += transition(last, now);
            count += 1;
        }
        last = Some(now);
    }
    (sum / f64::from(count.max(1))).exp() > LIKELY
}

fn transition(from: usize, to: usize) -> f64 {
    let (values, _) = TRANSITIONS.as_chunks::<8>();
    f64::from_le_bytes(values[from * LETTERS + to])
}

/// Whether nothing of a path is left but `*`.
pub(crate) fn all_ids(path: &str) -> bool {
    path.contains('*') && path.split('/').all(|segment| segment.is_empty() || segment == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_out_as_the_collectors_sanitizer_gives_them() {
        crate::tests::compare("url", sanitize);
    }
}
