//! What goes well.

use serde_json::{Value, json};

use super::{
    super::{
        AnswerSchema, ChatRequest, HttpSpec, Message, Provider, Stop, Tool, Usage,
        testing::{Manner, ProviderServer, Said},
    },
    WAYS, ask, model, spec, stage, structured,
};

const USAGE: Usage = Usage { input: 20, cached_input: 5, output: 7 };

#[tokio::test]
async fn a_question_is_answered_with_text_usage_and_reason() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            server.says(Said::text("Grüße, \"you\"\n\u{1f600}"));
            let request = ChatRequest::asking("hello");
            let (answer, heard) = ask(&model, &request, is_streamed).await.unwrap();
            assert_eq!(answer.text, "Grüße, \"you\"\n\u{1f600}", "{provider} {is_streamed}");
            assert_eq!(heard, if is_streamed { answer.text.as_str() } else { "" }, "{provider}");
            assert_eq!(answer.usage, Some(USAGE), "{provider} {is_streamed}");
            assert_eq!((answer.stop, answer.calls.len()), (Stop::Done, 0), "{provider}");
            assert_eq!(answer.model.as_deref(), Some("the-model"), "{provider}");
            assert_eq!(answer.id.as_deref(), Some("answer-1"), "{provider}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_reaches_the_model_and_the_key_only_its_header() {
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        let request = ChatRequest {
            system: Some("be brief".into()),
            messages: vec![
                Message::User { text: "one".into() },
                Message::Assistant { text: "two".into(), calls: Vec::new() },
                Message::User { text: "three".into() },
                Message::User { text: "four".into() },
            ],
            temperature: Some(0.5),
            max_tokens: Some(99),
            ..ChatRequest::default()
        };
        ask(&model, &request, false).await.unwrap_or_else(|_| panic!("{provider}"));
        let heard = server.heard().remove(0);
        let body = heard.body.to_string();
        for said in ["be brief", "one", "two", "three", "four", "0.5", "99"] {
            assert!(body.contains(said), "{provider}: {said} is missing of {body}");
        }
        assert!(!body.contains(server.key()) && !heard.path.contains(server.key()), "{provider}");
        let carry = heard.headers.values().filter(|it| it.to_str().unwrap().contains(server.key()));
        assert_eq!(carry.count(), 1, "{provider}");
    }
}

#[tokio::test]
async fn a_model_that_takes_no_temperature_is_given_none() {
    for provider in Provider::ALL {
        let server = ProviderServer::start(provider).await.unwrap();
        let mut spec = spec(&server, provider);
        spec.traits.takes_temperature = false;
        let request = ChatRequest { temperature: Some(0.5), ..ChatRequest::asking("hello") };
        ask(&model(spec), &request, false).await.unwrap();
        assert!(!server.heard()[0].body.to_string().contains("temperature"), "{provider}");
    }
}

fn with_tools() -> ChatRequest {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tool = |name: &str| Tool {
        name: name.into(),
        description: "what it is like outside".into(),
        parameters: parameters.clone(),
    };
    let tools = vec![tool("weather"), tool("time")];
    ChatRequest { tools, ..ChatRequest::asking("how is it outside?") }
}

