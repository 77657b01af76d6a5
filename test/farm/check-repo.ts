/**
 * What must hold of a repository after any crash: git finds nothing wrong, every file of its tip is readable and is what
 * its pointer says, and everything that a client was told is there is there.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { send } from './http-send.ts'
import { type HubProcess, runProgram } from './hub-process.ts'

export interface Expectation {
  readonly repo: string
  readonly token: string
  /** Path to content of every push that ended well. */
  readonly acknowledged: ReadonlyMap<string, Uint8Array>
}

interface TreeEntry {
  readonly path: string
  readonly type: string
  readonly lfs?: { readonly oid: string }
}

export async function checkRepo(hub: HubProcess, { repo, token, acknowledged }: Expectation): Promise<void> {
  const folder = join(hub.home, 'repos', 'models', `${repo}.git`)
  const fsck = await runProgram('git', ['--git-dir', folder, 'fsck', '--strict', '--no-dangling'], {
    timeoutMs: 60_000,
  })
  assert.equal(fsck.code, 0, `git fsck: ${fsck.stdout}${fsck.stderr}`)
  const tree = await send(hub.url, `/api/models/${repo}/tree/main?recursive=true`, { token })
  assert.equal(tree.status, 200, `tree: ${tree.status} ${tree.body}`)
  const entries = tree.json() as unknown as TreeEntry[]
  for (const { path, lfs } of entries.filter(({ type }) => type === 'file')) {
    const reply = await send(hub.url, `/${repo}/resolve/main/${encodeURIComponent(path)}`, { token })
    assert.equal(reply.status, 200, `${path}: ${reply.status} ${reply.body.subarray(0, 200)}`)
    assert.ok(reply.complete, `${path} was cut short`)
    if (lfs)
      assert.equal(createHash('sha256').update(reply.body).digest('hex'), lfs.oid, `${path} differs from its pointer`)
    const content = acknowledged.get(path)
    if (content) assert.ok(reply.body.equals(content), `${path} differs from what was acknowledged`)
  }
  for (const path of acknowledged.keys()) {
    assert.ok(
      entries.some((entry) => entry.path === path),
      `${path} was acknowledged and is lost`,
    )
  }
}
