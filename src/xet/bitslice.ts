/**
 * Bit planes: output bit k is bit (k div n) of byte (k mod n) of n bytes. Scheme 3 of some foreign stores; the protocol's
 * clients refuse it, so nothing here is ever written to the wire. Bits count from the lowest of each byte.
 */
export function splitPlanes(plain: Uint8Array): Uint8Array {
  const n = plain.length
  const sliced = new Uint8Array(n)
  for (let bit = 0; bit < 8; bit++) {
    for (let i = 0; i < n; i++) {
      const k = bit * n + i
      const value = ((plain[i] as number) >> bit) & 1
      sliced[k >> 3] = (sliced[k >> 3] as number) | (value << (k & 7))
    }
  }
  return sliced
}

export function joinPlanes(sliced: Uint8Array): Uint8Array {
  const n = sliced.length
  const plain = new Uint8Array(n)
  for (let bit = 0; bit < 8; bit++) {
    for (let i = 0; i < n; i++) {
      const k = bit * n + i
      const value = ((sliced[k >> 3] as number) >> (k & 7)) & 1
      plain[i] = (plain[i] as number) | (value << bit)
    }
  }
  return plain
}
