//! Guests written by hand: a core module with a body for `process`, made into a component of the contract.

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// What a guest is made of. The body may use the locals `$spans` (spans of the batch), `$i`, `$p`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wat<'a> {
    /// Instructions of `process`; afterwards the edits at 3000 are returned.
    pub(crate) process: &'a str,
    /// Imports, before everything else.
    pub(crate) imports: &'a str,
    /// Functions and data.
    pub(crate) more: &'a str,
    /// `configure` is among them.
    pub(crate) own_configure: bool,
    /// Calls are about spans with an attribute `seen`, and there are none without; otherwise names are wanted.
    pub(crate) only_seen: bool,
}

/// The one field of the plan: names of spans, which may be changed.
const NAMES: &str = r#""\01\00\00\00\05\01""#;
/// Whether spans have an attribute `seen`: scope, exact key, presence, no condition, no edits.
const SEEN: &str = r#""\00\00\00\00\02\00\00\00\00\00\00\00\30\00\00\00\04\00\00\00"
    "\07\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00""#;

const CONFIGURE: &str = r#"
  (func (export "cadenza:plugin/lifecycle@1.0.0#configure") (param i32 i32) (result i32)
    (global.set $next (i32.const 65536))
    i32.const 2048)"#;

/// The answer of `process` lies at 3000: whether it is an error, and then address and length of the edits, of the
/// numbers, of the longs and of the bytes. All zero: no edits. What `process` gets: the context (the time, the
/// seed), the number of spans, the number of keys, and the three lists.
const TEMPLATE: &str = r#"
(module
  IMPORTS
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (data (i32.const 16) "hostile")
  (data (i32.const 32) "1.0")
  (data (i32.const 48) "seen")
  (data (i32.const 1024) "\10\00\00\00\07\00\00\00" "\20\00\00\00\03\00\00\00" "\10\00\00\00\07\00\00\00"
    "\01\01\00\00" "\00\00\00\00\00\00\00\00\00\00\00\00" "\4c\04\00\00\01\00\00\00")
  (data (i32.const 1100) "\30\00\00\00\04\00\00\00" "\01\00\00\00" "\10\00\00\00\07\00\00\00")
  (data (i32.const 2060) "\98\08\00\00\01\00\00\00")
  (data (i32.const 2200) FIELD)
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) (local $ptr i32)
    (local.set $ptr (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $ptr) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536)))))))
    (local.get $ptr))
  (func (export "cadenza:plugin/lifecycle@1.0.0#describe") (result i32) i32.const 1024)
  CONFIGURE
  MORE
  (func (export "cadenza:plugin/transform@1.0.0#process")
    (param i64 i64) (param $spans i32) (param i32) (param i32 i32 i32 i32 i32 i32)
    (result i32) (local $i i32) (local $p i32)
    PROCESS
    (global.set $next (i32.const 65536))
    i32.const 3000)
)
"#;

impl Wat<'_> {
    /// The core module's text.
    pub(crate) fn text(&self) -> String {
        TEMPLATE
            .replace("FIELD", if self.only_seen { SEEN } else { NAMES })
            .replace("CONFIGURE", if self.own_configure { "" } else { CONFIGURE })
            .replace("IMPORTS", self.imports)
            .replace("MORE", self.more)
            .replace("PROCESS", self.process)
    }

    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.text()).expect("the template parses");
        let mut resolve = Resolve::default();
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let wit = here.ancestors().skip(1).map(|folder| folder.join("wit")).find(|wit| wit.is_dir());
        let wit = wit.expect("the contract is in the repository");
        let (package, _) = resolve.push_dir(wit).expect("the contract parses");
        let world = resolve.select_world(&[package], Some("enricher")).expect("the world is there");
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .expect("metadata fits");
        let mut encoder = ComponentEncoder::default();
        encoder.validate(true);
        encoder.module(&module).expect("a module of the contract").encode().expect("a component")
    }
}

/// A guest with this `process`.
pub(crate) fn process(body: &str) -> Vec<u8> {
    Wat { process: body, ..Wat::default() }.component()
}
