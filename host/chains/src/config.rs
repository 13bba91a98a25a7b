//! What an operator can set, in plain types; the binary maps the configuration onto it.

use cadenza_model::TraceId;
use cadenza_transform::OnFailure;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of all chains.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where sources that are paths lie, and where uploads are kept.
    pub dir: Option<PathBuf>,
    /// Largest component.
    pub component_bytes_max: u64,
    /// How often files and specifications are looked at.
    pub reload_interval: Duration,
    /// Batches of a tenant in its chain at once; more are refused with a delay. One tenant must not hold all
    /// threads for blocking work.
    pub tenant_batches_max: usize,
}

/// Half of the threads for blocking work.
const TENANT_BATCHES_MAX: usize = 32;
/// The largest plugin language makes 18 MB.
const COMPONENT_BYTES_MAX: u64 = 32 << 20;

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: None,
            component_bytes_max: COMPONENT_BYTES_MAX,
            reload_interval: Duration::from_secs(1),
            tenant_batches_max: TENANT_BATCHES_MAX,
        }
    }
}

/// One plugin of a chain, as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In metrics, status and errors; once per chain.
    pub name: String,
    /// Where its component comes from.
    pub source: Source,
    /// Its configuration; secrets are still `${secret:NAME}`.
    pub config_json: String,
    /// What happens with spans it fails on; `None` leaves it to the plugin.
    pub on_failure: Option<OnFailure>,
    /// On which spans it works, and whether what it does to them stays.
    pub mode: Mode,
}

/// How an entry works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// On all spans.
    #[default]
    Enforce,
    /// On copies: what it does is counted and thrown away. It can hold up nothing.
    Shadow,
    /// On some traces.
    Canary(Share),
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Enforce => f.write_str("enforce"),
            Self::Shadow => f.write_str("shadow"),
            Self::Canary(share) => write!(f, "canary {} %", f64::from(share.0) / 100.0),
        }
    }
}

/// Some of all traces, in parts of ten thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u16);

/// Hundredths of a percent in the whole.
const WHOLE: u16 = 10_000;

impl Share {
    /// So many hundredths of a percent.
    pub fn hundredths(hundredths: u16) -> Self {
        Self(hundredths.min(WHOLE))
    }

    /// True for the traces of the share. A larger share has those of a smaller one, on every server and in every
    /// version. Samplers take other bits of a trace id, or hash it otherwise: what they keep does not go by this.
    pub fn has(self, trace: TraceId) -> bool {
        let id = u128::from_be_bytes(trace.0);
        // SplitMix64, over both halves.
        let mut x = (id as u64) ^ ((id >> 64) as u64).rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % u64::from(WHOLE) < u64::from(self.0)
    }
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Embedded in the server.
    Builtin(String),
    /// Below [`Config::dir`].
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_that_of_all_traces_and_a_larger_one_has_those_of_a_smaller() {
        let traces: Vec<_> = (1..=20_000_u128).map(|id| TraceId(id.to_be_bytes())).collect();
        let mut before = vec![false; traces.len()];
        for percent in [0.01, 1.0, 10.0, 50.0, 100.0] {
            let share = Share::hundredths((percent * 100.0) as u16);
            let now: Vec<_> = traces.iter().map(|&trace| share.has(trace)).collect();
            let found = now.iter().filter(|has| **has).count() as f64 / traces.len() as f64 * 100.0;
            assert!((found - percent).abs() < 1.0, "{found} of {percent} %");
            assert!(before.iter().zip(&now).all(|(before, now)| !before || *now));
            before = now;
        }
        // Another server, another version: the same traces.
        let share = Share::hundredths(5000);
        let first: String =
            traces.iter().take(16).map(|&trace| if share.has(trace) { 'x' } else { '-' }).collect();
        assert_eq!(first, "x-xxx-x-xxxx-x-x");
    }

    #[test]
    fn modes_are_shown_as_they_are_written() {
        let canary = Mode::Canary(Share::hundredths(1250));
        let shown = [Mode::Enforce, Mode::Shadow, canary].map(|mode| mode.to_string());
        assert_eq!(shown, ["enforce", "shadow", "canary 12.5 %"]);
    }
}
