//! A running component.

use crate::bindings::cadenza::plugin::types as wit;
use crate::bindings::exports::cadenza::plugin::{head, lifecycle, transform};
use crate::convert::{self, Crossing};
use crate::error::{ConfigError, Failure};
use crate::host::{Effects, Host, Identity, LogGate, cut};
use crate::loader::{CallFunctions, Loaded};
use crate::metadata::Metadata;
use crate::pool::Alive;
use crate::runtime::Runtime;
use crate::state::States;
use cadenza_transform::{Batch, Context, EDIT_BYTES_MIN, EDIT_BYTES_RATIO, Edit, Plan, Verdicts};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::{Store, Trap, UpdateDeadline};

/// Bytes that `describe` and `configure` may give: a plan with the most patterns and literals that are allowed.
const PLAN_BYTES_MAX: usize = 8 << 20;
/// Bytes of the edits themselves, besides their values: the most that are allowed.
const EDITS_OVERHEAD: usize = 1 << 20;

enum Calls {
    Transform(transform::Guest),
    Head(head::Guest),
}

/// An instance of a component, in a store of its own. After a failure it cannot be called again.
pub(crate) struct Instance {
    store: Store<Host>,
    lifecycle: lifecycle::Guest,
    calls: Calls,
    engine: Runtime,
    broken: bool,
    batches: u32,
    first_memory: usize,
    crossing: Crossing,
    _alive: Alive,
}

/// What an error of the runtime means.
fn failure(host: &mut Host, error: &wasmtime::Error, output_max: usize) -> Failure {
    if let Some(exceeded) = host.exceeded.take() {
        return exceeded;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Failure::Stack,
        Some(Trap::UnreachableCodeReached) => return Failure::Trap("unreachable"),
        Some(Trap::MemoryOutOfBounds) => return Failure::Trap("memory access out of bounds"),
        Some(Trap::TableOutOfBounds) => return Failure::Trap("table access out of bounds"),
        Some(Trap::IntegerDivisionByZero) => return Failure::Trap("division by zero"),
        Some(Trap::IntegerOverflow) => return Failure::Trap("integer overflow"),
        Some(Trap::BadConversionToInteger) => return Failure::Trap("conversion to integer"),
        Some(Trap::IndirectCallToNull | Trap::BadSignature) => return Failure::Trap("indirect call"),
        Some(_) => return Failure::Trap("other"),
        None => {}
    }
    // The runtime has no public type for it.
    if error.root_cause().to_string().contains("fuel allocated for hostcalls") {
        return Failure::OutputTooLarge { bytes_max: output_max };
    }
    if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
        return Failure::NoInstance("the pool is full");
    }
    Failure::InvalidOutput("what it returned does not fit its type")
}

impl Instance {
    /// An instance that belongs to no tenant, to be asked what it is.
    pub(crate) fn anonymous(engine: &Runtime, loaded: &Loaded) -> Result<Self, Failure> {
        let inner = &engine.0;
        let limits = inner.config.limits.clone();
        let identity = Identity {
            tenant: String::new(),
            plugin: String::new(),
            secret: engine.secret("", ""),
            metrics: 0,
            // Of its own: nothing of it stays.
            state: States::new(&limits).of("", ""),
            log: LogGate::new(inner.config.log_text, None),
            limits,
            clock: Arc::clone(&inner.env.clock),
        };
        Self::new(engine, loaded, &Arc::new(identity))
    }

    pub(crate) fn new(engine: &Runtime, loaded: &Loaded, identity: &Arc<Identity>) -> Result<Self, Failure> {
        let inner = &engine.0;
        let alive = inner.hub.admit()?;
        let mut store = Store::new(&inner.wasm, Host::new(Arc::clone(identity)));
        store.limiter(|host| host);
        store.epoch_deadline_callback(|mut store| {
            Ok(if store.data_mut().may_go_on() {
                UpdateDeadline::Continue(1)
            } else {
                UpdateDeadline::Interrupt
            })
        });
        store.data_mut().begin(identity.limits.cpu_configure, None);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(PLAN_BYTES_MAX);
        let running = inner.ticker.enter();
        let made = loaded.pre.instantiate(&mut store);
        let instance = made.map_err(|error| match failure(store.data_mut(), &error, PLAN_BYTES_MAX) {
            Failure::InvalidOutput(_) => Failure::NoInstance("it asks for more than an instance may have"),
            failure => failure,
        })?;
        let lifecycle = loaded.functions.lifecycle.load(&mut store, &instance);
        let calls = match &loaded.functions.call {
            CallFunctions::Transform(functions) => {
                functions.load(&mut store, &instance).map(Calls::Transform)
            }
            CallFunctions::Head(functions) => functions.load(&mut store, &instance).map(Calls::Head),
        };
        drop(running);
        // Names are those of the contract, or it would not have been loaded.
        let (Ok(lifecycle), Ok(calls)) = (lifecycle, calls) else {
            return Err(Failure::NoInstance("its types are not those of this contract: build it anew"));
        };
        Ok(Self {
            store,
            lifecycle,
            calls,
            engine: engine.clone(),
            broken: false,
            batches: 0,
            first_memory: 0,
            crossing: Crossing::default(),
            _alive: alive,
        })
    }

