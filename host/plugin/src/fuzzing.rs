//! What fuzzing calls: everything here must hold for any bytes.

/// The loader's look at a component: it must neither panic nor take long, whatever the bytes are.
pub fn component_bytes(data: &[u8]) {
    if let Ok(surface) = crate::loader::surface(data) {
        let refused = surface.imports.iter().any(|import| !import.allowed);
        assert!(!(refused && surface.check().is_ok()), "an import that is not allowed was passed over");
    }
}
