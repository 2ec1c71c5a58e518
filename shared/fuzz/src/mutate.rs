//! Inputs made from other inputs.

use crate::random::Random;

/// Bytes of an input that is made here; larger ones prove little and cost much.
const MOST: usize = 16 * 1024;
/// Numbers at which things break.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "7",
    "59",
    "60",
    "255",
    "256",
    "1000",
    "65536",
    "100001",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "0.1",
    "1e308",
    "1e-320",
    "1e999",
    "007",
    "0x7f",
    "1_000",
    "-0.0",
];

/// Makes inputs from a corpus and the words of its language.
#[derive(Debug)]
pub struct Mutator<'a> {
    corpus: Vec<&'a [u8]>,
    words: Vec<&'static str>,
    random: Random,
}

impl<'a> Mutator<'a> {
    /// A source of inputs; `random` decides which.
    pub fn new(corpus: Vec<&'a [u8]>, words: Vec<&'static str>, random: Random) -> Self {
        Self {
            corpus,
            words,
            random,
        }
    }

    /// The next input: an entry of the corpus with one to three changes, most often few.
    pub fn input(&mut self) -> Vec<u8> {
        let mut bytes = self
            .random
            .pick(&self.corpus)
            .map_or_else(Vec::new, |entry| entry.to_vec());
        let changes = [1, 1, 1, 1, 2, 2, 3][self.random.below(7)];
        for _ in 0..changes {
            self.change(&mut bytes);
            bytes.truncate(MOST);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        match self.random.below(12) {
            0 | 1 => self.flip(bytes),
            2 => self.set(bytes),
            3 => self.splice(bytes),
            4 | 5 => self.insert(bytes),
            6 => self.replace_word(bytes),
            7 => bytes.truncate(self.random.below(bytes.len() + 1)),
            8 => self.cut(bytes),
            9 | 10 => self.renumber(bytes),
            _ => self.double(bytes),
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.random.below(bytes.len());
        let bit = self.random.below(8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn set(&mut self, bytes: &mut [u8]) {
        let value = *self
            .random
            .pick(b"\0\x01\t\n\r \"'#%&*,-./0:?@[]\\^_`{|}~\x7f\x80\xbf\xc3\xe2\xfe\xff")
            .expect("some are listed");
        let at = self.random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }

    /// The start of this and the end of another, or a piece of another inside this.
    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let Some(other) = self.random.pick(&self.corpus).copied() else {
            return;
        };
        let (from, to) = self.span(other.len(), other.len());
        let (start, end) = self.span(bytes.len(), bytes.len());
        let end = if self.random.below(2) == 0 {
            bytes.len()
        } else {
            end
        };
        bytes.splice(start..end, other[from..to].iter().copied());
    }

    fn insert(&mut self, bytes: &mut Vec<u8>) {
        let at = self.random.below(bytes.len() + 1);
        if let Some(word) = self.random.pick(&self.words) {
            bytes.splice(at..at, word.bytes());
        }
    }

    /// Puts a word of the language where a word stands.
    fn replace_word(&mut self, bytes: &mut Vec<u8>) {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let found = self.run_of(bytes, is_word);
        let word = self.random.pick(&self.words);
        if let (Some((start, end)), Some(word)) = (found, word) {
            bytes.splice(start..end, word.bytes());
        }
    }

    fn renumber(&mut self, bytes: &mut Vec<u8>) {
        let Some((start, end)) = self.run_of(bytes, u8::is_ascii_digit) else {
            return self.flip(bytes);
        };
        let number = *self.random.pick(NUMBERS).expect("some are listed");
        bytes.splice(start..end, number.bytes());
    }

    fn cut(&mut self, bytes: &mut Vec<u8>) {
        let (start, end) = self.span(bytes.len(), 64);
        bytes.drain(start..end);
    }

    /// Writes a piece again, now and then many times.
    fn double(&mut self, bytes: &mut Vec<u8>) {
        let (start, end) = self.span(bytes.len(), 200);
        let times = [1, 1, 1, 2, 40][self.random.below(5)];
        let piece = bytes[start..end].repeat(times);
        bytes.splice(end..end, piece);
    }

    /// A piece of at most `most` of `length` bytes.
    fn span(&mut self, length: usize, most: usize) -> (usize, usize) {
        let start = self.random.below(length + 1);
        let end = start + self.random.below((length - start).min(most) + 1);
        (start, end)
    }

    /// A stretch of bytes that `belongs` holds for, some way into `bytes`.
    fn run_of(&mut self, bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> Option<(usize, usize)> {
        let from = self.random.below(bytes.len());
        let start = from + bytes.get(from..)?.iter().position(&belongs)?;
        let length = bytes[start..]
            .iter()
            .take_while(|byte| belongs(byte))
            .count();
        Some((start, start + length))
    }
}
