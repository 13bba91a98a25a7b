//! S3: moto's server.

use super::{BUCKET, PREFIX, Process, Store, address, tool};
use cadenza_objects::{Backend, Secret, http, s3};
use std::path::Path;
use std::process::Command;

/// An S3 server with an empty bucket; `None` where it is not installed.
pub async fn s3() -> Option<Store> {
    let python = tool("CADENZA_TEST_STORES_PYTHON", "moto, the S3 server,")?;
    let (process, address) = moto(&python).await;
    let config = s3::Config {
        bucket: BUCKET.to_owned(),
        prefix: PREFIX.to_owned(),
        endpoint: address.clone(),
        keys: s3::StaticKeys {
            access_key: "key".to_owned(),
            secret_key: Secret::new("secret"),
            session_token: Secret::default(),
        },
        http: http::Config { insecure: true, ..http::Config::default() },
        ..s3::Config::default()
    };
    let yaml = format!(
        "    backend: s3\n    s3:\n      bucket: {BUCKET}\n      prefix: {PREFIX}\n      endpoint: {address}\n      access_key: key\n      secret_key: secret\n      insecure: true\n"
    );
    Some(Store { process, backend: Backend::S3(Box::new(config)), yaml })
}

/// A server with the bucket, and its address.
pub(super) async fn moto(python: &Path) -> (Process, String) {
    let (port, address) = address();
    let mut command = Command::new(python);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let process = Process::start(&mut command, port).await;
    let made = crate::http::client().put(format!("http://{address}/{BUCKET}")).send().await;
    assert!(made.expect("an answer").status().is_success(), "the bucket cannot be made");
    (process, address)
}
