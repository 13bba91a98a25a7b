//! Stores that fail: what the client makes of it.

use crate::support::{Server, env, object, said, store};
use cadenza_objects::s3::StaticKeys;
use cadenza_objects::{Backend, Metrics, Secret, http, s3};
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn client(server: &Server, http: http::Config, metrics: &Metrics) -> Arc<dyn ObjectStore> {
    let keys = StaticKeys {
        access_key: "a".to_owned(),
        secret_key: Secret::new("b"),
        session_token: Secret::default(),
    };
    let http = http::Config { insecure: true, ..http };
    let config = s3::Config {
        bucket: "traces".to_owned(),
        endpoint: server.address.clone(),
        keys,
        http,
        ..s3::Config::default()
    };
    store(&env(None), &[], Backend::S3(Box::new(config)), metrics).expect("a store")
}

fn quick() -> http::Config {
    let short = Duration::from_millis(1);
    http::Config { backoff_initial: short, backoff_max: short, ..http::Config::default() }
}

#[tokio::test]
async fn a_store_that_fails_a_third_of_its_requests_costs_less_than_twice_as_many() {
    let count = Arc::new(AtomicU64::new(0));
    let server = Server::start({
        let count = Arc::clone(&count);
        move |_| match count.fetch_add(1, Ordering::SeqCst) % 10 {
            0 | 4 => said(503, "<Error><Code>SlowDown</Code></Error>"),
            7 => said(429, ""),
            _ => object(),
        }
    })
    .await;
    let metrics = Metrics::new(&Registry::new());
    let store = client(&server, quick(), &metrics);
    for _ in 0..200 {
        store.get(&"t/a".into()).await.expect("tried again until it worked");
    }
    let sent = count.load(Ordering::SeqCst);
    assert!((200..400).contains(&sent), "{sent} requests for 200 objects");
    assert_eq!(metrics.retries_refused.get(), 0);
    let failed = metrics.request_duration_seconds.with_label_values(&["GET", "503"]).get_sample_count();
    assert!(failed >= 50, "each attempt is counted: {failed}");
}

#[tokio::test]
async fn an_outage_is_not_made_worse() {
    let server = Server::start(|_| said(503, "<Error><Code>ServiceUnavailable</Code></Error>")).await;
    let metrics = Metrics::new(&Registry::new());
    let store = client(&server, quick(), &metrics);
    for _ in 0..300 {
        store.get(&"t/a".into()).await.expect_err("an outage");
    }
    let sent = server.seen().len();
    assert!(sent <= 400, "{sent} requests for 300 objects: the budget holds 100 retries");
    let error = store.get(&"t/a".into()).await.expect_err("an outage").to_string();
    assert!(error.contains("503") && error.contains("budget of retries is spent"), "{error}");
}

#[tokio::test]
async fn what_a_retry_cannot_mend_is_not_retried() {
    for status in [400, 403, 404, 412] {
        let server = Server::start(move |_| said(status, "")).await;
        let metrics = Metrics::new(&Registry::new());
        client(&server, quick(), &metrics).get(&"t/a".into()).await.expect_err("refused");
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_says_that_the_object_is_there() {
    let count = Arc::new(AtomicU64::new(0));
    let server = Server::start(move |seen| {
        match (count.fetch_add(1, Ordering::SeqCst), seen.header("if-none-match")) {
            (0, "*") => said(500, ""),
            (_, "*") => said(412, ""),
            _ => said(400, "no condition"),
        }
    })
    .await;
    let metrics = Metrics::new(&Registry::new());
    let store = client(&server, quick(), &metrics);
    let created = store.put_opts(&"t/claim".into(), b"x".to_vec().into(), PutMode::Create.into()).await;
    assert!(matches!(created, Err(object_store::Error::AlreadyExists { .. })), "{created:?}");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_no_success() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await;
            let head = "HTTP/1.1 206 Partial Content\r\ncontent-length: 100\r\ncontent-range: bytes 0-99/100\r\netag: \"1\"\r\nlast-modified: Tue, 01 Dec 2026 00:00:00 GMT\r\nconnection: close\r\n\r\nonly this";
            let _ = connection.write_all(head.as_bytes()).await;
        }
    });
    let server = Server::start(|_| object()).await;
    let server = Server { address, ..server };
    let metrics = Metrics::new(&Registry::new());
    let store = client(&server, http::Config { attempts_max: 2, ..quick() }, &metrics);
    store.get_range(&"t/a".into(), 0..100).await.expect_err("nine of a hundred bytes");
}
