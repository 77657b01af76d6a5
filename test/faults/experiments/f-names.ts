/** Group F: names of files, repositories, refs and digests. Refused on the way in, and refused by our own client. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sendRaw } from '../../farm/http-send.ts'
import { LyingProxy } from '../../farm/lying-proxy.ts'
import type { Experiments } from '../experiment.ts'
import { assertRefused, fileLine, JSON_TYPE, type Lab } from '../lab.ts'
import { namesBelow, pullThrough } from '../spoil.ts'

const SAFE = 'safe-name.txt'

/** In a commit, as a file, an LFS file, a deletion and a copy; in a preupload; and in a tree that a Hub gives to us. */
async function refusesNames(lab: Lab, names: readonly string[]): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { [SAFE]: 'safe' })
  for (const name of names) {
    const lines = [
      fileLine(name, 'x'),
      { key: 'lfsFile', value: { path: name, algo: 'sha256', oid: 'a'.repeat(64), size: 1 } },
      { key: 'deletedFile', value: { path: name } },
      // Clients end a folder's name with a slash: that alone is no fault.
      ...(name === 'a/' ? [] : [{ key: 'deletedFolder', value: { path: name } }]),
    ]
    await lab.leavesNothing(async () => {
      for (const line of lines) {
        const reply = await lab.commit(repo, [line])
        assert.equal(reply.status, 400, `${JSON.stringify(line)}: ${reply.status} ${reply.body}`)
      }
    })
    await clientRefuses(lab, repo, name)
  }
}

/** A Hub whose tree holds such a name: exit 19, and nothing beside or below the folder but what was safe. */
async function clientRefuses(lab: Lab, repo: string, name: string): Promise<void> {
  const pulled = await pullThrough(lab, repo, (exchange, answer) => {
    if (
      !/\/(tree|paths-info|revision)\//.test(exchange.path) &&
      !/\/api\/models\/[^/]+\/[^/?]+(\?|$)/.test(exchange.path)
    )
      return answer
    if (answer.status === 200)
      answer.body = Buffer.from(answer.body.toString().replaceAll(JSON.stringify(SAFE), JSON.stringify(name)))
    return answer
  })
  const { code, stdout, stderr } = pulled.finished
  assert.equal(
    code,
    19,
    `pull of ${JSON.stringify(name)} ended with ${code}: ${stdout.slice(-300)}${stderr.slice(-300)}`,
  )
  const below = (await namesBelow(pulled.folder)).filter((found) => !found.startsWith('.cache'))
  assert.deepEqual(below, [], `pull of ${JSON.stringify(name)} wrote ${below}`)
  const beside = (await readdir(join(pulled.folder, '..'))).filter(
    (found) => !['files', 'hf', 'config', 'data', '.cache'].includes(found),
  )
  assert.deepEqual(beside, [], `pull of ${JSON.stringify(name)} wrote ${beside}`)
}

const BAD_REPOS = [
  'a/b/c',
  'alice/..',
  'alice/.',
  '-x/y',
  'alice/-x',
  'alice/',
  `alice/${'a'.repeat(97)}`,
  'alice/a--b',
  'alice/a..b',
  'alice/x.git',
  'alice/x y',
  'alice/é',
]
const BAD_REFS = [
  '--upload-pack=x',
  'a..b',
  'x.lock',
  '@{1}',
  'main@{1}',
  'refs/../x',
  'a b',
  'a'.repeat(1024),
  'a~1',
  'a^',
  'a:b',
  '-d',
  'a\\b',
  'x\u0000y',
  'x\ny',
]
const BAD_DIGESTS = [
  '../../etc/passwd',
  'A'.repeat(64),
  'a'.repeat(63),
  'a'.repeat(65),
  `sha256-${'a'.repeat(64)}`,
  `${'a'.repeat(63)}g`,
  '',
]

