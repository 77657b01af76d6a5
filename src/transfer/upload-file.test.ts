import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { chunkHash } from '../xet/hash.ts'
import { UploadFile } from './upload-file.ts'

const CHUNKS = Array.from({ length: 40 }, () => new Uint8Array(randomBytes(1000)))

function fill(file: UploadFile): void {
  const slot = { hash: null, hashes: [] }
  CHUNKS.forEach((chunk, index) => {
    file.hash(chunk)
    file.append(slot, index, chunkHash(chunk), chunk.length)
  })
}

test('a file that was sealed tells its hashes and takes no more; before that it is the other way round', () => {
  const file = new UploadFile('a')
  fill(file)
  expect(() => file.sha256).toThrow(expect.objectContaining({ kind: 'bug', code: 'UPLOAD_FILE_STATE' }))
  file.seal()
  file.seal()
  expect(file.entry()).toMatchObject({ hash: file.fileHash, sha256: file.sha256, terms: [{ start: 0, end: 40 }] })
  expect(() => fill(file)).toThrow(expect.objectContaining({ kind: 'bug', code: 'UPLOAD_FILE_STATE' }))
})
