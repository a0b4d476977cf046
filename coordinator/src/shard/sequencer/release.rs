//! What leaves once what it depends on is durable.

use orkestra_runtime::machine::ReplyTo;

use super::{Effect, EffectOf, Mind, Pool};

pub(super) enum Release<M: Mind> {
    Act(M::Effect),
    Answer(ReplyTo, M::Answer),
    Free(Pool),
}

impl<M: Mind> Release<M> {
    pub(super) fn into_effect(self, settled: bool) -> EffectOf<M> {
        match self {
            Self::Act(effect) => Effect::Act(effect),
            Self::Answer(to, answer) => Effect::Answer { to, answer, settled },
            Self::Free(pool) => Effect::Free { pool, count: 1 },
        }
    }
}
