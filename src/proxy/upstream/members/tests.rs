use super::*;
use crate::config;
use std::collections::HashMap;
use std::time::Instant;

fn endpoint(number: u16) -> Arc<Endpoint> {
    let configured = config::Endpoint {
        host: "10.0.0.1".to_owned(),
        port: number,
    };
    let address = SocketAddr::from(([10, 0, 0, 1], number));
    Arc::new(Endpoint::new(address, configured, "http", Instant::now()))
}

fn endpoints(count: u16) -> Vec<Arc<Endpoint>> {
    (1..=count).map(endpoint).collect()
}

fn fail(endpoint: &Endpoint) {
    let rule = config::HealthCheck {
        unhealthy_threshold: 1,
        ..config::HealthCheck::default()
    };
    let why = Err("down".to_owned());
    endpoint.health.lock().checked(why, &rule, Instant::now());
}

/// Returns the port of the endpoint that is chosen; 0 if there is none.
fn chosen(members: &Members, choice: Choice<'_>, tried: &[u16]) -> u16 {
    let tried: Vec<SocketAddr> = tried.iter().map(|n| endpoint(*n).address).collect();
    let found = members.choose(choice, &tried, usize::MAX);
    found.map_or(0, |(endpoint, _)| endpoint.address.port())
}

#[test]
fn turns_go_round_the_healthy_ones() {
    let all = endpoints(4);
    fail(&all[1]);
    let members = Members::new(all, false);
    let round: Vec<u16> = (0..6)
        .map(|turn| chosen(&members, Choice::Turn(turn), &[]))
        .collect();
    assert_eq!(round, [1, 3, 4, 1, 3, 4]);
    assert_eq!(
        chosen(&members, Choice::Turn(usize::MAX), &[]),
        1 + 2 * u16::from(usize::MAX % 3 == 1)
    );
    assert_eq!(members.counts(), [3, 1, 0]);
}

#[test]
fn where_none_is_healthy_all_are_tried() {
    let all = endpoints(3);
    all.iter().for_each(|endpoint| fail(endpoint));
    let members = Members::new(all, true);
    let round: Vec<u16> = (0..3)
        .map(|turn| chosen(&members, Choice::Turn(turn), &[]))
        .collect();
    assert_eq!(round, [1, 2, 3]);
    assert_ne!(chosen(&members, Choice::Key(b"k"), &[]), 0);
}

#[test]
fn a_further_try_goes_to_another_endpoint_if_there_is_one() {
    let members = Members::new(endpoints(3), true);
    let all = [Choice::Turn(0), Choice::Random(7 << 32), Choice::Key(b"k")];
    for choice in all {
        let first = chosen(&members, choice, &[]);
        let second = chosen(&members, choice, &[first]);
        let third = chosen(&members, choice, &[first, second]);
        let mut seen = [first, second, third];
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3], "{choice:?}");
        assert_ne!(chosen(&members, choice, &[1, 2, 3]), 0, "{choice:?}");
    }
    let tried = |ports: &[u16]| {
        ports
            .iter()
            .map(|n| endpoint(*n).address)
            .collect::<Vec<_>>()
    };
    assert!(members.has_other(&tried(&[1, 3])));
    assert!(!members.has_other(&tried(&[1, 3, 2])));
}

#[test]
fn an_endpoint_without_room_is_passed_over() {
    let members = Members::new(endpoints(12), true);
    let mut places = Vec::new();
    for choice in [Choice::Turn(5), Choice::Random(1), Choice::Key(b"k")] {
        places.clear();
        let mut seen: Vec<u16> = (0..12)
            .map(|_| {
                let (endpoint, place) = members.choose(choice, &[], 1).expect("there is room");
                places.push(place);
                endpoint.address.port()
            })
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=12).collect::<Vec<u16>>(), "{choice:?}");
        assert_eq!(members.choose(choice, &[], 1).err(), Some(NoPeer::NoRoom));
    }
    let none = Members::new(Vec::new(), true);
    for choice in [Choice::Turn(0), Choice::Random(0), Choice::Key(b"k")] {
        assert_eq!(none.choose(choice, &[], 1).err(), Some(NoPeer::NoAddress));
    }
}

#[test]
fn random_prefers_the_less_busy_one() {
    let members = Members::new(endpoints(2), false);
    let (_, _place) = members
        .choose(Choice::Turn(0), &[], 9)
        .expect("there is room");
    for random in 0..100_u64 {
        let random = random << 31 | random;
        assert_eq!(chosen(&members, Choice::Random(random), &[]), 2, "{random}");
    }
    // Of equals, each is taken about as often.
    let members = Members::new(endpoints(4), false);
    let mut counts = HashMap::new();
    for random in (0..4_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
        *counts
            .entry(chosen(&members, Choice::Random(random), &[]))
            .or_insert(0) += 1;
    }
    assert!(
        counts.len() == 4 && counts.values().all(|count| (700..1300).contains(count)),
        "{counts:?}"
    );
}

/// The endpoint of each of many keys.
fn owners(members: &Members) -> Vec<u16> {
    (0..10_000)
        .map(|key| {
            chosen(
                members,
                Choice::Key(format!("tenant-{key}").as_bytes()),
                &[],
            )
        })
        .collect()
}

#[test]
fn few_keys_move_when_an_endpoint_comes_goes_or_fails() {
    let ten = Members::new(endpoints(10), true);
    let before = owners(&ten);
    let mut counts = HashMap::new();
    before
        .iter()
        .for_each(|owner| *counts.entry(*owner).or_insert(0) += 1);
    assert!(
        counts.len() == 10 && counts.values().all(|count| (600..1500).contains(count)),
        "{counts:?}"
    );

    let eleven = owners(&Members::new(endpoints(11), true));
    let moved: Vec<_> = before.iter().zip(&eleven).filter(|(a, b)| a != b).collect();
    assert!(
        moved.iter().all(|(_, now)| **now == 11),
        "only to the new one"
    );
    assert!(moved.len() < 1_500, "{}", moved.len());

    fail(&ten.all()[3]);
    let nine = owners(&ten.again());
    for (before, now) in before.iter().zip(&nine) {
        // Those of the one that fails, and no others.
        assert_eq!(before != now, *before == 4);
    }
    // Its keys are spread over the others.
    let heirs = before.iter().zip(&nine).filter(|(before, _)| **before == 4);
    let mut heirs: Vec<u16> = heirs.map(|(_, now)| *now).collect();
    heirs.sort_unstable();
    heirs.dedup();
    assert!(heirs.len() >= 7, "{heirs:?}");
}
