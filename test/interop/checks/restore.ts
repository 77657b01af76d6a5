/**
 * hf_xet remembers for 21 days what a server told it. A server that has lost some of that, by a restore of an older
 * backup or by a sweep without waits, changes its address: a push with the old memory succeeds right afterwards.
 */
import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRepo } from '../../farm/check-repo.ts'
import type { Check } from '../check.ts'
import { mustEnd, type Stand } from '../stand.ts'
import { hub2 } from '../venvs.ts'

const FILE_BYTES = 12 << 20

export function restoreChecks(stand: Stand): Check[] {
  return [
    { name: 'backup, wipe, restore, push with the old cache of hf_xet', run: () => pushAfterRestore(stand) },
    { name: 'gc --now, push with the old cache of hf_xet', run: () => pushAfterSweep(stand) },
  ]
}

async function folderWith(stand: Stand, name: string, seed: string): Promise<string> {
  const folder = await stand.scratch()
  await stand.randomFile(join(folder, name), FILE_BYTES, seed)
  return folder
}

async function pushAfterRestore(stand: Stand): Promise<string> {
  const repo = 'alice/restored'
  const bin = await hub2('1.8.0')
  const home = await stand.scratch()
  const before = await folderWith(stand, 'before.bin', 'before the backup')
  mustEnd(await stand.hf(bin, ['upload', repo, before, '.'], { home }), 'the push before the backup')
  const backup = join(await stand.scratch(), 'backup')
  mustEnd(await stand.xorbit(['backup', backup, '--home', stand.hub.home]), 'backup')
  const after = await folderWith(stand, 'after.bin', 'after the backup')
  mustEnd(await stand.hf(bin, ['upload', repo, after, '.'], { home }), 'the push after the backup')

  await stand.hub.stop()
  await rm(stand.hub.home, { recursive: true })
  mustEnd(await stand.xorbit(['restore', backup, '--home', stand.hub.home]), 'restore')
  await stand.hub.start()
  assert.deepEqual(
    [...(await stand.tree(repo)).keys()].filter((path) => path.endsWith('.bin')),
    ['before.bin'],
  )

  mustEnd(await stand.hf(bin, ['upload', repo, after, '.'], { home }), 'the push after the restore')
  const acknowledged = new Map([
    ['before.bin', await readFile(join(before, 'before.bin'))],
    ['after.bin', await readFile(join(after, 'after.bin'))],
  ])
  await checkRepo(stand.hub, { repo, token: stand.alice, acknowledged })
  return `${acknowledged.size} files equal`
}

async function pushAfterSweep(stand: Stand): Promise<string> {
  const bin = await hub2('1.8.0')
  const home = await stand.scratch()
  const first = await folderWith(stand, 'first.bin', 'before the sweep')
  mustEnd(await stand.hf(bin, ['upload', 'alice/swept', first, '.'], { home }), 'the push before the sweep')
  mustEnd(await stand.hf(bin, ['repos', 'delete', 'alice/swept', '--yes'], { home }), 'repos delete')
  const gc = await stand.xorbit(['gc', '--now', '--home', stand.hub.home])
  mustEnd(gc, 'gc')
  const report = JSON.parse(gc.stdout.trim().split('\n').at(-1) as string) as { freedBytes: number }
  assert.ok(report.freedBytes >= FILE_BYTES, `freed ${report.freedBytes}`)

  const second = await stand.scratch()
  await mkdir(second, { recursive: true })
  await copyFile(join(first, 'first.bin'), join(second, 'again.bin'))
  mustEnd(await stand.hf(bin, ['upload', 'alice/again', second, '.'], { home }), 'the push after the sweep')
  const acknowledged = new Map([['again.bin', await readFile(join(second, 'again.bin'))]])
  await checkRepo(stand.hub, { repo: 'alice/again', token: stand.alice, acknowledged })
  return `${report.freedBytes} bytes freed`
}
