//! One table of attributes while a chain works on it.

use super::{Applied, Session};
use crate::plan::Scope;
use crate::programs::Programs;
use cadenza_model::{AttrType, Attrs, Code, Columns};

/// The key of an attribute that was removed.
pub(crate) const DEAD: Code = Code::MAX;

/// The attributes of a table.
pub(crate) fn attrs(columns: &Columns, scope: Scope) -> &Attrs {
    match scope {
        Scope::Resource => &columns.resource_attrs,
        Scope::Instrumentation => &columns.scope_attrs,
        Scope::Span => &columns.span_attrs,
        Scope::Event => &columns.event_attrs,
        Scope::Link => &columns.link_attrs,
    }
}

/// As [`attrs`].
pub(crate) fn attrs_mut(columns: &mut Columns, scope: Scope) -> &mut Attrs {
    match scope {
        Scope::Resource => &mut columns.resource_attrs,
        Scope::Instrumentation => &mut columns.scope_attrs,
        Scope::Span => &mut columns.span_attrs,
        Scope::Event => &mut columns.event_attrs,
        Scope::Link => &mut columns.link_attrs,
    }
}

/// An attribute: its index and its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) at: u32,
    pub(crate) row: u32,
}

/// A value for a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) row: u32,
    pub(crate) ty: AttrType,
    pub(crate) val: u64,
}

/// One table. See the module above for how attributes are kept.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// By code of a name: 0, or 1 + its list. A list has the cells of one key that some selector wants.
    lists_of: Vec<u32>,
    pub(crate) lists: Vec<Vec<Cell>>,
    used_lists: usize,
    found: bool,
    /// Attributes in the lists of their rows; those behind are new.
    pub(crate) main: usize,
    /// Rows of the new ones.
    pub(crate) new_rows: Vec<u32>,
    /// Some have been removed.
    pub(crate) has_dead: bool,
    /// Tallies by attribute; as long as anybody has asked.
    pub(crate) marks: Vec<u16>,
    /// By tally: row and key of what is on it.
    pub(crate) tallies: Vec<Vec<(u32, Code)>>,
    /// Events or links to be removed; empty: none.
    pub(crate) dropped: Vec<bool>,
    /// By row: stamp and a number of whoever set the stamp.
    rows: Vec<(u32, u32)>,
    stamp: u32,
}

impl Work {
    pub(crate) fn begin(&mut self, attributes: usize, names: usize) {
        self.lists_of.clear();
        self.lists_of.resize(names, 0);
        for list in &mut self.lists[..self.used_lists] {
            list.clear();
        }
        self.used_lists = 0;
        self.found = false;
        self.main = attributes;
        self.new_rows.clear();
        self.has_dead = false;
        self.dropped.clear();
        self.forget_tallies();
    }

    /// Tallies last for the program of one plugin.
    pub(crate) fn forget_tallies(&mut self) {
        self.marks.clear();
        self.tallies.iter_mut().for_each(Vec::clear);
    }

    pub(crate) fn more_names(&mut self, names: usize) {
        self.lists_of.resize(names, 0);
    }

    /// Some selector wants the cells of this key.
    pub(crate) fn want(&mut self, code: Code) {
        let list = &mut self.lists_of[code as usize];
        if *list == 0 {
            self.used_lists += 1;
            *list = self.used_lists as u32;
            if self.lists.len() < self.used_lists {
                self.lists.push(Vec::new());
            }
        }
    }

    /// The list of a key; the cells of a wanted key must have been found.
    #[inline]
    pub(crate) fn list_of(&self, code: Code) -> Option<usize> {
        (*self.lists_of.get(code as usize)? as usize).checked_sub(1)
    }

    /// Attributes have moved: what was found is void.
    pub(crate) fn moved(&mut self, attributes: usize) {
        self.found = false;
        self.main = attributes;
        self.new_rows.clear();
        self.has_dead = false;
    }

    /// The pass over the cells: every wanted one goes to the list of its key.
    pub(crate) fn find(&mut self, attrs: &Attrs) {
        if self.found {
            return;
        }
        self.found = true;
        if self.used_lists == 0 {
            return;
        }
        let (lists_of, lists) = (self.lists_of.as_slice(), self.lists.as_mut_slice());
        for list in &mut lists[..self.used_lists] {
            list.clear();
        }
        let mut start = 0;
        for (row, &end) in attrs.ends.iter().enumerate() {
            let end = end as usize;
            for (i, &code) in attrs.key[start..end].iter().enumerate() {
                let list = lists_of.get(code as usize).copied().unwrap_or(0);
                if list != 0 {
                    lists[list as usize - 1].push(Cell { at: (start + i) as u32, row: row as u32 });
                }
            }
            start = end;
        }
        for (i, &row) in self.new_rows.iter().enumerate() {
            let at = self.main + i;
            if let Some(&list) = lists_of.get(attrs.key[at] as usize)
                && list != 0
            {
                lists[list as usize - 1].push(Cell { at: at as u32, row });
            }
        }
    }

