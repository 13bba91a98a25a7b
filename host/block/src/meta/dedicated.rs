//! Dedicated columns: which attributes live in the spare columns.

use crate::schema::{Fixed, Owner, Schema};
use serde::{Deserialize, Serialize};

/// An attribute with a spare column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DedicatedColumn {
    /// Whose attribute.
    #[serde(rename = "s", default, skip_serializing_if = "DedicatedScope::is_default")]
    pub scope: DedicatedScope,
    /// Its key.
    #[serde(rename = "n")]
    pub name: String,
    /// Type of the values that go there; others stay in the generic list.
    #[serde(rename = "t", default, skip_serializing_if = "DedicatedType::is_default")]
    pub ty: DedicatedType,
    /// Empty in vParquet4.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<DedicatedOption>,
}

/// Scope of a dedicated column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DedicatedScope {
    /// Resource attributes.
    Resource,
    /// Span attributes.
    #[default]
    Span,
    /// Event attributes; vParquet5 only.
    Event,
}

/// Value type of a dedicated column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DedicatedType {
    /// Strings.
    #[default]
    String,
    /// Integers; vParquet5 only.
    Int,
}

/// Option of a dedicated column; vParquet5 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DedicatedOption {
    /// Arrays are expected.
    Array,
    /// Large values that repeat rarely.
    Blob,
}

impl DedicatedScope {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The schema's word for it.
    pub fn owner(self) -> Owner {
        match self {
            Self::Resource => Owner::Resource,
            Self::Span => Owner::Span,
            Self::Event => Owner::Event,
        }
    }
}

impl DedicatedType {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Tempo's list when nothing is configured, in its order.
pub fn dedicated_default() -> Vec<DedicatedColumn> {
    use DedicatedScope::{Resource, Span};
    use DedicatedType::{Int, String};
    let rows = [
        (Resource, "k8s.cluster.name", String),
        (Resource, "k8s.namespace.name", String),
        (Resource, "k8s.pod.name", String),
        (Resource, "k8s.container.name", String),
        (Span, "http.request.method", String),
        (Span, "http.response.status_code", Int),
        (Span, "url.path", String),
        (Span, "url.route", String),
        (Span, "server.address", String),
        (Span, "server.port", Int),
        (Span, "http.method", String),
        (Span, "http.url", String),
        (Span, "http.route", String),
        (Span, "http.status_code", Int),
    ];
    let column = |(scope, name, ty): (_, &str, _)| DedicatedColumn {
        scope,
        name: name.to_owned(),
        ty,
        options: Vec::new(),
    };
    rows.into_iter().map(column).collect()
}

/// What of a configured list a vParquet4 block's meta keeps: no integers, no events, no options, and
/// nothing that has a fixed column anyway.
pub fn dedicated_for_v4(list: &[DedicatedColumn]) -> Vec<DedicatedColumn> {
    let has_fixed = |column: &DedicatedColumn| {
        let owner = column.scope.owner();
        owner == Owner::Resource && column.name == "service.name"
            || Fixed::ALL.iter().any(|f| !f.is_int() && f.owner() == owner && f.attribute() == column.name)
    };
    let keep = |column: &&DedicatedColumn| {
        column.ty == DedicatedType::String
            && column.scope != DedicatedScope::Event
            && column.options.is_empty()
            && !has_fixed(column)
    };
    list.iter().filter(keep).cloned().collect()
}

/// Names held by the string spares of `scope` in vParquet4, by spare number: the meta's entries in order,
/// as many as there are spares.
pub fn spares(list: &[DedicatedColumn], scope: DedicatedScope) -> impl Iterator<Item = (u8, &str)> {
    let of_scope = move |c: &&DedicatedColumn| c.scope == scope && c.ty == DedicatedType::String;
    (0..Schema::V4_SPARES).zip(list.iter().filter(of_scope).map(|c| c.name.as_str()))
}
