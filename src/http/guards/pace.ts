/**
 * A transfer may take hours, but not stand still or crawl: Node's own limit is one on the whole request, which would also
 * end a slow but steady upload. Only the other side is judged: bytes that wait here unread, or answers that are not made
 * yet, are our slowness. Nothing is answered, as nobody is listening.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { READER_WINDOW_MS, SENDER_WINDOW_MS, TRANSFER_LOOK_MS, WINDOW_BYTES_MIN } from '../limits.ts'

export interface Pace {
  readonly senderMs: number
  readonly readerMs: number
  readonly bytesMin: number
  readonly lookMs: number
}

export const PACE: Pace = {
  senderMs: SENDER_WINDOW_MS,
  readerMs: READER_WINDOW_MS,
  bytesMin: WINDOW_BYTES_MIN,
  lookMs: TRANSFER_LOOK_MS,
}

/** Watches until the body is whole and the answer is taken. */
export function watchPace({ raw }: FastifyRequest, { raw: answer }: FastifyReply, pace: Pace): void {
  const { socket } = raw
  const sender = new Window(pace.senderMs, pace)
  const reader = new Window(pace.readerMs, pace)
  const timer = setInterval(() => {
    if (answer.writableFinished || socket.destroyed) return clearInterval(timer)
    const isSending = !raw.complete && raw.readableLength === 0
    const isReading = socket.writableLength > 0
    const isSlow = sender.isSlow(isSending, socket.bytesRead)
    if (reader.isSlow(isReading, socket.bytesWritten - socket.writableLength) || isSlow) socket.destroy()
  }, pace.lookMs)
  timer.unref()
  answer.once('close', () => clearInterval(timer))
}

/** What the other side moved since it was last waited for. */
class Window {
  readonly #lengthMs: number
  readonly #pace: Pace
  #waitedMs = 0
  #from = 0

  constructor(lengthMs: number, pace: Pace) {
    this.#lengthMs = lengthMs
    this.#pace = pace
  }

  isSlow(isWaitedFor: boolean, bytes: number): boolean {
    if (!isWaitedFor || bytes - this.#from >= this.#pace.bytesMin) {
      this.#waitedMs = 0
      this.#from = bytes
      return false
    }
    this.#waitedMs += this.#pace.lookMs
    return this.#waitedMs > this.#lengthMs
  }
}
