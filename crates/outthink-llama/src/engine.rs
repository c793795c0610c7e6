//! The engine as others see it: loading, and requests in.

use crate::detok::Detokenizer;
use crate::options::{LlamaOptions, free_threads};
use crate::sampler::Sampler;
use crate::scheduler::{self, Setup};
use crate::sequence::{Job, Member, Update};
use crate::template;
use futures_channel::mpsc as updates;
use futures_core::Stream;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use outthink_core::{Capabilities, Engine, EngineError, ModelInfo, Origin, SampleEvent, SampleRequest, SampleStream};
use std::io::Read;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

/// A GGUF model in this process. Dropping it ends the samples in flight with an error.
#[derive(Debug)]
pub struct LlamaEngine {
    info: ModelInfo,
    model: Arc<LlamaModel>,
    /// Tokens of one sample at most, its prompt included.
    limit: usize,
    jobs: Option<mpsc::Sender<Job>>,
    prefilled: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// llama.cpp's process-wide state, made once; its log goes to `tracing`.
pub(crate) fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Result<LlamaBackend, EngineError>> = OnceLock::new();
    let made = BACKEND.get_or_init(|| {
        llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
        #[cfg(feature = "portable")]
        load_kernels();
        LlamaBackend::init().map_err(|e| EngineError::new(Origin::Engine, format!("llama.cpp did not start ({e})")))
    });
    made.as_ref().map_err(Clone::clone)
}

/// Loads the kernels that fit this processor best: from beside the program, or, while it lies where it
/// was built, from the build's own folder. ggml's own search would take in the current folder, too,
/// and run whatever library lies there.
#[cfg(feature = "portable")]
fn load_kernels() {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    let beside = program.as_deref().and_then(Path::parent).filter(|folder| has_kernels(folder));
    match beside {
        Some(folder) => llama_cpp_2::llama_backend::load_backends_from_path(folder),
        None => llama_cpp_2::llama_backend::load_backends(),
    }
}

/// Whether a folder holds kernels, and has a name that can be handed to ggml.
#[cfg(feature = "portable")]
fn has_kernels(folder: &Path) -> bool {
    let is_one = |name: &std::ffi::OsStr| name.to_string_lossy().contains("ggml-cpu");
    folder.to_str().is_some()
        && std::fs::read_dir(folder).is_ok_and(|files| files.flatten().any(|file| is_one(&file.file_name())))
}

/// Reads a model file, after a look at whether it is one.
pub(crate) fn load_model(path: &Path) -> Result<LlamaModel, EngineError> {
    let shown = path.display();
    let bad = |message: String, hint: &str| Err(EngineError::new(Origin::Caller, message).with_hint(hint));
    let mut magic = [0_u8; 4];
    match std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return bad(format!("the model file {shown} is empty or cut off"), "fetch it again");
        }
        Err(error) => {
            return bad(format!("cannot read the model file {shown} ({error})"), "check its path, or fetch it first");
        }
        Ok(()) if &magic != b"GGUF" => {
            return bad(format!("{shown} is no GGUF file"), "give a model in llama.cpp's format, `*.gguf`");
        }
        Ok(()) => {}
    }
    let model = LlamaModel::load_from_file(backend()?, path, &LlamaModelParams::default());
    model.or_else(|error| {
        bad(
            format!("llama.cpp cannot load {shown} ({error})"),
            "the file may be cut off: compare its size or checksum and fetch it again",
        )
    })
}

impl LlamaEngine {
    /// Loads a model and starts the thread that runs it.
    ///
    /// # Errors
    ///
    /// A file that is missing, cut off or no GGUF; a context that does not fit into memory.
    #[expect(clippy::needless_pass_by_value, reason = "options are made for one engine")]
    pub fn load(path: &Path, options: LlamaOptions) -> Result<Self, EngineError> {
        let backend = backend()?;
        let model = Arc::new(load_model(path)?);
        let id = if options.model_id.is_empty() {
            path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        } else {
            options.model_id.clone()
        };
        let setup = Setup::new(&model, &options, options.threads.unwrap_or_else(free_threads).max(1));
        let limit = setup.limit;
        let prefilled = Arc::clone(&setup.prefilled);
        let (jobs, inbox) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("outthink-llama".to_owned())
            .spawn({
                let model = Arc::clone(&model);
                move || scheduler::run(backend, &model, &setup, &inbox, &ready)
            })
            .map_err(|e| EngineError::new(Origin::Engine, format!("cannot start the model's thread ({e})")))?;
        let stopped = || Err(EngineError::new(Origin::Internal, "the model's thread ended while it started"));
        started.recv().unwrap_or_else(|_| stopped())?;
        let info = ModelInfo { id, context: Some(limit as u64), price: options.price };
        Ok(Self { info, model, limit, jobs: Some(jobs), prefilled, thread: Some(thread) })
    }

