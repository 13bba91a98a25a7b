//! Which form an answer takes.

use http::{HeaderMap, header};

/// A representation of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// gogo jsonpb's JSON.
    Json,
    /// The message of the gRPC API.
    Protobuf,
    /// The flattened JSON for language models.
    Llm,
}

impl Form {
    /// Reads `Accept` the way Tempo does: by substring, in this order, without q-values.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("application/protobuf") {
            Self::Protobuf
        } else if accept.contains("application/json") {
            Self::Json
        } else if accept.contains("application/vnd.grafana.llm") {
            Self::Llm
        } else {
            Self::Json
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_matched_by_substring_in_tempos_order() {
        let check = |accept: &'static str, expect: Form| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header value"))]);
            assert_eq!(Form::of(&headers), expect, "{accept}");
        };
        check("application/json, application/protobuf", Form::Protobuf);
        check("application/x-protobuf", Form::Json);
        check("*/*", Form::Json);
        check("Application/Protobuf", Form::Json);
        check("application/vnd.grafana.llm", Form::Llm);
        check("application/vnd.grafana.llm, application/json", Form::Json);
        assert_eq!(Form::of(&HeaderMap::new()), Form::Json);
    }
}
