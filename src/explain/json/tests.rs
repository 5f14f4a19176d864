use super::*;

const WRITTEN: &str = r#" {"b" : "é/<\u00e9", "a":[1.0, {}, [ ], null,true], "a": "x\"\n😀"} "#;

fn style(layout: Layout, strings: Strings) -> Style {
    Style { layout, strings, order: Order::AsWritten, numbers: Numbers::AsWritten }
}

fn written(style: Style) -> String {
    Json::read(WRITTEN).unwrap().write(style).unwrap()
}

#[test]
fn nothing_changes_but_what_the_style_says() {
    let compact = style(Layout::Compact, Strings::AsWritten);

    assert_eq!(written(compact), r#"{"b":"é/<\u00e9","a":[1.0,{},[],null,true],"a":"x\"\n😀"}"#);
    assert_eq!(
        written(Style { numbers: Numbers::Shortest, ..compact }),
        r#"{"b":"é/<\u00e9","a":[1,{},[],null,true],"a":"x\"\n😀"}"#
    );
    assert_eq!(
        written(Style { order: Order::Sorted, ..compact }),
        r#"{"a":[1.0,{},[],null,true],"a":"x\"\n😀","b":"é/<\u00e9"}"#
    );
}

#[test]
fn layouts_are_those_of_other_programs() {
    let json = Json::read(r#"{"a":[1,{}],"b":{"c":[]}}"#).unwrap();
    let written = |layout| json.write(style(layout, Strings::AsWritten)).unwrap();

    assert_eq!(written(Layout::Spaced), r#"{"a": [1, {}], "b": {"c": []}}"#);
    // As JSON.stringify(…, null, 2), json.dumps(…, indent=2) and jq write it.
    assert_eq!(
        written(Layout::Indented("  ")),
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}"
    );
}

#[test]
fn strings_are_escaped_as_by_other_programs() {
    let written = |strings| written(style(Layout::Compact, strings));

    assert!(written(Strings::Least).starts_with(r#"{"b":"é/<é""#));
    assert!(written(Strings::Ascii).starts_with(r#"{"b":"\u00e9/<\u00e9""#));
    assert!(written(Strings::Ascii).ends_with(r#""x\"\n\ud83d\ude00"}"#));
    assert!(written(Strings::AsciiAndSlash).starts_with(r#"{"b":"\u00e9\/<\u00e9""#));
    assert!(written(Strings::Slash).starts_with(r#"{"b":"é\/<é""#));
    assert!(written(Strings::Html).starts_with(r#"{"b":"é/\u003cé""#));
    assert!(written(Strings::AsciiAndHtml).starts_with(r#"{"b":"\u00E9/\u003C\u00E9""#));
    assert!(written(Strings::AsciiAndHtml).ends_with(r#""x\u0022\n\uD83D\uDE00"}"#));
}

#[test]
fn what_is_no_json_is_not_read() {
    for text in ["", "{", "[1,]", "{\"a\" 1}", "{} {}", "{\"a\":}", "x", "\"\\\"", "[1 2]", "[1\u{512}2]"] {
        assert!(Json::read(text).is_none(), "{text}");
    }
    assert!(Json::read(&"[".repeat(100_000)).is_none());
    assert_eq!(unescape(r"\ud800"), None);
    assert_eq!(unescape(r"\x"), None);
}
