/**
 * The facts at the top of a README: the part of YAML that cards are written in, one level of `key: value`, `[a, b]` and
 * lists of `- value`. What is nested deeper is left out; nothing is evaluated. Bounded by the text it is given.
 */
import type { RepoType } from './repo-id.ts'

export type CardValue = string | number | boolean | readonly string[]
export type Card = Readonly<Record<string, CardValue>>

const LINES_MAX = 2_000
const FENCE = /^---[ \t]*$/

/** The lines between the fences; null when there is no such head. */
export function frontMatter(readme: string): readonly string[] | null {
  const lines = readme.replace(/^\ufeff/, '').split(/\r?\n/, LINES_MAX)
  if (!FENCE.test(lines[0] ?? '')) return null
  const end = lines.findIndex((line, i) => i > 0 && FENCE.test(line))
  return end < 0 ? null : lines.slice(1, end)
}

export function parseCard(readme: string): Card {
  const card = new Map<string, CardValue>()
  let list: { key: string; items: string[] } | null = null
  for (const line of frontMatter(readme) ?? []) {
    const item = /^\s*- +([^\s].*)$/.exec(line)
    const pair = /^([A-Za-z0-9_-]+):(?:\s+(.*))?$/.exec(line)
    if (pair?.[1] !== undefined) {
      const text = withoutComment(pair[2] ?? '')
      list = text === '' ? { key: pair[1], items: [] } : null
      if (text !== '') card.set(pair[1], parseValue(text))
    } else if (item?.[1] !== undefined && list !== null && !/^[\w-]+:(\s|$)/.test(item[1])) {
      list.items.push(unquote(withoutComment(item[1])))
      card.set(list.key, list.items)
    } else if (line.trim() !== '' && !line.trim().startsWith('#')) {
      // Nested further: what it belongs to is left out.
      if (list !== null) card.delete(list.key)
      list = null
    }
  }
  return Object.fromEntries(card)
}

function parseValue(text: string): CardValue {
  const list = /^\[(.*)\]$/.exec(text)
  if (list !== null) {
    const items = (list[1] ?? '').split(',').map((item) => unquote(item.trim()))
    return items.filter((item) => item !== '')
  }
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  if (/^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  return unquote(text)
}

function withoutComment(text: string): string {
  return /^["']/.test(text) ? text.trim() : text.replace(/\s+#.*$/, '').trim()
}

function unquote(text: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(text)
  return quoted?.[2] ?? text
}

/** The fields of a card that become tags, with what stands before them. */
const TAG_FIELDS: Readonly<Record<RepoType, readonly (readonly [string, string])[]>> = {
  model: [
    ['library_name', ''],
    ['pipeline_tag', ''],
    ['tags', ''],
    ['language', ''],
    ['datasets', 'dataset:'],
    ['base_model', 'base_model:'],
    ['license', 'license:'],
  ],
  dataset: [
    ['task_categories', 'task_categories:'],
    ['task_ids', 'task_ids:'],
    ['annotations_creators', 'annotations_creators:'],
    ['language_creators', 'language_creators:'],
    ['multilinguality', 'multilinguality:'],
    ['source_datasets', 'source_datasets:'],
    ['language', 'language:'],
    ['license', 'license:'],
    ['size_categories', 'size_categories:'],
    ['tags', ''],
  ],
  space: [
    ['sdk', ''],
    ['tags', ''],
    ['models', 'model:'],
    ['datasets', 'dataset:'],
    ['license', 'license:'],
  ],
}

/** Tags as listings show them, and as filters name them. */
export function tagsOf(card: Card, type: RepoType = 'model'): string[] {
  const each = (key: string, prefix: string) => {
    const value = card[key]
    const items = Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
    return items.map((item) => `${prefix}${item}`)
  }
  return [...new Set(TAG_FIELDS[type].flatMap(([key, prefix]) => each(key, prefix)))]
}
