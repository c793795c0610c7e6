//! Reading the fields of a JSON object by type, with errors that name the field.

use crate::error::ApiError;
use outthink_core::{large_integer, parse_json};
use serde_json::{Map, Value};

/// An object whose known fields are taken out one by one, so that what is left is unknown.
pub(crate) struct Fields {
    map: Map<String, Value>,
    /// Put before the names in errors.
    prefix: &'static str,
}

impl Fields {
    pub(crate) fn new(map: Map<String, Value>, prefix: &'static str) -> Self {
        Self { map, prefix }
    }

    /// A field where it stands.
    pub(crate) fn look(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// A field where it stands, to be changed.
    pub(crate) fn look_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.map.get_mut(key)
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.map
    }

    /// The name of a field as errors give it.
    pub(crate) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Takes a field; `null` counts as absent.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|v| !v.is_null())
    }

    pub(crate) fn string(&mut self, key: &str) -> Result<Option<String>, ApiError> {
        self.typed(key, "a string", |v| v.as_str().map(str::to_owned))
    }

    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>, ApiError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A number in `[least, most]`.
    pub(crate) fn number(&mut self, key: &str, least: f64, most: f64) -> Result<Option<f64>, ApiError> {
        let Some(number) = self.typed(key, "a number", Value::as_f64)? else { return Ok(None) };
        if (least..=most).contains(&number) {
            return Ok(Some(number));
        }
        let range = if most == f64::MAX { format!("{least} or more") } else { format!("from {least} to {most}") };
        Err(ApiError::invalid(&self.path(key), format!("{} is {number}: give a number {range}", self.path(key))))
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&mut self, key: &str, least: u64) -> Result<Option<u64>, ApiError> {
        let what = || format!("a whole number of at least {least}");
        self.typed_as(key, what, |v| whole(v).filter(|&n| n >= least))
    }

    /// As [`Fields::count`], in 32 bits.
    pub(crate) fn small_count(&mut self, key: &str, least: u32) -> Result<Option<u32>, ApiError> {
        let what = || format!("a whole number from {least} to {}", u32::MAX);
        self.typed_as(key, what, |v| whole(v).and_then(|n| u32::try_from(n).ok()).filter(|&n| n >= least))
    }

    /// As [`Fields::small_count`]; some servers write -1 for "no limit".
    pub(crate) fn limit(&mut self, key: &str) -> Result<Option<u32>, ApiError> {
        if self.look(key).is_some_and(|v| v.as_f64() == Some(-1.0)) {
            self.take(key);
        }
        self.small_count(key, 0)
    }

    /// A seed: any whole number of 64 bits, with or without sign.
    pub(crate) fn seed(&mut self, key: &str) -> Result<Option<u64>, ApiError> {
        let bits = |v: &Value| whole(v).or_else(|| signed(v).map(i64::cast_unsigned));
        self.typed(key, "a whole number of 64 bits", bits)
    }

    pub(crate) fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        self.typed(key, "an object", |v| v.as_object().cloned())
    }

    /// One string or several.
    pub(crate) fn strings(&mut self, key: &str) -> Result<Vec<String>, ApiError> {
        let read = |v: &Value| match v {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(many) => many.iter().map(|s| s.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        Ok(self.typed(key, "a string or an array of strings", read)?.unwrap_or_default())
    }

    fn typed<T>(&mut self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, ApiError> {
        self.typed_as(key, || what, read)
    }

    /// What is asked for is put into words only where something else is given.
    fn typed_as<T, W: std::fmt::Display>(
        &mut self,
        key: &str,
        what: impl FnOnce() -> W,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| {
            let (path, given) = (self.path(key), describe(&value));
            ApiError::invalid(&path, format!("{path} is {given}: give {}", what()))
        })
    }
}

/// The object of a body; `what` it is to hold.
pub(crate) fn body_object(body: &[u8], what: &str) -> Result<Map<String, Value>, ApiError> {
    match parse_json(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => {
            let given = describe(&other);
            Err(ApiError::invalid_body(format!("the body is {given}: send a JSON object with {what}")))
        }
        Err(error) => Err(ApiError::invalid_body(format!("the body is not valid JSON: {error}"))),
    }
}

/// A number without a fraction, however it is written: 5 and 5.0.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
    })
}

fn signed(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64()?;
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

/// What was given, without repeating texts that may be long or private.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => large_integer(text).map_or_else(|| "a string".into(), str::to_owned),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}
