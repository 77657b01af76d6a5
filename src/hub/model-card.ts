/** The facts at the top of a README: the head between two fences, and the tags that follow from it. */
import { type CardValue, parseCardYaml } from './card-yaml.ts'
import type { RepoType } from './repo-id.ts'

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
  return parseCardYaml(frontMatter(readme) ?? [])
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
    const items: readonly CardValue[] = Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
    return items.flatMap((item) => (typeof item === 'object' ? [] : [`${prefix}${item}`]))
  }
  return [...new Set(TAG_FIELDS[type].flatMap(([key, prefix]) => each(key, prefix)))]
}
