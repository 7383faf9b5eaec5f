import type { Code, Finding, Position } from '../base/finding.ts';
import type { ServiceDraft } from './service-file.ts';

/** What two services cannot both have. */
export function findClashes(drafts: Iterable<ServiceDraft>): readonly Finding[] {
  const found: Finding[] = [];
  const ports = new Owners('CH1022', (port) => `port ${port} is taken`, found);
  const identities = new Owners('CH1023', () => 'another service has the same identity', found);
  for (const draft of drafts) {
    ports.claim(draft, String(draft.port), draft.portAt);
    const own = JSON.stringify(draft.selectors);
    if (draft.selectors.length > 0) identities.claim(draft, own, draft.identityAt ?? draft.at);
    for (const call of draft.calls) {
      if (call.localPort === undefined) continue;
      ports.claim(draft, String(call.localPort), call.localPortAt ?? call.at);
    }
    for (const run of draft.run.values()) {
      if (run.port === undefined || run.port === draft.port) continue;
      ports.claim(draft, String(run.port), run.at);
    }
  }
  return found;
}

/** All of a draft that clashes are found by: drafts that claim the same clash with the same others. */
export function claimsOf(draft: ServiceDraft): string {
  const calls = draft.calls.map((call) => call.localPort);
  const runs = [...draft.run.values()].map((run) => run.port);
  return JSON.stringify([draft.port, draft.selectors, calls, runs]);
}

class Owners {
  readonly #code: Code;
  readonly #message: (value: string) => string;
  readonly #owners = new Map<string, { readonly at: Position; readonly draft: ServiceDraft }>();

  readonly #found: Finding[];

  constructor(code: Code, message: (value: string) => string, found: Finding[]) {
    this.#found = found;
    this.#code = code;
    this.#message = message;
  }

  claim(draft: ServiceDraft, value: string, at: Position): void {
    const owner = this.#owners.get(value);
    if (owner === undefined) {
      this.#owners.set(value, { at, draft });
      return;
    }
    this.#found.push({
      code: this.#code,
      severity: 'error',
      message: this.#message(value),
      at,
      related: [{ at: owner.at, message: `of ${owner.draft.name}` }],
    });
  }
}
