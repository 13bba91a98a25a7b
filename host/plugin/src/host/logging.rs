//! Lines of guests in the server's log: few, short, and without their text unless that is allowed.

use crate::bindings::cadenza::plugin::log::Level;
use parking_lot::Mutex;
use prometheus::IntCounter;
use std::time::Duration;

/// Lines at once.
const BURST: u32 = 20;
/// One more line after this.
const REFILL: Duration = Duration::from_millis(100);
/// Bytes of a line; longer ones are cut.
const LINE_BYTES_MAX: usize = 512;

/// Lets some lines through, for all instances of a tenant's plugin.
pub(crate) struct LogGate {
    text: bool,
    lines: Option<IntCounter>,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    lines: u32,
    refilled: Duration,
    suppressed: u64,
}

impl LogGate {
    pub(crate) fn new(text: bool, lines: Option<IntCounter>) -> Self {
        let bucket = Bucket { lines: BURST, refilled: Duration::ZERO, suppressed: 0 };
        Self { text, lines, bucket: Mutex::new(bucket) }
    }

    /// Takes a line; gives how many have been left out before it, or nothing if it is left out too.
    fn admit(&self, now: Duration) -> Option<u64> {
        let mut bucket = self.bucket.lock();
        let earned = now.saturating_sub(bucket.refilled).as_millis() / REFILL.as_millis();
        if earned > 0 {
            bucket.lines = bucket.lines.saturating_add(u32::try_from(earned).unwrap_or(BURST)).min(BURST);
            bucket.refilled = now;
        }
        match bucket.lines.checked_sub(1) {
            Some(left) => {
                bucket.lines = left;
                Some(std::mem::take(&mut bucket.suppressed))
            }
            None => {
                bucket.suppressed += 1;
                None
            }
        }
    }

    /// Writes a line, if it is let through.
    pub(crate) fn write(&self, tenant: &str, plugin: &str, level: Level, message: &str, now: Duration) {
        self.lines.iter().for_each(|lines| lines.inc());
        let Some(suppressed) = self.admit(now) else { return };
        let bytes = message.len();
        let text = if self.text { cut(message) } else { String::new() };
        match level {
            Level::Debug => tracing::debug!(tenant, plugin, bytes, suppressed, text, "plugin log"),
            Level::Info => tracing::info!(tenant, plugin, bytes, suppressed, text, "plugin log"),
            Level::Warn => tracing::warn!(tenant, plugin, bytes, suppressed, text, "plugin log"),
            Level::Error => tracing::error!(tenant, plugin, bytes, suppressed, text, "plugin log"),
        }
    }

    /// True if guests' text may be written.
    pub(crate) fn shows_text(&self) -> bool {
        self.text
    }
}

/// The beginning of a line, without characters that could pretend to be another one.
pub(crate) fn cut(message: &str) -> String {
    let mut text = String::new();
    for c in message.chars() {
        if text.len() + c.len_utf8() > LINE_BYTES_MAX {
            text.push('…');
            break;
        }
        text.push(if c.is_control() { ' ' } else { c });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_held_back_and_counted() {
        let gate = LogGate::new(false, None);
        let admitted = (0..1000).filter(|_| gate.admit(Duration::from_secs(5)).is_some()).count();
        assert_eq!(admitted, BURST as usize);
        assert_eq!(gate.admit(Duration::from_secs(6)), Some(1000 - u64::from(BURST)));
        assert_eq!(gate.admit(Duration::from_secs(6)), Some(0));
    }

    #[test]
    fn lines_are_cut_and_stay_one_line() {
        assert_eq!(cut("a\nb"), "a b");
        assert_eq!(cut(&"é".repeat(1000)).len(), LINE_BYTES_MAX + '…'.len_utf8());
    }
}
