//! Buffers whose rows begin at cache lines, so that no vector load crosses one.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// `f32`s that begin at a cache line.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self::default();
        buffer.resize(len);
        buffer
    }

    /// Makes it `len` long. What it holds afterwards is not defined where it grew.
    pub(crate) fn resize(&mut self, len: usize) {
        let room = LINE / size_of::<f32>();
        if self.start + len > self.data.len() {
            self.data = vec![0.0; len + room];
            self.start = self.data.as_ptr().align_offset(LINE).min(room);
        }
        self.len = len;
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_cache_line_also_after_growth_and_in_copies() {
        let mut buffer = Buffer::zeros(3);
        buffer[2] = 7.0;
        for _ in 0..5 {
            assert_eq!(buffer.as_ptr().align_offset(LINE), 0);
            let copy = buffer.clone();
            assert_eq!(copy.as_ptr().align_offset(LINE), 0);
            assert_eq!(copy[..], buffer[..]);
            buffer.resize(buffer.len() * 3);
        }
    }
}
