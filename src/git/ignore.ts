/** Which files a .gitignore at the root leaves out, read as git reads it. Bounded, because the file is anyone's. */
import { matches, type Pattern, parsePattern } from './wildmatch.ts'

const LINES_MAX = 2_000
const LINE_BYTES_MAX = 2_048

interface Rule {
  readonly pattern: Pattern
  readonly nameOnly: boolean
  readonly foldersOnly: boolean
  readonly ignores: boolean
}

export class Ignore {
  /** The last line first: the first match decides. */
  readonly #rules: readonly Rule[]

  constructor(text: string) {
    const rules = text.split('\n', LINES_MAX).map(parseLine)
    this.#rules = rules.filter((rule) => rule !== null).reverse()
  }

  /** A file in an ignored folder stays ignored, whatever later lines say of it. */
  isIgnored(path: string): boolean {
    if (this.#rules.length === 0) return false
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      if (this.#decide(path.slice(0, end), true)) return true
    }
    return this.#decide(path, false)
  }

  #decide(path: string, isFolder: boolean): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const rule = this.#rules.find(
      ({ pattern, nameOnly, foldersOnly }) => (isFolder || !foldersOnly) && matches(pattern, nameOnly ? name : path),
    )
    return rule?.ignores ?? false
  }
}

function parseLine(line: string): Rule | null {
  if (line.length > LINE_BYTES_MAX || line.startsWith('#')) return null
  const ignores = !line.startsWith('!')
  // Blanks at the end do not count unless a backslash keeps them.
  let glob = line.replace(/\r$/, '').replace(/(?<!\\) +$/, '')
  if (!ignores) glob = glob.slice(1)
  const foldersOnly = glob.endsWith('/')
  if (foldersOnly) glob = glob.slice(0, -1)
  const nameOnly = !glob.includes('/')
  const pattern = glob === '' ? null : parsePattern(glob.replace(/^\//, ''))
  return pattern === null ? null : { pattern, nameOnly, foldersOnly, ignores }
}
