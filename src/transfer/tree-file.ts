/** `trees/COMMIT.json`: a commit's whole listing, as huggingface_hub keeps it. Only ever written from a whole listing. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { systemCode } from '../base/app-error.ts'
import { writeFileAtomically } from '../base/atomic-file.ts'
import type { TreeFile } from './hub-client.ts'

const FORMAT_VERSION = 1
const Shape = z.object({
  format_version: z.literal(FORMAT_VERSION),
  files: z.record(
    z.string(),
    z.object({
      size: z.int().nonnegative(),
      // They become names of files.
      blob_id: z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/),
      lfs_sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullish(),
      xet_hash: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullish(),
    }),
  ),
})

export async function writeTreeFile(folder: string, commit: string, files: readonly TreeFile[]): Promise<void> {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const entries = sorted.map(({ path, size, oid, sha256, xetHash }) => [
    path,
    {
      size,
      blob_id: oid,
      ...(sha256 === null ? {} : { lfs_sha256: sha256, lfs_size: size }),
      ...(xetHash === null ? {} : { xet_hash: xetHash }),
    },
  ])
  const content = JSON.stringify({ format_version: FORMAT_VERSION, files: Object.fromEntries(entries) }, null, 1)
  await writeFileAtomically(treePath(folder, commit), content)
}

/** Null when there is none, or one that we cannot read. */
export async function findTreeFile(folder: string, commit: string): Promise<TreeFile[] | null> {
  try {
    const parsed = Shape.safeParse(JSON.parse(await readFile(treePath(folder, commit), 'utf8')))
    if (!parsed.success) return null
    return Object.entries(parsed.data.files).map(([path, { size, blob_id, lfs_sha256, xet_hash }]) => ({
      path,
      size,
      oid: blob_id,
      sha256: lfs_sha256 ?? null,
      xetHash: xet_hash ?? null,
    }))
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return null
    throw error
  }
}

function treePath(folder: string, commit: string): string {
  return join(folder, 'trees', `${commit}.json`)
}
