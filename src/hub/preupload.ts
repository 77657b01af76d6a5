/** Which files of an upload go into git and which into the CAS: .gitattributes, then size, then what the first bytes are. */
import { Attributes } from '../git/attributes.ts'
import { Ignore } from '../git/ignore.ts'
import type { Snapshot } from './repo-reader.ts'

/** As on the Hub: larger files are LFS whatever they are. */
const REGULAR_BYTES_MAX = 10 * 1000 * 1000
const IGNORE_BYTES_MAX = 256 * 1024

export interface UploadFile {
  readonly path: string
  readonly size: number
  /** The file's first bytes. */
  readonly sample: Uint8Array
}

export interface UploadRules {
  /** Texts of the upload's own root files, when it brings them. */
  readonly gitIgnore: string | null
  readonly gitAttributes: string | null
}

export interface PlannedFile {
  readonly path: string
  readonly uploadMode: 'lfs' | 'regular'
  readonly shouldIgnore: boolean
  /** What the revision holds under the path: git oid of a small file, SHA-256 of a large one. */
  readonly oid: string | null
}

export async function planUpload(
  snapshot: Snapshot,
  files: readonly UploadFile[],
  rules: UploadRules,
): Promise<PlannedFile[]> {
  const listing = await snapshot.list()
  const here = await snapshot.attributeFiles()
  const own = rules.gitAttributes
  const attributes = new Attributes(
    own === null ? here : [...here.filter(({ folder }) => folder !== ''), { folder: '', text: own }],
  )
  const ignore = new Ignore(rules.gitIgnore ?? (await snapshot.findText('.gitignore', IGNORE_BYTES_MAX)) ?? '')
  return files.map((file) => {
    const { path } = file
    const known = listing.find(path)
    const oid = known?.type === 'file' ? (known.lfs?.sha256 ?? known.oid) : null
    const uploadMode = isLarge(file, attributes) ? 'lfs' : 'regular'
    return { path, uploadMode, shouldIgnore: ignore.isIgnored(path), oid }
  })
}

function isLarge({ path, size, sample }: UploadFile, attributes: Attributes): boolean {
  if (size === 0 || path === '.gitattributes') return false
  return attributes.isLfs(path) || size > REGULAR_BYTES_MAX || isBinary(sample)
}

/** No text: a zero byte, or no UTF-8 (the sample may end within a character). */
function isBinary(sample: Uint8Array): boolean {
  if (sample.includes(0)) return true
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true })
    return false
  } catch (error) {
    if (error instanceof TypeError) return true
    throw error
  }
}
