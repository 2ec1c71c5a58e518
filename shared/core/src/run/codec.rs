//! Variable-length numbers and length-prefixed bytes: the alphabet of the stored documents.

use crate::time::Time;

/// Why stored bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A newer Ork wrote it.
    #[error("it was written by a newer Ork (format {found}, this one reads up to {known})")]
    Newer {
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// It is not what Ork writes.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }
    /// LEB128.
    pub(super) fn number(&mut self, number: impl Into<u64>) {
        let mut rest: u64 = number.into();
        while rest >= 0x80 {
            self.0.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.0.push(rest.to_le_bytes()[0]);
    }
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
    /// Relative to `base`, which keeps it short.
    pub(super) fn time(&mut self, time: Time, base: Time) {
        let delta = time.0.wrapping_sub(base.0);
        self.number((delta.wrapping_shl(1) ^ (delta >> 63)).cast_unsigned());
    }
    pub(super) fn time_option(&mut self, time: Option<Time>, base: Time) {
        match time {
            None => self.byte(0),
            Some(time) => {
                self.byte(1);
                self.time(time, base);
            }
        }
    }
    /// Writes a record whose length comes first; `fill` writes its contents.
    pub(super) fn record(&mut self, fill: impl FnOnce(&mut Self)) {
        let at = self.0.len();
        // Nearly every record is shorter than 128 bytes; a longer one moves up.
        self.0.push(0);
        fill(self);
        let len = self.0.len() - at - 1;
        if len < 0x80 {
            self.0[at] = len.to_le_bytes()[0];
        } else {
            let body = self.0.split_off(at + 1);
            self.0.pop();
            self.bytes(&body);
        }
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self
            .0
            .split_first()
            .ok_or(DecodeError::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(first)
    }
    pub(super) fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::Damaged("a number is too long"))
    }
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, DecodeError> {
        T::try_from(self.number()?).map_err(|_| DecodeError::Damaged("a number is out of range"))
    }
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len: usize = self.small()?;
        if len > self.0.len() {
            return Err(DecodeError::Damaged("a length runs over the end"));
        }
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(bytes)
    }
    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::Damaged("a text is not UTF-8"))
    }
    pub(super) fn time(&mut self, base: Time) -> Result<Time, DecodeError> {
        let zigzag = self.number()?;
        let delta = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        Ok(Time(base.0.wrapping_add(delta)))
    }
    pub(super) fn time_option(&mut self, base: Time) -> Result<Option<Time>, DecodeError> {
        match self.byte()? {
            0 => Ok(None),
            1 => Ok(Some(self.time(base)?)),
            _ => Err(DecodeError::Damaged("an optional instant has an odd mark")),
        }
    }
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
