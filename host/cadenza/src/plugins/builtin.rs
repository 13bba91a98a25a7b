//! Components that come with the server, made of `plugins/` by `cargo xtask plugins`.

macro_rules! component {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../plugins/components/", $name, ".wasm")).as_slice())
    };
}

/// Name and bytes.
pub(crate) const ALL: [(&str, &[u8]); 4] = [
    component!("attributes"),
    component!("probabilistic-sampler"),
    component!("process-enricher"),
    component!("redaction"),
];

/// The bytes of `builtin:NAME`.
pub(crate) fn find(name: &str) -> Option<&'static [u8]> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
