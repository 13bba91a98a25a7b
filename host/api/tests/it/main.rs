//! The surface against a service that answers from memory: validation, texts, forms, methods, tenants.

mod fake;
mod forms;
mod http_rules;
mod metrics;
mod search_params;
mod trace_params;
