//! The flag that was most likely meant by a name that is not one.

use super::table;

/// Maximum bytes of a name that is compared; nothing is suggested for a longer one.
const MAX_NAME: usize = 80;

/// Returns the known flag that is nearest to `name`, which has its dashes.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    if name.len() > MAX_NAME || !name.starts_with('-') {
        return None;
    }
    let plain = |name: &str| {
        name.trim_start_matches('-')
            .replace('-', "_")
            .to_ascii_lowercase()
    };
    let wanted = plain(name);
    let long = table::all()
        .flat_map(|known| known.flag.names.iter().copied())
        // The error about a danger names the flag that permits it; nothing else does.
        .filter(|name| name.starts_with("--") && !name.contains("dangerously"));
    let (distance, nearest) = long
        .map(|known| (strsim::osa_distance(&wanted, &plain(known)), known))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= wanted.len() / 4 + 1).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let long = format!("--{}", "a".repeat(MAX_NAME));
        for (name, expected) in [
            ("--cors_presets", Some("--cors_preset")),
            ("--cors-preset", Some("--cors_preset")),
            ("-cors_preset", Some("--cors_preset")),
            ("--CORS_PRESET", Some("--cors_preset")),
            ("--cors_alow_origin", Some("--cors_allow_origin")),
            ("--cors_allow_header", Some("--cors_allow_headers")),
            ("--backends", Some("--backend")),
            ("--listen_port", Some("--listener_port")),
            ("--corsgate_dangerously_no_authenticatio", None),
            ("--quux", None),
            ("-q", None),
            (&long, None),
        ] {
            assert_eq!(meant(name), expected, "{name}");
        }
    }
}
