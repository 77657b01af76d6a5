/** Bytes as a stream of pieces of one size, as a network or a disk might give them. */
export const PIECE_SIZES = [Number.POSITIVE_INFINITY, 37, 255, 65_536] as const

export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
