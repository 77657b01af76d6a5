/** Epochs of the CAS address, kept with the accounts: an old one is served until the last token of it has ended. */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../base/clock.ts'
import type { Epoch } from '../cas/epoch.ts'

/** No CAS token or signed URL lives longer. */
export const EPOCH_GRACE_MS = 2 * 60 * 60 * 1000
/** What clients are told of older ones is refused after a while: more than this many are of no use. */
const NAME_BYTES = 5

export class StoredEpochs implements Epoch {
  readonly #db: DatabaseSync
  readonly #clock: Clock
  #current: { readonly name: string; readonly startedMs: number }

  constructor(db: DatabaseSync, clock: Clock) {
    this.#db = db
    this.#clock = clock
    const row = db.prepare('SELECT name, started_ms FROM epochs ORDER BY seq DESC LIMIT 1').get()
    this.#current =
      row === undefined ? this.#start('first') : { name: String(row.name), startedMs: Number(row.started_ms) }
  }

  current(): string {
    return this.#current.name
  }

  accepts(epoch: string): boolean {
    if (epoch === this.#current.name) return true
    // An epoch ended when the next one began.
    const sql = 'SELECT MIN(b.started_ms) AS ended FROM epochs a JOIN epochs b ON b.seq > a.seq WHERE a.name = ?'
    const ended = this.#db.prepare(sql).get(epoch)?.ended
    return typeof ended === 'number' && this.#clock.nowMs() - ended < EPOCH_GRACE_MS
  }

  async advance(reason: string): Promise<string> {
    this.#current = this.#start(reason)
    return this.#current.name
  }

  #start(reason: string): { name: string; startedMs: number } {
    const name = randomBytes(NAME_BYTES).toString('hex')
    const startedMs = this.#clock.nowMs()
    this.#db.prepare('INSERT INTO epochs (name, reason, started_ms) VALUES (?, ?, ?)').run(name, reason, startedMs)
    return { name, startedMs }
  }
}
