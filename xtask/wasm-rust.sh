#!/bin/bash
# Makes a Rust compiler that can build for wasm32-unknown-unknown, in DIR (first argument).
# Only for machines where `rustup target add wasm32-unknown-unknown` cannot download: it unpacks Debian's
# packaged compiler and builds std for the target from the sources packaged with it. Nothing is installed
# system-wide. Run twice, it does nothing.
set -euo pipefail
DIR=$(mkdir -p "${1:?usage: wasm-rust.sh DIR}" && cd "$1" && pwd)
T=wasm32-unknown-unknown
# Changes with this script, so that an older result is made anew.
DONE="$DIR/ok-2"
[ -e "$DONE" ] && { echo "$DIR/bin/rustc"; exit 0; }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT; chmod 755 "$tmp"
cd "$tmp"
# The packages move with Debian's updates, and the sources of one version build only with its own compiler.
rel=$(apt-cache show rustc-web | sed -n 's/^Version: \([0-9.]*\)+.*/\1/p' | sort -V | tail -1)
apt-get download -qq rustc-web "libstd-rust-web-${rel%.*}" libstd-rust-web-dev rust-web-src libllvm22 >&2
for d in *.deb; do dpkg -x "$d" root; rm "$d"; done
rm -rf "$DIR/bin" "$DIR/lib"; mkdir -p "$DIR/bin" "$DIR/lib"
mv root/usr/lib/*-linux-gnu/lib*.so* "$DIR/lib/"
mv root/usr/lib/rustlib "$DIR/lib/"; rm "$DIR/lib/rustlib/src/rust"
for b in rustc rustdoc; do
  mv root/usr/bin/$b "$DIR/bin/$b.real"
  printf '#!/bin/sh\nd=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)\nLD_LIBRARY_PATH="$d/lib" exec "$d/bin/%s.real" "$@"\n' $b >"$DIR/bin/$b"
  chmod +x "$DIR/bin/$b"
done
# The linker that comes with the machine's own Rust.
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$DIR/lib/rustlib/$host/bin"
ln -sf "$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld" "$DIR/lib/rustlib/$host/bin/rust-lld"
# std for the target; rand and its like are only resolved, not built. No path of this machine gets into it, so
# that plugins built elsewhere come out the same.
home=${CARGO_HOME:-$HOME/.cargo}
RUSTC="$DIR/bin/rustc" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$tmp/t" cargo build -q --release --locked --target $T \
  --manifest-path root/usr/src/rustc-*/library/sysroot/Cargo.toml \
  --config "target.$T.rustflags=['-Zforce-unstable-if-unmarked','-Cembed-bitcode=yes','--remap-path-prefix=$home=/cargo','--remap-path-prefix=$tmp=/rust']" >&2
mkdir -p "$DIR/lib/rustlib/$T/lib"
cp "$tmp/t/$T/release/deps/"*.rlib "$DIR/lib/rustlib/$T/lib/"
touch "$DONE"; echo "$DIR/bin/rustc"
