//! A disk that fails as disks do, from a seed.

mod disk;
mod faults;
mod spawn;

pub use disk::SimDisk;
pub use faults::Faults;
pub use spawn::SimSpawn;
