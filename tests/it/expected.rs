//! Finds expected texts and inputs that no test uses.

use std::fs;
use std::path::{Path, PathBuf};

/// Lists every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// Reads all files that have this extension.
fn text_of(paths: &[PathBuf], extension: &str) -> String {
    let paths = paths.iter();
    let paths = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    paths
        .map(|path| fs::read_to_string(path).expect("text"))
        .collect()
}

#[test]
fn every_expected_text_is_that_of_one_test_and_every_input_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [files(&root.join("src")), files(&root.join("tests/it"))].concat();
    let sources = text_of(&sources, "rs");
    let expected = root.join("tests/expect");
    for path in files(&expected) {
        let name = path.strip_prefix(&expected).expect("below it");
        let quoted = format!("\"{}\"", name.display());
        match path.extension().and_then(|e| e.to_str()) {
            Some("txt") => {
                let count = sources.matches(&quoted).count();
                assert_eq!(count, 1, "{quoted} is named by {count} tests");
            }
            Some("yaml" | "json") => {
                let siblings = files(path.parent().expect("a folder"));
                let file = path.file_name().expect("a name").to_string_lossy();
                let is_used = text_of(&siblings, "txt").contains(&*file);
                assert!(is_used, "{quoted} is in no case");
            }
            _ => assert_eq!(name, Path::new("mod.rs")),
        }
    }
}
