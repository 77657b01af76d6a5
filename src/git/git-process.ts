/** A running git as callers see it, and who starts one: this process, or a helper beside it (helper-starter.ts). */
import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

/** What is used of Node's ChildProcess. `close` comes when the program ended and its output was read. */
export interface GitProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly exitCode: number | null
  readonly signalCode: NodeJS.Signals | null
  /** Unknown until it runs. */
  readonly pid?: number | undefined
  kill(signal: NodeJS.Signals): boolean
  once(event: 'close', listener: (exit: number | null) => void): unknown
  once(event: 'error', listener: (error: Error) => void): unknown
}

export interface ProgramStart {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

export interface ProcessStarter {
  start(what: ProgramStart): GitProcess
  close(): Promise<void>
}

/** Starts programs as children of this process. */
export const ownStarter: ProcessStarter = {
  start: ({ program, args, env, cwd }) => spawn(program, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] }),
  close: async () => undefined,
}
