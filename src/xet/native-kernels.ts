/**
 * Kernels with BLAKE3 by a native addon (`@napi-rs/blake-hash`), which uses wider vectors than WebAssembly has; the
 * rest stays with the driver below. Whoever starts the process loads the addon, when it is installed, and hands it in.
 */
import { cutAndHashWith } from './cut-and-hash.ts'
import type { Kernels } from './kernels.ts'

/** As much of the addon as is used. */
export interface BlakeAddon {
  readonly Blake3Hasher: {
    newKeyed(key: Uint8Array): BlakeHasher
  }
}

interface BlakeHasher {
  reset(): unknown
  update(bytes: Uint8Array): unknown
  digestBuffer(): Uint8Array
}

/** Keys in use at a time: data, node, verification, zero salt, and those of keyed answers. */
const HASHERS_MAX = 8

export function createNativeKernels(base: Kernels, addon: BlakeAddon): Kernels {
  const hashers: { readonly key: Uint8Array; readonly hasher: BlakeHasher }[] = []
  const hasherOf = (key: Uint8Array): BlakeHasher => {
    for (const one of hashers) {
      if (!isSame(one.key, key)) continue
      one.hasher.reset()
      return one.hasher
    }
    if (hashers.length >= HASHERS_MAX) hashers.length = 0
    const hasher = addon.Blake3Hasher.newKeyed(new Uint8Array(key))
    hashers.push({ key: new Uint8Array(key), hasher })
    return hasher
  }
  const hashKeyed = (key: Uint8Array, message: Uint8Array): Uint8Array => {
    const hasher = hasherOf(key)
    hasher.update(message)
    return new Uint8Array(hasher.digestBuffer())
  }
  return {
    name: 'native',
    hashKeyed,
    scanGear: (state, bytes, start, end) => base.scanGear(state, bytes, start, end),
    decompressFrame: (frame, plainMax, isLent) => base.decompressFrame(frame, plainMax, isLent),
    compressFrame: (plain, isLent) => base.compressFrame(plain, isLent),
    splitGroups: (plain, isLent) => base.splitGroups(plain, isLent),
    joinGroups: (grouped, isLent) => base.joinGroups(grouped, isLent),
    countBits: (plain) => base.countBits(plain),
    openWindow: (length) => base.openWindow(length),
    cutAndHash: (key, bytes, isLast, pairs) => {
      return cutAndHashWith({ scanGear: (...args) => base.scanGear(...args), hashKeyed }, key, bytes, isLast, pairs)
    },
  }
}

/** Of two keys; comparing is quicker than making a name of them, and this is done for every chunk. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
