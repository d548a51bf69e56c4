"""Sources of another benchmark, in the form that ``bench.outside`` reads; nothing of them is its own."""

from __future__ import annotations

from pathlib import Path

INGRESS = """
impl Dialect {
    /// Where it is asked.
    pub fn path(&self, model: &str) -> String {
        match self {
            Dialect::Openai => "/one".to_string(),
            Dialect::OpenaiResponses => "/two".to_string(),
            Dialect::Anthropic => "/three".to_string(),
            Dialect::Gemini => format!("/four/{model}:ask"),
            Dialect::Cohere => "/five".to_string(),
            Dialect::Bedrock => format!("/six/{model}"),
        }
    }

    pub fn body(&self, model: &str) -> String {
        match self {
            Dialect::Openai => {
                // A comment => "nothing"
                format!(
                    r#"{{"model":"{model}"}}"#
                )
            }
            Dialect::OpenaiResponses => format!(r#"{{"m":"{model}"}}"#),
            Dialect::Anthropic => format!(r#"{{"a":"{model}"}}"#),
            Dialect::Gemini => r#"{"ask":[{}]}"#.to_string(),
            Dialect::Cohere => "{\\"c\\":1}".to_string(),
            Dialect::Bedrock => {
                r#"{"b":[]}"#.to_string()
            }
        }
    }

    pub fn auth_headers(&self, auth: &str) -> Vec<(String, String)> {
        match self {
            Dialect::Anthropic => vec![
                ("x-key".to_string(), auth.to_string()),
                ("version".to_string(), "1".to_string()),
            ],
            Dialect::Gemini => vec![("g-key".to_string(), auth.to_string())],
            Dialect::Openai | Dialect::OpenaiResponses | Dialect::Cohere | Dialect::Bedrock => {
                vec![("authorization".to_string(), format!("Bearer {auth}"))]
            }
        }
    }
}
"""
MOCK = """
const OPENAI: &[u8] = br#"{"choices":[{"message":{"content":"ok"}}]}"#;
const RESPONSES: &[u8] = br#"{"output":[{"type":"message"}]}"#;
const ANTHROPIC: &[u8] = br#"{"content":[{"text":"ok"}]}"#;
const GEMINI: &[u8] = br#"{"candidates":[{"content":{"parts":[]}}]}"#;
const BEDROCK: &[u8] = br#"{"output":{"message":{"content":[]}}}"#;
const COHERE: &[u8] = br#"{"message":{"content":[1]}}"#;
const MODELS_OPENAI: &[u8] = br#"{"data":[]}"#;
    let chunks = envn("MOCK_STREAM_CHUNKS", 4) as u32;
    let interval = envn("MOCK_STREAM_INTERVAL_MS", 20);
    let size = envn("MOCK_STREAM_CHUNK_BYTES", 1_6) as usize;
"""
METRIC = """
// pub const MEMORY_WINDOW_CONCURRENCY: u32 = 7;
pub const MEMORY_WINDOW_CONCURRENCY: u32 = 32;
pub const MEMORY_PLATEAU_WINDOW_S: f64 = 60.0;
pub const MEMORY_LOAD_S: u64 = 300;
pub const MEMORY_RECOVERY_S: u64 = 30;
pub const MEMORY_IDLE_S: u64 = 20;
pub const MEMORY_TREND_PCT: f64 = 1.5;
pub const MEMORY_RANGE_PCT: f64 = 2.5;
"""
RUN = """
pub const STREAM_STALL_MULTIPLIER: u64 = 10;
pub const STREAM_MIN_DELIVERY_RATIO: f64 = 1.0;
pub const STREAM_MAX_ERROR_RATIO: f64 = 0.1;
"""
SOURCES = {
    "engine/src/ingress.rs": INGRESS,
    "engine/src/frontier.rs": "pub const P99_BOUNDS_US: [u64; 2] = [1_000, 50_000];\n",
    "engine/src/search.rs": "pub const WINDOWS_PER_RUNG: usize = 3;\n",
    "engine/src/metric.rs": METRIC,
    "engine/src/run.rs": RUN,
    "mock/src/main.rs": MOCK,
}


def write_sources(directory: Path) -> Path:
    """A checkout of them."""
    for name, text in SOURCES.items():
        path = directory / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory / "checkout"
