//! The configuration file: what it says, what it refuses and where.

use outthink_core::Effort;
use outthink_serve::config::{Config, KeyMode, Source, example, json_schema};
use proptest::prelude::*;
use std::fmt::Write as _;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(&Source::new("outthink.toml", text)).map_err(|e| e.to_string())
}

#[test]
fn the_example_is_valid_and_an_empty_file_too() {
    let config = parse(example()).unwrap();
    assert_eq!((config.upstreams.len(), config.models.len()), (2, 2));
    assert_eq!(config.efforts[&Effort::Low].plan.samples, Some(5));
    assert_eq!(format!("{:?}", parse("").unwrap()), format!("{:?}", Config::default()));
    // What is commented out in the example is valid, too.
    let all: Vec<&str> = example()
        .lines()
        .map(|l| l.strip_prefix("# ").filter(|l| l.contains(" = ") || l.starts_with('[')).unwrap_or(l))
        .collect();
    let config = parse(&all.join("\n")).unwrap();
    assert!(config.observability.otlp.is_some() && config.server.tls.is_some());
}

#[test]
fn what_is_wrong_is_reported_with_its_line_and_the_fix() {
    let upstream = "[[upstreams]]\nname = \"a\"\nurl = \"http://h:1\"\n";
    let cases = [
        ("unknown_key", "[server]\nprot = 1\n".to_owned()),
        ("unknown_section", "[sevrer]\nport = 1\n".to_owned()),
        ("wrong_type", "[server]\nport = \"eighty\"\n".to_owned()),
        ("port_out_of_range", "\n[server]\nport = 80000\n".to_owned()),
        ("unknown_effort", "[defaults]\neffort = \"huge\"\n".to_owned()),
        ("not_toml", "[server\nport = 1\n".to_owned()),
        ("twice", "[server]\nport = 1\nport = 2\n".to_owned()),
        ("no_url", "[[upstreams]]\nname = \"a\"\n".to_owned()),
        ("wrong_url", "[[upstreams]]\nname = \"a\"\nurl = \"ftp://h\"\n".to_owned()),
        ("password_in_url", "[[upstreams]]\nname = \"a\"\nurl = \"http://u:hunter2@h\"\n".to_owned()),
        ("key_in_key_env", format!("{upstream}key_env = \"sk-hunter2\"\n")),
        ("same_name", format!("{upstream}{upstream}")),
        ("unknown_upstream", format!("{upstream}[[models]]\nname = \"m\"\nupstreams = [\"b\"]\n")),
        ("own_fallback", format!("{upstream}[[models]]\nname = \"m\"\nfallbacks = [\"m\"]\n")),
        ("negative_price", format!("{upstream}[[models]]\nname = \"m\"\noutput_usd = -1.0\n")),
        ("keys_off_in_public", "[server]\nhost = \"0.0.0.0\"\n\n[keys]\nmode = \"off\"\n".to_owned()),
        ("ledger_password", "[keys]\nledger = \"postgres://u:hunter2@h/d\"\n".to_owned()),
        ("target", "[efforts.low]\ntarget_confidence = 2.0\n".to_owned()),
        ("plan_field", "[efforts.low]\nsample = 3\n".to_owned()),
        ("plan_value", "[efforts.low]\nsamples = \"three\"\n".to_owned()),
        ("plan_setting", "[efforts.low]\nstrategy = \"esc\"\nsettings = { windwo = 4 }\n".to_owned()),
        ("plan_budget", "[efforts.low]\nbudget_usd = 0.0\n".to_owned()),
        ("effort_of_effort", "[efforts.low]\neffort = \"high\"\n".to_owned()),
        ("no_verifier", "[[verifiers]]\nname = \"r\"\n".to_owned()),
        ("verifier_kind", "[[verifiers]]\nname = \"r\"\nverifier = \"numreic:4\"\n".to_owned()),
        ("verifier_twice", "[[verifiers]]\nname = \"r\"\nverifier = \"numeric:4\"\nurl = \"http://h\"\n".to_owned()),
        ("verifier_name", "[[verifiers]]\nname = \"r\"\nverifier = \"judge:qwen\"\n".to_owned()),
        ("two_at_once", "[server.limits]\nbody_bytes = 0\n\n[privacy]\nretention_hours = -1\n".to_owned()),
    ];
    let mut told = String::new();
    for (name, text) in cases {
        let error = parse(&text).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let _ = writeln!(told, "{name}\n  {}", error.replace('\n', "\n  "));
    }
    insta::assert_snapshot!("configuration_errors", told);
}

