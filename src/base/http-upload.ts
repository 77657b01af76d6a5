/**
 * A body that goes up again after its connection broke. A server that refuses a body without reading it (413, 401) closes
 * the connection, and whoever is busy writing sees only that. So the second time it is given a moment to speak first.
 */
import type { Clock } from './clock.ts'

const FIRST_BYTES = 1024
const MOMENT_MS = 500

export async function* hesitating(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let isFirst = true
  for await (const piece of source) {
    if (isFirst) {
      // The head of the request goes with the first bytes.
      yield piece.subarray(0, FIRST_BYTES)
      await clock.sleep(MOMENT_MS, signal)
      if (piece.length > FIRST_BYTES) yield piece.subarray(FIRST_BYTES)
    } else yield piece
    isFirst = false
  }
}
