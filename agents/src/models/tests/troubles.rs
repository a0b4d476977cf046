//! What goes wrong.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::protocol::agent::Availability;

use super::{
    super::{
        CallLimits, ChatRequest, Credential, HttpModel, HttpSpec, Model as _, ModelError, Provider,
        Sort, Spent, Usage,
        testing::{Manner, ProviderServer, Said, Trouble},
    },
    Known, WAYS, ask, brisk, model, spec, stage,
};
use crate::secret::Secret;

const AGAIN: Sort = Sort::Retry { after: None };

async fn fails(model: &HttpModel, is_streamed: bool) -> ModelError {
    ask(model, &ChatRequest::asking("hello"), is_streamed).await.unwrap_err()
}

#[tokio::test]
async fn each_trouble_is_sorted_the_same_for_all() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            for (trouble, sort) in [
                (Trouble::RateLimited(None), AGAIN),
                (Trouble::Overloaded, AGAIN),
                (Trouble::Broken, AGAIN),
                (Trouble::NoCredit, Sort::NoAccess),
                (Trouble::Forbidden, Sort::NoAccess),
                (Trouble::TooLong, Sort::TooLong),
                (Trouble::NoSuchModel, Sort::FixTheRequest),
            ] {
                server.next(Manner::Trouble(trouble.clone()));
                let error = fails(&model, is_streamed).await;
                assert_eq!(error.sort, sort, "{provider} {trouble:?}: {error}");
                let names = error.message.contains(provider.as_str());
                assert!(names && error.message.contains("the-model"), "{error}");
            }
            assert_eq!(server.heard().len(), 7, "{provider}: something was tried twice");
        }
    }
}

#[tokio::test]
async fn how_long_to_wait_is_heard_in_seconds_and_as_a_date() {
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        server.next(Manner::Trouble(Trouble::RateLimited(Some("17".into()))));
        let error = fails(&model, false).await;
        assert_eq!(error.sort, Sort::Retry { after: Some(Duration::from_secs(17)) }, "{provider}");
        assert_eq!(error.spent, Spent::Nothing, "{provider}");

        // Far enough ahead to be in the future for as long as this is run: it is cut to an hour.
        let date = "Tue, 31 Dec 2199 23:59:59 GMT".to_owned();
        server.next(Manner::Trouble(Trouble::RateLimited(Some(date))));
        let error = fails(&model, true).await;
        assert_eq!(error.sort, Sort::Retry { after: Some(super::super::RETRY_AFTER_MAX) });
    }
}

#[tokio::test]
async fn a_wrong_key_is_no_access_and_is_shown_nowhere() {
    for provider in Provider::ALL {
        let server = ProviderServer::start(provider).await.unwrap();
        let wrong = format!("a-wrong/key+{}", "x".repeat(9));
        let secrets = Known([("A_KEY".to_owned(), Secret::new(wrong.as_str()))].into());
        let credential = Some(Credential { secrets: Arc::new(secrets), name: "A_KEY".into() });
        let model = model(HttpSpec { credential, ..spec(&server, provider) });
        let error = fails(&model, false).await;
        assert_eq!(error.sort, Sort::NoAccess, "{provider}: {error}");
        assert!(error.message.contains("A_KEY"), "{provider}: {error}");
        let shown = format!("{error:?} {error} {model:?}");
        assert!(!shown.contains(&wrong), "{provider}: {shown}");
    }
}

