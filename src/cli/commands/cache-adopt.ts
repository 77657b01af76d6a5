/** `xorbit cache adopt REF [--from DIR]`: what git-lfs, Ollama or a folder have of a repository, without a second copy. */
import { type AdoptedFile, adopt } from '../../actions/cache-adopt.ts'
import type { Flags, Io } from '../output.ts'
import { countOf, formatBytes, printable } from '../quantities.ts'
import { hubFlags, listFlag, repoFlags, textFlag } from '../transfer-flags.ts'

export async function run([ref = '']: string[], flags: Flags, io: Io): Promise<void> {
  const dryRun = flags.dryRun === true
  const report = await adopt({
    ...hubFlags(flags),
    ...repoFlags(flags),
    ref,
    from: listFlag(flags, 'from'),
    copy: flags.copy === true,
    include: listFlag(flags, 'include'),
    exclude: listFlag(flags, 'exclude'),
    cacheDir: textFlag(flags, 'cacheDir'),
    dryRun,
    signal: io.signal,
    onFile: (file) => sayFile(file, io),
  })
  const { commit, snapshot, adopted, adoptedBytes, here, missing, missingBytes } = report
  io.event('done', { commit, snapshot, adopted, adoptedBytes, here, missing, missingBytes, dryRun })
  if (io.quiet) return
  const verb = dryRun ? 'would be adopted' : 'adopted'
  const known = here > 0 ? `, ${here} were here` : ''
  io.line(`${countOf(adopted, 'file')} ${verb} (${formatBytes(adoptedBytes)})${known}, at ${commit.slice(0, 12)}`)
  if (missing > 0) {
    const rest = `${countOf(missing, 'file')} (${formatBytes(missingBytes)})`
    io.line(`${rest} are not on this machine: xorbit pull ${printable(ref)} fetches them`)
  }
  if (!dryRun && adopted + here > 0) io.line(snapshot)
}

function sayFile({ path, bytes, how, from }: AdoptedFile, io: Io): void {
  io.event('file', { path, bytes, how, from })
  if (how === 'here') return
  io.line(
    io.quiet
      ? printable(path)
      : `${formatBytes(bytes).padStart(8)}  ${printable(path)}  ${how}: ${printable(from ?? '')}`,
  )
}
