import type { Rollout } from '../../rollout/rollout.ts';
import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type {
  ApprovalRequest,
  CommitPlace,
  CommitReply,
  CommitVerdict,
} from '../../serve/api/wire-gate.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentSource } from '../intent-source.ts';
import type { Fleet } from '../replicas/fleet.ts';
import type { Replica } from '../replicas/replica.ts';
import type { Rollouts } from '../rollouts/rollouts.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import type { Verdicts } from './verdicts.ts';

export interface GateApiParts {
  readonly plane: ControlPlane;
  readonly fleet: Fleet;
  readonly source: IntentSource;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
  readonly rollouts: Pick<Rollouts, 'all'>;
  readonly replica: Replica;
}

const behindShown = 5;

/** What became of commits, and letting one through. Undefined when the request is about something else. */
export async function gateApi(
  parts: GateApiParts,
  { method, path, body }: ApiRequest,
): Promise<ApiReply | undefined> {
  const { verdicts } = parts;
  if (method === 'GET' && path === paths.verdicts) {
    return { kind: 'json', body: { verdicts: verdicts.all } };
  }
  if (method === 'GET' && path.startsWith(`${paths.verdicts}/`)) {
    const commit = decodeURIComponent(path.slice(paths.verdicts.length + 1));
    return { kind: 'json', body: await commitReply(parts, commit) };
  }
  if (method === 'POST' && path === paths.approvals) {
    return approve(parts, (body ?? {}) as Partial<ApprovalRequest>);
  }
  return undefined;
}

async function commitReply(parts: GateApiParts, text: string): Promise<CommitReply> {
  const { verdicts, source } = parts;
  const place = verdicts.find(text) === undefined ? await source.place(text) : undefined;
  const carried = await carriedNow(parts, text, place);
  // From here on of one moment.
  const verdict = verdicts.find(text);
  const running = runningOf(parts);
  return {
    ...{ verdict, place: verdict === undefined ? place : undefined, ...carried, running },
    rollout: rolloutOf(parts, verdict?.commit),
    runningRollout: rolloutOf(parts, running?.commit),
    successor: successorOf(verdicts, verdict, place),
    ...standingOf(parts, running?.commit),
  };
}

function runningOf({ plane: { intent } }: GateApiParts): CommitReply['running'] {
  if (intent.kind !== 'running') return undefined;
  return { commit: intent.tree.commit, subject: intent.tree.subject };
}

type CarriedNow = Pick<CommitReply, 'carried' | 'carriedByBase'>;

const unknown: CarriedNow = { carried: undefined, carriedByBase: undefined };

/** Another one may run by the time at which the answer is there. */
async function carriedNow(
  parts: GateApiParts,
  text: string,
  place: CommitPlace | undefined,
): Promise<CarriedNow> {
  if (place?.standing === 'unknown' || place?.standing === 'newest') return unknown;
  for (;;) {
    const { revision } = parts.plane;
    const commit = parts.verdicts.find(text)?.commit ?? text;
    if (revision === undefined) return unknown;
    const { running, next } = revision;
    const [carried, carriedByBase] = await Promise.all([
      carriedBy(parts, commit, next ?? running),
      next === undefined ? undefined : carriedBy(parts, commit, running),
    ]);
    const now = parts.plane.revision;
    if (now?.running === running && now.next === next) return { carried, carriedByBase };
  }
}

async function carriedBy(
  { source }: GateApiParts,
  commit: string,
  newer: string,
): Promise<CommitReply['carried']> {
  return commit === newer ? 'contained' : source.carried(commit, newer);
}

function rolloutOf({ rollouts }: GateApiParts, commit: string | undefined): Rollout | undefined {
  return commit === undefined ? undefined : rollouts.all.find((one) => one.commit === commit);
}

/** Follows what took the place of what; a commit that comes again may stand in its own way. */
function successorOf(
  verdicts: Verdicts,
  verdict: CommitVerdict | undefined,
  place: CommitPlace | undefined,
): CommitVerdict | undefined {
  const passed = new Set<string>();
  const nextOf = (one: CommitVerdict | undefined): string | undefined =>
    one?.verdict.kind === 'superseded' ? one.verdict.by : undefined;
  let next = verdict === undefined ? place?.head : nextOf(verdict);
  let found: CommitVerdict | undefined;
  while (next !== undefined && !passed.has(next)) {
    passed.add(next);
    found = verdicts.get(next);
    next = nextOf(found);
  }
  return found;
}

function standingOf(
  { plane, fleet, verdicts, replica }: GateApiParts,
  running: string | undefined,
): Pick<CommitReply, 'live' | 'proxies'> {
  const { inventory, publisher } = plane;
  const states = inventory.map(({ id }) => ({ id, ...fleet.status(id) }));
  // Who refuses something goes on with what it had: the commit is not live there.
  const behind = states.filter(({ state, converged }) => state !== 'converged' || !converged);
  const accepted = verdicts.all.find((one) => one.verdict.kind === 'accepted');
  // After a restart no change is announced, and only what proxies have taken can tell.
  const known = running === undefined ? undefined : verdicts.get(running)?.liveMs;
  return {
    live:
      running !== undefined &&
      // One that follows hears of the verdict before it hears of what it is to run.
      (replica.isLeading || accepted === undefined || accepted.commit === running) &&
      publisher.pending !== running &&
      (known !== undefined || behind.length === 0),
    proxies: {
      inSync: states.length - behind.length,
      total: states.length,
      behind: behind.slice(0, behindShown).map(({ id }) => id),
      converging: behind.filter(({ state }) => state === 'converging').length,
    },
  };
}

async function approve(
  { source, gatekeeper, verdicts }: GateApiParts,
  { commit, by }: Partial<ApprovalRequest>,
): Promise<ApiReply> {
  const text = String(commit);
  const found = verdicts.find(text);
  if (found === undefined) {
    return refused(404, {
      code: 'CH4212',
      message: `the control plane has seen no commit ${text}`,
      help: 'chancery revision list shows those that it has',
    });
  }
  if (await gatekeeper.approve(found.commit, String(by ?? 'nobody named'))) {
    return { kind: 'json', body: verdicts.get(found.commit) };
  }
  // Its history is what was approved; what it takes away waits for an approval of its own.
  const rewound = await source.approve?.(found.commit, String(by ?? 'nobody named'));
  if (rewound !== undefined) {
    gatekeeper.offer(rewound);
    await gatekeeper.settled();
    return { kind: 'json', body: verdicts.get(found.commit) };
  }
  const { waiting } = gatekeeper;
  return refused(409, {
    code: 'CH4210',
    message: `commit ${found.commit.slice(0, 12)} does not wait for an approval: it is ${found.verdict.kind}`,
    ...(waiting === undefined ? {} : { found: `${waiting.commit.slice(0, 12)} waits for one` }),
  });
}
