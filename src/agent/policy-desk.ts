import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import { parsePolicyDocument } from '../policy/document-parse.ts';
import type { AgentUpdate, DecisionCounts, HostReport } from '../serve/api/wire.ts';
import { type CheckHandler, checkHandler, newDeskCounters } from '../serve/authz/check-handler.ts';
import { decisionIds } from '../serve/authz/decision-id.ts';
import type { DecisionRecord } from '../serve/authz/decision-record.ts';
import { DecisionLog, type DecisionSink, type LoggedDecision } from './decision-log.ts';
import { otlpLogsTarget } from './otlp-environment.ts';
import { OtlpLogs } from './otlp-logs.ts';
import { ShadowDesk } from './shadow-desk.ts';
import { UseLog } from './use-log.ts';

type PolicyUpdate = AgentUpdate & { readonly kind: 'policy' };

interface PolicyDeskOptions {
  /** Where the log of its decisions lies. */
  readonly dir: string;
  /** Which share of plain allows is logged. */
  readonly allowRate: number;
  /** Says whether decisions also go somewhere by OTLP. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It decides by another policy, or a break-glass grant was used: the control plane is to hear of it. */
  readonly onNews: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Decides for every workload of the host, by the newest policy that could be read. */
export class PolicyDesk {
  readonly check: CheckHandler;
  readonly shadow: ShadowDesk;
  readonly #log: Log;
  readonly #decisions: DecisionLog;
  readonly #sink: DecisionSink | undefined;
  readonly #counters = newDeskCounters();
  readonly #uses: UseLog;
  readonly #onNews: () => void;
  #policy: CompiledPolicy | undefined;
  #update: PolicyUpdate | undefined;

  constructor(options: PolicyDeskOptions) {
    const { dir, allowRate, clock, random, log } = options;
    this.#log = log;
    this.#onNews = options.onNews;
    this.#sink = openSink(options);
    this.#decisions = new DecisionLog({ dir, allowRate, clock, random, sink: this.#sink });
    this.#uses = new UseLog({ dir, clock, log, onUse: options.onNews });
    this.shadow = new ShadowDesk({ clock, log, live: () => this.#policy });
    this.check = checkHandler({
      policy: () => this.#policy,
      clock,
      nextId: decisionIds(clock, random),
      onDecision: (record) => this.#decisions.write(this.#logged(record)),
      onUse: (record) => this.#uses.write(this.#logged(record)),
      onOutcome: (outcome, asked) => this.shadow.asked(outcome, asked),
      counters: this.#counters,
    });
  }

  /** What it decides by; to be kept. */
  get update(): PolicyUpdate | undefined {
    return this.#update;
  }

  /** What the control plane is to know of it. */
  get report(): Pick<HostReport, 'policy' | 'breakglass' | 'shadow'> {
    const { untold } = this.#uses;
    const { report: shadow } = this.shadow;
    return {
      ...(this.#update === undefined ? {} : { policy: this.#update.version }),
      ...(untold.length === 0 ? {} : { breakglass: untold }),
      ...(shadow === undefined ? {} : { shadow }),
    };
  }

  /** The control plane has heard of this. */
  told({ breakglass, shadow }: Pick<HostReport, 'breakglass' | 'shadow'>): void {
    this.#uses.told(breakglass ?? []);
    this.shadow.told(shadow);
  }

  get counts(): DecisionCounts {
    const { allowed, denied, faults, unavailable, unrecorded } = this.#counters;
    const { sampledOut, lost } = this.#decisions.counts;
    const notKept = lost + unrecorded + (this.#sink?.lost ?? 0);
    return { allowed, denied, faults, unavailable, sampledOut, lost: notKept };
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
    this.#onNews();
  }

  close(): Promise<void> {
    return this.#decisions.close();
  }

  #logged(record: DecisionRecord): LoggedDecision {
    const { version = '', origin } = this.#update ?? {};
    const ahead = origin?.ahead;
    const isAhead = ahead?.services.some((name) => name === record.service) ?? false;
    return { ...record, policy: version, commit: isAhead ? ahead?.commit : origin?.commit };
  }
}

/** An address that is none is no reason not to decide. */
function openSink({ env, clock, random, log }: PolicyDeskOptions): DecisionSink | undefined {
  try {
    const target = otlpLogsTarget(env);
    return target && new OtlpLogs({ target, clock, random, log });
  } catch (error) {
    log.warn('decisions are not exported', problemFields(error));
    return undefined;
  }
}
