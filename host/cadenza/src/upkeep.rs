//! What keeps the bucket in order as long as the server lives: polling, compaction, retention.

use crate::wire::{App, ServerStatus, Upkeep};
use cadenza_env::Clock;
use cadenza_store::{BuildBlock, MoveInReport, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two tries to list a bucket that could not be listed.
const POLL_RETRY: Duration = Duration::from_secs(5);

/// Between two tries to move in what could not be moved in.
const MOVE_IN_RETRY: Duration = Duration::from_secs(30);

/// Lists the bucket once; true when that worked.
pub(crate) async fn poll(store: &Store, status: &ServerStatus) -> bool {
    match store.poll().await {
        Ok(report) => {
            tracing::info!(tenants = report.tenants, blocks = report.blocks, "block list polled");
            status.set_store_listed();
            true
        }
        Err(error) => {
            tracing::warn!(%error, "the bucket could not be listed, the old block list stays");
            false
        }
    }
}

/// Starts the loops.
pub(crate) fn spawn(app: &App, stop: &CancellationToken) {
    let (store, status) = (Arc::clone(&app.store), Arc::clone(&app.status));
    let clock = Arc::clone(&app.env.clock);
    let token = stop.clone();
    let mut listed = status.is_store_listed();
    let polling = async move {
        loop {
            let pause = if listed { store.poll_interval() } else { POLL_RETRY };
            if !wait(&*clock, pause, &token).await {
                return;
            }
            listed = poll(&store, &status).await;
        }
    };
    app.env.spawn.spawn("blocklist-poll", Box::pin(polling));
    if !app.loaded.config.storage.read_only {
        let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.env.clock));
        let paths = app.loaded.config.storage.tempo_paths.clone();
        let moving = move_in(store, clock, paths, Arc::clone(&app.build), stop.clone());
        app.env.spawn.spawn("move-in", Box::pin(moving));
    }
    // Neither does anything before the bucket was listed: there are no tenants.
    let Some(upkeep) = &app.upkeep else { return };
    let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.env.clock));
    app.env.spawn.spawn("compaction", Box::pin(compact(store, clock, Arc::clone(upkeep), stop.clone())));
    let (store, clock) = (Arc::clone(&app.store), Arc::clone(&app.env.clock));
    app.env.spawn.spawn("retention", Box::pin(retain(store, clock, Arc::clone(upkeep), stop.clone())));
}

/// False when the server stops.
async fn wait(clock: &dyn Clock, pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = clock.sleep(pause) => true,
    }
}

/// What a Tempo left on this machine's disk, until nothing is left that can be moved.
async fn move_in(
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    mut paths: Vec<PathBuf>,
    build: Arc<BuildBlock>,
    stop: CancellationToken,
) {
    while !paths.is_empty() {
        let mut again = Vec::new();
        for path in paths {
            let report = store.move_in(path.clone(), Arc::clone(&build)).await;
            if report != MoveInReport::default() {
                tracing::info!(
                    path = %path.display(), moved = report.moved, removed = report.removed,
                    failed = report.failed, left = report.left, "moving in from Tempo"
                );
            }
            if report.failed > 0 {
                again.push(path);
            }
        }
        paths = again;
        if !paths.is_empty() && !wait(&*clock, MOVE_IN_RETRY, &stop).await {
            return;
        }
    }
}

async fn compact(store: Arc<Store>, clock: Arc<dyn Clock>, upkeep: Arc<Upkeep>, stop: CancellationToken) {
    let mut stood_down = false;
    let mut probed = upkeep.compaction.dry_run;
    while wait(&*clock, upkeep.cycle, &stop).await {
        if !probed {
            match store.keeps_claims(&upkeep.compaction.owner).await {
                Ok(true) => probed = true,
                Ok(false) => {
                    tracing::warn!(
                        "the store passes over conditions of writes: compactors cannot keep out of each other's \
                         way, so let only one of several servers compact (compactor.disabled)"
                    );
                    probed = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "the bucket does not answer; compaction waits");
                    continue;
                }
            }
        }
        match store.compact(&upkeep.compaction, &*upkeep.settings).await {
            Ok(report) => {
                if report.stood_down && !stood_down {
                    tracing::info!(
                        "a scheduler of Tempo's compacts this bucket; ours stands down while it does"
                    );
                }
                stood_down = report.stood_down;
                if report.outputs + report.inputs > 0 {
                    tracing::info!(blocks = report.outputs, inputs = report.inputs, "compacted");
                }
            }
            Err(error) => tracing::warn!(%error, "the bucket does not answer; compaction waits"),
        }
    }
}

async fn retain(store: Arc<Store>, clock: Arc<dyn Clock>, upkeep: Arc<Upkeep>, stop: CancellationToken) {
    let mut spared = 0;
    while wait(&*clock, upkeep.retention_interval, &stop).await {
        match store.retain(&upkeep.compaction, &*upkeep.settings).await {
            Ok(report) => {
                if report.spared != spared {
                    tracing::warn!(
                        blocks = report.spared,
                        "blocks with spans of Tempo's are past the default retention and stay: \
                         set compactor.compaction.block_retention to have them deleted"
                    );
                }
                spared = report.spared;
                if report.marked + report.deleted > 0 {
                    tracing::info!(marked = report.marked, deleted = report.deleted, "retention");
                }
            }
            Err(error) => tracing::warn!(%error, "the bucket does not answer; retention waits"),
        }
    }
}
