use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn at(document: &'static str, pointer: &str) -> Option<Scalar> {
    let pointer = Pointer::parse(pointer).unwrap();
    pick(&document.as_bytes().into(), &[&pointer]).remove(0)
}

fn string(text: &str) -> Option<Scalar> {
    Some(Scalar::String(text.to_owned()))
}

fn number(text: &str) -> Option<Scalar> {
    Some(Scalar::Number(text.to_owned()))
}

#[test]
fn strings_and_numbers_are_found_at_any_depth() {
    let document =
        r#" {"a": [ {"b" : "x"}, 7 ], "id":"evt_1","n":-1.50e+3, "": {"": "deep"}, "a/b": "slash", "~": 0} "#;

    assert_eq!(at(document, "/id"), string("evt_1"));
    assert_eq!(at(document, "/n"), number("-1.50e+3"));
    assert_eq!(at(document, "/a/0/b"), string("x"));
    assert_eq!(at(document, "/a/1"), number("7"));
    assert_eq!(at(document, "//"), string("deep"));
    assert_eq!(at(document, "/a~1b"), string("slash"));
    assert_eq!(at(document, "/~0"), number("0"));
}

#[test]
fn what_cannot_name_an_event_counts_as_missing() {
    let document = r#"{"e":"","n":null,"t":true,"f":false,"o":{"x":1},"a":[1],"s":"x"}"#;

    for pointer in ["/e", "/n", "/t", "/f", "/o", "/a", "/zz", "/s/x", "/a/1", "/a/00", "/a/-", "/o/x/y", "/"] {
        assert_eq!(at(document, pointer), None, "{pointer}");
    }
}

