import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { lockFolder } from './dir-lock.ts'

const HOLDER = `
import { lockFolder } from '${import.meta.dirname}/dir-lock.ts'
import { systemClock } from '${import.meta.dirname}/clock.ts'
await lockFolder(process.argv[1], systemClock)
process.stdout.write('held')
setInterval(() => {}, 1000)
`

test('a second process is refused with the name of the first, and let in when that one is killed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dir-lock-'))
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '-e', HOLDER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(holder.stdout, 'data')
    await expect(lockFolder(folder, systemClock)).rejects.toMatchObject({
      kind: 'busy',
      code: 'FOLDER_IN_USE',
      message: expect.stringContaining(`"pid":${holder.pid}`),
    })
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const lock = await lockFolder(folder, systemClock)
    expect(lock.unended).toContain(`"pid":${holder.pid}`)
    lock.release()
    const again = await lockFolder(folder, systemClock)
    expect(again.unended).toBe(null)
    again.release()
  } finally {
    holder.kill('SIGKILL')
    await rm(folder, { recursive: true })
  }
})

test('a start that cannot write the name of the owner does not keep the lock', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dir-lock-'))
  await mkdir(join(folder, 'lock-owner.json'))
  // The name of the owner cannot be written: the lock is let go, not kept by a failed start.
  await expect(lockFolder(folder, systemClock)).rejects.toThrow(/EISDIR|ENOTEMPTY/)
  await rm(join(folder, 'lock-owner.json'), { recursive: true })
  const lock = await lockFolder(folder, systemClock)
  lock.release()
  await rm(folder, { recursive: true })
})

test('a lock file that is no lock file is not taken for another process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dir-lock-'))
  await writeFile(join(folder, 'lock.db'), 'these are other bytes, of something else. '.repeat(100))
  await expect(lockFolder(folder, systemClock)).rejects.toMatchObject({ kind: 'usage', code: 'FOLDER_UNUSABLE' })
  await rm(folder, { recursive: true })
})
