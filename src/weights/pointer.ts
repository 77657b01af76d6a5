/** Recognises by its first bytes a file that only stands for a large one: an LFS pointer or one of the Xet forms. */
export type PointerKind = 'LFS' | 'Xet'

/** No pointer is longer. */
export const POINTER_BYTES_MAX = 1_023

const LFS = /^\s*version https?:\/\/(git-lfs\.github\.com|hawser\.github\.com|git-media\.io)\//
const XET = /^\s*# xet version/

/** `first` are the first bytes (up to POINTER_BYTES_MAX) of a file of `fileBytes`. Null: it is the file itself. */
export function findPointer(first: Uint8Array, fileBytes: number): PointerKind | null {
  if (fileBytes > POINTER_BYTES_MAX) return null
  const text = new TextDecoder().decode(first.subarray(0, POINTER_BYTES_MAX))
  if (LFS.test(text)) return 'LFS'
  if (XET.test(text) || isXetInfo(text)) return 'Xet'
  return null
}

/** `{"hash": …, "file_size": …}`, as some clients write. */
function isXetInfo(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false
  return /"hash"\s*:\s*"[0-9a-f]{64}"/.test(text) && /"file_?size"\s*:\s*\d+/.test(text)
}
