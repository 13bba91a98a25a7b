//! The simulated disk.

use super::Faults;
use crate::{Disk, DiskFile, DiskLock, Entry, Random, SeededRandom};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a disk writes at once. Larger writes may be torn between any two of these, and one that was under
/// way at the crash even within.
const SECTOR_BYTES: usize = 512;

/// An in-memory file system with a volatile cache in front of a durable medium.
///
/// # Fault model
/// - **Cache.** A write changes what reads see at once, and the medium not at all. [`DiskFile::sync_data`]
///   makes the file's dirty 512-byte sectors and its length durable; [`Disk::sync_dir`] makes a
///   directory's creations, renames and removals durable. Neither does the other's work.
/// - **Crash** ([`SimDisk::crash`]). Every dirty sector by itself is kept, dropped (the medium's old bytes, or
///   zeros beyond its old end) or torn at a byte; so later writes may survive earlier ones. A length
///   that was not synced becomes any value between the old and the new one. Every directory change that was
///   not synced is kept or undone by itself, so a synced file may have no name. All handles die, all
///   locks are free.
/// - **Power off** ([`SimDisk::power_off_after`]). After a number of calls every call fails, and a write that
///   is cut off has reached the cache up to some byte: a crash in the middle of an operation.
/// - **Errors** ([`Faults`]). EIO on writes, creations and syncs, short writes. As on Linux, a failed sync
///   leaves the dirty sectors clean: each was written or lost by chance, reads go on showing the new
///   bytes, and the next sync succeeds without them.
/// - **Space** ([`SimDisk::set_capacity`]). A write beyond the capacity writes what fits, then fails with
///   ENOSPC. Removed files give their space back when their last handle is closed.
/// - **Lies** ([`Faults::lying_sync`]). Syncs do nothing, to prove that a checker would see it.
/// - **Rot** ([`SimDisk::damage`]). Bytes on the medium and in the cache change by themselves.
///
/// Not modelled: sectors that go bad under other files' writes, writes to the wrong place, slowness.
///
/// All choices follow from the seed and the order of calls.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct Inode {
    /// What reads see.
    seen: Vec<u8>,
    /// What a crash leaves, apart from dirty sectors.
    durable: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
    /// Open handles.
    handles: usize,
    /// Names that refer to it, in the cache.
    linked: bool,
    /// A sync of it has failed since the last crash.
    given_up: bool,
}

struct State {
    random: SeededRandom,
    faults: Faults,
    capacity: u64,
    /// Calls until the power goes.
    fuel: Option<u64>,
    /// Grows with every crash: older handles are dead.
    boot: u64,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// Names as seen; directories have no inode.
    names: BTreeMap<PathBuf, Option<u64>>,
    /// Names on the medium.
    durable_names: BTreeMap<PathBuf, Option<u64>>,
    locks: BTreeSet<PathBuf>,
    /// Writes to and syncs of files whose sync had failed.
    uses_after_failed_sync: u64,
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

fn enospc() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

impl State {
    fn chance(&self, permille: u32) -> bool {
        permille > 0 && self.random.below(1000) < u64::from(permille)
    }

