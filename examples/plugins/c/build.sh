#!/bin/bash
# Builds status-class.wasm. Needs `wit-bindgen` (cargo install wit-bindgen-cli --version 0.61.1
# --no-default-features --features c) and `zig` (python3 -m pip install ziglang; ZIG="python3 -m ziglang").
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
wit-bindgen c ../../../wit --world enricher --out-dir "$out" >/dev/null
# wasi's libc for malloc and memcpy, which need nothing of WASI; printf would, and the server would refuse it.
${ZIG:-zig} cc -target wasm32-wasi -mexec-model=reactor -Os -s -Wall -Wextra -I "$out" -o "$out/module.wasm" \
  status_class.c "$out/enricher.c" "$out/enricher_component_type.o"
cargo xtask plugins component "$out/module.wasm" "$PWD/status-class.wasm"
