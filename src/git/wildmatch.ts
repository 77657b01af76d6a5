/**
 * The patterns of .gitattributes and .gitignore, as git's wildmatch reads them with WM_PATHNAME: over bytes, `*` and `?`
 * and sets never match a slash, `**` between slashes matches whole folders. Runs as a set of states, so that no pattern
 * costs more than its length times the path's.
 */
type Step =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'set'; readonly bytes: ReadonlySet<number>; readonly negated: boolean }
  | { readonly kind: 'star' | 'all' | 'any' | 'folders' | 'in-folder' }

export type Pattern = readonly Step[]

const SLASH = 0x2f
const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /\p{Cc}/u,
  digit: /\d/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}

/** Null when the pattern can match nothing, such as one with a set that does not end. */
export function parsePattern(text: string): Pattern | null {
  const glob = toBytes(text)
  const steps: Step[] = []
  for (let at = 0; at < glob.length; ) {
    const char = glob[at] as string
    if (char === '*') at = addStars(glob, at, steps)
    else if (char === '?') at = push(steps, { kind: 'any' }, at + 1)
    else if (char === '[') {
      const set = parseSet(glob, at)
      if (set === null) return null
      at = push(steps, set.step, set.end)
    } else {
      if (char === '\\') at++
      if (at >= glob.length) return null
      at = push(steps, { kind: 'byte', byte: glob.charCodeAt(at) }, at + 1)
    }
  }
  return steps
}

export function matches(pattern: Pattern, path: string): boolean {
  const text = toBytes(path)
  let states = new Uint8Array(pattern.length + 1)
  enter(pattern, states, 0)
  for (let at = 0; at < text.length; at++) {
    const byte = text.charCodeAt(at)
    const next = new Uint8Array(pattern.length + 1)
    let alive = false
    for (let i = 0; i < pattern.length; i++) {
      if (states[i] !== 1) continue
      const to = move(pattern[i] as Step, i, byte)
      if (to < 0) continue
      enter(pattern, next, to)
      alive = true
    }
    if (!alive) return false
    states = next
  }
  return states[pattern.length] === 1
}

/** The state after `byte`, or -1. */
function move(step: Step, i: number, byte: number): number {
  switch (step.kind) {
    case 'byte':
      return step.byte === byte ? i + 1 : -1
    case 'set':
      return byte !== SLASH && step.bytes.has(byte) !== step.negated ? i + 1 : -1
    case 'any':
      return byte === SLASH ? -1 : i + 1
    case 'star':
      return byte === SLASH ? -1 : i
    case 'all':
      return i
    case 'folders':
      return byte === SLASH ? i : i + 1
    case 'in-folder':
      return byte === SLASH ? i - 1 : i
  }
}

/** Marks `i` and what is reached from it without a byte. */
function enter(pattern: Pattern, states: Uint8Array, i: number): void {
  for (let at = i; ; ) {
    states[at] = 1
    const kind = pattern[at]?.kind
    if (kind === 'star' || kind === 'all') at += 1
    else if (kind === 'folders') at += 2
    else return
  }
}

function addStars(glob: string, start: number, steps: Step[]): number {
  let end = start
  while (glob[end] === '*') end++
  // Git compares a literal beginning apart, so that what follows it stands at a beginning too.
  const opens = glob[start - 1] === '/' || !/[*?[\\]/.test(glob.slice(0, start))
  if (end - start < 2 || !opens) return push(steps, { kind: 'star' }, end)
  if (end === glob.length) return push(steps, { kind: 'all' }, end)
  if (glob[end] !== '/') return push(steps, { kind: 'star' }, end)
  steps.push({ kind: 'folders' }, { kind: 'in-folder' })
  return end + 1
}

function parseSet(glob: string, start: number): { step: Step; end: number } | null {
  let at = start + 1
  const negated = glob[at] === '!' || glob[at] === '^'
  if (negated) at++
  const bytes = new Set<number>()
  for (let first = true; at < glob.length; first = false) {
    if (glob[at] === ']' && !first) return { step: { kind: 'set', bytes, negated }, end: at + 1 }
    const named = /^\[:([a-z]*):\]/.exec(glob.slice(at, at + 16))
    if (named !== null) {
      const members = CLASSES[named[1] ?? '']
      if (members === undefined) return null
      for (let byte = 0; byte < 128; byte++) if (members.test(String.fromCharCode(byte))) bytes.add(byte)
      at += named[0].length
      continue
    }
    if (glob[at] === '\\') at++
    const low = glob.charCodeAt(at++)
    let high = low
    if (glob[at] === '-' && at + 1 < glob.length && glob[at + 1] !== ']') {
      at += glob[at + 1] === '\\' ? 2 : 1
      high = glob.charCodeAt(at++)
    }
    for (let byte = low; byte <= high; byte++) bytes.add(byte)
  }
  return null
}

function push(steps: Step[], step: Step, next: number): number {
  steps.push(step)
  return next
}

/** One character a byte: git matches bytes. */
function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