    /// One call. Fails once the power is gone.
    fn call(&mut self) -> io::Result<()> {
        match &mut self.fuel {
            Some(0) => Err(eio()),
            Some(fuel) => {
                *fuel -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn note_use(&mut self, number: u64) {
        let given_up = self.inodes.get(&number).is_some_and(|inode| inode.given_up);
        self.uses_after_failed_sync += u64::from(given_up);
    }

    fn used_bytes(&self) -> u64 {
        self.inodes.values().map(|inode| inode.seen.len() as u64).sum()
    }

    fn collect(&mut self) {
        let durable: BTreeSet<u64> = self.durable_names.values().flatten().copied().collect();
        self.inodes.retain(|number, inode| inode.linked || inode.handles > 0 || durable.contains(number));
    }

    /// Bytes of the file after the power went.
    fn survivors(&self, inode: &Inode) -> Vec<u8> {
        let (old, new) = (inode.durable.len(), inode.seen.len());
        let (low, high) = (old.min(new), old.max(new));
        // A dirty file's length is anything in between; often all of it, or nothing.
        let len = if inode.dirty.is_empty() && old == new {
            new
        } else {
            match self.random.below(4) {
                0 => old,
                1 => low + self.random.below((high - low) as u64 + 1) as usize,
                _ => new,
            }
        };
        let mut bytes = inode.durable.clone();
        bytes.resize(len, 0);
        for &sector in &inode.dirty {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES).min(inode.seen.len()).min(len);
            if start >= end {
                continue;
            }
            let kept = match self.random.below(8) {
                0..=3 => end - start,
                4..=6 => 0,
                _ => self.random.below((end - start) as u64 + 1) as usize,
            };
            bytes[start..start + kept].copy_from_slice(&inode.seen[start..start + kept]);
        }
        bytes
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || path == Path::new("/") || self.names.get(path) == Some(&None)
    }

    fn file(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Some(inode)) => Ok(*inode),
            Some(None) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn unlink(&mut self, path: &Path) -> io::Result<u64> {
        let number = self.file(path)?;
        self.names.remove(path);
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.linked = false;
        }
        Ok(number)
    }
}

impl SimDisk {
    /// An empty disk whose every choice follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                random: SeededRandom::new(seed),
                faults: Faults::default(),
                capacity: u64::MAX,
                fuel: None,
                boot: 0,
                inodes: BTreeMap::new(),
                next_inode: 1,
                names: BTreeMap::new(),
                durable_names: BTreeMap::new(),
                locks: BTreeSet::new(),
                uses_after_failed_sync: 0,
            })),
        }
    }

    /// How often a file was written or synced after a sync of it had failed: such a sync would succeed
    /// without the sectors that were lost, so a program that means it never does.
    pub fn uses_after_failed_sync(&self) -> u64 {
        self.state.lock().uses_after_failed_sync
    }

    /// From now on these faults.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// From now on this many bytes fit.
    pub fn set_capacity(&self, bytes: u64) {
        self.state.lock().capacity = bytes;
    }

    /// The power goes after this many more calls (`None`: it stays).
    pub fn power_off_after(&self, calls: Option<u64>) {
        self.state.lock().fuel = calls;
    }

    /// The machine goes down and comes up again: what was not synced is left to chance.
    pub fn crash(&self) {
        let mut state = self.state.lock();
        state.boot += 1;
        state.fuel = None;
        state.locks.clear();
        let paths: BTreeSet<PathBuf> =
            state.names.keys().chain(state.durable_names.keys()).cloned().collect();
        let mut names = BTreeMap::new();
        for path in paths {
            let (seen, durable) = (state.names.get(&path).copied(), state.durable_names.get(&path).copied());
            let kept = if seen == durable || state.random.below(2) == 0 { seen } else { durable };
            if let Some(inode) = kept {
                names.insert(path, inode);
            }
        }
        // A name survives only with its directories.
        let orphans: Vec<PathBuf> = names
            .keys()
            .filter(|path| {
                path.ancestors().skip(1).any(|dir| {
                    !dir.as_os_str().is_empty() && dir != Path::new("/") && names.get(dir) != Some(&None)
                })
            })
            .cloned()
            .collect();
        for path in orphans {
            names.remove(&path);
        }
        state.durable_names = names.clone();
        state.names = names;
        let linked: BTreeSet<u64> = state.names.values().flatten().copied().collect();
        let inodes = std::mem::take(&mut state.inodes);
        for (number, inode) in inodes {
            if linked.contains(&number) {
                let bytes = state.survivors(&inode);
                let inode = Inode { seen: bytes.clone(), durable: bytes, linked: true, ..Inode::default() };
                state.inodes.insert(number, inode);
            }
        }
    }

    /// Everything as if synced now; handles stay alive. For laying out a disk before a test.
    pub fn sync_everything(&self) {
        let mut state = self.state.lock();
        state.durable_names = state.names.clone();
        for inode in state.inodes.values_mut() {
            inode.durable.clone_from(&inode.seen);
            inode.dirty.clear();
        }
    }

    /// Changes a file's bytes behind everybody's back, in the cache and on the medium.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let number = state.file(path).expect("the file to damage exists");
        let inode = state.inodes.get_mut(&number).expect("a linked inode exists");
        change(&mut inode.seen);
        inode.durable.clone_from(&inode.seen);
        inode.dirty.clear();
    }

    /// The bytes reads see.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state.lock();
        let number = state.file(path).expect("the file exists");
        state.inodes[&number].seen.clone()
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
    boot: u64,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.boot == self.boot {
            if let Some(inode) = state.inodes.get_mut(&self.inode) {
                inode.handles -= 1;
            }
            state.collect();
        }
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    boot: u64,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.boot == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

