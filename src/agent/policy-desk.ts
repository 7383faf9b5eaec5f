import type { Clock } from '../base/clock.ts';
import { type Log, problemFields } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { ok, type Result } from '../base/result.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compiled-policy.ts';
import { parsePolicyDocument } from '../policy/document-parse.ts';
import type {
  AgentUpdate,
  DecisionCounts,
  HostReport,
  HostTrouble,
  PolicyAhead,
} from '../serve/api/wire.ts';
import {
  type Asker,
  type CheckHandler,
  checkHandler,
  newDeskCounters,
} from '../serve/authz/check-handler.ts';
import { decisionIds } from '../serve/authz/decision-id.ts';
import type { DecisionRecord } from '../serve/authz/decision-record.ts';
import { DecisionLog, type DecisionSink, type LoggedDecision } from './decision-log.ts';
import { MeshClock } from './mesh-clock.ts';
import { otlpLogsTarget } from './otlp-environment.ts';
import { OtlpLogs } from './otlp-logs.ts';
import { ShadowDesk } from './shadow-desk.ts';
import { UseLog } from './use-log.ts';

type PolicyUpdate = AgentUpdate & { readonly kind: 'policy' };
type TimeUpdate = AgentUpdate & { readonly kind: 'time' };

interface PolicyDeskOptions {
  /** Where the log of its decisions lies. */
  readonly dir: string;
  /** Which share of plain allows is logged. */
  readonly allowRate: number;
  /** Says whether decisions also go somewhere by OTLP. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It decides by another policy, or a break-glass grant was used: the control plane is to hear of it. */
  readonly onNews: () => void;
  /** Of a desk of the pool. */
  readonly host?: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Decides for every workload of the host, by the newest policy that could be read; while a commit is on its way, for the
 * proxies that have it, by the whole policy of that commit.
 */
export class PolicyDesk {
  readonly check: CheckHandler;
  readonly shadow: ShadowDesk;
  readonly #log: Log;
  readonly #decisions: DecisionLog;
  readonly #sink: DecisionSink | undefined;
  readonly #counters = newDeskCounters();
  readonly #time: MeshClock;
  readonly #uses: UseLog;
  readonly #onNews: () => void;
  readonly #host: () => string | undefined;
  #policies: Policies | undefined;
  #update: PolicyUpdate | undefined;
  #refused: HostReport['policyRefused'];

  constructor(options: PolicyDeskOptions) {
    const { dir, allowRate, clock, random, log, host = () => undefined } = options;
    this.#host = host;
    this.#log = log;
    this.#onNews = options.onNews;
    this.#sink = openSink(options);
    this.#decisions = new DecisionLog({ dir, allowRate, clock, random, sink: this.#sink });
    this.#uses = new UseLog({ dir, clock, log, onUse: options.onNews });
    this.shadow = new ShadowDesk({ clock, log, live: (asker) => this.#policyOf(asker) });
    this.#time = new MeshClock(clock, log);
    this.check = checkHandler({
      policy: (asker) => this.#policyOf(asker),
      clock: this.#time,
      nextId: decisionIds(clock, random),
      onDecision: (record) => this.#decisions.write(this.#logged(record)),
      onUse: (record) => this.#uses.write(this.#logged(record)),
      onOutcome: (outcome, asked) => this.shadow.asked(outcome, asked),
      counters: this.#counters,
      host,
    });
  }

  /** What it decides by; to be kept. */
  get update(): PolicyUpdate | undefined {
    return this.#update;
  }

  /** What the control plane is to know of it. */
  get report(): Pick<HostReport, 'policy' | 'policyRefused' | 'breakglass' | 'shadow'> {
    const { untold } = this.#uses;
    const { report: shadow } = this.shadow;
    return {
      ...(this.#update === undefined ? {} : { policy: this.#update.version }),
      ...(this.#refused === undefined ? {} : { policyRefused: this.#refused }),
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

  /** What its files do not take. */
  get troubles(): readonly HostTrouble[] {
    const { problem } = this.#decisions;
    const uses = this.#uses.trouble;
    return [
      ...(problem
        ? [{ kind: 'not-logged', of: problem.file, reason: problem.reason } as const]
        : []),
      ...(uses ? [uses] : []),
    ];
  }

  take(update: PolicyUpdate | TimeUpdate): void {
    if (update.kind === 'time') {
      this.#time.hear(update.nowMs);
      return;
    }
    if (update.version === this.#update?.version) {
      // What could not be read was taken back.
      if (this.#refused !== undefined) this.#onNews();
      this.#refused = undefined;
      return;
    }
    const policies = this.#read(update);
    if (!policies.ok) {
      const problem = policies.error;
      this.#log.error('the policy cannot be read; the last one holds', { problem });
      this.#refused = { version: update.version, problem };
      this.#onNews();
      return;
    }
    this.#refused = undefined;
    this.#update = update;
    this.#policies = policies.value;
    const { version, ahead } = update;
    this.#log.info('policy taken', {
      version,
      ...(ahead === undefined ? {} : { ahead: ahead.commit, proxies: proxiesOf(ahead) }),
    });
    this.#onNews();
  }

  close(): Promise<void> {
    return this.#decisions.close();
  }

  #policyOf({ service, proxy }: Asker): CompiledPolicy | undefined {
    const { base, ahead } = this.#policies ?? {};
    return this.#isAhead(service, proxy) ? ahead?.policy : base?.policy;
  }

  #isAhead(service: string, proxy: string | undefined): boolean {
    const { proxies, services, members } = this.#policies ?? {};
    if (services?.has(service) === true) return true;
    if (proxy === undefined) return false;
    return proxies?.has(proxy) === true || members?.get(service)?.has(proxy) === true;
  }

  /** One of the two is mostly there already: only who decides by which is another thing then. */
  #read({ version, document, ahead }: PolicyUpdate): Result<Policies, string> {
    const base = this.#compiled(ahead?.versions.base ?? version, document);
    if (!base.ok) return base;
    const next = ahead && this.#compiled(ahead.versions.ahead, ahead.document);
    if (next?.ok === false) return next;
    return ok({
      ...{ base: base.value, ahead: next?.value },
      proxies: new Set(ahead?.proxies),
      services: new Set(ahead?.services),
      members: new Map(
        Object.entries(ahead?.members ?? {}).map(([service, all]) => [service, new Set(all)]),
      ),
    });
  }

  #compiled(version: string, json: unknown): Result<VersionedPolicy, string> {
    const { base, ahead } = this.#policies ?? {};
    for (const known of [base, ahead]) if (known?.version === version) return ok(known);
    const document = parsePolicyDocument(json);
    return document.ok ? ok({ version, policy: compilePolicy(document.value) }) : document;
  }

  #logged(record: DecisionRecord): LoggedDecision {
    const { version = '', origin, ahead } = this.#update ?? {};
    const isAhead = this.#isAhead(record.service, record.proxy);
    const commit = isAhead ? ahead?.commit : origin?.commit;
    return { ...record, policy: version, commit, desk: this.#host() };
  }
}

interface VersionedPolicy {
  readonly version: string;
  readonly policy: CompiledPolicy;
}

/** For these proxies, those of other hosts by their services, and all of these services by `ahead`; for all others by `base`. */
interface Policies {
  readonly base: VersionedPolicy;
  readonly ahead: VersionedPolicy | undefined;
  readonly proxies: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
}

/** So many are in the log: of a pool's desk there may be thousands. */
const loggedMax = 20;

function proxiesOf({ proxies, members = {} }: PolicyAhead): readonly string[] {
  return [...new Set([...proxies, ...Object.values(members).flat()])].slice(0, loggedMax);
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
