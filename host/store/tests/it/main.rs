//! What becomes of blocks in a bucket, step by step, crash by crash.

mod compaction;
mod crash;
mod retention;
mod rig;
