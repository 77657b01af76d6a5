/** Copies a folder as it is at one moment. The reserve of a home never changes: it is linked, not copied. */
import { copyFileSync, linkSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const RESERVE = 'reserve'

/** In one go: nothing else of this process runs meanwhile. */
export function copyTreeNow(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyTreeNow(source, target)
    else if (entry.name === RESERVE) linkSync(source, target)
    else if (entry.isFile()) copyFileSync(source, target)
  }
}
