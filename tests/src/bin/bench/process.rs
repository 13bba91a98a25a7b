//! What a process has used, from the kernel's own accounts.

use anyhow::{Context, Result};

/// CPU time, memory and written bytes of a process so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
    pub(crate) written_bytes: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        let stat = read("stat")?;
        // Fields after the parenthesised name; 14 and 15 of the whole are user and system ticks.
        let fields: Vec<&str> = stat.rsplit(')').next().context("a stat line")?.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let status = read("status")?;
        let kib = |key: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        let io = read("io").unwrap_or_default();
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap_or("0");
        Ok(Self {
            cpu_seconds: ticks as f64 / ticks_per_second as f64,
            resident_mib: kib("VmRSS:") / 1024.0,
            peak_mib: kib("VmHWM:") / 1024.0,
            written_bytes: written.parse()?,
        })
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            written_bytes: self.written_bytes - before.written_bytes,
            ..self.clone()
        }
    }

    pub(crate) fn per_million(&self, spans: u64) -> f64 {
        self.cpu_seconds * 1e6 / spans as f64
    }
}
