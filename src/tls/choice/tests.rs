use super::*;
use std::path::Path;

/// Reads a certificate of the tests' folder.
fn certificate(name: &str, key: &str) -> Certificate {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_conf/tls");
    let read = |file: String| std::fs::read(folder.join(file)).expect("readable");
    Certificate::from_pem(&read(format!("{name}.crt")), &read(format!("{key}.key")))
        .expect("they belong together")
}

#[test]
fn the_name_chooses_exact_before_wildcard_and_the_first_is_for_all_others() {
    let names = [
        ("wildcard", "wildcard"),
        ("api", "api"),
        ("rsa", "rsa"),
        ("other", "other"),
    ];
    let all = names.map(|(name, key)| certificate(name, key));
    let choice = Choice::new(&all);
    let both = [
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::RSA_PSS_SHA256,
    ];
    let rsa_alone = &both[1..];
    for (name, schemes, expected) in [
        (None, &both[..], "wildcard"),
        (Some("elsewhere.test"), &both, "wildcard"),
        (Some("a.example.com"), &both, "wildcard"),
        (Some("b.a.example.com"), &both, "wildcard"),
        (Some("example.com"), &both, "wildcard"),
        (Some("api.example.com"), &both, "api"),
        (Some("api.example.com"), rsa_alone, "rsa"),
        // The first that the client can verify, of three.
        (Some("www.example.com"), &both, "api"),
        (Some("www.example.com"), rsa_alone, "rsa"),
        (Some("other.example.com"), &both, "other"),
        // It can verify none: rustls ends the handshake.
        (Some("other.example.com"), rsa_alone, "other"),
        (Some("api.example.com"), &[], "api"),
    ] {
        let chosen = choice.choose(name, schemes).expect("there is always one");
        let found = names
            .iter()
            .zip(&all)
            .find(|(_, one)| Arc::ptr_eq(&one.key, &chosen));
        let ((found, _), _) = found.expect("it is one of these");
        assert_eq!(*found, expected, "{name:?}, {schemes:?}");
    }
}

#[test]
fn without_a_name_a_client_gets_the_first_of_its_names_that_it_can_verify() {
    let all = [certificate("api", "api"), certificate("rsa", "rsa")];
    let choice = Choice::new(&all);
    for (schemes, expected) in [
        (SignatureScheme::ECDSA_NISTP256_SHA256, 0),
        (SignatureScheme::RSA_PSS_SHA256, 1),
    ] {
        let chosen = choice.choose(None, &[schemes]).expect("there is one");
        assert!(Arc::ptr_eq(&chosen, &all[expected].key), "{schemes:?}");
    }
}
