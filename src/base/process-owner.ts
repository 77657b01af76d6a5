/**
 * Who works on something that outlives a process: a name that only this process has, and whether the one behind such a
 * name still runs. A process is told from a later one with its pid by the boot and the moment it started.
 */
import { readFile, readlink } from 'node:fs/promises'
import { systemCode } from './app-error.ts'

export type OwnerState = 'runs' | 'ended' | 'unknown'

/** Fields of /proc/PID/stat after the program's name, which may hold anything. */
const START_FIELD = 19

let own: Promise<string> | null = null

/** `BOOT-NAMESPACE-PID-START` of this process; of this moment only where there is no /proc. */
export function ownerName(): Promise<string> {
  own ??= nameOf(process.pid).then((name) => name ?? `0-0-${process.pid}-${process.hrtime.bigint()}`)
  return own
}

/** `unknown`: of another machine, container or boot, or no such name. */
export async function stateOfOwner(name: string): Promise<OwnerState> {
  const [boot, namespace, pid] = name.split('-')
  const [ownBoot, ownNamespace] = (await ownerName()).split('-')
  if (boot === '0' || boot !== ownBoot || namespace !== ownNamespace) return 'unknown'
  return (await nameOf(Number(pid))) === name ? 'runs' : 'ended'
}

async function nameOf(pid: number): Promise<string | null> {
  try {
    const [boot, namespace, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_FIELD]
    return `${boot.slice(0, 8)}-${namespace.replace(/\D/g, '')}-${pid}-${start}`
  } catch (error) {
    if (systemCode(error) === null) throw error
    return null
  }
}