    /// Prompt tokens that were computed so far, and not taken from the cache.
    pub fn prefilled(&self) -> u64 {
        self.prefilled.load(Ordering::Relaxed)
    }

    pub(crate) fn llama(&self) -> &LlamaModel {
        &self.model
    }

    /// The tokens that the model reads for a request.
    pub(crate) fn prompt_tokens(&self, request: &SampleRequest) -> Result<Arc<[LlamaToken]>, EngineError> {
        Ok(self.prepare(request)?.tokens)
    }

    /// Turns a request into a job, without its members.
    fn prepare(&self, request: &SampleRequest) -> Result<Job, EngineError> {
        let mut text = template::render(&self.model, &request.prompt)?;
        let grammar = template::grammar(&request.prompt)?;
        // A template may open the thought itself; only the last line tells.
        let mut opening = if text.trim_end().ends_with("<think>") { "<think>".to_owned() } else { String::new() };
        if let Some(prefix) = &request.prefix {
            // A template that opens the thought itself must not get it opened twice.
            let own = match prefix.strip_prefix("<think>").filter(|_| !opening.is_empty()) {
                Some(thought) if text.ends_with('\n') => thought.strip_prefix('\n').unwrap_or(thought),
                Some(thought) => thought,
                None => prefix,
            };
            text.push_str(own);
            opening.push_str(own);
        }
        let vocab = self.model.vocab();
        let tokens =
            vocab.tokenize(text.as_bytes(), vocab.should_add_bos() && !starts_with_bos(&self.model, &text), true);
        if tokens.is_empty() || tokens.len() >= self.limit {
            return Err(EngineError::new(
                Origin::Caller,
                format!("the prompt has {} tokens and the context {}", tokens.len(), self.limit),
            )
            .with_hint("shorten the prompt, or load the model with a larger context"));
        }
        let room = (self.limit - tokens.len()) as u64;
        Ok(Job {
            tokens: tokens.into(),
            max_tokens: request.max_tokens.clamp(1, room) as usize,
            grammar,
            logprobs: request.logprobs,
            keep: request.may_continue,
            confidence_over: request.confidence_over as usize,
            members: Vec::new(),
            opening,
        })
    }
}

/// Whether the template wrote the text's first special token itself.
fn starts_with_bos(model: &LlamaModel, text: &str) -> bool {
    let bos = model.vocab().token_to_piece(model.vocab().bos(), true, None);
    !bos.is_empty() && text.as_bytes().starts_with(&bos)
}

impl Engine for LlamaEngine {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { continuation: true, logprobs: true, shared_prefill: true }
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let mut streams: Vec<SampleStream> = Vec::with_capacity(request.seeds.len());
        let prepared = self.prepare(&request);
        let mut members = Vec::with_capacity(request.seeds.len());
        for &seed in &request.seeds {
            let (sender, receiver) = updates::unbounded();
            let cancelled = Arc::new(AtomicBool::new(false));
            streams.push(Box::pin(Receiver { updates: receiver, cancelled: Cancel(Arc::clone(&cancelled)) }));
            match &prepared {
                Ok(job) => members.push(Member {
                    updates: sender,
                    cancelled,
                    sampler: Sampler::new(&request.sampling, seed),
                    text: Detokenizer::new(&request.sampling.stop, &job.opening),
                }),
                Err(error) => drop(sender.unbounded_send(Err(error.clone()))),
            }
        }
        if let Ok(job) = prepared
            && let Some(jobs) = &self.jobs
            && let Err(mpsc::SendError(job)) = jobs.send(Job { members, ..job })
        {
            for member in job.members {
                let error = EngineError::new(Origin::Engine, "the model's thread has ended");
                drop(member.updates.unbounded_send(Err(error.with_hint("load the model again"))));
            }
        }
        streams
    }
}

impl Drop for LlamaEngine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Tells the thread that nobody listens any more.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Receiver {
    updates: updates::UnboundedReceiver<Update>,
    #[expect(dead_code, reason = "held for what its drop does")]
    cancelled: Cancel,
}

impl Stream for Receiver {
    type Item = Result<SampleEvent, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.updates).poll_next(cx)
    }
}
