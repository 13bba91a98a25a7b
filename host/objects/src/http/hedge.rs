//! A slow read is sent again, and whichever answers first wins.

use async_trait::async_trait;
use cadenza_env::Clock;
use futures::StreamExt;
use futures::future::{BoxFuture, Either, select};
use futures::stream::FuturesUnordered;
use http::Method;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use prometheus::IntCounter;
use std::sync::Arc;
use std::time::Duration;

/// Hedges `GET`s; everything else goes through as it is.
pub(super) struct Hedged {
    inner: HttpClient,
    at: Duration,
    requests_max: usize,
    sent_again: IntCounter,
    clock: Arc<dyn Clock>,
}

impl Hedged {
    /// `requests_max` counts the first request, too.
    pub(super) fn new(
        inner: HttpClient,
        at: Duration,
        requests_max: usize,
        sent_again: IntCounter,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { inner, at, requests_max, sent_again, clock }
    }

    fn send(&self, request: &HttpRequest) -> BoxFuture<'static, Result<HttpResponse, HttpError>> {
        let (client, request) = (self.inner.clone(), request.clone());
        Box::pin(async move { client.execute(request).await })
    }
}

impl std::fmt::Debug for Hedged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hedged")
    }
}

#[async_trait]
impl HttpService for Hedged {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.method() != Method::GET {
            return self.inner.execute(request).await;
        }
        let mut under_way = FuturesUnordered::new();
        under_way.push(self.send(&request));
        let mut sent = 1;
        loop {
            if sent >= self.requests_max {
                return under_way.next().await.expect("one is under way");
            }
            match select(under_way.next(), self.clock.sleep(self.at)).await {
                Either::Left((answer, _)) => return answer.expect("one is under way"),
                Either::Right(_) => {
                    self.sent_again.inc();
                    sent += 1;
                    under_way.push(self.send(&request));
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use cadenza_env::ManualClock;
    use object_store::client::HttpErrorKind;
    use parking_lot::Mutex;
    use std::collections::VecDeque;

    /// Answers as it is told, and then not at all.
    #[derive(Debug, Default)]
    pub(in crate::http) struct Scripted {
        answers: Mutex<VecDeque<Option<u16>>>,
    }

    impl Scripted {
        pub(in crate::http) fn silent() -> Self {
            Self::default()
        }

        /// Status codes in order; `None` for a connection that breaks.
        pub(in crate::http) fn of(answers: impl IntoIterator<Item = Option<u16>>) -> Self {
            Self { answers: Mutex::new(answers.into_iter().collect()) }
        }
    }

    #[async_trait]
    impl HttpService for Scripted {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            let next = self.answers.lock().pop_front();
            match next {
                Some(Some(0)) | None => std::future::pending().await,
                Some(Some(status)) => Ok(http::Response::builder()
                    .status(status)
                    .body("said".to_owned().into())
                    .expect("a response")),
                Some(None) => {
                    Err(HttpError::new(HttpErrorKind::Request, std::io::Error::other("the connection broke")))
                }
            }
        }
    }

    fn request(method: Method) -> HttpRequest {
        http::Request::builder().method(method).uri("http://x/").body(Vec::new().into()).expect("a request")
    }

    /// The first request is never answered; how many are sent in all, and whether the caller has its answer.
    async fn check(method: Method, max: usize, others: &[u16], sent: u64, answered: bool) {
        let clock = ManualClock::default();
        let script = std::iter::once(Some(0)).chain(others.iter().map(|status| Some(*status)));
        let counter = IntCounter::new("sent", "sent").expect("a metric");
        let at = Duration::from_millis(500);
        let inner = HttpClient::new(Scripted::of(script));
        let service = Hedged::new(inner, at, max, counter.clone(), Arc::new(clock.clone()));
        let call = tokio::task::unconstrained(service.call(request(method)));
        tokio::pin!(call);
        let mut done = false;
        for _ in 0..8 {
            done = done || futures::poll!(&mut call).is_ready();
            if done {
                break;
            }
            clock.advance(at);
        }
        assert_eq!((1 + counter.get(), done), (sent, answered));
    }

    #[tokio::test]
    async fn a_slow_read_is_sent_again_up_to_the_limit() {
        check(Method::GET, 2, &[200], 2, true).await;
        check(Method::GET, 2, &[], 2, false).await;
        check(Method::GET, 3, &[0, 200], 3, true).await;
        check(Method::GET, 1, &[200], 1, false).await;
    }

    #[tokio::test]
    async fn a_write_is_sent_once() {
        check(Method::PUT, 3, &[200], 1, false).await;
        check(Method::DELETE, 3, &[200], 1, false).await;
    }
}
