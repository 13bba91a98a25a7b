//! Amazon S3 and what speaks its protocol.

mod chain;
mod place;
mod role;
mod shared_file;

use crate::decorate::{Stamp, Stamped};
use crate::http::{self, Connector};
use crate::{ObjectsError, Secret, Variables};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cadenza_env::Env;
use object_store::ObjectStore;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use place::Place;
use role::AssumedRole;
use std::sync::Arc;

/// `storage.trace.s3`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `bucket`.
    pub bucket: String,
    /// `prefix`: in front of every key.
    pub prefix: String,
    /// `endpoint`: host and port, no scheme; empty for Amazon's in the region.
    pub endpoint: String,
    /// `region`; empty for the endpoint's, or the environment's.
    pub region: String,
    /// `access_key`, `secret_key`, `session_token`; without them the chain of credentials decides.
    pub keys: StaticKeys,
    /// `iam_role`: the ARN of a role that the credentials may assume, and then act as.
    pub iam_role: String,
    /// How a bucket is addressed.
    pub lookup: Lookup,
    /// `enable_dual_stack`: Amazon's endpoint of IPv6.
    pub dual_stack: bool,
    /// `sse`.
    pub encryption: Encryption,
    /// `tags`, `storage_class`, `metadata`.
    pub stamp: Stamp,
    /// The client.
    pub http: http::Config,
}

/// Credentials that are written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticKeys {
    /// `access_key`.
    pub access_key: String,
    /// `secret_key`.
    pub secret_key: Secret,
    /// `session_token`.
    pub session_token: Secret,
}

/// `bucket_lookup_type`, `forcepathstyle`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lookup {
    /// By host at Amazon, by path elsewhere.
    #[default]
    Auto,
    /// `https://bucket.endpoint/key`.
    Host,
    /// `https://endpoint/bucket/key`.
    Path,
}

/// `sse`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket has it.
    #[default]
    Bucket,
    /// `SSE-S3`.
    S3,
    /// `SSE-KMS`.
    Kms {
        /// `kms_key_id`.
        key_id: String,
    },
    /// `SSE-C`: a key of 32 bytes goes with each request.
    Customer {
        /// `encryption_key`.
        key: Secret,
    },
}

pub(crate) fn open(
    env: &Env,
    variables: Variables<'_>,
    config: &Config,
    connector: &Connector,
) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    if config.bucket.is_empty() {
        return Err(ObjectsError::setting("s3.bucket", "is missing"));
    }
    let place = Place::of(config, variables)?;
    let builder = AmazonS3Builder::new()
        .with_http_connector(connector.clone())
        .with_retry(config.http.retry())
        .with_client_options(config.http.client_options())
        .with_bucket_name(&config.bucket)
        .with_region(&place.region)
        .with_endpoint(&place.endpoint)
        .with_virtual_hosted_style_request(place.by_host)
        .with_allow_http(config.http.insecure);
    let builder = chain::credentials(env, variables, config, builder)?;
    let builder = encrypted(builder, &config.encryption)?;
    let store = if config.iam_role.is_empty() {
        builder.build()?
    } else {
        let base: AmazonS3 = builder.clone().build()?;
        let role = AssumedRole::new(
            config.iam_role.clone(),
            place.sts_endpoint,
            place.region,
            Arc::clone(base.credentials()),
            connector,
            Arc::clone(&env.clock),
        )?;
        builder.with_credentials(Arc::new(role)).build()?
    };
    Ok(Stamped::wrap(Arc::new(store), &config.stamp))
}

fn encrypted(builder: AmazonS3Builder, encryption: &Encryption) -> Result<AmazonS3Builder, ObjectsError> {
    Ok(match encryption {
        Encryption::Bucket => builder,
        Encryption::S3 => {
            let key: AmazonS3ConfigKey = "aws_server_side_encryption".parse()?;
            builder.with_config(key, "AES256")
        }
        Encryption::Kms { key_id } => builder.with_sse_kms_encryption(key_id),
        Encryption::Customer { key } => {
            builder.with_ssec_encryption(BASE64_STANDARD.encode(key.expose().as_bytes()))
        }
    })
}
