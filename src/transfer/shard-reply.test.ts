import { expect, test } from 'vitest'
import type { HttpReply } from '../base/http-client.ts'
import { readShardReply } from './shard-reply.ts'

/** `text` as a body that comes in pieces of `size` bytes. */
function reply(text: string, size = 3, status = 200): HttpReply {
  async function* body() {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  return {
    status,
    url: '',
    where: 'POST x',
    length: null,
    header: () => undefined,
    body: body(),
    close: async () => undefined,
  }
}

test('waits for the result, however the lines are cut', async () => {
  const text = '{"type":"validating","verified":1,"total":2}\n{"type":"new kind"}\n\n{"type":"result","result":1}'
  for (const size of [1, 7, 1000]) expect(await readShardReply(reply(text, size))).toBe(true)
})

test.each([404, 501])('says that there is no such call on %d', async (status) => {
  expect(await readShardReply(reply('{}', 3, status))).toBe(false)
})

test.each([
  ['{"type":"error","message":"no","retryable":true}\n', 'upstream', 'SHARD_REFUSED'],
  ['{"type":"error","message":"no"}\n', 'integrity', 'SHARD_REFUSED'],
  ['{"type":"validating"}\n', 'upstream', 'SHARD_REPLY_UNFINISHED'],
  ['', 'upstream', 'SHARD_REPLY_UNFINISHED'],
  ['garbage\n', 'malformed', 'JSON_MALFORMED'],
  ['7\n', 'malformed', 'JSON_MALFORMED'],
  ['x'.repeat(1_100_000), 'malformed', 'REPLY_TOO_LARGE'],
])('refuses %j', async (text, kind, code) => {
  await expect(readShardReply(reply(text, 65_536))).rejects.toMatchObject({ kind, code })
})
