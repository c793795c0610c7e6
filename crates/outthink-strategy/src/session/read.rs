//! Samples that read other samples.

use super::Session;
use crate::reading;
use crate::table::{Start, prompt_bytes};
use outthink_core::{ArmId, Role, Room, Sample, SampleId, Sampling, Span};
use std::sync::Arc;

/// What is to be read, and what for.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) arm: ArmId,
    pub(super) role: Role,
    /// In the order in which they are shown.
    pub(super) samples: Vec<SampleId>,
    /// Bytes of each at most.
    pub(super) shown: u64,
}

impl Session<'_> {
    /// Has a model read samples; whether it can be paid for. It draws on the budget in tokens and money, and not on the
    /// number of samples, which are the candidates.
    pub(super) fn read(&mut self, reading: Reading, span: &Span) -> bool {
        let Reading { arm, role, samples, shown } = reading;
        let candidates: Vec<&Sample> =
            samples.iter().filter_map(|&id| self.table.state.sample(id)).filter(|s| s.is_usable()).collect();
        let Some(prompt) = self.prompt_of(arm) else { return false };
        if role.is_reply()
            || candidates.is_empty()
            || candidates.len() != samples.len()
            || samples.len() > reading::MOST
        {
            return false;
        }
        let asked = reading::prompt_for(role, &prompt, &candidates, shown);
        let extra_prompt = prompt_bytes(&asked).saturating_sub(prompt_bytes(&prompt));
        let room = Room { samples: None, ..self.table.room(arm, extra_prompt) };
        if room.affordable(span.max_tokens) == 0 {
            self.table.note(format!("{} candidates are not read: the budget does not pay for it", samples.len()));
            return false;
        }
        let span = Span { max_tokens: room.cap(span.max_tokens, 1), ..span.clone() };
        let mut request = self.request_for(arm, Arc::new(asked), 1, &span);
        if role == Role::Selection {
            // A choice is to be the most probable one; where the server chooses the temperature, it still does.
            let temperature = request.sampling.temperature.map(|_| 0.0);
            request.sampling = Sampling { temperature, stop: Vec::new(), ..request.sampling };
        }
        let id = self.table.start(Start { arm, span, extra_prompt, role, reads: samples, ..Start::default() });
        self.launch(arm, request, vec![id]);
        true
    }
}
