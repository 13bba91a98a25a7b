//! the bucket: layout, stores, blocklist.
