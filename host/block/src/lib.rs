//! Tempo's vParquet blocks: reader, writer, meta and bloom.
