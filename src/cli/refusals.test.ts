/** What commands refuse before they reach any server. */
import { expect, test } from 'vitest'
import { createIo, type Flags } from './output.ts'
import { countFlag, repoFlags } from './transfer-flags.ts'

const silent = { write: () => true }
const ioOf = (flags: Flags) => createIo(flags, { stdout: silent, stderr: silent }, new AbortController().signal)

test.each([
  ['verify', [], {}, 'REF_MISSING'],
  ['rm', ['ns/name', 'file'], {}, 'NOT_CONFIRMED'],
  ['rm', ['ns/name', 'file'], { json: true }, 'NOT_CONFIRMED'],
  ['repo', ['delete', 'ns/name'], {}, 'NOT_CONFIRMED'],
  ['repo', ['create', 'ns/name@main'], {}, 'REVISION_UNEXPECTED'],
  ['repo', ['create', 'bad'], {}, 'REF_BAD'],
  ['push', ['ns/name@0123456789012345678901234567890123456789', 'src'], {}, 'REVISION_UNEXPECTED'],
  ['cat', ['ns/name/file'], { json: true }, 'FLAG_INVALID'],
  ['cat', ['ns/name'], {}, 'PATH_MISSING'],
  ['pull', ['ns/name'], { repoType: 'modell' }, 'FLAG_INVALID'],
  ['pull', ['ns/name@main'], { revision: 'v2' }, 'REF_CONTRADICTED'],
  ['pull', ['http://host.example/ns/name'], { endpoint: 'http://other.example' }, 'REF_CONTRADICTED'],
  ['pull', ['../name'], {}, 'REF_BAD'],
])('xorbit %s %j with %j is %s', async (verb, args, flags: Flags, code) => {
  const { run } = (await import(`./commands/${verb}.ts`)) as {
    run: (args: string[], flags: Flags, io: ReturnType<typeof createIo>) => Promise<void>
  }
  await expect(run([...args], flags, ioOf(flags))).rejects.toMatchObject({ kind: 'usage', code })
})

test('flags of numbers and types are read exactly', () => {
  const bad = expect.objectContaining({ kind: 'usage', code: 'FLAG_INVALID' })
  expect(countFlag({ n: '8' }, 'n', '--n')).toBe(8)
  for (const n of ['0', '-1', '1.5', 'x', '']) expect(() => countFlag({ n }, 'n', '--n')).toThrow(bad)
  expect(repoFlags({ repoType: 'space', revision: 'x' })).toEqual({ repoType: 'space', revision: 'x' })
  expect(() => repoFlags({ repoType: 'spaces' })).toThrow(bad)
})
