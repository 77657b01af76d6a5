/**
 * The text that stands in git for a large file. Written in one canonical form, read as git-lfs reads:
 *
 * | line | value |
 * | --- | --- |
 * | `version` | one of three addresses, exactly |
 * | `ext-0-NAME` … | `sha256:` and 64 digits, any number, by priority |
 * | `oid` | `sha256:` and 64 lower-case digits |
 * | `size` | decimal |
 *
 * Shorter than 1,024 bytes; outer white space, blank lines and CRLF are forgiven, other keys and orders are not.
 */
export interface LfsPointer {
  /** Lower-case hexadecimal. */
  readonly sha256: string
  readonly size: number
}

export const POINTER_BYTES_MAX = 1023
/** No pointer is shorter: version, oid and a size of one digit. */
export const POINTER_BYTES_MIN = 'version http://git-media.io/v/2\noid sha256:\nsize 0'.length + 64

const VERSION = 'https://git-lfs.github.com/spec/v1'
const VERSIONS = new Set([VERSION, 'https://hawser.github.com/spec/v1', 'http://git-media.io/v/2'])
const EXTENSION_LINE = /^ext-\d-\w+ sha256:[0-9a-f]{64}$/
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Null when the bytes are no pointer: then they are the file itself. */
export function parsePointer(bytes: Uint8Array): LfsPointer | null {
  if (bytes.length < POINTER_BYTES_MIN || bytes.length > POINTER_BYTES_MAX) return null
  const text = decode(bytes)
  if (text === null) return null
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  const [version, ...rest] = lines.filter((line) => line !== '')
  if (version?.startsWith('version ') !== true || !VERSIONS.has(version.slice('version '.length))) return null
  const sizeLine = /^size (\d{1,16})$/.exec(rest.pop() ?? '')
  const oidLine = /^oid sha256:([0-9a-f]{64})$/.exec(rest.pop() ?? '')
  const size = Number(sizeLine?.[1])
  if (oidLine?.[1] === undefined || !Number.isSafeInteger(size)) return null
  return rest.every((line) => EXTENSION_LINE.test(line)) ? { sha256: oidLine[1], size } : null
}

export function formatPointer({ sha256, size }: LfsPointer): string {
  return `version ${VERSION}\noid sha256:${sha256}\nsize ${size}\n`
}

function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes).trim()
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}
