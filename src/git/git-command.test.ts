import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BatchProcess } from './batch-process.ts'
import { GitCommand } from './git-command.ts'
import { findOid, parseOid } from './oid.ts'
import { Repository } from './repository.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-git-command-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A program named git that does what `script` says once its version was asked. */
async function fakeGit(script: string, version = '2.40.1'): Promise<GitCommand> {
  const path = join(folder, 'git')
  const head = `#!/bin/sh\nfor last; do :; done\n[ "$last" = version ] && echo "git version ${version}" && exit\n`
  await writeFile(path, `${head}${script}\n`)
  await chmod(path, 0o755)
  return GitCommand.find(folder)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' })
    return false
  }
}

describe('GitCommand', () => {
  test('finds a program of a known age by its absolute path, or says what is missing', async () => {
    expect((await GitCommand.find()).program).toMatch(/^\/.*\/git$/)
    expect((await fakeGit('')).version).toEqual([2, 40])
    const missing = expect.objectContaining({ code: 'GIT_NOT_FOUND', kind: 'usage' })
    await expect(fakeGit('', '2.33.9')).rejects.toEqual(missing)
    await expect(GitCommand.find('/nonexistent:relative:')).rejects.toEqual(missing)
  })

  test('gives its own environment and settings, and the repository, before what others named', async () => {
    process.env.GIT_CONFIG_COUNT = '1'
    const git = await fakeGit('env; echo "args: $*"')
    const output = (await git.run({ gitDir: folder, args: ['log', '--end-of-options', 'x'] })).stdout.toString()
    delete process.env.GIT_CONFIG_COUNT
    expect(output).not.toMatch(/GIT_CONFIG_COUNT|NODE|HF_/)
    expect(output).toMatch(/GIT_CONFIG_NOSYSTEM=1/)
    expect(output).toMatch(/GIT_CONFIG_GLOBAL=\/dev\/null/)
    for (const setting of [
      'core.fsmonitor=false',
      'core.hooksPath=/dev/null',
      'protocol.allow=never',
      'core.fsync=all',
    ]) {
      expect(output).toContain(`-c ${setting} `)
    }
    expect(output).toMatch(/safe\.bareRepository=explicit.* --git-dir=\/.* log --end-of-options x\n/)
    expect(await (await fakeGit('echo "$*"', '2.35.0')).run({ gitDir: folder, args: ['x'] })).toMatchObject({
      stdout: expect.objectContaining({}),
    })
  })

  test('ends a program that takes too long, says too much or is no longer wanted', async () => {
    const slow = await fakeGit('exec sleep 60')
    const call = { gitDir: folder, args: ['log'] }
    await expect(slow.run(call, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'GIT_TIMEOUT', kind: 'timeout' })
    const cancelled = expect.objectContaining({ kind: 'cancelled' })
    const abort = new AbortController()
    const running = slow.run(call, { signal: abort.signal })
    setTimeout(() => abort.abort(), 20)
    await expect(running).rejects.toEqual(cancelled)
    const loud = await fakeGit('exec yes')
    const tooMuch = { code: 'GIT_OUTPUT_TOO_LARGE', kind: 'too-large' }
    await expect(loud.run(call, { outputBytesMax: 10_000 })).rejects.toMatchObject(tooMuch)
  })

  test('tells failures apart', async () => {
    const full = await fakeGit('echo "fatal: write error: No space left on device" >&2; exit 128')
    const call = { gitDir: folder, args: ['log'] }
    await expect(full.run(call)).rejects.toMatchObject({ code: 'GIT_FAILED', kind: 'no-space', data: { exit: 128 } })
    expect((await full.run(call, { answers: [128] })).exit).toBe(128)
    const dead = await fakeGit('kill -9 $$')
    await expect(dead.run(call)).rejects.toMatchObject({ code: 'GIT_FAILED', kind: 'bug' })
  })

  test('hooks and settings of a repository are not run', async () => {
    const git = await GitCommand.find()
    const repository = await Repository.init(git, join(folder, 'hostile.git'))
    const { gitDir } = repository
    const witness = join(folder, 'ran')
    const evil = join(gitDir, 'evil.sh')
    await writeFile(evil, `#!/bin/sh\ntouch ${witness}\n`)
    await chmod(evil, 0o755)
    await git.run({ gitDir, args: ['config', 'core.fsmonitor', evil] })
    await git.run({ gitDir, args: ['init', '--quiet'] })
    await writeFile(join(gitDir, 'reference-transaction'), `#!/bin/sh\ntouch ${witness}\n`)
    await git.run({ gitDir, args: ['config', 'core.hooksPath', gitDir] })
    await chmod(join(gitDir, 'reference-transaction'), 0o755)
    const writer = await repository.openWriter()
    const author = { name: 'a', email: 'a@b' }
    const commit = await writer.putCommit({ parent: null, changes: [], message: 'm', author, seconds: 1 })
    await writer.finish()
    expect(await repository.changeRefs([{ ref: 'refs/heads/main', from: null, to: commit }])).toBe(true)
    repository.close()
    await expect(writeFile(witness, '', { flag: 'wx' })).resolves.toBeUndefined()
  })
})

