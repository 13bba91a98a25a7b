//! Who signs, against servers that hand out tokens as the clouds do.

use crate::support::{Seen, Server, env, object, said, store};
use axum::response::Response;
use cadenza_env::ManualClock;
use cadenza_objects::http;
use cadenza_objects::s3::StaticKeys;
use cadenza_objects::{Backend, Metrics, Secret, azure, gcs, s3};
use object_store::{ObjectStore, ObjectStoreExt};
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Wall time at which these tests begin.
const START_S: u64 = 1_800_000_000;

fn s3(server: &Server) -> s3::Config {
    s3::Config {
        bucket: "traces".to_owned(),
        endpoint: server.address.clone(),
        http: http::Config { insecure: true, attempts_max: 1, ..http::Config::default() },
        ..s3::Config::default()
    }
}

async fn read(store: &dyn ObjectStore) -> Result<(), String> {
    store.get(&"t/a".into()).await.map(drop).map_err(|error| error.to_string())
}

/// The key of a signed request.
fn signer(seen: &Seen) -> String {
    let header = seen.header("authorization");
    let (_, rest) = header.split_once("Credential=").unwrap_or_default();
    rest.split('/').next().unwrap_or_default().to_owned()
}

fn metrics() -> Metrics {
    Metrics::new(&Registry::new())
}

/// The variables and files of the chain, and who signs in the end.
async fn check(variables: &[(&str, &str)], keys: StaticKeys, expect: &str) {
    let server = Server::start(|_| object()).await;
    let config = s3::Config { keys, ..s3(&server) };
    let store = store(&env(None), variables, Backend::S3(Box::new(config)), &metrics()).expect("a store");
    read(store.as_ref()).await.expect("an answer");
    assert_eq!(signer(&server.seen()[0]), expect);
}

