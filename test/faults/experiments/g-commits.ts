/** Group G13: commit bodies that are too long, too many, or not what they say; read as a stream. */
import assert from 'node:assert/strict'
import { assertRefused, fileLine, type Lab } from '../lab.ts'

const HEADER = '{"key":"header","value":{"summary":"s","description":""}}\n'
const MEMORY_MAX = 160 << 20

export async function boundsCommits(lab: Lab): Promise<string> {
  const repo = await lab.freshRepo()
  const growth = await lab.watchMemory()
  const refuse = async (body: string | AsyncIterable<Uint8Array>, status: number | readonly number[]) => {
    const headers = { 'content-type': 'application/x-ndjson' }
    await lab.leavesNothing(async () =>
      assertRefused(await lab.commit(repo, [], { body, headers, timeoutMs: 90_000 }), status),
    )
  }
  await refuse('', 400)
  await refuse(`${JSON.stringify(fileLine('a.txt', 'x'))}\n`, 400)
  await refuse(`${HEADER}${HEADER}`, 400)
  await refuse(`${HEADER}{"key":"file","value":{"path":"a","content":"***not base64***","encoding":"base64"}}\n`, 400)
  await refuse(`${HEADER}{"key":"file","value":{"path":"a","content":"eA==","encoding":"rot13"}}\n`, 400)
  await refuse(`${HEADER}{"key":"surprise","value":{}}\n`, 400)
  await refuse(`${HEADER}{"key":"file"`, 400)
  await refuse(`${HEADER}[]\n`, 400)
  await refuse(`${HEADER}null\n`, 400)
  await refuse(`${HEADER}${'['.repeat(100_000)}\n`, 400)
  await refuse(longLine(1 << 30), [400, 413])
  await refuse(manyLines(1_000_000), [400, 413])
  const grown = growth()
  assert.ok(grown < MEMORY_MAX, `resident memory grew by ${Math.round(grown / 1048576)} MiB`)
  return `memory +${Math.round(grown / 1048576)} MiB`
}

async function* longLine(length: number): AsyncIterable<Uint8Array> {
  yield Buffer.from(`${HEADER}{"key":"file","value":{"path":"a","encoding":"base64","content":"`)
  const piece = Buffer.alloc(1 << 20, 'A')
  for (let sent = 0; sent < length; sent += piece.length) yield piece
  yield Buffer.from('"}}\n')
}

async function* manyLines(count: number): AsyncIterable<Uint8Array> {
  yield Buffer.from(HEADER)
  const perPiece = 1000
  for (let i = 0; i < count; i += perPiece) {
    const lines = Array.from({ length: perPiece }, (_, k) =>
      JSON.stringify({ key: 'deletedFile', value: { path: `d/${i + k}.txt` } }),
    )
    yield Buffer.from(`${lines.join('\n')}\n`)
  }
}