export const NAME_EXPERIMENTS: Experiments = {
  F1: (lab) => refusesNames(lab, ['../x', 'a/../../x', '..', '.', './x', 'a/./b', 'a/..']),
  F2: (lab) => refusesNames(lab, ['/etc/passwd', '//x', 'a//b', 'a/', '']),
  F3: (lab) => refusesNames(lab, ['..\\x', 'C:\\x', 'D:x', '\\\\host\\s', '\\x']),
  F4: (lab) => refusesNames(lab, ['a\u0000b', 'a\nb', 'a\rb', 'a\u001bb', 'a\u202eb']),
  F5: (lab) =>
    refusesNames(lab, ['.git/config', '.GIT', 'git~1', '.git.', '.g\u200cit', 'a/.git/hooks/x', '.git ', 'a/.Git/x']),
  async F8(lab) {
    const repo = await lab.freshRepo()
    await lab.leavesNothing(async () => {
      assertRefused(await lab.commit(repo, [fileLine('a', '1'), fileLine('a/b', '2')]), 400)
      assertRefused(await lab.commit(repo, [fileLine('a/b', '2'), fileLine('a', '1')]), 400)
    })
  },
  async F9(lab) {
    await lab.leavesNothing(async () => {
      for (const id of BAD_REPOS) {
        const at = id.indexOf('/')
        const body = { organization: id.slice(0, at), name: id.slice(at + 1), type: 'model' }
        const reply = await lab.send('/api/repos/create', {
          method: 'POST',
          token: lab.alice,
          headers: JSON_TYPE,
          body,
        })
        assert.equal(reply.status, 400, `${id}: ${reply.status} ${reply.body}`)
      }
    })
  },
  F10: refusesRefs,
  F11: refusesDigests,
  F12: refusesEncodings,
  F13: ignoresWildETags,
  F16: keepsOptionLikeNames,
}

async function refusesRefs(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { 'a.txt': 'x' })
  await lab.leavesNothing(async () => {
    for (const ref of BAD_REFS) {
      const coded = encodeURIComponent(ref)
      const body = [{ key: 'header', value: { summary: 's', description: '' } }, fileLine('b.txt', 'y')]
      const commit = await lab.send(`/api/models/${repo}/commit/${coded}`, {
        method: 'POST',
        token: lab.alice,
        headers: { 'content-type': 'application/x-ndjson' },
        body: body.map((line) => JSON.stringify(line)).join('\n'),
      })
      assert.ok([400, 404, 414, 431].includes(commit.status), `commit to ${ref}: ${commit.status} ${commit.body}`)
      const paths = [
        `/api/models/${repo}/tree/${coded}`,
        `/${repo}/resolve/${coded}/a.txt`,
        `/api/models/${repo}/revision/${coded}`,
      ]
      for (const path of paths) {
        const reply = await lab.send(path, { token: lab.alice })
        assert.ok([400, 404, 414, 431].includes(reply.status), `${path}: ${reply.status}`)
      }
    }
  })
}

async function refusesDigests(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const cas = await lab.cas(repo)
  await lab.leavesNothing(async () => {
    for (const digest of BAD_DIGESTS) {
      const coded = encodeURIComponent(digest)
      const isUpperHash = /^[A-F]{64}$/.test(digest)
      for (const path of [`v1/xorbs/default/${coded}`, `v1/xorb-grants/default/${coded}`]) {
        // To a grant hf_xet takes no other refusal than 404.
        const reply = await lab.send(`${cas.path}/${path}`, {
          method: 'POST',
          token: cas.token,
          body: new Uint8Array(20),
        })
        const allowed = digest === '' || isUpperHash || path.includes('grants') ? [400, 404] : [400]
        assert.ok(allowed.includes(reply.status), `${path}: ${reply.status} ${reply.body}`)
      }
      const plan = await lab.send(`${cas.path}/v1/reconstructions/${coded}`, { token: cas.token })
      assert.ok(
        (digest === '' || isUpperHash ? [400, 404] : [400]).includes(plan.status),
        `plan ${digest}: ${plan.status}`,
      )
      const line = { key: 'lfsFile', value: { path: 'x.bin', algo: 'sha256', oid: digest, size: 1 } }
      assertRefused(await lab.commit(repo, [line]), [400, 422])
      const batch = {
        operation: 'upload',
        transfers: ['basic'],
        objects: [{ oid: digest, size: 1 }],
        hash_algo: 'sha256',
      }
      const type = { 'content-type': 'application/vnd.git-lfs+json' }
      const reply = await lab.send(`/${repo}.git/info/lfs/objects/batch`, {
        method: 'POST',
        token: lab.alice,
        headers: type,
        body: batch,
      })
      if (reply.status === 200) {
        const [object] = (reply.json() as { objects: { actions?: object; error?: object }[] }).objects
        assert.ok(object?.error && !object.actions, `LFS took ${digest}: ${reply.body}`)
      } else assertRefused(reply, [400, 422])
    }
  })
}

