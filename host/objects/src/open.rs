//! Opening a store: the only place that stacks what is around it.

use crate::decorate::{Counting, ReadOnly};
use crate::http::Connector;
use crate::{Metrics, ObjectsError, Variables, azure, gcs, local, s3};
use cadenza_env::Env;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use std::sync::Arc;

/// `storage.trace`, as far as it says where objects are.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Which store.
    pub backend: Backend,
    /// `read_only`: nothing is written, copied or deleted.
    pub read_only: bool,
}

/// A store and its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Backend {
    /// `local`.
    Local(local::Config),
    /// `s3`.
    S3(Box<s3::Config>),
    /// `gcs`.
    Gcs(Box<gcs::Config>),
    /// `azure`.
    Azure(Box<azure::Config>),
}

/// From the inside out: the store with what its client stacks, the prefix, what counts, what guards. Asks the
/// store nothing: whether it can be reached shows with the first request.
///
/// # Errors
/// When a setting is missing or cannot be honoured, or a file it names cannot be used.
pub fn open(
    env: &Env,
    variables: Variables<'_>,
    config: &Config,
    metrics: &Metrics,
) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let connector = |http| Connector::new(http, Arc::clone(&env.clock), metrics.clone());
    let (store, prefix) = match &config.backend {
        Backend::Local(config) => (local::open(env.disk.as_ref(), config)?, ""),
        Backend::S3(config) => {
            (s3::open(env, variables, config, &connector(&config.http)?)?, &*config.prefix)
        }
        Backend::Gcs(config) => (gcs::open(variables, config, &connector(&config.http)?)?, &*config.prefix),
        Backend::Azure(config) => {
            (azure::open(variables, config, &connector(&config.http)?)?, &*config.prefix)
        }
    };
    let prefix = prefix.trim_matches('/');
    let store = match prefix {
        "" => store,
        prefix => {
            let path = Path::parse(prefix).map_err(|error| {
                ObjectsError::setting(format!("{}.prefix", config.backend.name()), error.to_string())
            })?;
            Arc::new(PrefixStore::new(store, path))
        }
    };
    // Requests of a remote store are timed by its client, which sees each attempt.
    let timed = matches!(config.backend, Backend::Local(_));
    let counted: Arc<dyn ObjectStore> =
        Arc::new(Counting::new(store, metrics.clone(), timed.then(|| Arc::clone(&env.clock))));
    Ok(if config.read_only { Arc::new(ReadOnly::new(counted)) } else { counted })
}

impl Backend {
    /// Its word in YAML.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }
}