#[tokio::test]
async fn without_its_key_a_model_is_unavailable_and_asks_nobody() {
    for provider in Provider::ALL.into_iter().filter(|provider| provider.needs_key()) {
        let server = ProviderServer::start(provider).await.unwrap();
        let name = "NOT_SET".to_owned();
        let credential = Some(Credential { secrets: Arc::new(Known::default()), name });
        let keyless = model(HttpSpec { credential, ..spec(&server, provider) });
        let Availability::Unavailable { reason } = keyless.availability() else { panic!() };
        assert!(reason.contains("NOT_SET"), "{reason}");
        assert_eq!(fails(&keyless, false).await.sort, Sort::NoAccess);
        let none = model(HttpSpec { credential: None, ..spec(&server, provider) });
        assert!(matches!(none.availability(), Availability::Unavailable { .. }));
        assert_eq!(server.heard().len(), 0, "{provider}");
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_said_without_being_shown() {
    let server = ProviderServer::start(Provider::Openai).await.unwrap();
    let secrets = Known([("A_KEY".to_owned(), Secret::new("two\nlines"))].into());
    let credential = Some(Credential { secrets: Arc::new(secrets), name: "A_KEY".into() });
    let error =
        fails(&model(HttpSpec { credential, ..spec(&server, Provider::Openai) }), false).await;
    assert!(error.message.contains("line break") && !error.message.contains("two"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_one_and_what_it_took_is_known() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            server.says(Said { is_refused: true, ..Said::text("I would rather not") });
            let error = fails(&model, is_streamed).await;
            let usage = Usage { input: 20, cached_input: 5, output: 7 };
            assert_eq!(
                (error.sort, error.spent),
                (Sort::Refused, Spent::Known(usage)),
                "{provider}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_anywhere_is_no_answer() {
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        // In its last piece it is whole for some, but the connection does not end as it should.
        for pieces in 0..5 {
            server.next(Manner::BrokenAfter(Said::text("one two three four five"), pieces));
            let error = fails(&model, true).await;
            assert_eq!(error.sort, AGAIN, "{provider} after {pieces}: {error}");
            assert_ne!(error.spent, Spent::Nothing, "{provider} after {pieces}: {error}");
        }
        for bytes in [0, 1, 40] {
            server.next(Manner::BrokenAfter(Said::text("one two three"), bytes));
            let error = fails(&model, false).await;
            assert_eq!(error.sort, AGAIN, "{provider} after {bytes} bytes: {error}");
        }
        server.next(Manner::BusyAfter(Said::text("one two three"), 2));
        assert_eq!(fails(&model, true).await.sort, AGAIN, "{provider}");
    }
}

#[tokio::test]
async fn silence_ends_a_call_and_closes_its_connection() {
    let limits = |total, idle| {
        let (total, idle) = (Duration::from_millis(total), Duration::from_millis(idle));
        CallLimits { total, idle, ..brisk() }
    };
    for provider in Provider::ALL {
        let server = ProviderServer::start(provider).await.unwrap();
        server.always(Manner::Never);
        let model = |limits| model(HttpSpec { limits, ..spec(&server, provider) });
        let error = fails(&model(limits(60_000, 40)), true).await;
        assert!(error.message.contains("said nothing for 40ms"), "{provider}: {error}");
        let error = fails(&model(limits(40, 60_000)), false).await;
        assert!(error.message.contains("no whole answer after 40ms"), "{provider}: {error}");
        assert_eq!((error.sort, error.spent), (AGAIN, Spent::Unknown));
        server.hung_up(2).await;
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_hangs_up() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            server.always(Manner::Never);
            let request = ChatRequest::asking("hello");
            let heard = async {
                while server.heard().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                answer = ask(&model, &request, is_streamed) => panic!("{answer:?}"),
                () = heard => {}
            }
            server.hung_up(1).await;
        }
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_kept_for_ever() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let server = ProviderServer::start(provider).await.unwrap();
            server.always(Manner::Endless);
            let limits = CallLimits { body_bytes_max: 100_000, ..brisk() };
            let model = model(HttpSpec { limits, ..spec(&server, provider) });
            let error = fails(&model, is_streamed).await;
            assert_eq!(error.sort, Sort::FixTheRequest, "{provider}: {error}");
            assert!(error.message.contains("larger than the 100000 bytes"), "{error}");
            server.hung_up(1).await;
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        let elsewhere = ProviderServer::start(provider).await.unwrap();
        server.next(Manner::Trouble(Trouble::Moved(elsewhere.url())));
        let error = fails(&model, false).await;
        assert_eq!(error.sort, Sort::FixTheRequest, "{provider}: {error}");
        assert!(!error.message.contains(&elsewhere.url()), "{error}");
        assert_eq!(elsewhere.heard().len(), 0, "{provider}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_not_taken_for_one() {
    let deep: &'static str = String::leak("[".repeat(100_000));
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        for junk in
            ["<html>busy</html>", "", "{}", "null", "[1]", "{\"error\":{\"message\":\"no\"}}", deep]
        {
            server.next(Manner::Junk(junk));
            let error = fails(&model, false).await;
            assert_eq!(error.sort, AGAIN, "{provider}: {error}");
            assert!(error.message.len() < 1_000, "{error}");
        }
        for junk in ["data: {\n\n", "data: [1]\n\n", "data: null\n\n", "", "<html>busy</html>"] {
            server.next(Manner::Junk(junk));
            assert_eq!(fails(&model, true).await.sort, AGAIN, "{provider} {junk:?}");
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_spent() {
    let server = ProviderServer::start(Provider::Compatible).await.unwrap();
    let spec = spec(&server, Provider::Compatible);
    drop(server);
    let error = fails(&model(spec), false).await;
    assert_eq!((error.sort, error.spent), (AGAIN, Spent::Nothing), "{error}");
    assert!(error.message.contains("cannot connect"), "{error}");
}
