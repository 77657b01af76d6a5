/**
 * A thread that is given tasks and answers each, seen from the one who gives them (serve-tasks.ts is its side). A thread
 * that ends fails what it was doing; whether another is begun in its place, the owner decides.
 */
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { AppError, type ErrorKind } from './app-error.ts'

export interface TaskMessage<Task> {
  /** Below 0: no answer is wanted. */
  readonly id: number
  readonly task: Task
}

export interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: WireError
}

/** An AppError as it passes between threads; anything else is a bug and only its text passes. */
export interface WireError {
  readonly kind: ErrorKind | null
  readonly code: string
  readonly message: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface TaskThreadOptions {
  /** What tasks fail with when the thread has ended, for this reason. */
  lost(cause: unknown): AppError
  onEnd(error: AppError): void
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

export class TaskThread<Task> {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #ids = 0
  #lost: AppError | null = null

  constructor(worker: Worker, { lost, onEnd }: TaskThreadOptions) {
    this.#worker = worker
    let reason: unknown = null
    worker.on('message', (answer: Answer) => this.#take(answer))
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('messageerror', (error) => {
      reason = error
      void worker.terminate()
    })
    worker.once('exit', () => {
      const error = lost(reason)
      this.#lost = error
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
      onEnd(error)
    })
  }

  get isLost(): boolean {
    return this.#lost !== null
  }

  /** How many it has not answered yet. */
  get tasks(): number {
    return this.#waiting.size
  }

  ask(task: Task): Promise<unknown> {
    if (this.#lost !== null) return Promise.reject(this.#lost)
    return new Promise((resolve, reject) => {
      const id = this.#ids++
      this.#worker.postMessage({ id, task } satisfies TaskMessage<Task>)
      this.#waiting.set(id, { resolve, reject })
    })
  }

  /** Without an answer. */
  tell(task: Task): void {
    if (this.#lost === null) this.#worker.postMessage({ id: -1, task } satisfies TaskMessage<Task>)
  }

  async end(): Promise<void> {
    if (this.#lost !== null) return
    const ended = once(this.#worker, 'exit')
    await this.#worker.terminate()
    await ended
  }

  #take({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(errorOf(error))
  }
}

export function wireOf(error: unknown): WireError {
  if (error instanceof AppError) {
    return { kind: error.kind, code: error.code, message: error.message, data: error.data }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { kind: null, code: 'BUG', message, data: {} }
}

export function errorOf({ kind, code, message, data }: WireError): Error {
  return kind === null ? new Error(message) : new AppError(kind, code, message, { data })
}
