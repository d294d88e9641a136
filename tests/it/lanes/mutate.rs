//! Faults of requests, by accident or on purpose. Every mutation leaves something that a
//! parser could take for a request, or very nearly. The values are in one text a list, with `¦` between
//! them.

use super::draft::{Draft, Line, Rng};
use super::framing::{before, body, connection, expectations, hop_by_hop, version};
use super::generate::{LISTS, METHODS, ORIGINS};

/// Padding goes up to this length of a whole header and around it: see `NARROW`.
const LIMIT: usize = 2048;

/// Changes one thing about the request.
pub(super) fn mutate(draft: &mut Draft, rng: &mut Rng) {
    const ALL: &[fn(&mut Draft, &mut Rng)] = &[
        origin,
        origin,
        method_asked,
        list_asked,
        many_lists,
        spacing,
        spacing,
        breaks,
        odd_bytes,
        odd_lines,
        duplicate,
        cases,
        version,
        method,
        target,
        target,
        long_target,
        padding,
        many_fields,
        body,
        body,
        expectations,
        connection,
        connection,
        hop_by_hop,
        before,
        missing,
        order,
        host,
        host,
    ];
    ALL[rng.below(ALL.len())](draft, rng);
}

const ORIGIN: &str = "Origin";
const METHOD: &str = "Access-Control-Request-Method";
const LIST: &str = "Access-Control-Request-Headers";

fn origin(draft: &mut Draft, rng: &mut Rng) {
    const VALUES: &str = "¦ ¦null¦NULL¦*¦https://¦https://app.example.com/¦https://app.example.com/x¦\
         HTTPS://app.example.com¦https://APP.example.com¦https://app.example.com:443¦\
         https://app.example.com:0¦https://app.example.com:99999¦\
         https://user@app.example.com¦https://app.example.com,https://app.example.com¦\
         https://app.example.com https://b.test¦app.example.com¦//app.example.com¦\
         https:app.example.com¦https://app.example.com.¦https://app.example.com?¦\
         https://app.example.com#¦https://[::1]:80¦https://[::1¦https://.example.org¦\
         https://example.org¦https://x..example.org¦https://bücher.example¦\
         https://pr-.preview.example.com¦https://pr-1xpreview.example.com¦http://localhost¦\
         http://localhost:¦http://localhost:x¦chrome-extension://abcdefgh¦file://¦data:¦\
         https://xn--bcher-kva.example¦\"null\"¦https://a\tb¦https://app.example.com\\";
    if rng.chance(10) {
        // Around the longest origin there is.
        let label = "a".repeat(63);
        let host = [label.as_str(); 5].join(".");
        let origin = format!("https://{}", &host[..310 + rng.below(9)]);
        return draft.set(ORIGIN, &origin);
    }
    draft.set(ORIGIN, rng.word(VALUES));
}

fn method_asked(draft: &mut Draft, rng: &mut Rng) {
    const VALUES: &str = "¦ ¦*¦P UT¦PUT,DELETE¦PUT, DELETE¦Put¦delete¦TRACE¦CONNECT¦track¦\"PUT\"¦PUT\u{7f}¦\
         PÜT¦PUT;¦GET/¦!#$%&'*+-.^_`|~";
    draft.set(METHOD, rng.word(VALUES));
}

fn list_asked(draft: &mut Draft, rng: &mut Rng) {
    const VALUES: &str = "¦ ¦,¦,,¦a,¦,a¦a,,b¦a , b¦a\t,\tb¦ a,b ¦bad name¦a;b¦a:b¦\"a\"¦*¦authorization,*¦\
         AUTHORIZATION¦ä¦x-a,x-a,x-a¦cookie¦sec-x¦accept¦content-type ,authorization¦\
         a,\u{b}b¦x-api-version,x-api-version";
    if rng.chance(10) {
        let many = vec!["x-long-name"; 1 + rng.below(160)].join(",");
        return draft.set(LIST, &many);
    }
    draft.set(LIST, rng.word(VALUES));
}

/// From none to more than are looked at, which are 32.
fn many_lists(draft: &mut Draft, rng: &mut Rng) {
    draft.fields.retain(|line| !line.is_named(LIST));
    for _ in 0..rng.below(41) {
        let list = format!("{LIST}: {}", rng.word(LISTS));
        draft.insert(rng, &list);
    }
}

