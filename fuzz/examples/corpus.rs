//! Between `seeds/NAME.txt` and the folder of files that libFuzzer works on.
//!
//! `corpus unpack NAME` writes `corpus/NAME/`; `corpus pack NAME FOLDER` makes the seeds of a
//! minimised folder.

use corsgate_fuzz::seeds;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longer inputs stay out of the repository: what they find, a shorter one finds.
const MAX_SEED_LEN: usize = 1024;
const MAX_SEEDS: usize = 150;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["unpack", name] => unpack(name),
        ["pack", name, folder] => pack(name, Path::new(folder)),
        _ => Err(io::Error::other(
            "usage: corpus unpack NAME | corpus pack NAME FOLDER",
        )),
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn seeds_file(name: &str) -> PathBuf {
    here().join("seeds").join(format!("{name}.txt"))
}

fn unpack(name: &str) -> io::Result<()> {
    let folder = here().join("corpus").join(name);
    fs::create_dir_all(&folder)?;
    let mut inputs = seeds::read(&fs::read_to_string(seeds_file(name))?);
    if name == "config" {
        inputs.extend(seeds::documents(&here().join(".."))?);
    }
    for (index, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("seed-{index:04}")), input)?;
    }
    println!("{}: {} seeds", folder.display(), inputs.len());
    Ok(())
}

/// The line of a file below which seeds are generated; those above it are written by hand and stay.
const FOUND: &str = "# --- found by fuzzing";

fn pack(name: &str, folder: &Path) -> io::Result<()> {
    // Inputs that are in the repository anyway are not kept as seeds.
    let known: BTreeSet<Vec<u8>> = seeds::documents(&here().join(".."))?.into_iter().collect();
    let old = fs::read_to_string(seeds_file(name))?;
    let by_hand: Vec<&str> = old.lines().take_while(|line| *line != FOUND).collect();
    let mut lines = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let input = fs::read(entry?.path())?;
        let line = seeds::line(&input);
        let is_new = !known.contains(&input) && !by_hand.contains(&line.as_str());
        if is_new && (1..=MAX_SEED_LEN).contains(&input.len()) {
            lines.insert((input.len(), line));
        }
    }
    let shortest = lines.iter().take(MAX_SEEDS).map(|(_, line)| line.as_str());
    let all: Vec<&str> = by_hand.into_iter().chain([FOUND]).chain(shortest).collect();
    fs::write(seeds_file(name), all.join("\n") + "\n")?;
    println!(
        "{}: {} found seeds",
        seeds_file(name).display(),
        lines.len()
    );
    Ok(())
}
