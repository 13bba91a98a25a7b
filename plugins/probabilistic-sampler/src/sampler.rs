//! Decisions.

use crate::tracestate::{NEVER, Number, Parsed, State};
use cadenza_plugin_sdk::batch::Value;
use serde::Deserialize;

/// The smallest share: one in 2^56.
pub(crate) const RATIO_MIN: f64 = 1.0 / NEVER as f64;
const ALWAYS: u64 = 0;
/// Randomness that every threshold but [`NEVER`] keeps.
const KEPT_BY_ALL: u64 = NEVER - 1;
/// The hash decides with this many bits.
const BUCKETS_LOG2: u32 = 14;
const BUCKETS: u32 = 1 << BUCKETS_LOG2;
const HEX_DIGITS: i32 = 14;

/// How a sampler decides.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    #[serde(alias = "")]
    HashSeed,
    Proportional,
    Equalizing,
}

/// What `sampling.priority` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Priority {
    Defer,
    Keep,
    Drop,
}

pub(crate) struct Settings {
    pub(crate) percentage: f32,
    pub(crate) seed: u32,
    pub(crate) mode: Mode,
    pub(crate) fail_closed: bool,
    pub(crate) precision: i32,
}

enum Kind {
    /// Keeps only what `sampling.priority` says.
    Never,
    Hash {
        seed: u32,
        threshold: u64,
    },
    Proportional {
        ratio: f64,
        precision: i32,
    },
    Equalizing {
        threshold: u64,
    },
}

pub(crate) struct Sampler {
    kind: Kind,
    fail_closed: bool,
}

/// What happens to a span; kept ones get the tracestate, if there is one.
pub(crate) struct Decision<'a> {
    pub(crate) kept: bool,
    pub(crate) state: Option<State<'a>>,
}

/// What is known of a span before the decision.
struct Arrival {
    randomness: Option<u64>,
    /// It keeps its tracestate if it is sampled.
    has_state: bool,
    /// All is as it should be.
    good: bool,
}

impl Priority {
    pub(crate) fn of(value: Value<'_>) -> Self {
        let number = match value {
            Value::Int(value) => value as f64,
            Value::Double(value) => value,
            Value::Text(text) => match text.parse::<f64>() {
                // Out of range is no number here, while "inf" is one.
                Ok(value) if value.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) => {
                    return Self::Defer;
                }
                Ok(value) => value,
                Err(_) => return Self::Defer,
            },
            Value::Boolean(_) | Value::Bytes(_) | Value::Present => return Self::Defer,
        };
        if number == 0.0 {
            Self::Drop
        } else if number > 0.0 {
            Self::Keep
        } else {
            Self::Defer
        }
    }
}

impl Sampler {
    pub(crate) fn new(settings: &Settings) -> Self {
        let percentage = settings.percentage.min(100.0);
        let ratio = (f64::from(percentage) / 100.0).max(RATIO_MIN);
        let kind = match settings.mode {
            _ if percentage == 0.0 => Kind::Never,
            Mode::Proportional => Kind::Proportional { ratio, precision: settings.precision },
            Mode::Equalizing => Kind::Equalizing { threshold: threshold(ratio, settings.precision) },
            Mode::HashSeed => match (percentage * (BUCKETS as f32 / 100.0)) as u32 {
                0 => Kind::Never,
                kept => Kind::Hash { seed: settings.seed, threshold: u64::from(BUCKETS - kept) << 42 },
            },
        };
        Self { kind, fail_closed: settings.fail_closed }
    }

