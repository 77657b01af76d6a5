import type { FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { checkHost } from './host.ts'

/** A request as Node parses these header lines. */
function request(...lines: [name: string, value: string][]): FastifyRequest {
  const headers = Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value]))
  return { headers, raw: { rawHeaders: lines.flat(), url: '/' } } as unknown as FastifyRequest
}

const check =
  (...lines: [string, string][]) =>
  () =>
    checkHost(request(...lines), ['models.example'])

test.each(['127.0.0.1:9672', 'localhost', '[::1]:1', 'models.example', 'MODELS.example:80'])('serves %s', (host) => {
  expect(check(['Host', host])).not.toThrow()
  expect(check(['Host', host], ['Origin', `http://${host}`])).not.toThrow()
})

test('refuses a request without a Host, and one with two', () => {
  const missing = expect.objectContaining({ kind: 'usage', code: 'HOST_MISSING' })
  expect(check()).toThrow(missing)
  expect(check(['Host', 'localhost'], ['HOST', 'localhost'])).toThrow(missing)
})

test.each(['evil.example', 'models.example.evil', 'localhost@evil', '', '127.0.0.1:999999'])(
  'refuses Host "%s"',
  (host) => {
    expect(check(['Host', host])).toThrow(expect.objectContaining({ kind: 'forbidden', code: 'HOST_UNKNOWN' }))
  },
)

test.each(['http://evil.example', 'null', 'http://localhost:1', 'file://'])('refuses pages of %s', (origin) => {
  const foreign = expect.objectContaining({ kind: 'forbidden', code: 'ORIGIN_FOREIGN' })
  expect(check(['Host', 'localhost'], ['Origin', origin])).toThrow(foreign)
})
