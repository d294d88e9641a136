//! The bodies of the fuzz targets, on stable: every target over its seeds, and over random bytes.

use proptest::prelude::*;
use std::panic::catch_unwind;
use std::path::Path;
use targets::{TARGETS, seeds};

// The very files: the package in `fuzz/` needs a fuzzer to build, and is none of ours.
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library of its own, elsewhere")]
mod targets;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn seeds_of(name: &str) -> Vec<Vec<u8>> {
    let path = root().join("fuzz/seeds").join(format!("{name}.txt"));
    let text = std::fs::read_to_string(path).expect("every target has seeds");
    seeds::read(&text)
}

/// Runs the target over `inputs` and names all that fail.
fn replay(name: &str, inputs: &[Vec<u8>]) {
    let (_, run) = TARGETS.iter().find(|(n, _)| *n == name).expect("a target");
    let fails = |input: &&Vec<u8>| catch_unwind(|| run(input)).is_err();
    let failed: Vec<String> = inputs
        .iter()
        .filter(fails)
        .map(|i| seeds::line(i))
        .collect();
    assert!(failed.is_empty(), "{name} fails on\n{}", failed.join("\n"));
}

#[test]
fn the_seeds_of_every_target_pass() {
    for (name, _) in TARGETS {
        let seeds = seeds_of(name);
        assert!(seeds.len() > 20, "{name} has {} seeds", seeds.len());
        replay(name, &seeds);
    }
}

#[test]
fn what_holds_for_any_configuration_holds_for_those_in_the_repository() {
    let documents = seeds::documents(root()).expect("readable");
    assert!(documents.len() > 100, "the documents were found");
    replay("config", &documents);
}

#[test]
fn a_seed_is_the_same_in_text_and_in_bytes() {
    let all: Vec<u8> = (0..=255).collect();
    for input in [b"# no comment".as_slice(), b"it's \"\\\"", &all] {
        assert_eq!(seeds::read(&seeds::line(input)), [input]);
    }
}

fn bytes(max_len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max_len)
}

/// Bytes that are often fields of a header block.
fn fields() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(vec![
        0_u8, 1, 2, 0x0f, 0x10, 0x20, 0x3f, 0x40, 0x7f, 0x82, 0xff,
    ]);
    prop::collection::vec(byte, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_decision_agrees_with_its_naive_twin(choices in bytes(120)) {
        targets::decision::run(&choices);
    }

    #[test]
    fn chunks_agree_with_their_naive_twin(
        body in r"C([0-9a-fA-F]{0,3}([ ;\t]{0,2}[a =\x00\n\r]{0,3})(\r\n|\n|\r)?[a-c\r\n]{0,12}){0,4}(0\r\n)?([X:][a: ]{0,4}\r?\n){0,3}(\r\n)?",
    ) {
        targets::framing::run(body.as_bytes());
    }

    #[test]
    fn content_and_what_is_written_of_it_agree_with_their_naive_twins(
        body in r"C([1-9a-f](;x)?\r\n[a-f]{0,15}(\r\n|\r|x)?){0,4}(0{1,2}\r\n(X: y\r\n)?\r\n)?[a-c]{0,3}",
        sound in prop::collection::vec(("[a-z\r\n]{1,20}", "(;[a-z=]{1,5})?"), 0..5),
    ) {
        targets::content::run(body.as_bytes());
        let mut whole = "C".to_owned();
        for (data, extension) in sound {
            whole += &format!("{:x}{extension}\r\n{data}\r\n", data.len());
        }
        targets::content::run((whole + "0\r\n\r\nGET / HTTP/1.1\r\n").as_bytes());
    }

    #[test]
    fn the_text_of_grpc_web_agrees_with_its_naive_twin(
        text in r"[0-9]([A-Za-z0-9+/]{4}|[A-Z]{2}==|[a-z]{3}=|[A-Q]A==){0,6}[A=\n-]{0,3}",
    ) {
        targets::grpc_web::run(text.as_bytes());
    }

    #[test]
    fn frames_agree_with_their_naive_twin(
        size in 0_u8..10,
        frames in prop::collection::vec(
            (prop::sample::select(vec![0_u8, 1, 1, 1, 4, 9, 9]), any::<u8>(), fields(), 0_usize..3),
            0..5,
        ),
    ) {
        let mut input = vec![b'0' + size];
        for (kind, flags, payload, missing) in frames {
            let length = (payload.len() + missing / 2) as u32;
            input.extend(&length.to_be_bytes()[1..]);
            input.extend([kind, flags, 0, 0, 0, 1]);
            input.extend(payload);
        }
        targets::frames::run(&input);
    }

    #[test]
    fn an_origin_agrees_with_its_naive_twin(
        origin in r"(https?|[a-z+.0-9]{1,4})://([a-z0-9_.-]{1,12}|\[[0-9a-f:]{2,20}\]|[0-9.x]{1,12})(:[0-9]{0,6})?[/@A ]?",
    ) {
        targets::origin::run(origin.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_configuration_is_compiled_or_refused_in_good_words(choices in bytes(60)) {
        let input = [vec![targets::config::GRAMMAR], choices].concat();
        targets::config::run(&input);
    }
}
