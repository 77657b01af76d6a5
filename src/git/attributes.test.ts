import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Attributes, type AttributesFile } from './attributes.ts'
import { Ignore } from './ignore.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xorbit-attr-'))
  run(['init', '-q'], '')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Git in the work tree, with no configuration but its own. */
function run(args: readonly string[], input: string): string {
  const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
  return spawnSync('git', args, { cwd: folder, input, env }).stdout.toString('utf8')
}

/** What git itself says of `filter` for each path. */
async function askGit(
  files: readonly AttributesFile[],
  paths: readonly string[],
): Promise<(string | boolean | null)[]> {
  const written = files.map((file) => join(folder, file.folder, '.gitattributes'))
  for (const [i, path] of written.entries()) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, files[i]?.text ?? '')
  }
  const output = run(['check-attr', '-z', '--stdin', 'filter'], paths.join('\0'))
  for (const path of written) await rm(path)
  const fields = output.split('\0')
  const values = { set: true, unset: false, unspecified: null } as Record<string, boolean | null>
  return paths.map((_, i) => {
    const value = fields[3 * i + 2] ?? ''
    return value in values ? (values[value] ?? null) : value
  })
}

const LFS = 'filter=lfs diff=lfs merge=lfs -text'

describe('Attributes', () => {
  test.each<[string, AttributesFile[], string[]]>([
    [
      'names and folders',
      [{ folder: '', text: `*.bin ${LFS}\nsaved_model/**/* ${LFS}\n*tfevents* ${LFS}\n` }],
      ['a.bin', 'd/a.bin', 'a.bin2', 'saved_model/x', 'saved_model/a/b/c', 'x/saved_model/y', 'd/e.tfevents.1', 'bin'],
    ],
    [
      'later lines win',
      [{ folder: '', text: `* ${LFS}\n*.txt -filter\n*.md !filter\nk.txt filter\n` }],
      ['a', 'a.txt', 'a.md', 'k.txt', 'd/k.txt'],
    ],
    [
      'a folder over its parents',
      [
        { folder: '', text: `*.bin ${LFS}\n` },
        { folder: 'd', text: '*.bin -filter\n/a.x filter=lfs\n' },
      ],
      ['a.bin', 'd/a.bin', 'd/e/a.bin', 'd/a.x', 'd/e/a.x', 'dd/a.bin'],
    ],
    [
      'quotes, sets, escapes, bytes',
      [
        {
          folder: '',
          text: `"a \\"b.txt" ${LFS}\n[[:digit:]]?.z ${LFS}\nq[!a-c].z filter=lfs\nsp[[:space:]]ace filter=lfs\nst\\*ar filter=lfs\n?? filter=x\n`,
        },
      ],
      ['a "b.txt', '7x.z', 'ax.z', 'qd.z', 'qa.z', 'sp ace', 'st*ar', 'stxar', 'é', 'xy', 'x'],
    ],
    [
      'stars between slashes',
      [{ folder: '', text: `a/**/z filter=lfs\n**/m filter=x\np/** filter=lfs\nu**v filter=lfs\nw/*.q filter=lfs\n` }],
      ['a/z', 'a/b/z', 'a/b/c/z', 'az', 'm', 'd/m', 'p/x', 'p/x/y', 'p', 'u/v', 'uxv', 'w/a.q', 'w/a/b.q'],
    ],
    [
      'macros',
      [{ folder: '', text: `[attr]large ${LFS}\n*.m large\n*.n large -filter\n*.o -large\n` }],
      ['a.m', 'a.n', 'a.o'],
    ],
    [
      'carriage returns, comments, nonsense',
      [
        {
          folder: '',
          text: `# c\r\n  *.bin filter=lfs\r\n!neg filter=lfs\r\nfolder/ filter=lfs\r\n[open filter=lfs\r\nalone\r\n`,
        },
      ],
      ['a.bin', 'neg', '!neg', 'folder/x', '[open', 'alone'],
    ],
  ])('%s: as git check-attr says', async (_, files, paths) => {
    const attributes = new Attributes(files)
    expect(paths.map((path) => attributes.filterOf(path))).toEqual(await askGit(files, paths))
  })

  test('any patterns over any paths: as git check-attr says', async () => {
    const piece = fc.constantFrom('a', 'b', '*', '**', '?', '/', '[ab]', '[!a]', '\\*', 'é', '.x', '[a', '-')
    const glob = fc.array(piece, { minLength: 1, maxLength: 7 }).map((parts) => parts.join(''))
    const name = fc.constantFrom('a', 'b', 'ab', 'a.x', 'é', 'b*', '-', 'ba.x')
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    const lines = fc.array(fc.tuple(glob, fc.constantFrom('filter=lfs', '-filter', 'filter', '!filter')), {
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(lines, fc.array(path, { minLength: 1, maxLength: 30 }), async (rules, paths) => {
        const files = [{ folder: '', text: rules.map((rule) => rule.join(' ')).join('\n') }]
        const attributes = new Attributes(files)
        expect(paths.map((each) => attributes.filterOf(each))).toEqual(await askGit(files, paths))
      }),
      { numRuns: 60 },
    )
  })

  test('a pattern made to be slow is not', () => {
    const attributes = new Attributes([{ folder: '', text: `${'*a'.repeat(500)}b filter=lfs\n` }])
    expect(attributes.isLfs('a'.repeat(4000))).toBe(false)
  })
})

describe('Ignore', () => {
  test('leaves out what git would', async () => {
    const text = '*.log\n!keep.log\n/build\ncache/\nd/**/t\n# c\nspace\\ \n!cache/in.txt\n'
    const paths = 'a.log keep.log d/keep.log build build/x d/build cache cache/in.txt d/cache/x d/t d/a/b/t x'.split(
      ' ',
    )
    await writeFile(join(folder, '.gitignore'), text)
    const output = run(['check-ignore', '--no-index', '-z', '--stdin'], paths.join('\0'))
    await rm(join(folder, '.gitignore'))
    const ignore = new Ignore(text)
    expect(paths.filter((path) => ignore.isIgnored(path))).toEqual(output.split('\0').filter(Boolean))
  })
})
