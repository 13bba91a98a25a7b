//! Plugins: ours alone, Tempo has none.

use super::{Key, boolean, choice, count, duration, float, opaque, port, secret, section, sections, text};

/// One entry of a chain.
pub(crate) static ENTRY: &[Key] = &[
    text("name", "").used(),
    text("source", "").used(),
    opaque("config").used(),
    choice("on_failure", &["", "fail-open", "fail-closed"], "").used(),
    choice("mode", &["enforce", "shadow", "canary", "off"], "enforce").used(),
    float("canary_percent", "").used(),
];

/// What a tenant may have of its own.
pub(crate) static TENANT: &[Key] = &[sections("chain", ENTRY).used()];

/// `plugins`.
pub(crate) static PLUGINS: &[Key] = &[
    text("dir", "").used(),
    text("cache_dir", "").used(),
    text("secrets_dir", "").used(),
    duration("reload_interval", "1s").used(),
    boolean("guest_log_text", "false").used(),
    sections("required", ENTRY).used(),
    sections("chain", ENTRY).used(),
    section(
        "limits",
        &[
            count("component_bytes_max", "33554432").used(),
            count("memory_bytes_max", "33554432").used(),
            count("state_bytes_max", "4194304").used(),
            count("instances_max", "256").used(),
            count("tenant_concurrency_max", "0").used(),
        ],
    )
    .used(),
    section(
        "admin",
        &[
            text("listen_address", "127.0.0.1").used(),
            port("listen_port", "0").used(),
            secret("token").used(),
        ],
    )
    .used(),
];
