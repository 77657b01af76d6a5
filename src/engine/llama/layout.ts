/**
 * The structs of llama.cpp's C interface as releases v0.4.0 and v0.5.0 lay them out. Nothing in a library says its
 * layout, so it is told by sizes and by default values that stand where they should: a library that differs is refused
 * before a single pointer is passed.
 */
import { AppError } from '../../base/app-error.ts'
import type { Koffi } from './libraries.ts'

/** Field and C type, in order. */
const STRUCTS: Readonly<Record<string, string>> = {
  model_params: `devices void*, tensor_buft_overrides void*, n_gpu_layers int32, split_mode int32, load_mode int32,
    lazy_mode int32, main_gpu int32, tensor_split void*, progress_callback void*, progress_callback_user_data void*,
    kv_overrides void*, vocab_only bool, check_tensors bool, use_extra_bufts bool, no_host bool, no_alloc bool,
    load_mtp bool`,
  context_params: `n_ctx uint32, n_batch uint32, n_ubatch uint32, n_seq_max uint32, n_rs_seq uint32,
    n_outputs_max uint32, n_outputs_max_per_seq uint32, n_threads int32, n_threads_batch int32, ctx_type int32,
    rope_scaling_type int32, pooling_type int32, attention_type int32, flash_attn_type int32, rope_freq_base float,
    rope_freq_scale float, yarn_ext_factor float, yarn_attn_factor float, yarn_beta_fast float, yarn_beta_slow float,
    yarn_orig_ctx uint32, defrag_thold float, cb_eval void*, cb_eval_user_data void*, type_k int32, type_v int32,
    abort_callback void*, abort_callback_data void*, embeddings bool, offload_kqv bool, no_perf bool, op_offload bool,
    swa_full bool, kv_unified bool, samplers void*, n_samplers size_t, ctx_other void*`,
  batch: 'n_tokens int32, token void*, embd void*, pos void*, n_seq_id void*, seq_id void*, logits void*',
  gguf_init: 'no_alloc bool, ctx void*',
  quantize_params: `nthread int32, ftype int32, output_tensor_type int32, token_embedding_type int32,
    allow_requantize bool, quantize_output_tensor bool, only_copy bool, pure bool, keep_split bool, dry_run bool,
    imatrix void*, kv_overrides void*, tt_overrides void*, prune_layers void*, max_buf size_t`,
}

export const SIZES: Readonly<Record<string, number>> = {
  model_params: 80,
  context_params: 160,
  batch: 56,
  gguf_init: 16,
  quantize_params: 64,
}

type Values = Readonly<Record<string, unknown>>

/** Default values that the library must return in these fields. */
export const MODEL_SENTINELS: Values = {
  n_gpu_layers: -1,
  split_mode: 1,
  load_mode: -1,
  lazy_mode: 1,
  use_extra_bufts: true,
}
export const CONTEXT_SENTINELS: Values = {
  ...{ n_ctx: 512, n_batch: 2048, n_ubatch: 512, n_seq_max: 1, n_outputs_max_per_seq: 1, n_threads: 4 },
  ...{ rope_scaling_type: -1, pooling_type: -1, attention_type: -1, flash_attn_type: -1, yarn_ext_factor: -1 },
  ...{ defrag_thold: -1, type_k: 1, type_v: 1, offload_kqv: true, no_perf: true, op_offload: true, swa_full: true },
  ...{ kv_unified: false, embeddings: false, n_samplers: 0 },
}

export function declareStructs(koffi: Koffi): void {
  for (const [name, fields] of Object.entries(STRUCTS)) koffi.struct(name, parseFields(fields))
}

function parseFields(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((field) => field.trim().split(/\s+/) as [string, string]))
}

export interface FoundLayout {
  readonly sizes: Readonly<Record<string, number>>
  readonly model: Values
  readonly context: Values
}

/** Names every field that is not where it should be. */
export function verifyLayout(release: string, found: FoundLayout): void {
  const wrong = [
    ...compare('size of ', SIZES, found.sizes),
    ...compare('model_params.', MODEL_SENTINELS, found.model),
    ...compare('context_params.', CONTEXT_SENTINELS, found.context),
  ]
  if (wrong.length === 0) return
  const message = `llama.cpp ${release} lays out its structs differently than expected: ${wrong.slice(0, 5).join(', ')}`
  throw new AppError('unsupported', 'ENGINE_LAYOUT_UNKNOWN', `${message}. Install the package's pinned version`)
}

function compare(prefix: string, wanted: Values, found: Values): string[] {
  return Object.entries(wanted)
    .filter(([key, value]) => Number(found[key]) !== Number(value))
    .map(([key, value]) => `${prefix}${key} is ${String(found[key])}, not ${String(value)}`)
}
