//! Text to learn from: files and folders, cut into tokens.

use crate::bpe::learn_merges;
use crate::error::TrainError;
use crate::reader::Reader;
use crate::rng::Rng;
use crate::vocabulary::Vocabulary;
use std::fs;
use std::path::{Path, PathBuf};

/// Which files to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusOptions {
    /// Endings of files to take out of folders, without the dot; none takes every file that is text.
    pub endings: Vec<String>,
    /// Bytes of a file of a folder at most; longer ones are often tables that a program wrote.
    pub max_file: u64,
    /// Bytes to take at most; files come in a random order that does not change.
    pub max_bytes: u64,
}

impl Default for CorpusOptions {
    /// Every file that is text and no longer than 128 KB, 64 MB at most.
    fn default() -> Self {
        Self { endings: Vec::new(), max_file: 128 << 10, max_bytes: 64 << 20 }
    }
}

/// Tokens to train on, and tokens to validate on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// To train on.
    pub train: Vec<u32>,
    /// To validate on: a twentieth of all, from the end, and so mostly from files of their own.
    pub validation: Vec<u32>,
    /// Files read.
    pub files: usize,
    /// Files passed over because they are no text.
    pub skipped: usize,
}

impl Corpus {
    /// Reads files and folders. Each file ends with the vocabulary's end of text.
    ///
    /// # Errors
    ///
    /// A path that cannot be read, a file named by itself that is not UTF-8 text, or no text at all.
    pub fn read(paths: &[PathBuf], options: &CorpusOptions, vocabulary: &Vocabulary) -> Result<Self, TrainError> {
        let mut reader = Reader::new(vocabulary);
        let mut tokens = Vec::new();
        let (read, skipped) = texts(paths, options, options.max_bytes, |text| {
            tokens.extend(reader.read(text.as_bytes()));
            tokens.push(vocabulary.end);
        })?;
        let validation = tokens.split_off(tokens.len() - tokens.len() / 20);
        Ok(Self { train: tokens, validation, files: read, skipped })
    }

    /// Learns a byte-pair vocabulary of at most `size` tokens from the first 8 MB of what
    /// [`Corpus::read`] trains on.
    ///
    /// # Errors
    ///
    /// As [`Corpus::read`]; a size below the 257 tokens that every vocabulary of bytes has.
    pub fn learn(paths: &[PathBuf], options: &CorpusOptions, size: usize) -> Result<Vocabulary, TrainError> {
        let least = Vocabulary::bytes().len();
        if !(least..=MOST_TOKENS).contains(&size) {
            let need = format!("a number from {least} to {MOST_TOKENS}");
            return Err(TrainError::setting("the size of the vocabulary", size, need));
        }
        if size == least {
            return Ok(Vocabulary::bytes());
        }
        let mut all: Vec<String> = Vec::new();
        texts(paths, options, options.max_bytes.min(LEARNT), |text| all.push(text.to_owned()))?;
        let bytes: usize = all.iter().map(String::len).sum();
        // Of a small corpus the end is kept for validation.
        let mut left = if bytes as u64 >= LEARNT { bytes } else { bytes - bytes / 20 };
        let seen = all.iter().map_while(|text| {
            let end = text.floor_char_boundary(left);
            left -= end;
            (end > 0).then(|| &text[..end])
        });
        Ok(learn_merges(seen, size))
    }
}

/// Bytes that merges are learnt from, at most.
const LEARNT: u64 = 8 << 20;
/// Tokens of a vocabulary, at most.
const MOST_TOKENS: usize = 1 << 16;