#[test]
fn an_effort_is_a_plan_and_a_verifier_is_what_the_flag_says() {
    let config = parse(
        "[efforts.high]\nstrategy = \"esc\"\nsettings = { window = 4 }\nthinking_budget = 900\nbudget_usd = 0.02\n\
         verifiers = [\"reward\", \"self\"]\n\
         [[verifiers]]\nname = \"reward\"\nverifier = \"reward:pooling:http://h:1#prm\"\n\
         [[verifiers]]\nname = \"old\"\nkind = \"pooling\"\nurl = \"http://h:1\"\nmodel = \"prm\"\n\
         [[verifiers]]\nname = \"json\"\nverifier = { json_schema = { type = \"object\" } }\n",
    )
    .unwrap();
    let high = &config.efforts[&Effort::High];
    assert_eq!((high.plan.thinking_budget, high.plan.budget_usd), (Some(900), Some(0.02)));
    assert_eq!(high.verifiers, ["reward", "self"]);
    let servers: Vec<_> = config.verifiers.iter().map(|v| v.server()).collect();
    assert_eq!(servers, [Some(("http://h:1", "prm")), Some(("http://h:1", "prm")), None]);
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "[server]\nport = 1\n[[upstreams]]\nname = \"gpu-1\"\nurl = \"http://h:1\"\n";
    let with = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Config::parse(&Source::new("outthink.toml", text).with_variables(variables)).map_err(|e| e.to_string())
    };
    let config = with(&[
        ("OUTTHINK_SERVER__PORT", "9000"),
        ("OUTTHINK_SERVER__LIMITS__MESSAGES", "7"),
        ("OUTTHINK_UPSTREAMS__GPU_1__URL", "http://other:2"),
        ("OUTTHINK_DEFAULTS__EFFORT", "high"),
        ("OUTTHINK_KEYS__MODE", "required"),
        ("OUTTHINK_HOME", "/elsewhere"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!((config.server.port, config.server.limits.messages), (9000, 7));
    assert_eq!(config.upstreams[0].url, "http://other:2");
    assert_eq!((config.defaults.effort, config.keys.mode), (Effort::High, KeyMode::Required));

    for (name, value, told) in [
        ("OUTTHINK_SERVER__PROT", "1", "OUTTHINK_SERVER__PROT: unknown key `prot`: did you mean `port`?"),
        (
            "OUTTHINK_SERVER__PORT",
            "eighty",
            "OUTTHINK_SERVER__PORT: the value is of the wrong type (string): give a whole number",
        ),
        (
            "OUTTHINK_UPSTREAMS__B__URL",
            "http://h",
            "OUTTHINK_UPSTREAMS__B__URL: `upstreams` has no entry of the name `b`",
        ),
    ] {
        let error = with(&[(name, value)]).unwrap_err();
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn keys_are_needed_off_loopback() {
    assert!(!parse("").unwrap().needs_keys());
    assert!(parse("[server]\nhost = \"0.0.0.0\"").unwrap().needs_keys());
    assert!(parse("[keys]\nmode = \"required\"").unwrap().needs_keys());
    assert!(!parse("[server]\nhost = \"::1\"\n[keys]\nmode = \"off\"").unwrap().needs_keys());
}

#[test]
fn the_schema_that_is_shipped_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/outthink.schema.json");
    let shipped = std::fs::read_to_string(path).unwrap_or_default();
    let made = format!("{:#}\n", json_schema());
    assert!(shipped == made, "write it again: outthink config schema > docs/outthink.schema.json");
}

/// A text of the grammar's own words in a random order: nearer to valid files than noise is.
fn likely_text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[server]\n",
        "[server.limits]\n",
        "[[upstreams]]\n",
        "[[models]]\n",
        "[keys]\n",
        "[privacy]\n",
        "[efforts.low]\n",
        "[efforts.",
        "[observability.otlp]\n",
        "host = ",
        "port = ",
        "name = ",
        "url = ",
        "weight = ",
        "samples = ",
        "store = ",
        "mode = ",
        "\"127.0.0.1\"\n",
        "\"http://h:1\"\n",
        "\"off\"\n",
        "\"full\"\n",
        "8080\n",
        "-1\n",
        "1e999\n",
        "nan\n",
        "true\n",
        "[]\n",
        "{}\n",
        "\"\"\n",
        "\n",
        "]",
        "\"",
        "\u{0}",
        "ü = \"\u{10ffff}\"\n",
        "output_usd = ",
        "upstreams = [\"a\"]\n",
        "\"a\"\n",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the text, reading it gives settings that hold their promises, or an error with words.
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![likely_text(), ".{0,300}"]) {
        match parse(&text) {
            Ok(config) => {
                prop_assert!(config.server.host.is_loopback() || config.needs_keys());
                for model in &config.models {
                    prop_assert!(model.price().is_ok());
                    prop_assert!(model.upstreams.iter().all(|n| config.upstreams.iter().any(|u| u.name == *n)));
                }
            }
            Err(error) => prop_assert!(error.starts_with("outthink.toml:"), "{}", error),
        }
    }

    /// A key that does not exist is refused wherever it stands, and its line is told.
    #[test]
    fn unknown_keys_are_refused_everywhere(
        table in prop::sample::select(vec!["server", "server.limits", "defaults", "efforts.high", "balance", "keys", "privacy", "observability"]),
        key in "[a-z]{12}",
        lines in 0usize..20,
    ) {
        let text = format!("{}[{table}]\n{key} = 1\n", "\n".repeat(lines));
        let error = parse(&text).unwrap_err();
        prop_assert!(error.starts_with(&format!("outthink.toml:{}:1: unknown key `{key}`", lines + 2)), "{}", error);
    }

    /// Variables of any name and value neither panic nor pass unseen into another place.
    #[test]
    fn no_variable_makes_it_panic(name in "(SERVER|UPSTREAMS|KEYS|[A-Z]{1,5})(__[A-Z_]{0,9}){0,3}", value in ".{0,30}") {
        let source = Source::new("f", "[[upstreams]]\nname = \"a\"\nurl = \"http://h\"\n")
            .with_variables([(format!("OUTTHINK_{name}"), value)]);
        let _ = Config::parse(&source);
    }
}
