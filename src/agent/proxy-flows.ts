import type { Clock } from '../base/clock.ts';
import { canonicalPath } from '../policy/canonical-path.ts';
import { pathTemplate } from '../policy/path-template.ts';
import type { FlowCount, FlowKey, ProxyFlows } from '../serve/api/wire-flows.ts';
import type { LogReader } from './log-reader.ts';

/** Asked with the reports that go anyway. */
const readEveryMs = 10_000;
/** An API with more of them has names in its paths that stand for one thing of many. */
const templatesMax = 100;
/** Between two reports that are heard. */
const flowsMax = 500;

/** Who came in by the access log of one proxy, rolled up. What could not be told is told with the next report. */
export class FlowRecorder {
  readonly #log: Pick<LogReader, 'read' | 'close'>;
  readonly #clock: Clock;
  readonly #templates = new Set<string>();
  readonly #counts = new Map<string, number>();
  #readMs = Number.NEGATIVE_INFINITY;
  #isPartial = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(log: Pick<LogReader, 'read' | 'close'>, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  async untold(): Promise<ProxyFlows> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readMs >= readEveryMs) {
      this.#readMs = nowMs;
      this.#reading = this.#reading.then(() => this.#read());
    }
    await this.#reading;
    const flows = [...this.#counts].map(([key, requests]): FlowCount => {
      return { ...(JSON.parse(key) as FlowKey), requests };
    });
    return { flows, isPartial: this.#isPartial };
  }

  told({ flows }: ProxyFlows): void {
    for (const { requests, ...key } of flows) {
      const text = keyOf(key);
      const rest = (this.#counts.get(text) ?? 0) - requests;
      if (rest > 0) this.#counts.set(text, rest);
      else this.#counts.delete(text);
    }
    this.#isPartial = false;
  }

  async close(): Promise<void> {
    await this.#reading;
    await this.#log.close();
  }

  async #read(): Promise<void> {
    try {
      const isWhole = await this.#log.read((lines) => {
        for (const line of lines) this.#take(line);
      });
      if (!isWhole) this.#isPartial = true;
    } catch {
      // The file cannot be read this time; what it holds is found the next time.
      this.#isPartial = true;
    }
  }

  #take(line: string): void {
    const flow = flowOf(line);
    if (flow === undefined) return;
    const key = keyOf({ ...flow, path: this.#known(flow.path) });
    const count = this.#counts.get(key);
    if (count === undefined && this.#counts.size >= flowsMax) this.#isPartial = true;
    else this.#counts.set(key, (count ?? 0) + 1);
  }

  /** Beyond so many templates, all that begin alike are one. */
  #known(path: string): string {
    if (path === '' || this.#templates.has(path)) return path;
    if (this.#templates.size < templatesMax) {
      this.#templates.add(path);
      return path;
    }
    const [, first = ''] = path.split('/');
    const wide = `/${first}/**`;
    if (this.#templates.has(wide)) return wide;
    if (this.#templates.size >= 2 * templatesMax) return '/**';
    this.#templates.add(wide);
    return wide;
  }
}

/** In one order, so that equal flows are one. */
function keyOf({ caller, method, path, verdict, rule, code }: FlowKey): string {
  return JSON.stringify({ caller, method, path, verdict, rule, code });
}

const ownRule = /^(allow|deny|ask)\/(.+)$/;
const methodShape = /^[A-Z][A-Z-]{0,31}$/;
const deniedByProxy = /^rbac_access_denied_matched_policy\[deny\//;

/** Undefined: the line is none of a request that a rule, or the lack of one, decided. */
export function flowOf(line: string): FlowKey | undefined {
  // Cheaper than to parse what is of no interest: most lines of a busy caller are of the other side.
  if (!line.includes('"side":"ingress"')) return undefined;
  const fields = fieldsOf(line);
  if (fields === undefined || fields['side'] !== 'ingress') return undefined;
  const caller = textOf(fields['caller']);
  const told = verdictOf(fields);
  if (fields['kind'] === 'connection') {
    const isDenied = textOf(fields['details']).startsWith('rbac_access_denied');
    const verdict = isDenied ? 'deny' : 'allow';
    return { caller, method: 'connect', path: '', verdict };
  }
  if (fields['kind'] !== 'request' || told === undefined) return undefined;
  const method = textOf(fields['method']);
  const path = canonicalPath(textOf(fields['path']));
  if (!path.ok || !methodShape.test(method)) return undefined;
  return { caller, method, path: pathTemplate(path.value), ...told };
}

function verdictOf(
  fields: Readonly<Record<string, unknown>>,
): Pick<FlowKey, 'verdict' | 'rule' | 'code'> | undefined {
  const [, kind, id] = ownRule.exec(textOf(fields['rule'])) ?? [];
  if (kind === 'allow' && id !== undefined) return { verdict: 'allow', rule: id };
  if (kind === 'deny' && id !== undefined && deniedByProxy.test(textOf(fields['details']))) {
    return { verdict: 'deny', rule: id, code: 'CH2102' };
  }
  const decision = fields['decision'];
  if (typeof decision !== 'object' || decision === null) return undefined;
  const said = decision as Readonly<Record<string, unknown>>;
  const [rule, code] = [textOf(said['rule']), textOf(said['code'])];
  const by = rule === '' ? {} : { rule };
  if (said['kind'] === 'allow') return { verdict: 'allow', ...by };
  return said['kind'] === 'deny' ? { verdict: 'deny', ...by, ...(code && { code }) } : undefined;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
