/** What each error code means to the person who sees it, and what to do. Checked by error-docs.ts. */
import { ACCOUNT_MEANINGS } from './error-meanings/accounts.ts'
import { CACHE_MEANINGS } from './error-meanings/cache.ts'
import { CARE_MEANINGS } from './error-meanings/care.ts'
import { CLIENT_MEANINGS } from './error-meanings/client.ts'
import { ENGINE_MEANINGS } from './error-meanings/engine.ts'
import { FORMAT_MEANINGS } from './error-meanings/formats.ts'
import { GENERATION_MEANINGS } from './error-meanings/generation.ts'
import { HUB_MEANINGS } from './error-meanings/hub.ts'
import { STORED_MEANINGS } from './error-meanings/stored.ts'
import { WEIGHTS_MEANINGS } from './error-meanings/weights.ts'

export const MEANINGS: Readonly<Record<string, string>> = {
  ...FORMAT_MEANINGS,
  ...STORED_MEANINGS,
  ...HUB_MEANINGS,
  ...CLIENT_MEANINGS,
  ...ACCOUNT_MEANINGS,
  ...CACHE_MEANINGS,
  ...CARE_MEANINGS,
  ...WEIGHTS_MEANINGS,
  ...ENGINE_MEANINGS,
  ...GENERATION_MEANINGS,
}
