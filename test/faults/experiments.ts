/** Which experiment answers for which row of the catalogue. */
import type { Experiments } from './experiment.ts'
import { XORB_EXPERIMENTS } from './experiments/a-xorbs.ts'
import { SHARD_EXPERIMENTS } from './experiments/b-shards.ts'
import { RECONSTRUCTION_EXPERIMENTS } from './experiments/c-reconstruction.ts'
import { ANSWER_EXPERIMENTS } from './experiments/d-answers.ts'
import { BROKEN_EXPERIMENTS } from './experiments/d-broken.ts'
import { NETWORK_EXPERIMENTS } from './experiments/d-network.ts'
import { RANGE_EXPERIMENTS } from './experiments/d-ranges.ts'
import { REDIRECT_EXPERIMENTS } from './experiments/d-redirects.ts'
import { REFUSAL_EXPERIMENTS } from './experiments/d-refusals.ts'
import { UPLOAD_EXPERIMENTS } from './experiments/d-uploads.ts'
import { outlivesClockJumps } from './experiments/e-clock.ts'
import { CRASH_EXPERIMENTS } from './experiments/e-crash.ts'
import { DISK_EXPERIMENTS } from './experiments/e-disk.ts'
import { EXTREME_EXPERIMENTS } from './experiments/e-extremes.ts'
import { HOME_EXPERIMENTS } from './experiments/e-homes.ts'
import { meetsLimits } from './experiments/e-limits.ts'
import { PROCESS_EXPERIMENTS } from './experiments/e-process.ts'
import { PULLER_EXPERIMENTS } from './experiments/e-pullers.ts'
import { SPACE_EXPERIMENTS } from './experiments/e-space.ts'
import { STORED_EXPERIMENTS } from './experiments/e-stored.ts'
import { NAME_EXPERIMENTS } from './experiments/f-names.ts'
import { TREE_EXPERIMENTS } from './experiments/f-trees.ts'
import { CARD_EXPERIMENTS } from './experiments/g-cards.ts'
import { CROWD_EXPERIMENTS } from './experiments/g-crowds.ts'
import { HUB_EXPERIMENTS } from './experiments/g-hub.ts'
import { LFS_EXPERIMENTS } from './experiments/g-lfs.ts'
import { MACHINE_EXPERIMENTS } from './experiments/g-machine.ts'
import { QUESTION_EXPERIMENTS } from './experiments/g-questions.ts'
import { SENDER_EXPERIMENTS } from './experiments/g-senders.ts'
import { TOGETHER_EXPERIMENTS } from './experiments/g-together.ts'
import { DAEMON_EXPERIMENTS } from './experiments/j-daemon.ts'
import { SERVER_EXPERIMENTS } from './experiments/j-processes.ts'
import { COMPANION_EXPERIMENTS } from './experiments/k-adapters.ts'
import { GGUF_EXPERIMENTS } from './experiments/k-gguf.ts'
import { SAFETENSORS_EXPERIMENTS } from './experiments/k-safetensors.ts'
import { CLIENT_EXPERIMENTS } from './experiments/l-crowds.ts'
import { ENGINE_EXPERIMENTS } from './experiments/l-engine.ts'
import { REQUEST_EXPERIMENTS } from './experiments/l-requests.ts'
import { TEMPLATE_EXPERIMENTS } from './experiments/l-templates.ts'
import { COMMAND_EXPERIMENTS } from './experiments/o-commands.ts'
import { SURROUNDINGS_EXPERIMENTS } from './experiments/o-surroundings.ts'

export const EXPERIMENTS: Experiments = {
  ...XORB_EXPERIMENTS,
  ...SHARD_EXPERIMENTS,
  ...RECONSTRUCTION_EXPERIMENTS,
  ...REFUSAL_EXPERIMENTS,
  ...BROKEN_EXPERIMENTS,
  ...RANGE_EXPERIMENTS,
  ...REDIRECT_EXPERIMENTS,
  ...ANSWER_EXPERIMENTS,
  ...NETWORK_EXPERIMENTS,
  ...UPLOAD_EXPERIMENTS,
  ...SPACE_EXPERIMENTS,
  ...PULLER_EXPERIMENTS,
  ...COMMAND_EXPERIMENTS,
  ...DISK_EXPERIMENTS,
  E4: meetsLimits,
  ...PROCESS_EXPERIMENTS,
  ...EXTREME_EXPERIMENTS,
  ...CRASH_EXPERIMENTS,
  ...HOME_EXPERIMENTS,
  ...STORED_EXPERIMENTS,
  E19: outlivesClockJumps,
  ...NAME_EXPERIMENTS,
  ...HUB_EXPERIMENTS,
  ...CROWD_EXPERIMENTS,
  ...QUESTION_EXPERIMENTS,
  ...SENDER_EXPERIMENTS,
  ...MACHINE_EXPERIMENTS,
  ...TREE_EXPERIMENTS,
  ...CARD_EXPERIMENTS,
  ...LFS_EXPERIMENTS,
  ...TOGETHER_EXPERIMENTS,
  ...DAEMON_EXPERIMENTS,
  ...SERVER_EXPERIMENTS,
  ...SURROUNDINGS_EXPERIMENTS,
  ...GGUF_EXPERIMENTS,
  ...SAFETENSORS_EXPERIMENTS,
  ...COMPANION_EXPERIMENTS,
  ...TEMPLATE_EXPERIMENTS,
  ...REQUEST_EXPERIMENTS,
  ...ENGINE_EXPERIMENTS,
  ...CLIENT_EXPERIMENTS,
}
