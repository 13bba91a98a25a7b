//! What a component imports and exports, read from its bytes before anything is compiled.

use crate::error::LoadError;
use wasmparser::{Encoding, Parser, Payload};

/// Interfaces that a component may import, in any version of this contract.
const ALLOWED: [&str; 6] = ["types", "native", "log", "metrics", "state", "helpers"];
/// Prefix of every name of the contract.
const PACKAGE: &str = "cadenza:plugin/";
/// The major version that is hosted.
const MAJOR: &str = "1";
/// Digits of a minor or patch version.
const VERSION_DIGITS_MAX: usize = 6;
/// Imports and exports that are looked at. The contract has ten.
const NAMES_MAX: usize = 1000;
/// Components and modules inside each other.
const DEPTH_MAX: usize = 100;

/// An import of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// As the component has it.
    pub name: String,
    /// True if a plugin may have it.
    pub allowed: bool,
}

/// What a component wants and offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<String>,
}

/// What a component is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    Transform,
    Head,
}

/// The interface of a name of the contract, whatever its minor version.
fn interface(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    let mut parts = version.split('.');
    let is_major = parts.next() == Some(MAJOR);
    let is_number = |part: &str| {
        (1..=VERSION_DIGITS_MAX).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_release = parts.clone().count() == 2 && parts.all(is_number);
    (is_major && is_release).then_some(interface)
}

/// The imports of a component, and which of them are allowed. Checks and compiles nothing.
///
/// # Errors
/// When the bytes are no component.
pub fn imports(bytes: &[u8]) -> Result<Vec<Import>, LoadError> {
    Ok(surface(bytes)?.imports)
}

pub(crate) fn surface(bytes: &[u8]) -> Result<Surface, LoadError> {
    let malformed = |error: wasmparser::BinaryReaderError| LoadError::Malformed(error.message().to_owned());
    let mut surface = Surface::default();
    let mut depth = 0_usize;
    let mut seen = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding, .. } if depth == 0 => {
                if encoding == Encoding::Module {
                    return Err(LoadError::CoreModule);
                }
                seen = true;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(LoadError::Malformed("components inside each other too deep".to_owned()));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.map_err(malformed)?.name.name.to_owned();
                    let allowed = interface(&name).is_some_and(|name| ALLOWED.contains(&name));
                    surface.imports.push(Import { name, allowed });
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    surface.exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
        if surface.imports.len() + surface.exports.len() > NAMES_MAX {
            return Err(LoadError::Malformed(format!("more than {NAMES_MAX} imports and exports")));
        }
    }
    if !seen {
        return Err(LoadError::Malformed("no component".to_owned()));
    }
    Ok(surface)
}

impl Surface {
    /// Checks the names; gives how the plugin is called.
    pub(crate) fn check(&self) -> Result<Entrance, LoadError> {
        let refused = self.imports.iter().filter(|import| !import.allowed);
        let refused: Vec<_> = refused.map(|import| import.name.clone()).collect();
        if !refused.is_empty() {
            return Err(LoadError::Imports(refused));
        }
        let exports = |wanted: &str| self.exports.iter().any(|name| interface(name) == Some(wanted));
        let fail = |message: &str| Err(LoadError::Exports(message.to_owned()));
        if !exports("lifecycle") {
            return fail("does not export cadenza:plugin/lifecycle@1.0.0");
        }
        match (exports("transform"), exports("head"), exports("tail")) {
            (true, false, false) => Ok(Entrance::Transform),
            (false, true, false) => Ok(Entrance::Head),
            (false, false, true) => fail("exports cadenza:plugin/tail: tail samplers are not hosted yet"),
            (false, false, false) => fail("exports neither cadenza:plugin/transform@1.0.0 nor head"),
            _ => fail("exports more than one of transform, head and tail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_contract_are_known_in_any_minor_version() {
        let check = |name, expect| assert_eq!(interface(name), expect, "{name}");
        check("cadenza:plugin/log@1.0.0", Some("log"));
        check("cadenza:plugin/log@1.2.12", Some("log"));
        check("cadenza:plugin/log@0.1.0", None);
        check("cadenza:plugin/log@2.0.0", None);
        check("cadenza:plugin/log@10.0.0", None);
        check("cadenza:plugin/log@1.0.", None);
        check("cadenza:plugin/log@1.0", None);
        check("cadenza:plugin/log@1.0.0.0", None);
        check("cadenza:plugin/log@1.0.0-rc", None);
        check("cadenza:plugin/log", None);
        check("wasi:clocks/wall-clock@0.2.0", None);
    }
}
