/** Group I of the fault catalogue: Swarm. */
import type { FaultRow } from '../fault-row.ts'

export const GROUP_I: readonly FaultRow[] = [
  {
    id: 'I1',
    stage: 'swarm',
    injection: '1 bad of 5 peers (flips bytes)',
    expected: 'file right, bad peer banned at first chunk, ≤ 1 chunk wasted per attempt',
  },
  { id: 'I2', stage: 'swarm', injection: 'all peers bad', expected: 'CAS/CDN completes; exit 0' },
  { id: 'I3', stage: 'swarm', injection: 'forged chunk list', expected: 'refused against the xorb hash' },
  {
    id: 'I4',
    stage: 'swarm',
    injection: 'length 0x7fffffff; ≥ 2³¹; 0 forever',
    expected: 'closed; ≤ 1 MiB kept; keep-alive rate limit',
  },
  {
    id: 'I5',
    stage: 'swarm',
    injection: 'bencode: depth 20,000, truncated, huge ints, duplicate and unsorted keys, 10⁶ keys',
    expected: 'refused, no throw past the parser',
  },
  {
    id: 'I6',
    stage: 'swarm',
    injection: 'unknown extension ids, handshake twice, before handshake',
    expected: 'closed',
  },
  { id: 'I7', stage: 'swarm', injection: 'unasked chunk; wrong request id; late answer', expected: 'dropped, counted' },
  {
    id: 'I8',
    stage: 'swarm',
    injection: 'claims to have, then not-found; slow 1 B/s; stops mid-chunk',
    expected: 'elsewhere ≤ 10 s',
  },
  {
    id: 'I9',
    stage: 'swarm',
    injection: 'request flood; 10,000 connections from one address',
    expected: 'queue cap, rate, per-address cap',
  },
  {
    id: 'I10',
    stage: 'swarm',
    injection: 'asks for a chunk of a private repo',
    expected: 'not-found, same timing class',
  },
  {
    id: 'I11',
    stage: 'swarm',
    injection: 'UDP: empty, random, 64 KiB, spoofed id, reflection, 10⁵/s',
    expected: 'process lives; bytes out ≤ bytes in for strangers',
  },
  {
    id: 'I12',
    stage: 'swarm',
    injection: 'announce with port 0/22/80, private or victim address',
    expected: 'not dialled',
  },
  {
    id: 'I13',
    stage: 'swarm',
    injection: 'tracker: HTML, 10⁶ peers, redirect inside, never answers',
    expected: 'bounded',
  },
  {
    id: 'I14',
    stage: 'swarm',
    injection: 'partition mid-transfer (link down 20 s)',
    expected: 'resumes; no duplicate work beyond ranges in flight',
  },
  { id: 'I15', stage: 'swarm', injection: 'peer is self; same peer twice; NAT hairpin', expected: 'one connection' },
  { id: 'I16', stage: 'swarm', injection: 'seed while downloading', expected: 'only verified chunks served' },
  { id: 'I17', stage: 'swarm', injection: 'clock jump', expected: 'announce tokens and bans survive' },
  {
    id: 'I18',
    stage: 'swarm',
    injection: 'churn: 30 forced disconnects among 10 peers',
    expected: "converges (hyperswarm's chaos test)",
  },
]