/// Hands on the texts of files and folders until there are `most` bytes; gives the number of files read and
/// of those that are no text.
fn texts(
    paths: &[PathBuf],
    options: &CorpusOptions,
    most: u64,
    mut take: impl FnMut(&str),
) -> Result<(usize, usize), TrainError> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| TrainError::Read { path: path.clone(), source })?;
        if metadata.is_dir() {
            collect(path, options, &mut files)?;
        } else {
            text(path)?.ok_or_else(|| TrainError::Corpus {
                path: path.clone(),
                problem: "is not UTF-8 text; give text files, or folders whose other files are passed over".into(),
            })?;
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    // The order of names would put whole projects at the end and so into the validation.
    let mut rng = Rng::stream(0, 0);
    for last in (1..files.len()).rev() {
        files.swap(last, rng.below(last + 1));
    }
    let mut bytes = 0;
    let (mut read, mut skipped) = (0, 0);
    for file in &files {
        if bytes >= most {
            break;
        }
        let Some(text) = text(file)? else {
            skipped += 1;
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        read += 1;
        bytes += text.len() as u64;
        take(&text);
    }
    if read == 0 {
        let path = paths.first().cloned().unwrap_or_default();
        let problem = format!("holds no text ({} files, {skipped} of them no text)", files.len());
        return Err(TrainError::Corpus { path, problem });
    }
    Ok((read, skipped))
}

/// Collects the files under `folder`, hidden ones and links left out.
fn collect(folder: &Path, options: &CorpusOptions, into: &mut Vec<PathBuf>) -> Result<(), TrainError> {
    let fail = |source| TrainError::Read { path: folder.to_path_buf(), source };
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            collect(&path, options, into)?;
        } else if kind.is_file() {
            let ending = path.extension().unwrap_or_default().to_string_lossy();
            let wanted = options.endings.is_empty() || options.endings.iter().any(|e| *e == ending);
            if wanted && entry.metadata().map_err(fail)?.len() <= options.max_file {
                into.push(path);
            }
        }
    }
    Ok(())
}

/// The text of a file, and nothing where it is no text.
fn text(path: &Path) -> Result<Option<String>, TrainError> {
    let bytes = fs::read(path).map_err(|source| TrainError::Read { path: path.to_path_buf(), source })?;
    if bytes.contains(&0) {
        return Ok(None);
    }
    Ok(String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_texts_and_pass_over_the_rest() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("sub/.git")).unwrap();
        for (name, bytes) in [
            ("a.rs", &b"aaaa"[..]),
            ("sub/b.md", b"bbbb"),
            ("sub/c.bin", b"c\0c"),
            ("d.rs", b" "),
            ("sub/.git/e.rs", b"e"),
        ] {
            fs::write(at(name), bytes).unwrap();
        }
        let v = Vocabulary::bytes();
        let read = |options: &CorpusOptions| Corpus::read(&[root.path().into()], options, &v).unwrap();
        let corpus = read(&CorpusOptions::default());
        assert_eq!((corpus.files, corpus.skipped), (2, 1));
        assert_eq!(corpus.train.len() + corpus.validation.len(), 10);
        assert_eq!(corpus, read(&CorpusOptions::default()));
        let only = read(&CorpusOptions { endings: vec!["rs".into()], ..CorpusOptions::default() });
        assert_eq!(only.train, [97, 97, 97, 97, 256]);
        assert_eq!(read(&CorpusOptions { max_bytes: 1, ..CorpusOptions::default() }).files, 1);
    }

    #[test]
    fn a_vocabulary_is_learnt_from_what_is_trained_on() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.txt");
        // The last twentieth is for validation, and so is its word.
        fs::write(&file, "some words ".repeat(100) + &"zz".repeat(20)).unwrap();
        let learn = |size| Corpus::learn(std::slice::from_ref(&file), &CorpusOptions::default(), size);
        let v = learn(300).unwrap();
        let has = |text: &str| v.pieces.iter().any(|p| p.bytes == text.as_bytes());
        assert!(has(" words") && !has("zz"));
        let read = |v: &Vocabulary| Corpus::read(std::slice::from_ref(&file), &CorpusOptions::default(), v).unwrap();
        let bytes = read(&Vocabulary::bytes());
        let merged = read(&v);
        assert!(merged.train.len() * 3 < bytes.train.len(), "{}", merged.train.len());
        assert!(learn(256).unwrap_err().to_string().contains("257"));
    }

    #[test]
    fn bad_corpora_are_named() {
        let root = tempfile::tempdir().unwrap();
        let read = |path: PathBuf| {
            Corpus::read(&[path], &CorpusOptions::default(), &Vocabulary::bytes()).unwrap_err().to_string()
        };
        assert!(read(root.path().into()).contains("holds no text"));
        assert!(read(root.path().join("absent")).contains("cannot read"));
        let binary = root.path().join("x");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(read(binary).contains("not UTF-8 text"));
        let empty = root.path().join("empty.txt");
        fs::write(&empty, "").unwrap();
        assert!(read(empty).contains("holds no text"));
    }
}
