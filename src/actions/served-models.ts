/** The models that a server answers with, each by its name. They are loaded before it is ready, and end with it. */
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { ChatBackend } from '../engine/chat-backend.ts'
import { ChatModel, type ChatModelOptions } from '../engine/chat-model.ts'
import { findWeights } from '../engine/weights-path.ts'

export interface ServedModel {
  readonly name: string
  readonly backend: ChatBackend
  /** When it was loaded. */
  readonly sinceMs: number
}

export interface LoadOptions extends Pick<ChatModelOptions, 'engine'> {
  readonly clock: Clock
  readonly log: Log
}

export class ServedModels implements AsyncDisposable {
  readonly #models = new Map<string, ServedModel>()
  readonly #parts = new AsyncDisposableStack()

  /** A folder or GGUF file of this machine, by the name that it is asked for with from now on. */
  async load(path: string, { engine, clock, log }: LoadOptions, signal?: AbortSignal): Promise<void> {
    const { name, weights } = await findWeights(path)
    if (this.#models.has(name)) {
      throw new AppError('usage', 'MODEL_NAME_TAKEN', `Two models would be called ${name}: rename one of the folders`)
    }
    const options = engine === undefined ? { log } : { engine, log }
    const { backend } = this.#parts.use(await ChatModel.start(weights, options, signal))
    this.#models.set(name, { name, backend, sinceMs: clock.nowMs() })
    log.info({ name, path: weights.path }, 'a model is loaded')
  }

  list(): readonly ServedModel[] {
    return [...this.#models.values()]
  }

  get(name: string): ServedModel {
    const model = this.#models.get(name)
    if (model !== undefined) return model
    const names = [...this.#models.keys()]
    const others = names.length === 0 ? 'none is' : `there are: ${names.join(', ')}`
    throw new AppError('not-found', 'MODEL_UNKNOWN', `No model ${JSON.stringify(name)} is served here; ${others}`)
  }

  /** Whoever waits for an answer is told so. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.disposeAsync()
  }
}
