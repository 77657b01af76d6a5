/** Limits of model file headers. Files come from strangers: each bound stands before an allocation. */

/** The safetensors library refuses more. */
export const SAFETENSORS_HEADER_BYTES_MAX = 100_000_000
export const TENSOR_COUNT_MAX = 100_000
export const TENSOR_DIMENSIONS_MAX = 8
export const GGUF_DIMENSIONS_MAX = 4
export const GGUF_KEYS_MAX = 10_000
export const GGUF_KEY_BYTES_MAX = 65_535
export const GGUF_ALIGNMENT_MAX = 1024 * 1024
/** Names of dimensions and counts stay exact numbers below it. */
export const ELEMENTS_MAX = Number.MAX_SAFE_INTEGER

/** Of config.json: far above any model, so that no product of them is worth an attack. */
export const CONFIG_BYTES_MAX = 4 * 1024 * 1024
/** llama.cpp ends the process above it; likewise for experts. */
export const LAYERS_MAX = 512
export const EXPERTS_MAX = 512
export const WIDTH_MAX = 1_000_000
export const VOCABULARY_MAX = 10_000_000
export const CONTEXT_TOKENS_MAX = 100_000_000
/** Of a model in several files. */
export const INDEX_BYTES_MAX = 32 * 1024 * 1024
export const SHARDS_MAX = 10_000
/** Of an adapter: ranks above it are full fine-tuning by another name. */
export const ADAPTER_RANK_MAX = 4_096
export const ADAPTER_MODULES_MAX = 100_000
