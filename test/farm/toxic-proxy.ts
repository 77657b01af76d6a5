/**
 * A TCP proxy on loopback that counts and spoils what passes between a client and one server.
 *
 * Toxics are read anew for each piece, so a test may change them while a transfer runs. Offsets count bytes towards the
 * client within one connection; headers count too.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'

export interface Toxics {
  /** Waits before each piece towards the client. */
  latencyMs?: number
  /** Limits each connection, in both directions. */
  bytesPerSecond?: number
  /** Cuts what goes towards the client into pieces of this size; the first `slicedBytes` of a connection, or all. */
  sliceBytes?: number
  slicedBytes?: number
  /** Sends the first so many bytes towards the client one at a time, with a pause before each. */
  trickledBytes?: number
  trickleMs?: number
  /** Inverts the lowest bit of the byte at this offset. */
  flipBitAt?: number
  /** The same on the way to the server. */
  flipBitUpAt?: number
  /** Ends the connection after this many bytes towards the client (`down`) or the server (`up`). */
  cutDownAfter?: number
  cutUpAfter?: number
  /** How a cut looks to the client: a clean FIN, or a reset. */
  cutBy?: 'fin' | 'reset'
  /** Passes nothing on after this many bytes towards the client, and keeps the connection open. */
  blackHoleAfter?: number
}

export class ToxicProxy {
  readonly toxics: Toxics
  /** In the place of `toxics`: those of a connection by its number, from 1. */
  choose: ((connection: number) => Toxics) | null = null
  /** Connections that were cut. */
  cuts = 0
  bytesUp = 0
  bytesDown = 0
  #connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #target: { host: string; port: number }

  private constructor(target: { host: string; port: number }, toxics: Toxics) {
    this.#target = target
    this.toxics = toxics
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#serve(client))
  }

  static async start(targetUrl: string, toxics: Toxics = {}): Promise<ToxicProxy> {
    const { hostname, port } = new URL(targetUrl)
    const proxy = new ToxicProxy({ host: hostname, port: Number(port) }, toxics)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen')
    return `http://127.0.0.1:${address.port}`
  }

  get connections(): number {
    return this.#connections
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #serve(client: Socket): void {
    const number = ++this.#connections
    const chosen = this.choose?.(number)
    const toxics = () => chosen ?? this.toxics
    const server = connect({ ...this.#target, allowHalfOpen: true })
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      // A broken side breaks the other one: that is what the client must see.
      socket.on('error', () => {
        client.destroy()
        server.destroy()
      })
    }
    client.setNoDelay(true)
    void this.#pump({ from: client, to: server, direction: 'up', toxics })
    void this.#pump({ from: server, to: client, direction: 'down', toxics })
  }

  async #pump(way: Way): Promise<void> {
    const { from, to, direction, toxics } = way
    let offset = 0
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        for (const slice of slices(piece, offset, way)) {
          if (!(await this.#pass(slice, offset, way))) return
          offset += slice.length
        }
      }
      // Whoever swallows an answer does not end it either.
      if (direction === 'up' || toxics().blackHoleAfter === undefined) to.end()
    } catch (error) {
      to.destroy(error as Error)
    }
  }

  /** Sends one piece on; false when the connection ended here. */
  async #pass(piece: Buffer, offset: number, { from, to, direction, toxics }: Way): Promise<boolean> {
    const { latencyMs, bytesPerSecond, blackHoleAfter, cutBy, trickledBytes = 0, trickleMs = 0 } = toxics()
    const limit = direction === 'down' ? toxics().cutDownAfter : toxics().cutUpAfter
    if (direction === 'down' && latencyMs) await systemClock.sleep(latencyMs)
    if (direction === 'down' && offset < trickledBytes) await systemClock.sleep(trickleMs)
    if (bytesPerSecond) await systemClock.sleep((piece.length / bytesPerSecond) * 1000)
    const flipAt = ((direction === 'down' ? toxics().flipBitAt : toxics().flipBitUpAt) ?? -1) - offset
    if (flipAt >= 0 && flipAt < piece.length) piece[flipAt] = (piece[flipAt] as number) ^ 1
    if (direction === 'down' && blackHoleAfter !== undefined && offset + piece.length > blackHoleAfter) return true
    const kept = limit === undefined ? piece : piece.subarray(0, Math.max(limit - offset, 0))
    this[direction === 'up' ? 'bytesUp' : 'bytesDown'] += kept.length
    const [client, server] = direction === 'down' ? [to, from] : [from, to]
    if (kept.length > 0 && !to.write(kept)) await writableAgain(to)
    if (kept.length === piece.length) return true
    this.cuts++
    if (cutBy === 'fin') client.end()
    else client.resetAndDestroy()
    server.destroy()
    return false
  }
}

/** What goes from one side to the other. */
interface Way {
  readonly from: Socket
  readonly to: Socket
  readonly direction: 'up' | 'down'
  readonly toxics: () => Toxics
}

function* slices(piece: Buffer, offset: number, { direction, toxics }: Way): Iterable<Buffer> {
  const { sliceBytes = 0, slicedBytes = Number.POSITIVE_INFINITY, trickledBytes = 0 } = toxics()
  for (let at = 0; at < piece.length; ) {
    const isTrickled = direction === 'down' && offset + at < trickledBytes
    const isSliced = direction === 'down' && sliceBytes > 0 && offset + at < slicedBytes
    const size = isTrickled ? 1 : isSliced ? sliceBytes : piece.length
    yield piece.subarray(at, at + size)
    at += size
  }
}

/** Or closed. */
async function writableAgain(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}
