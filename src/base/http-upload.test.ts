/** A server that answers a body before it has read it, and whose answer was lost once because we were busy writing. */
import { createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { HttpClient, pieces } from './http-client.ts'
import { RETRY_POLICY } from './retry.ts'

const BODY = new Uint8Array(4 << 20)
const HEAD_BYTES = 8 * 1024

test.each([
  [413, 'too-large', 'TOO_LARGE'],
  [401, 'unauthorized', 'UNAUTHORIZED'],
])('D35 the answer %i is waited for before the body goes up again', async (status, kind, code) => {
  let connections = 0
  const server = createServer((socket: Socket) => {
    let bytes = 0
    socket.on('error', () => socket.destroy())
    socket.on('data', (piece) => {
      bytes += piece.length
    })
    if (connections++ === 0) return void socket.once('data', () => socket.resetAndDestroy())
    socket.once('data', async () => {
      await systemClock.sleep(100)
      const answer = `HTTP/1.1 ${status} No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`
      // Whoever writes on would not see it.
      if (bytes < HEAD_BYTES) socket.end(answer, () => socket.destroy())
      else socket.resetAndDestroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const http = new HttpClient({ env: {}, retry: { ...RETRY_POLICY, retries: 3, firstMs: 1 } })
  try {
    const request = { url: `http://127.0.0.1:${port}/up`, method: 'POST', idempotent: true } as const
    const sent = http.json({ ...request, body: pieces(BODY), bodyLength: BODY.length })
    await expect(sent).rejects.toMatchObject({ kind, code })
    expect(connections).toBe(2)
  } finally {
    await http.close()
    server.close()
  }
})
