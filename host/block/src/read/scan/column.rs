//! A condition on a leaf that holds one field: intrinsics, fixed and spare columns.

use super::{Matcher, Scan, Want};
use crate::read::ReadError;
use crate::read::bitmap::Bitmap;
use crate::read::page::{Planes, Ranked};
use crate::read::skeleton::Level;
use crate::read::source::{LeafReader, PageAt, at, misfit};
use crate::schema::Leaf;

/// Whether a page holds a row that is still of interest.
pub(super) fn is_live(live: &Bitmap) -> impl Fn(&PageAt) -> bool + Copy {
    |page| live.any(page.first_row as usize, page.end_row() as usize)
}

/// Sets the slots (at the leaf's level) whose value fulfils `want`, in pages with live rows.
pub(super) fn scan(
    scan: &Scan<'_>,
    leaf: &Leaf,
    want: Want<'_>,
    live: &Bitmap,
    slots: &mut Bitmap,
) -> Result<(), ReadError> {
    let mut reader = LeafReader::open(scan.source, scan.index, scan.row_group, leaf, true)?;
    let matcher = Matcher::new(want, reader.dictionary.as_deref());
    let chunk = &scan.index.row_groups[scan.row_group].chunks[leaf.index];
    if chunk.is_empty || chunk.all_codes && !matcher.any_code() {
        return Ok(());
    }
    let level = Level::of(leaf.list);
    let (mut pool, mut hits) = (Vec::new(), Vec::new());
    let (mut planes, mut present, mut starts) = (Planes::default(), Ranked::default(), Ranked::default());
    let pages = reader.pages.clone();
    for (i, page_at) in pages.iter().enumerate().filter(|(_, page)| is_live(live)(page)) {
        let (len, physical) = (reader.dictionary_len(), reader.physical);
        let page = reader.page(i, is_live(live))?;
        let values = page.decode(physical, len, None, &mut pool).map_err(at(leaf))?;
        matcher.find(&values, &mut hits);
        if let crate::read::page::Values::Codes(codes) = values {
            pool = codes;
        }
        if hits.is_empty() {
            continue;
        }
        let base = scan.skeleton.first_slot(level, page_at.first_row);
        let end = scan.skeleton.first_slot(level, page_at.end_row());
        if leaf.def_max > 0 {
            planes.decode(page.def, leaf.def_max, page.entries).map_err(at(leaf))?;
            planes.equal(leaf.def_max, &mut present);
        }
        // One entry per slot, unless entries lie in lists of their own below it.
        let nested = leaf.rep_max > level.rep();
        if nested {
            planes.decode(page.rep, leaf.rep_max, page.entries).map_err(at(leaf))?;
            planes.at_most(level.rep(), &mut starts);
        }
        let mut hint = 0;
        for &hit in &hits {
            let hit = hit as usize;
            let entry = if leaf.def_max > 0 { present.select_next(hit, &mut hint) } else { hit };
            if entry >= page.entries {
                // Padding of the last run.
                break;
            }
            let slot = base + if nested { starts.rank(entry + 1).saturating_sub(1) } else { entry };
            if slot >= end {
                return Err(misfit(leaf, "has more entries in a page than its rows have"));
            }
            slots.set(slot);
        }
    }
    Ok(())
}
