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
  test('reads scalars, lists and what is nested', () => {
    expect(parseCard(README)).toEqual({
      license: 'mit',
      library_name: 'transformers',
      pipeline_tag: 'text-generation',
      language: ['en', 'de'],
      tags: ['tiny', 'quoted: yes'],
      datasets: ['a/b'],
      inference: false,
      version: 1.5,
      'model-index': [{ name: 'x', results: [] }],
      nested: { deep: 1 },
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

  test('reads the index of a model and the configurations of a data set', () => {
    const card = parseCard(`---
model-index:
- name: tiny   # the first
  results:
    - task: {type: text-generation, name: "Text, Generation"}
      dataset:
        name: wiki
        args: [a, {b: 'c, d'}]
      metrics:
      - type: accuracy
        value: 0.75
      - type: loss
        value: -1
- name: other
dataset_info:
  features:
  - name: text
    dtype: string
  splits:
  -
    name: train
    num_examples: 3
configs:
- config_name: default
  data_files: "*.csv"
extra_gated_prompt: |
  First line

    second: line
license: mit
---`)
    expect(card).toEqual({
      'model-index': [
        {
          name: 'tiny',
          results: [
            {
              task: { type: 'text-generation', name: 'Text, Generation' },
              dataset: { name: 'wiki', args: ['a', { b: 'c, d' }] },
              metrics: [
                { type: 'accuracy', value: 0.75 },
                { type: 'loss', value: -1 },
              ],
            },
          ],
        },
        { name: 'other' },
      ],
      dataset_info: { features: [{ name: 'text', dtype: 'string' }], splits: [{ name: 'train', num_examples: 3 }] },
      configs: [{ config_name: 'default', data_files: '*.csv' }],
      extra_gated_prompt: 'First line\n\n  second: line',
      license: 'mit',
    })
  })

  test('what is nested too deep is left out, what is no YAML harms nothing behind it', () => {
    const deep = Array.from({ length: 1_000 }, (_, i) => `${' '.repeat(i)}a${i}:`).join('\n')
    expect(Object.keys(parseCard(`---\n${deep}\nb: 1\n---\n`))).not.toContain('a13')
    expect(parseCard(`---\n- - - x\n  : y\n[a\n"k": v\n${'['.repeat(5_000)}: z\nlicense: mit\n---\n`)).toEqual({
      k: 'v',
      license: 'mit',
    })
    expect(parseCard(`---\na: ${'['.repeat(50_000)}${']'.repeat(50_000)}\nb: 1\n---\n`)).toMatchObject({ b: 1 })
  })

  test('bait for patterns costs no time', () => {
    const long = ' '.repeat(100_000)
    const begun = performance.now()
    for (const line of [`a${long}b`, `a: b${long}c`, `- a${long}b`, `a: [b${long}c]`, `"a${long}`, `a: |${long}x`]) {
      parseCard(`---\n${line}\n---\n`)
    }
    expect(performance.now() - begun).toBeLessThan(500)
  })

  test('aliases and bombs stay text', () => {
    const card = parseCard('---\na: &x [1,1]\nb: *x\n__proto__: y\n---\n')
    expect(card.b).toBe('*x')
    expect(Object.getPrototypeOf(card)).toBe(Object.prototype)
  })
})
