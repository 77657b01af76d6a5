import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import type { Oid } from '../git/oid.ts'
import { TreeDraft, type TreeOperation } from './commit-plan.ts'
import { type RepoEntry, RepoListing } from './repo-listing.ts'

const oid = (text: string) => text as Oid

function listing(files: Readonly<Record<string, string>>): RepoListing {
  const entries = Object.entries(files).map(([path, text]): RepoEntry => {
    return { type: 'file', path, oid: oid(text), blobBytes: 1, size: 1, lfs: null }
  })
  return new RepoListing(entries)
}

function plan(files: Readonly<Record<string, string>>, operations: readonly TreeOperation[]) {
  const draft = new TreeDraft(listing(files))
  for (const operation of operations) draft.apply(operation)
  return draft.changes()
}

const put = (path: string, text = 'new'): TreeOperation => ({ kind: 'put', path, oid: oid(text) })
const drop = (path: string): TreeOperation => ({ kind: 'delete-file', path })
const dropFolder = (path: string): TreeOperation => ({ kind: 'delete-folder', path })

test('a revision takes no file above its limit, and one for each that goes', () => {
  const draft = new TreeDraft(listing({ a: '1', 'd/b': '2' }), 3)
  draft.apply(put('c'))
  draft.apply(put('c', 'again'))
  expect(() => draft.apply(put('e'))).toThrow(expect.objectContaining({ code: 'REVISION_TOO_LARGE' }))
  draft.apply(dropFolder('d'))
  draft.apply(put('e'))
  expect(() => draft.apply(put('f'))).toThrow('3 files')
})

describe('TreeDraft', () => {
  test('applies in order: what is deleted and added again stays, unchanged', () => {
    expect(plan({ 'd/a': '1', b: '2' }, [dropFolder('d'), put('d/a', '1'), put('c')])).toEqual([
      { path: 'c', oid: 'new' },
    ])
    expect(plan({ a: '1' }, [drop('a'), put('a/b')])).toEqual([
      { path: 'a', oid: null },
      { path: 'a/b', oid: 'new' },
    ])
    expect(plan({ 'a/b': '1' }, [dropFolder('a'), put('a')])).toEqual([
      { path: 'a/b', oid: null },
      { path: 'a', oid: 'new' },
    ])
    expect(plan({ a: '1' }, [{ kind: 'copy', path: 'b', from: 'a' }, drop('a')])).toEqual([
      { path: 'a', oid: null },
      { path: 'b', oid: '1' },
    ])
  })

  test.each<[string, Record<string, string>, TreeOperation[], string]>([
    ['a and a/b', {}, [put('a'), put('a/b')], 'PATH_IS_FILE'],
    ['a/b and a', {}, [put('a/b'), put('a')], 'PATH_IS_FOLDER'],
    ['a file over a folder that is there', { 'a/b/c': '1' }, [put('a/b')], 'PATH_IS_FOLDER'],
    ['a file below a file that is there', { a: '1' }, [put('a/b/c')], 'PATH_IS_FILE'],
    ['two spellings of one name', {}, [put('é'.normalize('NFC')), put('é'.normalize('NFD'))], 'PATH_TWIN'],
    [
      'another spelling of a name that is there',
      { ['é'.normalize('NFD')]: '1' },
      [put('é'.normalize('NFC'))],
      'PATH_TWIN',
    ],
    ['a missing file', { b: '1' }, [drop('a')], 'ENTRY_NOT_FOUND'],
    ['a folder as a file', { 'a/b': '1' }, [drop('a')], 'ENTRY_NOT_FOUND'],
    ['a file twice', { a: '1' }, [drop('a'), drop('a')], 'ENTRY_NOT_FOUND'],
    ['a missing folder', { ab: '1' }, [dropFolder('a')], 'ENTRY_NOT_FOUND'],
    ['a copy of nothing', {}, [{ kind: 'copy', path: 'a', from: 'b' }], 'ENTRY_NOT_FOUND'],
  ])('refuses %s', (_, files, operations, code) => {
    expect(() => plan(files, operations)).toThrow(expect.objectContaining({ code }))
  })

  test('any operations end as on a plain map of paths', () => {
    const path = fc.constantFrom('a', 'a/b', 'a/c', 'b', 'd/e/f', 'd/e', 'g')
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), path, oid: fc.constantFrom(oid('1'), oid('2')) }),
      fc.record({ kind: fc.constantFrom('delete-file' as const, 'delete-folder' as const), path }),
      fc.record({ kind: fc.constant('copy' as const), path, from: path }),
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 15 }), (operations) => {
        const base = { 'a/b': '1', b: '2', 'd/e/f': '1' }
        const draft = new TreeDraft(listing(base))
        const model = new Map<string, string>(Object.entries(base))
        for (const one of operations) {
          const allowed = applyPlainly(model, one)
          let took = true
          try {
            draft.apply(one)
          } catch (error) {
            if (!(error instanceof AppError)) throw error
            took = false
          }
          expect(took).toBe(allowed)
        }
        const result = new Map<string, string>(Object.entries(base))
        for (const change of draft.changes()) {
          if (change.oid === null) expect(result.delete(change.path)).toBe(true)
          else result.set(change.path, change.oid)
        }
        expect(result).toEqual(model)
      }),
    )
  })
})

/** The slow truth. Whether the operation is allowed. */
function applyPlainly(files: Map<string, string>, operation: TreeOperation): boolean {
  const { kind, path } = operation
  const below = [...files.keys()].filter((name) => name.startsWith(`${path}/`))
  if (kind === 'delete-file') return files.delete(path)
  if (kind === 'delete-folder') return below.filter((name) => files.delete(name)).length > 0
  const text =
    operation.kind === 'copy' ? files.get(operation.from) : operation.kind === 'put' ? operation.oid : undefined
  const blocked = below.length > 0 || [...files.keys()].some((name) => path.startsWith(`${name}/`))
  if (text === undefined || blocked) return false
  files.set(path, text)
  return true
}
