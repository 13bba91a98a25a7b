//! The bucket alone, for tools that work without a server.

use super::{map, objects};
use anyhow::{Result, bail};
use cadenza_config::{Backend, Config};
use cadenza_env::Env;
use cadenza_store::Store;
use prometheus::Registry;
use tokio::runtime::Handle;

/// The configured store, whatever the configuration says behind a guard: nothing is written.
///
/// # Errors
/// When a setting is missing or cannot be honoured, or the folder of a local store does not exist.
pub(crate) fn open_bucket(env: &Env, config: &Config) -> Result<Store> {
    let registry = Registry::new();
    let mut config = config.clone();
    config.storage.read_only = true;
    if let Backend::Local(path) = &config.storage.backend
        && !path.is_dir()
    {
        bail!("the block directory {} does not exist", path.display());
    }
    let objects = objects::open(env, &config.storage, &cadenza_objects::Metrics::new(&registry))?;
    let metrics = cadenza_store::Metrics::new(&registry);
    Ok(Store::new(env.clone(), map::store(&config), metrics, objects, Handle::current()))
}
