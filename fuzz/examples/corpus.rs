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
const MAX_SEED_LEN: usize = 2048;

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

fn pack(name: &str, folder: &Path) -> io::Result<()> {
    // What lies in the repository anyway is no seed of its own.
    let known: BTreeSet<Vec<u8>> = seeds::documents(&here().join(".."))?.into_iter().collect();
    let mut lines = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let input = fs::read(entry?.path())?;
        if !input.is_empty() && input.len() <= MAX_SEED_LEN && !known.contains(&input) {
            lines.insert(seeds::line(&input));
        }
    }
    let old = fs::read_to_string(seeds_file(name))?;
    let comments = old.lines().filter(|line| line.starts_with('#'));
    let all: Vec<&str> = comments.chain(lines.iter().map(String::as_str)).collect();
    fs::write(seeds_file(name), all.join("\n") + "\n")?;
    println!("{}: {} seeds", seeds_file(name).display(), lines.len());
    Ok(())
}
