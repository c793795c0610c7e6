//! Writes values as JSON, byte for byte as `serde_json` does, in fewer instructions.
//!
//! The replies of a gateway are hundreds of short fields. Most of what `serde_json` spends on them is the look, letter
//! by letter, for what has to be escaped, in the names of fields, too; here names of structs are written as they are,
//! since no name in Rust needs an escape, and texts are looked through in words of eight bytes.

use serde::ser::{self, Impossible, Serialize};
use std::fmt::Display;

/// What cannot be written as JSON: a map whose keys are no texts, or a value that refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonWriteError(String);

impl ser::Error for JsonWriteError {
    fn custom<T: Display>(words: T) -> Self {
        Self(words.to_string())
    }
}

type Written = Result<(), JsonWriteError>;

/// Writes a value at the end of `out`.
///
/// # Errors
/// If the value cannot be JSON; what was written of it until then stays.
///
/// ```
/// use serde_json::json;
///
/// let mut out = String::from("data: ");
/// outthink_core::write_json(&mut out, &json!({"content": "a \"word\"\n", "index": 0}))?;
/// assert_eq!(out, r#"data: {"content":"a \"word\"\n","index":0}"#);
/// # Ok::<(), outthink_core::JsonWriteError>(())
/// ```
pub fn write_json<T: Serialize + ?Sized>(out: &mut String, value: &T) -> Result<(), JsonWriteError> {
    value.serialize(Writer { out })
}

/// Writes a text in its quotes at the end of `out`.
pub fn write_json_text(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some(at) = first_escaped(rest.as_bytes()) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => {
                let digit = |four: u8| char::from(b"0123456789abcdef"[usize::from(four & 15)]);
                out.push_str("\\u00");
                out.push(digit(control >> 4));
                out.push(digit(control));
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// The first byte that cannot stand in a text as it is.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHS: u64 = ONES << 7;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let is_escaped = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, &chunk) in words.iter().enumerate() {
        let word = u64::from_ne_bytes(chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quote = has_zero(word ^ (ONES * u64::from(b'"')));
        let slash = has_zero(word ^ (ONES * u64::from(b'\\')));
        // A byte behind one that is escaped may seem so, too; the first one never does.
        if (control | quote | slash) != 0 {
            return chunk.iter().position(is_escaped).map(|within| at * 8 + within);
        }
    }
    rest.iter().position(is_escaped).map(|within| words.len() * 8 + within)
}

struct Writer<'a> {
    out: &'a mut String,
}

/// A list or an object that is being written.
struct Entries<'a> {
    out: &'a mut String,
    any: bool,
    /// What ends it.
    end: &'static str,
}

impl<'a> Entries<'a> {
    fn begin(out: &'a mut String, begin: &str, end: &'static str) -> Self {
        out.push_str(begin);
        Self { out, any: false, end }
    }

    fn next(&mut self) -> Writer<'_> {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(',');
        }
        Writer { out: self.out }
    }

    fn finish(self) {
        self.out.push_str(self.end);
    }
}

