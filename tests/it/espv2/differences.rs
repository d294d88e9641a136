//! The differences between `corsgate espv2` and ESPv2, each with the reason for which corsgate is right.
//!
//! A difference turns ESPv2's answer into corsgate's. They are applied in their order, and the result has to be what
//! corsgate answers, to the byte. One that changes no answer is a mistake in this list.

mod asked;

use super::exchange::{Answer, Maker};
use super::generate::{BAD_PREFLIGHT, UNDECLARED};
pub(super) use asked::Asked;
use asked::{ALLOW_ORIGIN, HEADERS, METHODS};

/// One difference.
pub(super) struct Difference {
    pub(super) name: &'static str,
    /// The reason for which corsgate answers otherwise.
    pub(super) reason: &'static str,
    /// Makes corsgate's answer of ESPv2's, if this is an answer with the difference.
    pub(super) change: fn(&Asked, &mut Answer),
}

pub(super) const DIFFERENCES: &[Difference] = &[
    // === paths ===
    Difference {
        name: "dot segments are refused",
        reason: "a backend that resolves them itself would serve another path than the one that was matched; \
                 browsers resolve them before they send",
        change: |asked, answer| {
            if asked.has_dot_segment() {
                *answer = refused();
            }
        },
    },
    Difference {
        name: "slashes are not merged",
        reason: "a path is matched as it was sent, and only `**` matches empty segments; where the path without them \
                 has other rules, it is refused",
        change: |asked, answer| {
            let path = asked.request.path();
            if !asked.has_dot_segment() && path.contains("//") {
                match (asked.is_described(), path) {
                    (true, "//healthz") if asked.has_preset() => *answer = refused(),
                    (true, _) => *answer = undeclared(),
                    (false, _) => reach(asked, answer),
                }
            }
        },
    },
    Difference {
        name: "backslashes are not slashes",
        reason: "browsers turn them into slashes before they send, so that other clients mean the character",
        change: |asked, answer| {
            if asked.request.path().contains('\\') {
                *answer = undeclared();
            }
        },
    },
    Difference {
        name: "percent-encoded letters reach the backend as they were sent",
        reason: "they match as letters, but a signature over the path stays valid",
        change: |asked, answer| {
            if asked.request.path().contains("%6") {
                reach(asked, answer);
            }
        },
    },
    Difference {
        name: "a percent-encoded zero byte is a byte",
        reason: "the path goes to the backend encoded, as it was sent, so that nothing ends it",
        change: |asked, answer| {
            if asked.request.path().contains("%00") {
                reach(asked, answer);
            }
        },
    },
    // === methods ===
    Difference {
        name: "without a description every method passes",
        reason: "ESPv2 does not start without one, so that there are no methods to hold requests against",
        change: |asked, answer| {
            if !asked.is_described() && answer.status == 405 {
                reach(asked, answer);
            }
        },
    },
    Difference {
        name: "one text for every 405",
        reason: "one answer serves all paths; clients read the code",
        change: |_, answer| {
            let text =
                "The path of the current request is defined by this API, but not its HTTP method.";
            if answer.status == 405 && !answer.is_empty() {
                answer.maker = Maker::json(405, text);
            }
        },
    },
    Difference {
        name: "TRACE gets an empty 405 on every path",
        reason: "its answer is the request itself, with the credentials in it: no server should ever see one",
        change: |asked, answer| {
            if asked.request.method == "TRACE" {
                answer.maker = Maker::NOTHING;
            }
        },
    },
    // === health ===
    Difference {
        name: "the answer to a health check is empty",
        reason: "checks look at the status; ESPv2 wraps an empty message in JSON",
        change: |asked, answer| {
            if asked.is_health_check() {
                answer.maker = Maker::NOTHING;
            }
        },
    },
    Difference {
        name: "a health check may have a query",
        reason: "it is the same path; with a query ESPv2 hands it to the backend, which need not have that path",
        change: |asked, answer| {
            if asked.is_health_check_with_query() {
                answer.maker = Maker::NOTHING;
            }
        },
    },
    Difference {
        name: "health with a slash at the end is another path",
        reason: "ESPv2 hands it to the backend, though the description does not declare it",
        change: |asked, answer| {
            if asked.is_health_check_with_slash() && asked.is_described() {
                *answer = undeclared();
            }
        },
    },
    // === preflights ===
    Difference {
        name: "a malformed preflight is rejected",
        reason: "ESPv2 takes several lines for one value and answers texts that are not origins, methods or headers, \
                 which it reflects; with an empty Origin or method it hands the preflight to the backend",
        change: |asked, answer| {
            if !asked.has_preset() || !asked.is_malformed_preflight() {
                return;
            }
            match asked.passes_options() {
                true => reach(asked, answer),
                false => *answer = rejected(),
            }
        },
    },
    Difference {
        name: "a literal with a default port allows nothing",
        reason: "browsers leave the port out, so that only other clients send such an Origin",
        change: |asked, answer| {
            if asked.is_default_port_of_literal() && answer.maker == Maker::NOTHING {
                *answer = rejected();
            }
        },
    },
    Difference {
        name: "an empty Origin is one of any",
        reason: "with `*` and without credentials every preflight gets the same answer, so that caches need one",
        change: |asked, answer| {
            let is_backends = matches!(answer.maker, Maker::Backend(_));
            if is_backends && asked.is_any_without_credentials() && asked.is_answered_preflight() {
                answer.maker = Maker::NOTHING;
                answer.cors = asked.preflight_fields();
            }
        },
    },
    Difference {
        name: "lists of * are sent as *",
        reason: "without credentials it means the same, and is one answer for caches; Authorization is named, because \
                 `*` does not cover it",
        change: |asked, answer| {
            let stars = [(METHODS, "*"), (HEADERS, "*, authorization")];
            for (name, stars) in stars.into_iter().filter(|(name, _)| asked.echoes(name)) {
                if let Some(value) = answer.list(name)
                    && !asked.has_credentials()
                {
                    stars.clone_into(value);
                }
            }
        },
    },
    Difference {
        name: "asked headers are echoed as a list of names",
        reason: "names are compared without case, and a list of none is left out: a value of several lines is not \
                 copied unread into a response",
        change: |asked, answer| {
            if asked.echoes(HEADERS)
                && let Some(value) = answer.list(HEADERS)
            {
                let names = value.split(',').map(|name| name.trim().to_lowercase());
                *value = names.collect::<Vec<_>>().join(", ");
                answer.cors.retain(|(_, value)| !value.is_empty());
            }
        },
    },
    // === other requests ===
    Difference {
        name: "a regex that matches the text * allows no other origin",
        reason: "ESPv2 takes it for the permission of every origin, in every request but preflights of undeclared \
                 OPTIONS; the regex does not say so",
        change: |asked, answer| {
            if asked.is_star_by_regex() && !asked.is_allowed() && !answer.cors.is_empty() {
                answer.cors.clear();
                if asked.is_preflight() && answer.maker == Maker::NOTHING {
                    reach(asked, answer);
                }
            }
        },
    },
    Difference {
        name: "a text that is not an origin is not reflected",
        reason: "no browser sends it, and a response with it is of use only in the cache of another client",
        change: |asked, answer| {
            if asked.has_preset() && asked.is_malformed_origin() {
                answer.cors.clear();
            }
        },
    },
    Difference {
        name: "the backend's CORS headers are removed where the preset allows nothing",
        reason: "the preset says who may read; with the backend's there were two policies, and the looser one \
                 would count",
        change: |asked, answer| {
            let is_backends = matches!(answer.maker, Maker::Backend(_));
            if asked.has_preset() && is_backends && !asked.is_allowed() {
                answer.cors.clear();
            }
        },
    },
    Difference {
        name: "the backend's CORS headers are replaced, all of them",
        reason: "ESPv2 replaces those that the preset has a value for, so that the backend's \
                 Access-Control-Allow-Credentials goes with an origin that the preset allows without credentials",
        change: |asked, answer| {
            let is_backends = matches!(answer.maker, Maker::Backend(_));
            if is_backends && asked.is_allowed() {
                answer.cors = asked.fields();
            }
        },
    },
    Difference {
        name: "404 and 405 carry the CORS headers of an allowed origin",
        reason: "a page that may read the API may read its errors; without the headers the browser shows a failure of \
                 CORS instead",
        change: |asked, answer| {
            if asked.is_allowed() && matches!(answer.status, 404 | 405) {
                answer.cors = asked.fields();
            }
        },
    },
    Difference {
        name: "any origin without credentials is *",
        reason: "it says the same, and a cache can keep one response for all, those to requests without Origin too",
        change: |asked, answer| {
            let is_rejected = answer.status == 400 || asked.is_malformed_preflight();
            if asked.is_any_without_credentials() && !is_rejected {
                if let Some(origin) = answer.list(ALLOW_ORIGIN) {
                    "*".clone_into(origin);
                } else {
                    answer.cors = asked.fields();
                }
            }
        },
    },
];

/// Returns the answer to a request that corsgate does not route.
fn refused() -> Answer {
    Answer {
        status: 400,
        maker: Maker::NOTHING,
        cors: Vec::new(),
    }
}

/// Returns the answer to a preflight that the preset rejects.
fn rejected() -> Answer {
    Answer {
        status: 400,
        maker: Maker::json(400, BAD_PREFLIGHT),
        cors: Vec::new(),
    }
}

fn undeclared() -> Answer {
    Answer {
        status: 404,
        maker: Maker::json(404, UNDECLARED),
        cors: Vec::new(),
    }
}

/// Has the request reach the backend as it was sent.
fn reach(asked: &Asked, answer: &mut Answer) {
    let request = asked.request;
    answer.status = request.status_of_backend();
    answer.maker = Maker::Backend(format!("{} {}", request.method, request.target));
}
