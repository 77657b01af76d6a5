/**
 * A model on disk that answers: its text in one process, its tokens in another. What either refuses while it starts is
 * refused here, and nothing stays behind.
 */
import type { Log } from '../base/log.ts'
import type { ChatBackend } from './chat-backend.ts'
import { EngineProcess, type EngineProcessOptions } from './engine-process.ts'
import { TextProcess } from './text/text-process.ts'
import { TokenChat } from './token-chat.ts'
import type { WeightsOnDisk } from './token-engine.ts'
import type { GeneratorStats } from './token-generator.ts'

export interface ChatModelOptions {
  readonly engine?: EngineProcessOptions
  readonly log?: Log
}

/** Answers at once, and the tokens that they share. */
const SLOT_COUNT = 4
const CONTEXT_TOKENS = 8192

export class ChatModel implements AsyncDisposable {
  readonly backend: ChatBackend
  readonly #engine: EngineProcess
  readonly #parts: AsyncDisposableStack

  private constructor(engine: EngineProcess, text: TextProcess, parts: AsyncDisposableStack) {
    this.backend = new TokenChat(engine, text)
    this.#engine = engine
    this.#parts = parts
  }

  static async start(
    weights: WeightsOnDisk,
    { engine: options = {}, log }: ChatModelOptions = {},
    signal?: AbortSignal,
  ): Promise<ChatModel> {
    await using parts = new AsyncDisposableStack()
    const text = parts.use(
      await TextProcess.start({ kind: weights.kind === 'gguf' ? 'gguf' : 'directory', path: weights.path }),
    )
    const model = { slotCount: SLOT_COUNT, contextTokens: CONTEXT_TOKENS, ...options.model }
    const withLog = log === undefined ? { ...options, model } : { ...options, model, log }
    const engine = parts.use(await EngineProcess.start(weights, withLog, signal))
    return new ChatModel(engine, text, parts.move())
  }

  /** Of the process that computes at the moment. */
  get pid(): number | undefined {
    return this.#engine.pid
  }

  stats(): GeneratorStats {
    return this.#engine.stats()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync()
  }
}
