/**
 * Which files .gitattributes gives to git-lfs: the value of `filter`, read as git reads it. Later lines win over
 * earlier ones, the file of a folder over those above it. Bounded, because the files are anyone's.
 */
import { matches, type Pattern, parsePattern } from './wildmatch.ts'

const LINES_MAX = 2_000
const LINE_BYTES_MAX = 2_048
const BLANK = /[ \t\r\n]+/

type Value = string | boolean | null

interface Rule {
  readonly pattern: Pattern
  /** Match the last name only. */
  readonly nameOnly: boolean
  /** Path of the file's folder with a slash behind it, or ''. */
  readonly folder: string
  readonly values: readonly (readonly [string, Value])[]
}

export interface AttributesFile {
  /** Path of the folder that holds it; '' for the root. */
  readonly folder: string
  readonly text: string
}

export class Attributes {
  /** Highest precedence first. */
  readonly #rules: readonly Rule[]
  readonly #macros = new Map<string, Rule['values']>()

  constructor(files: readonly AttributesFile[]) {
    const byDepth = [...files].sort((a, b) => depthOf(a.folder) - depthOf(b.folder))
    const rules = byDepth.flatMap((file) => this.#parseFile(file))
    this.#rules = rules.reverse()
  }

  isLfs(path: string): boolean {
    return this.filterOf(path) === 'lfs'
  }

  /** The driver's name; true, false or null where the attribute is set, unset or unspecified. */
  filterOf(path: string): Value {
    const decided = new Map<string, Value>()
    const name = path.slice(path.lastIndexOf('/') + 1)
    for (const rule of this.#rules) {
      if (!path.startsWith(rule.folder)) continue
      const subject = rule.nameOnly ? name : path.slice(rule.folder.length)
      if (rule.values.every(([key]) => decided.has(key)) || !matches(rule.pattern, subject)) continue
      this.#decide(rule.values, decided)
      if (decided.has('filter')) break
    }
    return decided.get('filter') ?? null
  }

  /** Within a line the last mention wins; a set macro brings what it stands for. */
  #decide(values: Rule['values'], decided: Map<string, Value>): void {
    for (const [key, value] of [...values].reverse()) {
      if (decided.has(key)) continue
      decided.set(key, value)
      if (value === true) this.#decide(this.#macros.get(key) ?? [], decided)
    }
  }

  #parseFile({ folder, text }: AttributesFile): Rule[] {
    const rules: Rule[] = []
    for (const line of text.split('\n', LINES_MAX)) {
      const found = line.length > LINE_BYTES_MAX ? null : splitLine(line)
      if (found === null) continue
      const values = parseValues(found.rest)
      if (found.glob.startsWith('[attr]') && !found.quoted) {
        if (folder === '') this.#macros.set(found.glob.slice('[attr]'.length), values)
        continue
      }
      const rule = makeRule(found.glob, folder, values)
      if (rule !== null) rules.push(rule)
    }
    return rules
  }
}

function makeRule(glob: string, folder: string, values: Rule['values']): Rule | null {
  if (glob.startsWith('!') || glob.endsWith('/')) return null
  const pattern = parsePattern(glob.replace(/^\//, ''))
  if (pattern === null || values.length === 0) return null
  return { pattern, nameOnly: !glob.includes('/'), folder: folder === '' ? '' : `${folder}/`, values }
}

function splitLine(line: string): { glob: string; rest: string; quoted: boolean } | null {
  const text = line.replace(/^[ \t\r\n]+/, '')
  if (text === '' || text.startsWith('#')) return null
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(text)
  if (quoted !== null) return { glob: unquote(quoted[1] ?? ''), rest: text.slice(quoted[0].length), quoted: true }
  const end = text.search(BLANK)
  if (end < 0) return null
  return { glob: text.slice(0, end), rest: text.slice(end), quoted: false }
}

function parseValues(text: string): [string, Value][] {
  const words = text.split(BLANK).filter((word) => word !== '')
  return words.map((word) => {
    if (word.startsWith('-')) return [word.slice(1), false]
    if (word.startsWith('!')) return [word.slice(1), null]
    const equals = word.indexOf('=')
    return equals < 0 ? [word, true] : [word.slice(0, equals), word.slice(equals + 1)]
  })
}

/** The escapes of C that git writes between quotes. */
function unquote(text: string): string {
  const plain: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' }
  return text.replace(/\\(.)/g, (_, char: string) => plain[char] ?? char)
}

function depthOf(folder: string): number {
  return folder === '' ? 0 : folder.split('/').length
}
