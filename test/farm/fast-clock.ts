/**
 * Makes the process that loads it (`--import`) live `FAST_CLOCK` times as fast: timers, time limits of sockets, and the
 * clock that durations are measured by. The wall clock and the network stay as they are.
 */
import { Socket } from 'node:net'

const factor = Number(process.env.FAST_CLOCK ?? 1)
const { setTimeout: realTimeout, setInterval: realInterval } = globalThis
const realNow = performance.now.bind(performance)
const realSocketTimeout = Socket.prototype.setTimeout

globalThis.setTimeout = Object.assign(
  (callback: () => void, ms = 0, ...args: []) => realTimeout(callback, ms / factor, ...args),
  realTimeout,
) as typeof setTimeout
globalThis.setInterval = ((callback: () => void, ms = 0, ...args: []) =>
  realInterval(callback, ms / factor, ...args)) as typeof setInterval
performance.now = () => realNow() * factor
Socket.prototype.setTimeout = function setTimeout(this: Socket, ms: number, callback?: () => void) {
  return realSocketTimeout.call(this, ms / factor, callback)
}
