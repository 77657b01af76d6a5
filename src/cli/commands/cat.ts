/** `xorbit cat REPO[@REV]/PATH`: the file's bytes on standard output, after they are proved. */
import { once } from 'node:events'
import { readRepoFile } from '../../actions/browse.ts'
import { AppError } from '../../base/app-error.ts'
import type { Flags, Io } from '../output.ts'
import { hubFlags, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([target = '']: string[], flags: Flags, io: Io): Promise<void> {
  if (io.json) throw new AppError('usage', 'FLAG_INVALID', '`cat` prints the bytes themselves: leave --json out')
  const cacheDir = textFlag(flags, 'cacheDir')
  await readRepoFile(
    target,
    { ...hubFlags(flags), ...repoFlags(flags), cacheDir, signal: io.signal },
    async (piece) => {
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
    },
  )
}
