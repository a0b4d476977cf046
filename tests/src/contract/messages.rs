//! What messages promise.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use orkestra_runtime::{
    ErrorKind,
    fabric::{AskError, Fabric, Headers, Message, Messages, Pattern, Subject, Subscription},
    limits::FRAME_BYTES_MAX,
};

use super::{SOON, next, promises};

promises! {
    everyone_who_listens_gets_what_is_published,
    messages_of_one_sender_come_in_the_order_in_which_they_were_sent,
    only_subjects_that_match_the_pattern_come_through,
    one_of_each_queue_group_gets_a_message,
    a_question_is_answered,
    a_question_that_nobody_listens_to_is_surely_undone,
    a_question_to_a_listener_who_left_is_surely_undone,
    a_question_that_is_dropped_is_perhaps_done,
    a_question_that_is_held_too_long_is_perhaps_done_and_a_late_answer_does_nothing,
    many_questions_at_once_each_get_their_own_answer,
    what_is_too_large_is_refused,
    a_slow_listener_loses_messages_and_is_told_so,
    a_listener_without_room_is_refused,
    headers_go_along_both_ways,
    an_asker_takes_the_first_of_several_answers,
    everybody_who_answers_in_time_is_gathered,
    nobody_is_gathered_where_nobody_listens,
    what_is_outside_and_what_is_inside_do_not_mix,
    whoever_publishes_learns_whether_anybody_listens,
}

/// Shorter than anything here takes, when nothing is waited for.
const BRIEF: Duration = Duration::from_millis(100);

fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

fn body(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn listen(messages: &dyn Messages, pattern: &str, queue: Option<&str>) -> Subscription {
    messages.subscribe(&Pattern::new(pattern).unwrap(), queue, 256).await.unwrap()
}

async fn send(messages: &dyn Messages, to: &str, text: &str) {
    messages.publish(&subject(to), body(text)).await.unwrap();
}

async fn hear(subscription: &mut Subscription) -> Message {
    next(subscription).await.unwrap()
}

fn answer(message: Message, with: &str) {
    message.reply.unwrap().answer(body(with));
}

async fn everyone_who_listens_gets_what_is_published(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut first = listen(&*messages, "news.today", None).await;
    let mut second = listen(&*messages, "news.today", None).await;
    send(&*messages, "news.today", "rain").await;
    for listener in [&mut first, &mut second] {
        let heard = hear(listener).await;
        assert_eq!((heard.subject, heard.body), (subject("news.today"), body("rain")));
        assert!(heard.reply.is_none());
    }
}

async fn messages_of_one_sender_come_in_the_order_in_which_they_were_sent(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "count", None).await;
    for number in 0..200 {
        send(&*messages, "count", &number.to_string()).await;
    }
    for number in 0..200 {
        assert_eq!(hear(&mut listener).await.body, body(&number.to_string()));
    }
}

async fn only_subjects_that_match_the_pattern_come_through(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut one = listen(&*messages, "node.*.beat", None).await;
    let mut rest = listen(&*messages, "node.n1.>", None).await;
    for to in ["node", "node.n2.beat", "node.n1.beat.late", "other.n1.beat", "node.n1.beat"] {
        send(&*messages, to, "x").await;
    }
    assert_eq!(hear(&mut one).await.subject, subject("node.n2.beat"));
    assert_eq!(hear(&mut one).await.subject, subject("node.n1.beat"));
    assert_eq!(hear(&mut rest).await.subject, subject("node.n1.beat.late"));
    assert_eq!(hear(&mut rest).await.subject, subject("node.n1.beat"));
}

async fn one_of_each_queue_group_gets_a_message(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut members = Vec::new();
    for queue in ["red", "red", "red", "blue"] {
        members.push(listen(&*messages, "work", Some(queue)).await);
    }
    let mut everyone = listen(&*messages, "work", None).await;
    for number in 0..60 {
        send(&*messages, "work", &number.to_string()).await;
    }
    let all: Vec<_> = (0..60).map(|number| body(&number.to_string())).collect();
    let mut blue = members.pop().unwrap();
    for expected in &all {
        assert_eq!(hear(&mut everyone).await.body, *expected);
        assert_eq!(hear(&mut blue).await.body, *expected);
    }
    let mut red = futures::stream::select_all(members);
    let mut heard = Vec::new();
    while heard.len() < all.len() {
        heard.push(next(&mut red).await.unwrap().body);
    }
    heard.sort_by_key(|body| String::from_utf8(body.to_vec()).unwrap().parse::<u32>().unwrap());
    assert_eq!(heard, all);
    assert!(tokio::time::timeout(BRIEF, red.next()).await.is_err(), "heard twice");
}

