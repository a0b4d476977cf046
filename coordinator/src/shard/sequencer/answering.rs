//! Queries, which are answered from the state as it is, once that is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};

use orkestra_runtime::machine::ReplyTo;

use super::{Effect, EffectOf, Mind, Pool, Refusal, Release, Sequencer, StepFault, describe};

impl<M: Mind> Sequencer<M> {
    pub(super) fn query(&mut self, query: &M::Query, to: ReplyTo, effects: &mut Vec<EffectOf<M>>) {
        if !self.is_leased() {
            let refusal = Refusal::Step(StepFault::Lapsed);
            effects.push(Effect::Refuse { to: Some(to), refusal });
            effects.push(Effect::Free { pool: Pool::Queries, count: 1 });
            return;
        }
        let (mind, now) = (&self.mind, self.now);
        match catch_unwind(AssertUnwindSafe(|| mind.answer(now, query))) {
            Ok(answer) if self.parked.is_some() => {
                let settled = self.numbered() == self.durable;
                effects.push(Effect::Answer { to, answer, settled });
                effects.push(Effect::Free { pool: Pool::Queries, count: 1 });
            }
            Ok(answer) => {
                self.release_after(Release::Answer(to, answer), effects);
                self.release_after(Release::Free(Pool::Queries), effects);
            }
            Err(panic) => {
                let refusal = Refusal::Step(StepFault::Fault(describe(panic.as_ref())));
                effects.push(Effect::Refuse { to: Some(to), refusal });
                effects.push(Effect::Free { pool: Pool::Queries, count: 1 });
            }
        }
    }
}
