//! What this process may use: cores and memory, as its container limits them.

/// Cores, cgroup quotas included.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The container's memory limit in bytes, if it has one.
pub(crate) fn memory_limit_bytes() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).find_map(|text| parse_limit(&text))
}

/// `None` for "max" and for the huge number that version 1 prints when there is no limit.
fn parse_limit(text: &str) -> Option<u64> {
    const NO_LIMIT: u64 = 1 << 60;
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

/// A cache's size: what it would like, but at most a `share`th of the container's memory.
pub(crate) fn cache_bytes(wanted: u64, limit: Option<u64>, share: u64) -> u64 {
    limit.map_or(wanted, |limit| wanted.min(limit / share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_both_cgroup_versions_spell_them() {
        for (text, expect) in
            [("max\n", None), ("268435456\n", Some(1 << 28)), ("9223372036854771712", None), ("", None)]
        {
            assert_eq!(parse_limit(text), expect, "{text:?}");
        }
    }

    #[test]
    fn a_small_container_gets_small_caches() {
        assert_eq!(cache_bytes(64 << 20, Some(256 << 20), 8), 32 << 20);
        assert_eq!(cache_bytes(64 << 20, None, 8), 64 << 20);
    }
}
