//! Google Cloud Storage.

use crate::decorate::{Stamp, Stamped};
use crate::http::{self, Connector};
use crate::{ObjectsError, Variables};
use object_store::ObjectStore;
use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use std::sync::Arc;

/// `storage.trace.gcs`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `bucket_name`.
    pub bucket_name: String,
    /// `prefix`, also written `object_prefix`: in front of every key.
    pub prefix: String,
    /// `endpoint`: another server, with or without scheme and the path of Google's JSON interface.
    pub endpoint: String,
    /// `insecure`: nothing is signed, as emulators want it.
    pub insecure: bool,
    /// `object_cache_control`, `object_metadata`.
    pub stamp: Stamp,
    /// The client.
    pub http: http::Config,
}

/// Credentials are the application's default ones: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, the
/// one that `gcloud` keeps, or what the metadata server of the machine hands out (workload identity).
pub(crate) fn open(
    variables: Variables<'_>,
    config: &Config,
    connector: &Connector,
) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    if config.bucket_name.is_empty() {
        return Err(ObjectsError::setting("gcs.bucket_name", "is missing"));
    }
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_http_connector(connector.clone())
        .with_retry(config.http.retry())
        .with_client_options(config.http.client_options())
        .with_bucket_name(&config.bucket_name);
    if let Some(base) = base_url(&config.endpoint, config.insecure) {
        builder = builder.with_base_url(&base);
    }
    if config.insecure {
        let nobody = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
        builder = builder.with_skip_signature(true).with_credentials(Arc::new(nobody));
    } else if let Some(path) = variables("GOOGLE_APPLICATION_CREDENTIALS").filter(|path| !path.is_empty()) {
        builder = builder.with_application_credentials(path);
    }
    Ok(Stamped::wrap(Arc::new(builder.build()?), &config.stamp))
}

/// Scheme, host and port: the client speaks the XML interface, whose paths start with the bucket.
fn base_url(endpoint: &str, insecure: bool) -> Option<String> {
    if endpoint.is_empty() {
        return None;
    }
    let (scheme, rest) = match endpoint.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None => (if insecure { "http" } else { "https" }, endpoint),
    };
    let host = rest.split('/').next().unwrap_or_default();
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_taken_in_every_form() {
        let check = |endpoint: &str, insecure: bool, expect: Option<&str>| {
            assert_eq!(base_url(endpoint, insecure).as_deref(), expect, "{endpoint}");
        };
        check("", false, None);
        check("http://localhost:4443/storage/v1/", true, Some("http://localhost:4443"));
        check("https://storage.googleapis.com/storage/v1/", false, Some("https://storage.googleapis.com"));
        check("localhost:4443", true, Some("http://localhost:4443"));
        check("storage.example.com", false, Some("https://storage.example.com"));
    }
}
