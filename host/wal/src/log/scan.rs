//! Walking the segments of earlier processes, frame by frame, in bounded memory.
//!
//! Of every frame the header and the first section are read. What a later header vouches for (it was
//! synced before that header was written) is taken on trust until it is used; in a segment that
//! nothing vouches for, the newest of its process, every section is checked, since its last commit may be
//! torn. A piece that cannot be read is damage if a later commit begins behind it, for commits are synced in
//! order; at the end of such a segment it is the torn tail that a crash leaves.

use super::segment::{FIRST_COMMIT, Segment, read_up_to};
use super::shared::Shared;
use crate::frame::{
    BLOCK_BYTES, FrameHeader, HEADER_BYTES_MAX, Kind, Stored, decode_controls, peek_header_bytes, unpack_ids,
};
use crate::pos::FramePos;
use crate::replay::{Damage, DamageKind, FrameIds, ReplayItem, ReplayStats, SpanFrame};
use cadenza_env::DiskFile;
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Read at least this much at once: a header and, mostly, the first section.
const WINDOW_BYTES: usize = 16 << 10;
/// Unreadable pieces remembered one by one; what follows is reported as one.
const SUSPECTS_MAX: usize = 1024;

type Visit<'a> = &'a mut dyn FnMut(ReplayItem<'_>) -> ControlFlow<()>;

/// Everything from before this process.
pub(crate) fn replay(shared: &Shared, visit: Visit<'_>) -> ReplayStats {
    let mut replay = Replay::new(shared, visit, false);
    let flow = replay.run();
    replay.stats.stopped = flow.is_break();
    // Segments found to hold nothing go now.
    shared.trim();
    replay.stats
}

/// The control entries from before this process, as [`replay`] will find them. Reads little else than
/// headers, reports no damage and changes nothing.
pub(crate) fn controls(shared: &Shared, mut visit: impl FnMut(FramePos, crate::Control)) {
    let mut only_controls = |item: ReplayItem<'_>| {
        if let ReplayItem::Control(pos, control) = item {
            visit(pos, control);
        }
        ControlFlow::Continue(())
    };
    // It never breaks off.
    let _ = Replay::new(shared, &mut only_controls, true).run();
}

/// What later headers say about earlier segments.
#[derive(Default)]
struct Chain {
    /// How far a segment counts, where that is known.
    good: BTreeMap<u64, u64>,
    /// (exclusive, exclusive) ranges of segments that hold nothing.
    void: Vec<(u64, u64)>,
}

impl Chain {
    fn is_void(&self, segment: u64) -> bool {
        self.void.iter().any(|&(after, before)| after < segment && segment < before)
    }
}

struct Replay<'a> {
    shared: &'a Shared,
    visit: Visit<'a>,
    stats: ReplayStats,
    ids: FrameIds,
    /// Frames of spans and damages are passed over, and nothing is concluded about segments.
    controls_only: bool,
}

impl<'a> Replay<'a> {
    fn new(shared: &'a Shared, visit: Visit<'a>, controls_only: bool) -> Self {
        let (stats, ids) = (ReplayStats::default(), FrameIds::default());
        Self { shared, visit, stats, ids, controls_only }
    }

