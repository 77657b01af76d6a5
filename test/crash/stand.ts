/**
 * A server over a home in this process: `withServer` as `xorbit serve` makes it, `withStand` of the same parts, laid open
 * for whoever checks them or sets their clock.
 */
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { backupHome } from '../../src/actions/backup.ts'
import type { Care } from '../../src/actions/care.ts'
import { collectGarbage } from '../../src/actions/gc.ts'
import { withCare } from '../../src/actions/open-care.ts'
import { type Composition, compose } from '../../src/app/compose.ts'
import { startServer } from '../../src/app/lifecycle.ts'
import { type Clock, type ManualClock, systemClock } from '../../src/base/clock.ts'
import { runFiles } from '../../src/base/config.ts'
import { silentLog } from '../../src/base/log.ts'
import { openHome } from '../../src/store/home.ts'
import { GOLDEN_TOKEN } from '../vectors/golden-home.ts'
import { Client } from './client.ts'
import type { Say } from './facts.ts'
import type { Place } from './place.ts'

export const FIRST_USER = 'ann'
const DAY_SECONDS = 86_400

/** A home of the first layout has users, and no token in `run`. */
export async function withServer(home: string, say: Say, action: (client: Client) => Promise<void>): Promise<void> {
  const server = await startServer({
    home,
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    firstUser: FIRST_USER,
    log: silentLog,
  })
  try {
    await action(new Client(server.url, server.token ?? GOLDEN_TOKEN, say))
  } finally {
    await server.stop()
  }
}

export interface Stand {
  readonly client: Client
  readonly parts: Composition
}

export async function withStand<T>(
  home: string,
  { clock = systemClock, say }: { clock?: Clock; say: Say },
  action: (stand: Stand) => Promise<T>,
): Promise<T> {
  const { lock } = await openHome(home, clock)
  try {
    const health = { version: '0', notReady: async () => [], checkStored: () => undefined }
    const parts = await compose({ home, allowedHosts: [], health, clock, log: silentLog })
    try {
      await parts.server.listen({ host: '127.0.0.1', port: 0 })
      const { port } = parts.server.server.address() as AddressInfo
      const token = await readFile(runFiles(home).token, 'utf8').catch(() => GOLDEN_TOKEN)
      return await action({ client: new Client(`http://127.0.0.1:${port}`, token.trim(), say), parts })
    } finally {
      await parts.close()
    }
  } finally {
    lock.release()
  }
}

/** As commands see it that find a server on the home. */
export function servedPlace({ world, client, say }: Pick<Place, 'world' | 'client' | 'say'>): Place {
  const care = <T>(action: (care: Care) => Promise<T>) => withCare(join(world, 'home'), silentLog, action)
  return {
    ...{ world, client, say },
    sweep: async (options) => void (await care((care) => care.gc({ dryRun: false, ...options }))),
    backup: async (folder) => void (await care((care) => care.backup({ folder, link: false }))),
    later: () => undefined,
  }
}

export function openPlace(
  { world, say, clock }: Pick<Place, 'world' | 'say'> & { clock?: ManualClock },
  { client, parts: { store } }: Stand,
): Place {
  return {
    ...{ world, client, say },
    sweep: async (options) => void (await collectGarbage(store, { dryRun: false, ...options })),
    backup: async (folder) => void (await backupHome(store, { folder, link: false })),
    later: (days) => clock?.advance(days * DAY_SECONDS),
  }
}
