//! A condition on a generic attribute: a key in one leaf, values in four others.
//!
//! The leaves cut their pages differently and arrays add entries to one of them only, so a hit in one is
//! found in another by (row, n-th attribute of the row), which needs no count over the whole file.

use super::column::is_live;
use super::{Matcher, Scan, Want};
use crate::read::ReadError;
use crate::read::bitmap::Bitmap;
use crate::read::filter::{StrTest, Test};
use crate::read::page::{Page, Physical, Planes, Ranked, Values};
use crate::read::skeleton::Level;
use crate::read::source::{LeafReader, PageAt, at, misfit};
use crate::schema::{Column, Leaf, Owner, ValueKind};
use std::ops::Range;

/// An attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    row: u32,
    /// Attributes in front of it in the row, places for none included.
    nth: u32,
    /// Its owner's slot; known once the key was seen.
    pub(super) slot: u32,
}

/// Places held at once: with more, the driving leaf goes on after the other has caught up.
const PLACES_MAX: usize = 1 << 18;

fn value_kind(test: &Test) -> Option<ValueKind> {
    match test {
        Test::Str(_) => Some(ValueKind::Str),
        Test::Int(..) => Some(ValueKind::Int),
        Test::Double(..) => Some(ValueKind::Double),
        Test::Bool(_) => Some(ValueKind::Bool),
        Test::Exists | Test::Nil => None,
    }
}

/// Sets the owner slots that have attribute `key` with a value that fulfils `test`.
pub(super) fn scan(
    scan: &Scan<'_>,
    owner: Owner,
    key: &str,
    test: &Test,
    live: &Bitmap,
    slots: &mut Bitmap,
) -> Result<(), ReadError> {
    let keys = scan.source.leaf(Column::AttrKey(owner))?;
    let key = Side::open(scan, keys, Want::Key(key.as_bytes()))?;
    let Some(mut key) = key else { return Ok(()) };
    let Some(kind) = value_kind(test) else {
        return key.drive(scan, owner, live, |places| {
            places.iter().for_each(|place| slots.set(place.slot as usize));
            Ok(())
        });
    };
    let values = scan.source.leaf(Column::AttrValue(owner, kind))?;
    let Some(mut value) = Side::open(scan, values, Want::Test(test))? else { return Ok(()) };
    // Equality is as a rule the rarer side; then keys are read only where it holds.
    if matches!(test, Test::Str(StrTest::Eq(_))) {
        return value.drive(scan, owner, live, |places| key.follow(owner, places, slots));
    }
    key.drive(scan, owner, live, |places| value.follow(owner, places, slots))
}

/// One of the two leaves.
pub(super) struct Side<'s, 't> {
    reader: LeafReader<'s>,
    matcher: Matcher<'t>,
    buffers: Buffers,
}

#[derive(Default)]
pub(super) struct Buffers {
    pub(super) rep: Planes,
    pub(super) def: Planes,
    rows: Ranked,
    attrs: Ranked,
    pub(super) owners: Ranked,
    pub(super) present: Ranked,
    pub(super) codes: Vec<u32>,
    hits: Vec<u32>,
}

impl<'s, 't> Side<'s, 't> {
    /// `None` if nothing in the leaf can match.
    pub(super) fn open(scan: &Scan<'s>, leaf: &'s Leaf, want: Want<'t>) -> Result<Option<Self>, ReadError> {
        let reader = LeafReader::open(scan.source, scan.index, scan.row_group, leaf, true)?;
        let matcher = Matcher::new(want, reader.dictionary.as_deref());
        let chunk = &scan.index.row_groups[scan.row_group].chunks[leaf.index];
        let hopeless = chunk.is_empty || chunk.all_codes && !matcher.any_code();
        Ok((!hopeless).then(|| Self { reader, matcher, buffers: Buffers::default() }))
    }

