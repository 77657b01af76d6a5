/** How large xorbs are and how many are on their way at once, within what a user allows. */
import type { TransferLimits } from './transfer-limits.ts'

/** Half of what a xorb may hold: that bounds memory, and what a broken connection has sent again. */
const XORB_BYTES = 32 * 1024 * 1024
/** Smaller ones cost more requests than they spare memory. */
const XORB_BYTES_MIN = 1024 * 1024
/** On their way at once, whatever the user wishes: each is held in memory. */
export const UPLOADS_MAX = 2
/** What reading a file holds. */
const READING_BYTES = 17 * 1024 * 1024

export interface UploadSizes {
  readonly uploads: number
  readonly xorbBytes: number
}

/** One xorb is in the making besides those that are sent. */
export function uploadSizes(wished: number, { connections, memoryBytes }: TransferLimits = {}): UploadSizes {
  const uploads = Math.min(wished, connections ?? UPLOADS_MAX, UPLOADS_MAX)
  if (memoryBytes === undefined) return { uploads, xorbBytes: XORB_BYTES }
  const left = Math.max(memoryBytes - READING_BYTES, 0)
  // Two small ones at a time are sent no faster than one that is as large as both.
  const affordable = left >= (uploads + 1) * XORB_BYTES ? uploads : 1
  const xorbBytes = Math.floor(left / (affordable + 1))
  return { uploads: affordable, xorbBytes: Math.min(Math.max(xorbBytes, XORB_BYTES_MIN), XORB_BYTES) }
}