test('an oid is 40 digits in lower case, nothing else', async () => {
  const oid = 'ab'.repeat(20)
  expect([parseOid(oid), findOid(oid.toUpperCase()), findOid(oid.slice(1))]).toEqual([oid, null, null])
  expect(() => parseOid('main')).toThrow(expect.objectContaining({ code: 'OID_MALFORMED' }))
})

test('a missing blob is damage, by name', async () => {
  const repository = await Repository.init(await GitCommand.find(), join(folder, 'empty.git'))
  await expect(repository.getBlob(parseOid('ab'.repeat(20)))).rejects.toMatchObject({ code: 'GIT_OBJECT_MISSING' })
  repository.close()
})

test.each([
  ['error: file write error: No space left on device', 'no-space'],
  ["fatal: cannot update ref 'refs/heads/main': couldn't write '/x/refs/heads/main.lock'", 'no-space'],
  ["fatal: unable to append to '/x/logs/HEAD'", 'no-space'],
  ["fatal: cannot lock ref 'refs/heads/main': Unable to create '/x/main.lock': File exists.", 'bug'],
])('%s is of kind %s', async (said, kind) => {
  const git = await fakeGit(`echo "${said}" >&2; exit 128`)
  await expect(git.run({ gitDir: folder, args: ['log'] })).rejects.toMatchObject({ kind, code: 'GIT_FAILED' })
})

describe('git that stands still', () => {
  test('tells the thousand and first who waits to come again', async () => {
    const slow = await fakeGit('exec sleep 60')
    const stop = new AbortController()
    const call = { gitDir: folder, args: ['log'] }
    const calls = Array.from({ length: 1_008 }, () => slow.run(call, { signal: stop.signal }))
    const ended = Promise.allSettled(calls)
    await expect(slow.run(call)).rejects.toMatchObject({ kind: 'busy', code: 'GIT_BUSY' })
    stop.abort()
    expect((await ended).filter(({ status }) => status === 'fulfilled')).toEqual([])
    await expect((await fakeGit('echo free')).run(call)).resolves.toMatchObject({ exit: 0 })
  })

  test('a batch that says nothing is ended, who asked it is told, and the next question starts another', async () => {
    const git = await fakeGit(
      `[ -e ${folder}/awake ] || { echo $$ > ${folder}/stuck; exec sleep 60; }; read name; echo "$name missing"`,
    )
    const batch = new BatchProcess(git, folder, { withContent: false, silentMs: 300 })
    const asked = ['a', 'b'].map((name) => batch.ask(name))
    for (const answer of asked) await expect(answer).rejects.toMatchObject({ kind: 'busy', code: 'GIT_STALLED' })
    await writeFile(join(folder, 'awake'), '')
    await expect(batch.ask('c')).resolves.toBeNull()
    const stuck = Number(await readFile(join(folder, 'stuck'), 'utf8'))
    await expect.poll(() => isRunning(stuck)).toBe(false)
    batch.end()
  })
})
