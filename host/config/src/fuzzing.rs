//! Entry points for fuzzing.

use crate::{Config, LoadOptions, Overrides, PrintMode};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

static EMBEDDED: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let loaded = Config::load(None, &LoadOptions::default());
    Arc::new(loaded.expect("the embedded configuration").config)
});

/// Any bytes as a configuration file and as a per-tenant file: an error or a configuration, never a panic,
/// and what is printed loads again.
///
/// # Panics
/// When one of these promises is broken.
pub fn config_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let env: BTreeMap<String, String> = [("A", "value"), ("B", ""), ("C", "a: b\n")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    for expand_env in [false, true] {
        let options = LoadOptions { env: &env, expand_env, ..LoadOptions::default() };
        if let Ok(loaded) = Config::load(Some(text), &options) {
            let printed = loaded.print(PrintMode::Effective);
            let again = Config::load(Some(&printed), &LoadOptions::default());
            assert!(again.is_ok(), "a printed configuration must load: {again:?}\n{printed}");
            let _ = loaded.print(PrintMode::Diff);
        }
        let overrides = Overrides::new(Arc::clone(&EMBEDDED));
        if overrides.reload(text, &options).is_err() {
            assert_eq!(overrides.hash(), None, "a bad file must change nothing");
        }
        let _ = overrides.status();
    }
}
