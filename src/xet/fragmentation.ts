/**
 * Keeps deduplication from tearing a file into many tiny ranges, exactly as hf_xet does.
 *
 * It knows the chunk counts of the file's last 128 ranges. While their mean is poor, a candidate range shorter than that
 * mean is refused (its first chunk is stored again); after a refusal the mean must reach the higher threshold before
 * short ranges are welcome again. One guard per file.
 */
import { FRAGMENTATION_CHUNKS_MIN, FRAGMENTATION_LOW_FACTOR, FRAGMENTATION_RANGES } from './constants.ts'

export class FragmentationGuard {
  readonly #ranges: number[] = []
  #chunks = 0
  #isLow = true

  /** Whether to refer to `rangeChunks` known chunks instead of storing them; `continues` when they extend the last range. */
  accept(rangeChunks: number, continues: boolean): boolean {
    if (continues || this.#ranges.length < FRAGMENTATION_RANGES) return true
    const mean = this.#chunks / this.#ranges.length
    const threshold = FRAGMENTATION_CHUNKS_MIN * (this.#isLow ? FRAGMENTATION_LOW_FACTOR : 1)
    if (mean >= threshold) {
      this.#isLow = true
      return true
    }
    if (rangeChunks >= mean) return true
    this.#isLow = false
    return false
  }

  /** To be told of every range as it is appended to the file, known or new; new chunks one by one. */
  append(rangeChunks: number, continues: boolean): void {
    this.#chunks += rangeChunks
    if (continues && this.#ranges.length > 0) {
      this.#ranges.push((this.#ranges.pop() as number) + rangeChunks)
      return
    }
    this.#ranges.push(rangeChunks)
    if (this.#ranges.length > FRAGMENTATION_RANGES) this.#chunks -= this.#ranges.shift() as number
  }
}
