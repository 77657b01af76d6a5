/** JSON of strangers: JSON.parse recurses, so nesting is counted first, outside of strings. */
import { AppError } from './app-error.ts'

const DEPTH_MAX = 64
const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Kind `malformed`: JSON_TOO_DEEP above 64 levels, JSON_MALFORMED when it is none. `what` begins the message. */
export function parseJson(what: string, bytes: Uint8Array): unknown {
  if (depthOf(bytes) > DEPTH_MAX) {
    throw new AppError('malformed', 'JSON_TOO_DEEP', `${what}: JSON nested deeper than ${DEPTH_MAX}`)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AppError('malformed', 'JSON_MALFORMED', `${what}: not JSON (${(cause as Error).message})`, { cause })
  }
}

function depthOf(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let inText = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inText) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--
  }
  return deepest
}
