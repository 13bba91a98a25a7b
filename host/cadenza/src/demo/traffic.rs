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

/// The next trace.
pub(super) fn trace(generator: &mut Generator, number: u64, start_ns: u64) -> GeneratedTrace {
    if is_run(number) { run(generator, start_ns) } else { request(generator, number, start_ns) }
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