#[tokio::test]
async fn the_first_source_with_credentials_signs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a path").to_owned()
    };
    let shared = file(
        "credentials",
        "[default]\naws_access_key_id=shared\naws_secret_access_key=x\n[ops]\naws_access_key_id=ops\naws_secret_access_key=x\n",
    );
    let client = file("config.json", r#"{"aliases":{"s3":{"accessKey":"client","secretKey":"x"}}}"#);
    let written = StaticKeys {
        access_key: "written".to_owned(),
        secret_key: Secret::new("x"),
        session_token: Secret::default(),
    };
    let amazon = [("AWS_ACCESS_KEY_ID", "variable"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let minio = [("MINIO_ACCESS_KEY", "minio"), ("MINIO_SECRET_KEY", "x")];
    let files = [("AWS_SHARED_CREDENTIALS_FILE", &*shared), ("MINIO_SHARED_CREDENTIALS_FILE", &*client)];
    let all = [&amazon[..], &minio[..], &files[..]].concat();
    check(&all, written, "written").await;
    check(&all, StaticKeys::default(), "variable").await;
    check(&all[2..], StaticKeys::default(), "minio").await;
    check(&files, StaticKeys::default(), "shared").await;
    check(&[&files[..], &[("AWS_PROFILE", "ops")]].concat(), StaticKeys::default(), "ops").await;
    check(&files[1..], StaticKeys::default(), "client").await;
}

/// What Amazon's token service answers; the key says how often it was asked.
fn sts(action: &str, count: u64, expires_s: u64) -> Response {
    let expires = chrono::DateTime::from_timestamp(expires_s as i64, 0).expect("a time").to_rfc3339();
    said(
        200,
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials><AccessKeyId>session{count}</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>token{count}</SessionToken><Expiration>{expires}</Expiration></Credentials></{action}Result></{action}Response>"
        ),
    )
}

#[tokio::test]
async fn a_role_is_assumed_and_renewed_before_it_ends() {
    let clock = ManualClock::at(START_S * 1_000_000_000);
    let asked = Arc::new(AtomicU64::new(0));
    let fails_from = 3;
    let server = Server::start({
        let (clock, asked) = (clock.clone(), Arc::clone(&asked));
        move |seen| {
            if seen.method != "POST" {
                return object();
            }
            let count = asked.fetch_add(1, Ordering::SeqCst) + 1;
            if count >= fails_from {
                return said(403, "<Error><Code>AccessDenied</Code></Error>");
            }
            sts("AssumeRole", count, cadenza_env::Clock::unix_seconds(&clock) + 3600)
        }
    })
    .await;
    let keys = StaticKeys {
        access_key: "base".to_owned(),
        secret_key: Secret::new("x"),
        session_token: Secret::default(),
    };
    let role = "arn:aws:iam::123456789012:role/tempo-s3-role";
    let config = s3::Config { keys, iam_role: role.to_owned(), ..s3(&server) };
    let sts_url = format!("http://{}", server.address);
    let store = store(
        &env(Some(clock.clone())),
        &[("AWS_ENDPOINT_URL_STS", &sts_url)],
        Backend::S3(Box::new(config)),
        &metrics(),
    )
    .expect("a store");
    let signed = || {
        let seen = server.seen();
        let last = seen.last().expect("a request");
        (signer(last), last.header("x-amz-security-token").to_owned())
    };
    read(store.as_ref()).await.expect("an answer");
    assert_eq!(signed(), ("session1".into(), "token1".into()));
    let assumed = &server.seen()[0];
    assert_eq!(signer(assumed), "base");
    assert!(
        assumed.body.contains("Action=AssumeRole&") && assumed.body.contains("role%2Ftempo-s3-role"),
        "{}",
        assumed.body
    );
    clock.advance(Duration::from_secs(3000));
    read(store.as_ref()).await.expect("an answer");
    assert_eq!(signed().0, "session1");
    clock.advance(Duration::from_secs(301));
    read(store.as_ref()).await.expect("an answer");
    assert_eq!(signed().0, "session2");
    // A renewal that fails leaves the old session in use until its end.
    clock.advance(Duration::from_secs(3301));
    read(store.as_ref()).await.expect("the old session holds");
    assert_eq!(signed().0, "session2");
    clock.advance(Duration::from_secs(300));
    let error = read(store.as_ref()).await.expect_err("no session");
    assert!(error.contains("could not be assumed") && error.contains("AccessDenied"), "{error}");
}

#[tokio::test]
async fn a_role_that_is_none_is_refused() {
    let server = Server::start(|_| object()).await;
    let config = s3::Config { iam_role: "tempo".to_owned(), ..s3(&server) };
    let error = store(&env(None), &[], Backend::S3(Box::new(config)), &metrics()).expect_err("no role");
    assert_eq!(error, "storage.trace.s3.iam_role: `tempo` is no role (arn:aws:iam::ACCOUNT:role/NAME)");
}

#[tokio::test]
async fn a_web_identity_is_exchanged_and_its_file_read_anew() {
    let asked = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let asked = Arc::clone(&asked);
        // Its sessions end at once, so each request needs a new one.
        move |seen| match (seen.method.as_str(), seen.uri.query().unwrap_or_default()) {
            ("POST", _) => {
                sts("AssumeRoleWithWebIdentity", asked.fetch_add(1, Ordering::SeqCst) + 1, 1_000_000_000)
            }
            _ => object(),
        }
    })
    .await;
    let token = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(token.path(), "first").expect("written");
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().to_str().expect("a path")),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_ENDPOINT_URL_STS", &format!("http://{}", server.address)),
    ];
    let store =
        store(&env(None), &variables, Backend::S3(Box::new(s3(&server))), &metrics()).expect("a store");
    for (text, signer_expected) in [("first", "session1"), ("second", "session2")] {
        std::fs::write(token.path(), text).expect("written");
        read(store.as_ref()).await.expect("an answer");
        let seen = server.seen();
        let asked = seen.iter().rfind(|seen| seen.method == "POST").expect("asked");
        let said = format!("{}{}", asked.uri, asked.body);
        assert!(said.contains(&format!("WebIdentityToken={text}")), "{said}");
        assert_eq!(signer(seen.last().expect("a request")), signer_expected);
    }
}

#[tokio::test]
async fn the_instance_hands_out_credentials() {
    let server = Server::start(|seen| match seen.uri.path() {
        "/latest/api/token" => said(200, "metadata-token"),
        "/latest/meta-data/iam/security-credentials/" => said(200, "role"),
        "/latest/meta-data/iam/security-credentials/role" => said(
            200,
            r#"{"AccessKeyId":"instance","SecretAccessKey":"x","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#,
        ),
        _ => object(),
    })
    .await;
    let endpoint = format!("http://{}", server.address);
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*endpoint)];
    let store =
        store(&env(None), &variables, Backend::S3(Box::new(s3(&server))), &metrics()).expect("a store");
    read(store.as_ref()).await.expect("an answer");
    assert_eq!(signer(server.seen().last().expect("a request")), "instance");
}

