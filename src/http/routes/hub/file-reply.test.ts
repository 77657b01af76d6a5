import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { AppError } from '../../../base/app-error.ts'
import { silentLog } from '../../../base/log.ts'
import { replyError } from '../../error-reply.ts'
import { type FileReply, replyFile } from './file-reply.ts'

let app: FastifyInstance
afterEach(() => app.close())

async function serve(file: Partial<FileReply>): Promise<string> {
  app = Fastify({ exposeHeadRoutes: false })
  app.setErrorHandler((error, request, reply) => replyError(error, request, reply, silentLog))
  const whole: FileReply = {
    path: 'a.txt',
    size: 10,
    etag: 'ab',
    headers: { 'x-repo-commit': 'c' },
    open: () => bytes(10),
    ...file,
  }
  const handler = (request: Parameters<typeof replyFile>[0], reply: Parameters<typeof replyFile>[1]) =>
    replyFile(request, reply, whole)
  app.route({ method: ['GET', 'HEAD'], url: '/*', handler })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`
}

async function* bytes(...lengths: number[]): AsyncGenerator<Uint8Array> {
  for (const length of lengths) yield Buffer.alloc(length, 'x')
}

test('a source that gives fewer bytes than promised never looks whole (FILE_LENGTH_WRONG)', async () => {
  const url = await serve({ open: () => bytes(4, 5) })
  const answer = await fetch(url)
  expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '10'])
  await expect(answer.text()).rejects.toThrow()
})

test('a source that fails before its first byte is an error answer', async () => {
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield* bytes()
    throw new Error('inner')
  }
  const answer = await fetch(
    await serve({ open, onFailure: () => new AppError('damaged', 'LFS_CONTENT_LOST', 'told') }),
  )
  expect(answer.status).toBe(404)
})

test('HEAD reads nothing', async () => {
  let opened = 0
  const open = () => {
    opened++
    return bytes(10)
  }
  const answer = await fetch(await serve({ open }), { method: 'HEAD' })
  expect([answer.status, answer.headers.get('content-length'), opened]).toEqual([200, '10', 0])
})

test('an old copy asked on with If-Range gets the whole file', async () => {
  const url = await serve({})
  const ask = async (tag: string) => (await fetch(url, { headers: { range: 'bytes=5-', 'if-range': tag } })).status
  expect([await ask('"ab"'), await ask('"old"')]).toEqual([206, 200])
})

test.each([
  ['a.txt', 'inline', 'text/plain; charset=utf-8'],
  ['README', 'inline', 'text/plain; charset=utf-8'],
  ['d/config.json', 'inline', 'application/json'],
  ['page.html', 'inline', 'application/octet-stream'],
  ['x.svg', 'attachment', 'application/octet-stream'],
])('%s is never a page of this server', async (path, disposition, type) => {
  const answer = await fetch(await serve({ path, download: disposition === 'attachment' }))
  expect(answer.headers.get('content-type')).toContain(type.split(';')[0])
  expect(answer.headers.get('content-disposition')?.startsWith(`${disposition};`)).toBe(true)
  expect(answer.headers.get('content-security-policy')).toContain('sandbox')
  await answer.text()
})

test('odd names stay in their header', async () => {
  const answer = await fetch(await serve({ path: 'd/ü "x"\\;.txt' }))
  const expected = `inline; filename*=UTF-8''%C3%BC%20%22x%22%5C%3B.txt; filename="_ _x__;.txt";`
  expect(answer.headers.get('content-disposition')).toBe(expected)
  await answer.text()
})
