//! Ten thousand children crash at once, and the supervisor still answers.
//!
//! How fast is measured by `orkestra bench --only storm`. What is shown here needs no clock: answers
//! come in the midst of the storm, and not when it is over.

use std::time::Duration;

use super::stage::{Do, Habits, MINUTE, Stage, supervisor};
use crate::time::SystemClock;

#[tokio::test]
async fn a_storm_of_ten_thousand_crashes_leaves_room_for_questions() {
    const MANY: usize = 10_000;
    let mut stage = Stage::on(SystemClock::start());
    let ids: Vec<String> = (0..MANY).map(|n| format!("c{n}")).collect();
    let mut spec = supervisor("node").intensity(u32::MAX, Duration::from_secs(5));
    for id in &ids {
        spec = spec.child(stage.player_who(id, Habits::default()));
    }
    let node = stage.start(spec).await;
    stage.says(MANY).await;
    for id in &ids {
        stage.tell(id, Do::Fail("boom"));
    }
    let (mut up, mut answers) = (0, 0);
    while up < MANY {
        assert_eq!(node.count_children().await.unwrap().specs, MANY);
        up += stage.said().len();
        answers += usize::from(up < MANY);
    }
    // Were a question to wait behind the ends and the starts that came before it, there would be
    // one answer or two until all are up again.
    assert!(answers > 20, "only {answers} answers during the storm");
    let children = node.which_children().await.unwrap();
    assert!(children.iter().all(|child| child.restarts == 1));
    node.stop(MINUTE).await.unwrap();
}