    pub(crate) fn decide<'a>(
        &self,
        trace_id: &[u8; 16],
        parsed: &Parsed<'a>,
        priority: Priority,
    ) -> Decision<'a> {
        let Arrival { randomness, has_state, mut good } = self.arrival(trace_id, parsed);
        let randomness = randomness.unwrap_or_else(|| {
            good &= matches!(self.kind, Kind::Never);
            KEPT_BY_ALL
        });
        let mut arrived = parsed.state.threshold.filter(|_| has_state).map(|threshold| threshold.value);
        // The span should not have arrived: what it says of itself is not true.
        let is_untrue = good && arrived.is_some_and(|threshold| threshold > randomness);
        if is_untrue {
            arrived = None;
            good = false;
        }
        let threshold = match priority {
            Priority::Drop => NEVER,
            Priority::Keep => ALWAYS,
            Priority::Defer if good => self.threshold(arrived),
            Priority::Defer if self.fail_closed => NEVER,
            Priority::Defer => ALWAYS,
        };
        let kept = threshold <= randomness;
        // Most spans need no state: it is made for those that are kept.
        let state = (kept && has_state).then(|| {
            let mut state = parsed.state.clone();
            if matches!(self.kind, Kind::Hash { .. }) {
                state.randomness = Some(Number::new(randomness));
            }
            if is_untrue {
                state.threshold = None;
            }
            // A probability never rises.
            if state.threshold.as_ref().is_none_or(|old| old.value <= threshold) {
                state.threshold = Some(Number::new(threshold));
            }
            state
        });
        Decision { kept, state }
    }

    fn arrival(&self, trace_id: &[u8; 16], parsed: &Parsed<'_>) -> Arrival {
        let has_id = *trace_id != [0; 16];
        match self.kind {
            Kind::Never => Arrival { randomness: None, has_state: true, good: parsed.good },
            Kind::Hash { seed, .. } => {
                let hashed = has_id.then(|| hash_randomness(seed, trace_id));
                let in_use = parsed.state.randomness.is_some() || parsed.state.threshold.is_some();
                let good = parsed.good && !in_use;
                Arrival { randomness: hashed, has_state: good, good }
            }
            Kind::Proportional { .. } | Kind::Equalizing { .. } if !parsed.good => {
                Arrival { randomness: None, has_state: false, good: false }
            }
            Kind::Proportional { .. } | Kind::Equalizing { .. } => {
                let of_id = || {
                    let [.., a, b, c, d, e, f, g] = *trace_id;
                    has_id.then_some(u64::from_be_bytes([0, a, b, c, d, e, f, g]))
                };
                let randomness = parsed.state.randomness.map(|number| number.value).or_else(of_id);
                Arrival { randomness, has_state: true, good: true }
            }
        }
    }

    /// The threshold of a span that arrived with one.
    fn threshold(&self, arrived: Option<u64>) -> u64 {
        match self.kind {
            Kind::Never => NEVER,
            Kind::Hash { threshold, .. } => threshold,
            Kind::Equalizing { threshold } => threshold.max(arrived.unwrap_or_default()),
            Kind::Proportional { ratio, precision } => {
                let incoming = arrived.map_or(1.0, |arrived| (NEVER - arrived) as f64 / NEVER as f64);
                let product = incoming * ratio;
                if product < RATIO_MIN { NEVER } else { threshold(product, precision) }
            }
        }
    }
}

/// The threshold of a share, with that many hex digits after leading zeros or `f`s.
fn threshold(ratio: f64, precision: i32) -> u64 {
    if ratio >= 1.0 {
        return ALWAYS;
    }
    let leading = |share: f64| exponent(share) / -4;
    let digits = HEX_DIGITS.min((precision + leading(ratio)).max(precision + leading(1.0 - ratio)));
    let threshold = NEVER - (ratio * NEVER as f64).round() as u64;
    match 4 * (HEX_DIGITS - digits) {
        0 => threshold,
        shift => ((threshold + (1 << (shift - 1))) >> shift) << shift,
    }
}

/// `e` of `value = m * 2^e` with `m` from one half to one; for normal numbers.
fn exponent(value: f64) -> i32 {
    ((value.to_bits() >> 52) & 0x7ff) as i32 - 1022
}

/// FNV-1a of seed and trace id, spread over 56 bits so that its 14 deciding ones lead.
fn hash_randomness(seed: u32, trace_id: &[u8; 16]) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(*trace_id);
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let bucket = u64::from(hash & (BUCKETS - 1));
    // The Collector keeps low buckets, a threshold high randomness.
    let turned = u64::from(BUCKETS - 1) - bucket;
    let unused = u64::from(hash >> (32 - BUCKETS_LOG2));
    let mixed = unused ^ (unused << 10);
    (turned << 42) | (mixed << 14) | bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_keep_precision_near_the_ends() {
        let check = |ratio: f64, precision, expect: u64| {
            assert_eq!(format!("{:014x}", threshold(ratio, precision)), format!("{expect:014x}"), "{ratio}");
        };
        check(1.0, 4, 0);
        check(0.5, 4, 0x80_0000_0000_0000);
        check(0.1, 4, 0xe6_6600_0000_0000);
        check(0.01, 4, 0xfd_70a0_0000_0000);
        check(0.333, 2, 0xab_0000_0000_0000);
    }

    #[test]
    fn priorities_are_numbers_of_any_type() {
        let check = |value, expect| assert_eq!(Priority::of(value), expect, "{value:?}");
        check(Value::Int(0), Priority::Drop);
        check(Value::Int(-1), Priority::Defer);
        check(Value::Double(0.5), Priority::Keep);
        check(Value::Double(f64::NAN), Priority::Defer);
        check(Value::Text("0"), Priority::Drop);
        check(Value::Text("1e3"), Priority::Keep);
        check(Value::Text("inf"), Priority::Keep);
        check(Value::Text("1e999"), Priority::Defer);
        check(Value::Text("high"), Priority::Defer);
        check(Value::Boolean(true), Priority::Defer);
    }
}
