//! The program; what it does is written by `ork::main!` in src/lib.rs.

fn main() -> std::process::ExitCode {
    tides::main()
}
