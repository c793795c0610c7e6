//! The engine as others see it: loading, and requests in.

use crate::adjust::{Adjust, Penalties};
use crate::chat::Chat;
use crate::detok::Detokenizer;
use crate::fields;
use crate::guard;
use crate::options::{LlamaOptions, free_threads};
use crate::sampler::Sampler;
use crate::scheduler::{self, Setup};
use crate::sequence::{Job, Member, ThoughtLimit, Update};
use crate::toolcall::Calls;
use futures_channel::mpsc::{self as updates, UnboundedSender};
use futures_core::Stream;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use outthink_core::{
    Capabilities, Engine, EngineError, ModelInfo, Origin, SampleEvent, SampleRequest, SampleStream, Source, Support,
    derive_seed,
};
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
    source: Arc<Source>,
    chat: Chat,
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
            return bad(format!("{shown} is not a GGUF file"), "give a model in llama.cpp's format, `*.gguf`");
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
        let source = Arc::new(Source { model: info.id.clone(), member: None, price: info.price });
        let chat = Chat::new(&model);
        Ok(Self { info, source, chat, model, limit, jobs: Some(jobs), prefilled, thread: Some(thread) })
    }

    /// Prompt tokens that were computed so far, and not taken from the cache.
    pub fn prefilled(&self) -> u64 {
        self.prefilled.load(Ordering::Relaxed)
    }

    /// The model itself, to look into its vocabulary and its data.
    pub fn llama(&self) -> &LlamaModel {
        &self.model
    }

    /// The tokens that the model reads for a request: its chat template's, with the texts of the messages as
    /// plain text.
    ///
    /// # Errors
    ///
    /// What [`Engine::start`] would refuse.
    pub fn prompt_tokens(&self, request: &SampleRequest) -> Result<Arc<[LlamaToken]>, EngineError> {
        Ok(self.prepare(request)?.job.tokens)
    }

    /// Turns a request into a job, without its members.
    fn prepare(&self, request: &SampleRequest) -> Result<Prepared, EngineError> {
        let vocab = self.model.vocab();
        let mut notes = fields::check(&request.prompt)?;
        let penalties = fields::penalties(&request.prompt, self.model.n_vocab() as usize)?;
        let grammar = fields::grammar(&request.prompt)?;
        let rendered = self.chat.render(Some(&self.model), request)?;
        if rendered.tools && grammar.is_some() {
            return Err(EngineError::new(Origin::Caller, "tools and a response format cannot be had together")
                .with_hint("leave out one of them"));
        }
        let tokens = guard::tokenize(&self.model, &rendered.parts);
        if tokens.is_empty() || tokens.len() >= self.limit {
            let message = format!("the prompt has {} tokens and the context {}", tokens.len(), self.limit);
            return Err(EngineError::new(Origin::Caller, message)
                .with_code("context_length_exceeded")
                .with_hint("shorten the prompt, or load the model with a larger context"));
        }
        notes.extend(rendered.notes);
        let thought = request
            .thinking
            .budget
            .filter(|_| self.chat.marks_thought())
            .map(|tokens| ThoughtLimit { tokens, close: vocab.tokenize(CLOSE_THOUGHT.as_bytes(), false, true).into() });
        if request.thinking.budget.is_some() && thought.is_none() {
            notes.push("this model does not mark its reasoning: its tokens were not limited".to_owned());
        }
        let room = (self.limit - tokens.len()) as u64;
        let tokens: Arc<[LlamaToken]> = tokens.into();
        let job = Job {
            tokens,
            max_tokens: request.max_tokens.map_or(room, |most| most.clamp(1, room)) as usize,
            grammar,
            logprobs: request.logprobs,
            keep: request.may_continue,
            confidence_over: request.confidence_over as usize,
            members: Vec::new(),
            opening: rendered.opening,
            source: Arc::clone(&self.source),
            notes,
            thought,
            tools: rendered.tools,
        };
        Ok(Prepared { job, penalties: Arc::new(penalties) })
    }
}

/// What closes a thought that has had its tokens.
const CLOSE_THOUGHT: &str = "\n</think>\n\n";

/// A job without its members, and what they all need.
struct Prepared {
    job: Job,
    penalties: Arc<Penalties>,
}

impl Prepared {
    fn member(&self, request: &SampleRequest, seed: u64, updates: UnboundedSender<Update>) -> Member {
        let mut text = Detokenizer::new(&request.sampling.stop, &self.job.opening);
        if self.job.tools {
            // Turns of one conversation differ in length, so that their calls have ids of their own.
            text = text.with_tools(Calls::new(derive_seed(seed, self.job.tokens.len() as u64)));
        }
        Member {
            updates,
            cancelled: Arc::new(AtomicBool::new(false)),
            sampler: Sampler::new(&request.sampling, seed),
            text,
            adjust: Adjust::new(&self.penalties, &self.job.tokens),
        }
    }
}

impl Engine for LlamaEngine {
    fn model(&self) -> &ModelInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            continuation: Support::Yes,
            logprobs: true,
            shared_prefill: true,
            effort: self.chat.has_switch(),
            thinking_budget: self.chat.marks_thought(),
        }
    }

    fn start(&self, request: SampleRequest) -> Vec<SampleStream> {
        let mut streams: Vec<SampleStream> = Vec::with_capacity(request.seeds.len());
        let prepared = self.prepare(&request);
        let mut members = Vec::with_capacity(request.seeds.len());
        for &seed in &request.seeds {
            let (sender, receiver) = updates::unbounded();
            let cancelled = match &prepared {
                Ok(prepared) => {
                    let member = prepared.member(&request, seed, sender);
                    let cancelled = Arc::clone(&member.cancelled);
                    members.push(member);
                    cancelled
                }
                Err(error) => {
                    drop(sender.unbounded_send(Err(error.clone())));
                    Arc::default()
                }
            };
            streams.push(Box::pin(Receiver { updates: receiver, cancelled: Cancel(cancelled) }));
        }
        if let Ok(Prepared { job, .. }) = prepared
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
