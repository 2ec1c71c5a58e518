//! The tasks as a program, for `executor: process`, and the executor that `ork.yaml` declares.

use tides::{letter, read, summarise};

ork::main!(read, summarise, letter);
