//! `compactor` of 2.x; `backend_scheduler` and `backend_worker` of 3.0.

use super::shared::{BACKOFF, GRPC_CLIENT, RING};
use super::{Key, boolean, count, duration, int, section, text};

static COMPACTION: &[Key] = &[
    duration("block_retention", "336h").used(),
    duration("compacted_block_retention", "1h").used(),
    duration("compaction_window", "1h").used(),
    count("max_block_bytes", "107374182400").used(),
    count("max_compaction_objects", "6000000").used(),
    int("retention_concurrency", "10"),
    duration("max_time_per_tenant", "5m").used(),
    duration("compaction_cycle", "30s").used(),
    count("v2_in_buffer_bytes", "5242880"),
    count("v2_out_buffer_bytes", "20971520"),
    int("v2_prefetch_traces_count", "1000"),
    count("chunk_size_bytes", "5242880"),
    count("flush_size_bytes", "20971520"),
    int("iterator_buffer_size", "1000"),
];

pub(super) static COMPACTOR: &[Key] = &[
    boolean("disabled", "false").used(),
    // Ours.
    boolean("dry_run", "false").used(),
    section("ring", RING),
    section("compaction", COMPACTION).used(),
    text("override_ring_key", "compactor"),
];

pub(super) static SCHEDULER: &[Key] = &[
    section(
        "work",
        &[duration("prune_age", "1h"), duration("dead_job_timeout", "24h"), text("local_work_path", "")],
    ),
    duration("maintenance_interval", "1m"),
    duration("backend_flush_interval", "1m"),
    duration("job_timeout", "15s"),
    text("local_work_path", "/var/tempo"),
    section(
        "provider",
        &[
            section("retention", &[duration("interval", "1h").used()]).used(),
            section(
                "compaction",
                &[
                    duration("measure_interval", "1m"),
                    section("compaction", COMPACTION).used(),
                    int("max_jobs_per_tenant", "1000"),
                    count("min_input_blocks", "2").used(),
                    count("max_input_blocks", "4").used(),
                    count("max_compaction_level", "0").used(),
                    duration("min_cycle_interval", "30s").used(),
                    section("backoff", BACKOFF),
                    int("buffer_size", "0"),
                ],
            ),
            section(
                "redaction",
                &[
                    duration("poll_interval", "2s"),
                    duration("rescan_delay", "5m"),
                    int("max_rescan_generations", "5"),
                ],
            ),
        ],
    ),
];

pub(super) static SCHEDULER_CLIENT: &[Key] = &[section("grpc_client_config", GRPC_CLIENT)];

pub(super) static WORKER: &[Key] = &[
    text("backend_scheduler_addr", ""),
    section("backoff", BACKOFF),
    section("compaction", COMPACTION).used(),
    text("override_ring_key", "backend-worker"),
    section("ring", RING),
    duration("finish_on_shutdown_timeout", "30s"),
];
