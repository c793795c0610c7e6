//! What all APIs read alike: fields by type, the `outthink` object, names of limits.

pub(crate) mod beside;
pub(crate) mod fields;
pub(crate) mod kept;
pub(crate) mod lengths;
pub(crate) mod page;
pub(crate) mod reasoning;
pub(crate) mod settings;

pub(crate) use fields::{Fields, body_object, describe};
pub(crate) use settings::{Efforts, Said};
