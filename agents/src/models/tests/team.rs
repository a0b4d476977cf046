//! Models by name.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::time::{Clock, SystemClock};

use super::{
    super::{
        ChatRequest, Member, Pace, Probe, Provider, STANDARD, Sort, Table, Team,
        testing::{Manner, ProviderServer, Said, ScriptedModel, Trouble, Turn},
    },
    model, spec,
};

fn second() -> Turn {
    let Turn::Says(answer) = Turn::text("yes") else { panic!() };
    Turn::SaysAfter(Duration::from_secs(1), answer)
}

fn scripted(turns: impl IntoIterator<Item = Turn>, clock: &Arc<dyn Clock>) -> Member {
    Member::new(Arc::new(ScriptedModel::new(turns)), Arc::clone(clock))
}

#[tokio::test(start_paused = true)]
async fn five_calls_of_a_second_end_before_two_have_passed() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let mut team = Team::new(Arc::clone(&clock));
    for standard in &STANDARD {
        team.add(standard.name, scripted([second()], &clock));
    }
    let began = clock.now().moment;
    let responses = team.call_all(&ChatRequest::asking("ready?")).await;
    let took = clock.now().moment.since(began);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let names: Vec<_> = responses.iter().map(|response| response.agent_name.as_str()).collect();
    assert_eq!(names, ["chatgpt", "claude", "copilot", "gemini", "grok"]);
    assert!(responses.iter().all(|it| it.success && it.content == "yes"), "{responses:?}");
    assert!(responses.iter().all(|it| it.duration_ms >= 1_000), "{responses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_longer_than_a_minute_is_a_failed_response() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let mut team = Team::new(Arc::clone(&clock));
    team.add("slow", scripted([Turn::Hangs], &clock));
    let response = team.call("slow", &ChatRequest::asking("ready?")).await;
    assert!(!response.success && response.tokens_used.is_none(), "{response:?}");
    assert!(response.error.unwrap().contains("within 60s"));
    assert!((60_000..61_000).contains(&response.duration_ms));
}

#[tokio::test(start_paused = true)]
async fn who_keeps_to_its_rate_does_not_slow_the_others() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let mut team = Team::new(Arc::clone(&clock));
    let limited = scripted([Turn::text("a"), Turn::text("b"), Turn::text("c")], &clock);
    let limited = Member { pace: Pace::per_minute(50, Arc::clone(&clock)), ..limited };
    team.add("limited", limited);
    team.add("free", scripted([Turn::text("d")], &clock));
    let began = clock.now().moment;
    let request = ChatRequest::asking("ready?");
    let timed = |name| {
        let (team, request, clock) = (&team, &request, &clock);
        async move {
            team.call(name, request).await;
            clock.now().moment.since(began)
        }
    };
    let (first, second, third, free) =
        tokio::join!(timed("limited"), timed("limited"), timed("limited"), timed("free"));
    let interval = Duration::from_millis(1_199);
    assert!(
        second.checked_sub(first).unwrap() >= interval
            && third.checked_sub(second).unwrap() >= interval,
        "{second:?} {third:?}"
    );
    assert_eq!(free, Duration::ZERO);
}

#[tokio::test]
async fn without_keys_nobody_is_there_and_each_says_what_is_missing() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let table = Table::built_in().unwrap();
    // Keys are read from the environment under these names; no test sets them.
    let nobody = |_: &str| None;
    let mut team = Team::standard(&table, &nobody, &clock).unwrap();
    let present: Vec<String> = team.names().map(str::to_owned).collect();
    assert_eq!(present.len() + team.absent().len(), 5);
    for (name, reason) in team.absent().clone() {
        let variable = format!("{}_API_KEY", name.to_uppercase());
        assert!(reason.contains(&variable), "{name}: {reason}");
        let response = team.call(&name, &ChatRequest::asking("ready?")).await;
        assert!(!response.success && response.error.unwrap().contains(&variable));
    }
    let response = team.call("nobody", &ChatRequest::asking("ready?")).await;
    assert!(response.error.unwrap().contains("nobody is called \"nobody\""));
    team.add("local", scripted([Turn::text("here")], &clock));
    assert!(team.call("local", &ChatRequest::asking("ready?")).await.success);
}

#[tokio::test]
async fn what_was_called_is_counted() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let mut team = Team::new(Arc::clone(&clock));
    let table = Table::built_in().unwrap();
    let turns = [Turn::text("one two"), Turn::fails(Sort::Refused), Turn::text("three")];
    let priced =
        Member { price: table.of(Provider::Openai, "gpt-4o").price, ..scripted(turns, &clock) };
    team.add("a", priced);
    for _ in 0..3 {
        team.call("a", &ChatRequest::asking("ready?")).await;
    }
    let counted = &team.statistics()["a"];
    assert_eq!((counted.call_count, counted.failures, counted.uncounted), (3, 1, 0));
    assert_eq!((counted.usage.input, counted.usage.output), (20, 3));
    // 20 x 2.50 and 3 x 10.00 for a million.
    assert_eq!(counted.cost_picos["USD"], 80_000_000);
    assert!(counted.last_call.is_some());
}

#[tokio::test]
async fn a_probe_tells_each_trouble_from_the_others() {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let mut team = Team::new(Arc::clone(&clock));
    let mut servers = Vec::new();
    for (name, manner) in [
        ("fine", Manner::AtOnce(Said::text("yes"))),
        ("busy", Manner::Trouble(Trouble::RateLimited(None))),
        ("locked", Manner::Trouble(Trouble::Forbidden)),
        ("broken", Manner::Trouble(Trouble::Broken)),
    ] {
        let server = ProviderServer::start(Provider::Xai).await.unwrap();
        server.next(manner);
        let model = model(spec(&server, Provider::Xai));
        team.add(name, Member::new(Arc::new(model), Arc::clone(&clock)));
        servers.push(server);
    }
    let keyless = ProviderServer::start(Provider::Xai).await.unwrap();
    let keyless = super::super::HttpSpec { credential: None, ..spec(&keyless, Provider::Xai) };
    team.add("keyless", Member::new(Arc::new(model(keyless)), Arc::clone(&clock)));
    let found = team.probe().await;
    assert_eq!(found["fine"], Probe::Healthy);
    assert!(matches!(found["busy"], Probe::RateLimited { .. }), "{found:?}");
    assert!(matches!(found["locked"], Probe::AuthFailed { .. }), "{found:?}");
    assert!(matches!(found["broken"], Probe::Error { .. }), "{found:?}");
    assert!(matches!(found["keyless"], Probe::Unconfigured { .. }), "{found:?}");
}
