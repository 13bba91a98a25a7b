//! Tasks without a runtime.

use crate::{BoxFuture, Spawn};

/// Runs blocking work at once on the caller's thread, and everything else on threads of its own.
#[derive(Debug, Default, Clone, Copy)]
pub struct SimSpawn;

impl Spawn for SimSpawn {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime of one thread can be built").block_on(task);
        };
        self.spawn_thread(name, Box::new(run));
    }

    fn spawn_blocking(&self, _name: &'static str, work: Box<dyn FnOnce() + Send>) {
        work();
    }

    fn spawn_thread(&self, name: &'static str, work: Box<dyn FnOnce() + Send>) {
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        drop(started.expect("the system can start one more thread"));
    }
}
