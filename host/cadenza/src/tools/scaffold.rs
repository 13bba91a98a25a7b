//! `cadenza plugin new`: a crate from the SDK's template.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../../../sdk/rust/template/", $file))
    };
}

/// Kind, source, configuration.
const KINDS: [(&str, &str, &str); 3] = [
    ("enricher", template!("enricher.rs"), template!("enricher.json")),
    ("scrubber", template!("scrubber.rs"), template!("scrubber.json")),
    ("head-sampler", template!("head-sampler.rs"), template!("head-sampler.json")),
];

/// Makes the folder `name`.
pub(super) fn new(name: &str, kind: &str, sdk: Option<PathBuf>) -> Result<()> {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || name.len() > 64 || !name.bytes().all(ok) {
        bail!("`{name}` cannot name a plugin: at most 64 of a-z, 0-9, `-` and `_`, a letter first");
    }
    let Some((_, source, config)) = KINDS.iter().find(|(known, ..)| *known == kind) else {
        let known = KINDS.map(|(kind, ..)| kind).join(", ");
        bail!("`{kind}` is no kind of plugin: {known}");
    };
    let folder = PathBuf::from(name);
    if folder.exists() {
        bail!("{name} is there already");
    }
    let sdk = match sdk {
        Some(sdk) => sdk,
        None => find_sdk()?,
    };
    let sdk = sdk.canonicalize().with_context(|| format!("the SDK in {}", sdk.display()))?;
    let sdk_line = format!("{{ path = {:?}", sdk.display().to_string());
    let fill = |text: &str| text.replace("{{name}}", name).replace("{{sdk}}", &sdk_line);
    std::fs::create_dir_all(folder.join("src")).with_context(|| format!("making {name}"))?;
    let files = [
        ("Cargo.toml", fill(template!("Cargo.toml.in"))),
        (".gitignore", fill(template!("gitignore"))),
        ("config.json", fill(config)),
        ("src/lib.rs", fill(source)),
    ];
    for (file, text) in files {
        std::fs::write(folder.join(file), text).with_context(|| format!("writing {name}/{file}"))?;
    }
    println!("{name}: {kind}. Next:\n  cd {name}\n  cargo test\n  cadenza plugin build");
    Ok(())
}

fn find_sdk() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().map(|folder| folder.join("sdk/rust")).find(|sdk| is_sdk(sdk));
    found.context(
        "the SDK was not found above this folder: name it with --sdk (sdk/rust of Cadenza's sources)",
    )
}

fn is_sdk(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.contains("cadenza-plugin-sdk")
}
