//! the HTTP surface: routes, parameters, negotiation, error mapping.
