//! The distinct names and values of attributes, from dictionaries as far as they tell.
//!
//! Where everything in a leaf is of interest and dictionary-coded, its dictionary is the answer. Else codes
//! are marked page by page where their slot is of interest, until all of them are.

use super::attr::{Buffers, Side, visit};
use super::column::is_live;
use super::{Scan, Want, rows};
use crate::read::ReadError;
use crate::read::bitmap::Bitmap;
use crate::read::fields::{column_of, owners};
use crate::read::file::FileIndex;
use crate::read::filter::{Field, Filter, Intrinsic};
use crate::read::page::{Dictionary, Values};
use crate::read::skeleton::Level;
use crate::read::source::{LeafReader, Source, at, misfit};
use crate::schema::{Column, Leaf, Owner, ValueKind};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Distinct values of a field.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Distinct {
    /// Strings; what is no UTF-8 is repaired.
    pub strings: BTreeSet<String>,
    /// Integers.
    pub ints: BTreeSet<i64>,
    /// Bit patterns of doubles.
    pub doubles: BTreeSet<u64>,
    /// Booleans.
    pub bools: BTreeSet<bool>,
}

/// Spans of interest in one row group.
struct Chosen {
    rows: Bitmap,
    spans: Bitmap,
    /// Nothing is left out.
    all: bool,
}

/// The names of the attributes that each owner has, in the spans that fulfil `filter` and the rows that overlap
/// `window`. `None` if pages alone cannot tell which spans do.
pub(crate) fn names(
    source: &Source,
    index: &FileIndex,
    owners: &[Owner],
    filter: &Filter,
    window: &Range<u64>,
) -> Result<Option<Vec<BTreeSet<String>>>, ReadError> {
    let mut out = vec![BTreeSet::new(); owners.len()];
    for row_group in 0..index.row_groups.len() {
        let scan = Scan::new(source, index, row_group)?;
        let Some(chosen) = choose(&scan, filter, window)? else { return Ok(None) };
        for (owner, out) in owners.iter().zip(&mut out) {
            let mut keys = Distinct::default();
            column(&scan, source.leaf(Column::AttrKey(*owner))?, &chosen, &mut keys)?;
            out.append(&mut keys.strings);
            for own in source.schema.own(*owner) {
                let mut values = Distinct::default();
                column(&scan, source.leaf(own.column)?, &chosen, &mut values)?;
                // A service name that is absent is stored as empty.
                if values.strings.iter().any(|text| own.column != Column::ServiceName || !text.is_empty())
                    || !values.ints.is_empty()
                {
                    out.insert(own.key.clone());
                }
            }
        }
    }
    Ok(Some(out))
}

/// The distinct values of a field, of the same spans as for [`names`].
pub(crate) fn values(
    source: &Source,
    index: &FileIndex,
    field: &Field,
    filter: &Filter,
    window: &Range<u64>,
) -> Result<Option<Distinct>, ReadError> {
    let mut out = Distinct::default();
    for row_group in 0..index.row_groups.len() {
        let scan = Scan::new(source, index, row_group)?;
        let Some(chosen) = choose(&scan, filter, window)? else { return Ok(None) };
        match field {
            Field::Intrinsic(intrinsic) => {
                let mut found = Distinct::default();
                column(&scan, source.leaf(column_of(*intrinsic))?, &chosen, &mut found)?;
                if matches!(intrinsic, Intrinsic::RootName | Intrinsic::RootServiceName) {
                    // Empty for a trace without a root.
                    found.strings.remove("");
                }
                out.add(found);
            }
            Field::Attr(scope, key) => {
                for &owner in owners(*scope) {
                    for own in source.schema.own_of(owner, key) {
                        column(&scan, source.leaf(own)?, &chosen, &mut out)?;
                    }
                    generic(&scan, owner, key, &chosen, &mut out)?;
                }
            }
        }
    }
    Ok(Some(out))
}

/// `None` if the filter gives more spans than fulfil it.
fn choose(scan: &Scan<'_>, filter: &Filter, window: &Range<u64>) -> Result<Option<Chosen>, ReadError> {
    let times =
        scan.source.cached_times(scan.row_group, || rows::times(scan.source, scan.index, scan.row_group))?;
    let mut rows = rows::overlapping(&times, window);
    let mut all = rows.is_full();
    let mut spans = scan.all();
    if !all {
        spans = scan.none();
        scan.spread(Level::Trace, &rows, &mut spans);
    }
    if !matches!(filter, Filter::All) {
        let hits = scan.eval(filter, &rows)?;
        if !hits.exact {
            return Ok(None);
        }
        all = false;
        spans.and(&hits.spans);
        rows.and(&scan.skeleton.rows_with(&spans));
    }
    Ok(Some(Chosen { rows, spans, all }))
}

impl Chosen {
    /// Slots of a level that have a span of interest; a span's own slot stands for what lies in it.
    fn slots(&self, scan: &Scan<'_>, level: Level) -> Bitmap {
        let mut out = Bitmap::new(scan.skeleton.slots(level));
        match level {
            Level::Span => return self.spans.clone(),
            Level::Trace => return self.rows.clone(),
            Level::Resource | Level::Scope => {}
        }
        for slot in 0..scan.skeleton.slots(level) {
            let spans = scan.skeleton.spans_of(level, slot);
            if self.spans.any(spans.start, spans.end) {
                out.set(slot);
            }
        }
        out
    }
}

