//! What a query compiles to: independent of any spans, shared between threads.

use crate::ast::{AggregateOp, BinaryOp, Field, Kind, SpansetOperator, Static, Status};
use cadenza_model::{SpanId, TraceId};

/// A compiled query. Bind it to columns to run it.
#[derive(Debug)]
pub struct Program {
    pub(super) stages: Vec<Step>,
    pub(super) slots: Vec<Slot>,
    /// Number of [`Leaf`]s, for their memory of past answers.
    pub(super) leaves: usize,
    pub(super) touches: Vec<Touch>,
}

/// A field that the program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) field: Field,
    /// No value reads as the empty text: a resource without a `service.name` has an empty one.
    pub(super) default_empty: bool,
}

/// One stage.
#[derive(Debug)]
pub(super) enum Step {
    Spanset(Spans),
    Scalar {
        aggregate: AggregateOp,
        expr: Option<Value>,
        op: BinaryOp,
        literal: Static,
        key: String,
    },
    Group {
        expr: Value,
        key: String,
    },
    Coalesce,
    /// Only [`Touch`]es come of it.
    Select,
}

/// A spanset expression.
#[derive(Debug)]
pub(super) enum Spans {
    Filter(Test),
    Op(SpansetOperator, Box<Spans>, Box<Spans>),
    Pipeline(Vec<Step>),
}

/// A condition. Its result is true, false or, for a field that is not boolean, neither.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Const(bool),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    /// A field against a literal: the fast path.
    Leaf(Box<Leaf>),
    /// Values computed per span.
    Compare(BinaryOp, Box<(Value, Value)>),
    Regex {
        value: Box<Value>,
        regex: regex::Regex,
        negated: bool,
    },
    IsNil(Box<Value>),
    NotNil(Box<Value>),
    /// A value that should be boolean.
    Truth(Box<Value>),
    /// True if it is for some event (or link) of the span.
    Any(Items, Box<Test>),
}

/// What a span has several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Items {
    Events,
    Links,
}

/// `field op literal`
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) slot: usize,
    pub(super) predicate: Predicate,
    /// Its number among the leaves.
    pub(super) id: usize,
}

/// `op literal`
#[derive(Debug, Clone)]
pub(super) enum Predicate {
    /// On attributes: types must be equal.
    Strict(BinaryOp, Static),
    /// On intrinsics: a number is a number.
    Loose(BinaryOp, Static),
    Regex {
        regex: regex::Regex,
        negated: bool,
    },
    TraceId {
        id: TraceId,
        equal: bool,
    },
    SpanId {
        id: SpanId,
        equal: bool,
    },
    Status {
        status: Status,
        equal: bool,
    },
    Kind {
        kind: Kind,
        equal: bool,
    },
    /// The operand can equal nothing, nor differ from anything.
    Never,
}

/// A value computed per span.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Const(Static),
    /// A constant without a value, such as `1 / 0`.
    Nil,
    Slot(usize),
    Neg(Box<Value>),
    Arithmetic(BinaryOp, Box<(Value, Value)>),
    Test(Box<Test>),
}

/// A field that a result shows, and when.
#[derive(Debug)]
pub(super) struct Touch {
    pub(super) slot: usize,
    /// Whatever its value.
    pub(super) always: bool,
    /// Else only where one of these holds.
    pub(super) predicates: Vec<Predicate>,
    /// Its absence was asked for.
    pub(super) nil: bool,
}

impl Program {
    /// True if nested set numbers or child counts are read: the caller must supply the tree.
    pub fn needs_tree(&self) -> bool {
        use crate::ast::Intrinsic::{ChildCount, NestedSetLeft, NestedSetParent, NestedSetRight};
        let numbers = |slot: &Slot| {
            matches!(
                slot.field,
                Field::Intrinsic(NestedSetLeft | NestedSetRight | NestedSetParent | ChildCount)
            )
        };
        self.slots.iter().any(numbers) || has_structural(&self.stages)
    }

    /// Every field that is read.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.slots.iter().map(|slot| &slot.field)
    }
}

fn has_structural(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Spanset(s) if is_structural(s)))
}

fn is_structural(spans: &Spans) -> bool {
    match spans {
        Spans::Filter(_) => false,
        Spans::Op(SpansetOperator::Structural(..), ..) => true,
        Spans::Op(_, l, r) => is_structural(l) || is_structural(r),
        Spans::Pipeline(steps) => has_structural(steps),
    }
}
