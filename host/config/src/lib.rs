//! the configuration tree of Tempo 2.x and 3.0, strict, with overrides.
