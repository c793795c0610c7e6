//! Verifiers of one's own as WebAssembly modules. A module gets no imports: no files, no network, no
//! clock and no randomness, only the two texts, a bounded memory and a bounded number of steps. So it
//! runs anywhere, and says the same each time.
//!
//! It exports a `memory` and two functions:
//!
//! - `alloc(bytes: i32) -> i32`: where so many bytes may be written.
//! - `score(prompt: i32, prompt_bytes: i32, reply: i32, reply_bytes: i32) -> f64`: a number in [0, 1];
//!   1 is right for certain. Both texts are UTF-8; the prompt is the last message of the user.

use outthink_core::{EngineError, Judging, Origin, Prompt, Sample, Verdict, Verifier};
use std::sync::Arc;
use wasmi::{Config, Engine, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, TrapCode};

/// What one judgement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WasmLimits {
    /// Instructions, about.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory: usize,
}

impl Default for WasmLimits {
    /// A billion instructions, which take some seconds, and 64 MiB.
    fn default() -> Self {
        Self { fuel: 1_000_000_000, memory: 64 << 20 }
    }
}

/// Scores replies by a WebAssembly module, made anew for each.
#[derive(Clone)]
pub struct WasmVerifier {
    name: String,
    module: Arc<Module>,
    limits: WasmLimits,
}

impl std::fmt::Debug for WasmVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmVerifier").field("name", &self.name).finish_non_exhaustive()
    }
}

impl WasmVerifier {
    /// From a module's bytes; `name` is told in traces. The module is tried once on empty texts.
    ///
    /// # Errors
    /// If the bytes are no module, the module imports anything, lacks an export, or fails on empty texts.
    pub fn new(name: impl Into<String>, bytes: &[u8], limits: WasmLimits) -> Result<Self, EngineError> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let module = Module::new(&Engine::new(&config), bytes)
            .map_err(|e| unusable(&e.to_string(), "build it for the target wasm32-unknown-unknown"))?;
        if let Some(import) = module.imports().next() {
            let what = format!("it imports {}.{}", import.module(), import.name());
            return Err(unusable(&what, "a verifier gets no imports: build it for wasm32-unknown-unknown, not WASI"));
        }
        let made = Self { name: name.into(), module: Arc::new(module), limits };
        made.run("", "").map_err(|why| unusable(&why, "see docs/strategies.md for what a module exports"))?;
        Ok(made)
    }

    /// The score of a reply, or what went wrong.
    fn run(&self, prompt: &str, reply: &str) -> Result<f64, String> {
        let limits = StoreLimitsBuilder::new().memory_size(self.limits.memory).instances(1).memories(1).build();
        let mut store: Store<StoreLimits> = Store::new(self.module.engine(), limits);
        store.limiter(|limits| limits);
        store.set_fuel(self.limits.fuel).map_err(|e| e.to_string())?;
        let linker = Linker::new(self.module.engine());
        let instance = linker.instantiate_and_start(&mut store, &self.module).map_err(|e| e.to_string())?;
        let memory = instance.get_memory(&store, "memory").ok_or("it exports no memory")?;
        let alloc = instance.get_typed_func::<i32, i32>(&store, "alloc").map_err(|e| format!("alloc: {e}"))?;
        let score =
            instance.get_typed_func::<(i32, i32, i32, i32), f64>(&store, "score").map_err(|e| format!("score: {e}"))?;
        let mut write = |text: &str| -> Result<(i32, i32), String> {
            let bytes = i32::try_from(text.len()).map_err(|_| "the text is too long")?;
            let at = alloc.call(&mut store, bytes).map_err(|e| e.to_string())?;
            // Addresses of 32 bits are unsigned; the type of the call is not.
            memory.write(&mut store, at.cast_unsigned() as usize, text.as_bytes()).map_err(|e| e.to_string())?;
            Ok((at, bytes))
        };
        let ((prompt, prompt_bytes), (reply, reply_bytes)) = (write(prompt)?, write(reply)?);
        let score = score.call(&mut store, (prompt, prompt_bytes, reply, reply_bytes)).map_err(|e| {
            if e.as_trap_code() == Some(TrapCode::OutOfFuel) {
                "it takes too many steps".to_owned()
            } else {
                e.to_string()
            }
        })?;
        if (0.0..=1.0).contains(&score) { Ok(score) } else { Err(format!("its score is {score}, not in [0, 1]")) }
    }
}

