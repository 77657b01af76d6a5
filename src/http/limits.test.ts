import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as limits from './limits.ts'

const page = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8')

test.each(Object.entries(limits))('docs/limits.md says what %s is', (name, value) => {
  if (typeof value === 'number') expect(page).toContain(`| \`${name}\` | ${value} |`)
  else
    for (const [bucket, count] of Object.entries(value)) {
      expect(page).toContain(`${count.toLocaleString('en')} \`${bucket}\``)
    }
})
