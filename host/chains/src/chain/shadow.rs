//! A plugin that works on copies: what it would do is counted, and nobody waits for it.

use super::rows::Fates;
use super::segment::Segment;
use cadenza_env::Spawn;
use cadenza_model::Columns;
use prometheus::IntCounter;
use serde_json::{Map, Value};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Copies that all shadows of the server work on at once: each holds a batch and a thread. One that finds no place
/// is not made.
const COPIES_MAX: usize = 4;
/// Copies of one shadow among them: a slow one leaves room for others.
const COPIES_OF_ONE_MAX: usize = 1;

/// Where shadows of all tenants work. Cheap to clone.
#[derive(Clone)]
pub struct Shadows {
    spawn: Arc<dyn Spawn>,
    copies: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Shadows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadows").field("copies", &self.copies).finish_non_exhaustive()
    }
}

impl Shadows {
    /// On threads for blocking work.
    pub fn new(spawn: Arc<dyn Spawn>) -> Self {
        Self { spawn, copies: Arc::default() }
    }
}

/// A place among so many; free again when dropped, however the work ends.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(of: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(Arc::clone(of));
        (place.0.fetch_add(1, Ordering::AcqRel) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One plugin in `mode: shadow`.
pub(super) struct Shadow {
    segment: Segment,
    shadows: Shadows,
    copies: Arc<AtomicUsize>,
    skipped: IntCounter,
}

impl Shadow {
    pub(super) fn new(segment: Segment, shadows: Shadows, skipped: IntCounter) -> Self {
        Self { segment, shadows, copies: Arc::default(), skipped }
    }

    /// Works on a copy of a batch as it stands now, if there is a place; else the spans are counted.
    pub(super) fn offer(self: &Arc<Self>, columns: &Columns, requests: &[Range<usize>]) {
        let own = Place::take(&self.copies, COPIES_OF_ONE_MAX);
        let Some(places) = own.and_then(|own| Some((own, Place::take(&self.shadows.copies, COPIES_MAX)?)))
        else {
            return self.skipped.inc_by(columns.spans.len() as u64);
        };
        let (shadow, mut copy, requests) = (Arc::clone(self), columns.clone(), requests.to_vec());
        let work = move || {
            let _places = places;
            // Neither what became of the copy nor whether it could be processed is anybody's concern.
            drop(shadow.segment.pass(&mut copy, &requests, false, &mut Fates::default()));
        };
        self.shadows.spawn.spawn_blocking("plugin-shadow", Box::new(work));
    }

    pub(super) fn status(&self, all: &mut Map<String, Value>) {
        self.segment.status(all);
        for member in &self.segment.members {
            all[&member.name]["skipped"] = self.skipped.get().into();
        }
    }
}
