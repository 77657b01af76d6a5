/** The processes that a server has started, found by what they run: tests stop and kill them as a machine would. */
import { readdirSync, readFileSync } from 'node:fs'

/** Children of `pid` whose command line names `entry`, such as `engine-host`. */
export function findChildren(pid: number, entry: string): number[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return processes.filter((name) => parentOf(name) === pid && read(name, 'cmdline').includes(entry)).map(Number)
}

/** Processor time that a process has taken, in seconds. */
export function cpuSeconds(pid: number): number {
  const fields = fieldsOf(String(pid))
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Resident memory, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(String(pid), 'status'))?.[1] ?? 0) * 1024
}

function parentOf(name: string): number {
  return Number(fieldsOf(name)[1])
}

/** The fields of `stat` behind the command, which may hold spaces. */
function fieldsOf(name: string): string[] {
  return read(name, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
}

/** Empty for a process that has ended meanwhile. */
function read(name: string, file: string): string {
  try {
    return readFileSync(`/proc/${name}/${file}`, 'latin1')
  } catch (error) {
    if (/ENOENT|ESRCH/.test((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
