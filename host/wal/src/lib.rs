//! the write-ahead log: frames of columns, group commit, replay.
