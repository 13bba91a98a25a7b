//! What a plugin wants to see and to change.

use crate::native::Step;
use crate::types::{
    AttributeField, CellEdits, Field, Intrinsic, IntrinsicField, KeySelector, Place, Scope,
    Target as WitTarget, ValueType,
};

/// A column that the plan asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Column(pub(crate) u32);

/// An attribute that the plan may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target(pub(crate) u32);

impl Column {
    /// Its place in the plan.
    pub fn index(self) -> u32 {
        self.0
    }
}

impl Target {
    /// Its place in the plan.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// What a plugin wants to see and to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The native program.
    pub steps: Vec<Step>,
    /// Columns, by [`Column::index`].
    pub fields: Vec<Field>,
    /// Targets, by [`Target::index`].
    pub targets: Vec<WitTarget>,
    /// Tables for joining rows.
    pub tables: Vec<Scope>,
    /// Name of the secret for `hmac-*` hashes.
    pub hmac_secret: Option<String>,
}

impl Plan {
    /// A plan of native steps only.
    pub fn of_steps(steps: Vec<Step>) -> Self {
        Self { steps, ..Self::default() }
    }

    /// Asks for a column: [`attribute`] or [`intrinsic`].
    pub fn column(&mut self, field: impl Into<Field>) -> Column {
        self.fields.push(field.into());
        Column(self.fields.len() as u32 - 1)
    }

    /// Asks to write an attribute.
    pub fn target(&mut self, scope: Scope, key: impl Into<String>) -> Target {
        self.targets.push(WitTarget { scope, key: key.into() });
        Target(self.targets.len() as u32 - 1)
    }

    /// Asks for a table, for [`crate::Batch::parents`].
    pub fn table(&mut self, scope: Scope) {
        if !self.tables.contains(&scope) {
            self.tables.push(scope);
        }
    }

    /// Adds a native step: see [`crate::steps`].
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }
}

/// A selector of exactly this key.
pub fn exact(key: impl Into<String>) -> KeySelector {
    KeySelector::Exact(key.into())
}

/// Attributes of a table.
pub fn place(scope: Scope, key: KeySelector) -> Place {
    Place { scope, key }
}

/// A column of attributes with this key, showing strings.
pub fn attribute(scope: Scope, key: impl Into<String>) -> AttributeBuilder {
    attributes(place(scope, exact(key)))
}

/// A column of attributes, showing strings.
pub fn attributes(place: Place) -> AttributeBuilder {
    AttributeBuilder(AttributeField {
        place,
        value_type: ValueType::Str,
        only_if: None,
        edits: CellEdits::empty(),
    })
}

/// A column that is no attribute.
pub fn intrinsic(intrinsic: Intrinsic) -> IntrinsicBuilder {
    IntrinsicBuilder(IntrinsicField { intrinsic, edits: CellEdits::empty() })
}

/// Builds a column of attributes.
#[derive(Clone, Debug)]
pub struct AttributeBuilder(AttributeField);

/// Builds a column that is no attribute.
#[derive(Clone, Debug)]
pub struct IntrinsicBuilder(IntrinsicField);

impl AttributeBuilder {
    /// What the cells hold.
    #[must_use]
    pub fn values(mut self, value_type: ValueType) -> Self {
        self.0.value_type = value_type;
        self
    }

    /// Show only cells whose text matches (RE2).
    #[must_use]
    pub fn only_if(mut self, pattern: impl Into<String>) -> Self {
        self.0.only_if = Some(pattern.into());
        self
    }

    /// Ask to give cells other values.
    #[must_use]
    pub fn update(mut self) -> Self {
        self.0.edits = self.0.edits | CellEdits::UPDATE;
        self
    }

    /// Ask to remove cells.
    #[must_use]
    pub fn delete(mut self) -> Self {
        self.0.edits = self.0.edits | CellEdits::DELETE;
        self
    }

    /// Ask to remove the events or links that cells belong to.
    #[must_use]
    pub fn drop_row(mut self) -> Self {
        self.0.edits = self.0.edits | CellEdits::DROP_ROW;
        self
    }
}

impl IntrinsicBuilder {
    /// Ask to give cells other values: only for text.
    #[must_use]
    pub fn update(mut self) -> Self {
        self.0.edits = self.0.edits | CellEdits::UPDATE;
        self
    }
}

impl From<AttributeBuilder> for Field {
    fn from(builder: AttributeBuilder) -> Self {
        Self::Attribute(builder.0)
    }
}

impl From<IntrinsicBuilder> for Field {
    fn from(builder: IntrinsicBuilder) -> Self {
        Self::Intrinsic(builder.0)
    }
}
