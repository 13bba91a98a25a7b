//! Azure: Azurite.

use super::{BUCKET, PREFIX, Process, Store, address, tool};
use cadenza_objects::{Backend, Secret, azure};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::HttpRequest;
use std::process::Command;

/// The account that emulators have, and its key.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An Azure server with an empty container; `None` where it is not installed.
pub async fn azure() -> Option<Store> {
    let azurite = tool("CADENZA_TEST_AZURITE", "Azurite, the Azure server,")?;
    let (port, address) = address();
    let mut command = Command::new(azurite);
    command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    command.args(["--inMemoryPersistence", "--skipApiVersionCheck", "--silent"]);
    let process = Process::start(&mut command, port).await;
    make_container(&address).await;
    let config = azure::Config {
        account_name: ACCOUNT.to_owned(),
        account_key: Secret::new(KEY),
        container_name: BUCKET.to_owned(),
        prefix: PREFIX.to_owned(),
        endpoint_suffix: address.clone(),
        ..azure::Config::default()
    };
    let yaml = format!(
        "    backend: azure\n    azure:\n      container_name: {BUCKET}\n      prefix: {PREFIX}\n      endpoint_suffix: {address}\n      storage_account_name: {ACCOUNT}\n      storage_account_key: {KEY}\n"
    );
    Some(Store { process, backend: Backend::Azure(Box::new(config)), yaml })
}

async fn make_container(address: &str) {
    let url = format!("http://{address}/{ACCOUNT}/{BUCKET}?restype=container");
    let mut request: HttpRequest = http::Request::put(&url)
        .header(http::header::CONTENT_LENGTH, "0")
        .body(Vec::new().into())
        .expect("a request");
    let key = AzureCredential::AccessKey(AzureAccessKey::try_new(KEY).expect("a key"));
    AzureAuthorizer::new(&key, ACCOUNT).try_authorize(&mut request).expect("signed");
    let made = crate::http::client().put(&url).headers(request.headers().clone()).send().await;
    assert!(made.expect("an answer").status().is_success(), "the container cannot be made");
}
