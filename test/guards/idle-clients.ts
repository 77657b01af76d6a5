/**
 * `node idle-clients.ts URL COUNT`: opens so many connections that ask for nothing: half of them silent, half sending a
 * header that never ends. In a process of its own, as its descriptors are. Prints one line of JSON when all are open, and
 * one when the server has ended all.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'

const AT_ONCE = 200
const DRIP_MS = 2_000
const [url = '', countText = '0'] = process.argv.slice(2)
const { hostname, port } = new URL(url)
const count = Number(countText)
const ended: Promise<number>[] = []
let answered = 0

async function open(isSilent: boolean): Promise<void> {
  const socket = connect(Number(port), hostname)
  const begun = systemClock.monotonicMs()
  const dripping = isSilent ? undefined : setInterval(() => socket.write('X-Slow: 1\r\n'), DRIP_MS)
  socket.on('data', (data) => {
    if (data.toString().startsWith('HTTP/1.1 408')) answered++
  })
  socket.on('error', () => socket.destroy())
  ended.push(
    new Promise((resolve) => {
      socket.once('close', () => {
        clearInterval(dripping)
        resolve(systemClock.monotonicMs() - begun)
      })
    }),
  )
  await once(socket, 'connect')
  if (!isSilent) socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n')
}

for (let at = 0; at < count; at += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, i) => open(i % 2 === 0)))
}
process.stdout.write(`${JSON.stringify({ open: ended.length })}\n`)
const times = await Promise.all(ended)
process.stdout.write(`${JSON.stringify({ ended: times.length, answered, longestMs: Math.max(...times) })}\n`)
