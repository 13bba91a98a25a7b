//! `storage.trace.s3`, `.gcs` and `.azure`.

use crate::check::Findings;
use crate::values::{Values, scalar_text, texts};
use crate::yaml::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Where blocks are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A folder of this machine: `local.path`.
    Local(PathBuf),
    /// Amazon S3 and its likes.
    S3(Box<S3>),
    /// Google Cloud Storage.
    Gcs(Box<Gcs>),
    /// Azure Blob Storage.
    Azure(Box<Azure>),
}

impl Backend {
    /// The word in YAML.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }
}

/// `s3`; each field is the key of its name.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of its name; the type says the rest")]
pub struct S3 {
    pub bucket: String,
    pub prefix: String,
    pub endpoint: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: String,
    pub iam_role: String,
    pub insecure: bool,
    /// `forcepathstyle`, or `bucket_lookup_type` 2.
    pub lookup_by_path: bool,
    /// `bucket_lookup_type` 1.
    pub lookup_by_host: bool,
    pub enable_dual_stack: bool,
    /// `part_size`; 0 for the server's choice.
    pub part_bytes: u64,
    pub tags: BTreeMap<String, String>,
    pub metadata: BTreeMap<String, String>,
    pub storage_class: String,
    pub sse: Sse,
    pub hedge: Hedge,
    /// `retry_max_attempts`: the first one counts.
    pub retry_attempts_max: usize,
    pub retry_backoff_initial: Duration,
    pub retry_backoff_max: Duration,
    pub tls: ClientTls,
}

/// `s3.sse`.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Sse {
    /// No `type`.
    #[default]
    Bucket,
    /// `SSE-S3`.
    S3,
    /// `SSE-KMS` with `kms_key_id`.
    Kms(String),
    /// `SSE-C` with `encryption_key`.
    Customer(String),
}

/// `gcs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of its name; the type says the rest")]
pub struct Gcs {
    pub bucket_name: String,
    /// `prefix`, or `object_prefix`.
    pub prefix: String,
    pub endpoint: String,
    pub insecure: bool,
    /// `chunk_buffer_size`.
    pub part_bytes: u64,
    pub object_cache_control: String,
    pub object_metadata: BTreeMap<String, String>,
    /// `max_retries`.
    pub retries_max: usize,
    pub hedge: Hedge,
}

/// `azure`.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of its name; the type says the rest")]
pub struct Azure {
    pub storage_account_name: String,
    pub storage_account_key: String,
    pub container_name: String,
    pub prefix: String,
    pub endpoint_suffix: String,
    pub use_managed_identity: bool,
    pub user_assigned_id: String,
    pub use_federated_token: bool,
    /// `buffer_size`.
    pub part_bytes: u64,
    pub hedge: Hedge,
}

/// `hedge_requests_at`, `hedge_requests_up_to`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hedge {
    /// Zero for never.
    pub at: Duration,
    /// The first request counts.
    pub requests_max: usize,
}

/// `tls_*` of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of its name; the type says the rest")]
pub struct ClientTls {
    pub cert_path: PathBuf,
    pub key_path: PathBuf,
    pub ca_path: PathBuf,
    pub server_name: String,
    pub insecure_skip_verify: bool,
    pub cipher_suites: Vec<String>,
    /// `tls_min_version` is `VersionTLS13`.
    pub only_tls13: bool,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Sse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bucket => "Bucket",
            Self::S3 => "S3",
            Self::Kms(_) => "Kms",
            Self::Customer(_) => "Customer",
        })
    }
}

impl std::fmt::Debug for Azure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Azure").field("container_name", &self.container_name).finish_non_exhaustive()
    }
}

/// Bytes of a key for `SSE-C`.
const CUSTOMER_KEY_BYTES: usize = 32;
/// The least that S3 takes as a part.
const PART_BYTES_MIN: u64 = 5 << 20;

/// Reads one bucket's section.
pub(crate) struct Buckets<'a, 'f> {
    pub(crate) values: Values<'a>,
    pub(crate) findings: &'f mut Findings,
}

impl Buckets<'_, '_> {
    fn refuse(&mut self, path: &str, message: impl Into<String>) {
        self.findings.refuse(&self.values.node(path), path, message);
    }

    fn need(&mut self, path: &str) -> String {
        let text = self.values.text(path);
        if text.is_empty() {
            self.findings.problem(&self.values.node(path), path, "must be set for this backend");
        }
        text
    }

    pub(crate) fn s3(&mut self) -> S3 {
        let (values, key) = (self.values, |name: &str| format!("storage.trace.s3.{name}"));
        let text = |name: &str| values.text(&key(name));
        if values.boolean(&key("signature_v2")) {
            self.refuse(&key("signature_v2"), "signatures of version 2 are not made; version 4 is");
        }
        if !text("checksum_type").is_empty() {
            self.refuse(&key("checksum_type"), "checksums of S3's own are not sent");
        }
        let lookup = values.count(&key("bucket_lookup_type"));
        if lookup > 2 {
            self.findings.problem(
                &values.node(&key("bucket_lookup_type")),
                &key("bucket_lookup_type"),
                format!("{lookup} is not one of 0 (auto), 1 (host), 2 (path)"),
            );
        }
        let part_bytes = values.count(&key("part_size"));
        if part_bytes > 0 && part_bytes < PART_BYTES_MIN {
            let message =
                format!("{part_bytes} is below {PART_BYTES_MIN}, the least that S3 takes as a part");
            self.findings.problem(&values.node(&key("part_size")), &key("part_size"), message);
        }
        S3 {
            bucket: self.need(&key("bucket")),
            prefix: text("prefix"),
            endpoint: text("endpoint"),
            region: text("region"),
            access_key: text("access_key"),
            secret_key: text("secret_key"),
            session_token: text("session_token"),
            iam_role: text("iam_role"),
            insecure: values.boolean(&key("insecure")),
            lookup_by_path: values.boolean(&key("forcepathstyle")) || lookup == 2,
            lookup_by_host: lookup == 1,
            enable_dual_stack: values.boolean(&key("enable_dual_stack")),
            part_bytes,
            tags: self.text_map(&key("tags")),
            metadata: self.text_map(&key("metadata")),
            storage_class: text("storage_class"),
            sse: self.sse(),
            hedge: self.hedge("s3"),
            retry_attempts_max: values.size(&key("retry_max_attempts")).max(1),
            retry_backoff_initial: values.duration(&key("retry_backoff_initial")),
            retry_backoff_max: values.duration(&key("retry_backoff_max")),
            tls: self.tls("s3"),
        }
    }

