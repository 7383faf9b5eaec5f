import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { figuresOf, median, progress } from '../line.ts';
import { framedCheck } from './check-message.ts';
import { Child } from './children.ts';
import type { ClientAnswer, ClientFile, ClientQuestion } from './desk-client.ts';
import { calleeName, policyOf, ruleIntent, samples } from './rules.ts';
import { newAuthority, startDesk, written } from './world.ts';

const line = figuresOf('authz');
const goal = 18_000;
const size = { rules: 1_000, callees: 1 };
const rounds = 5;
const question: ClientQuestion = { calls: 30_000, inFlight: 64 };

/** Calls to the desk over its socket, half of them denied, by the CPU time of the desk's process alone. */
export async function benchDesk(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-desk-'));
  const socket = join(dir, 'desk.sock');
  const intent = ruleIntent(size);
  const given = samples(policyOf(intent), size, 2_048);
  const framed = given.map((sample) => framedCheck(sample).toString('base64'));
  const file: ClientFile = { socket, framed };
  const profiles = process.env['AUTHZ_BENCH_PROFILES'];
  const desk = await startDesk({
    ...{ dir, socket, intent, service: calleeName(0), authority: newAuthority() },
    flags: profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
  });
  const client = await Child.start('./desk-client.ts', written(dir, 'client.json', file));
  try {
    const rates: number[] = [];
    const walls: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const before = desk.cpuSeconds;
      const { tookMs, denied } = await client.ask<ClientAnswer>(question);
      const share = denied / question.calls;
      if (Math.abs(share - 0.5) > 0.01) throw new Error(`${share} of the calls were denied`);
      const rate = question.calls / (desk.cpuSeconds - before);
      progress(`desk, round ${round} of ${rounds}: ${Math.round(rate)} calls a CPU second`);
      // The first round warms up.
      if (round === 0) continue;
      rates.push(rate);
      walls.push(question.calls / (tookMs / 1_000));
    }
    line('desk_calls_per_cpu_s', median(rates), 'calls/s', 'higher', goal, rounds);
    line('desk_calls_per_s', median(walls), 'calls/s', 'higher', 'none', rounds);
  } finally {
    await client.end();
    await desk.end();
    rmSync(dir, { recursive: true, force: true });
  }
}
