/** Bounds of what describes a tokenizer, wherever it stands: it comes from a stranger. */

/** Of tokenizer.json, and of a GGUF header as far as text is concerned. The largest in use have 33 MiB. */
export const TOKENIZER_BYTES_MAX = 64 * 1024 * 1024
export const MERGES_MAX = 2 ** 21
export const ADDED_TOKENS_MAX = 2 ** 16
