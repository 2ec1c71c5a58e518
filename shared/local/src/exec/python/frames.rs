//! Frames of the warm interpreter protocol: a length, then JSON.

use ork_core::limits::OUTPUT_BYTES;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a result frame may hold besides the output itself.
const AROUND: usize = 64 * 1024;

/// `json` as a frame.
pub(crate) fn pack(json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(json.len()).expect("a spec is far below 4 GiB");
    let mut frame = Vec::with_capacity(4 + json.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(json);
    frame
}

/// Cuts a stream into frames.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    at: usize,
}

impl Buffer {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }
    /// The next whole frame.
    pub(crate) fn take(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.at..];
        let length = u32::from_le_bytes(rest.first_chunk().copied()?) as usize;
        let frame = self.at + 4..self.at + 4 + length;
        (frame.end <= self.bytes.len()).then(|| {
            self.at = frame.end;
            &self.bytes[frame]
        })
    }
}

/// The one frame a child writes at its end; what is too large is counted, not kept.
#[derive(Default)]
pub(crate) struct ResultFrame {
    bytes: Vec<u8>,
    total: u64,
}

/// What a result frame says.
#[derive(Deserialize)]
pub(crate) struct Outcome<'a> {
    pub(crate) ok: bool,
    #[serde(borrow, default)]
    pub(crate) output: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) category: Option<ork_core::run::Category>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) retire: bool,
    /// The exit code that goes with a failure, when it is not told by an exit.
    #[serde(default)]
    pub(crate) code: Option<i32>,
    #[serde(default)]
    pub(crate) maxrss: Option<u64>,
}

impl ResultFrame {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (OUTPUT_BYTES + AROUND).saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    /// The length the frame announces, once its beginning is there.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.bytes
            .first_chunk()
            .map(|length| u64::from(u32::from_le_bytes(*length)))
    }
    /// The size of a frame too large to be kept.
    pub(crate) fn too_large(&self) -> Option<u64> {
        self.announced()
            .filter(|length| *length > (OUTPUT_BYTES + AROUND - 4) as u64)
    }
    /// The frame's JSON, if it is whole.
    pub(crate) fn json(&self) -> Option<&[u8]> {
        let length = usize::try_from(self.announced()?).ok()?;
        self.bytes.get(4..4 + length)
    }
    /// Whether everything announced has arrived, kept or not.
    pub(crate) fn is_whole(&self) -> bool {
        self.announced()
            .is_some_and(|length| self.total >= length + 4)
    }
    /// Forgets the frame, for the next one on the same channel.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a template says.
#[derive(Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
pub(crate) enum Event {
    Ready {
        protocol: u32,
    },
    Started {
        id: u64,
        pid: i32,
    },
    Refused {
        id: u64,
        message: String,
    },
    Exited {
        id: u64,
        code: Option<i32>,
        signal: Option<i32>,
        maxrss: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_stream_breaks() {
        let stream: Vec<u8> = ["{}", "", "[1,2,3]"]
            .iter()
            .flat_map(|text| pack(text.as_bytes()))
            .collect();
        for size in 1..=stream.len() {
            let mut buffer = Buffer::default();
            let mut found = Vec::new();
            for chunk in stream.chunks(size) {
                buffer.push(chunk);
                while let Some(frame) = buffer.take() {
                    found.push(String::from_utf8(frame.to_vec()).expect("text"));
                }
            }
            assert_eq!(found, ["{}", "", "[1,2,3]"], "chunks of {size}");
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_counted_and_not_kept() {
        let mut frame = ResultFrame::default();
        let length = 50_000_000_u32;
        frame.push(&length.to_le_bytes());
        for _ in 0..500 {
            frame.push(&[b'x'; 100_000]);
        }
        assert_eq!(frame.too_large(), Some(u64::from(length)));
        assert!(frame.is_whole() && frame.json().is_none());
        assert!(frame.bytes.len() <= OUTPUT_BYTES + AROUND);
    }
}
