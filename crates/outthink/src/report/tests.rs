use super::*;
use outthink_core::{Cost, Usage};
use outthink_eval::{Cell, LogprobSummary, PROMPT_HASH, Problem, Recording, RunSpec, SampleRecord, Setting, Study};

const NASTY: &str = "</pre></details><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\0";

/// Problems of which each is a little harder than the one before.
fn recording(problems: u32, samples: u32) -> Recording {
    let spec = RunSpec {
        name: format!("run {NASTY}"),
        dataset: "sums".into(),
        dataset_sha256: String::new(),
        model: "m".into(),
        engine: "mock".into(),
        sampling: "{}".into(),
        seed: 0,
        version: "0".into(),
        prompt_hash: PROMPT_HASH.into(),
        source: "sweep".into(),
    };
    let sample = |problem: u32, index: u32| {
        let correct = outthink_core::derive_seed(u64::from(problem), u64::from(index)) % u64::from(problems)
            >= u64::from(problem);
        SampleRecord {
            cell: Cell { problem, setting: 0, index },
            seed: 0,
            content: NASTY.into(),
            reasoning: NASTY.into(),
            answer: Some(if correct { "4".into() } else { format!("{NASTY}{}", index % 3) }),
            correct,
            usage: Usage { completion: 100, ..Usage::default() },
            logprobs: LogprobSummary::default(),
            score: None,
            finish: None,
            seconds: 1.0,
            cost: Cost::ZERO,
            judge: None,
            credit: None,
        }
    };
    let settings = vec![Setting { effort: None, temperature: Some(0.7), max_tokens: 64 }];
    let named = (0..problems).map(|i| Problem {
        id: format!("{i}{NASTY}"),
        question: Some(NASTY.into()),
        gold: Some(NASTY.into()),
        prompt_sha256: None,
        vote_ok: true,
    });
    let drawn = (0..problems).flat_map(|p| (0..samples).map(move |i| (p, i))).map(|(p, i)| sample(p, i));
    Recording::new(spec, settings, named.collect(), drawn.collect())
}

fn chapter(recording: &Recording) -> Chapter {
    let pool = recording.pool(0);
    let study = Study::of(std::slice::from_ref(&pool)).unwrap();
    Chapter::of(recording, 0, (&pool, &study.arms[0]), 0.02).unwrap()
}

fn page_of(recording: Recording) -> String {
    let chapter = chapter(&recording);
    let panels = [thinking_panel(std::slice::from_ref(&chapter))];
    let recordings = [(recording, vec![chapter])];
    let section = Section { title: NASTY.into(), text: NASTY.into(), head: vec!["a"], rows: vec![vec![NASTY.into()]] };
    render(&Page {
        recordings: &recordings,
        panels: &panels,
        notes: &[NASTY.into()],
        judged: &[],
        sections: &[section],
        samples: 3,
    })
}

#[test]
fn nothing_that_others_wrote_is_markup() {
    let html = page_of(recording(12, 8));
    assert!(!html.contains("<script") && !html.contains("<img"), "markup of a model came through");
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains('\u{202e}') && !html.contains('\0'));
    // Whatever opens is closed: what a model wrote closed nothing.
    for tag in ["details", "pre", "section", "table", "svg", "figure", "main"] {
        let opened = html.matches(&format!("<{tag}")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
        assert!(opened > 0, "{tag}");
    }
}

#[test]
fn a_page_fetches_nothing() {
    let html = page_of(recording(6, 4));
    assert!(html.contains("default-src 'none'"));
    for fetch in ["src=", "href=", "@import", "url(http", "<link"] {
        // What models wrote is escaped and fetches nothing; only markup counts.
        let markup: String = html.split("&lt;").collect();
        let hits = markup.matches(fetch).count();
        let written = markup.matches("img src=x").count();
        assert_eq!(hits, if fetch == "src=" { written } else { 0 }, "{fetch}");
    }
}

#[test]
fn a_study_knows_its_numbers() {
    let study = chapter(&recording(30, 8));
    let ks: Vec<u64> = study.rungs.iter().map(|r| r.k).collect();
    assert_eq!(ks, [1, 2, 4, 8]);
    assert_eq!(study.rungs[3].tokens, 800.0);
    assert!(study.rungs.windows(2).all(|w| w[0].coverage.value <= w[1].coverage.value));
    assert!(
        (study.rungs[0].vote.as_ref().unwrap().value - study.rungs[0].coverage.value).abs() < 1e-12,
        "one sample is a vote of one"
    );
    assert_eq!(study.forecasts.first().map(|f| f.k), Some(8));
    assert!(study.strategies.iter().any(|s| s.family == "adaptive" && s.row.samples < 8.0));
    assert_eq!(study.votes.iter().flatten().count(), 30);
}

#[test]
fn a_single_sample_of_each_problem_is_reported_without_a_forecast_of_votes() {
    let study = chapter(&recording(5, 1));
    assert_eq!(study.rungs.len(), 1);
    assert_eq!(study.judgement.unwrap().verdict.words(), "inconclusive");
    assert!(study.outlook.is_none());
    assert!(page_of(recording(5, 1)).ends_with("</html>\n"));
}
