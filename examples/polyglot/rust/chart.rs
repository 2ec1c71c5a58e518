//! A program as a task: arguments in, a line of JSON out. Any language can do this.

use std::process::ExitCode;

/// Exit code for input that no other attempt will mend.
const PERMANENT: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match chart(&arguments) {
        Ok(lines) => {
            let quoted: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
            println!("ORK_OUTPUT:{{\"lines\": [{}]}}", quoted.join(", "));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("chart: {problem}");
            ExitCode::from(PERMANENT)
        }
    }
}

/// One line for each sum of two dice.
fn chart(arguments: &[String]) -> Result<Vec<String>, String> {
    let [flag, width, counts] = arguments else {
        return Err("usage: chart --width N COUNT,COUNT,…".to_owned());
    };
    if flag != "--width" {
        return Err(format!("unknown option {flag}"));
    }
    let width: usize = width
        .parse()
        .map_err(|_| format!("`{width}` is not a width"))?;
    let counts = counts.split(',').map(|count| {
        count
            .parse()
            .map_err(|_| format!("`{count}` is not a count"))
    });
    let counts: Vec<usize> = counts.collect::<Result<_, _>>()?;
    let most = counts
        .iter()
        .copied()
        .max()
        .filter(|most| *most > 0)
        .ok_or("there is nothing to draw")?;
    Ok(counts
        .iter()
        .enumerate()
        .map(|(at, count)| format!("{:>2} {} {count}", at + 2, "#".repeat(count * width / most)))
        .collect())
}
