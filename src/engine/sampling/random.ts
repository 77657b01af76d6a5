/**
 * xoshiro128** (Blackman and Vigna), its state filled by SplitMix64 from the seed, as its authors advise. Every sequence
 * has its own, so the same seed draws the same numbers whatever else runs beside it.
 */
const ROTATE_BITS = 32

export class Random {
  readonly #state = new Uint32Array(4)

  /** `seed` is a whole number; of a negative one the two's complement counts. */
  constructor(seed: number | bigint) {
    let at = BigInt.asUintN(64, BigInt(seed))
    for (let i = 0; i < 2; i++) {
      at = BigInt.asUintN(64, at + 0x9e3779b97f4a7c15n)
      let z = at
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
      z ^= z >> 31n
      this.#state[2 * i] = Number(z & 0xffffffffn)
      this.#state[2 * i + 1] = Number(z >> 32n)
    }
  }

  /** A whole number below 2^32. */
  uint32(): number {
    const s = this.#state
    const [s0, s1, s2, s3] = s as unknown as [number, number, number, number]
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
    s[2] = s2 ^ s0
    s[3] = s3 ^ s1
    s[1] = s1 ^ (s2 ^ s0)
    s[0] = s0 ^ (s3 ^ s1)
    s[2] = s2 ^ s0 ^ (s1 << 9)
    s[3] = rotate(s3 ^ s1, 11)
    return result
  }

  /** In [0, 1), of 53 bits. */
  fraction(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (ROTATE_BITS - bits))
}
