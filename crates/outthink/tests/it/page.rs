//! The page at `/`, in a real browser in front of the real binary.

use super::browser::Browser;
use super::gateway::{Client, Gateway, folder, make_key};
use super::upstream::Upstream;
use std::time::Duration;

/// What a model must not be able to do to the page.
const MARKUP: &str =
    "<img src=x onerror=window.owned=1><script>window.owned=1</script> The answer is \\boxed{<b>93</b>}.";

fn browser() -> Option<Browser> {
    match Browser::open() {
        Ok(browser) => Some(browser),
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

/// Keeps a picture where `OUTTHINK_PICTURES` names a folder.
fn keep(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("OUTTHINK_PICTURES") {
        let mut decoder = std::process::Command::new("base64")
            .arg("-d")
            .stdin(std::process::Stdio::piped())
            .stdout(std::fs::File::create(std::path::Path::new(&folder).join(name)).unwrap())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut decoder.stdin.take().unwrap(), browser.picture().as_bytes()).unwrap();
        assert!(decoder.wait().unwrap().success());
    }
}

const REPORT: &str = r#"{
  "figures": [{"title": "accuracy over tokens", "x": "tokens a problem", "y": "accuracy", "log_x": true, "log_y": false, "series": [
    {"name": "self-consistency", "line": false, "points": [[49, 0.48, 0.43, 0.53], [400, 0.6, 0.55, 0.65], [1948, 0.65, 0.6, 0.7]]},
    {"name": "fitted law", "line": true, "points": [[49, 0.48, 0.45, 0.51], [400, 0.6, 0.57, 0.63], [1948, 0.65, 0.62, 0.68]]}]}],
  "verdicts": [{"name": "wall", "text": "none seen within the range that was measured"}]
}"#;

