import { describe, expect, test } from 'vitest'
import { ChatTemplate } from './chat-template.ts'

const NOON = Date.UTC(2024, 6, 4, 12)
const render = (text: string, variables: Record<string, unknown> = {}) => new ChatTemplate(text).render(variables, NOON)

test('has a date of its own, from the clock it is given', () => {
  expect(render('{{ strftime_now("%d %b %Y") }}')).toBe('04 Jul 2024')
})

test.each([
  ['{{ range(3) }}', '[0, 1, 2]'],
  ['{{ range(2, 4) | list }}', '[2, 3]'],
  ['{% for i in range(6, 0, -2) %}{{ i }},{% endfor %}', '6,4,2,'],
  ['{{ range(5, 1) | length }}', '0'],
])('%s', (text, expected) => expect(render(text).replaceAll('"', '')).toBe(expected))

test.each(['{{ range(1000000000) }}', '{{ range(1, 2, 0) }}', '{{ range("7") }}', '{{ range(0, -1000000, -1) }}'])(
  '%s fails with a message',
  (text) => {
    expect(() => render(text)).toThrow(expect.objectContaining({ kind: 'malformed', code: 'TEMPLATE_BAD' }))
  },
)

test('what the template itself refuses is the fault of who asks', () => {
  expect(() => render("{{ raise_exception('roles must alternate') }}")).toThrow(
    expect.objectContaining({
      kind: 'usage',
      code: 'TEMPLATE_REFUSED',
      message: "The model's chat template refuses this: roles must alternate",
    }),
  )
})

describe('a template that is broken', () => {
  test.each([
    ['no template', '{{ messages['],
    ['a loop that does not end', '{% for x in y %}'],
    ['deep brackets', `{{ ${'('.repeat(6000)}1${')'.repeat(6000)} }}`],
    ['half a megabyte', 'x'.repeat(512 * 1024 + 1)],
  ])('%s', (_name, text) => {
    expect(() => render(text)).toThrow(expect.objectContaining({ kind: 'malformed', code: 'TEMPLATE_BAD' }))
  })
})

test('reaches nothing of the language it runs in', () => {
  const text =
    '{{ x.constructor }}|{{ x.__proto__ }}|{{ x["constructor"]["constructor"] }}|{{ range.constructor }}|{{ process }}'
  expect(() => render(`${text}{{ x.constructor.constructor("return 1")() }}`, { x: {} })).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_BAD' }),
  )
  for (const one of text.split('|')) {
    let seen = ''
    try {
      seen = render(one, { x: {} })
    } catch (error) {
      expect(error).toMatchObject({ code: 'TEMPLATE_BAD' })
    }
    expect(seen).not.toMatch(/function|native|object/)
  }
})

test('values with the names of functions do not replace them', () => {
  expect(render('{{ range(2) }}', { range: 'x', raise_exception: 'y' })).toBe('[0, 1]')
})
