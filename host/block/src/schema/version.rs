//! The versions of the format, and which dedicated columns each has room for.

use super::{Column, Owner, Schema, ValueKind};
use crate::meta::{DedicatedColumn, DedicatedType};
use std::fmt;

/// A version of the format that blocks can be read of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// vParquet4, Tempo's default.
    V4,
    /// vParquet5: more spares, with arrays and integers, and numbers made for metrics.
    V5,
}

/// A version that blocks cannot be read of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unsupported version {version}: {} can be read", Version::names())]
pub struct UnsupportedVersion {
    /// As the meta spells it.
    pub version: String,
}

/// A spare that holds an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spare<'a> {
    pub(super) owner: Owner,
    pub(super) kind: ValueKind,
    pub(super) number: u8,
    pub(super) key: &'a str,
    /// Large values that repeat rarely.
    pub(super) blob: bool,
}

impl Spare<'_> {
    pub(super) fn column(&self) -> Column {
        Column::Spare(self.owner, self.kind, self.number)
    }
}

impl Version {
    /// All, oldest first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V5];

    /// `format` of the meta.
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "vParquet4",
            Self::V5 => "vParquet5",
        }
    }

    /// The version that a meta names.
    pub fn parse(format: &str) -> Result<Self, UnsupportedVersion> {
        let found = Self::ALL.into_iter().find(|version| version.name() == format);
        found.ok_or_else(|| UnsupportedVersion { version: format.to_owned() })
    }

    fn names() -> String {
        let names: Vec<_> = Self::ALL.iter().map(|version| version.name()).collect();
        names.join(", ")
    }

    /// Number of spares for attributes of `owner` with values of `kind`.
    pub fn spares(self, owner: Owner, kind: ValueKind) -> u8 {
        match (self, owner, kind) {
            (Self::V4, Owner::Resource | Owner::Span, ValueKind::Str) => 10,
            (Self::V5, Owner::Resource | Owner::Span | Owner::Event, ValueKind::Str) => 20,
            (Self::V5, Owner::Resource | Owner::Span | Owner::Event, ValueKind::Int) => 5,
            _ => 0,
        }
    }

    /// Whether the spares that hold nothing are in the file, too.
    pub(super) fn has_unused_spares(self) -> bool {
        self == Self::V4
    }

    /// Whether dedicated columns may have options.
    fn has_options(self) -> bool {
        self == Self::V5
    }

    /// What of a configured list the meta of a block keeps: what the version has spares for at all, and where
    /// it has fixed columns nothing that has one anyway. The list may still be longer than there are spares.
    pub fn dedicated(self, list: &[DedicatedColumn]) -> Vec<DedicatedColumn> {
        let bare = (self != Self::V5).then(|| Schema::new(self, &[]));
        let has_fixed = |column: &DedicatedColumn| {
            bare.as_ref().is_some_and(|schema| {
                let mut own = schema.own_of(column.scope.owner(), &column.name);
                own.any(|own| own.value_kind() == Some(column.ty.value_kind()))
            })
        };
        let keep = |column: &&DedicatedColumn| {
            self.spares(column.scope.owner(), column.ty.value_kind()) > 0
                && (column.options.is_empty() || self.has_options())
                && !has_fixed(column)
        };
        list.iter().filter(keep).cloned().collect()
    }

    /// The spares by the meta's list: its entries in order, as many as there are spares.
    pub(super) fn assign(self, list: &[DedicatedColumn]) -> Vec<Spare<'_>> {
        let mut used = std::collections::HashMap::<(Owner, ValueKind), u8>::new();
        let mut out = Vec::new();
        for column in list {
            let (owner, kind) = (column.scope.owner(), column.ty.value_kind());
            let number = used.entry((owner, kind)).or_default();
            if *number < self.spares(owner, kind) {
                // Of two entries with one name, which no configuration passes, Tempo fills the last one.
                out.retain(|spare: &Spare<'_>| (spare.owner, spare.key) != (owner, &*column.name));
                out.push(Spare { owner, kind, number: *number, key: &column.name, blob: column.is_blob() });
                *number += 1;
            }
        }
        out
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl DedicatedType {
    /// The schema's word for it.
    pub fn value_kind(self) -> ValueKind {
        match self {
            Self::String => ValueKind::Str,
            Self::Int => ValueKind::Int,
        }
    }
}