/** F12: one decoding, then the same rule; what is not UTF-8 is refused. */
async function refusesEncodings(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { 'a.txt': 'x' })
  const { host } = new URL(lab.hub.url)
  const paths = [
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '%2e%2e/%2e%2e/etc/passwd',
    '../../../../etc/passwd',
    '%252e%252e%252fetc',
    '..;/etc/passwd',
    '%c0%ae%c0%ae%c0%afetc',
    '%ff',
    '%',
    '%zz',
    '%00',
    'a.txt%00.png',
  ]
  for (const path of paths) {
    for (const method of ['GET', 'HEAD']) {
      const text = await sendRaw(
        lab.hub.url,
        `${method} /${repo}/resolve/main/${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      )
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
      assert.ok([400, 401, 404].includes(status), `${method} ${path}: ${text.slice(0, 200)}`)
      assert.doesNotMatch(text, /root:/)
    }
  }
}

/** F13: an ETag is data: no name of a file comes from it unless it is a plain digest. */
async function ignoresWildETags(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  await lab.commitText(repo, { 'a.txt': 'the text' })
  for (const etag of ['"../../../evil"', 'W/"abc"', '"a/b"', '""""', '"..\\\\evil"', `"${'e'.repeat(5000)}"`]) {
    const folder = await lab.scratch()
    const proxy = await LyingProxy.start(lab.hub.url, (exchange, answer) => {
      if (/\/resolve\//.test(exchange.path)) answer.headers.etag = etag
      return answer
    })
    const pull = await lab.run(['pull', repo, '--cache-dir', join(folder, 'cache'), '--json'], {
      folder,
      endpoint: proxy.url,
    })
    await proxy.close()
    const names = await readdir(folder, { recursive: true })
    assert.ok(!names.some((name) => /(^|[\\/"])(evil|abc|b)"?$|e{64}/.test(name)), `${etag} became a name: ${names}`)
    assert.ok([0, 13, 14, 19].includes(pull.code ?? -1), `${etag}: exit ${pull.code} ${pull.stderr}`)
  }
}

/** F16: names that look like options travel through push, git, pull and cat as names. */
async function keepsOptionLikeNames(lab: Lab): Promise<void> {
  const repo = await lab.freshRepo()
  const files = { '--upload-pack=touch x': 'one', '-rf': 'two', '--help': 'three', '-': 'four' }
  const folder = await lab.scratch()
  await mkdir(join(folder, 'in'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'in', name), text)
  const push = await lab.run(['push', repo, join(folder, 'in'), '--json'], { folder })
  assert.equal(push.code, 0, push.stdout + push.stderr)
  const pull = await lab.run(['pull', repo, '--local-dir', join(folder, 'out'), '--json'], { folder })
  assert.equal(pull.code, 0, pull.stdout + pull.stderr)
  for (const [name, text] of Object.entries(files))
    assert.equal(await readFile(join(folder, 'out', name), 'utf8'), text)
  for (const name of Object.keys(files)) {
    const gone = await lab.commit(repo, [{ key: 'deletedFile', value: { path: name } }])
    assert.equal(gone.status, 200, `delete ${name}: ${gone.body}`)
  }
}
