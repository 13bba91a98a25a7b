//! Every section of every frame of a log, unpacked.

use super::{Canaries, Found, files};
use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_model::Columns;
use cadenza_wal::{Config, DamageKind, ReplayItem, Sections, Wal};
use prometheus::Registry;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// What was looked through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    pub frames: usize,
    pub spans: usize,
    pub controls: usize,
}

/// Opens a copy of the log, as the server's own is locked or still written to, and searches all it holds.
///
/// # Panics
/// When the log cannot be read, but for the end that a kill leaves unfinished.
pub fn search(log: &Path, canaries: &Canaries, found: &mut Found) -> Searched {
    let copy = TempDir::new().expect("a folder");
    for path in files::all(log) {
        let name = path.file_name().expect("a file has a name");
        // A segment may be released while we look; then its spans are in a block.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        std::fs::write(copy.path().join(name), bytes).expect("copying the log");
    }
    let env = Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
    };
    let (wal, _committer) =
        Wal::open_stepped(env, Config::at(copy.path()), &Registry::new()).expect("the copy opens");
    // Replay lets go of segments that hold nothing; the guard keeps the others readable.
    let guard = wal.pin();
    let (mut searched, mut frames) = (Searched::default(), Vec::new());
    let stats = wal.replay(|item| {
        match item {
            ReplayItem::Spans(frame) => {
                canaries.search("tenant in a frame", frame.tenant.as_str().as_bytes(), found);
                frames.push(frame.pos);
            }
            ReplayItem::Control(_, control) => {
                searched.controls += 1;
                canaries.search("control entry", format!("{control:?}").as_bytes(), found);
            }
            ReplayItem::Damage(damage) => {
                assert_eq!(damage.kind, DamageKind::TornTail, "{damage:?}");
            }
            other => panic!("an item that is not searched: {other:?}"),
        }
        ControlFlow::Continue(())
    });
    for pos in frames {
        let columns = guard.read(&pos, Sections::ALL).expect("a frame that replay has found");
        searched.frames += 1;
        searched.spans += columns.spans.len();
        search_columns(&format!("frame at {}:{}", pos.segment, pos.offset), &columns, canaries, found);
    }
    assert_eq!(stats.spans, searched.spans as u64, "every span was looked at");
    searched
}

/// Dictionaries hold every text and nested value, used or not; ids and numbers are searched as bytes too.
fn search_columns(source: &str, columns: &Columns, canaries: &Canaries, found: &mut Found) {
    let mut numbers = Vec::new();
    numbers.extend(columns.spans.trace_id.iter().flat_map(|id| id.0));
    numbers.extend(columns.spans.span_id.iter().flat_map(|id| id.bytes()));
    numbers.extend(columns.spans.parent_id.iter().flat_map(|id| id.bytes()));
    numbers.extend(columns.links.trace_id.iter().flat_map(|id| id.0));
    numbers.extend(columns.links.span_id.iter().flat_map(|id| id.bytes()));
    let attrs = [
        &columns.span_attrs,
        &columns.event_attrs,
        &columns.link_attrs,
        &columns.scope_attrs,
        &columns.resource_attrs,
    ];
    numbers.extend(attrs.into_iter().flat_map(|attrs| &attrs.val).flat_map(|val| val.to_le_bytes()));
    for (section, bytes) in [
        ("names", columns.names.arena()),
        ("values", columns.values.arena()),
        ("raw", columns.raw.arena()),
        ("ids and numbers", &numbers),
    ] {
        canaries.search(&format!("{source}, {section}"), bytes, found);
    }
}
