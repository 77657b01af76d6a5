/** Sweeps the store of a running server once a day, the first time some minutes after its start. */
import { collectGarbage } from '../actions/gc.ts'
import type { Store } from '../actions/open-store.ts'

const FIRST_MS = 10 * 60 * 1000
const DAY_MS = 24 * 60 * 60 * 1000

/** Runs until `signal` aborts; resolves then. What fails is logged and tried again the next day. */
export async function sweepDaily(
  store: Store,
  signal: AbortSignal,
  checkStored: () => void = () => undefined,
): Promise<void> {
  const { clock, log } = store
  for (let waitMs = FIRST_MS; await slept(waitMs); waitMs = DAY_MS) {
    try {
      checkStored()
      const report = await collectGarbage(store, { dryRun: false, now: false, signal })
      log.info({ ...report }, 'swept')
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'the daily sweep failed')
    }
  }

  async function slept(ms: number): Promise<boolean> {
    return clock.sleep(ms, signal).then(
      () => !signal.aborted,
      (reason: unknown) => {
        if (signal.aborted) return false
        throw reason
      },
    )
  }
}
