//! The demo's traces: the generator's, with what programs should not send, and without what they often do not.

use cadenza_traffic::{GeneratedTrace, Generator, SERVICES};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// Where the card number is.
pub(super) const NOTE: &str = "checkout.note";
/// What the live swap is about.
pub(super) const EMAIL: &str = "customer.email";
/// What a program sends; never to be seen again.
pub(super) const NOTE_AS_SENT: &str = "paid with 4111 1111 1111 1111";

/// Every fifth trace is a process run, so that each process is there.
pub(super) fn is_run(number: u64) -> bool {
    number % 5 == 4
}

/// Which traces are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// They have something for the demo's chain to do; beside a user's own configuration they are as generated.
    pub(super) for_chain: bool,
}

impl Traffic {
    /// The next trace.
    pub(super) fn trace(self, generator: &mut Generator, number: u64, start_ns: u64) -> GeneratedTrace {
        match (is_run(number), self.for_chain) {
            (true, true) => run(generator, start_ns),
            (true, false) => generator.process_run(start_ns),
            (false, true) => request(generator, number, start_ns),
            (false, false) => generator.shop_request(start_ns),
        }
    }
}

/// A request to the shop whose storefront leaks a card number and an address.
pub(super) fn request(generator: &mut Generator, number: u64, start_ns: u64) -> GeneratedTrace {
    let mut trace = generator.shop_request(start_ns);
    let front = trace.spans.iter_mut().rev().find(|(service, _)| SERVICES[*service].name == "storefront");
    if let Some((_, span)) = front {
        span.attributes.push(text(NOTE, NOTE_AS_SENT));
        span.attributes.push(text(EMAIL, &format!("ann.{}@example.com", number % 100)));
    }
    trace
}

/// A process run whose spans do not say which step they are.
fn run(generator: &mut Generator, start_ns: u64) -> GeneratedTrace {
    let mut trace = generator.process_run(start_ns);
    for (_, span) in &mut trace.spans {
        let step = span.attributes.iter().find(|attribute| attribute.key == "step.name");
        if let Some(step) = step.and_then(string).filter(|_| span.name == "ProcessStep") {
            span.name = format!("step {step}");
        }
        span.attributes.retain(|attribute| !attribute.key.starts_with("step."));
    }
    trace
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn string(attribute: &KeyValue) -> Option<String> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_demos_chain_traces_are_as_generated() {
        let keys = |for_chain, number| -> String {
            let trace = Traffic { for_chain }.trace(&mut Generator::new(1), number, 1);
            let attributes = trace.spans.into_iter().flat_map(|(_, span)| span.attributes);
            attributes.map(|attribute| attribute.key + " ").collect()
        };
        assert!(keys(true, 0).contains(NOTE) && !keys(false, 0).contains(NOTE));
        assert!(!keys(true, 4).contains("step.index") && keys(false, 4).contains("step.index"));
    }
}
