/**
 * RecordWork by threads, on shared memory: bytes that moved to a thread and back would count as new ones each time, and
 * have V8 collect its whole heap for every few dozen. A thread has few tasks at a time, further ones wait in order. A
 * thread that ends fails what it was doing, kind `busy`, and is replaced; the others go on.
 */
import type { Worker } from 'node:worker_threads'
import { AppError } from '../base/app-error.ts'
import type { Log } from '../base/log.ts'
import { Semaphore } from '../base/semaphore.ts'
import { TaskThread } from '../base/task-thread.ts'
import type { DecodedRecords, RecordWork, Sha256Pass } from './record-work.ts'
import { copyIn, sharedBytes } from './shared-memory.ts'

/** One runs, the others are there when it ends. */
const TASKS_PER_THREAD = 4

export type Task =
  | { readonly verb: 'hash'; readonly records: Uint8Array; readonly firstIndex: number }
  | { readonly verb: 'decode'; readonly records: Uint8Array; readonly pairs: Uint8Array }
  | { readonly verb: 'sha256'; readonly pass: number; readonly records: Uint8Array }
  | { readonly verb: 'digest' | 'forget'; readonly pass: number }

export interface RecordThreadsOptions {
  readonly count: number
  /** Starts a thread that runs `serveRecordWork`. */
  start(): Worker
  readonly log: Log
}

export class RecordThreads implements RecordWork {
  readonly #options: RecordThreadsOptions
  readonly #threads: TaskThread<Task>[] = []
  readonly #turns: Semaphore
  #passes = 0
  #isClosed = false

  constructor(options: RecordThreadsOptions) {
    this.#options = options
    this.#turns = new Semaphore(options.count * TASKS_PER_THREAD)
    for (let i = 0; i < options.count; i++) this.#threads.push(this.#startThread())
  }

  hash(records: Uint8Array, firstIndex: number): Promise<Uint8Array> {
    const task = { verb: 'hash', records: shared(records), firstIndex } as const
    return this.#turns.run(() => this.#leastBusy().ask(task)) as Promise<Uint8Array>
  }

  decode(records: Uint8Array, pairs: Uint8Array): Promise<DecodedRecords> {
    const task = { verb: 'decode', records: shared(records), pairs } as const
    return this.#turns.run(() => this.#leastBusy().ask(task)) as Promise<DecodedRecords>
  }

  openSha256(): Sha256Pass {
    // The state of a pass lies in its thread.
    const thread = this.#leastBusy()
    const pass = this.#passes++
    const ask = (task: Task) => this.#turns.run(() => thread.ask(task))
    return {
      add: (records) => ask({ verb: 'sha256', pass, records: shared(records) }) as Promise<void>,
      digest: () => ask({ verb: 'digest', pass }) as Promise<string>,
      close: () => thread.tell({ verb: 'forget', pass }),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }

  #startThread(): TaskThread<Task> {
    const message = 'The thread that checked these bytes ended: send them again'
    return new TaskThread(this.#options.start(), {
      lost: (cause) => new AppError('busy', 'CHECK_INTERRUPTED', message, { cause }),
      onEnd: (error) => {
        if (!this.#isClosed) this.#options.log.error({ err: error }, 'a thread that checks bytes ended')
      },
    })
  }

  /** One that has ended is replaced when it is needed: one that cannot even begin is not begun again and again. */
  #leastBusy(): TaskThread<Task> {
    for (const [place, thread] of this.#threads.entries()) {
      if (thread.isLost && !this.#isClosed) this.#threads[place] = this.#startThread()
    }
    return this.#threads.reduce((best, one) => (one.tasks < best.tasks ? one : best))
  }
}

/** A message would copy the whole memory that other bytes are a part of. */
function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes
  const copy = sharedBytes(bytes.length)
  copyIn(copy, bytes, 0)
  return copy
}
