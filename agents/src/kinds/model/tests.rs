use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use orkestra_runtime::{
    Error, ErrorKind,
    protocol::{agent::Availability, payload::Json, task::FailureKind},
    time::{Clock, SystemClock},
};
use serde_json::{Value, json};

use super::{BARRED_FOR, ModelAgent, ModelSpec};
use crate::{
    agent::Agent as _,
    models::{
        AnswerSchema, Called, Credential, HttpModel, HttpSpec, Ledger, Message, Model, Pace,
        Provider, Sort, Table, Traits,
        testing::{Manner, ProviderServer, Said, ScriptedModel, Trouble, Turn},
    },
    secret::{Secret, Secrets},
    testing::{stage, work},
};

#[derive(Debug, Default)]
struct Book(Mutex<Vec<Called>>);

impl Ledger for Book {
    fn called(&self, call: &Called) {
        self.0.lock().unwrap().push(call.clone());
    }
}

struct Cast {
    model: Arc<ScriptedModel>,
    book: Arc<Book>,
    agent: ModelAgent,
    clock: Arc<dyn Clock>,
}

fn cast(turns: impl IntoIterator<Item = Turn>, change: impl FnOnce(&mut ModelSpec)) -> Cast {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let (model, book) = (Arc::new(ScriptedModel::new(turns)), Arc::new(Book::default()));
    let known: Arc<dyn Model> = Arc::clone(&model) as _;
    let mut spec = ModelSpec::new(known, "You are brief.", Arc::clone(&clock));
    spec.ledgers = vec![Arc::clone(&book) as _];
    change(&mut spec);
    Cast { model, book, agent: ModelAgent::new(spec).unwrap(), clock }
}

