use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::*;
use crate::{limits::FRAME_BYTES_MAX, wire::Kind};

const LONG: Duration = Duration::from_hours(1);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Ask {
    Double(u32),
    Echo(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    Number(u32),
}

impl Wire for Ask {
    const KIND: Kind = Kind::new("test.ask", 1);
}
impl Wire for Answer {
    const KIND: Kind = Kind::new("test.answer", 1);
}
impl Protocol for Ask {
    type Reply = Answer;
}

type Mailbox = mpsc::UnboundedReceiver<Mail<Ask>>;

/// Both ways to an actor, with the mailbox that they lead to.
fn ways() -> [(Ref<Ask>, Mailbox); 2] {
    fn post() -> (impl Fn(Mail<Ask>) -> Result<(), Mail<Ask>>, Mailbox) {
        let (sender, mailbox) = mpsc::unbounded_channel();
        (move |mail| sender.send(mail).map_err(|refused| refused.0), mailbox)
    }
    let (near, near_mailbox) = post();
    let (strict, strict_mailbox) = post();
    [(Ref::near(near), near_mailbox), (Ref::strict(strict), strict_mailbox)]
}

fn asked(mail: Option<Mail<Ask>>) -> (Ask, Port<Answer>) {
    match mail {
        Some(Mail::Asked(question, port)) => (question, port),
        other => panic!("nothing was asked: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_arrives() {
    for (way, mut mailbox) in ways() {
        assert_eq!(way.tell(Ask::Echo("hello".into())), Ok(()));
        let Some(Mail::Told(said)) = mailbox.recv().await else { panic!("nothing was told") };
        assert_eq!(said, Ask::Echo("hello".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered() {
    for (way, mut mailbox) in ways() {
        let serve = async {
            let (question, port) = asked(mailbox.recv().await);
            assert_eq!(question, Ask::Double(21));
            port.answer(Answer::Number(42));
        };
        let (answered, ()) = futures::join!(way.ask(Ask::Double(21), LONG), serve);
        assert_eq!(answered, Ok(Answer::Number(42)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_is_gone_is_no_one_and_what_was_told_comes_back() {
    for (way, mailbox) in ways() {
        drop(mailbox);
        assert_eq!(way.ask(Ask::Double(1), LONG).await, Err(AskError::NoOne));
        assert_eq!(way.tell(Ask::Double(1)), Err(Ask::Double(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_dropped_is_no_answer_at_once() {
    for (way, mut mailbox) in ways() {
        let drop_it = async { drop(asked(mailbox.recv().await)) };
        let began = tokio::time::timeout(Duration::from_secs(1), async {
            futures::join!(way.ask(Ask::Double(1), LONG), drop_it).0
        });
        assert_eq!(began.await, Ok(Err(AskError::NoAnswer)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_held_too_long_is_no_answer_and_knows_that_it_was_abandoned() {
    for (way, mut mailbox) in ways() {
        let ask = way.ask(Ask::Double(1), Duration::from_secs(2));
        let (answered, (_, port)) = futures::join!(ask, async { asked(mailbox.recv().await) });
        assert_eq!(answered, Err(AskError::NoAnswer));
        assert!(port.is_abandoned());
        port.answer(Answer::Number(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fits_no_frame_is_refused_where_frames_are_needed() {
    let [(near, _near_mailbox), (strict, mut mailbox)] = ways();
    let large = Ask::Echo("x".repeat(FRAME_BYTES_MAX));
    assert_eq!(strict.ask(large.clone(), LONG).await, Err(AskError::TooLarge));
    assert_eq!(strict.tell(large.clone()), Err(large.clone()));
    assert!(mailbox.try_recv().is_err());
    assert_eq!(near.tell(large), Ok(()));
}
