/** The package as a user gets it: packed, unpacked into a program of theirs, with the dependencies that it names. */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ROOT } from './hub-process.ts'

export interface Packed {
  /** Of the files in the package. */
  readonly paths: readonly string[]
  /** The package below `node_modules`. */
  readonly folder: string
}

/** Builds it, and installs it as npm would in `app`, with the dependencies of this checkout and no others. */
export async function installPacked(app: string): Promise<Packed> {
  const modules = join(app, 'node_modules')
  const folder = join(modules, 'xorbit')
  await mkdir(folder, { recursive: true })
  const out = execFileSync('npm', ['pack', '--json', '--pack-destination', app], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString()
  const [{ filename, files }] = JSON.parse(out.slice(out.indexOf('['))) as [
    { filename: string; files: { path: string }[] },
  ]
  execFileSync('tar', ['-xzf', join(app, filename), '--strip-components=1', '-C', folder])
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const installed = new Set(await readdir(join(ROOT, 'node_modules')))
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    if (!installed.has(name.split('/')[0] as string)) continue
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  return { paths: files.map(({ path }) => path), folder }
}
