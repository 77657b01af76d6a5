/**
 * Commits in a thread with a connection of its own, so that no disk keeps the event loop waiting. One group of changes is
 * with it at a time, the others wait in the queue; while a commit has stood still for seconds no further change is let in,
 * so what waits is what came in these seconds. A thread that ends fails what it was doing, kind `busy`, and is replaced.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { errorOf, TaskThread, type WireError } from '../base/task-thread.ts'
import type { Batch, CatalogRecord, Takeback } from './catalog.ts'
import { type Change, type CommitterApart, type Outcome, rowsOf } from './catalog-change.ts'
import { StallWatch } from './stall-watch.ts'

/** Takes the thread some 30 ms. */
const ROWS_AT_ONCE = 4_000
/** More would keep the event loop for milliseconds while they are packed for the thread. */
const MESSAGE_ROWS_MAX = 1_000

export interface Piece {
  readonly change: Change
  /** Of its unit. */
  readonly isLast: boolean
}

export type CatalogTask =
  | { readonly verb: 'open'; readonly path: string }
  /** `group` is another number each time: what was begun of an earlier one is dropped. */
  | { readonly verb: 'add' | 'commit'; readonly group: number; readonly pieces: readonly Piece[] }
  | { readonly verb: 'close' }

export type WireOutcome = { readonly removed: readonly string[] } | { readonly error: WireError }

export interface CatalogThreadOptions {
  /** Starts a thread that runs `serveCatalog`. */
  start(): Worker
  readonly clock: Clock
  readonly log: Log
}

export class CatalogThread implements CommitterApart {
  readonly rowsAtOnce = ROWS_AT_ONCE
  readonly #options: CatalogThreadOptions
  readonly #stalls: StallWatch
  #thread: TaskThread<CatalogTask>
  #path: string | null = null
  #groups = 0
  #isClosed = false

  constructor(options: CatalogThreadOptions) {
    this.#options = options
    this.#stalls = new StallWatch(options.clock)
    this.#thread = this.#startThread()
  }

  open(path: string): void {
    this.#path = path
    // What fails now fails again with the first commit, which tells.
    this.#thread.tell({ verb: 'open', path })
  }

  admit(): void {
    this.#stalls.check()
  }

  commit(changes: readonly Change[]): Promise<readonly Outcome[]> {
    return this.#stalls.run(async () => {
      const thread = this.#living()
      const group = this.#groups++
      let pieces: Piece[] = []
      let rows = 0
      for (const piece of changes.flatMap(piecesOf)) {
        const more = rowsOf(piece.change)
        if (rows + more > MESSAGE_ROWS_MAX && pieces.length > 0) {
          thread.tell({ verb: 'add', group, pieces })
          await turn()
          pieces = []
          rows = 0
        }
        pieces.push(piece)
        rows += more
      }
      const outcomes = (await thread.ask({ verb: 'commit', group, pieces })) as readonly WireOutcome[]
      return outcomes.map((outcome) => ('error' in outcome ? { error: errorOf(outcome.error) } : outcome))
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    try {
      await this.#thread.ask({ verb: 'close' })
    } catch (error) {
      // One that has ended holds nothing.
      if (!this.#thread.isLost) throw error
    }
    await this.#thread.end()
  }

  /** One that has ended is replaced when it is needed: one that cannot even begin is not begun again and again. */
  #living(): TaskThread<CatalogTask> {
    if (this.#thread.isLost && !this.#isClosed) {
      this.#thread = this.#startThread()
      if (this.#path !== null) this.#thread.tell({ verb: 'open', path: this.#path })
    }
    return this.#thread
  }

  #startThread(): TaskThread<CatalogTask> {
    const message = 'The thread that wrote this to the catalog ended, and nobody knows whether it is there: try again'
    return new TaskThread(this.#options.start(), {
      lost: (cause) => new AppError('busy', 'WRITE_INTERRUPTED', message, { cause }),
      onEnd: (error) => {
        if (!this.#isClosed) this.#options.log.error({ err: error }, 'the thread that writes the catalog ended')
      },
    })
  }
}

/** What a change consists of, in parts that are soon packed. */
function piecesOf(change: Change): Piece[] {
  const parts = change.verb === 'removeFree' ? [change] : partsOf(change)
  return parts.map((part, i) => ({ change: part, isLast: i === parts.length - 1 }))
}

function partsOf(change: Exclude<Change, { verb: 'removeFree' }>): Change[] {
  if (change.verb === 'remove') {
    const { references = [], records = [] } = change.what
    const taken: Takeback[] = [
      ...cut(references).map((rows) => ({ references: rows })),
      ...cut(records).map((rows) => ({ records: rows })),
    ]
    return (taken.length === 0 ? [{}] : taken).map((what) => ({ verb: 'remove', what }))
  }
  const { records = [], references = [], leases = [], index = [] } = change.batch
  const batches: Batch[] = [
    ...cut(records.map(ofItsOwn)).map((rows) => ({ records: rows })),
    ...cut(references).map((rows) => ({ references: rows })),
    ...cut(leases).map((rows) => ({ leases: rows })),
    ...cut(index).map((rows) => ({ index: rows })),
  ]
  return (batches.length === 0 ? [{}] : batches).map((batch) => ({ verb: 'write', batch }))
}

function cut<Row>(rows: readonly Row[]): Row[][] {
  const parts: Row[][] = []
  for (let at = 0; at < rows.length; at += MESSAGE_ROWS_MAX) parts.push(rows.slice(at, at + MESSAGE_ROWS_MAX))
  return parts
}

/** A message would copy the whole memory that a value is a part of, and share what is shared. */
function ofItsOwn(record: CatalogRecord): CatalogRecord {
  const { buffer, byteLength } = record.value
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return record
  return { ...record, value: new Uint8Array(record.value) }
}
