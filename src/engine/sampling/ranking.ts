/**
 * Tokens of a row of logits from the most likely downwards, equal ones by number; sorts no more of them than is asked for.
 *
 * A logit and its token number make one exact double: 32 bits that order floats as whole numbers, then 20 bits of number.
 * The upper 16 bits are counted first, which tells above which value the wanted ones lie; only these are sorted.
 */
const TOKEN_BITS = 20
export const VOCAB_SIZE_MAX = 2 ** TOKEN_BITS
const BUCKET_BITS = 16
const FIRST_COUNT = 256
const GROWTH = 8
/** So few are sorted at once. */
const SMALL_SIZE = 4096

export class Ranking {
  readonly #logits: Float32Array
  readonly #bits: Uint32Array
  #sorted: Float64Array = new Float64Array(0)

  /** Reads `logits` later too: they must stay as they are. None is NaN. */
  constructor(logits: Float32Array) {
    this.#logits = logits
    this.#bits = new Uint32Array(logits.buffer, logits.byteOffset, logits.length)
  }

  get size(): number {
    return this.#logits.length
  }

  /** The token at `rank` (from 0), below `size`. */
  at(rank: number): number {
    if (rank >= this.#sorted.length) this.#grow(rank + 1)
    const key = this.#sorted[this.#sorted.length - 1 - rank] as number
    return VOCAB_SIZE_MAX - 1 - (key % VOCAB_SIZE_MAX)
  }

  logitAt(rank: number): number {
    return this.#logits[this.at(rank)] as number
  }

  #grow(wanted: number): void {
    const enough = this.size <= SMALL_SIZE ? this.size : Math.max(wanted, FIRST_COUNT, this.#sorted.length * GROWTH)
    const count = Math.min(enough, this.size)
    const least = count === this.size ? 0 : this.#leastOrderOf(count)
    const keys = new Float64Array(this.size)
    let kept = 0
    for (let token = 0; token < this.size; token++) {
      const order = orderOf(this.#bits[token] as number)
      if (order >= least) keys[kept++] = order * VOCAB_SIZE_MAX + (VOCAB_SIZE_MAX - 1 - token)
    }
    this.#sorted = keys.subarray(0, kept).sort()
  }

  /** A value that at least `count` tokens reach, and not many more. */
  #leastOrderOf(count: number): number {
    const buckets = new Uint32Array(1 << BUCKET_BITS)
    for (let token = 0; token < this.size; token++) {
      const bucket = orderOf(this.#bits[token] as number) >>> BUCKET_BITS
      buckets[bucket] = (buckets[bucket] as number) + 1
    }
    let bucket = buckets.length
    for (let found = 0; found < count; ) found += buckets[--bucket] as number
    return bucket * 2 ** BUCKET_BITS
  }
}

/** Whole numbers in the order of the floats with these bits; both zeros are one. */
function orderOf(bits: number): number {
  if (bits >= 0x80000000) return bits === 0x80000000 ? 0x80000000 : ~bits >>> 0
  return bits + 0x80000000
}
