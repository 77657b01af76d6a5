/** Many raw connections to one server, opened a few at a time so that none is lost in the queue of the kernel. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

const AT_ONCE = 200

/** One raw connection; what goes wrong on it later is seen by its `close`. */
export async function connectTo(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  await once(socket, 'connect')
  return socket.on('error', () => socket.destroy())
}

/** Opens `count` connections and does `begin` with each as soon as it is there. */
export async function openCrowd(
  url: string,
  count: number,
  begin: (socket: Socket, index: number) => unknown,
): Promise<Socket[]> {
  const sockets: Socket[] = []
  let next = 0
  const open = async () => {
    while (next < count) {
      const index = next++
      const socket = await connectTo(url)
      sockets.push(socket)
      await begin(socket, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, open))
  return sockets
}

/** Without a farewell, so that no port of ours stays taken for a minute. */
export function closeCrowd(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy()
}

/** All that comes back until the other side closes, or null when it has not within `ms`. */
export async function untilClosed(socket: Socket, ms: number): Promise<string | null> {
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  if (socket.closed) return ''
  const isClosed = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), ms)
    // A reset is an end like any other.
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
  return isClosed ? Buffer.concat(parts).toString('latin1') : null
}

/** Lets this process hold `count` open files; throws where the system forbids it. */
export function allowOpenFiles(count: number): void {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const [, soft = '0'] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? []
  if (soft === 'unlimited' || Number(soft) >= count) return
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${count}:${count}`])
}
