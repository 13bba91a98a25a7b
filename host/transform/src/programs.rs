//! The plugins of a chain, seen together: their selectors are resolved in one go and their cells are found
//! in one pass.

use crate::compile::Compiled;
use crate::plan::Scope;
use crate::selector::Selector;
use foldhash::{HashMap, HashMapExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the filter before the hash map of exact keys. With a hundred keys a tenth of them are set.
const FILTER_BITS: usize = 1024;

/// Tells chains apart: what a session remembers of one is nothing for another.
static IDS: AtomicU64 = AtomicU64::new(1);

/// The compiled plans of a chain, in its order.
#[derive(Debug)]
pub struct Programs {
    pub(crate) id: u64,
    plugins: Vec<Arc<Compiled>>,
    /// Distinct selectors of all plugins.
    pub(crate) selectors: Vec<(Scope, Selector)>,
    /// By plugin and its own selector: index into `selectors`.
    pub(crate) map: Vec<Vec<u32>>,
    exact: HashMap<Box<[u8]>, Vec<u32>>,
    filter: [u64; FILTER_BITS / 64],
    /// Selectors that are cheap to ask.
    prefixes: Vec<u32>,
    /// Globs and patterns.
    costly: Vec<u32>,
}

/// A few bits of a key that are cheap to have.
fn fingerprint(key: &[u8]) -> usize {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    let middle = key.get(key.len() / 2).copied().unwrap_or(0);
    let mixed = key.len() * 37 + usize::from(first) * 5 + usize::from(last) * 101 + usize::from(middle) * 29;
    mixed % FILTER_BITS
}

impl Programs {
    /// A chain of these plugins.
    pub fn new(plugins: Vec<Arc<Compiled>>) -> Self {
        let mut selectors: Vec<(Scope, Selector)> = Vec::new();
        let mut known: HashMap<(Scope, String), u32> = HashMap::new();
        let mut map = Vec::with_capacity(plugins.len());
        for plugin in &plugins {
            let mut of_plugin = Vec::with_capacity(plugin.selectors.len());
            for (scope, selector) in &plugin.selectors {
                let index = *known.entry((*scope, format!("{selector:?}"))).or_insert_with(|| {
                    selectors.push((*scope, selector.clone()));
                    selectors.len() as u32 - 1
                });
                of_plugin.push(index);
            }
            map.push(of_plugin);
        }
        let mut programs = Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            plugins,
            selectors,
            map,
            exact: HashMap::new(),
            filter: [0; FILTER_BITS / 64],
            prefixes: Vec::new(),
            costly: Vec::new(),
        };
        programs.sort_selectors();
        programs
    }

    fn sort_selectors(&mut self) {
        for (i, (_, selector)) in self.selectors.iter().enumerate() {
            let i = i as u32;
            match selector {
                Selector::Exact(key) => {
                    let bit = fingerprint(key.as_bytes());
                    self.filter[bit / 64] |= 1 << (bit % 64);
                    self.exact.entry(key.as_bytes().into()).or_default().push(i);
                }
                Selector::Prefix(_) | Selector::Any => self.prefixes.push(i),
                Selector::Glob(_) | Selector::Pattern(..) => self.costly.push(i),
            }
        }
    }

    /// The plugins.
    pub fn plugins(&self) -> &[Arc<Compiled>] {
        &self.plugins
    }

    /// True if asking all selectors for a name is worth remembering.
    pub(crate) fn has_costly(&self) -> bool {
        !self.costly.is_empty()
    }

    /// Reports every selector but the costly ones that selects `name`.
    #[inline]
    pub(crate) fn select(&self, name: &[u8], mut hit: impl FnMut(u32)) {
        let bit = fingerprint(name);
        if self.filter[bit / 64] >> (bit % 64) & 1 != 0
            && let Some(hits) = self.exact.get(name)
        {
            hits.iter().for_each(|&selector| hit(selector));
        }
        for &selector in &self.prefixes {
            let selects = match &self.selectors[selector as usize].1 {
                // Most names differ in the first byte, which needs no call.
                Selector::Prefix(prefix) => {
                    let prefix = prefix.as_bytes();
                    (prefix.is_empty() || name.first() == prefix.first()) && name.starts_with(prefix)
                }
                _ => true,
            };
            if selects {
                hit(selector);
            }
        }
    }

    /// The costly selectors that select `name`.
    pub(crate) fn select_costly(&self, name: &str) -> Box<[u32]> {
        let selects = |&selector: &u32| self.selectors[selector as usize].1.is_match(name);
        self.costly.iter().copied().filter(selects).collect()
    }
}
