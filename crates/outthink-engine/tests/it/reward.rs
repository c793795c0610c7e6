//! Reward models over a real socket.

use crate::options;
use crate::server::{Server, reply};
use outthink_core::{Price, Prompt, Sample, Verifier as _};
use outthink_engine::openai::{RewardModel, RewardShape};

fn answered() -> Sample {
    Sample { content: "It is 4.\n\nThe answer is 4.".into(), ..Sample::default() }
}

#[tokio::test]
async fn a_process_model_scores_the_steps_and_its_tokens_are_billed() {
    let body = r#"{"data":[{"data":[[0.1,0.9],[0.25,0.75]]}],"usage":{"prompt_tokens":21}}"#;
    let server = Server::start(vec![reply("200 OK", "application/json", body)]).await;
    let mut options = options(&server);
    options.price = Price::per_million_usd(2.0, 2.0, 0.0).unwrap();
    let model = RewardModel::new(options, RewardShape::Pooling).unwrap();
    let prompt = Prompt::user("2+2?");
    let verdict = model.score(&prompt, &answered()).await.unwrap();
    assert_eq!((verdict.score, verdict.steps), (Some(0.75), vec![0.9, 0.75]));
    assert_eq!((verdict.bill.tokens, verdict.bill.cost.nano()), (21, 42_000));
    assert!(model.most(&prompt, &answered()).tokens >= 21);
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /pooling "), "{request}");
    assert!(request.contains(r#""role":"assistant","content":"It is 4."#), "{request}");
    assert!(request.contains("Bearer "), "{request}");
}

#[tokio::test]
async fn nonsense_is_no_score_and_a_failure_says_whether_to_try_again() {
    let server = Server::start(vec![
        reply("200 OK", "application/json", r#"{"data":[{"score":"high"}]}"#),
        reply("503 Service Unavailable", "application/json", r#"{"error":{"message":"loading"}}"#),
    ])
    .await;
    let model = RewardModel::new(options(&server), RewardShape::Score).unwrap();
    let verdict = model.score(&Prompt::user("2+2?"), &answered()).await.unwrap();
    assert_eq!(verdict.score, None);
    assert!(verdict.bill.tokens > 0, "a server that counts nothing is billed at the bound");
    let error = model.score(&Prompt::user("2+2?"), &answered()).await.unwrap_err();
    assert!(error.retryable && error.to_string().contains("loading"), "{error}");
}
