//! What an instance has of the host: its limits, its deadline, and what it did in the running call.

mod imports;
mod logging;

pub(crate) use logging::{LogGate, cut};

use crate::config::Limits;
use crate::error::Failure;
use crate::state::{Overlay, State};
use cadenza_env::Clock;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::ResourceLimiter;
use wasmtime::component::HasData;

/// Observations of metrics in a call.
pub(crate) const OBSERVATIONS_MAX: usize = 4096;
/// Wall time of a call at most, in CPU deadlines, and not less than [`WALL_MIN`]: a guest cannot wait for anything, so
/// a call without CPU time is a machine that is too busy, and no fault of the guest; but a thread must come back.
const WALL_FACTOR: u32 = 10;
const WALL_MIN: Duration = Duration::from_secs(1);
/// Instances, tables and memories of a component at most.
const CORE_OBJECTS_MAX: usize = 128;

/// Whose instance it is.
pub(crate) struct Identity {
    pub(crate) tenant: String,
    pub(crate) plugin: String,
    pub(crate) secret: [u8; 32],
    pub(crate) metrics: usize,
    pub(crate) state: Arc<State>,
    pub(crate) log: LogGate,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Names [`Host`] for the linker.
pub(crate) struct HostData;

impl HasData for HostData {
    type Data<'a> = &'a mut Host;
}

/// What happened in a call besides its answer.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) state: Overlay,
    pub(crate) metrics: Vec<(u32, f64)>,
}

/// The data of a store.
pub(crate) struct Host {
    pub(crate) identity: Arc<Identity>,
    pub(crate) effects: Effects,
    pub(crate) now_unix_ns: u64,
    /// Bytes of all its memories.
    pub(crate) memory_bytes: usize,
    calls_left: u32,
    bytes_left: usize,
    cpu: Duration,
    /// CPU time of the thread and time of day at which the call ends. Set at its first tick: most calls end before it,
    /// and asking the kernel costs as much as a small call.
    ends: Option<(Duration, Duration)>,
    /// The call is `describe` or `configure`: the state is out of reach, so that the plan and what is said about
    /// the configuration depend on the configuration alone, and repeat nothing that was in a span.
    is_configuring: bool,
    /// What has been exceeded, where the trap itself does not say it.
    pub(crate) exceeded: Option<Failure>,
}

/// CPU time of this thread: what calls are bounded by, and what measuring them should count.
pub fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

impl Host {
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            effects: Effects::default(),
            now_unix_ns: 0,
            memory_bytes: 0,
            calls_left: 0,
            bytes_left: 0,
            cpu: Duration::ZERO,
            ends: None,
            is_configuring: true,
            exceeded: None,
        }
    }

    /// Starts the clocks and budgets of a call; `now_unix_ns` is that of a batch, if it is about one.
    pub(crate) fn begin(&mut self, cpu: Duration, now_unix_ns: Option<u64>) {
        let limits = &self.identity.limits;
        self.calls_left = limits.host_calls_max;
        self.bytes_left = limits.host_call_bytes_max;
        self.effects = Effects::default();
        self.now_unix_ns = now_unix_ns.unwrap_or(0);
        self.is_configuring = now_unix_ns.is_none();
        self.exceeded = None;
        self.cpu = cpu;
        self.ends = None;
    }

    /// At a tick: true if the call may go on.
    pub(crate) fn may_go_on(&mut self) -> bool {
        let (cpu, wall) = (thread_cpu(), self.identity.clock.monotonic());
        let (cpu_end, wall_end) = *self.ends.get_or_insert_with(|| {
            let wall_max = self.cpu.saturating_mul(WALL_FACTOR).max(WALL_MIN);
            (cpu.saturating_add(self.cpu), wall.saturating_add(wall_max))
        });
        let late = cpu >= cpu_end || wall >= wall_end;
        if late {
            let cpu_ms = u64::try_from(self.cpu.as_millis()).unwrap_or(u64::MAX);
            self.exceeded = Some(Failure::Deadline { cpu_ms });
        }
        !late
    }

    /// Takes a host call with so much data off the budget.
    fn charge(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let left = self.calls_left.checked_sub(1).zip(self.bytes_left.checked_sub(bytes));
        let Some((calls, bytes)) = left else {
            self.exceeded = Some(Failure::HostCalls);
            return Err(wasmtime::Error::msg("host calls over their budget"));
        };
        (self.calls_left, self.bytes_left) = (calls, bytes);
        Ok(())
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes_max = self.identity.limits.memory_bytes_max;
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > bytes_max {
            // A failed growth would be a difference that the guest sees: it traps instead.
            self.exceeded = Some(Failure::Memory { bytes_max });
            return Err(wasmtime::Error::msg("memory limit"));
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.identity.limits.table_elements_max {
            self.exceeded = Some(Failure::Memory { bytes_max: self.identity.limits.memory_bytes_max });
            return Err(wasmtime::Error::msg("table limit"));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_OBJECTS_MAX
    }

    fn tables(&self) -> usize {
        CORE_OBJECTS_MAX
    }

    fn memories(&self) -> usize {
        CORE_OBJECTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::States;
    use cadenza_env::ManualClock;

    /// A host whose call begins now, with so much CPU time.
    fn host(clock: &ManualClock, cpu: Duration) -> Host {
        let limits = Limits::default();
        let mut host = Host::new(Arc::new(Identity {
            tenant: String::new(),
            plugin: String::new(),
            secret: [0; 32],
            metrics: 0,
            state: States::new(&limits).of("", ""),
            log: LogGate::new(false, None),
            limits,
            clock: Arc::new(clock.clone()),
        }));
        host.begin(cpu, Some(0));
        host
    }

    #[test]
    fn a_call_without_cpu_time_goes_on_for_a_second_or_ten_deadlines() {
        let check = |cpu_ms: u64, wall_ms: u64| {
            let clock = ManualClock::default();
            let mut host = host(&clock, Duration::from_millis(cpu_ms));
            assert!(host.may_go_on(), "the first tick");
            clock.advance(Duration::from_millis(wall_ms - 1));
            assert!(host.may_go_on(), "{cpu_ms} ms of CPU time, just below {wall_ms} ms");
            clock.advance(Duration::from_millis(1));
            assert!(!host.may_go_on(), "{cpu_ms} ms of CPU time, {wall_ms} ms");
            assert_eq!(host.exceeded, Some(Failure::Deadline { cpu_ms }));
        };
        check(20, 1_000);
        check(500, 5_000);
    }
}