#[tokio::test]
async fn azures_federated_token_is_exchanged() {
    let server = Server::start(|seen| match seen.uri.path() {
        "/tenant/oauth2/v2.0/token" => said(200, r#"{"access_token":"bearer","expires_in":3600}"#),
        _ => object(),
    })
    .await;
    let token = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(token.path(), "federated").expect("written");
    let config = azure::Config {
        account_name: "traces".to_owned(),
        container_name: "blocks".to_owned(),
        endpoint_suffix: server.address.clone(),
        identity: azure::Identity::Federated,
        ..azure::Config::default()
    };
    let variables = [
        ("AZURE_CLIENT_ID", "client"),
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_FEDERATED_TOKEN_FILE", token.path().to_str().expect("a path")),
        ("AZURE_AUTHORITY_HOST", &format!("http://{}", server.address)),
    ];
    let backend = Backend::Azure(Box::new(config));
    let without = store(&env(None), &variables[1..], backend.clone(), &metrics()).expect_err("no client");
    assert_eq!(
        without,
        "storage.trace.azure.use_federated_token: needs AZURE_CLIENT_ID, which workload identity sets"
    );
    let store = store(&env(None), &variables, backend, &metrics()).expect("a store");
    read(store.as_ref()).await.expect("an answer");
    let seen = server.seen();
    assert!(seen[0].body.contains("client_assertion=federated"), "{}", seen[0].body);
    assert_eq!(seen[1].header("authorization"), "Bearer bearer");
    assert_eq!(seen[1].uri.path(), "/traces/blocks/t/a");
}

#[tokio::test]
async fn azures_machine_hands_out_a_token() {
    let server = Server::start(|seen| match seen.uri.path() {
        "/msi/token" => {
            said(200, r#"{"access_token":"machine","expires_on":"4102444800","token_type":"Bearer"}"#)
        }
        _ => object(),
    })
    .await;
    let config = azure::Config {
        account_name: "traces".to_owned(),
        container_name: "blocks".to_owned(),
        endpoint_suffix: server.address.clone(),
        identity: azure::Identity::Managed { client_id: "chosen".to_owned() },
        ..azure::Config::default()
    };
    let endpoint = format!("http://{}/msi/token", server.address);
    let variables = [("IDENTITY_ENDPOINT", &*endpoint)];
    let store = store(&env(None), &variables, Backend::Azure(Box::new(config)), &metrics()).expect("a store");
    read(store.as_ref()).await.expect("an answer");
    let seen = server.seen();
    assert!(seen[0].uri.query().unwrap_or_default().contains("client_id=chosen"), "{}", seen[0].uri);
    assert_eq!(seen[1].header("authorization"), "Bearer machine");
}

#[tokio::test]
async fn a_key_that_is_missing_is_named() {
    let config = azure::Config { container_name: "blocks".to_owned(), ..azure::Config::default() };
    let check = |config: azure::Config, expect: &str| {
        let error =
            store(&env(None), &[], Backend::Azure(Box::new(config)), &metrics()).expect_err("missing");
        assert_eq!(error, expect);
    };
    check(
        config.clone(),
        "storage.trace.azure.storage_account_name: is missing, and so is AZURE_STORAGE_ACCOUNT",
    );
    let config = azure::Config { account_name: "a".to_owned(), ..config };
    check(config, "storage.trace.azure.storage_account_key: is missing, and so is AZURE_STORAGE_KEY");
}

#[tokio::test]
async fn googles_credentials_come_from_the_file_that_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let check = |text: &str| {
        std::fs::write(file.path(), text).expect("written");
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", file.path().to_str().expect("a path"))];
        let config = gcs::Config { bucket_name: "traces".to_owned(), ..gcs::Config::default() };
        store(&env(None), &variables, Backend::Gcs(Box::new(config)), &metrics())
    };
    let user = r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}"#;
    check(user).expect("a store");
    let error = check(r#"{"type":"nonsense"}"#).expect_err("unknown");
    assert!(error.contains("nonsense"), "{error}");
}
