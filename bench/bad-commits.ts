import { intentFolder } from '../test/support/intents.ts';
import { RunningMesh } from '../test/support/running-mesh.ts';
import type { OptionValues } from './areas.ts';
import { Campaign, type Outcome } from './bad-commits/campaign.ts';
import { type Attempt, attemptsOf } from './bad-commits/change.ts';
import { goodKinds } from './bad-commits/good-commits.ts';
import { meshFiles } from './bad-commits/mesh-files.ts';
import { readKinds } from './bad-commits/read-kinds.ts';
import { trafficKinds } from './bad-commits/traffic-kinds.ts';
import { figuresOf, median, progress } from './line.ts';

const line = figuresOf('bad-commits');

/** What a commit is held against. */
const calmMs = 15_000;

/** Bad commits, each by itself on a mesh under load; then good ones. */
export async function run({ watch = '', only: kinds = '' }: OptionValues): Promise<void> {
  const watchMs = Number(watch);
  const only = new RegExp(kinds);
  const isMeant = ({ kind }: Attempt): boolean => only.test(kind);
  const bad = attemptsOf({ ...readKinds, ...trafficKinds }).filter(isMeant);
  const good = attemptsOf(goodKinds).filter(isMeant);
  const [dir, removeDir] = intentFolder(meshFiles);
  const mesh = new RunningMesh(dir);
  try {
    await mesh.up('--watch', `${watchMs}ms`);
    const campaign = await Campaign.start(mesh, { watchMs, calmMs });
    const badOutcomes = await all(campaign, bad);
    const goodOutcomes = await all(campaign, good);
    await campaign.stop();
    report(badOutcomes, goodOutcomes);
  } finally {
    await mesh.remove();
    removeDir();
  }
}

async function all(campaign: Campaign, attempts: readonly Attempt[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const attempt of attempts) {
    const outcome = await campaign.attempt(attempt);
    outcomes.push(outcome);
    progress(`${outcomes.length} of ${attempts.length}: ${JSON.stringify(outcome)}`);
  }
  return outcomes;
}

function report(bad: readonly Outcome[], good: readonly Outcome[]): void {
  const count = (end: Outcome['end']): number => bad.filter((one) => one.end === end).length;
  line('kinds', new Set(bad.map(({ kind }) => kind)).size, 'kinds', 'higher', 20, bad.length);
  line('commits', bad.length, 'commits', 'higher', 100, bad.length);
  line('refused', count('refused') + count('waiting'), 'commits', 'higher', bad.length, bad.length);
  line('taken_back', count('taken-back'), 'commits', 'higher', bad.length, bad.length);
  line('harmless', bad.filter(isHarmless).length, 'commits', 'lower', bad.length, bad.length);
  const harmful = bad.filter((one) => one.end === 'live' && isHarmful(one)).length;
  line('live_and_harmful', harmful, 'commits', 'lower', 0, bad.length);
  line('reached_more_than_one', bad.filter(isSpread).length, 'commits', 'lower', 0, bad.length);
  line('no_end', count('no end'), 'commits', 'lower', 0, bad.length);
  const failed = bad.reduce((sum, one) => sum + one.failed, 0);
  line(
    'failed_requests',
    failed,
    'requests',
    'lower',
    bad.reduce((sum, one) => sum + one.sent, 0),
    bad.length,
  );
  line('commit_ms', median(bad.map(({ tookMs }) => tookMs)), 'ms', 'lower', 'none', bad.length);
  const wrong = good.filter(({ end }) => end !== 'live').length;
  line('good_commits_not_live', wrong, 'commits', 'lower', 0, good.length);
  const goodFailed = good.reduce((sum, one) => sum + one.failed, 0);
  line('good_failed_requests', goodFailed, 'requests', 'lower', 0, good.length);
}

/** What a reopened connection may cost; and a busy machine is late with some, whatever runs. */
const failedShareMax = 0.01;
const slowShareMax = 0.05;

function isHarmful({ sent, failed, slow }: Outcome): boolean {
  return failed > sent * failedShareMax || slow > sent * slowShareMax;
}

function isHarmless(outcome: Outcome): boolean {
  return outcome.end === 'live' && !isHarmful(outcome);
}

function isSpread(outcome: Outcome): boolean {
  return Math.max(0, ...Object.values(outcome.reached)) > 1 && isHarmful(outcome);
}