/// Adds the values of a leaf in slots of interest.
fn column(scan: &Scan<'_>, leaf: &Leaf, chosen: &Chosen, out: &mut Distinct) -> Result<(), ReadError> {
    let chunk = &scan.index.row_groups[scan.row_group].chunks[leaf.index];
    let all_codes = chunk.all_codes;
    if chunk.is_empty {
        return Ok(());
    }
    let mut reader = LeafReader::open(scan.source, scan.index, scan.row_group, leaf, true)?;
    let mut marks = Marks::new(reader.dictionary.clone());
    if chosen.all && all_codes {
        marks.all();
        marks.finish(out);
        return Ok(());
    }
    let level = Level::of(leaf.list);
    let slots = chosen.slots(scan, level);
    let mut b = Buffers::default();
    let pages = reader.pages.clone();
    for (i, page_at) in pages.iter().enumerate().filter(|(_, page)| is_live(&chosen.rows)(page)) {
        if all_codes && marks.is_full() {
            break;
        }
        let (len, physical) = (reader.dictionary_len(), reader.physical);
        let page = reader.page(i, is_live(&chosen.rows))?;
        b.rep.decode(page.rep, leaf.rep_max, page.entries).map_err(at(leaf))?;
        b.def.decode(page.def, leaf.def_max, page.entries).map_err(at(leaf))?;
        b.rep.at_most(level.rep(), &mut b.owners);
        b.def.equal(leaf.def_max, &mut b.present);
        let present = b.present.ones();
        let values = page.decode(physical, len, Some(present), &mut b.codes).map_err(at(leaf))?;
        let base = scan.skeleton.first_slot(level, page_at.first_row);
        let mut hint = 0;
        for value in 0..present {
            let slot = base + b.owners.rank(b.present.select_next(value, &mut hint) + 1).saturating_sub(1);
            if slot >= scan.skeleton.slots(level) {
                return Err(misfit(leaf, "has more owners than other leaves"));
            }
            if slots.get(slot) {
                marks.add(&values, value, out);
            }
        }
        if let Values::Codes(codes) = values {
            b.codes = codes;
        }
    }
    marks.finish(out);
    Ok(())
}

/// Adds the values of a generic attribute, from the four typed lists.
fn generic(
    scan: &Scan<'_>,
    owner: Owner,
    key: &str,
    chosen: &Chosen,
    out: &mut Distinct,
) -> Result<(), ReadError> {
    const KINDS: [ValueKind; 4] = [ValueKind::Str, ValueKind::Int, ValueKind::Double, ValueKind::Bool];
    let keys = Side::open(scan, scan.source.leaf(Column::AttrKey(owner))?, Want::Key(key.as_bytes()))?;
    let Some(mut keys) = keys else { return Ok(()) };
    let slots = chosen.slots(scan, Level::of(owner.list()));
    let open = |kind| {
        let leaf = scan.source.leaf(Column::AttrValue(owner, kind))?;
        let reader = LeafReader::open(scan.source, scan.index, scan.row_group, leaf, true)?;
        let marks = Marks::new(reader.dictionary.clone());
        Ok((reader, marks))
    };
    let mut lists = KINDS.into_iter().map(open).collect::<Result<Vec<_>, ReadError>>()?;
    let mut b = Buffers::default();
    keys.drive(scan, owner, &chosen.rows, |places| {
        let mut rest: Vec<_> =
            places.iter().copied().filter(|place| slots.get(place.slot as usize)).collect();
        // A value is in one of the lists; what the first holds is not looked for in the others.
        for (reader, marks) in &mut lists {
            let mut absent = Vec::new();
            visit(reader, &mut b, owner, &rest, |place, values, range| {
                if range.is_empty() {
                    absent.push(*place);
                }
                range.for_each(|value| marks.add(values, value, out));
            })?;
            rest = absent;
        }
        Ok(())
    })?;
    for (_, marks) in lists {
        marks.finish(out);
    }
    Ok(())
}

/// Codes seen so far.
struct Marks {
    dictionary: Option<Arc<Dictionary>>,
    seen: Vec<bool>,
    count: usize,
}

impl Marks {
    fn new(dictionary: Option<Arc<Dictionary>>) -> Self {
        let seen = vec![false; dictionary.as_ref().map_or(0, |dictionary| dictionary.len())];
        Self { dictionary, seen, count: 0 }
    }

    fn all(&mut self) {
        self.seen.fill(true);
    }

    /// Whether every entry of the dictionary was seen.
    fn is_full(&self) -> bool {
        self.dictionary.is_some() && self.count == self.seen.len()
    }

    fn add(&mut self, values: &Values<'_>, i: usize, out: &mut Distinct) {
        match values {
            Values::Codes(codes) => {
                let seen = &mut self.seen[codes[i] as usize];
                self.count += usize::from(!*seen);
                *seen = true;
            }
            Values::Ints(v) => {
                out.ints.insert(v[i]);
            }
            Values::Doubles(v) => {
                out.doubles.insert(v[i].to_bits());
            }
            Values::Bools(v) => {
                out.bools.insert(v[i]);
            }
            Values::Bytes(v) => out.text(v.get(i).unwrap_or_default()),
        }
    }

    fn finish(self, out: &mut Distinct) {
        let codes = || self.seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(code, _)| code);
        match self.dictionary.as_deref() {
            Some(Dictionary::Bytes(list)) => {
                codes().for_each(|code| out.text(list.get(code).unwrap_or_default()))
            }
            Some(Dictionary::Ints(v)) => out.ints.extend(codes().map(|code| v[code])),
            Some(Dictionary::Doubles(v)) => out.doubles.extend(codes().map(|code| v[code].to_bits())),
            None => {}
        }
    }
}

impl Distinct {
    fn text(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if !self.strings.contains(&*text) {
            self.strings.insert(text.into_owned());
        }
    }

    fn add(&mut self, mut other: Self) {
        self.strings.append(&mut other.strings);
        self.ints.append(&mut other.ints);
        self.doubles.append(&mut other.doubles);
        self.bools.append(&mut other.bools);
    }
}
