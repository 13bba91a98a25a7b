//! Cutting attributes that are too long.

use super::{Attrs, Columns};
use crate::error::Full;
use crate::{AttrType, Code, Dict};
use std::collections::HashMap;

/// How many keys and values were cut, by what they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttributesCut {
    /// On resources.
    pub resource: usize,
    /// On instrumentation scopes.
    pub scope: usize,
    /// On spans.
    pub span: usize,
    /// On events.
    pub event: usize,
    /// On links.
    pub link: usize,
}

impl AttributesCut {
    /// Of all owners together.
    pub fn total(&self) -> usize {
        self.resource + self.scope + self.span + self.event + self.link
    }
}

/// New codes of entries that are too long.
struct Cutter<'a> {
    dict: &'a mut Dict,
    bytes_max: usize,
    cut: HashMap<Code, Code>,
    any: bool,
}

impl<'a> Cutter<'a> {
    fn new(dict: &'a mut Dict, bytes_max: usize) -> Self {
        let any = (0..dict.len() as Code).any(|code| dict.get(code).len() > bytes_max);
        Self { dict, bytes_max, cut: HashMap::new(), any }
    }

    /// The code to use instead of `code`, if its entry is too long.
    fn code(&mut self, code: Code) -> Option<Code> {
        if !self.any || self.dict.get(code).len() <= self.bytes_max {
            return None;
        }
        Some(*self.cut.entry(code).or_insert_with(|| {
            let text = self.dict.str(code);
            let text = text[..text.floor_char_boundary(self.bytes_max)].to_owned();
            self.dict.intern(text.as_bytes())
        }))
    }
}

impl Columns {
    /// Cuts keys and string values of all attributes to at most `bytes_max` bytes, at a character's
    /// boundary; 0 cuts nothing. Names of spans and events and strings inside arrays stay.
    ///
    /// The long entries stay in the dictionaries: [`Columns::compact`] before writing.
    pub fn cut_attributes(&mut self, bytes_max: usize) -> Result<AttributesCut, Full> {
        if bytes_max == 0 {
            return Ok(AttributesCut::default());
        }
        let (names, values) = (self.names.len(), self.values.len());
        let mut keys = Cutter::new(&mut self.names, bytes_max);
        let mut texts = Cutter::new(&mut self.values, bytes_max);
        if !keys.any && !texts.any {
            return Ok(AttributesCut::default());
        }
        let sets =
            [&self.resource_attrs, &self.scope_attrs, &self.span_attrs, &self.event_attrs, &self.link_attrs];
        for attrs in sets {
            for (i, &key) in attrs.key.iter().enumerate() {
                keys.code(key);
                if attrs.ty[i] == AttrType::Str {
                    texts.code(attrs.val[i] as Code);
                }
            }
        }
        let full = [("bytes of names", keys.dict.is_full()), ("bytes of values", texts.dict.is_full())];
        if let Some((what, _)) = full.into_iter().find(|(_, full)| *full) {
            self.names.truncate(names);
            self.values.truncate(values);
            return Err(Full { what });
        }
        Ok(AttributesCut {
            resource: cut_set(&mut self.resource_attrs, &mut keys, &mut texts),
            scope: cut_set(&mut self.scope_attrs, &mut keys, &mut texts),
            span: cut_set(&mut self.span_attrs, &mut keys, &mut texts),
            event: cut_set(&mut self.event_attrs, &mut keys, &mut texts),
            link: cut_set(&mut self.link_attrs, &mut keys, &mut texts),
        })
    }
}

fn cut_set(attrs: &mut Attrs, keys: &mut Cutter<'_>, texts: &mut Cutter<'_>) -> usize {
    let mut count = 0;
    for i in 0..attrs.key.len() {
        if let Some(code) = keys.code(attrs.key[i]) {
            attrs.key[i] = code;
            count += 1;
        }
        if attrs.ty[i] == AttrType::Str
            && let Some(code) = texts.code(attrs.val[i] as Code)
        {
            attrs.val[i] = code.into();
            count += 1;
        }
    }
    count
}
