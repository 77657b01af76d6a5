/**
 * What a real `xorbit pull` of many small files tells the disk, as strace sees it: the bytes of each file are durable
 * before its name, the names before the pull is done, and a folder is not synced for each file in it.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { push } from '../../src/actions/push.ts'
import { type RunningServer, startServer } from '../../src/app/lifecycle.ts'
import { silentLog } from '../../src/base/log.ts'
import { cleanEnvironment, LAUNCHER, runProgram } from '../farm/hub-process.ts'

const FILES = 60
const hasStrace = spawnSync('strace', ['-V']).status === 0

let folder: string
let server: RunningServer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-order-'))
  const home = join(folder, 'server')
  server = await startServer({ home, host: '127.0.0.1', port: 0, allowedHosts: [], firstUser: 'ann', log: silentLog })
  await mkdir(join(folder, 'in'))
  for (let i = 0; i < FILES; i++) {
    await writeFile(join(folder, 'in', `${i}.${i % 2 === 0 ? 'txt' : 'bin'}`), `number ${i}\n`.repeat(50))
  }
  await push({ env: { HOME: folder, XORBIT_HOME: home }, repo: 'ann/order', paths: [join(folder, 'in')] })
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

interface Call {
  readonly call: 'fsync' | 'rename'
  readonly from: string
  readonly to: string
}

/** Completed syncs and begun renames, in their order. */
function readCalls(trace: string): Call[] {
  const calls: Call[] = []
  const syncing = new Map<string, string>()
  for (const line of trace.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    const begun = /^f(?:data)?sync\(\d+<([^>]*)>(.*)$/.exec(rest)
    if (begun !== null) syncing.set(pid, begun[1] as string)
    const path = syncing.get(pid)
    if (path !== undefined && /\)\s+= 0$/.test(rest)) {
      calls.push({ call: 'fsync', from: path, to: '' })
      syncing.delete(pid)
    }
    const [, from, to] = /^rename(?:at2?)?\(.*?"([^"]*)".*?"([^"]*)"/.exec(rest) ?? []
    if (from !== undefined && to !== undefined) calls.push({ call: 'rename', from, to })
  }
  return calls
}

test.runIf(hasStrace).each(['--cache-dir', '--local-dir'])(
  'bytes before names, names before the end: %s',
  async (flag) => {
    const target = join(folder, flag.slice(2))
    const log = join(folder, `${flag.slice(2)}.trace`)
    const token = (await readFile(join(folder, 'server', 'run', 'token'), 'utf8')).trim()
    const env = cleanEnvironment(folder, { HF_ENDPOINT: server.url, HF_TOKEN: token })
    const strace = ['-f', '-y', '-qq', '-s', '4096', '-e', 'trace=fsync,fdatasync,rename,renameat,renameat2', '-o', log]
    const pull = [process.execPath, LAUNCHER, 'pull', 'ann/order', flag, target, '--quiet']
    const { code, stderr } = await runProgram('strace', [...strace, ...pull], { env })
    expect([code, stderr]).toEqual([0, ''])
    const calls = readCalls(await readFile(log, 'utf8'))
    const isContent = ({ call, to }: Call) =>
      call === 'rename' && /\/blobs\/[0-9a-f]{40,}$|-dir\/\d+\.(txt|bin)$/.test(to)
    const named = calls.filter(isContent)
    expect(named.length).toBeGreaterThanOrEqual(FILES)
    for (const one of named) {
      const before = calls.slice(0, calls.indexOf(one))
      expect(
        before.some(({ call, from }) => call === 'fsync' && from === one.from),
        `${one.to} was synced`,
      ).toBe(true)
      const after = calls.slice(calls.indexOf(one))
      const parent = dirname(one.to)
      expect(
        after.some(({ call, from }) => call === 'fsync' && from === parent),
        `${parent} was synced`,
      ).toBe(true)
    }
    const folderSyncs = calls.filter(({ call, from }) => call === 'fsync' && from === dirname(named[0]?.to ?? ''))
    expect(folderSyncs.length).toBeLessThan(5)
  },
)
