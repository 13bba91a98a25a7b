//! Which blocks belong together: Tempo's time-window selection.
//!
//! Blocks of the last day are grouped by window, level and replication factor, older ones by window and
//! replication factor only; a group's blocks are taken in order of size, and only neighbours of one version
//! and set of dedicated columns become one.

use cadenza_block::meta::BlockMeta;
use std::sync::Arc;

/// Blocks whose window is this old are merged across levels from then on.
const ACTIVE_S: u64 = 24 * 3600;

/// Limits of one job.
#[derive(Debug, Clone)]
pub struct Selection {
    /// `compaction_window`, in seconds; at least one.
    pub window_s: u64,
    /// `min_input_blocks`.
    pub blocks_min: usize,
    /// `max_input_blocks`.
    pub blocks_max: usize,
    /// `max_compaction_objects`: traces of all inputs.
    pub objects_max: u64,
    /// `max_block_bytes`: bytes of all inputs.
    pub bytes_max: u64,
    /// `max_compaction_level`; 0 for none.
    pub level_max: u32,
}

/// Tempo's defaults.
impl Default for Selection {
    fn default() -> Self {
        Self {
            window_s: 3600,
            blocks_min: 2,
            blocks_max: 4,
            objects_max: 6_000_000,
            bytes_max: 100 << 30,
            level_max: 0,
        }
    }
}

