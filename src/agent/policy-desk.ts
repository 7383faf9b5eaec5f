import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import { parsePolicyDocument } from '../policy/document-parse.ts';
import type { AgentUpdate } from '../serve/api/wire.ts';
import { type CheckHandler, checkHandler, newDeskCounters } from '../serve/authz/check-handler.ts';
import { decisionIds } from '../serve/authz/decision-id.ts';
import { BoundedLog } from './bounded-log.ts';

/** A write for each decision costs more than deciding: what comes within these is one, unless it becomes long. */
const logDelayMs = 20;
const logCharactersMax = 64 * 1024;

type PolicyUpdate = AgentUpdate & { readonly kind: 'policy' };

/** Decides for every workload of the host, by the newest policy that could be read. */
export class PolicyDesk {
  readonly check: CheckHandler;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #decisions: BoundedLog;
  /** Lines that are not with the log yet. */
  #lines = '';
  #policy: CompiledPolicy | undefined;
  #update: PolicyUpdate | undefined;

  /** `dir`: where the log of its decisions lies. */
  constructor(
    dir: string,
    { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#decisions = new BoundedLog(join(dir, 'decisions.jsonl'));
    this.check = checkHandler({
      policy: () => this.#policy,
      clock,
      nextId: decisionIds(clock, random),
      onDecision: (record) => this.#record(`${JSON.stringify(record)}\n`),
      counters: newDeskCounters(),
    });
  }

  /** What it decides by; to be kept. */
  get update(): PolicyUpdate | undefined {
    return this.#update;
  }

  take(update: PolicyUpdate): void {
    if (update.version === this.#update?.version) return;
    const document = parsePolicyDocument(update.document);
    if (!document.ok) {
      this.#log.error('the policy cannot be read; the last one holds', {
        problem: document.error,
      });
      return;
    }
    this.#update = update;
    this.#policy = compilePolicy(document.value);
    this.#log.info('policy taken', { version: update.version });
  }

  close(): Promise<void> {
    this.#writeLines();
    return this.#decisions.close();
  }

  #record(line: string): void {
    if (this.#lines === '') this.#clock.after(logDelayMs, () => this.#writeLines());
    this.#lines += line;
    if (this.#lines.length > logCharactersMax) this.#writeLines();
  }

  #writeLines(): void {
    if (this.#lines !== '') this.#decisions.write(this.#lines);
    this.#lines = '';
  }
}