/// White space around a name or a value.
fn spacing(draft: &mut Draft, rng: &mut Rng) {
    let odd = rng.word(":¦:  ¦:\t¦: \t ¦ : ¦\t: ¦ :¦:\r\n ¦:\r\n\t¦: \u{b}¦:\u{c}¦::¦: :");
    let end = rng.word("¦¦ ¦  \t¦\t¦\r\n ¦\u{c}");
    let start = rng.word("¦¦¦¦¦ ¦\t");
    if let Some(line) = any_line(draft, rng) {
        let (name, value) = split(&line.text);
        line.text = [
            start.as_bytes(),
            &name,
            odd.as_bytes(),
            &value,
            end.as_bytes(),
        ]
        .concat();
    }
}

/// Line ends.
fn breaks(draft: &mut Draft, rng: &mut Rng) {
    match rng.below(4) {
        0 => draft.end = rng.word("\n\n¦\n\r\n¦\r\n\n¦\r\r¦\r\n¦\n¦\r\n\r\n\r\n"),
        1 => {
            draft.end = "\n\n";
            draft
                .fields
                .iter_mut()
                .for_each(|line| line.break_before = "\n");
        }
        _ => {
            let odd = rng.word("\n¦\n¦\r¦\r\r\n¦\n\r¦\r\n\r¦¦\r\n ");
            if let Some(line) = any_line(draft, rng) {
                line.break_before = odd;
            }
        }
    }
}

/// NUL, control characters, bytes above ASCII: in the request line, in a name or in a value.
fn odd_bytes(draft: &mut Draft, rng: &mut Rng) {
    const ODD: [u8; 14] = [0, 1, 7, 9, 11, 13, 27, 31, 32, 127, 128, 160, 195, 255];
    let odd = ODD[rng.below(ODD.len())];
    let part = match rng.below(6) {
        0 => &mut draft.method,
        1 => &mut draft.target,
        2 => &mut draft.version,
        _ => match any_line(draft, rng) {
            Some(line) => &mut line.text,
            None => return,
        },
    };
    part.insert(rng.below(part.len() + 1), odd);
}

/// Lines that are not fields.
fn odd_lines(draft: &mut Draft, rng: &mut Rng) {
    let odd = rng.word(
        "¦:¦: value¦no colon¦name¦na me: value¦(name): value¦ ¦name:¦@: x¦Origin¦\
         GET / HTTP/1.1¦{x}: y¦x\"y: z¦naïve: x¦x-é: é¦\0",
    );
    draft.insert(rng, odd);
}

/// A second line of a name, the same or not.
fn duplicate(draft: &mut Draft, rng: &mut Rng) {
    let line = match rng.below(6) {
        0 => Line::new(format!("Host: {}", rng.word("exact.test¦other.test¦"))),
        1 => Line::new(format!("{ORIGIN}: {}", rng.word(ORIGINS))),
        2 => Line::new(format!("{METHOD}: {}", rng.word(METHODS))),
        3 => Line::new(format!("{LIST}: {}", rng.word(LISTS))),
        _ => match any_line(draft, rng) {
            Some(line) => line.clone(),
            None => return,
        },
    };
    let at = rng.below(draft.fields.len() + 1);
    draft.fields.insert(at, line);
}

/// Names in another case: all of them, or one.
fn cases(draft: &mut Draft, rng: &mut Rng) {
    let how = rng.below(3);
    let change = |line: &mut Line| {
        let end = line.text.iter().position(|&b| b == b':').unwrap_or(0);
        for (at, byte) in line.text[..end].iter_mut().enumerate() {
            match how {
                0 => byte.make_ascii_lowercase(),
                1 => byte.make_ascii_uppercase(),
                _ if at % 2 == 0 => byte.make_ascii_uppercase(),
                _ => byte.make_ascii_lowercase(),
            }
        }
    };
    match rng.chance(70) {
        true => draft.fields.iter_mut().for_each(change),
        false => any_line(draft, rng).into_iter().for_each(change),
    }
}

fn method(draft: &mut Draft, rng: &mut Rng) {
    let method = rng.word(
        "options¦Options¦OPTION¦OPTIONSS¦GET¦HEAD¦POST¦PUT¦DELETE¦CONNECT¦TRACE¦PATCH¦get¦\
         X-OWN¦¦OPT IONS¦OPTIONS,¦O\"¦PRI",
    );
    draft.method = method.into();
}

