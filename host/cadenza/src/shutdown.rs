//! Signals: the first one drains, the second one stops at once.

use cadenza_env::Spawn;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a second signal exits with: the shell's convention for "interrupted".
const INTERRUPTED_EXIT_CODE: i32 = 130;

/// A token that the first SIGTERM or SIGINT cancels.
pub(crate) fn on_signal(spawn: &Arc<dyn Spawn>) -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = stop.clone();
    spawn.spawn(
        "signals",
        Box::pin(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if token.is_cancelled() {
                    tracing::warn!("second signal, stopping at once");
                    std::process::exit(INTERRUPTED_EXIT_CODE);
                }
                tracing::info!("signal received, draining");
                token.cancel();
            }
        }),
    );
    Ok(stop)
}
