/** llama.cpp's functions, declared once a process and only after the layout of their structs is proved. */
import { declareStructs, SIZES, verifyLayout } from './layout.ts'
import { type Koffi, type NativeFunction, openLibraries, type Pointer } from './libraries.ts'

type Params = Record<string, unknown>

export interface Native {
  readonly koffi: Koffi
  readonly release: string
  modelParams(): Params
  contextParams(): Params
  quantizeParams(): Params
  ggufFromBuffer(bytes: Uint8Array, length: number, params: Params): Pointer
  ggufFree(gguf: Pointer): void
  tensorName(tensor: Pointer): string
  tensorBytes(tensor: Pointer): number | bigint
  tensorSet(tensor: Pointer, bytes: Uint8Array, offset: number, length: number): void
  modelFromUser(gguf: Pointer, setTensor: Pointer, data: null, params: Params): Pointer
  modelFromFile(path: string, params: Params): Pointer
  modelFree(model: Pointer): void
  /** Off the main thread. 0 is done. */
  modelQuantize(from: string, to: string, params: Params): Promise<number>
  hiddenSizeOf(model: Pointer): number
  layerCountOf(model: Pointer): number
  headCountOf(model: Pointer): number
  kvHeadCountOf(model: Pointer): number
  trainedContextOf(model: Pointer): number
  contextNew(model: Pointer, params: Params): Pointer
  contextFree(context: Pointer): void
  contextTokensOf(context: Pointer): number
  vocabOf(model: Pointer): Pointer
  vocabSize(vocab: Pointer): number
  vocabType(vocab: Pointer): number
  isEndOfGeneration(vocab: Pointer, token: number): boolean
  tokenize(
    v: Pointer,
    text: Uint8Array,
    bytes: number,
    out: Int32Array,
    max: number,
    bos: boolean,
    special: boolean,
  ): number
  pieceOf(vocab: Pointer, token: number, out: Uint8Array, max: number, lstrip: number, special: boolean): number
  batchNew(tokens: number, embeddings: number, sequences: number): Params
  batchFree(batch: Params): void
  /** Off the main thread. 0 done, 1 no room in the KV cache, 2 aborted, below 0 failed. */
  decode(context: Pointer, batch: Params): Promise<number>
  logits(context: Pointer): Pointer
  embeddingsOf(context: Pointer, sequence: number): Pointer
  memoryOf(context: Pointer): Pointer
  memoryClear(memory: Pointer, data: boolean): void
  memoryRemove(memory: Pointer, sequence: number, start: number, end: number): boolean
  memoryCopy(memory: Pointer, from: number, to: number, start: number, end: number): void
  adapterFromFile(model: Pointer, path: string): Pointer
  adapterFree(adapter: Pointer): void
  setAdapters(context: Pointer, adapters: Pointer[], count: number, weights: Float32Array): number
  /** strlen: as an abort callback it says 0 for a flag of zero and 1 once a byte is written in front of it. */
  readonly strlen: Pointer
  /** The last warnings and errors of llama.cpp's log since it was asked before: why a call failed. */
  takeLog(): string
}

const LOG_LINES_MAX = 20
const LOG_WARNING = 3