#[test]
fn it_asks_draws_and_trusts_no_model() {
    let Some(browser) = browser() else { return };
    let upstream = Upstream::start(
        &["The answer is 93.", MARKUP, "The answer is 93.", "The answer is 84.", "The answer is 93."],
        Duration::from_millis(60),
    );
    let more = "[keys]\nledger = \"sqlite:ledger.db\"\n[observability]\nlog = \"off\"\nreport = \"report.json\"\n";
    let folder = folder(&upstream.url, more);
    std::fs::write(folder.path().join("report.json"), REPORT).unwrap();
    make_key(folder.path(), "alice", &["--usd-per-day", "2.5", "--models", "scripted"]);
    let gateway = Gateway::start(folder.path(), &[]);
    browser.look(1280, 900, false);
    browser.go(&format!("http://{}/", gateway.address));
    browser.until("return document.querySelectorAll('[name=effort]').length == 7");

    // By keyboard alone: the effort is chosen by the space bar, the question sent by Ctrl and Enter.
    browser.run("document.querySelector('[name=effort][value=minimal]').focus()");
    browser.press(" ");
    browser.run("document.getElementById('question').focus()");
    browser.run("document.getElementById('question').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, bubbles: true}))");
    browser.until("return document.querySelectorAll('#lanes article').length == 4");
    browser.until("return [...document.querySelectorAll('#lanes .state')].every(s => s.textContent == 'done')");
    browser.until("return document.querySelectorAll('#lanes .stopped').length == 4");
    let votes = browser.run("return document.querySelector('#lanes [data-effort=high] .votes').innerText");
    assert!(votes.as_str().unwrap().contains("93"), "the asker sees the texts of the answers: {votes}");
    let branches = browser.run("return document.querySelectorAll('#lanes [data-effort=high] .branch').length");
    assert!(branches.as_u64().unwrap() >= 3, "{branches}");
    let ring = browser.run("return document.querySelectorAll('#lanes [data-effort=high] .ring').length");
    assert_eq!(ring, 1, "the chosen sample is marked");

    // Nothing of a model became markup.
    assert!(browser.run("return window.owned").is_null());
    assert_eq!(browser.run("return document.querySelectorAll('main img, main script, main b').length"), 0);

    // Requests of other clients come in live, without their texts.
    let asked = Client::new(&gateway.address, None).send(
        "POST",
        "/v1/chat/completions",
        r#"{"messages": [{"role": "user", "content": "How many?"}], "reasoning_effort": "low"}"#,
    );
    let trace = asked.unwrap().json()["outthink"]["trace_id"].as_str().unwrap().to_owned();
    browser.until(&format!("return document.querySelector('[data-id=\"{trace}\"] .stopped') != null"));
    let votes = browser.run(&format!("return document.querySelector('[data-id=\"{trace}\"] .votes').innerText"));
    assert!(votes.as_str().unwrap().contains('A') && !votes.as_str().unwrap().contains("93"), "{votes}");
    browser.until("return document.getElementById('requests').textContent == '5'");

    // Keys: made, shown once, revoked on the second press.
    browser.until("return document.querySelector('#key-list').innerText.includes('alice')");
    browser.run("document.getElementById('new-key').open = true; document.querySelector('#key-form [name=name]').value = 'bob'; document.getElementById('key-form').requestSubmit()");
    browser.until("return (document.querySelector('#key-told code')?.textContent || '').startsWith('ot-')");
    browser.until("return document.querySelector('[aria-label=\"Revoke bob\"]') != null");
    browser.run("document.querySelector('[aria-label=\"Revoke bob\"]').click()");
    browser.run("document.querySelector('[aria-label=\"Revoke bob\"]').click()");
    browser.until("return document.querySelector('#key-list').innerText.includes('revoked')");
    browser.until("return document.querySelectorAll('#report svg').length == 1");
    browser.run(
        "document.querySelector('#key-told').textContent = ''; document.activeElement.blur(); window.scrollTo(0, 0)",
    );

    for (name, width, dark) in
        [("1280-light", 1280, false), ("1280-dark", 1280, true), ("390-light", 390, false), ("390-dark", 390, true)]
    {
        browser.look(width, 900, dark);
        browser
            .until("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
        let wider = browser.run("return document.documentElement.scrollWidth - window.innerWidth");
        assert!(wider.as_i64().unwrap() <= 0, "{name}: the page is wider than the window by {wider}");
        keep(&browser, &format!("page-{name}.png"));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn with_keys_it_opens_to_an_administrator_alone() {
    let Some(browser) = browser() else { return };
    let upstream = Upstream::start(&["The answer is 4."], Duration::ZERO);
    let folder = folder(&upstream.url, "[keys]\nmode = \"required\"\nledger = \"sqlite:ledger.db\"\n");
    let plain = make_key(folder.path(), "plain", &[]);
    let admin = make_key(folder.path(), "root", &["--admin"]);
    let gateway = Gateway::start(folder.path(), &[]);
    browser.look(390, 900, true);
    browser.go(&format!("http://{}/", gateway.address));
    browser.until("return !document.getElementById('unlock').hidden");
    let open = |key: &str| {
        browser.run(&format!(
            "document.getElementById('key').value = '{key}'; document.getElementById('unlock').requestSubmit()"
        ));
    };
    open(&plain);
    browser.until("return document.getElementById('unlock-error').textContent != ''");
    keep(&browser, "page-locked-390-dark.png");
    assert_eq!(browser.run("return document.getElementById('main').hidden"), true);
    open(&admin);
    browser
        .until("return !document.getElementById('main').hidden && document.querySelector('#key-list table') != null");
    browser.run("document.querySelector('[value=low]').checked = true; document.querySelector('[value=high]').checked = false; document.getElementById('go').click()");
    browser.until("return document.querySelectorAll('#lanes .stopped').length == 2");
    assert!(
        !browser
            .run("return document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
            .to_string()
            .contains("ot-"),
        "the key is kept nowhere"
    );
}