async fn a_question_is_answered(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "sum", Some("service")).await;
    let ask = messages.ask(&subject("sum"), body("1+1"), SOON);
    let serve = async {
        let question = hear(&mut listener).await;
        assert_eq!(question.body, body("1+1"));
        answer(question, "2");
    };
    let (answered, ()) = futures::join!(ask, serve);
    assert_eq!(answered, Ok(body("2")));
}

async fn a_question_that_nobody_listens_to_is_surely_undone(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let _elsewhere = listen(&*messages, "elsewhere", None).await;
    let asked = messages.ask(&subject("nobody"), body("?"), SOON).await;
    assert_eq!(asked, Err(AskError::NoOne));
    // Publishing to nobody is no error.
    send(&*messages, "nobody", "x").await;
}

async fn a_question_to_a_listener_who_left_is_surely_undone(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    for queue in [None, Some("service")] {
        let mut listener = listen(&*messages, "sum", queue).await;
        let (answered, ()) = futures::join!(
            messages.ask(&subject("sum"), body("?"), SOON),
            hear(&mut listener).map(|question| answer(question, "!"))
        );
        assert_eq!(answered, Ok(body("!")));
        drop(listener);
        // It may take a moment until a server has heard that the listener left; then it is so.
        let left = async {
            while messages.ask(&subject("sum"), body("?"), BRIEF).await != Err(AskError::NoOne) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, left).await.unwrap();
    }
}

async fn a_question_that_is_dropped_is_perhaps_done(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "sum", None).await;
    let ask = messages.ask(&subject("sum"), body("?"), Duration::from_millis(500));
    let (answered, ()) = futures::join!(ask, hear(&mut listener).map(drop));
    assert_eq!(answered, Err(AskError::NoAnswer));
}

async fn a_question_that_is_held_too_long_is_perhaps_done_and_a_late_answer_does_nothing(
    fabric: Arc<dyn Fabric>,
) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "sum", None).await;
    let ask = messages.ask(&subject("sum"), body("first"), BRIEF);
    let (answered, held) = futures::join!(ask, hear(&mut listener));
    assert_eq!(answered, Err(AskError::NoAnswer));
    let ask = messages.ask(&subject("sum"), body("second"), SOON);
    let serve = async {
        let question = hear(&mut listener).await;
        answer(held, "late");
        answer(question, "in time");
    };
    let (answered, ()) = futures::join!(ask, serve);
    assert_eq!(answered, Ok(body("in time")));
}

async fn many_questions_at_once_each_get_their_own_answer(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "echo", None).await;
    let serve = async {
        let mut held = Vec::new();
        for _ in 0..50 {
            held.push(hear(&mut listener).await);
        }
        for question in held.into_iter().rev() {
            let text = String::from_utf8(question.body.to_vec()).unwrap();
            answer(question, &format!("{text}!"));
        }
    };
    let asks = (0..50).map(|n| messages.ask(&subject("echo"), body(&format!("{n}")), SOON));
    let ((), answers) = futures::join!(serve, futures::future::join_all(asks));
    for (number, answered) in answers.into_iter().enumerate() {
        assert_eq!(answered, Ok(body(&format!("{number}!"))));
    }
}

async fn what_is_too_large_is_refused(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "large", None).await;
    let larger = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
    let refused = messages.publish(&subject("large"), larger.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let asked = messages.ask(&subject("large"), larger, SOON).await;
    assert_eq!(asked, Err(AskError::TooLarge));
    // Neither has reached anybody: the first that comes is the one that fits.
    send(&*messages, "large", "fits").await;
    assert_eq!(hear(&mut listener).await.body, body("fits"));
}

async fn a_slow_listener_loses_messages_and_is_told_so(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let pattern = Pattern::new("flood").unwrap();
    let mut slow = messages.subscribe(&pattern, None, 4).await.unwrap();
    let mut quick = messages.subscribe(&pattern, None, 2_000).await.unwrap();
    for number in 0..1_000 {
        send(&*messages, "flood", &number.to_string()).await;
    }
    for number in 0..1_000 {
        assert_eq!(hear(&mut quick).await.body, body(&number.to_string()));
    }
    let mut heard = 0;
    let told = loop {
        match next(&mut slow).await {
            Ok(_) => heard += 1,
            Err(error) => break error.kind(),
        }
    };
    assert_eq!(told, ErrorKind::Full);
    assert!((1..1_000).contains(&heard), "heard {heard}");
    // What comes after the loss is heard again.
    send(&*messages, "flood", "after").await;
    while next(&mut slow).await.is_ok_and(|message| message.body != body("after")) {}
}

async fn a_listener_without_room_is_refused(fabric: Arc<dyn Fabric>) {
    let pattern = Pattern::new("x").unwrap();
    let refused = fabric.messages().subscribe(&pattern, None, 0).await;
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::Invalid));
}