/** By method: library and C signature. */
const SIGNATURES: Readonly<Record<string, readonly ['base' | 'ggml' | 'llama', string]>> = {
  ggufFromBuffer: ['base', 'void* gguf_init_from_buffer(const void*, size_t, gguf_init)'],
  ggufFree: ['base', 'void gguf_free(void*)'],
  tensorName: ['base', 'const char* ggml_get_name(void*)'],
  tensorBytes: ['base', 'size_t ggml_nbytes(void*)'],
  tensorSet: ['base', 'void ggml_backend_tensor_set(void*, const void*, size_t, size_t)'],
  modelFromUser: ['llama', 'void* llama_model_init_from_user(void*, set_tensor*, void*, model_params)'],
  modelFromFile: ['llama', 'void* llama_model_load_from_file(const char*, model_params)'],
  modelFree: ['llama', 'void llama_model_free(void*)'],
  quantizeParams: ['llama', 'quantize_params llama_model_quantize_default_params()'],
  hiddenSizeOf: ['llama', 'int32 llama_model_n_embd(void*)'],
  layerCountOf: ['llama', 'int32 llama_model_n_layer(void*)'],
  headCountOf: ['llama', 'int32 llama_model_n_head(void*)'],
  kvHeadCountOf: ['llama', 'int32 llama_model_n_head_kv(void*)'],
  trainedContextOf: ['llama', 'int32 llama_model_n_ctx_train(void*)'],
  contextNew: ['llama', 'void* llama_init_from_model(void*, context_params)'],
  contextFree: ['llama', 'void llama_free(void*)'],
  contextTokensOf: ['llama', 'uint32 llama_n_ctx(void*)'],
  vocabOf: ['llama', 'void* llama_model_get_vocab(void*)'],
  vocabSize: ['llama', 'int32 llama_vocab_n_tokens(void*)'],
  vocabType: ['llama', 'int32 llama_vocab_type(void*)'],
  isEndOfGeneration: ['llama', 'bool llama_vocab_is_eog(void*, int32)'],
  tokenize: ['llama', 'int32 llama_tokenize(void*, const void*, int32, void*, int32, bool, bool)'],
  pieceOf: ['llama', 'int32 llama_token_to_piece(void*, int32, void*, int32, int32, bool)'],
  batchNew: ['llama', 'batch llama_batch_init(int32, int32, int32)'],
  batchFree: ['llama', 'void llama_batch_free(batch)'],
  logits: ['llama', 'void* llama_get_logits(void*)'],
  embeddingsOf: ['llama', 'void* llama_get_embeddings_seq(void*, int32)'],
  memoryOf: ['llama', 'void* llama_get_memory(void*)'],
  memoryClear: ['llama', 'void llama_memory_clear(void*, bool)'],
  memoryRemove: ['llama', 'bool llama_memory_seq_rm(void*, int32, int32, int32)'],
  memoryCopy: ['llama', 'void llama_memory_seq_cp(void*, int32, int32, int32, int32)'],
  adapterFromFile: ['llama', 'void* llama_adapter_lora_init(void*, const char*)'],
  adapterFree: ['llama', 'void llama_adapter_lora_free(void*)'],
  setAdapters: ['llama', 'int32 llama_set_adapters_lora(void*, void**, size_t, float*)'],
}

let started: Native | null = null

/** The library, opened and checked by the first call. */
export function startNative(): Native {
  started ??= open()
  return started
}

function open(): Native {
  const libraries = openLibraries()
  const { koffi, ggml, llama, libc, release, folder } = libraries
  declareStructs(koffi)
  koffi.proto('void log_callback(int level, const char* text, void* data)')
  koffi.proto('void set_tensor(void* tensor, void* data)')
  const modelParams = llama.func('model_params llama_model_default_params()') as () => Params
  const contextParams = llama.func('context_params llama_context_default_params()') as () => Params
  const sizes = Object.fromEntries(Object.keys(SIZES).map((name) => [name, koffi.sizeof(name)]))
  verifyLayout(release, { sizes, model: modelParams(), context: contextParams() })
  const calls = Object.entries(SIGNATURES).map(([name, [library, signature]]) => [
    name,
    libraries[library].func(signature),
  ])
  const takeLog = collectLog(koffi, llama.func('void llama_log_set(log_callback*, void*)'))
  ggml.func('void ggml_backend_load_all_from_path(const char*)')(folder)
  llama.func('void llama_backend_init()')()
  const inThread = (signature: string) => {
    const call = llama.func(signature)
    return (...args: unknown[]) =>
      new Promise<number>((resolve, reject) => {
        call.async(...args, (error: unknown, status: number) => (error ? reject(error) : resolve(status)))
      })
  }
  return {
    ...(Object.fromEntries(calls) as Omit<
      Native,
      'koffi' | 'release' | 'decode' | 'modelQuantize' | 'takeLog' | 'strlen'
    >),
    ...{ koffi, release, modelParams, contextParams, takeLog, strlen: libc.symbol('strlen') },
    decode: inThread('int32 llama_decode(void*, batch)'),
    modelQuantize: inThread('uint32 llama_model_quantize(const char*, const char*, quantize_params*)'),
  }
}

function collectLog(koffi: Koffi, setLog: NativeFunction): () => string {
  const recent: string[] = []
  const keep = (level: number, text: string) => {
    if (level < LOG_WARNING) return
    recent.push(text)
    if (recent.length > LOG_LINES_MAX) recent.shift()
  }
  setLog(koffi.register(keep, 'log_callback*'), null)
  return () => recent.splice(0).join('').trim().slice(-2_000)
}
