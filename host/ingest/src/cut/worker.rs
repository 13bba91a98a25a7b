//! One thread for all builds.
//!
//! A build takes tens of megabytes for a second. Allocators keep some of what a thread has freed for that
//! thread: on the pool for blocking work every thread would come to keep a build's worth.

use cadenza_env::Spawn;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// Runs work on one thread, in order. The thread ends with this.
pub(crate) struct Worker {
    spawn: Arc<dyn Spawn>,
    /// Unbounded, but each caller waits for its work: there is one builder.
    queue: Mutex<Option<Sender<Work>>>,
}

impl Worker {
    pub(crate) fn new(spawn: Arc<dyn Spawn>) -> Self {
        Self { spawn, queue: Mutex::new(None) }
    }

    fn send(&self, work: Work) {
        let mut queue = self.queue.lock();
        let sender = queue.get_or_insert_with(|| {
            let (sender, receiver) = channel::<Work>();
            let serve = move || receiver.iter().for_each(|work| work());
            self.spawn.spawn_thread("ingest-build", Box::new(serve));
            sender
        });
        if sender.send(work).is_err() {
            // The thread could not be started, or was killed: the next call tries another.
            *queue = None;
        }
    }

    /// The result of the work; `None` when it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        self.send(Box::new(move || {
            // The thread outlives a panic, which the hook has logged.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(work)) {
                drop(done.send(value));
            }
        }));
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadenza_env::sim::SimSpawn;

    #[tokio::test]
    async fn work_runs_on_one_thread_that_outlives_a_panic() {
        let worker = Worker::new(Arc::new(SimSpawn));
        let first = worker.run(|| std::thread::current().id()).await.expect("done");
        assert_ne!(first, std::thread::current().id());
        assert_eq!(worker.run(|| -> u32 { panic!("on purpose") }).await, None);
        assert_eq!(worker.run(|| std::thread::current().id()).await, Some(first));
    }
}
