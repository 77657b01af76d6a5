/**
 * Which of two descriptions of one file is kept. Both are verified, so both give the same bytes; anybody who has the
 * bytes may send another one. What is kept must not depend on who came last, or an account could lead everybody's
 * downloads through ten thousand pieces of its own: the old one goes only when it cannot be read to its end, or when the
 * new one is made of fewer terms. Of equals the smaller bytes win, so that a rebuild comes to the same choice.
 */
import type { FileEntry } from './file-entry.ts'
import { findDamaged, type Holdings, type Xorb } from './holdings.ts'

interface Described {
  readonly entry: FileEntry
  readonly encoded: Uint8Array
}

/** Whether `offered` takes the place of what is known of the file. */
export async function takesPlace(holdings: Holdings, known: Described, offered: Described): Promise<boolean> {
  const fewer = known.entry.termCount - offered.entry.termCount
  if (fewer > 0 || (fewer === 0 && Buffer.compare(offered.encoded, known.encoded) < 0)) return true
  return !(await isWhole(holdings, known.entry))
}

/** Whether every chunk of the file is stored, and none that it uses is known to be damaged. */
export async function isWhole(holdings: Holdings, file: FileEntry): Promise<boolean> {
  const xorbs = new Map<string, Xorb>()
  for (const hash of file.xorbs) {
    const xorb = await holdings.findXorb(hash)
    if (xorb === null) return false
    if (xorb.info.damaged.length > 0) xorbs.set(hash, xorb)
  }
  if (xorbs.size === 0) return true
  for (const { xorb: hash, start, end } of file.terms()) {
    const xorb = xorbs.get(hash)
    if (xorb !== undefined && findDamaged(xorb, start, end) !== null) return false
  }
  return true
}
