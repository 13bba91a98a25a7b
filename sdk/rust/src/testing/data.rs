//! Plain rows.

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Str(String),
    /// An int.
    Int(i64),
    /// A double.
    Double(f64),
    /// A bool.
    Boolean(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Anything else, as OTLP/JSON's `AnyValue`.
    Json(serde_json::Value),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl Value {
    /// As a column of type text shows it.
    pub fn text(&self) -> String {
        match self {
            Self::Str(text) => text.clone(),
            Self::Int(value) => value.to_string(),
            Self::Double(value) => serde_json::Value::from(*value).to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Json(value) => value.to_string(),
        }
    }

    /// As a column of type json shows it.
    pub fn json(&self) -> String {
        use serde_json::json;
        match self {
            Self::Str(text) => json!({ "stringValue": text }),
            Self::Int(value) => json!({ "intValue": value.to_string() }),
            Self::Double(value) => json!({ "doubleValue": value }),
            Self::Boolean(value) => json!({ "boolValue": value }),
            Self::Bytes(bytes) => {
                json!({ "bytesValue": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>() })
            }
            Self::Json(value) => value.clone(),
        }
        .to_string()
    }

    /// The value that OTLP/JSON's `AnyValue` means.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let int = |v: &serde_json::Value| v.as_i64().or_else(|| v.as_str()?.parse().ok());
        if let Some(text) = value["stringValue"].as_str() {
            Self::Str(text.to_owned())
        } else if let Some(value) = int(&value["intValue"]) {
            Self::Int(value)
        } else if let Some(value) = value["doubleValue"].as_f64() {
            Self::Double(value)
        } else if let Some(value) = value["boolValue"].as_bool() {
            Self::Boolean(value)
        } else {
            Self::Json(value.clone())
        }
    }
}

/// Attributes in order; keys may repeat.
pub type Attributes = Vec<(String, Value)>;

/// A resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Its attributes.
    pub attributes: Attributes,
}

/// An instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scoped {
    /// Row of its resource.
    pub resource: usize,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its attributes.
    pub attributes: Attributes,
}

/// A span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Row of its instrumentation scope.
    pub scope: usize,
    /// Of its trace.
    pub trace_id: [u8; 16],
    /// Its own.
    pub span_id: [u8; 8],
    /// Of its parent; zeros without one.
    pub parent_span_id: [u8; 8],
    /// W3C.
    pub trace_state: String,
    /// W3C flags and the remote bits.
    pub flags: u32,
    /// What it does.
    pub name: String,
    /// Number of the OTLP enum.
    pub kind: i64,
    /// Number of the OTLP enum.
    pub status_code: i64,
    /// For people.
    pub status_message: String,
    /// Start.
    pub start_unix_nano: u64,
    /// How long.
    pub duration_nano: u64,
    /// Its attributes.
    pub attributes: Attributes,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Row of its span.
    pub span: usize,
    /// What happened.
    pub name: String,
    /// When.
    pub time_unix_nano: u64,
    /// Its attributes.
    pub attributes: Attributes,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// Row of its span.
    pub span: usize,
    /// What it points to.
    pub trace_id: [u8; 16],
    /// What it points to.
    pub span_id: [u8; 8],
    /// W3C.
    pub trace_state: String,
    /// Its attributes.
    pub attributes: Attributes,
}

/// Spans with all that belongs to them, as tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    /// Rows.
    pub resources: Vec<Resource>,
    /// Rows.
    pub scopes: Vec<Scoped>,
    /// Rows.
    pub spans: Vec<Span>,
    /// Rows.
    pub events: Vec<Event>,
    /// Rows.
    pub links: Vec<Link>,
}

fn owned<'a>(attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Attributes {
    attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl Data {
    /// Adds a resource with one scope; the spans that follow are theirs.
    pub fn resource<'a>(&mut self, attributes: impl IntoIterator<Item = (&'a str, Value)>) -> &mut Resource {
        self.resources.push(Resource { attributes: owned(attributes) });
        let resource = self.resources.len() - 1;
        self.scopes.push(Scoped { resource, ..Scoped::default() });
        &mut self.resources[resource]
    }

    /// Adds a span of the last resource (an empty one, if there is none), with an id from its row.
    pub fn span<'a>(
        &mut self,
        name: &str,
        attributes: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> &mut Span {
        if self.scopes.is_empty() {
            self.resource([]);
        }
        let row = self.spans.len();
        self.spans.push(Span {
            scope: self.scopes.len() - 1,
            trace_id: [1; 16],
            span_id: (row as u64 + 1).to_be_bytes(),
            name: name.to_owned(),
            attributes: owned(attributes),
            ..Span::default()
        });
        &mut self.spans[row]
    }

    /// Adds an event of the last span.
    pub fn event<'a>(
        &mut self,
        name: &str,
        attributes: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> &mut Event {
        let span = self.spans.len().saturating_sub(1);
        self.events.push(Event {
            span,
            name: name.to_owned(),
            attributes: owned(attributes),
            ..Event::default()
        });
        let last = self.events.len() - 1;
        &mut self.events[last]
    }

    /// A span's attribute.
    pub fn get(&self, span: usize, key: &str) -> Option<&Value> {
        self.spans[span].attributes.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }
}