#[test]
fn a_member_given_twice_counts_as_missing_however_it_is_spelled() {
    for document in [
        r#"{"id":1,"id":1}"#,
        r#"{"id":"a","x":[{}],"\u0069d":"b"}"#,
        r#"{"\u0069\u0064":"a","id":"b"}"#,
        r#"{"id":null,"id":"b"}"#,
        r#"{"id":"a","x":"\"id\"","id":{}}"#,
    ] {
        assert_eq!(at(document, "/id"), None, "{document}");
    }
    assert_eq!(at(r#"{"e":{"id":1},"e":{"id":1}}"#, "/e/id"), None);
    assert_eq!(at(r#"{"e":{"id":1},"e":2}"#, "/e/id"), None);
    assert_eq!(at(r#"{"e":2,"e":{"id":1}}"#, "/e/id"), None);
    assert_eq!(at(r#"{"a/b":1,"a\/b":1}"#, "/a~1b"), None);
}

#[test]
fn the_same_name_elsewhere_does_no_harm() {
    for document in [
        r#"{"id":"a","data":{"id":"b","x":[{"id":"c"}]}}"#,
        r#"{"data":{"id":"b"},"id":"a"}"#,
        r#"{"id":"a","data":"id"}"#,
        r#"{"id":"a","data":"\u0069d"}"#,
        r#"{"id":"a","data":"\\u0069d \"id\": "}"#,
    ] {
        assert_eq!(at(document, "/id"), string("a"), "{document}");
    }
}

#[test]
fn strings_compare_after_unescaping() {
    for (written, meant) in [
        (r#"{"id":"\u0065vt\/\n\"\\\b\f\r\t"}"#, "evt/\n\"\\\u{8}\u{c}\r\t"),
        (r#"{"id":"\uD83D\uDE00"}"#, "😀"),
        (r#"{"id":"é😀"}"#, "é😀"),
        (r#"{"id":"\u0000"}"#, "\0"),
    ] {
        assert_eq!(at(written, "/id"), string(meant), "{written}");
    }
}

#[test]
fn a_string_that_is_not_one_counts_as_missing() {
    for document in [
        &br#"{"id":"\x"}"#[..],
        br#"{"id":"\u12"}"#,
        br#"{"id":"\u+123"}"#,
        br#"{"id":"\ud800"}"#,
        br#"{"id":"\ud800\u0041"}"#,
        br#"{"id":"\udc00\ud800"}"#,
        b"{\"id\":\"\xff\"}",
        b"{\"id\":\"a\nb\"}",
    ] {
        let pointer = Pointer("/id".into());
        assert_eq!(pick(&document.into(), &[&pointer]), [None], "{}", String::from_utf8_lossy(document));
    }
}

#[test]
fn what_is_not_json_holds_nothing() {
    for document in [
        "",
        " ",
        "{",
        "[]",
        "\"id\"",
        "{\"id\"",
        "{\"id\":",
        "{\"id\":1",
        "{\"id\":\"a",
        "{\"id\":01}",
        "{\"id\":+1}",
        "{\"id\":.5}",
        "{\"id\":1.}",
        "{\"id\":1e}",
        "{\"id\":NaN}",
        "{\"id\":0x1}",
        "{id:1}",
        "{'id':1}",
        "{\"x\":[,\"id\":1}",
        "{\"x\" \"y\",\"id\":1}",
        "{\"x\":,\"id\":1}",
        "{,\"id\":1}",
        "\u{feff}{\"id\":1}",
    ] {
        assert_eq!(at(document, "/id"), None, "{document}");
    }
}

#[test]
fn of_a_document_that_breaks_off_the_same_is_found_in_any_framing() {
    for (document, found) in [
        (r#"{"id":"evt_1","type":"box.cre"#, string("evt_1")),
        (r#"{"id":"evt_1","type"#, string("evt_1")),
        (r#"{"type":"x","id":"evt_1"#, None),
        (r#"{"id":"evt_1","data":{"id":"#, None),
    ] {
        assert_eq!(at(document, "/id"), found, "{document}");
        for length in 1..document.len() {
            let framed = framed(document.as_bytes(), &[length]);
            assert_eq!(pick(&framed, &[&Pointer("/id".into())]), std::slice::from_ref(&found), "{document} {length}");
        }
    }
}

#[test]
fn nesting_may_be_as_deep_as_a_body_is_long() {
    let depth = 500_000;
    let body = format!("{{\"x\":{}{},\"id\":1}}", "[".repeat(depth), "]".repeat(depth)).into_bytes().into();
    let pointer = Pointer("/id".into());

    assert_eq!(pick(&body, &[&pointer]), [number("1")]);
}

#[test]
fn more_pointers_than_one_scan_takes_are_all_found() {
    let members: Vec<_> = (0..20).map(|n| format!("\"m{n}\":{n}")).collect();
    let body = format!("{{{}}}", members.join(",")).into_bytes().into();
    let pointers: Vec<_> = (0..20).rev().map(|n| Pointer(format!("/m{n}").into())).collect();

    let found = pick(&body, &pointers.iter().collect::<Vec<_>>());

    assert_eq!(found, (0..20).rev().map(|n| number(&n.to_string())).collect::<Vec<_>>());
}

/// A document as its author meant it; members may share a name.
#[derive(Clone, Debug)]
enum Node {
    Bare(&'static str),
    Number(&'static str),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(&'static str, Node)>),
}

const NAMES: [&str; 8] = ["id", "type", "a", "", "é", "a/b", "0", "1"];

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(Node::Bare),
        prop::sample::select(vec!["0", "-1", "12.50", "1e5", "3E-2"]).prop_map(Node::Number),
        prop::sample::select(vec!["", "id", "\"id\"", "\\u0069d", "x\ny", "{[", "é😀", "a\\"])
            .prop_map(|text| Node::String(text.to_owned())),
        any::<String>().prop_map(Node::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::Array),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..5).prop_map(Node::Object),
        ]
    })
}

fn pointers() -> impl Strategy<Value = Vec<Pointer>> {
    let pointer = prop::collection::vec(prop::sample::select(&NAMES[..]), 1..4)
        .prop_map(|steps| Pointer(steps.iter().map(|step| format!("/{}", step.replace('/', "~1"))).collect()));
    prop::collection::vec(pointer, 1..4)
}

/// Writes `node`; `chance` decides on white space and on which characters are escaped.
fn write(node: &Node, chance: &mut impl FnMut() -> bool, out: &mut String) {
    let space =
        |chance: &mut dyn FnMut() -> bool, out: &mut String| out.push_str(if chance() { " \n\t\r" } else { "" });
    space(chance, out);
    match node {
        Node::Bare(text) | Node::Number(text) => out.push_str(text),
        Node::String(text) => write_string(text, chance, out),
        Node::Array(nodes) => {
            out.push('[');
            for (index, node) in nodes.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(node, chance, out);
            }
            out.push(']');
        }
        Node::Object(members) => {
            out.push('{');
            for (index, (name, node)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_string(name, chance, out);
                space(chance, out);
                out.push(':');
                write(node, chance, out);
            }
            out.push('}');
        }
    }
    space(chance, out);
}

fn write_string(text: &str, chance: &mut impl FnMut() -> bool, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '/' if chance() => out.push_str("\\/"),
            '"' | '\\' if chance() => out.extend(['\\', character]),
            '"' | '\\' | '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ if chance() && chance() => {
                character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// What stands at `path` by the rule, looked up in the tree.
fn expected(node: &Node, path: &[String]) -> Option<Scalar> {
    match (node, path) {
        (Node::Number(text), []) => number(text),
        (Node::String(text), []) if !text.is_empty() => string(text),
        (Node::Array(nodes), [step, rest @ ..]) => {
            let node =
                step.parse().ok().filter(|index: &usize| index.to_string() == *step).and_then(|at| nodes.get(at));
            expected(node?, rest)
        }
        (Node::Object(members), [step, rest @ ..]) => {
            let mut named = members.iter().filter(|(name, _)| name == step);
            let (_, node) = named.next()?;
            if named.next().is_some() { None } else { expected(node, rest) }
        }
        _ => None,
    }
}

/// `bytes` as frames of these lengths, over and over.
fn framed(bytes: &[u8], lengths: &[usize]) -> Body {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(|| (!rest.is_empty()).then(|| rest.split_to(rest.len().min(*lengths.next().unwrap())))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_values_of_any_document_are_found_in_any_framing(
        members in prop::collection::vec((prop::sample::select(&NAMES[..]), node()), 0..6),
        pointers in pointers(),
        bits in prop::collection::vec(any::<bool>(), 1..64),
        lengths in prop::collection::vec(1_usize..40, 1..4),
    ) {
        let document = Node::Object(members);
        let mut text = String::new();
        let mut bits = bits.iter().copied().cycle();
        write(&document, &mut || bits.next().unwrap(), &mut text);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);

        let pointers: Vec<_> = pointers.iter().collect();
        let steps = |pointer: &Pointer| pointer.0[1..].split('/').map(|step| step.replace("~1", "/")).collect::<Vec<_>>();
        let expected: Vec<_> = pointers.iter().map(|pointer| expected(&document, &steps(pointer))).collect();

        prop_assert_eq!(&pick(&text.clone().into_bytes().into(), &pointers), &expected, "{}", text);
        prop_assert_eq!(&pick(&framed(text.as_bytes(), &lengths), &pointers), &expected, "{}", text);
    }

    #[test]
    fn what_is_found_is_what_serde_json_finds(
        members in prop::collection::btree_map(prop::sample::select(&NAMES[..]), any::<Option<String>>(), 0..6),
        pointer in prop::sample::select(&NAMES[..]),
    ) {
        let body = serde_json::to_vec(&members).unwrap();
        let reference: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let pointer = Pointer(format!("/{}", pointer.replace('/', "~1")).into());

        let expected = reference.pointer(&pointer.0).and_then(|value| value.as_str()).filter(|text| !text.is_empty());

        prop_assert_eq!(pick(&body.into(), &[&pointer]), [expected.and_then(string)]);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), pointers in pointers()) {
        pick(&bytes.into(), &pointers.iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_broken_document_makes_it_panic(
        document in node(), pointers in pointers(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut text = String::new();
        write(&document, &mut || false, &mut text);
        let mut bytes = text.into_bytes();
        let position = at.index(bytes.len());
        bytes[position] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        pick(&bytes.into(), &pointers.iter().collect::<Vec<_>>());
    }
}