    /// Calls into the guest within these bounds.
    fn call<T>(
        &mut self,
        cpu: Duration,
        now_unix_ns: Option<u64>,
        output_max: usize,
        call: impl FnOnce(&mut Store<Host>, &lifecycle::Guest, &Calls) -> wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let _running = self.engine.0.ticker.enter();
        self.store.data_mut().begin(cpu, now_unix_ns);
        self.store.set_epoch_deadline(1);
        self.store.set_hostcall_fuel(output_max);
        call(&mut self.store, &self.lifecycle, &self.calls).map_err(|error| {
            self.broken = true;
            failure(self.store.data_mut(), &error, output_max)
        })
    }

    /// Calls into the guest with a batch.
    fn call_with<T>(
        &mut self,
        context: &Context,
        batch: &Batch,
        cpu: Duration,
        output_max: usize,
        call: impl FnOnce(&mut Store<Host>, &Calls, wit::Context, wit::Batch<'_>) -> wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let mut crossing = std::mem::take(&mut self.crossing);
        let called = crossing.fill(batch).and_then(|batch| {
            self.call(cpu, Some(context.now_unix_ns), output_max, |store, _, calls| {
                call(store, calls, convert::context(context), batch)
            })
        });
        self.crossing = crossing;
        called
    }

    fn edits(&mut self, edits: &wit::Edits) -> Result<Vec<Edit>, Failure> {
        convert::edits(edits).inspect_err(|_| self.broken = true)
    }

    /// What the guest said about its failure: its length, and the text in the log if that is allowed.
    fn said(&mut self, text: &str) -> Failure {
        self.broken = true;
        let identity = &self.store.data().identity;
        if identity.log.shows_text() {
            let (tenant, plugin) = (identity.tenant.as_str(), identity.plugin.as_str());
            tracing::debug!(tenant, plugin, text = cut(text), "plugin reports an error");
        }
        Failure::Guest { bytes: text.len() }
    }

    fn bounds(&self, batch: &Batch) -> (Duration, usize) {
        let bytes = batch.bytes();
        let output_max = EDIT_BYTES_MIN
            .saturating_add(bytes.saturating_mul(EDIT_BYTES_RATIO))
            .saturating_add(EDITS_OVERHEAD)
            .saturating_add(batch.spans as usize);
        (self.store.data().identity.limits.cpu(batch.spans, bytes), output_max)
    }

    fn worked(&mut self) {
        self.batches += 1;
        if self.batches == 1 {
            self.first_memory = self.store.data().memory_bytes;
        }
    }

    /// What the last call did besides its answer.
    pub(crate) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.store.data_mut().effects)
    }

    /// Batches so far, memory now and after the first batch.
    pub(crate) fn wear(&self) -> (u32, usize, usize) {
        (self.batches, self.store.data().memory_bytes, self.first_memory)
    }

    /// True after a failure.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// What it is.
    pub(crate) fn describe(&mut self) -> Result<Metadata, Failure> {
        let cpu = self.store.data().identity.limits.cpu_configure;
        let metadata =
            self.call(cpu, None, PLAN_BYTES_MAX, |store, lifecycle, _| lifecycle.call_describe(store))?;
        Ok(convert::metadata(metadata))
    }

    /// Takes a configuration; gives the plan or what is wrong with it.
    pub(crate) fn configure(&mut self, config_json: &str) -> Result<Result<Plan, Vec<ConfigError>>, Failure> {
        let cpu = self.store.data().identity.limits.cpu_configure;
        let answer = self.call(cpu, None, PLAN_BYTES_MAX, |store, lifecycle, _| {
            lifecycle.call_configure(store, config_json)
        })?;
        Ok(answer.map(convert::plan).map_err(convert::config_errors))
    }

    /// Gives edits for a batch.
    pub(crate) fn process(&mut self, context: &Context, batch: &Batch) -> Result<Vec<Edit>, Failure> {
        let (cpu, output_max) = self.bounds(batch);
        let answer =
            self.call_with(context, batch, cpu, output_max, |store, calls, context, batch| match calls {
                Calls::Transform(guest) => guest.call_process(store, context, batch),
                Calls::Head(_) => Err(wasmtime::Error::msg("a sampler has no `process`")),
            })?;
        let edits = answer.map_err(|text| self.said(&text))?;
        let edits = self.edits(&edits)?;
        self.worked();
        Ok(edits)
    }

    /// Decides on the spans of a batch.
    pub(crate) fn decide(&mut self, context: &Context, batch: &Batch) -> Result<Verdicts, Failure> {
        let (cpu, output_max) = self.bounds(batch);
        let answer =
            self.call_with(context, batch, cpu, output_max, |store, calls, context, batch| match calls {
                Calls::Head(guest) => guest.call_decide(store, context, batch),
                Calls::Transform(_) => Err(wasmtime::Error::msg("only samplers have `decide`")),
            })?;
        let verdicts = answer.map_err(|text| self.said(&text))?;
        if verdicts.keep.len() != batch.spans as usize || verdicts.keep.iter().any(|&keep| keep > 1) {
            self.broken = true;
            return Err(Failure::InvalidOutput("not one verdict of 0 or 1 per span"));
        }
        let edits = self.edits(&verdicts.edits)?;
        self.worked();
        Ok(Verdicts { keep: verdicts.keep, edits })
    }
}
