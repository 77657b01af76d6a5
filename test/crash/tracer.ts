/**
 * Runs a program and whatever it starts, and sees every call that changes files below one folder before it takes effect:
 * kills the whole tree at the k-th, or writes all of them down with their data. One such call runs at a time, so their
 * order is that of their effects.
 */
import { closeSync, copyFileSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type PendingCall, readCall } from './call-reader.ts'
import { copyTreeNow } from './copy-tree.ts'
import type { DiskCall } from './disk-event.ts'
import { eventMessage, goOn, goOnToCallEnd, readRegisters, type Stop, seize, spawn, wait } from './kernel.ts'

const SIGTRAP = 5
const SYSCALL_STOP = SIGTRAP | 0x80
const EVENT_SECCOMP = 7
/** Of fork, vfork and clone. */
const CHILD_EVENTS = [1, 2, 3]

export interface TraceJob {
  /** The program and its arguments; it calls `stopAtCalls` when told so by the environment. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Everything below it counts. */
  readonly folder: string
  /** Takes what the program writes on its standard output: what it has acknowledged. */
  readonly journal: string
  readonly errors: string
  /** A path for a named pipe that holds the program back until it is followed. */
  readonly gate: string
  /** Kills at this call, counted from 1; 0 never. */
  readonly killAt: number
  /** Whether the calls come back with their data. */
  readonly record: boolean
  /** Where to put, before the k-th call, a copy of the folder (`k`) and of the journal (`k.said`); null for no copies. */
  readonly copies: string | null
}

export interface TraceResult {
  readonly wasKilled: boolean
  /** How the program ended: its exit status, or 128 and a signal. */
  readonly exit: number
  readonly callCount: number
  /** What it was killed at. */
  readonly killedAt: string
  readonly calls: readonly DiskCall[]
}

export function trace(job: TraceJob): TraceResult {
  return new Tracer(job).run()
}

class Tracer {
  readonly #job: TraceJob
  readonly #pids = new Set<number>()
  readonly #calls: DiskCall[] = []
  #count = 0
  #killedAt = ''
  #main = 0
  #exit = 0

  constructor(job: TraceJob) {
    this.#job = job
  }

  run(): TraceResult {
    const { command, env, journal, errors, gate } = this.#job
    const script = 'read _ <"$0"; j=$1; e=$2; shift 2; exec "$@" >"$j" 2>"$e" </dev/null'
    // Opened both ways, so that neither side waits for the other.
    const open = openSync(gate, 'r+')
    try {
      this.#main = spawn('/bin/sh', ['-c', script, gate, journal, errors, ...command], env)
      this.#pids.add(this.#main)
      seize(this.#main)
      writeSync(open, '\n')
      for (let stop = wait(-1); stop !== null; stop = wait(-1)) this.#take(stop)
    } finally {
      closeSync(open)
    }
    return {
      wasKilled: this.#killedAt !== '',
      exit: this.#exit,
      callCount: this.#count,
      killedAt: this.#killedAt,
      calls: this.#calls,
    }
  }

  #take(stop: Stop): void {
    const { pid, event, signal, hasEnded } = stop
    if (hasEnded) {
      if (pid === this.#main) this.#exit = (signal & 0x7f) === 0 ? (signal >> 8) & 0xff : 128 + (signal & 0x7f)
      this.#pids.delete(pid)
      return
    }
    this.#pids.add(pid)
    if (this.#killedAt !== '') {
      // Born while the others were killed.
      endNow(pid)
      return
    }
    if (CHILD_EVENTS.includes(event)) this.#pids.add(eventMessage(pid))
    if (event === EVENT_SECCOMP) this.#takeCall(pid)
    else if (event !== 0 || signal === SYSCALL_STOP) goOn(pid)
    else goOn(pid, signal)
  }

  #takeCall(pid: number): void {
    const registers = readRegisters(pid)
    const { folder, journal, killAt } = this.#job
    const pending =
      registers === null
        ? null
        : readCall(pid, registers, (path) => path.startsWith(`${folder}/`) || path === folder || path === journal)
    if (pending === null) {
      goOn(pid)
      return
    }
    const isSaid = pending.path === journal
    if (!isSaid) this.#copy(++this.#count)
    if (!isSaid && this.#count === killAt) this.#kill(`${pending.name} ${pending.path.slice(folder.length)}`)
    else this.#runToEnd(pid, pending, isSaid)
  }

  /** While the one that calls stands still and nobody else's call is let through: what a kill here would leave. */
  #copy(k: number): void {
    const { copies, folder, journal } = this.#job
    if (copies === null) return
    copyTreeNow(folder, join(copies, String(k)))
    copyFileSync(journal, join(copies, `${k}.said`))
  }

  /** Nobody else's call is let through until this one is done. */
  #runToEnd(pid: number, pending: PendingCall, isSaid: boolean): void {
    goOnToCallEnd(pid)
    for (let stop = wait(pid); stop !== null && !stop.hasEnded; stop = wait(pid)) {
      if (stop.signal === SYSCALL_STOP && stop.event === 0) break
      goOnToCallEnd(pid, stop.event === 0 ? stop.signal : 0)
    }
    const result = Number(readRegisters(pid)?.result ?? -1n)
    if (this.#job.record) this.#record(pending, result, isSaid)
    goOn(pid)
  }

  #record({ name, path, finish }: PendingCall, result: number, isSaid: boolean): void {
    const events = result < 0 ? [] : finish(result)
    if (!isSaid) {
      this.#calls.push({ name, path, events })
      return
    }
    for (const event of events) {
      if (event.op !== 'write') continue
      const lines = Buffer.from(event.bytes).toString('utf8').split('\n').filter(Boolean)
      this.#calls.push({ name: 'said', path, events: lines.map((line) => ({ op: 'said', line })) })
    }
  }

  #kill(what: string): void {
    this.#killedAt = what
    for (const pid of this.#pids) endNow(pid)
  }
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
