//! From bytes to something that can be instantiated.

mod compile;
mod inspect;

pub use compile::{COMPILE_COMMAND, compile_child};
pub use inspect::{Import, imports};

pub(crate) use inspect::{Entrance, surface};

use crate::bindings::exports::cadenza::plugin::{head, lifecycle, transform};
use crate::cache::Key;
use crate::error::LoadError;
use crate::guest::Instance;
use crate::host::Host;
use crate::metadata::Metadata;
use crate::runtime::Runtime;
use cadenza_transform::Kind;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wasmtime::component::{Component, InstancePre};

/// How the functions of a component are found in an instance of it.
pub(crate) struct Functions {
    pub(crate) lifecycle: lifecycle::GuestIndices,
    pub(crate) call: CallFunctions,
}

pub(crate) enum CallFunctions {
    Transform(transform::GuestIndices),
    Head(head::GuestIndices),
}

/// A component that has been checked and compiled, and has said what it is.
pub struct Loaded {
    pub(crate) sha256: [u8; 32],
    pub(crate) pre: InstancePre<Host>,
    pub(crate) functions: Functions,
    metadata: Metadata,
    imports: Vec<String>,
    bytes: usize,
    cached: bool,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}

/// The only place where code is trusted.
mod trusted {
    #![expect(unsafe_code, reason = "loading compiled code has no safe form")]

    use wasmtime::component::Component;

    /// Loads code that this process's compiler has made: handed over by the child, or read from the cache
    /// and checked by its MAC. The bytes are these very ones, not a file that could change.
    pub(super) fn load(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: `code` is the output of `precompile_component` of this version of wasmtime, as the caller
        // has it from the compiler directly or under a MAC whose key only this server has.
        unsafe { Component::deserialize(engine, code) }
    }
}

impl Runtime {
    /// Checks and compiles a component, and asks it what it is. Takes up to minutes; never on the way of a
    /// request. Blocking.
    ///
    /// # Errors
    /// What is wrong with the component.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<Loaded>, LoadError> {
        let max = self.0.config.component_bytes_max;
        if bytes.len() > max {
            return Err(LoadError::TooLarge { bytes: bytes.len(), max });
        }
        let surface = surface(bytes)?;
        let entrance = surface.check()?;
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let (component, cached) = self.component(bytes, &sha256)?;
        self.0.metrics.loaded(cached);
        let contract = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
        let pre = self.0.linker.instantiate_pre(&component).map_err(contract)?;
        let functions = Functions {
            lifecycle: lifecycle::GuestIndices::new(&pre).map_err(contract)?,
            call: match entrance {
                Entrance::Transform => {
                    CallFunctions::Transform(transform::GuestIndices::new(&pre).map_err(contract)?)
                }
                Entrance::Head => CallFunctions::Head(head::GuestIndices::new(&pre).map_err(contract)?),
            },
        };
        let mut loaded = Loaded {
            sha256,
            pre,
            functions,
            metadata: Metadata::unknown(),
            imports: surface.imports.into_iter().map(|import| import.name).collect(),
            bytes: bytes.len(),
            cached,
        };
        loaded.metadata = self.describe(&loaded, entrance)?;
        Ok(Arc::new(loaded))
    }

    fn component(&self, bytes: &[u8], sha256: &[u8; 32]) -> Result<(Component, bool), LoadError> {
        let inner = &self.0;
        let key = Key { component: sha256, fingerprint: &inner.fingerprint };
        if let Some(component) = self.cached(key) {
            return Ok((component, true));
        }
        let _one_at_a_time = inner.compiling.lock();
        // Who waited may find that another has made it.
        if let Some(component) = self.cached(key) {
            return Ok((component, true));
        }
        let config = &inner.config;
        let code = compile::compile(&inner.wasm, &config.compiler, &config.compile, bytes)?;
        let component = trusted::load(&inner.wasm, &code)
            .map_err(|error| LoadError::Compile(format!("the compiler's output is not loaded: {error:#}")))?;
        if let Some(cache) = &inner.cache {
            cache.put(key, &code);
        }
        Ok((component, false))
    }

    fn cached(&self, key: Key<'_>) -> Option<Component> {
        let code = self.0.cache.as_ref()?.get(key)?;
        let loaded = trusted::load(&self.0.wasm, &code);
        loaded.inspect_err(|error| tracing::warn!(%error, "compiled plugin not loaded; it is made anew")).ok()
    }

    fn describe(&self, loaded: &Loaded, entrance: Entrance) -> Result<Metadata, LoadError> {
        let mut instance = Instance::anonymous(self, loaded).map_err(LoadError::Describe)?;
        let metadata = instance.describe().map_err(LoadError::Describe)?;
        metadata.check().map_err(LoadError::Metadata)?;
        let fits = match entrance {
            Entrance::Transform => matches!(metadata.kind, Kind::Enricher | Kind::Scrubber),
            Entrance::Head => metadata.kind == Kind::HeadSampler,
        };
        if !fits {
            return Err(LoadError::Exports(format!(
                "says that it is of kind {}, and exports what another kind does",
                metadata.kind_name()
            )));
        }
        Ok(metadata)
    }
}

impl Loaded {
    /// Digest of its bytes.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// What it says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Names of what it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Size of the component.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if it was compiled before.
    pub fn from_cache(&self) -> bool {
        self.cached
    }
}
