import { type ApiReply, type ApiRequest, refused } from '../../serve/api/server.ts';
import { paths } from '../../serve/api/wire.ts';
import type { ApprovalRequest, CommitReply } from '../../serve/api/wire-gate.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { IntentSource } from '../intent-source.ts';
import type { Fleet } from '../replicas/fleet.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import type { Verdicts } from './verdicts.ts';

export interface GateApiParts {
  readonly plane: ControlPlane;
  readonly fleet: Fleet;
  readonly source: IntentSource;
  readonly gatekeeper: Gatekeeper;
  readonly verdicts: Verdicts;
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
  const { plane, fleet, verdicts, source } = parts;
  const verdict = verdicts.find(text);
  const { intent, inventory, publisher } = plane;
  const states = inventory.map(({ id }) => ({ id, ...fleet.status(id) }));
  // Who refuses something goes on with what it had: the commit is not live there.
  const behind = states.filter(({ state, converged }) => state !== 'converged' || !converged);
  const running =
    intent.kind === 'running'
      ? { commit: intent.tree.commit, subject: intent.tree.subject }
      : undefined;
  const accepted = verdicts.all.find((one) => one.verdict.kind === 'accepted');
  // After a restart no change is announced, and only what proxies have taken can tell.
  const known = running === undefined ? undefined : verdicts.get(running.commit)?.liveMs;
  return {
    verdict,
    place: verdict === undefined ? await source.place(text) : undefined,
    running,
    live:
      running !== undefined &&
      // One that follows hears of the verdict before it hears of what it is to run.
      (accepted === undefined || accepted.commit === running.commit) &&
      publisher.pending !== running.commit &&
      (known !== undefined || behind.length === 0),
    proxies: {
      inSync: states.length - behind.length,
      total: states.length,
      behind: behind.slice(0, behindShown).map(({ id }) => id),
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
