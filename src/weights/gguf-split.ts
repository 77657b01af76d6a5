/** A model in several GGUF files, `NAME-00001-of-00003.gguf`: which parts there must be, and whether they fit. */
import { AppError } from '../base/app-error.ts'
import type { GgufHeader } from './gguf-header.ts'
import { SHARDS_MAX } from './header-limits.ts'

export interface SplitPart {
  readonly name: string
  readonly header: GgufHeader
}

/** The names of all parts, the named one among them; just the name where it is not one of several. */
export function listSplitNames(name: string): readonly string[] {
  const [, prefix, number, total] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(name) ?? []
  const count = Number(total)
  if (prefix === undefined || total === undefined || count === 0 || count > SHARDS_MAX) return [name]
  if (Number(number) < 1 || Number(number) > count) throw refused(`${name} is part ${Number(number)} of ${count}`)
  return Array.from({ length: count }, (_, i) => `${prefix}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`)
}

/** Parts in the order of their names, all there. Names the one that does not belong. */
export function verifySplit(parts: readonly SplitPart[]): void {
  const owners = new Map<string, string>()
  const first = parts[0]
  for (const [index, { name, header }] of parts.entries()) {
    const key = (what: string) => header.values.get(`split.${what}`)
    const count = key('count') ?? 1
    if (count !== parts.length) throw refused(`${name} says it is one of ${String(count)}, not of ${parts.length}`)
    if (parts.length === 1) return
    if (key('no') !== index) throw refused(`${name} says it is part ${Number(key('no')) + 1}, not ${index + 1}`)
    if (key('tensors.count') !== first?.header.values.get('split.tensors.count')) {
      throw refused(`${name} is of another model than ${first?.name}: they count the tensors differently`)
    }
    for (const tensor of header.tensors) {
      const owner = owners.get(tensor.name)
      if (owner !== undefined) throw refused(`${name} holds ${tensor.name.slice(0, 100)}, which ${owner} holds too`)
      owners.set(tensor.name, name)
    }
  }
  const wanted = first?.header.values.get('split.tensors.count')
  if (wanted !== owners.size) throw refused(`the parts hold ${owners.size} tensors, ${String(wanted)} are announced`)
}

function refused(detail: string): AppError {
  return new AppError('malformed', 'GGUF_SPLIT_BAD', `A model in several GGUF files is refused: ${detail}`)
}
