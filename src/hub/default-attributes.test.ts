import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Attributes } from '../git/attributes.ts'
import { DEFAULT_ATTRIBUTES, lfsLine } from './default-attributes.ts'

const of = (text: string) => new Attributes([{ folder: '', text }])

describe('.gitattributes', () => {
  test('of a new repository covers weights and leaves text alone', () => {
    const attributes = of(DEFAULT_ATTRIBUTES)
    for (const path of ['m.safetensors', 'd/m.gguf', 'saved_model/a/b', 'x.tfevents.1', 'a.tar.gz']) {
      expect([path, attributes.isLfs(path)]).toEqual([path, true])
    }
    for (const path of ['README.md', 'config.json', 'a.py', '.gitattributes']) {
      expect([path, attributes.isLfs(path)]).toEqual([path, false])
    }
  })

  test('a line for a path covers that path and no other', () => {
    const char = fc.constantFrom('a', 'b', ' ', '*', '?', '[', ']', '!', '#', '"', '\\'.replace('\\', '-'), 'é', '.')
    const name = fc.array(char, { minLength: 1, maxLength: 6 }).map((chars) => chars.join(''))
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
    fc.assert(
      fc.property(path, path, (one, other) => {
        const attributes = of(`${lfsLine(one)}\n`)
        expect(attributes.isLfs(one)).toBe(true)
        expect(attributes.isLfs(other)).toBe(one === other)
        expect(attributes.isLfs(`d/${one}`)).toBe(false)
      }),
    )
  })
})
