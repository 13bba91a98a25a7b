//! Concurrency as an argument.

use std::future::Future;
use std::pin::Pin;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts tasks. Names appear in logs and in the task metrics.
pub trait Spawn: Send + Sync + 'static {
    /// Runs a future to its end, independently of the caller. A panic in it is logged, not propagated.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);

    /// Runs blocking or CPU-bound work off the async workers. A panic in it is logged, not propagated.
    fn spawn_blocking(&self, name: &'static str, work: Box<dyn FnOnce() + Send>);

    /// Runs work on a thread of its own, for loops that live as long as the server.
    fn spawn_thread(&self, name: &'static str, work: Box<dyn FnOnce() + Send>);
}

impl dyn Spawn {
    /// [`Spawn::spawn_blocking`] with a result. `None` when the work panicked.
    pub async fn blocking<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = tokio::sync::oneshot::channel();
        self.spawn_blocking(name, Box::new(move || drop(done.send(work()))));
        result.await.ok()
    }
}
