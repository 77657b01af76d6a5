import { describe, expect, test } from 'vitest'
import { frontMatter, parseCard, tagsOf } from './model-card.ts'

const README = `---
license: mit # ours
library_name: "transformers"
pipeline_tag: text-generation
language: [en, 'de']
tags:
- tiny
  # a comment
- "quoted: yes"
datasets:
  - a/b
inference: false
version: 1.5
model-index:
- name: x
  results: []
nested:
  deep: 1
---
# title
license: apache
`

describe('parseCard', () => {
  test('reads scalars and lists, leaves out what is nested', () => {
    expect(parseCard(README)).toEqual({
      license: 'mit',
      library_name: 'transformers',
      pipeline_tag: 'text-generation',
      language: ['en', 'de'],
      tags: ['tiny', 'quoted: yes'],
      datasets: ['a/b'],
      inference: false,
      version: 1.5,
    })
    const tags = ['transformers', 'text-generation', 'tiny', 'quoted: yes', 'en', 'de', 'dataset:a/b', 'license:mit']
    expect(tagsOf(parseCard(README))).toEqual(tags)
  })

  test.each([
    ['no head', '# x'],
    ['a head that does not end', '---\nlicense: mit\n'],
    ['nothing', ''],
  ])('of %s knows nothing', (_, text) => {
    expect([frontMatter(text), parseCard(text)]).toEqual([null, {}])
  })

  test('aliases and bombs stay text', () => {
    const card = parseCard('---\na: &x [1,1]\nb: *x\n__proto__: y\n---\n')
    expect(card.b).toBe('*x')
    expect(Object.getPrototypeOf(card)).toBe(Object.prototype)
  })
})
