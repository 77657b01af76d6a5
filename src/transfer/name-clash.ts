/**
 * Names that are two in a repository and one on a disk that does not tell capitals from small letters, or one spelling of
 * an accent from the other: the second file would replace the first. Looked for before anything is written.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'
import { lstatIfThere } from '../base/if-there.ts'

type Fold = (path: string) => string

const foldCase: Fold = (path) => path.toLowerCase()
const foldForm: Fold = (path) => path.normalize('NFC')
const PLAIN_NAME = 'probe'
const ACCENTED_NAME = '\u00e9'

/** Throws NAMES_CLASH when two of `paths` would be one file below `folder`, which need not exist yet. */
export async function checkNames(folder: string, paths: readonly string[]): Promise<void> {
  // Most repositories have no two names that any disk would take for one.
  if (findClash(paths, [foldForm, foldCase]) === null) return
  const clash = findClash(paths, await foldsOf(folder))
  if (clash === null) return
  const [first, second] = clash
  const message = `${first} and ${second} are one name on the disk of ${folder}: leave one out with --exclude`
  throw new AppError('usage', 'NAMES_CLASH', message, { data: { paths: [first, second] } })
}

function findClash(paths: readonly string[], folds: readonly Fold[]): [string, string] | null {
  const seen = new Map<string, string>()
  for (const path of paths) {
    const key = folds.reduce((text, fold) => fold(text), path)
    const other = seen.get(key)
    if (other !== undefined) return [other, path]
    seen.set(key, path)
  }
  return null
}

/** What the disk does to names, tried out. */
async function foldsOf(folder: string): Promise<Fold[]> {
  const probe = await makeProbe(folder)
  try {
    await writeFile(join(probe, PLAIN_NAME), '')
    await writeFile(join(probe, ACCENTED_NAME), '')
    const folds: Fold[] = []
    if (await lstatIfThere(join(probe, PLAIN_NAME.toUpperCase()))) folds.push(foldCase)
    if (await lstatIfThere(join(probe, ACCENTED_NAME.normalize('NFD')))) folds.push(foldForm)
    return folds
  } finally {
    await rm(probe, { recursive: true, force: true })
  }
}

async function makeProbe(folder: string): Promise<string> {
  try {
    return await mkdtemp(join(folder, '.xorbit-probe-'))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(folder) === folder) throw error
    return makeProbe(dirname(folder))
  }
}
