//! An attempt that takes too long is given up.

use async_trait::async_trait;
use bytes::Bytes;
use cadenza_env::Clock;
use futures::future::{BoxFuture, Either, select};
use hyper::body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Until the headers of the answer are there, for a request without a body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A body must go out at this speed, in bytes per second: below it a flush would never end.
const UPLOAD_BYTES_PER_S_MIN: u64 = 512 << 10;
/// However long the body is: more is not sent in one request.
const UPLOAD_TIMEOUT_MAX: Duration = Duration::from_secs(1800);

/// A body that brings nothing for so long is given up.
const STALLED_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum TimedOut {
    #[error("no answer within {}s", .0.as_secs())]
    Answer(Duration),
    #[error("the answer stalled for {}s", .0.as_secs())]
    Body(Duration),
}

/// Gives each attempt a time that fits the length of its body.
pub(super) struct Deadline {
    inner: HttpClient,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    pub(super) fn new(inner: HttpClient, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock }
    }
}

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deadline")
    }
}

fn timeout(body_bytes: u64) -> Duration {
    let upload = Duration::from_secs(body_bytes / UPLOAD_BYTES_PER_S_MIN);
    (ANSWER_TIMEOUT + upload).min(UPLOAD_TIMEOUT_MAX)
}

#[async_trait]
impl HttpService for Deadline {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let timeout = timeout(request.body().content_length() as u64);
        let late = self.clock.sleep(timeout);
        match select(Box::pin(self.inner.execute(request)), late).await {
            Either::Left((answer, _)) => Ok(answer?.map(|body| watched(body, Arc::clone(&self.clock)))),
            Either::Right(_) => Err(HttpError::new(HttpErrorKind::Timeout, TimedOut::Answer(timeout))),
        }
    }
}

/// A body that fails when it stalls.
struct Watched {
    body: HttpResponseBody,
    clock: Arc<dyn Clock>,
    // A mutex that is never locked makes it `Sync`, as bodies must be.
    late: Option<Mutex<BoxFuture<'static, ()>>>,
}

fn watched(body: HttpResponseBody, clock: Arc<dyn Clock>) -> HttpResponseBody {
    HttpResponseBody::new(Watched { body, clock, late: None })
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.late = None;
            return Poll::Ready(frame);
        }
        let late = this.late.get_or_insert_with(|| Mutex::new(this.clock.sleep(STALLED_TIMEOUT)));
        match late.get_mut().as_mut().poll(context) {
            Poll::Ready(()) => {
                let stalled = TimedOut::Body(STALLED_TIMEOUT);
                Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Timeout, stalled))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::hedge::tests::Scripted;
    use cadenza_env::ManualClock;
    use futures::{StreamExt, stream};
    use http_body_util::StreamBody;

    #[tokio::test]
    async fn an_attempt_without_an_answer_ends_when_its_time_is_over() {
        let clock = ManualClock::default();
        let service = Deadline::new(HttpClient::new(Scripted::silent()), Arc::new(clock.clone()));
        let request = http::Request::get("http://x/").body(Vec::new().into()).expect("a request");
        let call = tokio::task::unconstrained(service.call(request));
        tokio::pin!(call);
        assert!(futures::poll!(&mut call).is_pending());
        clock.advance(ANSWER_TIMEOUT - Duration::from_millis(1));
        assert!(futures::poll!(&mut call).is_pending());
        clock.advance(Duration::from_millis(1));
        let error = call.await.expect_err("too late");
        assert_eq!(
            (error.kind(), error.to_string()),
            (HttpErrorKind::Timeout, "HTTP error: no answer within 30s".into())
        );
    }

    #[tokio::test]
    async fn a_body_that_stalls_fails() {
        let clock = ManualClock::default();
        let chunk = |text: &'static str| Ok::<_, HttpError>(Frame::data(Bytes::from(text)));
        let body = StreamBody::new(stream::iter([chunk("a"), chunk("b")]).chain(stream::pending()));
        let mut watched = watched(HttpResponseBody::new(body), Arc::new(clock.clone())).bytes_stream();
        assert_eq!(watched.next().await.expect("a chunk").expect("whole"), "a");
        assert_eq!(watched.next().await.expect("a chunk").expect("whole"), "b");
        let next = tokio::task::unconstrained(watched.next());
        tokio::pin!(next);
        assert!(futures::poll!(&mut next).is_pending());
        clock.advance(STALLED_TIMEOUT);
        let error = next.await.expect("an error").expect_err("stalled");
        assert_eq!(error.to_string(), "HTTP error: the answer stalled for 30s");
    }

    #[test]
    fn a_long_body_has_longer() {
        assert_eq!(timeout(0), ANSWER_TIMEOUT);
        assert_eq!(timeout(100 << 20), ANSWER_TIMEOUT + Duration::from_secs(200));
        assert_eq!(timeout(u64::MAX), UPLOAD_TIMEOUT_MAX);
    }
}
