//! What happened, as one number for comparing and as lines for reading.

use std::hash::Hasher;

use ork_core::time::Time;

/// FNV-1a over everything that happened: equal worlds have equal hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Hash {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }
    fn write_u64(&mut self, n: u64) {
        // FNV's multiplication over whole words, with a rotation so that high bits count, too.
        self.0 = (self.0 ^ n)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23);
    }
}

/// Lines, if anybody wants them.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(on: bool) -> Self {
        Self {
            lines: on.then(Vec::new),
        }
    }
    pub(crate) const fn is_on(&self) -> bool {
        self.lines.is_some()
    }
    pub(crate) fn tell(&mut self, now: Time, process: usize, line: String) {
        if let Some(lines) = &mut self.lines {
            let who = if process == usize::MAX {
                "world".to_owned()
            } else {
                format!("p{process}")
            };
            lines.push(format!("{} {who:>5}  {line}", now.rfc3339()));
        }
    }
    pub(crate) fn take(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}
