//! The process's own numbers, under the names every Prometheus client library uses.

use prometheus::{Gauge, IntGauge, Opts, Registry};

/// `process_*`, brought up to date at each scrape.
#[derive(Debug)]
pub(super) struct ProcessMetrics {
    cpu_seconds: Gauge,
    resident_bytes: IntGauge,
    open_files: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry, started_unix_s: u64) -> prometheus::Result<Self> {
        let metrics = Self {
            cpu_seconds: Gauge::new("process_cpu_seconds_total", "User and system CPU time in seconds.")?,
            resident_bytes: IntGauge::new("process_resident_memory_bytes", "Resident memory in bytes.")?,
            open_files: IntGauge::new("process_open_fds", "Open file descriptors.")?,
        };
        let started = IntGauge::new("process_start_time_seconds", "Start of the process, unix seconds.")?;
        started.set(i64::try_from(started_unix_s).unwrap_or(i64::MAX));
        registry.register(Box::new(metrics.cpu_seconds.clone()))?;
        registry.register(Box::new(metrics.resident_bytes.clone()))?;
        registry.register(Box::new(metrics.open_files.clone()))?;
        registry.register(Box::new(started))?;
        Ok(metrics)
    }

    /// Reads the kernel's accounts. What cannot be read keeps its last value.
    pub(super) fn update(&self) {
        if let Some(seconds) = cpu_seconds() {
            self.cpu_seconds.set(seconds);
        }
        if let Some(bytes) = resident_bytes() {
            self.resident_bytes.set(bytes);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(files.count() as i64);
        }
    }
}

fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the parenthesised name, user and system ticks are fields 11 and 12.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn resident_bytes() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as i64)
}

/// `tempo_build_info`: dashboards count pods by it.
pub(super) fn register_constants(registry: &Registry) -> prometheus::Result<()> {
    let info = IntGauge::with_opts(
        Opts::new("tempo_build_info", "A constant 1, labelled by what this binary is.")
            .const_label("version", env!("CARGO_PKG_VERSION"))
            .const_label("revision", "")
            .const_label("branch", "")
            .const_label("goversion", concat!("rust", env!("CARGO_PKG_RUST_VERSION")))
            .const_label("goos", std::env::consts::OS)
            .const_label("goarch", std::env::consts::ARCH)
            .const_label("tags", ""),
    )?;
    info.set(1);
    registry.register(Box::new(info))
}
