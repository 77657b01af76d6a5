/** Which experiment answers for which row of the catalogue. */
import type { Experiments } from './experiment.ts'
import { XORB_EXPERIMENTS } from './experiments/a-xorbs.ts'
import { SHARD_EXPERIMENTS } from './experiments/b-shards.ts'
import { RECONSTRUCTION_EXPERIMENTS } from './experiments/c-reconstruction.ts'
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
import { PROCESS_EXPERIMENTS } from './experiments/j-processes.ts'

export const EXPERIMENTS: Experiments = {
  ...XORB_EXPERIMENTS,
  ...SHARD_EXPERIMENTS,
  ...RECONSTRUCTION_EXPERIMENTS,
  ...NAME_EXPERIMENTS,
  ...HUB_EXPERIMENTS,
  ...CROWD_EXPERIMENTS,
  ...QUESTION_EXPERIMENTS,
  ...SENDER_EXPERIMENTS,
  ...MACHINE_EXPERIMENTS,
  ...PROCESS_EXPERIMENTS,
  ...TREE_EXPERIMENTS,
  ...CARD_EXPERIMENTS,
  ...LFS_EXPERIMENTS,
  ...TOGETHER_EXPERIMENTS,
  ...DAEMON_EXPERIMENTS,
}
