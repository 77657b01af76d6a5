/** Group F: names and entries that one system holds and another does not, or reads as something else. */
import assert from 'node:assert/strict'
import { lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runProgram } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import { assertRefused, fileLine, JSON_TYPE, type Lab } from '../lab.ts'

const FOREIGN = ['CON', 'aux.txt', 'x/NUL.bin', 'com1', 'a:b', 'notes:2026.txt', 'x/y:z', 'dot.', 'space ', 'folder./x']
/** What our own rule takes for a drive is refused on every system. */
const PULLED_HERE = FOREIGN.filter((name) => name !== 'a:b')

export const TREE_EXPERIMENTS: Experiments = {
  F6: refusesForeignNames,
  F7: refusesTwins,
  F14: followsNoLink,
}

/** F6: nobody can add them; where they are already, this system holds them under their own name. */
async function refusesForeignNames(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { 'safe.txt': 'safe' })
  await lab.leavesNothing(async () => {
    for (const name of FOREIGN) {
      const lines = [
        fileLine(name, 'x'),
        { key: 'lfsFile', value: { path: name, algo: 'sha256', oid: 'a'.repeat(64), size: 1 } },
        { key: 'copyFile', value: { path: name, srcPath: 'safe.txt' } },
      ]
      for (const line of lines) assertRefused(await lab.commit(repo, [line]), 400, 'PATH_UNSAFE')
      const body = { files: [{ path: name, size: 1, sample: '' }] }
      const asked = { method: 'POST', token: lab.alice, headers: JSON_TYPE, body }
      assertRefused(await lab.send(`/api/models/${repo}/preupload/main`, asked), 400, 'PATH_UNSAFE')
    }
    const folder = await lab.scratch()
    await mkdir(join(folder, 'in'))
    await writeFile(join(folder, 'in', 'aux.txt'), 'x')
    const push = await lab.run(['push', repo, join(folder, 'in'), '--json'], { folder })
    assert.equal(push.code, 19, push.stdout + push.stderr)
  })
  await commitByGit(lab, repo, async (work) => {
    for (const name of PULLED_HERE) {
      await mkdir(dirname(join(work, name)), { recursive: true })
      await writeFile(join(work, name), `this is ${name}`)
    }
    return PULLED_HERE
  })
  const folder = await lab.scratch()
  const pull = await lab.run(['pull', repo, '--local-dir', join(folder, 'out'), '--json'], { folder })
  assert.equal(pull.code, 0, pull.stdout + pull.stderr)
  for (const name of PULLED_HERE) assert.equal(await readFile(join(folder, 'out', name), 'utf8'), `this is ${name}`)
  // And they can be got rid of.
  const gone = PULLED_HERE.map((path) => ({ key: 'deletedFile', value: { path } }))
  assertRefused(await lab.commit(repo, gone), 200)
}

/** F7: two spellings of one name never come into one tree, in one commit or in two. */
async function refusesTwins(lab: Lab): Promise<void> {
  const [composed, decomposed] = ['caf\u00e9.txt', 'cafe\u0301.txt']
  const repo = await lab.freshRepo()
  await lab.leavesNothing(async () => {
    for (const [a, b] of [
      [composed, decomposed],
      [decomposed, composed],
      [`${composed}/x`, `${decomposed}/x`],
    ] as const) {
      assertRefused(await lab.commit(repo, [fileLine(a, '1'), fileLine(b, '2')]), 400, 'PATH_TWIN')
    }
  })
  await lab.commitText(repo, { [composed]: 'one' })
  await lab.leavesNothing(async () => {
    assertRefused(await lab.commit(repo, [fileLine(decomposed, 'two')]), 400, 'PATH_TWIN')
  })
  // The one that is there can be written again, and replaced by the other when it goes.
  const swap = [{ key: 'deletedFile', value: { path: composed } }, fileLine(decomposed, 'two')]
  await lab.commitText(repo, { [composed]: 'again' })
  assertRefused(await lab.commit(repo, swap), 200)
}

