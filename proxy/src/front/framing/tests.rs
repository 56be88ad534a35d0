use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::*;

/// Feeds the pieces one after the other, as the guard does: what did not pass is fed again.
fn feed_all(pieces: &[&[u8]]) -> (usize, u64, Option<Fault>) {
    let (mut scanner, mut held) = (Scanner::default(), Vec::new());
    let (mut passed, mut heads) = (0, 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        let scanned = scanner.feed(&held);
        held.drain(..scanned.pass);
        passed += scanned.pass;
        heads += scanned.heads;
        if scanned.fault.is_some() {
            return (passed, heads, scanned.fault);
        }
    }
    (passed, heads, None)
}

fn feed(bytes: &str) -> (usize, u64, Option<Fault>) {
    feed_all(&[bytes.as_bytes()])
}

#[test]
fn pipelined_requests_pass_whole_with_their_bodies() {
    let requests = concat!(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n001\r\nx\r\n0\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(feed(requests), (requests.len(), 4, None));
}

#[test]
fn an_incomplete_head_does_not_pass() {
    let complete = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for length in 0..complete.len() {
        let start = complete.get(..length).unwrap();
        assert_eq!(feed(start), (0, 0, None), "{start:?}");
    }
}

#[test]
fn a_fault_comes_after_what_is_in_order() {
    let good = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    let (passed, heads, fault) = feed(&format!("{good}GET / HTTP/1.1\nHost: a\n\n"));
    assert_eq!((passed, heads), (good.len(), 1));
    assert!(matches!(fault, Some(Fault::Head(BadHead::Malformed(_)))));
}

#[test]
fn a_length_that_no_number_holds_is_refused() {
    for length in ["18446744073709551616", "99999999999999999999999", "-1", "1e3", "0x1", "", "1 2", "1,1"] {
        let (_, _, fault) = feed(&format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        assert!(matches!(fault, Some(Fault::Head(BadHead::Framing(_)))), "{length}: {fault:?}");
    }
}

#[test]
fn a_chunk_size_that_no_number_holds_is_refused() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for size in ["FFFFFFFFFFFFFFFF", "0000000000000000", "-1", "+1", " 1", "1 ", "0x1", "g", ""] {
        let (_, heads, fault) = feed(&format!("{head}{size}\r\n"));
        assert_eq!((heads, fault), (1, Some(Fault::Body)), "{size}");
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_searched_once() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(LARGEST_HEAD - 40));
    let mut scanner = Scanner::default();
    for length in 1..head.len() {
        assert_eq!(scanner.feed(&head.as_bytes()[..length]).pass, 0);
        assert!(scanner.search.at + 1 >= length);
    }
    assert_eq!(scanner.feed(head.as_bytes()).pass, head.len());
}

/// Pieces of requests, in order and out of it.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "GET / HTTP/1.1\r\n",
        "POST /a HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X: y\r\n",
        "\r\n",
        "\n",
        "\r",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        " ",
        ":",
    ];
    let known: Vec<_> = known.iter().map(|text| Just(text.as_bytes().to_vec())).collect();
    prop_oneof![8 => proptest::strategy::Union::new(known), 1 => proptest::collection::vec(any::<u8>(), 0..4)]
}

proptest! {
    #[test]
    fn no_split_of_the_bytes_changes_what_passes(
        fragments in proptest::collection::vec(fragment(), 0..24),
        sizes in proptest::collection::vec(1_usize..9, 1..64),
    ) {
        let bytes = fragments.concat();
        let (mut pieces, mut rest, mut sizes) = (Vec::new(), bytes.as_slice(), sizes.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        assert_eq!(feed_all(&pieces), feed_all(&[&bytes]));
    }

    /// What passes as a head is read by hyper's parser as a head of the same length.
    #[test]
    fn a_head_that_passes_has_one_host_and_one_length(fragments in proptest::collection::vec(fragment(), 0..12)) {
        let mut bytes = b"POST / HTTP/1.1\r\n".to_vec();
        bytes.extend(fragments.concat());
        let (passed, heads, _) = feed_all(&[&bytes]);
        if heads > 0 {
            let text = String::from_utf8_lossy(&bytes[..passed]).to_ascii_lowercase();
            let head = text.split("\r\n\r\n").next().unwrap();
            let count = |name: &str| head.lines().filter(|line| line.starts_with(name)).count();
            assert_eq!(count("host:"), 1);
            assert!(count("content-length:") + count("transfer-encoding:") <= 1, "{head}");
        }
    }
}
