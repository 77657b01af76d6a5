/** GGUF files for tests, good and bad ones: every field can be said. */
export interface GgufParts {
  readonly magic?: string
  readonly version?: number
  readonly tensorCount?: bigint
  readonly keyCount?: bigint
  readonly keys?: readonly Buffer[]
  readonly tensors?: readonly Buffer[]
  readonly data?: number
}

export function ggufFile(parts: GgufParts = {}): Buffer {
  const { magic = 'GGUF', version = 3, keys = [], tensors = [], data = 0 } = parts
  const head = [
    Buffer.from(magic),
    u32(version),
    u64(parts.tensorCount ?? tensors.length),
    u64(parts.keyCount ?? keys.length),
  ]
  const header = Buffer.concat([...head, ...keys, ...tensors])
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), Buffer.alloc(data)])
}

export const textKey = (key: string, value: string) => Buffer.concat([text(key), u32(8), text(value)])
export const u32Key = (key: string, value: number) => Buffer.concat([text(key), u32(4), u32(value)])
/** A list of `count` elements of which `body` holds what is there. */
export const listKey = (key: string, element: number, count: bigint | number, body = Buffer.alloc(0)) =>
  Buffer.concat([text(key), u32(9), u32(element), u64(count), body])

export function ggufTensor(
  name: string,
  shape: readonly (number | bigint)[],
  type = 0,
  offset: number | bigint = 0,
): Buffer {
  return Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)])
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

export function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}
