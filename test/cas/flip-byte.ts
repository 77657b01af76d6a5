/** A failing disk: changes one bit of a file in place. */
import { open } from 'node:fs/promises'

export async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, offset)
    await file.write(Uint8Array.of((byte[0] as number) ^ 1), 0, 1, offset)
  } finally {
    await file.close()
  }
}