/// The jobs that `blocks` call for at `now_s`, in the order in which they should run.
pub(super) fn select(blocks: &[Arc<BlockMeta>], limits: &Selection, now_s: u64) -> Vec<Vec<Arc<BlockMeta>>> {
    let window_s = limits.window_s.max(1);
    let window = |meta: &BlockMeta| meta.end_time.ns() / 1_000_000_000 / window_s;
    let current = now_s / window_s;
    let cut_over = now_s.saturating_sub(ACTIVE_S) / window_s;
    let key = |meta: &'_ Arc<BlockMeta>| -> (bool, u64, u64, u32, u32) {
        let age = current.saturating_sub(window(meta));
        let level = u64::from(meta.compaction_level);
        if window(meta) >= cut_over {
            (false, level, age, meta.replication_factor, 0)
        } else {
            (true, age, 0, meta.replication_factor, meta.compaction_level)
        }
    };
    let mut sorted: Vec<&Arc<BlockMeta>> = blocks
        .iter()
        .filter(|meta| limits.level_max == 0 || meta.compaction_level < limits.level_max)
        // Between the two regimes: left alone until it is clearly old.
        .filter(|meta| window(meta) != cut_over)
        .collect();
    let full = |meta: &&Arc<BlockMeta>| -> (bool, u64, u64, u32, u32, u64, String, String, uuid::Uuid) {
        let (old, a, b, factor, order) = key(meta);
        let columns = format!("{:?}", meta.dedicated_columns);
        (old, a, b, factor, order, meta.total_objects, meta.format.clone(), columns, meta.block_id)
    };
    sorted.sort_by_cached_key(full);
    let group = |meta: &Arc<BlockMeta>| {
        let (old, a, b, factor, _) = key(meta);
        (old, a, b, factor)
    };
    let mut jobs = Vec::new();
    let mut at = 0;
    while at < sorted.len() {
        let first = sorted[at];
        let (mut objects, mut bytes, mut count) = (first.total_objects, first.size, 1);
        for next in &sorted[at + 1..] {
            let alike = group(next) == group(first)
                && next.format == first.format
                && next.dedicated_columns == first.dedicated_columns;
            objects += next.total_objects;
            bytes += next.size;
            let fits =
                count < limits.blocks_max && objects <= limits.objects_max && bytes <= limits.bytes_max;
            if !alike || !fits {
                break;
            }
            count += 1;
        }
        if count >= limits.blocks_min.max(2) {
            jobs.push(sorted[at..at + count].iter().map(|meta| Arc::clone(meta)).collect());
        }
        at += count;
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadenza_block::meta::Time;
    use uuid::Uuid;

    const HOUR: u64 = 3600;
    /// A Monday noon.
    const NOW: u64 = 1_790_000_000 / HOUR * HOUR + 1800;

    fn block(number: u128, age_h: u64, level: u32, objects: u64) -> BlockMeta {
        let json =
            format!(r#"{{"format":"vParquet4","blockID":"{}","tenantID":"t"}}"#, Uuid::from_u128(number));
        let meta = BlockMeta::parse(json.as_bytes()).expect("a meta");
        BlockMeta {
            end_time: Time::from_ns((NOW - age_h * HOUR) * 1_000_000_000),
            total_objects: objects,
            size: objects * 1000,
            compaction_level: level,
            replication_factor: 1,
            ..meta
        }
    }

    fn check(blocks: &[BlockMeta], limits: &Selection, expect: &[&[u128]]) {
        let blocks: Vec<Arc<BlockMeta>> = blocks.iter().cloned().map(Arc::new).collect();
        let jobs = select(&blocks, limits, NOW);
        let found: Vec<Vec<u128>> =
            jobs.iter().map(|job| job.iter().map(|meta| meta.block_id.as_u128()).collect()).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn young_blocks_of_one_window_and_level_belong_together() {
        let limits = Selection::default();
        check(&[block(1, 0, 0, 10), block(2, 0, 0, 5), block(3, 1, 0, 5)], &limits, &[&[2, 1]]);
        check(&[block(1, 0, 0, 10), block(2, 0, 1, 5), block(3, 0, 1, 7)], &limits, &[&[2, 3]]);
        check(&[block(1, 0, 0, 10)], &limits, &[]);
    }

    #[test]
    fn lower_levels_and_newer_windows_come_first() {
        let blocks = [
            block(1, 5, 1, 1),
            block(2, 5, 1, 1),
            block(3, 3, 0, 1),
            block(4, 3, 0, 1),
            block(5, 0, 0, 1),
            block(6, 0, 0, 1),
            block(7, 40, 0, 1),
            block(8, 40, 3, 1),
        ];
        check(&blocks, &Selection::default(), &[&[5, 6], &[3, 4], &[1, 2], &[7, 8]]);
    }

    #[test]
    fn the_window_a_day_back_is_left_alone() {
        check(&[block(1, 24, 0, 1), block(2, 24, 0, 1)], &Selection::default(), &[]);
        check(&[block(1, 25, 0, 1), block(2, 25, 5, 1)], &Selection::default(), &[&[1, 2]]);
    }

    #[test]
    fn a_job_has_no_more_than_its_limits() {
        let many: Vec<BlockMeta> = (1..=10).map(|number| block(number, 0, 0, 100)).collect();
        let limits = Selection::default();
        check(&many, &limits, &[&[1, 2, 3, 4], &[5, 6, 7, 8], &[9, 10]]);
        check(&many[..5], &limits, &[&[1, 2, 3, 4]]);
        check(
            &many,
            &Selection { objects_max: 250, ..limits.clone() },
            &[&[1, 2], &[3, 4], &[5, 6], &[7, 8], &[9, 10]],
        );
        check(&many[..4], &Selection { bytes_max: 199_999, ..limits.clone() }, &[]);
        check(&many[..4], &Selection { blocks_min: 5, ..limits.clone() }, &[]);
        check(&many[..4], &Selection { level_max: 1, ..limits.clone() }, &[&[1, 2, 3, 4]]);
        check(&[block(1, 0, 1, 1), block(2, 0, 1, 1)], &Selection { level_max: 1, ..limits }, &[]);
    }

    #[test]
    fn versions_columns_and_replication_factors_are_not_mixed() {
        let other = |change: &dyn Fn(&mut BlockMeta)| {
            let mut meta = block(2, 0, 0, 1);
            change(&mut meta);
            check(&[block(1, 0, 0, 1), meta], &Selection::default(), &[]);
        };
        other(&|meta| meta.format = "vParquet5".to_owned());
        other(&|meta| meta.replication_factor = 3);
        other(&|meta| meta.dedicated_columns = cadenza_block::meta::dedicated_default());
    }
}
