//! What a recording shows, as numbers, figures and one page that opens offline.
//!
//! The numbers are those of `outthink_eval::Study`; [`Chapter`] is what the page says of one setting of a recording;
//! `figures` draws it and `page` writes the HTML, in which all text of models and questions is escaped.

mod chapter;
mod figures;
mod html;
mod laws;
mod page;

pub(crate) use chapter::Chapter;
pub(crate) use figures::{frontier_figure, laws_figure, thinking_panel};
pub(crate) use html::{escape, table};
pub(crate) use laws::{Drawn, effort_series, pretrain_panel, rl_panel};
pub(crate) use page::{Page, Section, render};

#[cfg(test)]
mod tests;