    fn run(&mut self) -> ControlFlow<()> {
        for entry in &self.shared.foreign {
            let damage = Damage {
                file: entry.name.clone(),
                segment: None,
                offset: 0,
                bytes: entry.bytes,
                kind: DamageKind::ForeignFile,
            };
            self.report(damage)?;
        }
        let segments = self.shared.segments();
        let mut chain = Chain::default();
        let mut headers = Vec::new();
        for segment in segments.iter() {
            let header = segment.header();
            if let Ok(Ok(header)) = &header {
                chain.void.push((header.previous, header.segment));
                if header.previous_good != u64::MAX {
                    chain.good.insert(header.previous, header.previous_good);
                }
            }
            headers.push(header);
        }
        // Not as a list: a segment that is released behind this must be free to go.
        let list: Vec<Arc<Segment>> = segments.iter().cloned().collect();
        drop(segments);
        for (segment, header) in list.into_iter().zip(headers) {
            if segment.old {
                self.segment(&segment, header, &chain)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn report(&mut self, damage: Damage) -> ControlFlow<()> {
        if self.controls_only {
            return ControlFlow::Continue(());
        }
        self.stats.damages += 1;
        self.shared.metrics.corruptions.with_label_values(&[damage.kind.label()]).inc();
        (self.visit)(ReplayItem::Damage(damage))
    }

    fn segment(
        &mut self,
        segment: &Arc<Segment>,
        header: io::Result<Result<crate::log::segment::FileHeader, DamageKind>>,
        chain: &Chain,
    ) -> ControlFlow<()> {
        self.stats.segments += 1;
        if self.controls_only && (chain.is_void(segment.id) || !matches!(header, Ok(Ok(_)))) {
            return ControlFlow::Continue(());
        }
        if chain.is_void(segment.id) {
            segment.released.store(true, Ordering::Release);
            return ControlFlow::Continue(());
        }
        let file_bytes = segment.bytes.load(Ordering::Acquire);
        let found = damage_at(segment, 0, file_bytes, DamageKind::Unreadable);
        let salt = match header {
            Ok(Ok(header)) => header.salt,
            Ok(Err(kind)) => {
                // Without a commit in it, nothing was ever acknowledged from it.
                if kind == DamageKind::FileHeader && file_bytes <= FIRST_COMMIT {
                    segment.released.store(true, Ordering::Release);
                } else {
                    segment.inert.store(true, Ordering::Release);
                }
                return self.report(Damage { kind, ..found });
            }
            Err(error) => {
                tracing::warn!(segment = segment.id, %error, "cannot read write-ahead log segment");
                segment.inert.store(true, Ordering::Release);
                return self.report(found);
            }
        };
        let good = chain.good.get(&segment.id).copied();
        let file = match segment.file() {
            Ok(file) => file,
            Err(_) => return self.report(found),
        };
        let mut scan = Scan {
            segment,
            salt,
            end: good.map_or(file_bytes, |good| good.min(file_bytes)),
            vouched: good.is_some(),
            window: Window {
                file,
                start: 0,
                bytes: Vec::new(),
                bytes_min: if self.controls_only { HEADER_BYTES_MAX } else { WINDOW_BYTES },
            },
            suspects: Vec::new(),
        };
        let mut offset = FIRST_COMMIT;
        while offset < scan.end {
            offset = match scan.step(offset, self) {
                Ok(ControlFlow::Continue(next)) => next,
                Ok(ControlFlow::Break(())) => return ControlFlow::Break(()),
                Err(error) => {
                    tracing::warn!(segment = segment.id, offset, %error, "cannot read write-ahead log");
                    let kind = DamageKind::Unreadable;
                    self.report(damage_at(segment, offset, scan.end - offset, kind))?;
                    break;
                }
            };
        }
        if let Some(good) = good.filter(|&good| good > file_bytes) {
            let start = file_bytes.max(FIRST_COMMIT);
            scan.suspect(start, good - start, DamageKind::FrameHeader);
        }
        for damage in scan.finish() {
            self.report(damage)?;
        }
        ControlFlow::Continue(())
    }

    /// A whole frame, already checked as far as necessary.
    fn frame(&mut self, pos: FramePos, header: &FrameHeader, first: Found) -> ControlFlow<()> {
        match first {
            Found::Controls(controls) => {
                for control in controls {
                    self.stats.controls += 1;
                    (self.visit)(ReplayItem::Control(pos, control))?;
                }
                ControlFlow::Continue(())
            }
            Found::Spans => {
                self.stats.frames += 1;
                self.stats.spans += self.ids.len() as u64;
                let (tenant, chain_digest) = (&header.tenant, &header.chain_digest);
                (self.visit)(ReplayItem::Spans(SpanFrame { pos, tenant, chain_digest, ids: &self.ids }))
            }
        }
    }
}

fn damage_at(segment: &Segment, offset: u64, bytes: u64, kind: DamageKind) -> Damage {
    let file = super::segment::file_name(segment.id);
    Damage { file, segment: Some(segment.id), offset, bytes, kind }
}

enum Found {
    Spans,
    Controls(Vec<crate::Control>),
}

/// One segment being read.
struct Scan<'a> {
    segment: &'a Arc<Segment>,
    salt: u64,
    end: u64,
    vouched: bool,
    window: Window,
    /// Unreadable pieces since the last commit began.
    suspects: Vec<Damage>,
}

impl Scan<'_> {
    /// Deals with what is at `offset`; returns where to go on.
    fn step(&mut self, offset: u64, replay: &mut Replay<'_>) -> io::Result<ControlFlow<(), u64>> {
        let next_block = (offset / BLOCK_BYTES + 1) * BLOCK_BYTES;
        let rest = self.end - offset;
        let to_block = (next_block - offset).min(rest) as usize;
        let bytes = self.window.get(offset, to_block)?;
        if !offset.is_multiple_of(BLOCK_BYTES) && bytes.iter().all(|&byte| byte == 0) {
            return Ok(ControlFlow::Continue(next_block));
        }
        let header_bytes = peek_header_bytes(bytes).unwrap_or(HEADER_BYTES_MAX).min(rest as usize);
        let bytes = self.window.get(offset, header_bytes)?;
        let header = FrameHeader::parse(bytes, self.salt, offset)
            .ok()
            .filter(|header| header.frame_bytes as u64 <= rest);
        let Some(header) = header else {
            self.suspect(offset, to_block as u64, DamageKind::FrameHeader);
            return Ok(ControlFlow::Continue(next_block));
        };
        // Everything before a commit was synced before the commit was written.
        if header.first_in_commit {
            for damage in std::mem::take(&mut self.suspects) {
                if replay.report(damage).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        let next = offset + header.frame_bytes as u64;
        if replay.controls_only && header.kind != Kind::Control {
            return Ok(ControlFlow::Continue(next));
        }
        match self.body(offset, &header, &mut replay.ids)? {
            Some(found) => {
                if matches!(found, Found::Spans) {
                    self.segment.frames.fetch_add(1, Ordering::Relaxed);
                }
                let pos = FramePos { segment: self.segment.id, offset, bytes: header.frame_bytes as u32 };
                Ok(replay.frame(pos, &header, found).map_continue(|()| next))
            }
            None => {
                self.suspect(offset, header.frame_bytes as u64, DamageKind::FrameSection);
                Ok(ControlFlow::Continue(next))
            }
        }
    }

    /// The first section, and the check of the others if nothing vouches for them. `None`: damaged.
    fn body(&mut self, offset: u64, header: &FrameHeader, ids: &mut FrameIds) -> io::Result<Option<Found>> {
        let Some(first) = self.piece(offset, &header.pieces[0])? else { return Ok(None) };
        if !self.vouched {
            for piece in &header.pieces[1..] {
                let bytes = self.window.get(offset + piece.at as u64, piece.stored)?;
                if piece.stored > 0 && crc32c::crc32c(bytes) != piece.crc {
                    return Ok(None);
                }
            }
        }
        if header.kind == Kind::Control {
            return Ok(decode_controls(header.rows, &first).ok().map(Found::Controls));
        }
        let first = match &header.merged {
            Some(lengths) => &first[..lengths[0]],
            None => &first[..],
        };
        Ok(unpack_ids(header, first, ids).ok().map(|()| Found::Spans))
    }

    fn piece(&mut self, offset: u64, piece: &Stored) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.window.get(offset + piece.at as u64, piece.stored)?;
        if bytes.len() < piece.stored {
            return Ok(None);
        }
        Ok(piece.unpack(bytes).ok())
    }

    fn suspect(&mut self, offset: u64, bytes: u64, kind: DamageKind) {
        let full = self.suspects.len() >= SUSPECTS_MAX;
        match self.suspects.last_mut() {
            Some(last) if full || (last.kind == kind && last.offset + last.bytes == offset) => {
                last.bytes = offset + bytes - last.offset;
            }
            _ => self.suspects.push(damage_at(self.segment, offset, bytes, kind)),
        }
    }

    /// What is left at the end.
    fn finish(self) -> Vec<Damage> {
        let (Some(first), Some(last)) = (self.suspects.first(), self.suspects.last()) else {
            return Vec::new();
        };
        if self.vouched {
            return self.suspects;
        }
        let bytes = last.offset + last.bytes - first.offset;
        vec![damage_at(self.segment, first.offset, bytes, DamageKind::TornTail)]
    }
}

/// A piece of the file in memory.
struct Window {
    file: Arc<dyn DiskFile>,
    start: u64,
    bytes: Vec<u8>,
    /// Read at least this much at once.
    bytes_min: usize,
}

impl Window {
    /// The bytes at `offset`; fewer only at the end of the file.
    fn get(&mut self, offset: u64, bytes: usize) -> io::Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + bytes as u64 > end {
            self.bytes.resize(bytes.max(self.bytes_min), 0);
            let read = read_up_to(&*self.file, &mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let to = (from + bytes).min(self.bytes.len());
        Ok(&self.bytes[from.min(to)..to])
    }
}
