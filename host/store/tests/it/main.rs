//! What becomes of blocks in a bucket, step by step, crash by crash.

mod compaction;
mod crash;
mod fuzz;
mod index;
mod inspect;
mod move_in;
mod retention;
mod rig;
