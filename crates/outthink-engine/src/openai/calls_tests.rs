use super::*;
use proptest::prelude::*;

/// The calls that a client puts together from the pieces: id, name and arguments of each.
fn joined(pieces: &[Value]) -> Vec<[String; 3]> {
    let mut calls = Calls::default();
    let mut out: Vec<Value> = Vec::new();
    for piece in pieces {
        out.extend(calls.push(entries(Some(piece.clone()), None)));
    }
    out.extend(calls.end(true));
    join(&out)
}

fn join(out: &[Value]) -> Vec<[String; 3]> {
    let mut all: Vec<[String; 3]> = Vec::new();
    for entry in out {
        let index = entry["index"].as_u64().unwrap() as usize;
        let function = if entry["custom"].is_object() { &entry["custom"] } else { &entry["function"] };
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        if index == all.len() {
            assert!(entry["id"].is_string() && entry["type"].is_string() && function["name"].is_string(), "{entry}");
            all.push([text(&entry["id"]), text(&function["name"]), String::new()]);
        } else {
            assert!(entry["id"].is_null() && entry["type"].is_null() && function["name"].is_null(), "{entry}");
        }
        all[index][2] += &(text(&function["arguments"]) + &text(&function["input"]));
    }
    all
}

#[expect(clippy::needless_pass_by_value, reason = "written in place in tables")]
fn call(index: Value, id: &str, name: &str, arguments: Value) -> Value {
    json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

#[test]
#[expect(clippy::too_many_lines, clippy::type_complexity, reason = "one table")]
fn every_way_to_stream_calls_gives_the_same_calls() {
    let n = || Value::Null;
    let args = |text: &str| json!({"index": 0, "function": {"arguments": text}});
    let one = [["c1", "write", r#"{"f":"a"}"#]];
    let two = [["c1", "write", r#"{"f":1}"#], ["c2", "read", r#"{"g":2}"#]];
    let made = [["call_0", "write", r#"{"f":1}"#], ["call_1", "read", r#"{"g":2}"#]];
    let (f, g) = (json!(r#"{"f":1}"#), json!(r#"{"g":2}"#));
    let cases: Vec<(&str, Vec<Value>, &[[&str; 3]])> = vec![
        (
            "plain",
            vec![json!([call(json!(0), "c1", "write", json!(""))]), json!([args("{\"f\":")]), json!([args("\"a\"}")])],
            &one,
        ),
        ("whole", vec![json!([call(json!(0), "c1", "write", json!("{\"f\":\"a\"}"))])], &one),
        ("an object", vec![json!([call(json!(0), "c1", "write", json!({"f": "a"}))])], &one),
        (
            "an empty object first",
            vec![json!([call(json!(0), "c1", "write", json!({}))]), json!([args("{\"f\":\"a\"}")])],
            &one,
        ),
        (
            "an empty name first",
            vec![
                json!([call(json!(0), "c1", "", json!(""))]),
                json!([call(json!(0), "", "write", json!("{\"f\":\"a\"}"))]),
            ],
            &one,
        ),
        (
            "a name in parts",
            vec![
                json!([call(json!(0), "c1", "wri", json!(""))]),
                json!([call(json!(0), "", "te", json!("{\"f\":\"a\"}"))]),
            ],
            &one,
        ),
        (
            "a name that grows",
            vec![
                json!([call(json!(0), "c1", "wri", json!(""))]),
                json!([call(json!(0), "c1", "write", json!("{\"f\":\"a\"}"))]),
            ],
            &one,
        ),
        (
            "an id in parts",
            vec![
                json!([call(json!(0), "c", "", n())]),
                json!([call(json!(0), "1", "", n())]),
                json!([call(n(), "", "write", json!({"f": "a"}))]),
            ],
            &one,
        ),
        (
            "a late id",
            vec![json!([call(json!(0), "", "write", n())]), json!([call(json!(0), "c1", "", json!({"f": "a"}))])],
            &one,
        ),
        (
            "name and id in every piece",
            vec![
                json!([call(json!(0), "c1", "write", json!("{\"f\":"))]),
                json!([call(json!(0), "c1", "write", json!("\"a\"}"))]),
            ],
            &one,
        ),
        (
            "an id of its own for every piece",
            vec![
                json!([call(json!(0), "c1", "write", json!("{\"f\":"))]),
                json!([call(json!(0), "x9", "", json!("\"a\"}"))]),
            ],
            &one,
        ),
        (
            "arguments before the name",
            vec![
                json!([call(json!(0), "c1", "", json!("{\"f\":"))]),
                json!([call(json!(0), "", "write", json!("\"a\"}"))]),
            ],
            &one,
        ),
        (
            "all once more at the end",
            vec![
                json!([call(json!(0), "c1", "write", json!("{\"f\":"))]),
                json!([args("\"a\"}")]),
                json!([call(json!(0), "c1", "write", json!("{\"f\":\"a\"}"))]),
            ],
            &one,
        ),
        (
            "once more without an index",
            vec![
                json!([call(json!(0), "c1", "write", json!("{\"f\":\"a\"}"))]),
                json!([call(n(), "c1", "write", json!({"f": "a"}))]),
            ],
            &one,
        ),
        ("flat", vec![json!([{"id": "c1", "name": "write", "arguments": {"f": "a"}}])], &one),
        ("as one object", vec![call(n(), "c1", "write", json!({"f": "a"}))], &one),
        (
            "empty calls around",
            vec![
                json!([{"index": 0, "function": {"name": "", "arguments": ""}}]),
                json!([call(json!(0), "c1", "write", json!({"f": "a"}))]),
                json!([args("")]),
            ],
            &one,
        ),
        (
            "two, dense",
            vec![json!([call(json!(0), "c1", "write", f.clone()), call(json!(1), "c2", "read", g.clone())])],
            &two,
        ),
        (
            "two, one index",
            vec![json!([call(json!(0), "c1", "write", f.clone())]), json!([call(json!(0), "c2", "read", g.clone())])],
            &two,
        ),
        (
            "two, one index, in pieces",
            vec![
                json!([call(json!(0), "c1", "write", json!(""))]),
                json!([args("{\"f\":1}")]),
                json!([call(json!(0), "c2", "read", json!(""))]),
                json!([args("{\"g\":")]),
                json!([args("2}")]),
            ],
            &two,
        ),
        (
            "two without an index",
            vec![json!([call(n(), "c1", "write", f.clone())]), json!([call(n(), "c2", "read", g.clone())])],
            &two,
        ),
        (
            "two without an index, in pieces",
            vec![
                json!([call(n(), "c1", "write", json!("{\"f\":"))]),
                json!([{"function": {"arguments": "1}"}}]),
                json!([call(n(), "c2", "read", g.clone())]),
            ],
            &two,
        ),
        (
            "two, sparse",
            vec![json!([call(json!(3), "c1", "write", f.clone())]), json!([call(json!(7), "c2", "read", g.clone())])],
            &two,
        ),
        (
            "two, from one",
            vec![json!([call(json!(1), "c1", "write", f.clone()), call(json!(2), "c2", "read", g.clone())])],
            &two,
        ),
        (
            "two, textual",
            vec![json!([call(json!("0"), "c1", "write", f.clone()), call(json!("1"), "c2", "read", g.clone())])],
            &two,
        ),
        (
            "two, mixed up",
            vec![
                json!([call(json!(0), "c1", "write", json!("")), call(json!(1), "c2", "read", json!(""))]),
                json!([{"index": 1, "function": {"arguments": "{\"g\":2}"}}, args("{\"f\":1}")]),
            ],
            &two,
        ),
        ("two without ids", vec![json!([call(n(), "", "write", f.clone()), call(n(), "", "read", g.clone())])], &made),
        (
            "two without ids, one index",
            vec![json!([call(json!(0), "", "write", f.clone())]), json!([call(json!(0), "", "read", g.clone())])],
            &made,
        ),
        (
            "two under one id",
            vec![json!([call(json!(0), "c1", "write", f), call(json!(1), "c1", "read", g)])],
            &[["c1", "write", r#"{"f":1}"#], ["c1_1", "read", r#"{"g":2}"#]],
        ),
        ("no arguments", vec![json!([call(json!(0), "c1", "now", n())])], &[["c1", "now", "{}"]]),
        (
            "two of no arguments",
            vec![json!([call(json!(0), "c1", "now", json!(""))]), json!([call(json!(0), "c2", "now", json!(""))])],
            &[["c1", "now", "{}"], ["c2", "now", "{}"]],
        ),
        ("nonsense", vec![json!([null, 7, "x", [], {}]), json!("x"), json!(null), json!({})], &[]),
    ];
    for (kind, pieces, wanted) in cases {
        assert_eq!(joined(&pieces), wanted, "{kind}");
    }
}

#[test]
fn custom_tools_other_fields_and_the_function_call_of_old_are_kept() {
    let mut calls = Calls::default();
    let custom = json!([{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]);
    let first = calls.push(entries(Some(custom), None));
    assert_eq!(first, [json!({"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sh", "input": "ls"}})]);
    let more = calls.push(entries(Some(json!([{"index": 0, "custom": {"input": " -l"}}])), None));
    assert_eq!(more, [json!({"index": 0, "custom": {"input": " -l"}})]);
    assert!(calls.end(true).is_empty());

    let mut calls = Calls::default();
    let signed =
        json!([{"id": "c1", "function": {"name": "f", "arguments": "{}x"}, "extra_content": {"s": 1}, "odd": null}]);
    let first = calls.push(entries(Some(signed), None));
    assert_eq!(first[0]["extra_content"], json!({"s": 1}));

    let mut calls = Calls::default();
    let mut out = calls.push(entries(None, Some(json!({"name": "write", "arguments": "{\"f\":"}))));
    out.extend(calls.push(entries(None, Some(json!({"arguments": "1}"})))));
    out.extend(calls.end(true));
    assert_eq!(join(&out), [["call_0", "write", r#"{"f":1}"#]]);
}

#[test]
fn a_call_that_was_cut_off_gets_no_arguments() {
    let mut calls = Calls::default();
    assert!(calls.push(vec![call(json!(0), "c1", "write", json!(""))]).is_empty());
    assert_eq!(join(&calls.end(false)), [["c1", "write", ""]]);
}

proptest! {
    #[test]
    fn whatever_comes_the_form_is_kept(
        pieces in prop::collection::vec(
            prop::collection::vec((0usize..4, 0usize..3, 0usize..3, 0usize..5), 1..3), 0..8),
    ) {
        let entry = |&(index, id, name, arguments): &(usize, usize, usize, usize)| {
            let index = [Value::Null, json!(0), json!(1), json!("5")][index].clone();
            let arguments = [Value::Null, json!(""), json!({}), json!("{\"a\":"), json!("1}")][arguments].clone();
            call(index, ["", "c1", "c2"][id], ["", "f", "g"][name], arguments)
        };
        let pieces: Vec<Value> = pieces.iter().map(|piece| piece.iter().map(entry).collect()).collect();
        let mut calls = Calls::default();
        let mut out: Vec<Value> = Vec::new();
        for piece in pieces {
            out.extend(calls.push(entries(Some(piece), None)));
        }
        out.extend(calls.end(true));
        let mut begun = std::collections::HashSet::new();
        for entry in &out {
            let index = entry["index"].as_u64().unwrap();
            let first = begun.insert(index);
            prop_assert_eq!(first, entry["id"].is_string());
            prop_assert!(entry["function"]["arguments"].is_string() || !first);
        }
        prop_assert!((0..begun.len() as u64).all(|index| begun.contains(&index)));
    }
}
