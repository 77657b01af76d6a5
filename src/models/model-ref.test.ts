import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import { parseModelRef } from './model-ref.ts'

const HF = 'https://huggingface.co'

test.each([
  ['ns/name', null, 'model', 'ns/name', null],
  ['gpt2', null, 'model', 'gpt2', null],
  ['ns/name@main', null, 'model', 'ns/name', 'main'],
  ['gpt2@v1.0', null, 'model', 'gpt2', 'v1.0'],
  ['ns/name@refs/pr/3', null, 'model', 'ns/name', 'refs/pr/3'],
  ['ns/name@feature%2Fx', null, 'model', 'ns/name', 'feature/x'],
  ['ns/name@feature/x', null, 'model', 'ns/name', 'feature/x'],
  ['ns/name@a%40b%2Bc', null, 'model', 'ns/name', 'a@b+c'],
  [
    'ns/name@0123456789abcdef0123456789abcdef01234567',
    null,
    'model',
    'ns/name',
    '0123456789abcdef0123456789abcdef01234567',
  ],
  ['datasets/ns/name', null, 'dataset', 'ns/name', null],
  ['spaces/ns/name@main', null, 'space', 'ns/name', 'main'],
  ['models/ns/name', null, 'model', 'ns/name', null],
  ['hf://ns/name', null, 'model', 'ns/name', null],
  ['hf://datasets/ns/name@main', null, 'dataset', 'ns/name', 'main'],
  ['hf.co/ns/name', HF, 'model', 'ns/name', null],
  ['huggingface.co/datasets/ns/name', HF, 'dataset', 'ns/name', null],
  ['https://huggingface.co/ns/name', HF, 'model', 'ns/name', null],
  ['https://hf.co/ns/name/tree/main', HF, 'model', 'ns/name', 'main'],
  ['https://huggingface.co/datasets/ns/name/tree/refs%2Fpr%2F1', HF, 'dataset', 'ns/name', 'refs/pr/1'],
  ['https://huggingface.co/ns/name/tree/refs/pr/1', HF, 'model', 'ns/name', 'refs/pr/1'],
  ['http://127.0.0.1:9672/ns/name', 'http://127.0.0.1:9672', 'model', 'ns/name', null],
  ['localhost:9672/ns/name@main', 'http://localhost:9672', 'model', 'ns/name', 'main'],
  ['hub.example.org/ns/name', 'https://hub.example.org', 'model', 'ns/name', null],
  ['hub.example.org:8443/spaces/ns/name', 'https://hub.example.org:8443', 'space', 'ns/name', null],
  ['a.b/c.d_e-f', null, 'model', 'a.b/c.d_e-f', null],
  ['ns/name/', null, 'model', 'ns/name', null],
])('reads %s', (text, endpoint, type, id, revision) => {
  expect(parseModelRef(text)).toEqual({ endpoint, repo: { type, id }, revision, path: null })
})

test.each([
  ['ns/name/a/b.txt', null, 'a/b.txt'],
  ['ns/name@main/a/b.txt', 'main', 'a/b.txt'],
  ['ns/name/sub dir/é.bin', null, 'sub dir/é.bin'],
  ['ns/name@refs/pr/1/a', 'refs/pr/1', 'a'],
  ['ns/name@feature%2Fx/a', 'feature/x', 'a'],
  ['https://huggingface.co/ns/name/blob/main/a%20b.txt', 'main', 'a b.txt'],
  ['ns/name', null, null],
])('reads the target %s', (text, revision, path) => {
  expect(parseModelRef(text, { target: true })).toMatchObject({ repo: { id: 'ns/name' }, revision, path })
})

test.each([
  '',
  ' ',
  'a b/c',
  'ns/name\n',
  './dir',
  '../dir',
  '/abs/dir',
  '~/dir',
  '.',
  'a/b/c',
  '-x/y',
  'ns/-x',
  'ns/x-',
  'ns/.x',
  'ns/x.',
  'ns/a--b',
  'ns/a..b',
  'ns/name.git',
  `ns/${'x'.repeat(97)}`,
  'ns/né',
  'ns//name',
  'ns/name@',
  'ns/name@-x',
  'ns/name@--upload-pack=x',
  'ns/name@a..b',
  'ns/name@x.lock',
  'ns/name@@{1}',
  'ns/name@refs/../x',
  'ns/name@a%20b',
  'ns/name@a%zz',
  `ns/name@${'x'.repeat(256)}`,
  'ns/name@a//b',
  'ns/name:Q4_K_M',
  'ns/name@main:Q4',
  'ns/name+adapter',
  'ftp://host/ns/name',
  'file:///etc/passwd',
  'https://user:pw@huggingface.co/ns/name',
  'https://huggingface.co/ns/name/discussions/1/x',
  'ns/name@main/../../etc/passwd',
])('refuses %j', (text) => {
  expect(() => parseModelRef(text)).toThrow(AppError)
})

test('lets --repo-type say what the reference leaves open, and refuses a contradiction', () => {
  expect(parseModelRef('ns/name', { type: 'dataset' }).repo.type).toBe('dataset')
  expect(() => parseModelRef('datasets/ns/name', { type: 'model' })).toThrow(/--repo-type says model/)
})

test('refuses a target whose path leaves the repository', () => {
  expect(() => parseModelRef('ns/name/../x', { target: true })).toThrow(AppError)
  expect(() => parseModelRef('https://huggingface.co/ns/name/blob/main/..%2F..%2Fx', { target: true })).toThrow(
    AppError,
  )
})

test('answers any text with a reference or an error of ours', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, target) => {
      try {
        const { repo } = parseModelRef(text, { target })
        expect(repo.id).toMatch(/^[\w.-]+(\/[\w.-]+)?$/)
      } catch (error) {
        expect(error).toBeInstanceOf(AppError)
      }
    }),
  )
})
