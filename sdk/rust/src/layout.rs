//! Where the lists of each column stand in those that all columns share.

use crate::plan::Plan;
use crate::types::{AttributeField, Batch, Field, Intrinsic, KeySelector, Scope, ValueType};
use std::ops::Range;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Codes, and for each entry a string.
    Strings,
    /// Codes alone.
    Nothing,
    /// Numbers of 64 bits.
    Ints,
    /// The same, bits of doubles.
    Doubles,
    /// A byte each.
    Booleans,
    /// So many bytes each.
    Ids(u32),
}

/// Which lists the column of a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) has_rows: bool,
    pub(crate) has_keys: bool,
    pub(crate) values: Values,
}

impl Shape {
    pub(crate) fn of(field: &Field) -> Self {
        match field {
            Field::Attribute(field) => Self {
                has_rows: true,
                has_keys: !matches!(field.place.key, KeySelector::Exact(_)),
                values: of_attribute(field),
            },
            Field::Intrinsic(field) => {
                Self { has_rows: false, has_keys: false, values: of_intrinsic(field.intrinsic) }
            }
        }
    }
}

fn of_attribute(field: &AttributeField) -> Values {
    match field.value_type {
        ValueType::Str | ValueType::Bytes | ValueType::Text | ValueType::Json => Values::Strings,
        ValueType::Presence => Values::Nothing,
        ValueType::Int => Values::Ints,
        ValueType::Double => Values::Doubles,
        ValueType::Boolean => Values::Booleans,
    }
}

fn of_intrinsic(intrinsic: Intrinsic) -> Values {
    match intrinsic {
        Intrinsic::TraceId | Intrinsic::LinkTraceId => Values::Ids(16),
        Intrinsic::SpanId | Intrinsic::ParentSpanId | Intrinsic::LinkSpanId => Values::Ids(8),
        Intrinsic::TraceState
        | Intrinsic::Name
        | Intrinsic::StatusMessage
        | Intrinsic::ScopeName
        | Intrinsic::ScopeVersion
        | Intrinsic::EventName
        | Intrinsic::LinkTraceState => Values::Strings,
        Intrinsic::TraceFlags
        | Intrinsic::Kind
        | Intrinsic::StatusCode
        | Intrinsic::StartUnixNano
        | Intrinsic::DurationNano
        | Intrinsic::EventCount
        | Intrinsic::LinkCount
        | Intrinsic::EventTimeUnixNano => Values::Ints,
    }
}

/// How much a column of a batch has, as the list of numbers begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) cells: u32,
    pub(crate) entries: u32,
}

impl Counts {
    pub(crate) fn of(batch: &Batch, column: usize) -> Self {
        let counts = &batch.arena.numbers[2 * column..][..2];
        Self { cells: counts[0], entries: counts[1] }
    }
}

/// Where something begins in each list of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Start {
    pub(crate) numbers: u32,
    pub(crate) longs: u32,
    pub(crate) bytes: u32,
}

impl Start {
    /// Where the column ends that begins here.
    fn after(mut self, shape: Shape, counts: Counts, numbers: &[u32]) -> Self {
        let Counts { cells, entries } = counts;
        self.numbers += if shape.has_rows { cells } else { 0 };
        match shape.values {
            Values::Strings => {
                self.numbers += cells + if shape.has_keys { 2 * entries } else { entries };
                if entries > 0 {
                    self.bytes += numbers[self.numbers as usize - 1];
                }
            }
            Values::Nothing => self.numbers += cells + if shape.has_keys { entries } else { 0 },
            Values::Ints | Values::Doubles | Values::Booleans => {
                self.numbers += if shape.has_keys { cells } else { 0 };
                match shape.values {
                    Values::Booleans => self.bytes += cells,
                    _ => self.longs += cells,
                }
            }
            Values::Ids(width) => self.bytes += cells * width,
        }
        self
    }
}

/// How the batches of a plan are laid out; where the lists of one stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) columns: Vec<Start>,
    pub(crate) keys: Start,
}

impl Layout {
    /// For the batches of a plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        let shapes = plan.fields.iter().map(Shape::of).collect();
        Self { shapes, ..Self::default() }
    }

    /// For one batch.
    pub(crate) fn find(&mut self, plan: &Plan, batch: &Batch) {
        let numbers = batch.arena.numbers.as_slice();
        let tables = tables(plan, batch).last().map(|(_, rows)| rows.end);
        let start = tables.unwrap_or(2 * self.shapes.len());
        let mut at = Start { numbers: start as u32, ..Start::default() };
        self.columns.clear();
        for (column, &shape) in self.shapes.iter().enumerate() {
            self.columns.push(at);
            at = at.after(shape, Counts::of(batch, column), numbers);
        }
        self.keys = at;
    }
}

/// The tables of a batch, and where in the numbers the parents of their rows stand; for resources, which have none, a
/// range of nothing.
pub(crate) fn tables(plan: &Plan, batch: &Batch) -> impl Iterator<Item = (Table, Range<usize>)> {
    let mut at = 2 * plan.fields.len();
    plan.tables.iter().map(move |&scope| {
        let rows = batch.arena.numbers[at];
        let parents = if scope == Scope::Resource { 0 } else { rows as usize };
        let start = at + 1;
        at = start + parents;
        (Table { scope, rows }, start..at)
    })
}

/// A table that the plan asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) scope: Scope,
    pub(crate) rows: u32,
}
