//! `index.json.gz`.

use super::{IndexError, TenantIndex, is_complete, unpack};
use crate::blocklist::Listed;
use cadenza_block::meta::{BlockMeta, Time};
use flate2::Compression;
use flate2::GzBuilder;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// The name that Tempo puts into the header.
const FILE_NAME: &str = "index.json";

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    created_at: Time,
    #[serde(default)]
    meta: Option<Vec<BlockMeta>>,
    #[serde(default)]
    compacted: Option<Vec<CompactedRead>>,
    #[serde(default)]
    cadenza: bool,
}

#[derive(Deserialize)]
struct CompactedRead {
    #[serde(flatten)]
    meta: BlockMeta,
    #[serde(rename = "compactedTime", default)]
    compacted_time: Time,
}

#[derive(Serialize)]
struct CompactedWritten<'a> {
    #[serde(flatten)]
    meta: &'a BlockMeta,
    #[serde(rename = "compactedTime")]
    compacted_time: Time,
}

pub(super) fn parse(packed: &[u8]) -> Result<TenantIndex, IndexError> {
    parse_unpacked(&unpack(MultiGzDecoder::new(packed))?)
}

pub(super) fn parse_unpacked(json: &[u8]) -> Result<TenantIndex, IndexError> {
    let read: Read =
        serde_json::from_slice(json).map_err(|error| IndexError::Malformed(error.to_string()))?;
    let seconds = |time: Time| u64::try_from(time.seconds()).unwrap_or(0);
    let compacted = read.compacted.unwrap_or_default().into_iter();
    Ok(TenantIndex {
        created_at: read.created_at,
        live: read.meta.unwrap_or_default(),
        compacted: compacted.map(|one| (one.meta, seconds(one.compacted_time))).collect(),
        is_ours: read.cadenza,
    })
}

/// One block after the other: the text of all of them is never in memory at once.
pub(super) fn encode(created_at: Time, listed: &Listed) -> io::Result<Vec<u8>> {
    let mut out = GzBuilder::new().filename(FILE_NAME).write(Vec::new(), Compression::default());
    write!(out, "{{\"created_at\":")?;
    serde_json::to_writer(&mut out, &created_at)?;
    out.write_all(b",\"meta\":[")?;
    let comma =
        |out: &mut flate2::write::GzEncoder<Vec<u8>>, i| if i > 0 { out.write_all(b",") } else { Ok(()) };
    for (i, block) in listed.live.iter().enumerate() {
        comma(&mut out, i)?;
        serde_json::to_writer(&mut out, block.meta().as_ref())?;
    }
    out.write_all(b"],\"compacted\":[")?;
    for (i, compacted) in listed.compacted.iter().enumerate() {
        comma(&mut out, i)?;
        let compacted_time = Time::from_ns(compacted.compacted_s.saturating_mul(1_000_000_000));
        serde_json::to_writer(&mut out, &CompactedWritten { meta: compacted.block.meta(), compacted_time })?;
    }
    // Tempo passes over keys it does not know.
    write!(out, "],\"cadenza\":{}}}", is_complete(listed))?;
    out.finish()
}