    fn sse(&mut self) -> Sse {
        let (values, key) = (self.values, |name: &str| format!("storage.trace.s3.sse.{name}"));
        if !values.text(&key("kms_encryption_context")).is_empty() {
            self.refuse(&key("kms_encryption_context"), "an encryption context cannot be sent");
        }
        match &*values.text(&key("type")) {
            "" => Sse::Bucket,
            "SSE-S3" => Sse::S3,
            "SSE-KMS" => Sse::Kms(self.need(&key("kms_key_id"))),
            "SSE-C" => {
                let customer_key = values.text(&key("encryption_key"));
                if customer_key.len() != CUSTOMER_KEY_BYTES {
                    let message =
                        format!("is {} bytes long and must be {CUSTOMER_KEY_BYTES}", customer_key.len());
                    self.findings.problem(
                        &values.node(&key("encryption_key")),
                        &key("encryption_key"),
                        message,
                    );
                }
                Sse::Customer(customer_key)
            }
            other => {
                let message = format!("`{other}` is not one of SSE-S3, SSE-KMS, SSE-C");
                self.findings.problem(&values.node(&key("type")), &key("type"), message);
                Sse::Bucket
            }
        }
    }

    pub(crate) fn gcs(&mut self) -> Gcs {
        let (values, key) = (self.values, |name: &str| format!("storage.trace.gcs.{name}"));
        let text = |name: &str| values.text(&key(name));
        let (prefix, alias) = (text("prefix"), text("object_prefix"));
        if !prefix.is_empty() && !alias.is_empty() && prefix.trim_matches('/') != alias.trim_matches('/') {
            let message = "says something else than `prefix`; it is another name of it";
            self.findings.problem(&values.node(&key("object_prefix")), &key("object_prefix"), message);
        }
        Gcs {
            bucket_name: self.need(&key("bucket_name")),
            prefix: if prefix.is_empty() { alias } else { prefix },
            endpoint: text("endpoint"),
            insecure: values.boolean(&key("insecure")),
            part_bytes: values.count(&key("chunk_buffer_size")),
            object_cache_control: text("object_cache_control"),
            object_metadata: self.text_map(&key("object_metadata")),
            retries_max: values.size(&key("max_retries")),
            hedge: self.hedge("gcs"),
        }
    }

    pub(crate) fn azure(&mut self) -> Azure {
        let (values, key) = (self.values, |name: &str| format!("storage.trace.azure.{name}"));
        let text = |name: &str| values.text(&key(name));
        Azure {
            storage_account_name: text("storage_account_name"),
            storage_account_key: text("storage_account_key"),
            container_name: self.need(&key("container_name")),
            prefix: text("prefix"),
            endpoint_suffix: text("endpoint_suffix"),
            use_managed_identity: values.boolean(&key("use_managed_identity")),
            user_assigned_id: text("user_assigned_id"),
            use_federated_token: values.boolean(&key("use_federated_token")),
            part_bytes: values.count(&key("buffer_size")),
            hedge: self.hedge("azure"),
        }
    }

    fn hedge(&self, backend: &str) -> Hedge {
        let key = |name: &str| format!("storage.trace.{backend}.{name}");
        Hedge {
            at: self.values.duration(&key("hedge_requests_at")),
            requests_max: self.values.size(&key("hedge_requests_up_to")).max(1),
        }
    }

    fn tls(&mut self, backend: &str) -> ClientTls {
        let (values, key) = (self.values, |name: &str| format!("storage.trace.{backend}.{name}"));
        let path = |name: &str| PathBuf::from(values.text(&key(name)));
        let min = values.text(&key("tls_min_version"));
        // What is older than 1.2 is never spoken, so a lower minimum is kept as well.
        if !matches!(&*min, "" | "VersionTLS10" | "VersionTLS11" | "VersionTLS12" | "VersionTLS13") {
            let message =
                format!("`{min}` is not one of VersionTLS10, VersionTLS11, VersionTLS12, VersionTLS13");
            self.findings.problem(&values.node(&key("tls_min_version")), &key("tls_min_version"), message);
        }
        ClientTls {
            cert_path: path("tls_cert_path"),
            key_path: path("tls_key_path"),
            ca_path: path("tls_ca_path"),
            server_name: values.text(&key("tls_server_name")),
            insecure_skip_verify: values.boolean(&key("tls_insecure_skip_verify")),
            cipher_suites: texts(&values.node(&key("tls_cipher_suites"))),
            only_tls13: min == "VersionTLS13",
        }
    }

    fn text_map(&self, path: &str) -> BTreeMap<String, String> {
        match self.values.node(path).value {
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), scalar_text(&entry.node).unwrap_or_default().to_owned()))
                .collect(),
            _ => BTreeMap::new(),
        }
    }
}
