//! The tasks as a program, for `executor: process`.

use tides::{read, summarise};

ork::main!(read, summarise);
