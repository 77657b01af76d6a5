/** `xorbit version`. */

import { VERSION } from '../../base/version.ts'
import type { Flags, Io } from '../output.ts'

export async function run(_args: string[], _flags: Flags, io: Io): Promise<void> {
  io.event('version', { xorbit: VERSION, node: process.versions.node, sqlite: process.versions.sqlite })
  io.line(`xorbit ${VERSION} (Node ${process.versions.node})`)
}
