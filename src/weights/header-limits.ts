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
