/**
 * The part of YAML that cards are written in: maps and lists by indentation or in `[…]` and `{…}` on one line, texts,
 * quoted or not, and of several lines behind `|` or `>`, numbers, true and false. Nothing is evaluated: anchors, aliases
 * and types stay text, so nothing grows. What cannot be read is left out, and what is nested deeper than DEPTH_MAX.
 */
export type CardValue = string | number | boolean | readonly CardValue[] | { readonly [key: string]: CardValue }

const DEPTH_MAX = 12
/** Bounded where texts repeat: a line of spaces must not be tried at each of them. */
const KEY = /^(?:([A-Za-z0-9_][\w ./+-]{0,100}?)|"([^"\\]*)"|'([^']*)')\s{0,8}:(?:\s+(.*))?$/
const TEXT_BELOW = /^([|>])[+-]?\s*(?:#.*)?$/

interface Line {
  readonly indent: number
  readonly text: string
}

export function parseCardYaml(source: readonly string[]): Readonly<Record<string, CardValue>> {
  const lines = source.map((line) => ({ indent: line.search(/\S|$/), text: line.trim() }))
  const value = new Reader(lines).map(0, 0)
  return value
}

class Reader {
  readonly #lines: readonly Line[]
  #at = 0

  constructor(lines: readonly Line[]) {
    this.#lines = lines
  }

  /** Entries at exactly this indentation, up to what is less. */
  map(indent: number, depth: number): Record<string, CardValue> {
    const entries: [string, CardValue][] = []
    for (let line = this.#next(); line !== null && line.indent >= indent; line = this.#next()) {
      this.#at++
      const [, plain, double, single, rest = ''] = line.indent === indent ? (KEY.exec(line.text) ?? []) : []
      const key = plain ?? double ?? single
      if (key === undefined) continue
      const value = this.#value(withoutComment(rest), indent, depth + 1)
      if (value !== null) entries.push([key, value])
    }
    return Object.fromEntries(entries)
  }

  #list(indent: number, depth: number): CardValue[] {
    const items: CardValue[] = []
    for (let line = this.#next(); line !== null && line.indent >= indent; line = this.#next()) {
      const [, gap = '', rest = ''] = line.indent === indent ? (/^-(\s+|$)(.*)$/.exec(line.text) ?? []) : []
      if (line.indent === indent && !isItem(line)) break
      const value = isItem(line) && line.indent === indent ? this.#item(indent + 1 + gap.length, rest, depth) : null
      if (value === null) this.#at++
      else items.push(value)
    }
    return items
  }

  /** A map may begin in the line of its dash. */
  #item(indent: number, rest: string, depth: number): CardValue | null {
    const start = this.#at
    if (KEY.test(rest) && !/^["'].*["']$/.test(rest)) {
      const inner = new Reader([
        ...this.#lines.slice(0, start),
        { indent, text: rest },
        ...this.#lines.slice(start + 1),
      ])
      inner.#at = start
      const value = depth >= DEPTH_MAX ? null : inner.map(indent, depth + 1)
      this.#at = depth >= DEPTH_MAX ? start : inner.#at
      return value
    }
    this.#at++
    const value = this.#value(withoutComment(rest), indent - 1, depth + 1)
    if (value === null) this.#at = start
    return value
  }

  /** Of a key or a dash that stands at `indent`. */
  #value(text: string, indent: number, depth: number): CardValue | null {
    const style = TEXT_BELOW.exec(text)?.[1]
    if (style !== undefined) return this.#textBelow(indent, style)
    if (text !== '') return parseInline(text, depth)
    const line = this.#next()
    if (line === null || depth > DEPTH_MAX) return null
    if (isItem(line) && line.indent >= indent) return this.#list(line.indent, depth)
    if (line.indent <= indent) return null
    const value = this.map(line.indent, depth)
    return Object.keys(value).length === 0 ? null : value
  }

  #textBelow(indent: number, style: string): string {
    const kept: Line[] = []
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at] as Line
      if (line.text !== '' && line.indent <= indent) break
      kept.push(line)
    }
    const first = kept.find(({ text }) => text !== '')?.indent ?? 0
    const texts = kept.map((line) => ' '.repeat(Math.max(line.text === '' ? 0 : line.indent - first, 0)) + line.text)
    return texts.join(style === '|' ? '\n' : ' ').trimEnd()
  }

  /** The next line that says something. */
  #next(): Line | null {
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at] as Line
      if (line.text !== '' && !line.text.startsWith('#')) return line
    }
    return null
  }
}

function isItem({ text }: Line): boolean {
  return text === '-' || text.startsWith('- ')
}

function withoutComment(text: string): string {
  return /^["']/.test(text) ? text.trim() : text.replace(/(^|\s)#.*$/, '').trim()
}

/** One line: `[…]`, `{…}` or a scalar. A bracket that does not close is text. */
function parseInline(text: string, depth: number): CardValue | null {
  const inner = /^\[(.*)\]$/.exec(text)?.[1] ?? /^\{(.*)\}$/.exec(text)?.[1]
  if (inner === undefined) return parseScalar(text)
  if (depth > DEPTH_MAX) return null
  const parts = splitTop(inner)
  if (text.startsWith('[')) return parts.flatMap((part) => parseInline(part, depth + 1) ?? [])
  const entries = parts.flatMap((part): [string, CardValue][] => {
    const [, plain, double, single, rest = ''] = KEY.exec(part) ?? []
    const value = parseInline(rest.trim(), depth + 1)
    const key = plain ?? double ?? single
    return key === undefined || value === null ? [] : [[key, value]]
  })
  return Object.fromEntries(entries)
}

/** At commas that stand in no quotes and no brackets. */
function splitTop(text: string): string[] {
  const parts: string[] = []
  let [start, nested, quote] = [0, 0, '']
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (quote !== '') quote = char === quote ? '' : quote
    else if (char === '"' || char === "'") quote = char
    else if (char === '[' || char === '{') nested++
    else if (char === ']' || char === '}') nested--
    else if (char === ',' && nested === 0) {
      parts.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  return [...parts, text.slice(start).trim()].filter((part) => part !== '')
}

function parseScalar(text: string): string | number | boolean {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  if (/^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text
}
