/**
 * Has a small process beside this one start the programs. To start one, the system copies the tables of the starter's
 * memory and waits until the new program runs: in a server of some hundred MiB that stops everything for up to tens of
 * milliseconds, each time. A helper that ends takes its programs with it; the next start begins a new one.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import type { GitProcess, ProcessStarter, ProgramStart } from './git-process.ts'
import type { FromHelper, ToHelper } from './helper-messages.ts'

/** A checkout runs sources, the package compiled code. */
const ENTRY = new URL(`helper-process.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

export class HelperStarter implements ProcessStarter {
  #helper: ChildProcess | null = null
  #processes = new Map<number, HelpedProcess>()
  #ids = 0

  start(what: ProgramStart): GitProcess {
    const helper = this.#helper ?? this.#startHelper()
    const id = this.#ids++
    const send = (message: ToHelper) => {
      // What cannot be sent was said to a helper that has ended, of which `exit` tells.
      if (helper.connected) helper.send(message, () => undefined)
    }
    const process = new HelpedProcess(id, send)
    this.#processes.set(id, process)
    send({ verb: 'start', id, what })
    return process
  }

  async close(): Promise<void> {
    const helper = this.#helper
    if (helper === null) return
    const ended = once(helper, 'exit')
    helper.disconnect()
    await ended
  }

  #startHelper(): ChildProcess {
    const processes = new Map<number, HelpedProcess>()
    const helper = fork(ENTRY, [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    helper.on('message', (message: FromHelper) => {
      const process = processes.get(message.id)
      if (message.verb === 'closed') processes.delete(message.id)
      process?.take(message)
    })
    const onEnd = () => {
      if (this.#helper === helper) this.#helper = null
      for (const process of processes.values()) process.lose()
      processes.clear()
    }
    helper.once('exit', onEnd)
    helper.once('error', onEnd)
    this.#helper = helper
    this.#processes = processes
    return helper
  }
}

class HelpedProcess extends EventEmitter implements GitProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  exitCode: number | null = null
  signalCode: NodeJS.Signals | null = null
  pid: number | undefined
  readonly #id: number
  readonly #send: (message: ToHelper) => void
  #written: ((error?: Error | null) => void) | null = null
  #isOver = false

  constructor(id: number, send: (message: ToHelper) => void) {
    super()
    this.#id = id
    this.#send = send
    this.stdin = new Writable({
      decodeStrings: true,
      write: (bytes: Uint8Array, _encoding, done) => {
        if (this.#isOver) return done(new Error('write EPIPE'))
        this.#written = done
        send({ verb: 'write', id, bytes })
      },
      final: (done) => {
        send({ verb: 'end', id })
        done()
      },
    })
    this.stdout = this.#output()
    this.stderr = this.#output()
  }

  kill(signal: NodeJS.Signals): boolean {
    if (!this.#isOver) this.#send({ verb: 'kill', id: this.#id, signal })
    return !this.#isOver
  }

  take(message: FromHelper): void {
    switch (message.verb) {
      case 'started':
        this.pid = message.pid
        return
      case 'stdout':
      case 'stderr': {
        const { bytes } = message
        if (this[message.verb].destroyed) this.#send({ verb: 'taken', id: this.#id, bytes: bytes.length })
        else this[message.verb].push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
        return
      }
      case 'written': {
        const done = this.#written
        this.#written = null
        done?.(message.error === null ? null : new Error(message.error))
        return
      }
      case 'error':
        this.emit('error', new Error(message.message))
        return
      case 'closed':
        this.#end(message.exit, message.signal)
    }
  }

  /** The helper is gone, and the program with it. */
  lose(): void {
    this.#end(null, 'SIGKILL')
  }

  /** Counts what its reader took, so that the helper sends more. */
  #output(): Readable {
    const id = this.#id
    const stream: Readable = new Readable({ read: () => undefined })
    const push = stream.push.bind(stream)
    stream.push = (bytes: Buffer | null) => {
      if (bytes === null) return push(null)
      const more = push(bytes)
      const taken = () => this.#send({ verb: 'taken', id, bytes: bytes.length })
      if (more) taken()
      else waiting.push(taken)
      return more
    }
    const waiting: (() => void)[] = []
    stream._read = () => {
      for (const taken of waiting.splice(0)) taken()
    }
    return stream
  }

  #end(exit: number | null, signal: NodeJS.Signals | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.exitCode = exit
    this.signalCode = signal
    this.#written?.(new Error('write EPIPE'))
    this.#written = null
    let open = 2
    for (const stream of [this.stdout, this.stderr]) {
      const closed = () => {
        open--
        if (open === 0) this.emit('close', exit, signal)
      }
      if (stream.closed) closed()
      else stream.once('close', closed)
      if (!stream.destroyed) stream.push(null)
      // What nobody reads keeps nobody waiting.
      if (stream.readableFlowing === null && stream.listenerCount('readable') === 0) stream.resume()
    }
  }
}
