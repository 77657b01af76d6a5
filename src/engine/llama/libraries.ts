/**
 * Finds and opens llama.cpp's libraries in the npm package of this platform (`@node-llama-cpp/*`) and koffi, which calls
 * them (`@koromix/koffi-*`). Both are optional: without them the engine is missing, and says which package it wants.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../../base/app-error.ts'

/** The releases whose struct layouts are those of layout.ts. */
const RELEASES = ['v0.4.0', 'v0.5.0']
const PLATFORM = `${process.platform}-${process.arch}`
const LLAMA_NAMES: Readonly<Record<string, string>> = {
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
}
const LIBC_NAMES: Readonly<Record<string, string>> = {
  linux: 'libc.so.6',
  darwin: 'libSystem.B.dylib',
  win32: 'msvcrt.dll',
}

/** What a pointer is to us: passed on, never looked into. */
export type Pointer = bigint | object | null

export interface NativeFunction {
  (...args: unknown[]): unknown
  async(...args: unknown[]): void
}

export interface NativeLibrary {
  func(signature: string): NativeFunction
  symbol(name: string): Pointer
}

/** The part of koffi that is used. */
export interface Koffi {
  load(path: string): NativeLibrary
  struct(name: string, fields: Readonly<Record<string, string>>): unknown
  proto(signature: string): unknown
  register(callback: (...args: never[]) => unknown, type: string): Pointer
  unregister(callback: Pointer): void
  sizeof(type: string): number
  offsetof(type: string, field: string): number
  alloc(type: string, count: number): Pointer
  view(pointer: Pointer, bytes: number): ArrayBuffer
  decode(pointer: Pointer, offset: number, type: string): unknown
}

export interface Libraries {
  readonly koffi: Koffi
  readonly base: NativeLibrary
  readonly ggml: NativeLibrary
  readonly llama: NativeLibrary
  readonly libc: NativeLibrary
  /** Where the compute backends lie. */
  readonly folder: string
  readonly release: string
}

export function openLibraries(): Libraries {
  const llamaName = `@node-llama-cpp/${LLAMA_NAMES[PLATFORM] ?? PLATFORM}`
  const koffi = openKoffi()
  const folder = orMissing(llamaName, () => findFolder(llamaName))
  const release = readRelease(folder)
  verifyRelease(llamaName, release)
  const open = (name: string) =>
    orMissing(llamaName, () => koffi.load(join(folder, findLibrary(readdirSync(folder), name))))
  // Windows wants what the others need first.
  const [base, ggml, llama] = [open('ggml-base'), open('ggml'), open('llama')] as const
  return { koffi, base, ggml, llama, libc: openLibc(), folder, release }
}

/** The system's C library. */
export function openLibc(): NativeLibrary {
  return openKoffi().load(LIBC_NAMES[process.platform] ?? 'libc.so.6')
}

function openKoffi(): Koffi {
  const name = `@koromix/koffi-${PLATFORM}`
  return orMissing(name, () => createRequire(import.meta.url)(name) as Koffi)
}

/** `libllama.v0.5.0.so`, `libggml-base.so`, `libllama.metal.v0.4.0.dylib`, `llama.dll`. */
export function findLibrary(names: readonly string[], name: string): string {
  const pattern = new RegExp(`^(lib)?${name}(\\.[a-z]+)?(\\.v[\\d.]+)?\\.(so|dylib|dll)$`)
  const found = names.find((file) => pattern.test(file))
  if (found === undefined) throw new Error(`no library ${name} among ${names.join(', ')}`)
  return found
}

export function verifyRelease(packageName: string, release: string): void {
  if (RELEASES.includes(release)) return
  const message = `${packageName} holds llama.cpp ${release}; this version of xorbit knows ${RELEASES.join(' and ')}`
  throw new AppError('unsupported', 'ENGINE_RELEASE_UNKNOWN', message)
}

function findFolder(packageName: string): string {
  const bins = join(dirname(dirname(fileURLToPath(import.meta.resolve(packageName)))), 'bins')
  const [only] = readdirSync(bins)
  return join(bins, only ?? 'missing')
}

function readRelease(folder: string): string {
  const text = readFileSync(join(folder, '_nlcBuildMetadata.json'), 'utf8')
  const metadata = JSON.parse(text) as { buildOptions?: { llamaCpp?: { release?: string } } }
  return metadata.buildOptions?.llamaCpp?.release ?? 'of no known release'
}

export function orMissing<T>(packageName: string, open: () => T): T {
  try {
    return open()
  } catch (cause) {
    const message =
      `The engine's optional package ${packageName} is missing or does not load here (${(cause as Error).message.slice(0, 200)}): ` +
      `run npm install without --omit=optional, on a system with glibc 2.34 or newer, macOS or Windows`
    throw new AppError('unsupported', 'ENGINE_PLATFORM_MISSING', message, { cause })
  }
}
