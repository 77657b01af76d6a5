/**
 * The few calls of Linux on x86-64 by which one process follows another: ptrace, waitpid, seccomp. Called directly, as no
 * program at hand counts the calls of a whole tree of processes and threads in one order and stops it at the k-th.
 */
import { createRequire } from 'node:module'

const PTRACE_GETREGS = 12
const PTRACE_CONT = 7
const PTRACE_SYSCALL = 24
const PTRACE_SEIZE = 0x4206
const PTRACE_GETEVENTMSG = 0x4201
/** System calls marked, forks, vforks, clones and execs followed, seccomp's stops reported, all killed with the tracer. */
const OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000
const WALL = 0x40000000
const REGISTERS_BYTES = 27 * 8
const PR_SET_NO_NEW_PRIVS = 38
const SYS_SECCOMP = 317
const SECCOMP_TRACE = 0x7ff00000
const SECCOMP_ALLOW = 0x7fff0000
const AUDIT_ARCH_X86_64 = 0xc000003e
const ECHILD = 10

export const isSupported = process.platform === 'linux' && process.arch === 'x64'

// biome-ignore lint/suspicious/noExplicitAny: the addon brings no types
const koffi: any = isSupported ? createRequire(import.meta.url)('@koromix/koffi-linux-x64') : null
const libc = isSupported ? koffi.load('libc.so.6') : null
const withNumber = libc?.func('ptrace', 'long', ['long', 'int', 'intptr_t', 'intptr_t'])
const withBuffer = libc?.func('ptrace', 'long', ['long', 'int', 'intptr_t', 'void *'])
const waitpid = libc?.func('waitpid', 'int', ['int', 'void *', 'int'])
const posixSpawn = libc?.func('posix_spawn', 'int', ['void *', 'str', 'void *', 'void *', 'str *', 'str *'])

export interface Registers {
  readonly call: number
  readonly args: readonly bigint[]
  readonly result: bigint
}

export interface Stop {
  readonly pid: number
  readonly hasEnded: boolean
  readonly signal: number
  readonly event: number
}

/** Starts a program; gives its pid. */
export function spawn(file: string, args: readonly string[], env: Readonly<Record<string, string>>): number {
  const pid = Buffer.alloc(4)
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const error = posixSpawn(pid, file, null, null, [file, ...args, null], [...pairs, null])
  if (error !== 0) throw new Error(`${file} cannot be started: error ${error}`)
  return pid.readInt32LE()
}

/** Follows a process and whatever it starts. */
export function seize(pid: number): void {
  if (withNumber(PTRACE_SEIZE, pid, 0, OPTIONS) !== 0) throw failed('PTRACE_SEIZE', pid)
}

/** Waits for the next stop or end of `pid` (-1: of any that is followed); null when there is none left. */
export function wait(pid: number): Stop | null {
  const status = Buffer.alloc(4)
  const got = waitpid(pid, status, WALL)
  if (got < 0) {
    if (koffi.errno() === ECHILD) return null
    throw failed('waitpid', pid)
  }
  const word = status.readUInt32LE()
  const hasEnded = (word & 0xff) !== 0x7f
  return { pid: got, hasEnded, signal: hasEnded ? word : (word >> 8) & 0xff, event: word >>> 16 }
}

/** Both do nothing for a process that was killed meanwhile. */
export function goOn(pid: number, signal = 0): void {
  withNumber(PTRACE_CONT, pid, 0, signal)
}

export function goOnToCallEnd(pid: number, signal = 0): void {
  withNumber(PTRACE_SYSCALL, pid, 0, signal)
}

export function eventMessage(pid: number): number {
  const message = Buffer.alloc(8)
  withBuffer(PTRACE_GETEVENTMSG, pid, 0, message)
  return Number(message.readBigUInt64LE())
}

/** Null for a process that was killed meanwhile. */
export function readRegisters(pid: number): Registers | null {
  const bytes = Buffer.alloc(REGISTERS_BYTES)
  if (withBuffer(PTRACE_GETREGS, pid, 0, bytes) !== 0) return null
  const at = (index: number) => bytes.readBigUInt64LE(index * 8)
  // orig_rax; rdi, rsi, rdx, r10, r8, r9; rax
  return { call: Number(at(15)), args: [14, 13, 12, 7, 9, 8].map(at), result: bytes.readBigInt64LE(10 * 8) }
}

/** From here on this process, its threads and its children stop for their tracer at these calls; without one they fail. */
export function stopAtCalls(numbers: readonly number[]): void {
  const program = [
    [0x20, 0, 0, 4], // the architecture
    [0x15, 1, 0, AUDIT_ARCH_X86_64],
    [0x06, 0, 0, SECCOMP_ALLOW],
    [0x20, 0, 0, 0], // the call's number
    ...numbers.flatMap((number) => [
      [0x15, 0, 1, number],
      [0x06, 0, 0, SECCOMP_TRACE],
    ]),
    [0x06, 0, 0, SECCOMP_ALLOW],
  ] as const
  const filter = Buffer.alloc(program.length * 8)
  for (const [i, [code, yes, no, value]] of program.entries()) {
    filter.writeUInt16LE(code, i * 8)
    filter.writeUInt8(yes, i * 8 + 2)
    filter.writeUInt8(no, i * 8 + 3)
    filter.writeUInt32LE(value >>> 0, i * 8 + 4)
  }
  const shape = koffi.struct('SockFprog', { len: 'uint16', filter: 'void *' })
  const prctl = libc.func('prctl', 'int', ['int', 'long', 'long', 'long', 'long'])
  const seccomp = libc.func('syscall', 'long', ['long', 'long', 'long', koffi.pointer(shape)])
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw failed('prctl', process.pid)
  // For all threads at once.
  if (seccomp(SYS_SECCOMP, 1, 1, { len: program.length, filter }) !== 0) throw failed('seccomp', process.pid)
}

function failed(call: string, pid: number): Error {
  return new Error(`${call} of ${pid} failed: error ${koffi.errno()}`)
}