macro_rules! numbers {
    ($($name:ident: $kind:ty),*) => {
        $(fn $name(self, value: $kind) -> Written {
            self.out.push_str(itoa::Buffer::new().format(value));
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = JsonWriteError;
    type SerializeSeq = Entries<'a>;
    type SerializeTuple = Entries<'a>;
    type SerializeTupleStruct = Entries<'a>;
    type SerializeTupleVariant = Entries<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Entries<'a>;
    type SerializeStructVariant = Entries<'a>;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );

    fn serialize_bool(self, value: bool) -> Written {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.float(serde_json::to_string(&value))
    }

    fn serialize_f64(self, value: f64) -> Written {
        self.float(serde_json::to_string(&value))
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        write_json_text(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        value.serialize(self)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.out.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let entries = Self::variant(self.out, variant, "", "}");
        value.serialize(Writer { out: entries.out })?;
        entries.finish();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Entries::begin(self.out, "[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Entries::begin(self.out, "[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Entries::begin(self.out, "[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Self::variant(self.out, variant, "[", "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Entries::begin(self.out, "{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Entries::begin(self.out, "{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, JsonWriteError> {
        Ok(Self::variant(self.out, variant, "{", "}}"))
    }
}

impl<'a> Writer<'a> {
    /// A variant with something in it: an object of one field.
    fn variant(out: &'a mut String, name: &str, begin: &str, end: &'static str) -> Entries<'a> {
        out.push('{');
        write_json_text(out, name);
        out.push(':');
        Entries::begin(out, begin, end)
    }

    /// Floats are few, and there is more than one way to write each.
    fn float(self, text: serde_json::Result<String>) -> Written {
        self.out.push_str(&text.map_err(ser::Error::custom)?);
        Ok(())
    }
}

macro_rules! list {
    ($($kind:ident $method:ident),*) => {
        $(impl ser::$kind for Entries<'_> {
            type Ok = ();
            type Error = JsonWriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                value.serialize(self.next())
            }

            fn end(self) -> Written {
                self.finish();
                Ok(())
            }
        })*
    };
}

list!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($kind:ident),*) => {
        $(impl ser::$kind for Entries<'_> {
            type Ok = ();
            type Error = JsonWriteError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
                let Writer { out } = self.next();
                // A name in Rust, or what `serde(rename)` makes of it; the latter may hold anything.
                if first_escaped(name.as_bytes()).is_none() {
                    out.push('"');
                    out.push_str(name);
                    out.push_str("\":");
                } else {
                    write_json_text(out, name);
                    out.push(':');
                }
                value.serialize(Writer { out })
            }

            fn end(self) -> Written {
                self.finish();
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = JsonWriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        key.serialize(Key(self.next()))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.out.push(':');
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Written {
        self.finish();
        Ok(())
    }
}

/// The key of a map: a text, or a whole number or a truth value in quotes.
struct Key<'a>(Writer<'a>);

impl Key<'_> {
    fn quoted(self, value: impl Display) -> Written {
        ser::Serializer::serialize_str(self.0, &value.to_string())
    }

    fn refused() -> JsonWriteError {
        JsonWriteError("a key of a JSON object must be a text".to_owned())
    }
}

macro_rules! quoted_keys {
    ($($name:ident: $kind:ty),*) => {
        $(fn $name(self, value: $kind) -> Written {
            self.quoted(value)
        })*
    };
}

macro_rules! refused_keys {
    ($($name:ident($($kind:ty),*) -> $out:ty;)*) => {
        $(fn $name(self, $(_: $kind),*) -> Result<$out, JsonWriteError> {
            Err(Self::refused())
        })*
    };
}

type None = Impossible<(), JsonWriteError>;

impl ser::Serializer for Key<'_> {
    type Ok = ();
    type Error = JsonWriteError;
    type SerializeSeq = None;
    type SerializeTuple = None;
    type SerializeTupleStruct = None;
    type SerializeTupleVariant = None;
    type SerializeMap = None;
    type SerializeStruct = None;
    type SerializeStructVariant = None;

    fn serialize_str(self, value: &str) -> Written {
        ser::Serializer::serialize_str(self.0, value)
    }

    quoted_keys!(
        serialize_bool: bool, serialize_char: char,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        ser::Serializer::serialize_str(self.0, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(Self::refused())
    }

    refused_keys! {
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> None;
        serialize_tuple(usize) -> None;
        serialize_tuple_struct(&'static str, usize) -> None;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> None;
        serialize_map(Option<usize>) -> None;
        serialize_struct(&'static str, usize) -> None;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[derive(Serialize, Clone)]
    enum Kind {
        Bare,
        One(String),
        Two(u8, f64),
        Named { a: i64 },
    }

    #[derive(Serialize)]
    struct Everything {
        #[serde(rename = "odd \"name\"")]
        odd: Option<f64>,
        text: String,
        letter: char,
        kinds: Vec<Kind>,
        by_number: BTreeMap<i32, bool>,
        pair: (f32, u64),
        unit: (),
        #[serde(flatten)]
        more: BTreeMap<String, Value>,
    }

    fn written<T: Serialize>(value: &T) -> String {
        let mut out = String::new();
        write_json(&mut out, value).unwrap();
        out
    }

    proptest! {
        #[test]
        fn it_writes_what_serde_json_writes(
            texts in prop::collection::vec("(\\PC|[\u{0}-\u{20}\"\\\\\u{7f}]){0,24}", 3), odd in any::<Option<f64>>(),
            letter in any::<char>(), number in any::<i64>(), pair in any::<(f32, u64)>(),
        ) {
            let kinds = vec![Kind::Bare, Kind::One(texts[0].clone()), Kind::Two(3, 0.1), Kind::Named { a: number }];
            let more = [(texts[1].clone(), serde_json::json!({"list": [1, null, texts[2], []], "empty": {}}))].into();
            let by_number = [(-1, true), (7, false)].into();
            let all = Everything { odd, text: texts[2].clone(), letter, kinds, by_number, pair, unit: (), more };
            prop_assert_eq!(written(&all), serde_json::to_string(&all).unwrap());
        }

        #[test]
        fn what_is_escaped_is_found_wherever_it_stands(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let plain = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
            prop_assert_eq!(first_escaped(&bytes), plain);
        }
    }

    #[test]
    fn keys_that_are_no_texts_are_refused() {
        let map: BTreeMap<Vec<u8>, u8> = [(vec![1], 2)].into();
        let error = write_json(&mut String::new(), &map).unwrap_err();
        assert_eq!(error.to_string(), "a key of a JSON object must be a text");
    }
}
