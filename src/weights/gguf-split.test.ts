import { expect, test } from 'vitest'
import { ggufFile, ggufTensor, textKey, u32Key } from '../../test/farm/gguf-file.ts'
import { type GgufHeader, parseGgufHeader } from './gguf-header.ts'
import { listSplitNames, verifySplit } from './gguf-split.ts'
import { verifyGgufSupport } from './gguf-support.ts'

interface Part {
  readonly no?: number
  readonly count?: number
  readonly total?: number
  readonly tensors: readonly string[]
}

function headerOf({ no = 0, count = 2, total = 2, tensors }: Part): GgufHeader {
  const keys = [u32Key('split.no', no), u32Key('split.count', count), u32Key('split.tensors.count', total)]
  const list = tensors.map((name, i) => ggufTensor(name, [4], 0, i * 32))
  const file = ggufFile({ keys, tensors: list, data: 32 * list.length })
  return parseGgufHeader(file, file.length) as GgufHeader
}
const verify = (...parts: Part[]) =>
  verifySplit(parts.map((part, i) => ({ name: `p${i + 1}`, header: headerOf(part) })))

test('lists the names of all parts from any of them', () => {
  const names = ['a-00001-of-00003.gguf', 'a-00002-of-00003.gguf', 'a-00003-of-00003.gguf']
  for (const name of names) expect(listSplitNames(name)).toEqual(names)
  expect(listSplitNames('model.gguf')).toEqual(['model.gguf'])
  const strange = () => listSplitNames('a-00004-of-00003.gguf')
  expect(strange).toThrow(expect.objectContaining({ code: 'GGUF_SPLIT_BAD' }))
})

test('accepts parts that fit, and a file that is no part', () => {
  verify({ tensors: ['a'] }, { no: 1, tensors: ['b'] })
  verifySplit([{ name: 'x', header: headerOf({ count: 1, tensors: ['a'] }) }])
})

test.each([
  ['swapped', [{ no: 1, tensors: ['b'] }, { tensors: ['a'] }], /p1 says it is part 2/],
  ['of another model', [{ tensors: ['a'] }, { no: 1, total: 9, tensors: ['b'] }], /p2 is of another model/],
  ['of a model in three parts', [{ tensors: ['a'] }, { no: 1, count: 3, tensors: ['b'] }], /p2 says it is one of 3/],
  ['with a tensor of the other', [{ tensors: ['a'] }, { no: 1, tensors: ['a'] }], /p2 holds a, which p1/],
  [
    'with a tensor too few',
    [
      { total: 3, tensors: ['a'] },
      { no: 1, total: 3, tensors: ['b'] },
    ],
    /2 tensors, 3/,
  ],
])('names the part that is %s', (_, parts, message) => {
  const refused = expect.objectContaining({ code: 'GGUF_SPLIT_BAD', message: expect.stringMatching(message) })
  expect(() => verify(...parts)).toThrow(refused)
})

test.each([
  ['I2_S of bitnet.cpp', 'llama', [ggufTensor('w', [64], 36)], /I2_S, which only bitnet\.cpp reads/],
  ['BitNet in other types', 'bitnet-b1.58', [], /squared ReLU/],
  ['no architecture', null, [], /names no architecture/],
])('says why %s does not run, and what helps', (_, architecture, tensors, message) => {
  const keys = architecture === null ? [] : [textKey('general.architecture', architecture)]
  const file = ggufFile({ keys, tensors, data: 64 })
  const header = parseGgufHeader(file, file.length) as GgufHeader
  const refused = expect.objectContaining({ code: 'GGUF_UNSUPPORTED', message: expect.stringMatching(message) })
  expect(() => verifyGgufSupport('m.gguf', header)).toThrow(refused)
})

test('an adapter is no model; anything else is left to llama.cpp', () => {
  const header = (type: string) => {
    const file = ggufFile({ keys: [textKey('general.architecture', 'new'), textKey('general.type', type)] })
    return parseGgufHeader(file, file.length) as GgufHeader
  }
  expect(() => verifyGgufSupport('m.gguf', header('adapter'))).toThrow(/holds no model but "adapter"/)
  verifyGgufSupport('m.gguf', header('model'))
})