#[tokio::test]
async fn calls_are_asked_for_and_their_results_are_taken() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            let arguments = json!({ "city": "Zürich, \"old\" town", "days": [1, 2] });
            let mut said = Said::text("let me look");
            said.calls = vec![("weather".into(), arguments.clone()), ("time".into(), json!({}))];
            server.says(said);
            let mut request = with_tools();
            let (answer, heard) = ask(&model, &request, is_streamed).await.unwrap();
            assert_eq!((answer.stop, answer.text.as_str()), (Stop::ToolCalls, "let me look"));
            let calls: Vec<_> = answer.calls.iter().map(|it| (&*it.name, &it.arguments)).collect();
            assert_eq!(calls, [("weather", &arguments), ("time", &json!({}))], "{provider}");
            assert_ne!(answer.calls[0].id, answer.calls[1].id, "{provider}");
            assert_eq!(heard.ends_with("<weather><time>"), is_streamed, "{provider}: {heard}");

            let results = answer.calls.iter().map(|call| Message::Tool {
                call: call.id.clone(),
                name: call.name.clone(),
                content: "it rains".into(),
                is_error: call.name == "time",
            });
            let results: Vec<_> = results.collect();
            let turn = Message::Assistant { text: answer.text, calls: answer.calls };
            request.messages.push(turn);
            request.messages.extend(results);
            server.says(Said::text("take an umbrella"));
            let (answer, _) = ask(&model, &request, is_streamed).await.unwrap();
            assert_eq!(answer.text, "take an umbrella", "{provider}");
            let asked = server.heard()[1].body.to_string();
            assert_eq!(asked.matches("it rains").count(), 2, "{provider}: {asked}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_a_given_form_is_asked_for_and_comes_as_json() {
    let schema = json!({ "type": "object", "properties": { "fine": { "type": "boolean" } },
        "required": ["fine"], "additionalProperties": false });
    for (provider, traits) in structured() {
        for is_streamed in WAYS {
            let server = ProviderServer::start(provider).await.unwrap();
            let model = model(HttpSpec { traits, ..spec(&server, provider) });
            server.says(Said::text(r#"{"fine":true}"#));
            let answer = Some(AnswerSchema { name: "verdict".into(), schema: schema.clone() });
            let request = ChatRequest { answer, ..ChatRequest::asking("is it fine?") };
            let (answer, heard) = ask(&model, &request, is_streamed).await.unwrap();
            let read: Value = serde_json::from_str(&answer.text).unwrap();
            assert_eq!(read, json!({ "fine": true }), "{provider} {traits:?}");
            assert_eq!((answer.stop, answer.calls.len()), (Stop::Done, 0), "{provider} {traits:?}");
            assert_eq!(heard.is_empty(), !is_streamed, "{provider} {traits:?}");
            let asked = server.heard()[0].body.to_string();
            // In words it stands in a text, and so with more quotation marks.
            let asked = asked.replace('\\', "");
            assert!(asked.contains(r#""additionalProperties":false"#), "{provider}: {asked}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_says_so() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            server.says(Said { is_cut: true, ..Said::text("so much to") });
            let (answer, _) = ask(&model, &ChatRequest::asking("tell"), is_streamed).await.unwrap();
            assert_eq!((answer.stop, answer.text.as_str()), (Stop::MaxTokens, "so much to"));
        }
    }
}

#[tokio::test]
async fn a_call_that_is_cut_is_none() {
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        server.says(Said { is_cut: true, ..Said::call("weather", json!({ "city": "B" })) });
        let (answer, _) = ask(&model, &with_tools(), true).await.unwrap();
        assert_eq!((answer.stop, answer.calls.len()), (Stop::MaxTokens, 0), "{provider}");
    }
}

#[tokio::test]
async fn what_was_not_counted_is_not_guessed() {
    for provider in Provider::ALL {
        for is_streamed in WAYS {
            let (server, model) = stage(provider).await;
            server.says(Said { usage: None, ..Said::text("free?") });
            let (answer, _) = ask(&model, &ChatRequest::asking("x"), is_streamed).await.unwrap();
            assert_eq!(answer.usage, None, "{provider}");
        }
    }
}

#[tokio::test]
async fn slow_pieces_are_waited_for() {
    for provider in Provider::ALL {
        let (server, model) = stage(provider).await;
        let pause = std::time::Duration::from_millis(5);
        server.next(Manner::Slowly(Said::text("one two three"), pause));
        let (answer, _) = ask(&model, &ChatRequest::asking("x"), true).await.unwrap();
        assert_eq!(answer.text, "one two three", "{provider}");
    }
}

#[tokio::test]
async fn a_server_without_a_key_is_asked_without_one() {
    let server = ProviderServer::start(Provider::Compatible).await.unwrap();
    let keyless = HttpSpec { credential: None, ..spec(&server, Provider::Compatible) };
    server.says(Said::text("hello"));
    let (answer, _) = ask(&model(keyless), &ChatRequest::asking("x"), false).await.unwrap();
    assert_eq!(answer.text, "hello");
    assert!(!server.heard()[0].headers.contains_key("authorization"));
}