    /// A fresh stamp for `rows` rows.
    pub(crate) fn stamp(&mut self, rows: usize) -> u32 {
        if self.rows.len() < rows {
            self.rows.resize(rows, (0, 0));
        }
        if self.stamp == u32::MAX {
            self.rows.fill((0, 0));
            self.stamp = 0;
        }
        self.stamp += 1;
        self.stamp
    }

    /// The number set for a row under `stamp`.
    #[inline]
    pub(crate) fn stamped(&self, row: u32, stamp: u32) -> Option<u32> {
        let (at, number) = self.rows[row as usize];
        (at == stamp).then_some(number)
    }

    #[inline]
    pub(crate) fn set_stamped(&mut self, row: u32, stamp: u32, number: u32) {
        self.rows[row as usize] = (stamp, number);
    }

    /// Bits of the tallies that an attribute is on.
    #[inline]
    pub(crate) fn mark_of(&self, at: u32) -> u16 {
        self.marks.get(at as usize).copied().unwrap_or(0)
    }

    /// Puts an attribute on a tally, once.
    pub(crate) fn tally(&mut self, tally: u8, cell: Cell, key: Code) {
        if self.marks.len() <= cell.at as usize {
            self.marks.resize(cell.at as usize + 1, 0);
        }
        let mark = &mut self.marks[cell.at as usize];
        if *mark >> tally & 1 == 0 {
            *mark |= 1 << tally;
            if self.tallies.len() <= usize::from(tally) {
                self.tallies.resize_with(usize::from(tally) + 1, Vec::new);
            }
            self.tallies[usize::from(tally)].push((cell.row, key));
        }
    }
}

impl Session {
    /// Finds the cells of a table's wanted keys.
    pub(crate) fn find(&mut self, columns: &Columns, scope: Scope) {
        self.tables[scope as usize].find(attrs(columns, scope));
    }

    fn touched(&mut self, scope: Scope) {
        // The decoder recognises resources and scopes by their bytes and must not find edited ones.
        self.stale |= matches!(scope, Scope::Resource | Scope::Instrumentation);
    }

    /// Gives an attribute another value.
    #[inline]
    pub(crate) fn set(&mut self, list: &mut Attrs, cell: Cell, ty: AttrType, val: u64) {
        let at = cell.at as usize;
        list.ty[at] = ty;
        list.val[at] = val;
        self.stale = true;
        self.counts.updated += 1;
    }

    /// Removes an attribute.
    #[inline]
    pub(crate) fn kill(&mut self, scope: Scope, list: &mut Attrs, cell: Cell) {
        list.key[cell.at as usize] = DEAD;
        self.tables[scope as usize].has_dead = true;
        self.stale = true;
        self.counts.removed += 1;
    }

    /// Adds an attribute behind those of its row.
    #[inline]
    pub(crate) fn push(&mut self, columns: &mut Columns, scope: Scope, key: Code, item: Item) {
        let list = attrs_mut(columns, scope);
        let at = list.key.len() as u32;
        list.push(key, item.ty, item.val);
        let work = &mut self.tables[scope as usize];
        work.new_rows.push(item.row);
        if work.found
            && let Some(list) = work.list_of(key)
        {
            work.lists[list].push(Cell { at, row: item.row });
        }
        self.touched(scope);
        self.counts.inserted += 1;
    }

    /// True if no row has an attribute of a selector, now that its cells have been found.
    fn is_nowhere(&self, scope: Scope, selector: u32) -> bool {
        let work = &self.tables[scope as usize];
        let lists = self.codes[selector as usize].iter().filter_map(|&code| work.list_of(code));
        lists.into_iter().all(|list| work.lists[list].is_empty())
    }

    /// As [`Session::push`] for items of different rows.
    fn push_all(&mut self, columns: &mut Columns, scope: Scope, key: Code, items: &[Item]) {
        let list = attrs_mut(columns, scope);
        let first = list.key.len() as u32;
        list.key.extend(std::iter::repeat_n(key, items.len()));
        list.ty.extend(items.iter().map(|item| item.ty));
        list.val.extend(items.iter().map(|item| item.val));
        let work = &mut self.tables[scope as usize];
        work.new_rows.extend(items.iter().map(|item| item.row));
        if work.found
            && let Some(list) = work.list_of(key)
        {
            work.lists[list].extend(items.iter().zip(first..).map(|(item, at)| Cell { at, row: item.row }));
        }
        self.touched(scope);
        self.counts.inserted += items.len() as u64;
    }

    /// Counts of one stretch of work: what has been added since `before`.
    pub(crate) fn since(&self, before: Applied) -> Applied {
        Applied {
            updated: self.counts.updated - before.updated,
            removed: self.counts.removed - before.removed,
            inserted: self.counts.inserted - before.inserted,
            dropped_rows: self.counts.dropped_rows - before.dropped_rows,
        }
    }

