/** The header of a GGUF file on disk, read as far as it reaches and checked; of a model in several files all of them. */
import { closeSync, existsSync, fstatSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { type GgufHeader, parseGgufHeader, type WantedLists } from '../weights/gguf-header.ts'
import { verifyGgufSizes } from '../weights/gguf-sizes.ts'
import { listSplitNames, verifySplit } from '../weights/gguf-split.ts'
import { verifyGgufSupport } from '../weights/gguf-support.ts'
import { VOCABULARY_LISTS, verifyGgufVocabulary } from '../weights/gguf-vocabulary.ts'
import { openModelFile, readExactly } from './tensor-files.ts'

const FIRST_BYTES = 1024 * 1024
/** Vocabularies stand in these headers. */
const HEADER_BYTES_MAX = 256 * 1024 * 1024

/** The header of a GGUF file with the tensors of all its parts, checked against the files' sizes. */
export function readGgufHeaders(path: string): { readonly header: GgufHeader; readonly weightBytes: number } {
  const folder = dirname(path)
  const parts = listSplitNames(basename(path)).map((name) => {
    if (!existsSync(join(folder, name))) {
      throw new AppError('not-found', 'MODEL_FILE_MISSING', `${join(folder, name)} is missing: pull the model again`)
    }
    return { name, header: readGgufHeader(join(folder, name), VOCABULARY_LISTS) }
  })
  // There is always one: the name itself.
  const named = parts[0] as (typeof parts)[number]
  verifyGgufSupport(named.name, named.header)
  verifySplit(parts)
  verifyGgufSizes(named.name, named.header)
  verifyGgufVocabulary(named.name, named.header)
  const tensors = parts.flatMap(({ header }) => header.tensors)
  const weightBytes = tensors.reduce((sum, { start, end }) => sum + end - start, 0)
  return { header: { ...named.header, tensors }, weightBytes }
}

/** Of one file; with the lists that are wanted. */
export function readGgufHeader(path: string, lists?: WantedLists, bytesMax: number = HEADER_BYTES_MAX): GgufHeader {
  const fd = openModelFile(path)
  try {
    const { size } = fstatSync(fd)
    for (let wanted = FIRST_BYTES; ; ) {
      const header = parseGgufHeader(readExactly(fd, 0, Math.min(wanted, size)), size, lists)
      if (!('needs' in header)) return header
      if (header.needs > bytesMax) {
        const message = `The header of ${path} needs ${header.needs} bytes, at most ${bytesMax}`
        throw new AppError('too-large', 'MODEL_FILE_TOO_LARGE', message)
      }
      wanted = Math.max(header.needs, 2 * wanted)
    }
  } finally {
    closeSync(fd)
  }
}
