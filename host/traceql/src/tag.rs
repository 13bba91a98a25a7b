//! The identifier in a tag-values request: exactly one attribute or intrinsic.

use crate::ast::{Field, Intrinsic};
use crate::error::{ErrorKind, ParseError};

/// Parses `resource.service.name`, `.x`, `name`, `event:name`, `span."with blank"`.
pub fn parse_tag(text: &str) -> Result<Field, ParseError> {
    let found = crate::parse::parse_field(text)?;
    let parent = match &found.field {
        Field::Attribute(a) => a.parent,
        Field::Intrinsic(i) => *i == Intrinsic::Parent,
    };
    if parent {
        let message = format!("{} not yet supported", found.field);
        return Err(ParseError::new(ErrorKind::Unsupported, message, text, found.pos));
    }
    Ok(found.field)
}