fn target(draft: &mut Draft, rng: &mut Rng) {
    let target = rng.word(
        "*¦*¦¦x¦exact.test:80¦exact.test¦/..¦/.¦/a/../b¦/a/./b¦/a/..¦/%2e%2e/a¦/a/%2E./b¦\
         /a/..%2fb¦/a/..;/b¦/a/.%2e;x=y/b¦/...¦/..a¦/a..¦//¦//exact.test/x¦/a//b¦/?¦/?a=b&c¦\
         /?../..¦/a?b?c¦/a#b¦/a#../b¦#¦?¦/%¦/%2¦/%zz¦/%00¦/%61¦/%2f¦/%E4%B8%AD¦/中¦/ü?ü¦/a b¦\
         /a\tb¦/\"<>\\^`{|}¦/v1%2Fx¦/%761¦/V1¦/v1/¦/v1;x¦/shared/..¦/status/¦\
         http://exact.test/¦http://exact.test¦http://exact.test/v1?x¦https://exact.test/¦\
         HTTP://exact.test/¦http://EXACT.test:80/¦http://nowhere.test/¦http:///x¦http://¦\
         http://user@exact.test/¦http://exact.test/../x¦ftp://exact.test/¦http:/x¦/http://x/¦\
         http://exact.test?x¦http://[::1]/¦http://exact.test:99999/¦/sentinel",
    );
    draft.target = target.into();
}

fn long_target(draft: &mut Draft, rng: &mut Rng) {
    let unit = rng.word("a¦/a¦%61¦/¦ü¦.¦/.");
    let count = [10, 100, 500, 800, 1000][rng.below(5)];
    draft.target = format!("/{}", unit.repeat(count)).into_bytes();
}

/// A field that makes the header as long as the limit, nearly, or far longer. Never as long as four
/// times the limit, where it matters how much of it comes at once.
fn padding(draft: &mut Draft, rng: &mut Rng) {
    const NAME: &str = "X-Padding: ";
    draft.fields.push(Line::new(NAME));
    let len = draft.render().len() - draft.before.len() - draft.body.len();
    let wanted = match rng.below(5) {
        0 => 3000 + rng.below(2000),
        1 => rng.below(LIMIT),
        _ => LIMIT - 3 + rng.below(7),
    };
    let padding = "p".repeat(wanted.saturating_sub(len));
    if let Some(line) = draft.fields.last_mut() {
        line.text.extend(padding.bytes());
    }
    let (last, at) = (draft.fields.len() - 1, rng.below(draft.fields.len()));
    draft.fields.swap(last, at);
}

/// pingora takes 256 fields.
fn many_fields(draft: &mut Draft, rng: &mut Rng) {
    let wanted = match rng.below(2) {
        0 => 254 + rng.below(5),
        _ => rng.below(300),
    };
    while draft.fields.len() < wanted {
        let number = draft.fields.len();
        draft.insert(rng, &format!("x-{number}: 1"));
    }
}

/// Without one of the lines.
fn missing(draft: &mut Draft, rng: &mut Rng) {
    let name = rng.pick(&["Host", ORIGIN, METHOD, LIST]);
    draft.fields.retain(|line| !line.is_named(name));
}

fn order(draft: &mut Draft, rng: &mut Rng) {
    for at in (1..draft.fields.len()).rev() {
        draft.fields.swap(at, rng.below(at + 1));
    }
}

fn host(draft: &mut Draft, rng: &mut Rng) {
    let host = rng.word(
        "exact.test:80¦EXACT.test¦Exact.Test:8080¦exact.test.¦exact.test.:80¦¦ ¦:80¦\
         exact.test:¦exact.test:x¦exact.test:99999¦user@exact.test¦exact.test/x¦exact test¦\
         exact.test,any.test¦exact.test, exact.test¦[::1]¦[::1]:80¦[::1¦127.0.0.1¦sub.test¦\
         x.sub.test¦X.SUB.TEST.¦.sub.test¦..sub.test¦*.sub.test¦bücher.test¦exact.test?¦\
         exact.test#¦exact_test¦%65xact.test¦http://exact.test¦nowhere.test¦exact.test\t¦\
         a\u{b}b",
    );
    if rng.chance(5) {
        return draft.set("Host", &"h".repeat(250 + rng.below(12)));
    }
    draft.set("Host", host);
}

/// Name and value, without what is between them.
fn split(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match text.iter().position(|&byte| byte == b':') {
        Some(at) => (text[..at].to_vec(), text[at + 1..].trim_ascii().to_vec()),
        None => (text.to_vec(), Vec::new()),
    }
}

fn any_line<'a>(draft: &'a mut Draft, rng: &mut Rng) -> Option<&'a mut Line> {
    let at = rng.below(draft.fields.len());
    draft.fields.get_mut(at)
}
