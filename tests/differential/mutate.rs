//! Requests with something slightly wrong: where two readers of one text part ways.

use crate::ask::Ask;
use crate::random::Random;

/// Pieces that some readers take for more than text.
const PIECES: [&str; 34] = [
    "%2F", "%2f", "%00", "%0a", "%27", "%25", "..", "/", "//", "/.", ";", "?", "&", "+", "%20", "'", "\"",
    "\\", "\\u0041", ".json", "*", ",", "(", ")", "{", "}", "<!--x-->", "&#65;", "\u{fb01}", "@{r0.id}",
    "\u{0}", ":", "__c", "--",
];

/// Parameters that change what a request means to a generous org.
const PARAMETERS: [&str; 12] = [
    "_HttpMethod=DELETE",
    "_HttpMethod=PATCH",
    "_httpmethod=PATCH",
    "fields=SSN__c",
    "fields=Id",
    "q=SELECT+Id+FROM+User",
    "q=",
    "ids=003D000000QV9n2IAD",
    "Q=SELECT+SSN__c+FROM+Contact",
    "oauth_token=x",
    "sobject=User",
    "explain=SELECT+Id+FROM+User",
];

const HEADERS: [(&str, &str); 9] = [
    ("sforce-call-options", "client=x, defaultNamespace=acme"),
    ("x-http-method-override", "DELETE"),
    ("sforce-query-options", "batchSize=200"),
    ("content-encoding", "gzip"),
    ("content-type", "application/xml"),
    ("content-type", "application/json"),
    ("accept", "application/xml"),
    ("x-prettyprint", "1"),
    ("sforce-disable-batch-retry", "true"),
];

const METHODS: [&str; 9] = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "get", "Patch", "OPTIONS"];

/// The request with one to three changes.
pub(crate) fn mutated(random: &mut Random, ask: &Ask) -> Ask {
    let mut ask = ask.clone();
    for _ in 0..=random.below(3) {
        change(random, &mut ask);
    }
    ask
}

fn change(random: &mut Random, ask: &mut Ask) {
    match random.below(14) {
        0 => ask.method = random.pick(&METHODS).to_owned(),
        1 => {
            let joint = if ask.target.contains('?') { '&' } else { '?' };
            ask.target = format!("{}{joint}{}", ask.target, random.pick(&PARAMETERS));
        }
        2 => {
            if let Some((path, query)) = ask.target.split_once('?') {
                ask.target = format!("{path}?{}&{query}", random.pick(&PARAMETERS));
            }
        }
        3 => {
            let (name, value) = random.pick(&HEADERS);
            ask.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        4 => {
            let (name, value) = random.pick(&HEADERS);
            ask.headers.retain(|(known, _)| known != name);
            ask.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        5 => ask.target = encoded(random, &ask.target),
        6 => ask.target = with_piece(random, &ask.target),
        7 => ask.target = recased(random, &ask.target),
        8 => ask.target = without_some(random, &ask.target),
        _ => ask.body = changed_body(random, &ask.body),
    }
}

fn changed_body(random: &mut Random, body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
    if text.is_empty() {
        return Vec::new();
    }
    match random.below(6) {
        0 => with_piece(random, text),
        1 => recased(random, text),
        2 => without_some(random, text),
        3 => doubled(random, text),
        4 => moved(random, text),
        _ => {
            let mut bytes = body.to_vec();
            let at = random.below(bytes.len());
            bytes[at] = u8::try_from(random.below(256)).unwrap();
            return bytes;
        }
    }
    .into_bytes()
}

/// A place between two characters.
fn place(random: &mut Random, text: &str) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn encoded(random: &mut Random, text: &str) -> String {
    let at = 1 + random.below(text.len().max(2) - 1);
    text.char_indices()
        .map(|(place, character)| {
            if place == at && character.is_ascii() {
                format!("%{:02x}", u32::from(character))
            } else {
                character.to_string()
            }
        })
        .collect()
}

fn with_piece(random: &mut Random, text: &str) -> String {
    let at = place(random, text);
    let (start, end) = text.split_at(at);
    format!("{start}{}{end}", random.pick(&PIECES))
}

/// One word of the text in another letter case.
fn recased(random: &mut Random, text: &str) -> String {
    let at = place(random, text);
    let (start, end) = text.split_at(at);
    let length = end.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(end.len());
    let (word, rest) = end.split_at(length);
    let word = if random.chance(50) { word.to_ascii_uppercase() } else { word.to_ascii_lowercase() };
    format!("{start}{word}{rest}")
}

fn without_some(random: &mut Random, text: &str) -> String {
    let (one, two) = (place(random, text), place(random, text));
    let (from, to) = (one.min(two), one.max(two).min(one.min(two) + 8));
    if !text.is_char_boundary(to) {
        return text.to_owned();
    }
    format!("{}{}", &text[..from], &text[to..])
}

/// A piece of the text twice.
fn doubled(random: &mut Random, text: &str) -> String {
    let (one, two) = (place(random, text), place(random, text));
    let (from, to) = (one.min(two), one.max(two));
    format!("{}{}{}", &text[..to], &text[from..to], &text[to..])
}

/// A member of a JSON object or an element again, with another value.
fn moved(random: &mut Random, text: &str) -> String {
    let quotes: Vec<usize> = text.match_indices("\":").map(|(at, _)| at).collect();
    if quotes.is_empty() {
        return doubled(random, text);
    }
    let at = random.pick(&quotes);
    let start = text[..at].rfind('"').unwrap_or(at);
    let name = &text[start..at];
    let value = random.pick(&["\"SSN__c\"", "\"User\"", "null", "[]", "{}", "\"003D000000QV9n2IAD\""]);
    format!("{}{name}\":{value},{}", &text[..start], &text[start..])
}
