import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StopStrings } from './stop-strings.ts'

/** Character by character: the text up to where the first stop string was complete, without it. */
function plainCut(text: string, stops: readonly string[]): string {
  for (let end = 1; end <= text.length; end++) {
    const complete = stops.filter((stop) => text.slice(0, end).endsWith(stop))
    if (complete.length > 0) return text.slice(0, end - Math.max(...complete.map((stop) => stop.length)))
  }
  return text
}

test('cuts at the same place however the text comes in pieces', () => {
  const letters = fc.constantFrom('a', 'b', 'c')
  const stop = fc.string({ unit: letters, minLength: 1, maxLength: 4 })
  const pieces = fc.array(fc.string({ unit: letters, maxLength: 4 }), { maxLength: 15 })
  fc.assert(
    fc.property(pieces, fc.array(stop, { maxLength: 4 }), (cut, stops) => {
      const watch = new StopStrings(stops)
      let text = ''
      for (const piece of cut) {
        text += watch.push(piece)
        // Nothing is taken back later.
        expect(plainCut(cut.join(''), stops).startsWith(text)).toBe(true)
      }
      text += watch.end()
      expect(text).toBe(plainCut(cut.join(''), stops))
      expect(watch.found === null).toBe(text === cut.join(''))
    }),
    { numRuns: 2000 },
  )
})

test('gives out at once what cannot begin a stop string', () => {
  const watch = new StopStrings(['\n\nUser:'])
  expect(watch.push('Hello\n')).toBe('Hello')
  expect(watch.push('World')).toBe('\nWorld')
  expect(watch.push('.\n\nUs')).toBe('.')
  expect(watch.push('er: more')).toBe('')
  expect(watch.found).toBe('\n\nUser:')
  expect(watch.push('and more')).toBe('')
  expect(watch.end()).toBe('')
})

test.each([
  ['too many', new Array(100_000).fill('x')],
  ['an empty one', ['a', '']],
  ['a long one', ['x'.repeat(1025)]],
  ['half of a character', ['\ud83e']],
])('refuses %s', (_name, stops) => {
  expect(() => new StopStrings(stops)).toThrow(expect.objectContaining({ kind: 'usage', code: 'STOP_STRINGS_BAD' }))
})
