/**
 * Chunks in term order to the bytes of a file, verified.
 *
 * Every term must give exactly its chunks and its plain length; after the last one all chunks together must be the file
 * named. The generator throws at its end when they are not, so nothing may be named before it has run out.
 */
import { AppError } from '../base/app-error.ts'
import { FileVerifier } from './file-verifier.ts'
import type { FileHash } from './hash.ts'
import type { Term } from './shard-reader.ts'
import type { XorbChunk } from './xorb-reader.ts'

export interface AssembledFile {
  readonly hash: FileHash
  readonly terms: Iterable<Term>
  readonly size?: number
}

/** `openTerm` gives the chunks of a term, by index, hashed from their bytes. Yields a chunk's plain bytes at a time. */
export async function* assembleFile(
  file: AssembledFile,
  openTerm: (term: Term) => AsyncIterable<Pick<XorbChunk, 'index' | 'hash' | 'plain'>>,
): AsyncGenerator<Uint8Array> {
  const verifier = new FileVerifier()
  for (const term of file.terms) {
    const before = verifier.size
    let index = term.start
    for await (const chunk of openTerm(term)) {
      if (chunk.index !== index || index >= term.end) throw mismatch(term, `chunk ${chunk.index} came for ${index}`)
      index++
      verifier.add(chunk.hash, chunk.plain.length)
      yield chunk.plain
    }
    const length = verifier.size - before
    if (index !== term.end) throw mismatch(term, `it ends before chunk ${index}`)
    if (length !== term.plainLength) throw mismatch(term, `it has ${length} bytes, not ${term.plainLength}`)
  }
  verifier.verify(file.hash, file.size)
}

function mismatch({ xorb, start, end }: Term, why: string): AppError {
  const data = { xorb, start, end }
  return new AppError('integrity', 'TERM_MISMATCH', `Chunks ${start} to ${end} of xorb ${xorb}: ${why}`, { data })
}
