//! The driver and the strategies together, on an engine that plays scripts.

mod budgets;
mod driver;
mod parity;
mod script;
mod strategies;