fn unusable(what: &str, mend: &str) -> EngineError {
    EngineError::new(Origin::Caller, format!("the module cannot judge: {what}")).with_hint(mend)
}

impl Verifier for WasmVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn score<'a>(&'a self, prompt: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        Box::pin(async move {
            let prompt = prompt.last_user_text().unwrap_or_default();
            let (reply, own) = (sample.content.clone(), self.clone());
            // Seconds of computing would hold up everything else on this thread.
            let ran = tokio::task::spawn_blocking(move || own.run(&prompt, &reply)).await;
            let score = match ran {
                Ok(Ok(score)) => score,
                Ok(Err(why)) => return Err(EngineError::new(Origin::Engine, format!("verifier {}: {why}", self.name))),
                Err(_) => return Err(EngineError::new(Origin::Internal, format!("verifier {} broke off", self.name))),
            };
            Ok(Verdict { score: Some(score), ..Verdict::default() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module whose `score` is `body`, over the reply's address `$r` and length `$n`.
    fn module(body: &str) -> Vec<u8> {
        let text = format!(
            r#"(module (memory (export "memory") 1) (global $next (mut i32) (i32.const 16))
              (func (export "alloc") (param $bytes i32) (result i32)
                (global.get $next) (global.set $next (i32.add (global.get $next) (local.get $bytes))))
              (func (export "score") (param $p i32) (param $m i32) (param $r i32) (param $n i32) (result f64) {body}))"#
        );
        wat::parse_str(text).unwrap()
    }

    fn verifier(body: &str) -> Result<WasmVerifier, EngineError> {
        WasmVerifier::new("own", &module(body), WasmLimits { fuel: 100_000, memory: 1 << 20 })
    }

    #[tokio::test]
    async fn a_module_reads_the_reply_and_scores_it() {
        // Whether the reply begins with a capital A.
        let body = "(if (result f64) (i32.eqz (local.get $n)) (then (f64.const 0)) \
                    (else (f64.convert_i32_u (i32.eq (i32.load8_u (local.get $r)) (i32.const 65)))))";
        let own = verifier(body).unwrap();
        assert_eq!((own.run("2+2?", "A fine day"), own.run("2+2?", "fine")), (Ok(1.0), Ok(0.0)));
        // Each judgement has a memory of its own.
        assert_eq!(own.run("", &"A".repeat(60_000)), Ok(1.0));
        assert_eq!(own.run("", &"A".repeat(60_000)), Ok(1.0));
    }

    #[test]
    fn what_cannot_judge_is_told_at_once() {
        let told = |made: Result<WasmVerifier, EngineError>| made.map(|_| ()).unwrap_err().to_string();
        assert!(told(verifier("(f64.const 2)")).contains("not in [0, 1]"));
        assert!(told(verifier("(loop (br 0)) (f64.const 1)")).contains("too many steps"));
        assert!(told(verifier("(unreachable)")).contains("cannot judge"));
        assert!(told(WasmVerifier::new("own", b"no module", WasmLimits::default())).contains("cannot judge"));
        let imports = wat::parse_str(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#).unwrap();
        assert!(told(WasmVerifier::new("own", &imports, WasmLimits::default())).contains("imports"));
        let bare = wat::parse_str("(module)").unwrap();
        assert!(told(WasmVerifier::new("own", &bare, WasmLimits::default())).contains("memory"));
    }

    #[test]
    fn memory_is_bounded() {
        let body = "(drop (memory.grow (i32.const 1000))) \
                    (f64.convert_i32_u (i32.lt_u (memory.size) (i32.const 17)))";
        assert_eq!(verifier(body).unwrap().run("", "x"), Ok(1.0));
    }
}
