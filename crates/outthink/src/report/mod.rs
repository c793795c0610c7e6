//! What a recording shows, as numbers, figures and one page that opens offline.
//!
//! [`Recording`] is what was drawn; [`Study`] the numbers of one of its settings; `figures` draws
//! them and `page` writes the HTML, in which all text of models and questions is escaped.

mod figures;
mod html;
mod laws;
mod page;
mod recording;
mod study;

pub(crate) use figures::{frontier_figure, laws_figure, thinking_panel};
pub(crate) use html::{escape, table};
pub(crate) use laws::{Drawn, effort_series, pretrain_panel, rl_panel};
pub(crate) use page::{Page, Section, render};
pub(crate) use recording::Recording;
pub(crate) use study::Study;

#[cfg(test)]
mod tests;