impl SimDisk {
    fn handle(&self, state: &mut State, inode: u64) -> Arc<dyn DiskFile> {
        if let Some(inode) = state.inodes.get_mut(&inode) {
            inode.handles += 1;
        }
        Arc::new(SimFile { disk: self.clone(), inode, boot: state.boot })
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.call()?;
        for dir in path.ancestors() {
            if !state.is_dir(dir) {
                if state.names.contains_key(dir) {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
                state.names.insert(dir.to_owned(), None);
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.state.lock();
        state.call()?;
        if !state.is_dir(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.iter().filter(|(name, _)| name.parent() == Some(path));
        let entry = |(name, inode): (&PathBuf, &Option<u64>)| {
            let name = name.file_name()?.to_str()?.to_owned();
            let bytes = inode.map_or(0, |inode| state.inodes[&inode].seen.len() as u64);
            Some(Entry { name, bytes, is_dir: inode.is_none() })
        };
        Ok(inside.filter_map(entry).collect())
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.call()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|dir| state.is_dir(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.chance(state.faults.create_eio_permille) {
            return Err(eio());
        }
        let number = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(number, Inode { linked: true, ..Inode::default() });
        state.names.insert(path.to_owned(), Some(number));
        Ok(self.handle(&mut state, number))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.call()?;
        let number = state.file(path)?;
        Ok(self.handle(&mut state, number))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.call()?;
        state.file(from)?;
        if state.names.contains_key(to) {
            state.unlink(to)?;
        }
        let number = state.unlink(from)?;
        state.names.insert(to.to_owned(), Some(number));
        if let Some(inode) = state.inodes.get_mut(&number) {
            inode.linked = true;
        }
        state.collect();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.call()?;
        state.unlink(path)?;
        state.collect();
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.call()?;
        if !state.is_dir(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.names.keys().any(|name| name.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.names.remove(path);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.call()?;
        if state.chance(state.faults.sync_dir_eio_permille) {
            return Err(eio());
        }
        if state.faults.lying_sync {
            return Ok(());
        }
        let State { names, durable_names, .. } = &mut *state;
        durable_names.retain(|name, _| name.parent() != Some(path));
        let inside = names.iter().filter(|(name, _)| name.parent() == Some(path));
        durable_names.extend(inside.map(|(name, inode)| (name.clone(), *inode)));
        state.collect();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state.lock();
        state.call()?;
        if !path.parent().is_some_and(|dir| state.is_dir(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !state.names.contains_key(path) {
            let number = state.next_inode;
            state.next_inode += 1;
            state.inodes.insert(number, Inode { linked: true, ..Inode::default() });
            state.names.insert(path.to_owned(), Some(number));
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned(), boot: state.boot }))
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.call()?;
        Ok(state.capacity.saturating_sub(state.used_bytes()))
    }
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state.lock();
        if state.boot != self.boot {
            return Err(eio());
        }
        work(&mut state, self.inode)
    }
}

fn inode_of(state: &mut State, number: u64) -> io::Result<&mut Inode> {
    state.inodes.get_mut(&number).ok_or_else(eio)
}

fn write(inode: &mut Inode, bytes: &[u8], offset: usize) {
    let end = offset + bytes.len();
    if bytes.is_empty() {
        return;
    }
    let grown_from = inode.seen.len().min(offset);
    if inode.seen.len() < end {
        inode.seen.resize(end, 0);
    }
    inode.seen[offset..end].copy_from_slice(bytes);
    inode.dirty.extend(grown_from / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|state, inode| Ok(state.inodes[&inode].seen.len() as u64))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state, inode| {
            if state.fuel == Some(0) {
                return Err(eio());
            }
            let seen = &state.inodes[&inode].seen;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(seen.len());
            let bytes = buf.len().min(seen.len() - start);
            buf[..bytes].copy_from_slice(&seen[start..start + bytes]);
            Ok(bytes)
        })
    }

    fn write_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.with(|state, number| {
            let mut bytes = Vec::new();
            bufs.iter().for_each(|buf| bytes.extend_from_slice(buf));
            let offset = usize::try_from(offset).map_err(|_| eio())?;
            let some = |state: &State| state.random.below(bytes.len() as u64 + 1) as usize;
            let power_goes = state.fuel == Some(1);
            state.call()?;
            state.note_use(number);
            if power_goes || state.chance(state.faults.write_eio_permille) {
                let part = some(state);
                write(inode_of(state, number)?, &bytes[..part], offset);
                return Err(eio());
            }
            let mut len = bytes.len();
            if len > 1 && state.chance(state.faults.short_write_permille) {
                len = some(state).clamp(1, len);
            }
            let grows = (offset + len).saturating_sub(state.inodes[&number].seen.len()) as u64;
            let free = state.capacity.saturating_sub(state.used_bytes());
            if grows > free {
                let short = (grows - free) as usize;
                if short >= len {
                    return Err(enospc());
                }
                len -= short;
            }
            write(inode_of(state, number)?, &bytes[..len], offset);
            Ok(len)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, number| {
            state.call()?;
            state.note_use(number);
            if state.faults.lying_sync {
                return Ok(());
            }
            if state.chance(state.faults.sync_eio_permille) {
                let survived = state.survivors(&state.inodes[&number]);
                let inode = inode_of(state, number)?;
                inode.durable = survived;
                inode.dirty.clear();
                inode.given_up = true;
                return Err(eio());
            }
            // Sectors that an earlier failed sync lost are clean: they stay what they are on the medium.
            let inode = inode_of(state, number)?;
            inode.durable.resize(inode.seen.len(), 0);
            for sector in std::mem::take(&mut inode.dirty) {
                let start = (sector * SECTOR_BYTES).min(inode.seen.len());
                let end = (start + SECTOR_BYTES).min(inode.seen.len());
                inode.durable[start..end].copy_from_slice(&inode.seen[start..end]);
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|state, number| {
            state.call()?;
            let inode = inode_of(state, number)?;
            let (old, new) = (inode.seen.len(), len as usize);
            inode.seen.resize(new, 0);
            inode.dirty.extend(old.min(new) / SECTOR_BYTES..=old.max(new) / SECTOR_BYTES);
            Ok(())
        })
    }
}