/** F14: git's links are text to us, on the server and on the disk of who pulls; nothing behind them is read or written. */
async function followsNoLink(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { 'a.txt': 'plain' })
  const outside = join(await lab.scratch(), 'outside.txt')
  await writeFile(outside, 'secret of the machine')
  const links = { 'link.txt': outside, folder: '../../../../../../../../etc', passwd: '/etc/passwd' }
  await commitByGit(lab, repo, async (work) => {
    for (const [name, target] of Object.entries(links)) await symlink(target, join(work, name))
    return Object.keys(links)
  })
  const tree = await lab.send(`/api/models/${repo}/tree/main?recursive=true`, { token: lab.alice })
  assert.match(tree.body.toString(), /link\.txt/)
  for (const [path, target] of [
    ['link.txt', outside],
    ['passwd', '/etc/passwd'],
  ] as const) {
    for (const way of ['resolve', 'raw']) {
      const reply = await lab.send(`/${repo}/${way}/main/${path}`, { token: lab.alice })
      assert.ok(
        reply.status === 200 ? reply.body.toString() === target : reply.status === 404,
        `${way} ${path}: ${reply.status} ${reply.body}`,
      )
    }
  }
  assertRefused(await lab.send(`/${repo}/resolve/main/folder/passwd`, { token: lab.alice }), 404)
  await lab.leavesNothing(async () => {
    assertRefused(await lab.commit(repo, [fileLine('folder/x.txt', 'through')]), 400)
  })
  for (const place of ['--local-dir', '--cache-dir']) {
    const folder = await lab.scratch()
    const pull = await lab.run(['pull', repo, place, join(folder, 'out'), '--json'], { folder })
    assert.ok([0, 19].includes(pull.code ?? -1), `pull ${place}: ${pull.code} ${pull.stdout}${pull.stderr}`)
    if (pull.code !== 0 || place === '--cache-dir') continue
    for (const name of ['link.txt', 'folder', 'passwd']) {
      assert.ok((await lstat(join(folder, 'out', name))).isFile(), `${name} became a link`)
    }
    assert.equal(await readFile(join(folder, 'out', 'link.txt'), 'utf8'), outside)
  }
  assert.equal(await readFile(outside, 'utf8'), 'secret of the machine')
  await writesThroughNoLink(lab, repo, outside)
}

/** A commit on top with git's own commands, as a push by git would bring it. `write` names what it wrote. */
async function commitByGit(lab: Lab, repo: string, write: (work: string) => Promise<readonly string[]>): Promise<void> {
  const gitDir = join(lab.hub.home, 'repos', 'models', `${repo}.git`)
  const work = await lab.scratch()
  const names = ['AUTHOR', 'COMMITTER'].flatMap((who) => [`GIT_${who}_NAME`, `GIT_${who}_EMAIL`])
  const identity = Object.fromEntries(names.map((name) => [name, 'x']))
  const index = join(await lab.scratch(), 'index')
  // Whoever has git-lfs for all repositories of the machine would have it turn some of the files into pointers.
  const own = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
  const env = { ...process.env, ...identity, ...own, GIT_DIR: gitDir, GIT_WORK_TREE: work, GIT_INDEX_FILE: index }
  const git = async (...args: string[]) => {
    const done = await runProgram('git', args, { env, cwd: work })
    assert.equal(done.code, 0, `git ${args}: ${done.stderr}`)
    return done.stdout.trim()
  }
  await git('read-tree', 'refs/heads/main')
  await git('update-index', '--add', '--', ...(await write(work)))
  const commit = await git('commit-tree', await git('write-tree'), '-p', 'refs/heads/main', '-m', 'by git')
  await git('update-ref', 'refs/heads/main', commit)
}

/** A link that stands on the disk already is replaced, not written through. */
async function writesThroughNoLink(lab: Lab, repo: string, outside: string): Promise<void> {
  const folder = await lab.scratch()
  await mkdir(join(folder, 'out'))
  await symlink(outside, join(folder, 'out', 'a.txt'))
  const pull = await lab.run(['pull', repo, '--local-dir', join(folder, 'out'), '--include', 'a.txt', '--json'], {
    folder,
  })
  assert.ok([0, 19].includes(pull.code ?? -1), pull.stdout + pull.stderr)
  assert.equal(await readFile(outside, 'utf8'), 'secret of the machine')
  if (pull.code === 0) assert.equal(await readFile(join(folder, 'out', 'a.txt'), 'utf8'), 'plain')
}
