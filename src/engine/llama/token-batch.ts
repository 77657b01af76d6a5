/** llama.cpp's batch as typed arrays over its own memory: one row a token. */
import type { Native } from './native.ts'

export interface BatchRow {
  readonly token: number
  readonly position: number
  readonly sequence: number
  readonly isWanted: boolean
}

export class TokenBatch {
  readonly #native: Native
  readonly #batch: Record<string, unknown>
  readonly #tokens: Int32Array
  readonly #positions: Int32Array
  readonly #sequences: readonly Int32Array[]
  readonly #wanted: Int8Array

  constructor(native: Native, capacity: number) {
    this.#native = native
    this.#batch = native.batchNew(capacity, 0, 1)
    const view = (field: string, bytes: number) => native.koffi.view(this.#batch[field] as object, capacity * bytes)
    this.#tokens = new Int32Array(view('token', 4))
    this.#positions = new Int32Array(view('pos', 4))
    this.#wanted = new Int8Array(view('logits', 1))
    // Every row belongs to one sequence.
    new Int32Array(view('n_seq_id', 4)).fill(1)
    this.#sequences = Array.from({ length: capacity }, (_, row) => {
      const list = native.koffi.decode(this.#batch.seq_id as object, row * 8, 'void*') as object
      return new Int32Array(native.koffi.view(list, 4))
    })
  }

  clear(): void {
    this.#batch.n_tokens = 0
  }

  add({ token, position, sequence, isWanted }: BatchRow): void {
    const row = this.#batch.n_tokens as number
    this.#tokens[row] = token
    this.#positions[row] = position
    ;(this.#sequences[row] as Int32Array)[0] = sequence
    this.#wanted[row] = isWanted ? 1 : 0
    this.#batch.n_tokens = row + 1
  }

  get raw(): Record<string, unknown> {
    return this.#batch
  }

  free(): void {
    this.#native.batchFree(this.#batch)
  }
}