async fn headers_go_along_both_ways(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "sum", None).await;
    let asked = Headers::new().with("Ork-Kind", "sum of two").unwrap();
    let asked = asked.with("Ork-Deadline", "1").unwrap().with("Ork-Kind", "again").unwrap();
    messages.publish_with(&subject("sum"), asked.clone(), body("told")).await.unwrap();
    assert_eq!(hear(&mut listener).await.headers, asked);
    let ask = messages.ask_with(&subject("sum"), asked.clone(), body("1+1"), SOON);
    let given = Headers::new().with("Ork-Kind", "it is").unwrap();
    let serve = async {
        let question = hear(&mut listener).await;
        assert_eq!((&question.headers, &question.body), (&asked, &body("1+1")));
        question.reply.unwrap().answer_with(given.clone(), body("2"));
    };
    let (answered, ()) = futures::join!(ask, serve);
    assert_eq!(answered, Ok((given, body("2"))));
    send(&*messages, "sum", "plain").await;
    assert!(hear(&mut listener).await.headers.is_empty());
}

async fn an_asker_takes_the_first_of_several_answers(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listener = listen(&*messages, "sum", None).await;
    let ask = messages.ask(&subject("sum"), body("?"), SOON);
    let serve = async {
        let reply = hear(&mut listener).await.reply.unwrap();
        for part in ["one", "two", "three"] {
            reply.part(Headers::new(), body(part));
        }
        reply.answer(body("four"));
    };
    let (answered, ()) = futures::join!(ask, serve);
    assert_eq!(answered, Ok(body("one")));
}

async fn everybody_who_answers_in_time_is_gathered(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(listen(&*messages, "roll", None).await);
    }
    let serve = async {
        let mut silent = None;
        for (number, listener) in listeners.iter_mut().enumerate() {
            let question = hear(listener).await;
            if number == 1 {
                // Holds the question, and says nothing.
                silent = question.reply;
            } else {
                answer(question, &format!("n{number}"));
            }
        }
        silent
    };
    let ask = messages.gather(&subject("roll"), body("who is there?"), 5 * BRIEF, 10);
    let (gathered, _silent) = futures::join!(ask, serve);
    let mut gathered = gathered.unwrap();
    gathered.sort();
    assert_eq!(gathered, [body("n0"), body("n2")]);
    // As many as are wanted end it at once.
    let ask = messages.gather(&subject("roll"), body("who is there?"), 100 * SOON, 2);
    let serve = async {
        for listener in &mut listeners {
            answer(hear(listener).await, "here");
        }
    };
    let (gathered, ()) = futures::join!(ask, serve);
    assert_eq!(gathered.unwrap(), [body("here"), body("here")]);
}

async fn nobody_is_gathered_where_nobody_listens(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let gathered = messages.gather(&subject("nobody"), body("?"), SOON, 10).await;
    assert_eq!(gathered.unwrap(), [] as [Bytes; 0]);
    let larger = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
    let refused = messages.gather(&subject("nobody"), larger, SOON, 10).await;
    assert_eq!(refused, Err(AskError::TooLarge));
}

async fn what_is_outside_and_what_is_inside_do_not_mix(fabric: Arc<dyn Fabric>) {
    let (inside, outside) = (fabric.messages(), fabric.outside().unwrap());
    let mut all_inside = listen(&*inside, "agents.>", None).await;
    let pattern = Pattern::outside("$SRV.PING.>").unwrap();
    let mut services = outside.subscribe(&pattern, None, 8).await.unwrap();
    let mut all_outside = listen(&*outside, "agents.>", None).await;
    send(&*outside, "agents.prompt", "outside").await;
    send(&*inside, "agents.prompt", "inside").await;
    assert_eq!(hear(&mut all_outside).await.body, body("outside"));
    assert_eq!(hear(&mut all_inside).await.body, body("inside"));
    let ping = Subject::outside("$SRV.PING.orkestra").unwrap();
    let ask = outside.ask(&ping, Bytes::new(), SOON);
    let serve = async {
        let question = hear(&mut services).await;
        assert_eq!(question.subject, ping);
        answer(question, "pong");
    };
    let (answered, ()) = futures::join!(ask, serve);
    assert_eq!(answered, Ok(body("pong")));
}

async fn whoever_publishes_learns_whether_anybody_listens(fabric: Arc<dyn Fabric>) {
    let messages = fabric.messages();
    let heard = |text| messages.publish_heard(&subject("a.b"), Headers::default(), body(text));
    assert!(!heard("to nobody").await.unwrap());
    let mut one = listen(messages.as_ref(), "a.*", None).await;
    assert!(heard("to one").await.unwrap());
    assert_eq!(hear(&mut one).await.body, body("to one"));
    drop(one);
    let left = async {
        while heard("again").await.unwrap() {
            tokio::time::sleep(BRIEF / 10).await;
        }
    };
    let noticed = tokio::time::timeout(SOON, left).await;
    assert!(noticed.is_ok(), "who left is not noticed");
}
