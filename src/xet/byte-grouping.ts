/**
 * Whether grouping a chunk's bytes by four is likely to help LZ4, as hf_xet decides it.
 *
 * For each position mod 4 the distribution of bits set per byte is compared (Kullback-Leibler) with that of all bytes;
 * floats differ by position, text does not. A class with an empty bin has no sum (0 * ln 0) and is passed over.
 */
import { kernels } from './active-kernels.ts'

const CLASSES = 4
const BINS = 9
const DIVERGENCE_MIN = 0.02

export function wantsGrouping(plain: Uint8Array): boolean {
  return groupingDivergence(plain) > DIVERGENCE_MIN
}

/** The largest divergence of a class from the whole; 0 when no class has one. */
export function groupingDivergence(plain: Uint8Array): number {
  const counts = kernels.countBits(plain)
  const count = (group: number, bin: number) => counts[group * BINS + bin] as number
  const base = Array.from({ length: BINS }, (_, bin) => {
    return 1 + count(0, bin) + count(1, bin) + count(2, bin) + count(3, bin)
  })
  let largest = 0
  for (let group = 0; group < CLASSES; group++) {
    const total = Math.floor((plain.length + CLASSES - 1 - group) / CLASSES)
    let sum = 0
    for (let bin = 0; bin < BINS; bin++) {
      const p = count(group, bin) / total
      const q = (base[bin] as number) / plain.length
      sum += p * Math.log(p / q)
    }
    // Not Math.max: one NaN must not spoil the other classes.
    if (sum > largest) largest = sum
  }
  return largest
}
