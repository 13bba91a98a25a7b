//! Dedicated columns: which attributes live in the spare columns.

use crate::schema::Owner;
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

impl DedicatedColumn {
    /// Whether its values are large and repeat rarely.
    pub fn is_blob(&self) -> bool {
        self.options.contains(&DedicatedOption::Blob)
    }
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
