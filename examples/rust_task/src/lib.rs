//! Three tasks and an executor. Each is a plain function: its inputs become its argument, and its result becomes JSON.
//! The last line makes them a program, a worker service and a shared object.

use std::collections::BTreeMap;

use ork::{Classify as _, Context, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Source {
    file: String,
}

#[derive(Serialize, Deserialize)]
pub struct Level {
    hour: u32,
    centimetres: i32,
}

/// Reads the levels of a file.
#[ork::task]
pub fn read(input: Source, ctx: &Context) -> Result<Vec<Level>, Error> {
    // A file that is missing now will be missing at the next attempt: this failure is not worth another one.
    let text = std::fs::read_to_string(&input.file)
        .permanent()
        .map_err(|error| error.during(&input.file))?;
    let levels: Vec<Level> = text
        .lines()
        .enumerate()
        .skip(1)
        .map(|(at, line)| {
            level(line).ok_or_else(|| {
                Error::permanent(format_args!(
                    "{}, line {}: `{line}` is no hour and level",
                    input.file,
                    at + 1
                ))
            })
        })
        .collect::<Result<_, _>>()?;
    ork::info!(ctx, "{} levels, attempt {}", levels.len(), ctx.attempt);
    ctx.metrics.count("levels", levels.len());
    Ok(levels)
}

fn level(line: &str) -> Option<Level> {
    let (hour, centimetres) = line.split_once(',')?;
    Some(Level {
        hour: hour.parse().ok()?,
        centimetres: centimetres.parse().ok()?,
    })
}

#[derive(Serialize, Deserialize)]
pub struct Summary {
    levels: usize,
    highest: i32,
    lowest: i32,
    /// The hours at which the water was high.
    high_waters: Vec<u32>,
}

/// Finds the extremes of what `read` has read.
#[ork::task]
pub async fn summarise(ctx: &Context) -> ork::Result<Summary> {
    let levels: Vec<Level> = ctx.output_of("read")?;
    let heights = || levels.iter().map(|level| level.centimetres);
    let (Some(highest), Some(lowest)) = (heights().max(), heights().min()) else {
        return Err(Error::permanent("there are no levels"));
    };
    let high_waters = levels
        .windows(3)
        .filter(|three| {
            three[1].centimetres > three[0].centimetres
                && three[1].centimetres >= three[2].centimetres
        })
        .map(|three| three[1].hour)
        .collect();
    Ok(Summary {
        levels: levels.len(),
        highest,
        lowest,
        high_waters,
    })
}

#[derive(Deserialize)]
pub struct Words {
    summary: Summary,
}

/// Puts a summary into words.
#[ork::task]
pub fn describe(Words { summary }: Words) -> String {
    let hours: Vec<String> = summary
        .high_waters
        .iter()
        .map(|hour| format!("{:02}:00", hour % 24))
        .collect();
    let text = format!(
        "The water stood between {} and {} cm, and was high at {}.",
        summary.lowest,
        summary.highest,
        hours.join(", ")
    );
    println!("{text}");
    text
}

/// The keys of a task that belong to its executor.
#[derive(Deserialize)]
pub struct Options {
    file: String,
}

/// Fills a letter in: `{name}` in the file of a task with `executor: letter` becomes its input of that name.
#[ork::executor]
pub fn letter(options: Options, input: BTreeMap<String, String>) -> Result<String, Error> {
    let letter = std::fs::read_to_string(&options.file)
        .permanent()
        .map_err(|error| error.during(&options.file))?;
    let filled = input.iter().fold(letter, |letter, (name, text)| {
        letter.replace(&format!("{{{name}}}"), text)
    });
    Ok(filled.trim().to_owned())
}

ork::main!(read, summarise, describe, letter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_tested_by_calling_it() {
        let summary = Summary {
            levels: 2,
            highest: 310,
            lowest: 40,
            high_waters: vec![5, 29],
        };
        assert_eq!(
            describe(Words { summary }),
            "The water stood between 40 and 310 cm, and was high at 05:00, 05:00."
        );
        let source = Source {
            file: "no such file".to_owned(),
        };
        let error = read(source, &Context::default()).err().expect("it fails");
        assert_eq!(error.category(), ork::Category::Permanent);
        let options = Options {
            file: "notice.txt".to_owned(),
        };
        let input = BTreeMap::from([("words".to_owned(), "low water".to_owned())]);
        assert_eq!(
            letter(options, input).expect("a letter"),
            "To all ships: low water"
        );
    }
}
