//! The object store, from Tempo's keys.

use anyhow::Result;
use cadenza_config::{Azure, Backend, ClientTls, Gcs, Hedge, S3, Sse, Storage};
use cadenza_env::Env;
use cadenza_objects::decorate::Stamp;
use cadenza_objects::s3::{Encryption, Lookup, StaticKeys};
use cadenza_objects::{Secret, azure, gcs, http, local, s3};
use object_store::ObjectStore;
use std::sync::Arc;

/// Opens the configured store; credentials may come from this process's environment.
pub(crate) fn open(
    env: &Env,
    storage: &Storage,
    metrics: &cadenza_objects::Metrics,
) -> Result<Arc<dyn ObjectStore>> {
    let config = cadenza_objects::Config { backend: backend(&storage.backend), read_only: storage.read_only };
    Ok(cadenza_objects::open(env, &crate::settings::variable, &config, metrics)?)
}

fn backend(backend: &Backend) -> cadenza_objects::Backend {
    match backend {
        Backend::Local(path) => cadenza_objects::Backend::Local(local::Config { path: path.clone() }),
        Backend::S3(config) => cadenza_objects::Backend::S3(Box::new(s3_config(config))),
        Backend::Gcs(config) => cadenza_objects::Backend::Gcs(Box::new(gcs_config(config))),
        Backend::Azure(config) => cadenza_objects::Backend::Azure(Box::new(azure_config(config))),
    }
}

fn s3_config(config: &S3) -> s3::Config {
    let lookup = match (config.lookup_by_path, config.lookup_by_host) {
        (true, _) => Lookup::Path,
        (false, true) => Lookup::Host,
        (false, false) => Lookup::Auto,
    };
    s3::Config {
        bucket: config.bucket.clone(),
        prefix: config.prefix.clone(),
        endpoint: config.endpoint.clone(),
        region: config.region.clone(),
        keys: StaticKeys {
            access_key: config.access_key.clone(),
            secret_key: Secret::new(&config.secret_key),
            session_token: Secret::new(&config.session_token),
        },
        iam_role: config.iam_role.clone(),
        lookup,
        dual_stack: config.enable_dual_stack,
        encryption: match &config.sse {
            Sse::Bucket => Encryption::Bucket,
            Sse::S3 => Encryption::S3,
            Sse::Kms(key_id) => Encryption::Kms { key_id: key_id.clone() },
            Sse::Customer(key) => Encryption::Customer { key: Secret::new(key) },
        },
        stamp: Stamp {
            tags: config.tags.clone(),
            metadata: config.metadata.clone(),
            storage_class: config.storage_class.clone(),
            cache_control: String::new(),
        },
        http: http::Config {
            tls: tls(&config.tls),
            insecure: config.insecure,
            attempts_max: config.retry_attempts_max,
            backoff_initial: config.retry_backoff_initial,
            backoff_max: config.retry_backoff_max,
            ..hedged(config.hedge)
        },
    }
}

fn gcs_config(config: &Gcs) -> gcs::Config {
    gcs::Config {
        bucket_name: config.bucket_name.clone(),
        prefix: config.prefix.clone(),
        endpoint: config.endpoint.clone(),
        insecure: config.insecure,
        stamp: Stamp {
            metadata: config.object_metadata.clone(),
            cache_control: config.object_cache_control.clone(),
            ..Stamp::default()
        },
        http: http::Config {
            insecure: config.insecure,
            attempts_max: config.retries_max.saturating_add(1),
            ..hedged(config.hedge)
        },
    }
}

fn azure_config(config: &Azure) -> azure::Config {
    let identity = match (config.use_federated_token, config.use_managed_identity) {
        (true, _) => azure::Identity::Federated,
        (false, true) => azure::Identity::Managed { client_id: config.user_assigned_id.clone() },
        (false, false) => azure::Identity::AccountKey,
    };
    azure::Config {
        account_name: config.storage_account_name.clone(),
        account_key: Secret::new(&config.storage_account_key),
        container_name: config.container_name.clone(),
        prefix: config.prefix.clone(),
        endpoint_suffix: config.endpoint_suffix.clone(),
        identity,
        http: hedged(config.hedge),
    }
}

fn hedged(hedge: Hedge) -> http::Config {
    let hedge_at = (!hedge.at.is_zero()).then_some(hedge.at);
    http::Config { hedge_at, hedge_requests_max: hedge.requests_max, ..http::Config::default() }
}

fn tls(config: &ClientTls) -> http::tls::Config {
    http::tls::Config {
        cert_path: config.cert_path.clone(),
        key_path: config.key_path.clone(),
        ca_path: config.ca_path.clone(),
        server_name: config.server_name.clone(),
        skip_verify: config.insecure_skip_verify,
        cipher_suites: config.cipher_suites.clone(),
        only_tls13: config.only_tls13,
    }
}