fn value(json: &Json) -> Value {
    json.read().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_task_is_answered_and_what_it_took_stands_in_the_output() {
    let price = Table::built_in().unwrap().of(Provider::Openai, "gpt-4o").price;
    let cast = cast([Turn::text("all is well")], |spec| spec.price = price);
    let mut stage = stage();
    let output = cast.agent.work(work("{\"a\":1}"), stage.context.clone()).await.unwrap();
    let expected = json!({ "text": "all is well", "model": "scripted", "provider": "testing",
        "stop": "done", "calls": 1, "cost": "0.000055 USD",
        "usage": { "input": 10, "cached_input": 0, "output": 3 } });
    assert_eq!(value(&output), expected);
    let asked = cast.model.asked().remove(0);
    assert!(asked.system.unwrap().starts_with("You are brief."));
    let told = stage.progress.recv().await.unwrap().message;
    assert_eq!(told, "scripted: 10 + 0 cached tokens in, 3 out, 0.000055 USD");
    let book = cast.book.0.lock().unwrap();
    assert_eq!((book.len(), book[0].by.as_str()), (1, "run/task/2"));
}

#[tokio::test(start_paused = true)]
async fn a_price_that_is_unknown_is_said_to_be() {
    let cast = cast([Turn::text("all is well")], |_| {});
    let mut stage = stage();
    let output = cast.agent.work(work("null"), stage.context.clone()).await.unwrap();
    assert_eq!(value(&output)["cost"], Value::Null);
    assert!(stage.progress.recv().await.unwrap().message.ends_with("price unknown"));
}

fn score() -> AnswerSchema {
    let schema = json!({ "type": "object", "required": ["score"],
        "properties": { "score": { "type": "integer" } } });
    AnswerSchema { name: "score".into(), schema }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_given_form_is_the_output_itself() {
    let cast = cast([Turn::text("{\"score\":7}")], |spec| spec.schema = Some(score()));
    let output = cast.agent.work(work("null"), stage().context.clone()).await.unwrap();
    assert_eq!(value(&output), json!({ "score": 7 }));
    assert_eq!(cast.model.asked()[0].answer, Some(score()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_is_asked_for_once_more() {
    let turns = [Turn::text("{\"score\":\"high\"}"), Turn::text("{\"score\":7}")];
    let cast = cast(turns, |_| {});
    let input = json!({ "answer_schema": score().schema, "of": "the change" }).to_string();
    let output = cast.agent.work(work(&input), stage().context.clone()).await.unwrap();
    assert_eq!(value(&output), json!({ "score": 7 }));
    let asked = cast.model.asked().remove(1);
    let [_, Message::Assistant { text, .. }, Message::User { text: again }] =
        asked.messages.as_slice()
    else {
        panic!("{asked:?}");
    };
    assert_eq!(text, "{\"score\":\"high\"}");
    assert!(again.contains("/score") && again.contains("integer"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn two_answers_that_do_not_fit_are_a_failure() {
    let turns = [Turn::text("seven"), Turn::text("eight"), Turn::text("{\"score\":9}")];
    let cast = cast(turns, |spec| spec.schema = Some(score()));
    let failure = cast.agent.work(work("null"), stage().context.clone()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retryable), (FailureKind::BadOutput, true), "{failure}");
    assert_eq!(cast.model.asked().len(), 2);
    assert_eq!(cast.book.0.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_may_work_again_is_asked_again_and_each_call_is_accounted_for() {
    let wait = Sort::Retry { after: Some(Duration::from_secs(5)) };
    let soon = Sort::Retry { after: None };
    let cast = cast([Turn::fails(wait), Turn::fails(soon), Turn::text("at last")], |_| {});
    let began = cast.clock.now().moment;
    let output = cast.agent.work(work("null"), stage().context.clone()).await.unwrap();
    assert_eq!((&value(&output)["calls"], &value(&output)["text"]), (&json!(3), &json!("at last")));
    let took = cast.clock.now().moment.since(began);
    assert!(took >= Duration::from_secs(5) && took <= Duration::from_secs(8), "{took:?}");
    let ended: Vec<_> = cast.book.0.lock().unwrap().iter().map(|call| call.ended).collect();
    assert_eq!(ended, ["retry", "retry", "done"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_work_again_is_not_asked_again() {
    for (sort, kind, retryable) in [
        (Sort::FixTheRequest, FailureKind::Error, false),
        (Sort::Refused, FailureKind::Error, false),
        (Sort::TooLong, FailureKind::Error, false),
        (Sort::NoAccess, FailureKind::Unavailable, true),
        // Longer than an attempt waits: the task is tried again later.
        (Sort::Retry { after: Some(Duration::from_secs(61)) }, FailureKind::Error, true),
    ] {
        let cast = cast([Turn::fails(sort), Turn::text("never said")], |_| {});
        let failure = cast.agent.work(work("null"), stage().context.clone()).await.unwrap_err();
        assert_eq!((failure.kind, failure.retryable), (kind, retryable), "{failure}");
        assert_eq!(cast.model.asked().len(), 1, "{sort:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_provider_asks_for_holds_for_all_who_use_its_key() {
    let wait = Sort::Retry { after: Some(Duration::from_secs(30)) };
    let clock: Arc<dyn Clock> = SystemClock::start();
    let pace = Pace::per_minute(0, Arc::clone(&clock));
    let first = cast([Turn::fails(wait), Turn::text("one")], |spec| spec.pace = pace.clone());
    let other = cast([Turn::text("two")], |spec| spec.pace = pace.clone());
    let began = clock.now().moment;
    let (stage, beside) = (stage(), stage());
    let (one, two) = tokio::join!(first.agent.work(work("null"), stage.context.clone()), async {
        while first.model.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        other.agent.work(work("null"), beside.context.clone()).await
    });
    assert_eq!(
        (&value(&one.unwrap())["text"], &value(&two.unwrap())["text"]),
        (&json!("one"), &json!("two"))
    );
    assert!(clock.now().moment.since(began) >= Duration::from_secs(30));
    assert!(other.book.0.lock().unwrap()[0].took < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_keeps_the_agent_from_being_chosen_for_a_while() {
    let cast = cast([Turn::fails(Sort::NoAccess)], |_| {});
    assert_eq!(cast.agent.availability(), Availability::Available);
    cast.agent.work(work("null"), stage().context.clone()).await.unwrap_err();
    let Availability::Unavailable { reason } = cast.agent.availability() else { panic!() };
    assert_eq!(reason, "it was told to fail");
    tokio::time::sleep(BARRED_FOR + Duration::from_secs(1)).await;
    assert_eq!(cast.agent.availability(), Availability::Available);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_attempt_drops_its_call() {
    let cast = cast([Turn::Hangs], |_| {});
    let stage = stage();
    let (ended, ()) = tokio::join!(cast.agent.work(work("null"), stage.context.clone()), async {
        while cast.model.going() == 0 {
            tokio::task::yield_now().await;
        }
        stage.cancel.send(true).unwrap();
    });
    assert!(ended.unwrap_err().message.contains("no longer waited for"));
    assert_eq!(cast.model.going(), 0);
}

/// A key that can be changed.
#[derive(Debug)]
struct Drawer(Mutex<Option<String>>);

impl Secrets for Drawer {
    fn secret(&self, name: &str) -> orkestra_runtime::Result<Secret> {
        let missing = || Error::new(ErrorKind::NotFound, format!("${name} is not set"));
        self.0.lock().unwrap().clone().map(Secret::new).ok_or_else(missing)
    }
}

fn over_http(server: &ProviderServer, drawer: &Arc<Drawer>) -> ModelAgent {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let secrets: Arc<dyn Secrets> = Arc::clone(drawer) as _;
    let spec = HttpSpec {
        provider: Provider::Anthropic,
        model: "the-model".into(),
        base_url: Some(server.url()),
        credential: Some(Credential { secrets, name: "CLAUDE_API_KEY".into() }),
        traits: Traits::usual(Provider::Anthropic),
        limits: crate::models::CallLimits::default(),
    };
    let model = Arc::new(HttpModel::new(spec, Arc::clone(&clock)).unwrap());
    ModelAgent::new(ModelSpec::new(model, "", clock)).unwrap()
}

#[tokio::test]
async fn without_its_key_an_agent_is_unavailable_until_the_key_is_there() {
    let server = ProviderServer::start(Provider::Anthropic).await.unwrap();
    let drawer = Arc::new(Drawer(Mutex::default()));
    let agent = over_http(&server, &drawer);
    let Availability::Unavailable { reason } = agent.availability() else { panic!() };
    assert!(reason.contains("CLAUDE_API_KEY"), "{reason}");
    let failure = agent.work(work("null"), stage().context.clone()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(server.heard().len(), 0);

    *drawer.0.lock().unwrap() = Some("not-the-key".into());
    let failure = agent.work(work("null"), stage().context.clone()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(matches!(agent.availability(), Availability::Unavailable { .. }));

    // Another key is another chance, at once.
    *drawer.0.lock().unwrap() = Some(server.key().into());
    assert_eq!(agent.availability(), Availability::Available);
    server.says(Said::text("{\"fine\":true}"));
    let output = agent.work(work("null"), stage().context.clone()).await.unwrap();
    assert_eq!(value(&output)["usage"]["input"], json!(20));
}

#[tokio::test]
async fn a_key_that_comes_back_in_an_answer_goes_no_further() {
    let server = ProviderServer::start(Provider::Anthropic).await.unwrap();
    let drawer = Arc::new(Drawer(Mutex::new(Some(server.key().into()))));
    let agent = over_http(&server, &drawer);
    server.says(Said::text(format!("your key is {}", server.key())));
    let stage = stage();
    let output = agent.work(work("null"), stage.context.clone()).await.unwrap();
    // As the worker does before it reports.
    let cleaned = stage.context.confidence().of_output().clean_json(output).unwrap();
    assert!(!cleaned.as_str().contains(server.key()), "{cleaned}");
    assert!(cleaned.as_str().contains("[secret]"), "{cleaned}");
}

#[tokio::test]
async fn a_cancelled_attempt_hangs_up_on_its_provider() {
    let server = ProviderServer::start(Provider::Anthropic).await.unwrap();
    let drawer = Arc::new(Drawer(Mutex::new(Some(server.key().into()))));
    let agent = over_http(&server, &drawer);
    server.next(Manner::Never);
    let stage = stage();
    let (ended, ()) = tokio::join!(agent.work(work("null"), stage.context.clone()), async {
        while server.heard().is_empty() {
            tokio::task::yield_now().await;
        }
        stage.cancel.send(true).unwrap();
    });
    ended.unwrap_err();
    server.hung_up(1).await;
}

#[tokio::test]
async fn a_busy_provider_is_asked_again() {
    let server = ProviderServer::start(Provider::Anthropic).await.unwrap();
    let drawer = Arc::new(Drawer(Mutex::new(Some(server.key().into()))));
    let agent = over_http(&server, &drawer);
    server.next(Manner::Trouble(Trouble::RateLimited(Some("0".into()))));
    server.next(Manner::BusyAfter(Said::text("one two three"), 3));
    server.says(Said::text("here you are"));
    let output = agent.work(work("null"), stage().context.clone()).await.unwrap();
    assert_eq!(value(&output)["text"], json!("here you are"));
    // What the broken answer took, nobody said.
    assert_eq!(value(&output)["usage"], Value::Null);
    assert_eq!(value(&output)["calls"], json!(3));
}

#[test]
fn a_spec_that_cannot_work_is_refused() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let spec = || ModelSpec::new(Arc::new(ScriptedModel::default()), "", Arc::clone(&clock));
    let schema = AnswerSchema { name: "a".into(), schema: json!({ "type": "thing" }) };
    for (spec, expected) in [
        (ModelSpec { tries: 0, ..spec() }, "never asks"),
        (ModelSpec { system: "x".repeat(super::SYSTEM_BYTES_MAX + 1), ..spec() }, "at most"),
        (ModelSpec { schema: Some(schema), ..spec() }, "no JSON Schema"),
    ] {
        let error = ModelAgent::new(spec).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