    /// Codes that a selector has; by position, since the list may be looked at while work goes on.
    #[inline]
    pub(crate) fn code(&self, selector: u32, position: usize) -> Option<Code> {
        self.codes[selector as usize].get(position).copied()
    }

    /// Runs `visit` over the living cells of a selector. The table and its lists are out while it runs and
    /// reach it as an argument; what it adds is not visited.
    #[inline]
    pub(crate) fn each(
        &mut self,
        columns: &mut Columns,
        scope: Scope,
        selector: u32,
        mut visit: impl FnMut(&mut Self, &mut Columns, &mut Attrs, Cell, Code),
    ) {
        self.find(columns, scope);
        let mut table = std::mem::take(attrs_mut(columns, scope));
        let mut position = 0;
        while let Some(code) = self.code(selector, position) {
            position += 1;
            let Some(list) = self.tables[scope as usize].list_of(code) else { continue };
            let cells = std::mem::take(&mut self.tables[scope as usize].lists[list]);
            for &cell in &cells {
                if table.key[cell.at as usize] == code {
                    visit(self, columns, &mut table, cell, code);
                }
            }
            self.tables[scope as usize].lists[list] = cells;
        }
        *attrs_mut(columns, scope) = table;
    }

    /// Removes all living cells of a selector.
    pub(crate) fn kill_all(&mut self, columns: &mut Columns, scope: Scope, selector: u32) {
        self.find(columns, scope);
        let work = &mut self.tables[scope as usize];
        let keys = &mut attrs_mut(columns, scope).key;
        let mut removed = 0;
        for &code in &self.codes[selector as usize] {
            let Some(list) = work.list_of(code) else { continue };
            for cell in work.lists[list].drain(..) {
                let key = &mut keys[cell.at as usize];
                removed += u64::from(*key == code);
                *key = DEAD;
            }
        }
        work.has_dead |= removed > 0;
        self.stale |= removed > 0;
        self.counts.removed += removed;
    }

    /// True if nothing in this batch is selected.
    #[inline]
    pub(crate) fn is_idle(&self, selector: u32) -> bool {
        self.codes[selector as usize].is_empty()
    }
}

/// See [`Session::write`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) scope: Scope,
    pub(crate) key: &'a str,
    pub(crate) selector: u32,
    /// Where the key is there already.
    pub(crate) replace: bool,
    /// Where it is not.
    pub(crate) insert: bool,
    /// Tallies whose attributes stay.
    pub(crate) skip: u16,
    pub(crate) tally: Option<u8>,
}

impl Session {
    /// Writes an attribute on the rows of `items`. Of several items for a row the last one counts, for
    /// `insert` alone the first.
    pub(crate) fn write(
        &mut self,
        programs: &Programs,
        columns: &mut Columns,
        writing: Writing<'_>,
        items: &[Item],
    ) {
        if items.is_empty() {
            // Values may have been made for nothing.
            self.stale = true;
            return;
        }
        let scope = writing.scope;
        self.find(columns, scope);
        if self.is_nowhere(scope, writing.selector) && items.is_sorted_by(|a, b| a.row < b.row) {
            if writing.insert {
                let key = self.intern_key(programs, columns, writing.key);
                self.push_all(columns, scope, key, items);
            } else {
                self.stale = true;
            }
            return;
        }
        let rows = attrs(columns, scope).ends.len();
        let wanted = self.tables[scope as usize].stamp(rows);
        for (i, item) in items.iter().enumerate() {
            let work = &mut self.tables[scope as usize];
            if writing.replace || work.stamped(item.row, wanted).is_none() {
                work.set_stamped(item.row, wanted, i as u32);
            }
        }
        let mut written = 0;
        self.each(columns, scope, writing.selector, |session, _, list, cell, key| {
            let work = &mut session.tables[scope as usize];
            let Some(item) = work.stamped(cell.row, wanted) else { return };
            // The top bit: there is one.
            work.set_stamped(cell.row, wanted, item | THERE);
            if !writing.replace || work.mark_of(cell.at) & writing.skip != 0 {
                return;
            }
            if let Some(tally) = writing.tally {
                work.tally(tally, cell, key);
            }
            written += usize::from(item & THERE == 0);
            let Item { ty, val, .. } = items[(item & !THERE) as usize];
            session.set(list, cell, ty, val);
        });
        let key = if writing.insert { self.intern_key(programs, columns, writing.key) } else { DEAD };
        for item in items {
            if key == DEAD {
                break;
            }
            let work = &mut self.tables[scope as usize];
            if let Some(at) = work.stamped(item.row, wanted)
                && at & THERE == 0
            {
                work.set_stamped(item.row, wanted, at | THERE);
                self.push(columns, scope, key, Item { row: item.row, ..items[at as usize] });
                written += 1;
            }
        }
        // A value, or the key, may be in a dictionary and nowhere else.
        self.stale |= written < items.len();
    }
}

/// Marks the number of a row whose key is there. Items are fewer than this: rows are.
const THERE: u32 = 1 << 31;
