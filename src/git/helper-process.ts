/**
 * The helper: starts the programs it is told to and passes their bytes on, as many as its server takes. It ends, and its
 * programs with it, when the server is gone. Signals from a terminal go to all of a group: the server decides what ends.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type FromHelper, OUTPUT_BYTES_UNREAD_MAX, type ToHelper } from './helper-messages.ts'

interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  unread: number
}

const running = new Map<number, Running>()

function send(message: FromHelper): void {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined)
}

function start({ id, what }: ToHelper & { verb: 'start' }): void {
  const { program, args, env, cwd } = what
  const child = spawn(program, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  const one: Running = { child, unread: 0 }
  running.set(id, one)
  send({ verb: 'started', id, pid: child.pid })
  for (const verb of ['stdout', 'stderr'] as const) {
    child[verb].on('data', (bytes: Buffer) => {
      one.unread += bytes.length
      if (one.unread >= OUTPUT_BYTES_UNREAD_MAX) setFlowing(one, false)
      send({ verb, id, bytes })
    })
  }
  // The write that failed tells it.
  child.stdin.on('error', () => undefined)
  child.once('error', (error) => send({ verb: 'error', id, message: error.message }))
  child.once('close', (exit, signal) => {
    running.delete(id)
    send({ verb: 'closed', id, exit, signal })
  })
}

function setFlowing({ child }: Running, isFlowing: boolean): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (isFlowing) stream.resume()
    else stream.pause()
  }
}

function take(message: ToHelper): void {
  if (message.verb === 'start') start(message)
  else serve(message, running.get(message.id))
}

function serve(message: Exclude<ToHelper, { verb: 'start' }>, one: Running | undefined): void {
  const { id, verb } = message
  if (verb === 'write') {
    const onWritten = (error?: Error | null) => send({ verb: 'written', id, error: error?.message ?? null })
    if (one === undefined) onWritten(new Error('write EPIPE'))
    else one.child.stdin.write(message.bytes, onWritten)
  } else if (verb === 'end') one?.child.stdin.end()
  else if (verb === 'kill') one?.child.kill(message.signal)
  else if (one !== undefined) {
    one.unread -= message.bytes
    if (one.unread < OUTPUT_BYTES_UNREAD_MAX) setFlowing(one, true)
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
process.on('message', take)
process.on('disconnect', () => {
  for (const { child } of running.values()) child.kill('SIGKILL')
  process.exit(0)
})
