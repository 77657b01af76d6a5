/** What the server and an engine's process say to each other. Token ids and numbers; no text of a conversation. */
import type { ErrorKind } from '../base/app-error.ts'
import type {
  AdapterOnDisk,
  AdapterSet,
  EngineCaps,
  ModelInfo,
  ModelOptions,
  Pooling,
  WeightsOnDisk,
} from './token-engine.ts'
import type { GenerateEvent, GenerateRequest } from './token-generator.ts'

export type EngineName = 'llama' | 'reference'

export interface HostTask {
  readonly engine: EngineName
  readonly weights: WeightsOnDisk
  readonly options: ModelOptions
  readonly queueMax: number | null
  readonly isDeterministic: boolean
  /** Bytes that the process may take beside what it starts with; null: no limit. */
  readonly memoryBytesMax: number | null
}

/** Calls that have one answer. */
export type HostCall =
  | { readonly verb: 'logits'; readonly tokens: readonly number[]; readonly adapters: AdapterSet }
  | { readonly verb: 'attach'; readonly adapter: AdapterOnDisk }
  | { readonly verb: 'detach'; readonly adapterId: string }
  | { readonly verb: 'embed'; readonly sequences: readonly (readonly number[])[]; readonly pooling: Pooling }
  | { readonly verb: 'tokenize'; readonly text: string; readonly special: boolean; readonly addBos: boolean }
  | { readonly verb: 'pieces' }

export type ToHost =
  | { readonly type: 'load'; readonly task: HostTask }
  | { readonly type: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: 'call'; readonly id: number; readonly call: HostCall }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'ping' }

export type HostValue = Float32Array | Float32Array[] | Int32Array | Uint8Array[] | null

export interface HostError {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly data: Readonly<Record<string, unknown>>
}

export type FromHost =
  | { readonly type: 'loaded'; readonly info: ModelInfo; readonly caps: EngineCaps }
  | { readonly type: 'not-loaded'; readonly error: HostError }
  | { readonly type: 'event'; readonly id: number; readonly event: GenerateEvent }
  | { readonly type: 'value'; readonly id: number; readonly value: HostValue }
  | { readonly type: 'failed'; readonly id: number; readonly error: HostError }
  | { readonly type: 'pong'; readonly running: number; readonly queued: number }