    /// Looks for hits in all live pages and hands their places over, in order.
    pub(super) fn drive(
        &mut self,
        scan: &Scan<'_>,
        owner: Owner,
        live: &Bitmap,
        mut found: impl FnMut(&[Place]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let pages = self.reader.pages.clone();
        let mut places = Vec::new();
        for (i, page_at) in pages.iter().enumerate().filter(|(_, page)| is_live(live)(page)) {
            // Values first: most pages have no hit, and need no levels.
            let (leaf, physical, len) =
                (self.reader.leaf, self.reader.physical, self.reader.dictionary_len());
            let page = self.reader.page(i, is_live(live))?;
            let b = &mut self.buffers;
            let values = page.decode(physical, len, None, &mut b.codes).map_err(at(leaf))?;
            self.matcher.find(&values, &mut b.hits);
            if let Values::Codes(codes) = values {
                b.codes = codes;
            }
            if b.hits.is_empty() {
                continue;
            }
            b.levels(leaf, owner, page.rep, page.def, page.entries)?;
            b.places(scan, leaf, owner, page_at.first_row, page.entries, &mut places)?;
            if places.len() >= PLACES_MAX {
                found(&places)?;
                places.clear();
            }
        }
        found(&places)
    }

    /// Sets the slots of those places whose value here matches too.
    fn follow(&mut self, owner: Owner, places: &[Place], slots: &mut Bitmap) -> Result<(), ReadError> {
        let Self { reader, matcher, buffers } = self;
        visit(reader, buffers, owner, places, |place, values, mut range| {
            // An array has several entries, and matches if one of them does.
            if range.any(|value| matcher.holds(values, value)) {
                slots.set(place.slot as usize);
            }
        })
    }
}

/// Shows the values of one list at each place (ascending): none, one, or the elements of an array.
pub(super) fn visit(
    reader: &mut LeafReader<'_>,
    b: &mut Buffers,
    owner: Owner,
    places: &[Place],
    mut see: impl FnMut(&Place, &Values<'_>, Range<usize>),
) -> Result<(), ReadError> {
    let pages = reader.pages.clone();
    let mut rest = places;
    for (i, page_at) in pages.iter().enumerate() {
        let here = rest.partition_point(|place| place.row < page_at.end_row());
        let (mine, later) = rest.split_at(here);
        rest = later;
        if mine.is_empty() {
            continue;
        }
        let wanted = |page: &PageAt| {
            let next = later.partition_point(|place| place.row < page.first_row);
            later.get(next).is_some_and(|place| place.row < page.end_row())
        };
        let (leaf, physical, len) = (reader.leaf, reader.physical, reader.dictionary_len());
        let page = reader.page(i, wanted)?;
        visit_page(&page, leaf, (physical, len), b, owner, (page_at.first_row, mine), &mut see)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(misfit(reader.leaf, "lacks rows that other leaves have")) }
}

fn visit_page(
    page: &Page<'_>,
    leaf: &Leaf,
    (physical, dictionary_len): (Physical, Option<usize>),
    b: &mut Buffers,
    owner: Owner,
    (first_row, places): (u32, &[Place]),
    see: &mut impl FnMut(&Place, &Values<'_>, Range<usize>),
) -> Result<(), ReadError> {
    b.levels(leaf, owner, page.rep, page.def, page.entries)?;
    let mut pool = std::mem::take(&mut b.codes);
    let present = Some(b.present.ones());
    let values = page.decode(physical, dictionary_len, present, &mut pool).map_err(at(leaf))?;
    let mut row_at = (u32::MAX, 0);
    let (mut row_hint, mut attr_hint) = (0, 0);
    for place in places {
        if place.row != row_at.0 {
            let start = b.rows.select_next((place.row - first_row) as usize, &mut row_hint);
            row_at = (place.row, b.attrs.rank(start));
        }
        let entry = b.attrs.select_next(row_at.1 + place.nth as usize, &mut attr_hint);
        let end = b.attrs.next_one(entry + 1).min(page.entries);
        if entry >= page.entries {
            return Err(misfit(leaf, "has fewer attributes in a row than other leaves"));
        }
        see(place, &values, b.present.rank(entry)..b.present.rank(end));
    }
    b.codes = match values {
        Values::Codes(codes) => codes,
        _ => pool,
    };
    Ok(())
}

impl Buffers {
    fn levels(
        &mut self,
        leaf: &Leaf,
        owner: Owner,
        rep: &[u8],
        def: &[u8],
        n: usize,
    ) -> Result<(), ReadError> {
        let depth = owner.list().depth();
        self.rep.decode(rep, leaf.rep_max, n).map_err(at(leaf))?;
        self.def.decode(def, leaf.def_max, n).map_err(at(leaf))?;
        self.rep.at_most(0, &mut self.rows);
        self.rep.at_most(depth + 1, &mut self.attrs);
        self.rep.at_most(Level::of(owner.list()).rep(), &mut self.owners);
        self.def.equal(leaf.def_max, &mut self.present);
        Ok(())
    }

    /// Where the hits of the page just decoded are.
    fn places(
        &self,
        scan: &Scan<'_>,
        leaf: &Leaf,
        owner: Owner,
        first_row: u32,
        entries: usize,
        out: &mut Vec<Place>,
    ) -> Result<(), ReadError> {
        let b = self;
        let level = Level::of(owner.list());
        let base = scan.skeleton.first_slot(level, first_row);
        let total = scan.skeleton.slots(level);
        let (mut row, mut row_attrs, mut next_row) = (0usize, 0usize, 0usize);
        let mut hint = 0;
        for &hit in &b.hits {
            let entry = b.present.select_next(hit as usize, &mut hint);
            if entry >= entries {
                break;
            }
            if entry >= next_row {
                let rank = b.rows.rank(entry + 1);
                row = rank.checked_sub(1).ok_or_else(|| misfit(leaf, "does not start at a row"))?;
                row_attrs = b.attrs.rank(b.rows.select(row));
                next_row = b.rows.select(row + 1);
            }
            let nth = (b.attrs.rank(entry + 1) - 1 - row_attrs) as u32;
            let slot = base + b.owners.rank(entry + 1) - 1;
            if slot >= total {
                return Err(misfit(leaf, "has more owners than other leaves"));
            }
            out.push(Place { row: first_row + row as u32, nth, slot: slot as u32 });
        }
        Ok(())
    }
}
